"""The cleaned real boards, the later one too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from brainalign_monitor.sources.payload import parse_payload
from brainalign_plugin.data.board import Board
from brainalign_plugin.data.cleaning import clean
from brainalign_plugin.data.snapshot import Snapshot


@pytest.fixture(scope="session")
def real_snapshot(shared_site: Path) -> Callable[[str], Snapshot]:
    """The snapshot of a real payload, by the date in its name."""

    @cache
    def of(date: str) -> Snapshot:
        for folder in (shared_site, shared_site.parent / "more"):
            path = folder / f"compare-data-{date}.json.gz"
            if path.exists():
                return parse_payload(path.read_bytes(), path.name, datetime(2030, 1, 1, tzinfo=UTC)).snapshot
        pytest.skip(f"no compare-data-{date}.json.gz in {shared_site} or its neighbour 'more'")

    return of


@pytest.fixture(scope="session")
def real_board(real_snapshot: Callable[[str], Snapshot]) -> Callable[[str], Board]:
    """The cleaned board of a real payload, by the date in its name."""
    return cache(lambda date: clean(real_snapshot(date).board()).board)
