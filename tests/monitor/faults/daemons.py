"""What is done to monitors that stay: two at once, killed again and again, with a clock that is set."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from tests.commands import environment
from tests.conftest import FAKETIME, ROOT
from tests.monitor.faults import served
from tests.monitor.faults.harness import Patient, Row, patient, where


def two_daemons(folder: Path, slots: int, kills: int, store: str = "", publishes: bool = True) -> Row:
    """Two `serve` on one store with a slot every second; the older one is killed again and again, and another begun.

    Parameters
    ----------
    slots : int
        How many are to be finished at least, spread evenly between the kills.
    """
    with patient(folder, store, publishes=publishes) as one, ExitStack() as stack:
        one.next_board()
        log = folder / "serve.log"
        variables = environment(
            home=one.home, schedule__pull="every 1s", schedule__jitter_seconds=0, schedule__catch_up="all(max 999)"
        )

        def start() -> subprocess.Popen[bytes]:
            before = _begun(log)
            process = stack.enter_context(_daemon(log, variables))
            _until(lambda: _begun(log) > before)
            return process

        first, second = start(), start()
        try:
            for number in range(kills + 1):
                enough = slots * (number + 1) // (kills + 1)
                _until(lambda enough=enough: _finished(one) >= enough)
                if number < kills:
                    one.next_board()
                    first.kill()
                    first.wait()
                    first, second = second, start()
            for process in (first, second):
                process.send_signal(signal.SIGTERM)
            codes = [process.wait(70) for process in (first, second)]
        finally:
            for process in (first, second):
                process.kill()
        return _account(one, kills, codes)


def _account(one: Patient, kills: int, codes: Sequence[int]) -> Row:
    runs = one.rows("SELECT slot / 1000000, state, attempt, pid FROM run WHERE job = 'pull' ORDER BY slot")
    slots = [int(str(row[0])) for row in runs]
    gaps = sum(later - earlier != 1 for earlier, later in pairwise(slots))
    attempts = sum(int(str(row[2])) for row in runs)
    visits = len((one.folder / "visits").read_text().splitlines())
    # The last one may have been stopped, for the next start.
    undone = sum(row[1] != "finished" for row in runs[:-1])
    damage = one.damage() + (served.torn(one.site) if one.publishes else [])
    lost = gaps + undone + len(damage) + (list(codes) != [0, 0]) + max(0, visits - attempts)
    processes = len({row[3] for row in runs})
    found = (
        f"no slot left out, each finished once, by {processes} processes; {kills} were killed, "
        f"{attempts - len(slots)} slots begun again"
    )
    return Row(
        f"two daemons on one store, one of them killed again and again: slots{where(one.store)}",
        len(slots),
        lost,
        found if not lost else f"{gaps=} {undone=} {codes=} {visits=} {attempts=} {damage=}",
    )


def clock_that_is_set(folder: Path, steps: Sequence[tuple[str, str]]) -> Row:
    """A daemon whose clock is set while it runs, each step (words, moment) followed by slots at the new time."""
    with patient(folder, publishes=False) as one:
        one.next_board()
        clock = folder / "clock"
        clock.write_text("@2026-06-01 12:00:00\n")
        stuck = []
        with _daemon(folder / "serve.log", _faked(clock, home=one.home, schedule__pull="every 5s")) as process:
            try:
                _until(lambda: _finished(one, "2026-06-01") >= 2)
                for words, moment in steps:
                    before = _finished(one, moment[:10])
                    clock.write_text(f"@{moment}\n")
                    if not _until(lambda day=moment[:10], before=before: _finished(one, day) >= before + 2):
                        stuck.append(words)
                process.send_signal(signal.SIGTERM)
                code = process.wait(70)
            finally:
                process.kill()
        again = one.rows("SELECT count(*) FROM run WHERE attempt > 1")[0][0]
        lost = len(stuck) + int(str(again)) + (code != 0) + len(one.damage())
        names = ", ".join(words for words, _ in steps)
        return Row(
            f"the clock is set while it runs ({names})",
            len(steps),
            lost,
            "went on with the slots of the new time, none done twice" if not lost else f"{stuck=} {again=} {code=}",
        )


# Berlin: the hour of 02:30 in UTC, and how often a job of 02:30 is due then.
NIGHTS = (
    ("spring, when it is skipped", "2026-03-29 00:45:00", "2026-03-29 01:29:55", 1),
    ("autumn, the first time", "2026-10-24 23:45:00", "2026-10-25 00:29:55", 1),
    ("autumn, the second time", "2026-10-25 00:45:00", "2026-10-25 01:29:55", 0),
)


def both_nights(folder: Path, nights: Sequence[tuple[str, str, str, int]] = NIGHTS) -> Row:
    """A daemon lives through 02:30 of both nights in Berlin: due once in each, though it comes never or twice."""
    wrong = []
    for number, (words, begin, moment, expected) in enumerate(nights):
        with patient(folder / str(number), publishes=False) as one:
            one.next_board()
            clock = one.folder / "clock"
            # The first pull of all is at once, and that of the last slot before.
            clock.write_text(f"@{begin}\n")
            given = {"schedule__pull": "30 2 * * *", "schedule__timezone": "Europe/Berlin"}
            with _daemon(one.folder / "serve.log", _faked(clock, home=one.home, **given)) as process:
                try:
                    _until(lambda one=one: _finished(one) == 1)
                    clock.write_text(f"@{moment}\n")
                    _until(lambda one=one: _finished(one) == 2, 75 if expected else 20)
                    process.send_signal(signal.SIGTERM)
                    process.wait(70)
                finally:
                    process.kill()
            hours = one.rows("SELECT strftime('%Y-%m-%d %H', slot / 1000000, 'unixepoch') FROM run")
            found = sum(row[0] == moment[:13] for row in hours)
            if found != expected or len(hours) != 1 + expected:
                wrong.append(f"{words}: {hours}")
    return Row(
        "02:30 in Berlin in both nights in which clocks change",
        len(nights),
        len(wrong),
        "due once in each, though it comes never or twice" if not wrong else "; ".join(wrong),
    )


def _daemon(log: Path, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.monitor.faults.driver", "serve"]
    with log.open("ab") as stream:
        return subprocess.Popen(command, env=variables, cwd=ROOT, stdout=stream, stderr=stream)


def _faked(clock: Path, **settings: object) -> dict[str, str]:
    """The environment of a daemon that reads the time from a file."""
    return environment(schedule__jitter_seconds=0, **settings) | {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "TZ": "UTC",
    }


def _begun(log: Path) -> int:
    """How many daemons that write this log have begun."""
    return log.read_text().count("] serving") if log.exists() else 0


def _finished(one: Patient, day: str = "") -> int:
    """Slots that were finished, of one day if it is named."""
    rows = one.rows("SELECT slot / 1000000 FROM run WHERE state = 'finished'")
    days = (str(datetime.fromtimestamp(int(str(row[0])), UTC).date()) for row in rows)
    return sum(found == day or not day for found in days)


def _until(true: Callable[[], bool], seconds: float = 90) -> bool:
    deadline = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found
