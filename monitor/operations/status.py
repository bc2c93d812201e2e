"""State of the monitor from the store: one record for the command, the health check and the metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from brainalign_plugin.text import counted

from ..base.files import fields_of
from ..store.stored import MessageState, Outcome

if TYPE_CHECKING:
    from ..config.settings import Settings
    from ..store import Store
    from ..store.logbook import Durations
    from ..store.stored import Alarm, PullRecord, RunRecord, SnapshotInfo


@dataclass(frozen=True)
class Leaderboard:
    """State of one leaderboard: its newest observed board, and its pulls."""

    domain: str
    board: SnapshotInfo | None
    last_pull: PullRecord | None
    last_success: PullRecord | None  # The last that read a leaderboard
    last_news: PullRecord | None  # The last that brought a board which was not known


@dataclass(frozen=True)
class Standing:
    """State of the monitor at one moment."""

    at: datetime
    leaderboards: tuple[Leaderboard, ...]
    snapshots: int  # In all
    pulls: Mapping[tuple[str, str, str], int]  # By domain, outcome and kind of error
    last_runs: Mapping[str, RunRecord]  # By job
    durations: Mapping[str, Durations]  # By job
    # Next time of each job, if `brainalign serve` runs; None is never again.
    next_slots: Mapping[str, datetime | None]
    messages: Mapping[MessageState, int]  # In the outbox
    alarms: tuple[Alarm, ...]  # Present failures
    problems: tuple[str, ...]  # Why it is unhealthy; empty if it is not
    kinds: tuple[str, ...]  # The same without the errors' messages, which may contain addresses

    @property
    def healthy(self) -> bool:
        """Return whether nothing needs a check."""
        return not self.problems


def standing(settings: Settings, store: Store, at: datetime) -> Standing:
    """Read the state of the monitor from the store."""
    alarms = store.alarms()
    several = settings.each()
    leaderboards = tuple(_leaderboard(store, one.domain) for one in several)
    domains = tuple(one.domain for one in several)
    problems = dict.fromkeys(
        problem for one in leaderboards for problem in _problems(settings, one, domains, alarms, at)
    )
    next_slots = {
        f"{job}{suffix}": schedule.next_slot(at)
        for suffix in settings.suffixes()
        for job, schedule in settings.schedule.schedules.items()
    }
    return Standing(
        at=at,
        leaderboards=leaderboards,
        snapshots=len(store.snapshots()),
        pulls=store.pull_counts(),
        last_runs={job: found[0] for job in next_slots if (found := store.runs(job, limit=1))},
        durations=store.durations(),
        next_slots=next_slots,
        messages=store.message_counts(),
        alarms=alarms,
        problems=tuple(words for words, _ in problems),
        kinds=tuple(kind for _, kind in problems),
    )


def _leaderboard(store: Store, domain: str) -> Leaderboard:
    success = store.last_pull(domain, Outcome.STORED, Outcome.UNCHANGED)
    news = store.last_pull(domain, Outcome.STORED)
    return Leaderboard(domain, store.latest(domain), store.last_pull(domain), success, news)


def _problems(
    settings: Settings, found: Leaderboard, domains: Sequence[str], alarms: tuple[Alarm, ...], at: datetime
) -> Iterator[tuple[str, str]]:
    """Yield what is wrong, in words and as its kind alone."""
    domain, success, last = found.domain, found.last_success, found.last_pull
    late, words = settings.health.late_after_hours, None
    if success is None:
        words = f"no pull of {domain} has succeeded yet: `brainalign run` makes the first"
    elif at - success.at > timedelta(hours=late):
        words = (
            f"the last successful pull of {domain} was at {success.at:%Y-%m-%d %H:%M} UTC, more than {late:g} hours "
            "ago: check that `brainalign serve` or cron runs"
        )
    for one in (words, stale_problem(found.board, at, settings.health.stale_after_days)):
        if one:
            yield one, one
    for alarm in alarms:
        if alarm.raised_at is not None and alarm.name not in map(age_alarm, domains):
            if any(one in alarm.name for one in domains) and domain not in alarm.name:
                continue
            error = f" ({last.error})" if last and last.error and domain in alarm.name else ""
            yield f"{alarm.name}: {alarm.message}", f"{alarm.name} failed {times(alarm.failures)}{error}"


def standing_json(found: Standing) -> dict[str, Any]:
    """Return the record that ``brainalign status --json`` prints."""
    jobs = {}
    for job, moment in found.next_slots.items():
        last = fields_of(found.last_runs.get(job), "slot", "state", "started_at", "ended_at", "error")
        jobs[job] = {"next": moment, "last": last}
    return {
        "schema": 1,
        **fields_of(found, "at", "healthy", "problems"),
        "leaderboards": [_leaderboard_json(one, found.at) for one in found.leaderboards],
        "snapshots": found.snapshots,
        "jobs": jobs,
        "messages": {state.value: count for state, count in found.messages.items()},
        "alarms": [
            fields_of(one, "name", "failures", "since") | {"told": one.raised_at is not None, "message": one.message}
            for one in found.alarms
        ],
    }


def _leaderboard_json(one: Leaderboard, at: datetime) -> dict[str, Any]:
    board: dict[str, Any] | None = None
    if one.board is not None:
        board = {"snapshot": one.board.id, "as_of": one.board.as_of_time, "seen_at": one.board.seen_at}
        board |= {"seen_until": one.board.until_time, "newest_score_at": one.board.newest_score_at}
        board["age_days"] = (at - one.board.dated) / timedelta(days=1)
    pulls = {"last": one.last_pull, "last_success": one.last_success, "last_news": one.last_news}
    shown = {name: fields_of(pull, "at", "outcome", "error", "message") for name, pull in pulls.items()}
    return {"domain": one.domain, "board": board, "pulls": shown}


def times(failures: int) -> str:
    """Return how often something failed, in words."""
    return "once" if failures == 1 else f"{failures} times in a row"


def age_alarm(domain: str) -> str:
    """Return the name of the alarm for a leaderboard without new scores."""
    return f"the check that {domain} is up to date"


def stale_problem(board: SnapshotInfo | None, now: datetime, stale_after_days: float) -> str | None:
    """Return the problem with a leaderboard whose newest score is old; None if it is not.

    The pulls may succeed all the while: an old page of a cache, or a site that shows no new scores any more. The moment
    of a board does not show it, because a site may state that of the request.
    """
    if board is None or (age := now - board.dated) <= timedelta(days=stale_after_days):
        return None
    what = "board" if board.newest_score_at is None else "score"
    return (
        f"the newest {what} of {board.domain} is of {board.dated:%Y-%m-%d}, {counted(age.days, 'day')} ago, more than "
        f"the {stale_after_days:g} of health.stale_after_days: check that the site shows new scores and no cache "
        "answers for it"
    )
