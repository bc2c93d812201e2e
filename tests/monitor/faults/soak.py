"""All faults in full numbers, and two thousand scheduled runs: ``make soak``. Writes the table of docs/faults.md."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from brainalign_monitor.config_sections import ScheduleSettings
from brainalign_monitor.pipeline import open_home
from brainalign_monitor.running import monitor_of
from brainalign_monitor.scheduler import jobs_of, tend
from tests.conftest import ROOT
from tests.monitor.faults import daemons, scenarios
from tests.monitor.faults.driver import alone_with_plain_reports
from tests.monitor.faults.harness import Patient, Row, in_child, patient

PAGE = ROOT / "docs" / "faults.md"
START = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = (
    ("back by an hour", "2026-06-01 11:00:00"),
    ("forward by a year", "2027-06-01 11:00:00"),
    ("back by a year", "2026-06-02 11:00:00"),
)


@dataclass(frozen=True)
class Use:
    """Memory (bytes that are resident) and open files of a process."""

    memory: int
    files: int


def use() -> Use:
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return Use(resident, len(list(Path("/proc/self/fd").iterdir())))


def scheduled_runs(folder: Path, runs: int, news_every: int = 20) -> Row:
    """One process that lives through so many hourly slots, with another board now and then."""
    with patient(folder) as one:
        status = in_child(lambda: _live(one, runs, news_every), folder / "errors", seconds=3600)
        if status:
            raise AssertionError((folder / "errors").read_text()[-3000:])
        done = one.rows("SELECT count(*) FROM run WHERE job = 'pull' AND state = 'finished'")[0][0]
        uses = [Use(*map(int, line.split())) for line in (folder / "use").read_text().splitlines()]
        settled, end = uses[len(uses) // 4], uses[-1]
        grown = (end.memory - settled.memory) / 1e6
        damage = one.damage()
        boards = one.rows(scenarios.SNAPSHOTS)[0][0]
        lost = abs(runs - int(str(done))) + (grown > 25) + max(0, end.files - settled.files) + len(damage)
        lost += sum(count == 0 for count in one.mails().values())
        found = (
            f"{boards} boards, {sum(one.mails().values())} mails; from a quarter of the way on {grown:+.1f} MB of "
            f"{end.memory / 1e6:.0f} MB, {end.files - settled.files:+d} open files of {end.files}"
        )
        return Row("runs by the schedule in one process", runs, lost, found)


def _live(one: Patient, runs: int, news_every: int) -> None:
    alone_with_plain_reports()
    moment = START

    def clock() -> datetime:
        return moment

    schedule = ScheduleSettings(pull="every 1h", weekly="never", monthly="never")
    settings = one.settings.model_copy(update={"schedule": schedule})
    with open_home(settings) as store, (one.folder / "use").open("w") as noted:
        monitor = replace(monitor_of(settings, store, clock), name="brainalign serve")
        jobs = jobs_of(monitor)
        for number in range(runs):
            if number % news_every == 0:
                one.next_board()
            moment = START + timedelta(hours=number)
            tend(monitor, jobs, lambda _: True)
            if number % 50 == 49:
                now = use()
                noted.write(f"{now.memory} {now.files}\n")
                noted.flush()


PREFACE = """\
# What was done to it, and what was lost

Written by `make soak`: real processes, a real mail server and a site on the loopback, a small board that changes.
Reports are of one line in these runs; everything else is what users run. *Lost* counts boards, messages and slots that
were missing afterwards, damage to the store, and runs that did not complete what the one before had begun.
[running.md](running.md) says why nothing should be.

| what was done | tries | lost | what was found |
|---|---|---|---|
"""


def page(rows: list[Row]) -> str:
    """The page of the documentation."""
    lines = (f"| {row.fault} | {row.tries:,} | {row.lost} | {row.found} |\n" for row in rows)
    return PREFACE + "".join(lines)


# The longest first.
FULL: tuple[tuple[Callable[..., Row | None], tuple[Any, ...]], ...] = (
    (scheduled_runs, (2000,)),
    (scenarios.killed_at_every_stage, (160,)),
    (daemons.both_nights, ()),
    (daemons.two_daemons, (60.0,)),
    (scenarios.killed_at_any_moment, (40,)),
    (daemons.clock_that_is_set, (STEPS,)),
    (scenarios.full_disk, (24,)),
    (scenarios.full_file_system, (16,)),
    (scenarios.read_only, (10,)),
    (scenarios.bad_responses, ()),
)


def main(folder: Path) -> int:
    """Do everything, print each line as it comes, write the page; the exit code says whether anything was lost."""
    began = time.monotonic()
    rows: dict[str, Row | None] = {}
    # Processes that start from nothing: what is done in them forks, and a fork of a process with threads may hang.
    # Twice as many as there are cores on a small machine: most of them wait most of the time.
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        done = {pool.submit(one, folder / one.__name__, *given): one.__name__ for one, given in FULL}
        for future in as_completed(done):
            row = future.result()
            rows[done[future]] = row
            said = "not possible here" if row is None else f"{row.tries} tries, {row.lost} lost; {row.found}"
            print(f"{time.monotonic() - began:6.0f} s  {done[future]}: {said}", flush=True)
    ordered = [found for one, _ in FULL if (found := rows[one.__name__]) is not None]
    PAGE.write_text(page(ordered), encoding="utf-8")
    return sum(row.lost for row in ordered) > 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="brainalign-soak-") as given:
        sys.exit(main(Path(given)))
