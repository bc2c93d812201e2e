"""Whole runs: once for cron, or as a service by schedule."""
