"""The demonstration: a simulated leaderboard's life, through the same pipeline as the real one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from . import pipeline
from .errors import MonitorError, ReportError
from .files import write_atomically
from .simulator import payload_bytes, simulate
from .sources.payload import packed

if TYPE_CHECKING:
    from .config import Settings

DEMO_DATES = (date(2021, 7, 1), date(2022, 7, 1), date(2023, 7, 1), date(2024, 1, 1))


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demonstration left behind."""

    home: Path
    payloads: tuple[Path, ...]
    snapshots: int
    report: Path


def run_demo(
    settings: Settings,
    seed: int,
    output: Path,
    clock: pipeline.Clock,
    command: str,
    stage: pipeline.Stage = pipeline.silent,
) -> DemoResult:
    """Simulate a leaderboard, write the payloads that its site would serve, and run the pipeline on each in turn.

    The simulated board has a state folder of its own below the home folder, so that it never mixes with a real one.

    Parameters
    ----------
    seed : int
        The same seed gives the same board.
    output : Path
        Where the report of the last snapshot is written.
    """
    home = settings.home / "demo" / f"seed-{seed}"
    own = settings.model_copy(update={"home": home, "domain": "vision"})
    with stage("simulating a leaderboard"):
        life = simulate(seed)
        payloads = tuple(
            write_atomically(
                home / "payloads" / f"compare-data-{day}.json.gz",
                packed(payload_bytes(life, day)),
                MonitorError,
            )
            for day in DEMO_DATES
        )
    with pipeline.open_home(own) as store:
        for path in payloads:
            result = pipeline.run(own, store, str(path), clock, command, stage)
        stored = len(store.snapshots())
    write_atomically(output, result.report.read_bytes(), ReportError)
    return DemoResult(home, payloads, stored, output)
