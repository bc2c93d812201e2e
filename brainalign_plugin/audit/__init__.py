"""Properties that schemes claim, measured on a board."""
