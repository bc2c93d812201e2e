"""Jobs and their slots: due by the clock and the store, each done once by one process."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from brainalign_plugin.errors import BrainAlignError

from ..base.errors import BusyError
from ..config.schedule import LOOK_BACK, Due, Schedule, due_slots
from ..delivery.messages import DigestPeriod
from ..store import RunRecord, RunState
from .run import PULL, Monitor, Stopped, at_work, do_slot, pull_once, queue_digest, send_due

if TYPE_CHECKING:
    from ..store import Store

# A slot whose process died is started again at most so often, because it may kill every process.
ATTEMPTS = 3
# Seconds between two log lines about waiting for another process.
_SAY_AGAIN_SECONDS = 3600

log = structlog.get_logger("brainalign")


@dataclass(frozen=True)
class Job:
    """Something that is done in every slot of a schedule."""

    kind: str  # `pull`, or the period of a digest
    schedule: Schedule
    monitor: Monitor  # Of its leaderboard

    @property
    def name(self) -> str:
        """Name of its slots."""
        return f"{self.kind}{self.monitor.suffix}"

    def work(self, run: RunRecord) -> object:
        """Do it in the slot that is claimed."""
        if self.kind == PULL:
            return pull_once(self.monitor, run, None)
        return queue_digest(self.monitor, DigestPeriod(self.kind), run)


def jobs_of(monitor: Monitor) -> tuple[Job, ...]:
    """Return the jobs of the configuration: pulling, and the digests, of each leaderboard."""
    return tuple(
        Job(kind, schedule, one) for one in monitor.each() for kind, schedule in one.settings.schedule.schedules.items()
    )


def due_of(monitor: Monitor, job: Job, now: datetime) -> Due:
    """Return the slots of a job that are due, and those that were missed."""
    store, schedule = monitor.store, monitor.settings.schedule
    lost = [run for run in store.slots(job.name, now - LOOK_BACK, now) if run.state is RunState.LOST]
    again = [run.slot for run in lost if run.attempt < ATTEMPTS]
    last = store.last_slot(job.name, now)
    if last is None and job.kind == PULL:
        # The first run follows the start without a wait.
        found = due_slots(job.schedule, now, now - LOOK_BACK, again, 1, LOOK_BACK)
        return Due(found.now, ())
    grace = timedelta(seconds=schedule.grace_seconds)
    return due_slots(job.schedule, now, last, again, schedule.done_late, grace)


def tend(monitor: Monitor, jobs: Sequence[Job], wait: Callable[[float], bool], settle: timedelta = timedelta(0)) -> int:
    """Do the due slots of some jobs and send due messages; wait for another process at work.

    A failed job is noted and logged, and stops no other. Slots younger than ``settle`` are left for later: they are put
    off by a jitter. Returns the number of slots done, failed ones too. Raises Stopped if ``wait`` returns that a stop
    was requested meanwhile.
    """
    # Looked at without the lock: most of the time there is no work.
    due = bool(monitor.store.due_messages(monitor.clock(), limit=1)) or any(
        found.now or found.missed for found in (due_of(monitor, job, monitor.clock() - settle) for job in jobs)
    )
    # A claimed slot is in work or was lost: only the holder of the lock can decide.
    if not due and not monitor.store.claimed_slots():
        return 0
    began, said = time.monotonic(), -float(_SAY_AGAIN_SECONDS)
    while True:
        try:
            with at_work(monitor):
                done = sum(_do_job(monitor, job, monitor.clock() - settle) for job in jobs)
                send_due(monitor)
                return done
        except BusyError as busy:
            if not due:
                return 0
            waited = time.monotonic() - began
            if waited - said >= _SAY_AGAIN_SECONDS:
                log.warning("waiting", seconds=round(waited), why=str(busy))
                said = waited
            if wait(1.0):
                raise Stopped from busy


def _do_job(monitor: Monitor, job: Job, now: datetime) -> int:
    # Only now, under the lock: another process may have done it meanwhile.
    due = due_of(monitor, job, now)
    _note_missed(monitor.store, job, due, now)
    done = 0
    for slot in due.now:
        try:
            done += do_slot(job.monitor, job.name, slot, job.work) is not None
        except BrainAlignError as failure:
            log.error("run failed", job=job.name, slot=str(slot), kind=type(failure).__name__, error=str(failure))
            done += 1
        except Exception:
            # A fault of ours in one run is no reason to leave all later ones undone.
            log.exception("run failed", job=job.name, slot=str(slot))
            done += 1
    return done


def _note_missed(store: Store, job: Job, due: Due, now: datetime) -> None:
    if not due.missed:
        return
    first, last, count = due.missed[0], due.missed[-1], len(due.missed)
    words = f"the last of {count} missed since {first:%Y-%m-%d %H:%M} UTC that are not made up for"
    if store.miss_slot(job.name, last, now, socket.gethostname(), os.getpid(), words):
        log.warning("missed", job=job.name, count=count, first=str(first), last=str(last))
