"""Leaderboards in files: snapshot files, the site's JSON, tables of scores, references."""
