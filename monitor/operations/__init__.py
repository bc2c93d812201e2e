"""Jobs on the store: pull, report, publish, backfill, remove."""
