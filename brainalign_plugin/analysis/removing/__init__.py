"""Short ways to what a removed model changes, a file a kind of scheme: see `removal`."""
