"""Moments of a history: the first day of every period, and its board."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..store import SnapshotInfo


class Period(StrEnum):
    """Frequency of a history's boards; weeks begin on Monday."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"


def period_start(day: date, every: Period) -> date:
    """Return the first day of the period of a day."""
    if every is Period.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(month=day.month if every is Period.MONTH else 3 * ((day.month - 1) // 3) + 1, day=1)


def period_starts(first: date, last: date, every: Period) -> Iterator[date]:
    """Return the first days of all periods from ``first`` to ``last``, both included."""
    # Longer than a period and shorter than two, so that the next start is never jumped over.
    step = timedelta(days={Period.WEEK: 7, Period.MONTH: 31, Period.QUARTER: 92}[every])
    start = period_start(first, every)
    while start <= last:
        if start >= first:
            yield start
        start = period_start(start + step, every)


def midnight(day: date) -> datetime:
    """Return 00:00 UTC of a day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def boards_of_history(
    boards: Iterable[SnapshotInfo], every: Period = Period.MONTH, known: datetime | None = None
) -> tuple[SnapshotInfo, ...]:
    """Choose the boards of a domain that a history is made of, by the moment that they describe.

    All observed boards, and a reconstructed one for a period in which none was observed or seen again. Of several
    reconstructions of a moment the one from the earliest board counts, so that a score that was restated later does
    not rewrite what came before; of several observations the last. Only boards seen before ``known`` are taken.
    """
    there = sorted(
        (board for board in boards if known is None or board.seen_at < known),
        key=lambda board: (board.as_of_time, board.seen_at, board.id),
    )
    observed = {board.as_of_time: board for board in there if not board.reconstructed}
    covered: set[date] = set()
    for moment, board in observed.items():
        until = board.until_time if known is None else min(board.until_time, known)
        covered.update(period_starts(period_start(moment.date(), every), max(moment, until).date(), every))
    made_from = {board.body_sha256: board.as_of_time for board in there if not board.reconstructed}
    filling = {
        board.as_of_time: board
        for board in sorted(there, key=lambda b: (made_from.get(b.body_sha256, b.seen_at), b.id), reverse=True)
        if board.reconstructed and period_start(board.as_of_time.date(), every) not in covered
    }
    return tuple(board for _, board in sorted((observed | filling).items()))
