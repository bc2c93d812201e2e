"""Which moments and boards a history is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainalign_monitor.history.periods import Period, boards_of_history, midnight, period_start, period_starts

DAYS = st.dates(date(1999, 1, 1), date(2030, 12, 31))


@given(DAYS, st.integers(0, 1500), st.sampled_from(Period))
def test_periods_are_without_gap_and_overlap(first, length, every):
    last = first + timedelta(days=length)
    days = [first + timedelta(days=i) for i in range(length + 1)]
    assert list(period_starts(first, last, every)) == [day for day in days if period_start(day, every) == day]


@pytest.mark.parametrize(
    ("every", "start"),
    [(Period.WEEK, date(2024, 5, 13)), (Period.MONTH, date(2024, 5, 1)), (Period.QUARTER, date(2024, 4, 1))],
)
def test_a_day_lies_in_a_period(every, start):
    assert period_start(date(2024, 5, 16), every) == start


@dataclass(frozen=True)
class Known:
    id: int
    as_of_time: datetime
    seen_at: datetime
    reconstructed: bool
    body_sha256: str
    until_time: datetime


def known(number: int, day: str, seen: str, reconstructed: bool = False, body: str = "", until: str = "") -> Known:
    moments = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (day, seen, until or day))
    as_of, seen_at, until_time = moments
    return Known(number, as_of, seen_at, reconstructed, body or str(number), until_time)


def test_no_board_is_reconstructed_for_a_period_in_which_one_was_seen_again():
    boards = [
        known(1, "2024-01-20", "2024-01-20", until="2024-03-02"),
        *(known(i, f"2024-{i:02}-01", "2024-06-01", reconstructed=True) for i in (2, 3, 4)),
    ]
    assert [board.id for board in boards_of_history(boards)] == [1, 4]
    as_known = boards_of_history([replace(boards[0]), boards[2]], known=midnight(date(2024, 6, 2)))
    assert [board.id for board in as_known] == [1]


def test_what_was_observed_goes_before_what_was_reconstructed():
    boards = [
        known(1, "2024-01-20", "2024-01-20"),
        known(2, "2024-01-01", "2024-03-01", reconstructed=True),
        known(3, "2024-02-01", "2024-03-01", reconstructed=True),
        known(4, "2024-01-10", "2024-01-10"),
    ]
    assert [board.id for board in boards_of_history(boards)] == [4, 1, 3]
    assert [board.id for board in boards_of_history(boards[::-1])] == [4, 1, 3]
    # In a quarter everything lies in one period.
    assert [board.id for board in boards_of_history(boards, Period.QUARTER)] == [4, 1]


def test_of_several_reconstructions_the_one_from_the_earliest_board_counts():
    # The archive was imported backwards, on one day: what was seen when does not tell which board is the earlier.
    boards = [
        known(1, "2024-03-01", "2026-01-01", body="march"),
        known(2, "2023-01-01", "2026-01-01", reconstructed=True, body="march"),
        known(3, "2024-01-01", "2026-01-01", body="january"),
        known(4, "2023-01-01", "2026-01-01", reconstructed=True, body="january"),
    ]
    assert [board.id for board in boards_of_history(boards)] == [4, 3, 1]


def test_only_what_had_been_seen_is_known():
    boards = [
        known(1, "2024-03-01", "2024-03-01", body="march"),
        known(2, "2023-01-01", "2024-03-01", reconstructed=True, body="march"),
        known(3, "2023-06-01", "2024-04-01"),
    ]
    assert [board.id for board in boards_of_history(boards)] == [2, 3, 1]
    assert [board.id for board in boards_of_history(boards, known=midnight(date(2024, 4, 1)))] == [2, 1]
    assert boards_of_history(boards, known=midnight(date(2024, 3, 1))) == ()
