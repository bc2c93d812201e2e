"""Short ways to what a raised cell changes, a file a kind of scheme: see `monotonicity`."""
