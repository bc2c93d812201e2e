"""A leaderboard in memory: tree, board, snapshot, cleaning, frozen reference."""
