"""One model on a frozen reference board."""
