"""The operator is told once after n failures in a row, and once of the recovery."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainalign_monitor.delivery.messages import OperatorNote
from brainalign_monitor.notify.outbox import after_failure, after_success
from brainalign_monitor.operations.status import stale_problem
from brainalign_monitor.store.stored import Alarm, SnapshotInfo

START = datetime(2026, 1, 1, 6, 17, tzinfo=UTC)


def told(outcomes: list[bool], in_a_row: int) -> tuple[list[OperatorNote | None], Alarm | None]:
    """What is told after each of a row of daily attempts, True for a success; and what is kept at the end."""
    kept: Alarm | None = None
    notices = []
    for day, success in enumerate(outcomes):
        at = START + timedelta(days=day)
        if success:
            notices.append(after_success(kept, at))
            kept = None
        else:
            kept, notice = after_failure("pulling vision", kept, at, f"no answer on day {day}", in_a_row)
            notices.append(notice)
    return notices, kept


def marks(outcomes: str, in_a_row: int) -> str:
    """``!`` where the alarm is raised, ``+`` at a recovery, ``.`` where nothing is told; x is a failure."""
    notices, _ = told([one == "o" for one in outcomes], in_a_row)
    return "".join("." if n is None else "+" if "recovered" in n.occasion else "!" for n in notices)


@pytest.mark.parametrize(
    ("outcomes", "in_a_row", "expected"),
    [
        ("oooo", 3, "...."),
        ("xxoxxo", 3, "......"),
        ("xxx", 3, "..!"),
        ("xxxxxxxxx", 3, "..!......"),
        ("xxxxoo", 3, "..!.+."),
        ("oxxxoxxxo", 3, "...!+..!+"),
        ("xoxo", 1, "!+!+"),
    ],
)
def test_once_after_n_in_a_row_and_once_when_it_is_over(outcomes, in_a_row, expected):
    assert marks(outcomes, in_a_row) == expected


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 5))
def test_alarms_and_recoveries_alternate_and_no_row_of_n_goes_untold(outcomes, in_a_row):
    notices, kept = told(outcomes, in_a_row)
    kinds = ["recovered" in notice.occasion for notice in notices if notice]
    assert kinds == [i % 2 == 1 for i in range(len(kinds))]
    rows = "".join("o" if success else "x" for success in outcomes).split("o")
    assert kinds.count(False) == sum(len(row) >= in_a_row for row in rows)
    assert len({notice.occasion for notice in notices if notice}) == len(kinds), "each is a message of its own"
    assert (kept.failures if kept else 0) == len(rows[-1])


def test_the_notices_say_what_failed_since_when_and_what_to_do():
    notices, _ = told([False, False, True], 2)
    alarm, recovery = notices[1:]
    assert alarm.subject == "pulling vision failed 2 times in a row"
    assert "first at 2026-01-01 06:17 UTC" in alarm.words
    assert "no answer on day 1" in alarm.words
    assert "brainalign status" in alarm.words
    assert recovery.subject == "pulling vision works again"
    assert "at 2026-01-03 06:17 UTC, after 2 failures in a row since 2026-01-01 06:17 UTC" in recovery.words


def test_the_same_failure_told_twice_is_one_message():
    """A crash between the notice and its commit: the step is made again from what was kept."""
    _, kept = told([False, False], 3)
    first = after_failure("pulling vision", kept, START + timedelta(days=2), "again", 3)
    second = after_failure("pulling vision", kept, START + timedelta(days=2, seconds=9), "again", 3)
    assert first[1].occasion == second[1].occasion


def test_a_clock_that_steps_back_tells_nothing_twice():
    raised, _ = after_failure("x", None, START, "no", 1)
    later, notice = after_failure("x", raised, START - timedelta(days=400), "no", 1)
    assert notice is None
    assert later == replace(raised, failures=2, last_at=START - timedelta(days=400))


def board(newest_score_at: datetime | None) -> SnapshotInfo:
    hashes = ("here", "a" * 64, "a" * 64, "d" * 64)
    later = START + timedelta(days=59)
    kind = {"models": 2, "benchmarks": 3, "scored": 5, "failed": 1, "never": 0}
    kind |= {"reconstructed": False, "simulated": False}
    return SnapshotInfo(1, "vision", later, later, *hashes, **kind, newest_score_at=newest_score_at)


def test_a_board_is_stale_by_its_newest_score():
    now = START + timedelta(days=60, hours=1)
    assert stale_problem(board(START), now - timedelta(hours=2), 60) is None
    said = stale_problem(board(START), now, 60)
    assert "newest score of vision is of 2026-01-01, 60 days ago" in said
    # Without a time of a score, by its own moment.
    assert stale_problem(board(None), now, 60) is None
    said = stale_problem(board(None), now + timedelta(days=60), 60)
    assert "newest board of vision is of 2026-03-01, 61 days ago" in said
