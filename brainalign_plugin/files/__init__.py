"""A leaderboard in files: snapshot files, the JSON of the site, tables of scores, references."""
