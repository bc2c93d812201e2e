"""Audit of schemes: claimed properties, measured on a board."""
