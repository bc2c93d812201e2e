"""What tests of the monitor share: homes that hold something, and an address that never answers."""

from __future__ import annotations

import gzip
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from brainalign_monitor.operations import reporting
from tests.commands import Ended, brainalign
from tests.local_site import LocalSite, local_site
from tests.monitor.faults.driver import write_plain_report
from tests.monitor.sources.samples import body_of, document

DATES = ("2021-07-01", "2022-01-01", "2022-07-01", "2023-01-01", "2023-07-01", "2023-10-01", "2024-01-01")


@pytest.fixture
def silent_address() -> Iterator[str]:
    """An address that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A payload of four models in a file."""
    path = tmp_path / "board.json"
    path.write_bytes(body_of(document(4)))
    return path


@pytest.fixture(scope="session")
def _stored_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stored")
    (folder / "board.json").write_bytes(body_of(document(4)))
    brainalign("run", "--source", folder / "board.json", home=folder / "home").succeeded()
    return folder / "home"


@pytest.fixture
def stored(tmp_path: Path, _stored_once: Path) -> Path:
    """A home folder of its own that holds the small board and its report."""
    return shutil.copytree(_stored_once, tmp_path / "home")


@dataclass(frozen=True)
class Watched:
    """A site that served the seven real payloads in turn, and what the run with each of them said."""

    home: Path
    site: LocalSite
    bodies: tuple[bytes, ...]
    pulls: tuple[Ended, ...]


def reports_in(home: Path) -> list[Path]:
    return sorted((home / "reports/vision").glob("*"))


@pytest.fixture(scope="session")
def watched(shared_site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    home = tmp_path_factory.mktemp("watched")
    bodies = tuple(gzip.decompress((shared_site / f"compare-data-{day}.json.gz").read_bytes()) for day in DATES)
    with local_site() as site, pytest.MonkeyPatch.context() as patch:
        # All but the last: each takes eight seconds.
        patch.setattr(reporting, "write_snapshot_report", write_plain_report)
        pulls = []
        for number, body in enumerate(bodies):
            # Every other one as a server sends it that packs what it serves.
            site.serve(body, encoding="gzip" if number % 2 else None)
            if body is bodies[-1]:
                patch.undo()
            pulls.append(brainalign("run", home=home, base_url=site.url))
        yield Watched(home, site, bodies, tuple(pulls))
