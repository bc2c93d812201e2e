"""A run that survives what happens to it: one at a time, committed whole, and what is left of it done by the next.

What a run needs only once it has the board is loaded then: most runs have no news.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import structlog

from ..base.errors import StoreError
from ..base.files import remove_leftovers
from ..base.progress import NOTING, Stage, silent
from ..config.reading import CONFIG_NAME, load_rules
from ..delivery.services import Heartbeat
from ..notify import channels
from ..notify.outbox import Alarms, Drained, Outgoing, drain
from ..operations import pull as pipeline
from ..operations import reporting
from ..operations.status import age_alarm, stale_problem
from ..store import Finding, RunRecord, RunState

if TYPE_CHECKING:
    from ..base.outgoing import Message
    from ..config.settings import Settings
    from ..delivery.messages import DigestPeriod
    from ..history.alerts import Rule
    from ..operations.alerting import AlertNews
    from ..store import SnapshotInfo, Store, Stored

PULL = "pull"
FOLLOWING = "following the alert rules"
STOPPED = "stopped before it was done"
# Folders of the home that files are written to.
_WRITTEN = ("bodies", "cache", "references", "reports")

T = TypeVar("T")

log = structlog.get_logger("brainalign")


class Stopped(BaseException):
    """The request to stop, raised between two stages; the next run does the rest."""


@dataclass(frozen=True)
class Monitor:
    """Tools of the runs of one process."""

    settings: Settings
    store: Store
    rules: Sequence[Rule]  # Of the alerts
    outgoing: Outgoing  # Subscribers and channels
    clock: pipeline.Clock
    stage: Stage = silent  # Shows, or interrupts, what is being done
    name: str = "brainalign run"  # Name of the process for others that wait for it
    # Addresses that are called when a pull begins and ends
    heartbeat: Heartbeat = field(default_factory=lambda: Heartbeat(None))
    suffix: str = ""  # Distinguishes the slots of a further leaderboard; empty for the first

    def each(self) -> tuple[Monitor, ...]:
        """Return the tools for each leaderboard of the settings."""
        found = []
        for settings, suffix in zip(self.settings.each(), self.settings.suffixes(), strict=True):
            outgoing = replace(self.outgoing, letterhead=channels.letterhead(settings))
            found.append(replace(self, settings=settings, outgoing=outgoing, suffix=suffix))
        return tuple(found)

    @property
    def alarms(self) -> Alarms:
        """Return the alarms of the operators."""
        return Alarms(self.settings.operator.after_failures, self.outgoing.operator_messages)


def monitor_of(
    settings: Settings, store: Store, clock: pipeline.Clock, stage: Stage = silent, name: str = "brainalign run"
) -> Monitor:
    """Return the tools of a run, by the settings. Raises ConfigError if an alert rule is wrong."""
    rules = load_rules(settings.home / CONFIG_NAME)
    outgoing = Outgoing(channels.subscribers(settings), channels.letterhead(settings), channels.sender(settings, clock))
    url = settings.health.heartbeat_url
    heartbeat = Heartbeat(None if url is None else url.get_secret_value())
    stage = _under_lock(store, stage)
    return Monitor(settings, store, rules, outgoing, clock, stage, name, heartbeat=heartbeat)


def _under_lock(store: Store, shown: Stage) -> Stage:
    """Return stages that do not begin after the lock was lost."""

    @contextmanager
    def stage(text: str) -> Iterator[None]:
        # A sent message is noted without the lock.
        if text != NOTING:
            store.check_lock()
        with shown(text):
            yield

    return stage


@dataclass(eq=False)
class Done:
    """Outcome of one run."""

    result: pipeline.RunResult
    news: list[AlertNews]  # Alerts that fired or ended with it
    queued: int  # Messages that it put into the outbox
    drained: Drained = field(default_factory=Drained)  # Outcome of the messages that were due


@contextmanager
def at_work(monitor: Monitor) -> Iterator[None]:
    """Hold the store's lock; mark slots whose processes died as lost, and log them.

    What a run that was killed left half written is removed. Raises BusyError if another process is at work.
    """
    try:
        with monitor.store.exclusive(monitor.name):
            now = monitor.clock()
            for lost in monitor.store.lose_claimed(now):
                process = f"its process {lost.pid} on {lost.host} ended before it was done"
                problem = f"the run of {lost.slot:%Y-%m-%d %H:%M:%S} UTC was lost: {process}"
                log.error("run lost", job=lost.job, slot=str(lost.slot), attempt=lost.attempt, pid=lost.pid)
                monitor.alarms.failed(monitor.store, alarm_name(monitor.settings, lost.job), problem, now)
            for name in _WRITTEN:
                remove_leftovers(monitor.settings.home / name, now)
            yield
    finally:
        monitor.heartbeat.tell()


def alarm_name(settings: Settings, job: str) -> str:
    """Return the name of a job's work in messages."""
    kind, _, domain = job.partition(" ")
    return f"watching {domain or settings.domain}" if kind == PULL else f"the {job} digest"


def do_slot(monitor: Monitor, job: str, slot: datetime, work: Callable[[RunRecord], T]) -> T | None:
    """Do a job in one slot unless it is done; the caller holds the lock.

    Returns what the work returned; None if the slot is claimed, done, or was lost too often. A failure of the work is
    counted, reported to the operators, and raised.
    """
    store, name = monitor.store, alarm_name(monitor.settings, job)
    run = store.claim_slot(job, slot, monitor.clock(), socket.gethostname(), os.getpid())
    if run is None:
        return None
    pulls = job.startswith(PULL)
    with structlog.contextvars.bound_contextvars(job=job, slot=slot.isoformat()):
        if pulls:
            monitor.heartbeat.begin()
        try:
            result = work(run)
        except (Stopped, KeyboardInterrupt):
            _end(store, run, monitor.clock(), RunState.LOST, None, STOPPED)
            raise
        except Exception as failure:
            if pulls:
                monitor.heartbeat.end(succeeded=False)
            _end(store, run, monitor.clock(), RunState.FAILED, type(failure).__name__, str(failure))
            try:
                monitor.alarms.failed(store, name, str(failure) or type(failure).__name__, monitor.clock())
            except StoreError as cause:
                log.error("a failure could not be noted", error=str(cause))
            raise
        store.end_slot(run, monitor.clock())
        monitor.alarms.succeeded(store, name, monitor.clock())
        if pulls:
            monitor.heartbeat.end(succeeded=True)
        return result


def leave_claimed(monitor: Monitor) -> None:
    """Note that what this process is doing was stopped, because it is about to end in the middle of it."""
    mine = socket.gethostname(), os.getpid()
    try:
        claimed = monitor.store.claimed_slots()
    except StoreError as cause:
        log.error("the end of a run could not be noted", error=str(cause))
        return
    for run in claimed:
        if (run.host, run.pid) == mine:
            _end(monitor.store, run, monitor.clock(), RunState.LOST, None, STOPPED)


def _tell_age(monitor: Monitor) -> None:
    """Send the operators a message about a leaderboard without new scores."""
    domain, now, name = monitor.settings.domain, monitor.clock(), age_alarm(monitor.settings.domain)
    stale = stale_problem(monitor.store.latest(domain), now, monitor.settings.health.stale_after_days)
    if stale is None:
        monitor.alarms.succeeded(monitor.store, name, now)
    else:
        # A failure may pass by itself, this one does not: report it at once.
        replace(monitor.alarms, after=1).failed(monitor.store, name, stale, now)


def _end(store: Store, run: RunRecord, at: datetime, state: RunState, error: str | None, message: str) -> None:
    try:
        store.end_slot(run, at, state, error, message)
    except StoreError as cause:
        # The slot stays claimed, and the next process sees that it was lost. What went wrong first is what is raised.
        log.error("the end of a run could not be noted", error=str(cause))


def pull_once(monitor: Monitor, run: RunRecord, source: str | None) -> Done:
    """Pull, store, evaluate the alert rules and queue messages in one transaction; then report and publish."""
    news: list[AlertNews] = []
    queued: list[Message] = []

    def also(inside: Store, stored: Stored, at: datetime) -> None:
        from ..operations.alerting import news_json

        info = inside.info(stored.id)
        told, messages = _follow_alerts(monitor, inside, info, at)
        inside.add_findings([Finding(one.snapshot, one.kind, one.rule, at, one.words, news_json(one)) for one in told])
        news.extend(told)
        queued.extend(inside.enqueue(messages))
        inside.hold_slot(run)
        with monitor.stage("committing"):
            pass

    settings, store, stage = monitor.settings, monitor.store, monitor.stage
    result = pipeline.run(settings, store, source, monitor.clock, stage, also=also)
    for one in news:
        log.info(one.kind, rule=one.rule, words=one.words)
    if source is None:  # a named source, such as a file of the past, may be of any age
        _tell_age(monitor)
    if settings.site_folder is not None:
        from ..operations.publish import is_published, publish

        # Every time: the last run may have been stopped before it.
        if result.wrote_report or not is_published(settings, store, settings.site_folder):
            publish(settings, store, settings.site_folder, stage, result.results)
    return Done(result, news, len(queued))


def _follow_alerts(
    monitor: Monitor, inside: Store, info: SnapshotInfo, at: datetime
) -> tuple[Sequence[AlertNews], Sequence[Message]]:
    """Evaluate the alert rules on the boards since the last time, and queue their messages."""
    from ..operations.alerting import evaluate_alerts

    alarms, state = monitor.alarms, inside.alert_state(info.domain)
    own = monitor.settings.model_copy(update={"domain": info.domain})
    try:
        with monitor.stage("evaluating the alert rules"):
            found = evaluate_alerts(reporting.timeline(own, inside), monitor.rules, state)
        with monitor.stage("composing"):
            messages = monitor.outgoing.alert_messages(found.news, inside, at)
    except StoreError:
        raise
    except Exception as failure:
        # A pull is kept if figures or a template fail; the rules keep their state, and their events are reported later.
        log.exception("the alert rules could not be followed")
        alarms.failed(inside, FOLLOWING, f"{type(failure).__name__}: {failure}", at)
        return (), ()
    alarms.succeeded(inside, FOLLOWING, at)
    inside.put_alert_state(info.domain, found.state, at)
    return found.news, messages


def queue_digest(monitor: Monitor, period: DigestPeriod, run: RunRecord) -> int:
    """Compose the digest of a slot and queue it; return the number of messages that are new."""
    from ..notify.digests import digest_messages

    settings, store = monitor.settings, monitor.store
    made, _ = digest_messages(settings, store, period, run.slot, monitor.clock(), monitor.stage)
    with store.transaction() as inside:
        inside.hold_slot(run)
        queued = inside.enqueue(made)
        with monitor.stage("committing"):
            pass
    return len(queued)


def run_once(monitor: Monitor, source: str | None = None) -> Done:
    """Run once, now. Raises BusyError if another process is at work; whatever failed, what was due is sent."""
    with at_work(monitor):
        now = monitor.clock()
        try:
            done = do_slot(monitor, f"{PULL}{monitor.suffix}", now, lambda run: pull_once(monitor, run, source))
        except StoreError:
            raise
        except Exception:
            send_due(monitor)
            raise
        if done is None:
            raise StoreError(f"a run of {now:%Y-%m-%d %H:%M:%S.%f} is noted already; check the clock, and run it again")
        done.drained = send_due(monitor)
        return done


def send_due(monitor: Monitor) -> Drained:
    """Send what is due; to be called by who holds the lock."""
    store, clock = monitor.store, monitor.clock
    done = drain(store, monitor.outgoing.send, clock, monitor.alarms, monitor.stage)
    store.forget_bodies(clock() - timedelta(days=monitor.settings.keep_messages_days))
    return done
