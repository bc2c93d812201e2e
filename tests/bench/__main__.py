"""Run the benchmark and print docs/speed.md: median seconds of CPU of each, and the ratio to ours.

Seconds of CPU, because a machine that also does other work makes wall time longer. Peers come with the extra
``[bench]``; one that is absent is skipped by name. Each measurement runs in a process of its own with a time limit, so
that a peer that does not come back costs no more than that.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from statistics import median

from brainalign_plugin.data.board import Board

from . import ours, peers
from .boards import real, simulated

REPEATS = 5
LIMIT = 60.0
FAILED = "failed: the traceback is above"


@dataclass(frozen=True)
class Task:
    """One thing to measure, by us and by peers, on one board."""

    name: str
    board: str
    ours: Callable[[Board], object]
    peers: tuple[tuple[str, Callable[[Board], object]], ...] = ()
    repeats: int = REPEATS

    def __str__(self) -> str:
        return f"{self.name}, {self.board}"


COPELAND = (("pref_voting", peers.pref_voting_copeland), ("corankco", peers.corankco_copeland))
KEMENY = (("pref_voting", peers.pref_voting_kemeny), ("corankco", peers.corankco_kemeny))
IIA = (
    ("recomputed", partial(peers.recomputed_iia, ours.closed_forms)),
    ("pref_voting", peers.pref_voting_iia),
    ("pymcdm", peers.pymcdm_iia),
    ("benchbench", peers.benchbench_iia),
)
BRADLEY_TERRY = (("choix", peers.choix_bradley_terry), ("bencheval", peers.bencheval_bradley_terry))
PARALLEL_ANALYSIS = (("numpy loop", peers.parallel_analysis), ("horns", peers.horns_parallel_analysis))

TASKS = (
    Task("Copeland", "real 83 × 51", ours.copeland, COPELAND),
    Task("Copeland", "1,420 × 52", ours.copeland, COPELAND),
    Task("Copeland", "1,420 × 52, 10 % missing", ours.copeland, COPELAND),
    Task("Kemeny, proven", "real 83 × 51", ours.kemeny, KEMENY),
    Task("Kemeny, proven", "real 135 × 50", ours.kemeny),
    Task("Kemeny, bounded", "real 281 × 53 full", ours.kemeny, repeats=1),
    Task("IIA, all closed forms", "real 83 × 51", partial(ours.iia, ours.closed_forms), IIA),
    Task("IIA, all closed forms", "1,420 × 52", partial(ours.iia, ours.closed_forms), IIA),
    Task("Intervals of ranks", "real 83 × 51", ours.rank_intervals),
    Task("Intervals of ranks", "1,420 × 52", ours.rank_intervals),
    Task("Plackett-Luce", "real 83 × 51", ours.plackett_luce, (("choix", peers.choix_plackett_luce),)),
    Task("Plackett-Luce", "1,420 × 52", ours.plackett_luce, (("choix", peers.choix_plackett_luce),)),
    Task("Plackett-Luce", "1,420 × 52, 10 % missing", ours.plackett_luce),
    Task("Bradley-Terry", "real 83 × 51", ours.bradley_terry, BRADLEY_TERRY),
    Task("Bradley-Terry", "1,420 × 52", ours.bradley_terry, BRADLEY_TERRY),
    Task(
        "Bradley-Terry", "1,420 × 52, 10 % missing", ours.bradley_terry, (("bencheval", peers.bencheval_bradley_terry),)
    ),
    Task("Parallel analysis, 1,000", "real 83 × 51", ours.parallel_analysis, PARALLEL_ANALYSIS),
    Task("Parallel analysis, 1,000", "1,420 × 52", ours.parallel_analysis, PARALLEL_ANALYSIS),
    Task(
        "Rank correlations, pairwise complete", "real 281 × 53 full", ours.pairwise, (("scipy loop", peers.pairwise),)
    ),
)

BOARDS: dict[str, Callable[[], Board | None]] = {
    "real 83 × 51": lambda: real("2024-01-01"),
    "real 135 × 50": lambda: real("2023-10-01"),
    "real 281 × 53 full": lambda: real("2024-01-01", cleaned=False),
    "1,420 × 52": lambda: simulated(1420, 52),
    "1,420 × 52, 10 % missing": lambda: simulated(1420, 52, missing=0.1),
}


HEAD = """# How fast it is

Written by `make speed`, on one core. Each measurement runs in a process of its own, several times; *seconds* is the
median of its CPU time, *ratio* that to ours, *MB* the most memory of the process with all that it loads. Boards are
models × benchmarks; the real ones are of the site, the others are drawn from a seed. Peers
are those that were installed and have such a function.

| task | board | who | seconds | ratio | MB | remark |
|---|---|---|---|---|---|---|"""

Result = tuple[float, float, str]


def _spent() -> float:
    """Seconds of CPU of this process and of the ended ones that it had started."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _measured(run: Callable[[Board], object], board: Board, repeats: int, answer: Connection) -> None:
    # A group of its own, because some peers start a solver, which is to end with them.
    os.setpgid(0, 0)
    try:
        for _ in range(repeats):
            start = _spent()
            said = run(board)
            seconds = _spent() - start
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            answer.send((seconds, memory, said if isinstance(said, str) else ""))
    except ImportError as absent:
        answer.send(f"{absent.name} is not installed")


def measure(run: Callable[[Board], object], board: Board, repeats: int, limit: float) -> Result | str:
    """Median seconds, megabytes at most and a remark; or why there is no measurement."""
    receive, send = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=_measured, args=(run, board, repeats, send))
    process.start()
    send.close()
    found: list[Result] = []
    try:
        for _ in range(repeats):
            if not receive.poll(limit):
                return f"> {limit:.0f} s, stopped"
            said: Result | str = receive.recv()
            if isinstance(said, str):
                return said
            found.append(said)
    except EOFError:
        return FAILED
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()
    return median(seconds for seconds, _, _ in found), found[-1][1], found[-1][2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for and print the table; 1 if something of ours failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", default="", help="measure the tasks whose name contains this")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds for one repeat (default 60)")
    asked = parser.parse_args(arguments)
    print(HEAD)
    failed = 0
    for task in TASKS:
        if asked.only.lower() not in task.name.lower():
            continue
        board = BOARDS[task.board]()
        if board is None:
            print(f"| {task.name} | {task.board} | | | | | skipped: the real payloads are not at hand |")
            continue
        base = 0.0
        for who, run in (("ours", task.ours), *task.peers):
            found = measure(run, board, task.repeats, asked.limit)
            if isinstance(found, str):
                failed += who == "ours" and found == FAILED
                absent = found.endswith("is not installed")
                line = f"| {task.name} | {task.board} | {who} | | | | {found} |"
                print(line, file=sys.stderr if absent else None, flush=True)
                continue
            seconds, memory, said = found
            base = seconds if who == "ours" else base
            ratio = f"{seconds / base:.1f}" if base else "–"
            cells = (task.name, task.board, who, f"{seconds:.3f}", ratio, f"{memory:.0f}", said)
            print("|", " | ".join(cells), "|", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
