"""The demonstration: a simulated leaderboard's life, through the same pipeline as the real one."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import OutputError, ReportError, StoreError
from ..base.files import packed, write_atomically
from ..base.progress import Stage, silent
from ..operations import pull, reporting
from ..simulator import payload_bytes, simulate

if TYPE_CHECKING:
    from ..config.settings import Settings

DEMO_DATES = (date(2021, 7, 1), date(2022, 7, 1), date(2023, 7, 1), date(2024, 1, 1))


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Results of the demonstration."""

    home: Path
    snapshots: int
    report: Path


def run_demo(
    settings: Settings,
    seed: int,
    output: Path,
    clock: pull.Clock,
    stage: Stage = silent,
) -> DemoResult:
    """Simulate a leaderboard, write the payloads that its site would serve, store each and report on the newest.

    The simulated board has a state folder of its own below the home folder, so that it never mixes with a real one.
    Each demonstration begins it anew: an earlier release may have simulated another board from the same seed. Raises
    StoreError if the state folder cannot be written. Raises ReportError if the report cannot be made or written.

    `seed`: the same seed gives the same board. `output`: where the report of the last snapshot is written.
    """
    home = settings.home / "demo" / f"seed-{seed}"
    own = settings.model_copy(update={"home": home, "store": None, "domain": "vision"})
    command = shlex.join(["brainalign", "demo", "--seed", str(seed), "--output", output.name])
    command = reporting.thresholds_prefix(settings) + command
    _clear(home)
    with stage("simulating a leaderboard"):
        life = simulate(seed)
        for day in DEMO_DATES:
            path = home / "payloads" / f"compare-data-{day}.json.gz"
            write_atomically(path, packed(payload_bytes(life, day)), StoreError)
    with pull.open_home(own) as store:
        report = pull.run(own, store, str(home / "payloads"), clock, stage, command).report
        stored = len(store.snapshots())
    try:
        html = report.read_bytes()
    except OSError as cause:
        raise ReportError(
            f"cannot read the report {str(report)!r}: {cause.strerror}; run it again"
        ) from cause
    write_atomically(output, html, OutputError)
    return DemoResult(home, stored, output)


def _clear(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as cause:
        raise StoreError(
            f"cannot clear {str(folder)!r} of an earlier demonstration: {cause.strerror}; remove it by hand"
        ) from cause
