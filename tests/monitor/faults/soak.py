"""All faults in full numbers, and two thousand scheduled runs: ``make soak``. Writes the table of docs/faults.md."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from brainalign_monitor.config.sections import ScheduleSettings
from brainalign_monitor.operations.pull import open_home
from brainalign_monitor.service.run import monitor_of
from brainalign_monitor.service.scheduler import jobs_of, tend
from tests.conftest import ROOT
from tests.monitor.faults import bounds, daemons, keeping, posting, scenarios, served, stores
from tests.monitor.faults.driver import alone, with_plain_reports
from tests.monitor.faults.harness import Patient, Row, in_child, patient, where
from tests.postgres import new_database, running_server

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
        boards = one.count("snapshot")
        damage = one.damage() + served.torn(one.site) + served.unfinished(one.site, boards)
        lost = abs(runs - int(str(done))) + (grown > 25) + max(0, end.files - settled.files) + len(damage)
        lost += sum(count == 0 for count in one.mails().values())
        found = (
            f"{boards} boards in store and site, {sum(one.mails().values())} mails; from a quarter of the way on "
            f"{grown:+.1f} MB of {end.memory / 1e6:.0f} MB, {end.files - settled.files:+d} open files of {end.files}"
        )
        return Row("runs by the schedule in one process", runs, lost, found)


def _live(one: Patient, runs: int, news_every: int) -> None:
    alone()
    with_plain_reports()
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

Written by `make soak`: real processes, a real mail server, a real PostgreSQL, a leaderboard on the loopback, a small
board that changes, a site that is published. Where a line does not say otherwise the store is SQLite, reports are of
one line and the site has no charts; everything else is what users run. *Lost* counts boards, messages and slots that
were missing afterwards, mails that came more often than at-least-once allows, damage to the store, a site that was torn
(a link that leads nowhere, a page that is not of the version) or neither the old nor the new one, and runs that did not
complete what the one before had begun.
[running.md](running.md) says why nothing should be.

| what was done | tries | lost | what was found |
|---|---|---|---|
"""


def page(rows: list[Row]) -> str:
    """The page of the documentation."""
    lines = (f"| {row.fault} | {row.tries:,} | {row.lost} | {row.found} |\n" for row in rows)
    return PREFACE + "".join(lines)


@dataclass(frozen=True)
class Part:
    """A line of the table: what is done, with which arguments, and whether in a PostgreSQL database."""

    done: Callable[..., Row | None]
    given: Mapping[str, Any] = field(default_factory=dict)
    postgres: bool = False


# The longest first.
FULL = (
    Part(scheduled_runs, {"runs": 2000}),
    Part(scenarios.killed_at_every_stage, {"tries": 50, "plain": False}),
    Part(scenarios.killed_at_every_stage, {"tries": 50}),
    Part(scenarios.killed_at_every_stage, {"tries": 50}, postgres=True),
    Part(scenarios.killed_at_every_call),
    Part(scenarios.killed_at_any_moment, {"tries": 25}),
    Part(scenarios.killed_at_any_moment, {"tries": 25}, postgres=True),
    Part(daemons.two_daemons, {"slots": 100, "kills": 10}),
    Part(daemons.two_daemons, {"slots": 100, "kills": 10}, postgres=True),
    Part(daemons.both_nights),
    Part(daemons.clock_that_is_set, {"steps": STEPS}),
    Part(scenarios.full_disk, {"tries": 24}),
    Part(scenarios.full_file_system, {"tries": 16}),
    Part(scenarios.read_only, {"tries": 12}),
    Part(scenarios.bad_responses),
    Part(bounds.large_boards, {"sizes": ((3000, 6), (1420, 52))}),
    Part(stores.lost_stores),
    Part(stores.restored_during_another, {"tries": 24}),
    Part(stores.restored_during_another, {"tries": 24}, postgres=True),
    Part(stores.killed_restores),
    Part(stores.killed_backups, {"tries": 25}),
    Part(stores.wrong_clocks),
    Part(stores.wrong_clocks, postgres=True),
    Part(keeping.pruned_boards, {"tries": 6}),
    Part(keeping.pruned_boards, {"tries": 6}, postgres=True),
    Part(keeping.shared_bodies),
    Part(keeping.shared_bodies, postgres=True),
    Part(keeping.late_digests, {"weeks": 12}),
    Part(keeping.late_digests, {"weeks": 12}, postgres=True),
    Part(keeping.moving_clocks, {"pulls": 30}),
    Part(keeping.moving_clocks, {"pulls": 30}, postgres=True),
    Part(stores.pruned_on_a_full_disk, {"tries": 6}),
    Part(stores.two_at_once, {"tries": 24}),
    Part(stores.two_at_once, {"tries": 24}, postgres=True),
    Part(stores.one_lock),
    Part(stores.read_without_rights),
    Part(stores.other_releases),
    Part(stores.other_releases, postgres=True),
    Part(stores.shared_backups),
    Part(posting.lost_lock, {"tries": 12}, postgres=True),
    Part(posting.unexpected_errors, {"tries": 10}),
    Part(posting.unexpected_errors, {"tries": 10}, postgres=True),
    Part(posting.interrupted, {"tries": 20}),
    Part(posting.interrupted, {"tries": 20}, postgres=True),
    Part(posting.slow_clients, {"clients": 200, "slots": 10}),
    Part(posting.dripping_heartbeat, {"tries": 3}),
    Part(bounds.missed_deadlines),
    Part(bounds.ended_commands, {"tries": 48}),
    Part(bounds.small_budgets),
    Part(bounds.locked_tables, postgres=True),
    Part(bounds.asked_when_ill),
    Part(bounds.shipped_files),
    Part(posting.every_line),
    Part(posting.a_year_of_digests, {"weeks": 52}),
    Part(posting.a_year_of_digests, {"weeks": 52}, postgres=True),
)


def main(folder: Path, names: Sequence[str] = ()) -> int:
    """Do the named parts, or all and write the page; print each line as it comes; 1 if anything was lost."""
    began = time.monotonic()
    rows: dict[int, Row | None] = {}
    chosen = [(number, part) for number, part in enumerate(FULL) if not names or part.done.__name__ in names]
    # Processes that start from nothing: what is done in them forks, and a fork of a process with threads may hang.
    # Twice as many as there are cores on a small machine: most of them wait most of the time.
    with running_server() as server, ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        done = {}
        for number, part in chosen:
            given = {**part.given, **({"store": new_database(server)} if part.postgres else {})}
            done[pool.submit(part.done, folder / str(number), **given)] = number
        for future in as_completed(done):
            row = _outcome(future, FULL[done[future]])
            rows[done[future]] = row
            said = (
                "not possible here" if row is None else f"{row.fault}: {row.tries} tries, {row.lost} lost; {row.found}"
            )
            print(f"{time.monotonic() - began:6.0f} s  {said}", flush=True)
    ordered = [found for _, found in sorted(rows.items()) if found is not None]
    if not names:
        PAGE.write_text(page(ordered), encoding="utf-8")
    return sum(row.lost for row in ordered) > 0


def _outcome(future: Future[Row | None], part: Part) -> Row | None:
    """Return the row of a part, or one that counts as lost if the part failed: the others go on."""
    try:
        return future.result()
    except Exception as failure:  # noqa: BLE001 (whatever it is, it is a line of the table)
        return Row(f"{part.done.__name__}{where('x' * part.postgres)}", 0, 1, f"{failure!r}"[-3000:])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="brainalign-soak-") as given:
        # Some of it is done as another user.
        Path(given).chmod(0o755)
        sys.exit(main(Path(given), sys.argv[1:]))
