"""The real payloads, parsed once."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from brainalign_monitor.sources.payload import parse_payload
from brainalign_plugin.analysis import Analysis, analyse
from brainalign_plugin.data.snapshot import Snapshot


def _dated(folder: Path) -> dict[str, Path]:
    """Payload files by their date, oldest first."""
    return {path.name.split("compare-data-")[1][:10]: path for path in sorted(folder.glob("compare-data-*.json.gz"))}


@pytest.fixture(scope="session")
def real_documents(shared_site: Path) -> dict[str, Any]:
    """The JSON of each real payload by its date, untouched by our reader."""
    return {date: json.loads(gzip.decompress(path.read_bytes())) for date, path in _dated(shared_site).items()}


@pytest.fixture(scope="session")
def real_snapshots(shared_site: Path) -> dict[str, Snapshot]:
    """The snapshot of each real payload by its date, oldest first."""
    received = datetime(2030, 1, 1, tzinfo=UTC)
    return {
        date: parse_payload(path.read_bytes(), path.name, received).snapshot
        for date, path in _dated(shared_site).items()
    }


@pytest.fixture(scope="session")
def real_analyses(real_snapshots: dict[str, Snapshot]) -> dict[str, Analysis]:
    """The analysis of each real payload by its date."""
    return {date: analyse(snapshot) for date, snapshot in real_snapshots.items()}
