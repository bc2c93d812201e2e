"""Moments that can be believed: a source or a clock may be wrong about the time."""

from __future__ import annotations

from datetime import datetime, timedelta

# Clocks and time zones may differ by less than this.
AHEAD = timedelta(days=1)


def is_believed(moment: datetime, now: datetime) -> bool:
    """Return whether a moment may lie in the past: it is at most a day later than now."""
    # Subtracted, because now and a day may be later than any datetime.
    return moment - now <= AHEAD
