"""Messages to the operator: after several failures in a row once, and once after the recovery.

Pure functions: the caller keeps the `Alarm` that they return, in the transaction in which the failure is
logged, so that a crash neither loses a notice nor repeats one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from brainalign_plugin.text import counted

from ..store.records import Alarm, SnapshotInfo


@dataclass(frozen=True, slots=True)
class Notice:
    """Message to the operator."""

    occasion: str  # The same for all attempts, for `messages.message_id`
    subject: str
    text: str
    recovered: bool  # True if it is over


def after_failure(
    name: str, before: Alarm | None, at: datetime, problem: str, in_a_row: int
) -> tuple[Alarm, Notice | None]:
    """Count a failure, and raise the alarm if it is the last of so many in a row.

    The state to keep, and the message: none before the last of so many, and none after it.

    `name`: what failed, as messages call it: ``pulling vision``. `before`: what was kept of its failures; None after a
    success. `problem`: message of the failure. `in_a_row`: failures before the message to the operator, at least 1.
    """
    failures = 1 if before is None else before.failures + 1
    since = at if before is None else before.since
    raised_at = None if before is None else before.raised_at
    if raised_at is not None or failures < in_a_row:
        return Alarm(name, failures, since, at, raised_at, problem), None
    failed = "failed" if failures == 1 else f"failed {times(failures)}"
    notice = Notice(
        occasion=f"{name} failing since {since.isoformat()}",
        subject=f"{name} {failed}",
        text=(
            f"{name} {failed}, first at {_minute(since)}. The last error:\n\n{problem}\n\n"
            "There will be no further message about this until it succeeds again. `brainalign status` shows the "
            "state.\n"
        ),
        recovered=False,
    )
    return Alarm(name, failures, since, at, at, problem), notice


def times(failures: int) -> str:
    """Return how often something failed, in words."""
    return "once" if failures == 1 else f"{failures} times in a row"


def after_success(before: Alarm | None, at: datetime) -> Notice | None:
    """Report the recovery if the operator got a message about the failures; the kept `Alarm` ends either way.

    `before`: what was kept of the failures.
    """
    if before is None or before.raised_at is None:
        return None
    failures = counted(before.failures, "failure") + " in a row" * (before.failures > 1)
    return Notice(
        occasion=f"{before.name} recovered, failing since {before.since.isoformat()}",
        subject=f"{before.name} works again",
        text=(
            f"{before.name} succeeded at {_minute(at)}, after {failures} since {_minute(before.since)}. The last "
            f"error:\n\n{before.message}\n"
        ),
        recovered=True,
    )


def age_alarm(domain: str) -> str:
    """Return the name of the alarm for a leaderboard without new scores."""
    return f"the check that {domain} is up to date"


def stale_problem(board: SnapshotInfo, now: datetime, stale_after_days: float) -> str | None:
    """Return the problem with a leaderboard whose newest score is old; None if it is not.

    The pulls may succeed all the while: an old page of a cache, or a site that shows no new scores any more. The moment
    of a board does not show it, because a site may state that of the request.

    `board`: the newest observed board.
    """
    age = now - board.dated
    if age <= timedelta(days=stale_after_days):
        return None
    what = "board" if board.newest_score_at is None else "score"
    return (
        f"the newest {what} of {board.domain} is of {board.dated:%Y-%m-%d}, {counted(age.days, 'day')} ago, more than "
        f"the {stale_after_days:g} of health.stale_after_days: check that the site shows new scores and no cache "
        "answers for it"
    )


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
