"""What commands cost: ``python -m tests.bench.history`` prints seconds of computing, seconds that passed, and sizes.

The largest real payload, or a simulated one of its size, is stored, the boards of its past are reconstructed month by
month, analysed and attributed; then the same for a store to which one more board comes, and a run with one more board,
its report included. Every command runs in a process of its own, as a user runs it. Other work on the machine changes
the time that passes more than the time that is computed; the first line says how fast the machine is.
"""

from __future__ import annotations

import resource
import tempfile
import time
from datetime import date
from pathlib import Path

from brainalign_monitor.simulator import payload_bytes, simulate
from tests.commands import brainalign_process
from tests.conftest import shared_folder

FIRST, LAST = date(2023, 10, 1), date(2024, 1, 1)


def payloads(folder: Path) -> tuple[Path, Path]:
    """The board of the last quarter and the newest one."""
    real = [shared_folder() / f"compare-data-{day}.json.gz" for day in (FIRST, LAST)]
    if all(path.is_file() for path in real):
        return real[0], real[1]
    life, made = simulate(1), []
    for day in (FIRST, LAST):
        made.append(folder / f"compare-data-{day}.json")
        made[-1].write_bytes(payload_bytes(life, day))
    return made[0], made[1]


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(name: str, *arguments: object, home: Path) -> float:
    """CPU seconds of a command; also what passes is printed."""
    before, began = cpu(), time.perf_counter()
    brainalign_process(*arguments, home=home).succeeded()
    spent, passed = cpu() - before, time.perf_counter() - began
    print(f"{name:58} {spent:6.1f} s {passed:6.1f} s")
    return spent


def speed() -> float:
    """Seconds for twenty million additions, one after the other."""
    began, total = time.process_time(), 0
    for i in range(20_000_000):
        total += i
    return time.process_time() - began


def size(home: Path, *names: str) -> float:
    """Megabytes of files and folders of the home folder."""
    files = [path for name in names for path in (home / name, *(home / name).rglob("*")) if path.is_file()]
    return sum(path.stat().st_size for path in files) / 1e6


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'20 million additions on this machine':58} {speed():6.1f} s")
        print(f"{'':58} {'CPU':>8} {'passed':>8}")
        first, last = payloads(Path(folder))
        measured("analyze, the largest payload", "analyze", last, "--json", home=Path(folder) / "none")
        whole, grown = Path(folder) / "whole", Path(folder) / "grown"
        measured("fetch", "fetch", last, home=whole)
        spent = measured("backfill, 41 monthly boards", "backfill", home=whole)
        spent += measured("history: 200 resamples, three panels, attribution", "history", home=whole)
        print(f"{'all boards, analysed and attributed':58} {spent:6.1f} s")
        measured("history again: nothing is new", "history", home=whole)
        measured("drift", "drift", home=whole)
        stored = size(whole, "brainalign.sqlite", "bodies")
        print(f"{'store and bodies':58} {stored:6.1f} MB")
        print(f"{'cache':58} {size(whole, 'cache'):6.1f} MB")
        brainalign_process("fetch", first, home=grown).succeeded()
        for command in ("backfill", "history", "drift"):
            brainalign_process(command, home=grown).succeeded()
        measured("one more board: fetch", "fetch", last, home=grown)
        measured("one more board: history", "history", home=grown)
        measured("one more board: its report, all of it", "report", "-o", grown / "r.html", home=grown)
        watched = Path(folder) / "watched"
        measured("run, the first board", "run", "--source", first, home=watched)
        measured("run, one more board: all of it", "run", "--source", last, home=watched)


if __name__ == "__main__":
    main()
