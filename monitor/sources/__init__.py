"""Sources of snapshots: every source returns a `Pull`, the raw body and the snapshot parsed from it."""
