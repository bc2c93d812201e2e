"""Moments that can be believed: a source, or the local clock, may be wrong about the time."""

from __future__ import annotations

from datetime import datetime, timedelta

# Clocks and time zones differ by less.
AHEAD = timedelta(days=1)
_NEXT = timedelta(microseconds=1)


def is_believed(moment: datetime, now: datetime) -> bool:
    """Return whether a moment may be past: it is at most a day later than now."""
    # Subtracted, because a day after now may be later than any datetime.
    return moment - now <= AHEAD


def believed_moment(
    stated: datetime, received: datetime, newest: datetime | None, *, live: bool
) -> tuple[datetime, str]:
    """Return the moment that a board is dated, and a note if that is not the moment that it states.

    A board that states none has the moment at which it was received by the local clock. If the newest known board is
    later than that clock, it is the better now. A live source shows the board of now, so that a board received later is
    later.
    """
    now = received if newest is None else max(received, newest + _NEXT)
    if not is_believed(stated, now):
        return now, (
            f"the board states the moment {_text(stated)}, more than a day after now: it is dated {_text(now)}, "
            "when it was received"
        )
    behind = newest is not None and stated <= newest
    if behind and (stated == received or (live and not is_believed(now, received))):
        return now, (
            f"a board of {_text(now)} is known, later than this clock's {_text(received)}: this board is dated right "
            "after it; check the clock"
        )
    return stated, ""


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
