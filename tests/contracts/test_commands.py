"""Commands on a store of either kind, named by the setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import brainalign
from tests.contracts.conftest import Backend
from tests.monitor.sources.samples import body_of, document


@pytest.fixture
def board(tmp_path: Path) -> Path:
    path = tmp_path / "board.json"
    path.write_bytes(body_of(document(4)))
    return path


def test_commands_keep_snapshots_where_the_setting_says(backend: Backend, board: Path, tmp_path: Path) -> None:
    url, home = backend.fresh(), tmp_path / "home"
    assert brainalign("snapshots", "list", "--json", home=home, store=url).succeeded().json == []
    ended = brainalign("analyze", "latest", home=home, store=url)
    assert (ended.code, "holds no store" in ended.problem) == (6, True), "looking makes none"
    if backend.name == "postgres":
        tables = backend.execute(url, "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'")
        assert tables == [(0,)]
    else:
        assert not Path(url).exists()
    brainalign("run", "--source", board, home=home, store=url).succeeded()
    assert not (home / "brainalign.sqlite").exists()
    assert len(brainalign("snapshots", "list", "--json", home=home, store=url).succeeded().json) == 1
    shown = brainalign("analyze", "latest", "--json", home=home, store=url).succeeded().json
    assert shown["snapshot"]["models"] == 4
