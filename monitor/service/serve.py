"""``brainalign serve``: wakes up when a job is due, does it, and stops on a signal."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import FrameType

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from brainalign_plugin.errors import BrainAlignError

from ..base.progress import FETCHING, NOTING, SENDING, Stage
from ..config.schedule import Schedule
from ..health.endpoints import served
from ..operations.status import standing
from .run import Monitor, Stopped, leave_claimed
from .scheduler import Job, jobs_of, tend

# Seconds between two readings of the outbox and of missed slots.
LOOK_SECONDS = 60.0
# Seconds between two comparisons of the clock with the monotonic one.
_WATCH_SECONDS = 5.0
# A step of the clock that is worth a line: small ones are the daily work of NTP.
_STEP_SECONDS = 5.0
# Seconds that a stop waits for the current stage: less than systemd gives a service before it kills it. One that
# waits for others, such as a site that drips or a mail server that stalls, is not waited for.
_STOP_SECONDS = 60.0
_STOP_SECONDS_FOR_OTHERS = 5.0

log = structlog.get_logger("brainalign")
# It warns of a wake-up during the last one, which the next one makes up for.
logging.getLogger("apscheduler").setLevel(logging.ERROR)


class _Wakes(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """Wakes up at the slots of a schedule, each put off by a random part of the jitter."""

    def __init__(self, schedule: Schedule, jitter: float) -> None:
        self._schedule, self._jitter = schedule, jitter

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the next wake-up."""
        slot = self._schedule.next_slot(max(now, previous_fire_time or now))
        found: datetime | None = self._apply_jitter(slot, self._jitter, now)
        return found


class Service:
    """A monitor that works by its schedule until it is stopped.

    The scheduler only wakes it up, in one thread, one job at a time. What is then done follows from the clock and the
    store alone, so that neither a late wake-up nor a clock that was set loses or doubles a slot.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._stop = threading.Event()
        self._asked = False
        self._waits_for_others = False
        self.monitor = replace(monitor, stage=self._between(monitor.stage), name="brainalign serve")
        self.jobs = jobs_of(self.monitor)
        schedule = monitor.settings.schedule
        self._jitter = schedule.jitter_seconds
        # A slot that is looked for may be put off by the jitter, and the wake-up after it be under way.
        self._settle = timedelta(seconds=schedule.jitter_seconds + 1)
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1)},
            # The store and the catch-up policy decide lateness, never a wake-up that is dropped.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    def run(self) -> None:
        """Work until `stop`; missed slots are done first, by the policy."""
        self._set_wake_ups()
        self._scheduler.start()
        log.info("serving", jobs={job.name: job.schedule.text for job in self.jobs}, pid=os.getpid())
        try:
            self._watch_the_clock()
        finally:
            self._stop.set()
            log.info("stopping", after="the stage that is being done; a second signal ends it at once")
            self._scheduler.remove_all_jobs()
            finished = threading.Event()
            threading.Thread(target=self._give_up_waiting, args=(finished,), daemon=True).start()
            self._scheduler.shutdown(wait=True)
            finished.set()
        log.info("stopped")

    def stop(self) -> None:
        """Stop after the current stage; the next process starts the rest."""
        self._stop.set()

    def handle(self, number: int, _: FrameType | None) -> None:
        """Stop at the first signal, end the process at the second."""
        if self._asked:
            os._exit(128 + number)
        self._asked = True
        # Another thread, because the interrupted one may hold the locks.
        threading.Thread(target=self.stop, daemon=True).start()

    def _set_wake_ups(self) -> None:
        self._scheduler.remove_all_jobs()
        for job in self.jobs:
            self._scheduler.add_job(
                self._do, _Wakes(job.schedule, self._jitter), args=([job], timedelta(0)), id=job.name
            )
        self._scheduler.add_job(
            self._do,
            IntervalTrigger(seconds=LOOK_SECONDS, timezone=UTC),
            args=(self.jobs, self._settle),
            id="look",
            next_run_time=datetime.now(UTC),
        )

    def _do(self, jobs: tuple[Job, ...], settle: timedelta) -> None:
        if self._stop.is_set():
            return
        try:
            tend(self.monitor, jobs, self._stop.wait, settle)
        except Stopped:
            log.info("stopped between two stages")
        except BrainAlignError as failure:
            # Looked at again a minute later: a disk may have room again, a server be back.
            log.error("cannot work", kind=type(failure).__name__, error=str(failure))
        except Exception:
            log.exception("cannot work")

    def _watch_the_clock(self) -> None:
        """Wait to be stopped; set all wake-ups anew when the clock was set, because they are moments of the old one."""
        offset = time.time() - time.monotonic()
        while not self._stop.wait(_WATCH_SECONDS):
            now = time.time() - time.monotonic()
            if abs(now - offset) > _STEP_SECONDS:
                log.warning("the clock was set", seconds=round(now - offset))
                self._set_wake_ups()
            offset = now

    def _between(self, shown: Stage) -> Stage:
        @contextmanager
        def stage(text: str) -> Iterator[None]:
            if self._stop.is_set() and text != NOTING:
                raise Stopped
            with shown(text):
                self._waits_for_others = text.startswith((FETCHING, SENDING))
                try:
                    yield
                finally:
                    self._waits_for_others = False

        return stage

    def _give_up_waiting(self, finished: threading.Event) -> None:
        began = time.monotonic()
        while not finished.wait(0.1):
            waited = time.monotonic() - began
            if self._waits_for_others and waited > _STOP_SECONDS_FOR_OTHERS:
                leave_claimed(self.monitor)
                _leave("stopped without waiting for others any longer")
            if waited > _STOP_SECONDS:
                _leave("stopped in the middle of a stage")


def _leave(words: str) -> None:
    log.warning(words, then="whoever starts next begins it again")
    os._exit(0)


def serve(monitor: Monitor) -> None:
    """Work by the schedule until a signal ends it, and answer ``/healthz`` and ``/metrics`` if a port is set.

    SIGTERM and SIGINT stop it; a second signal ends the process at once.
    """
    service, health = Service(monitor), monitor.settings.health
    with ExitStack() as stack:
        for number in (signal.SIGTERM, signal.SIGINT):
            stack.callback(signal.signal, number, signal.signal(number, service.handle))
        if health.port is not None:
            stack.enter_context(
                served(health.address, health.port, lambda: standing(monitor.settings, monitor.store, monitor.clock()))
            )
        service.run()
