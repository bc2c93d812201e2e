"""The demonstration: a simulated leaderboard's life, through the same pipeline as the real one."""

from __future__ import annotations

import shlex
import shutil
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import ReportError, StoreError
from ..base.files import os_errors, packed, write_atomically
from ..base.progress import Stage, silent
from ..operations import pull, reporting
from ..simulator import payload_bytes, simulate

if TYPE_CHECKING:
    from ..config.settings import Settings

DEMO_DATES = (date(2021, 7, 1), date(2022, 7, 1), date(2023, 7, 1), date(2024, 1, 1))


def run_demo(settings: Settings, seed: int, output: Path, clock: pull.Clock, stage: Stage = silent) -> tuple[Path, int]:
    """Simulate a leaderboard, write the payloads that its site would serve, store each and report on the newest.

    The simulated board has a state folder of its own below the home folder, so that it never mixes with a real one.
    Each demonstration begins it anew: an earlier release may have simulated another board from the same seed. The
    report of the last snapshot is written to ``output``. Returns the state folder and the number of snapshots.
    """
    home = settings.home / "demo" / f"seed-{seed}"
    own = settings.model_copy(update={"home": home, "store": None, "domain": "vision"})
    command = shlex.join(["brainalign", "demo", "--seed", str(seed), "--output", output.name])
    command = reporting.thresholds_prefix(settings) + command
    with os_errors(StoreError, "clear the folder of an earlier demonstration,", home, "remove it by hand"):
        if home.exists():
            shutil.rmtree(home)
    with stage("simulating a leaderboard"):
        life = simulate(seed)
        for day in DEMO_DATES:
            path = home / "payloads" / f"compare-data-{day}.json.gz"
            write_atomically(path, packed(payload_bytes(life, day)), StoreError)
    with pull.open_home(own) as store:
        report = pull.run(own, store, str(home / "payloads"), clock, stage, command).report
        stored = len(store.snapshots())
    with os_errors(ReportError, "read the report", report, "run it again"):
        html = report.read_bytes()
    write_atomically(output, html)
    return home, stored
