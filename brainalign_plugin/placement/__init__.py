"""Placement of one model on a frozen reference board."""
