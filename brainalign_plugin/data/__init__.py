"""Leaderboards in memory: tree, board, snapshot, cleaning, official aggregate."""
