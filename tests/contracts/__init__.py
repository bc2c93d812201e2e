"""Promises that hold for every implementation: the store in SQLite and in a real PostgreSQL."""
