"""Home folders whose stores hold a simulated past."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from brainalign_monitor.history.periods import midnight
from brainalign_monitor.simulator import SimulationParameters
from brainalign_monitor.sources.payload import parse_payload
from brainalign_monitor.store import open_store
from tests.commands import brainalign
from tests.monitor.history.planted import DENSE
from tests.planted_events import Restatement, payload_bytes, simulate

# Leaves are rescored in place between the two observed boards: only what was seen tells that.
LIFE = simulate(
    4,
    SimulationParameters(models=60, repeated_names=2),
    (Restatement(date(2022, 2, 10), DENSE[:24], scale=0.2, noise=0.6, new_version=False),),
)
OBSERVED = (date(2022, 1, 20), date(2022, 3, 15))


def observe(home: Path, day: date) -> None:
    """Store the board of a day as if it had been fetched on it."""
    body, when = payload_bytes(LIFE, day), midnight(day)
    with open_store(home / "brainalign.sqlite", home / "bodies") as store:
        store.add(parse_payload(body, "simulated", when).snapshot, body, seen_at=when)


@pytest.fixture(scope="session")
def shared_past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two observed boards and the months before them, reconstructed from each; only its cache may change."""
    home = tmp_path_factory.mktemp("past")
    for day in OBSERVED:
        observe(home, day)
        brainalign("backfill", "--from", "2021-07-01", home=home).succeeded()
    return home


@pytest.fixture
def past(shared_past: Path, tmp_path: Path) -> Path:
    """A copy of it that may be changed, without a cache."""
    return Path(shutil.copytree(shared_past, tmp_path / "home", ignore=shutil.ignore_patterns("cache")))
