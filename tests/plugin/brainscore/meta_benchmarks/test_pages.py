"""The page on use with Brain-Score: what it tells to type is typed, what it lists is what there is."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, date, datetime

import pytest

from brainalign_monitor.simulator import payload_bytes, simulate
from brainalign_monitor.sources.payload import parse_payload
from brainalign_plugin.brainscore.link import LinkState
from brainalign_plugin.brainscore.registration import identifiers
from brainalign_plugin.data.official import CellState
from brainalign_plugin.files.model_scores import cells_of_model
from tests.commands import documented_table
from tests.conftest import ROOT

PAGE = "brainscore.md"
_, SECTION, REST = re.split(
    r"^(?=## (?:In short|Link)$)", (ROOT / "docs" / PAGE).read_text(encoding="utf-8"), flags=re.MULTILINE
)


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


# In place of the network that the page names, whose weights would be downloaded.
ALEXNET = """
    from brainscore_vision import model_registry
    from brainscore_vision.model_interface import BrainModel

    class Alexnet(BrainModel):
        identifier = 'alexnet'

    model_registry['alexnet'] = Alexnet
"""


@pytest.fixture
def reader(environment, tmp_path):
    """Someone who has followed Start so far: a snapshot in the store, and a file of the scores of one model."""
    body = payload_bytes(simulate(1), date(2024, 1, 1))
    (tmp_path / "board.json").write_bytes(body)
    snapshot = parse_payload(body, "board.json", datetime(2024, 1, 1, tzinfo=UTC)).snapshot
    cells = max(
        (cells_of_model(snapshot, model, "") for model in snapshot.models),
        key=lambda found: sum(cell.state == CellState.SCORED for cell in found.values()),
    )
    lines = [f"{name},{cell.score},\n" for name, cell in cells.items() if cell.state == CellState.SCORED]
    (tmp_path / "scores.csv").write_text("benchmark,score,error\n" + "".join(lines))
    (environment.package / "models/alexnet").rename(environment.folder / "alexnet")
    folder = environment.add_plugin("models", "alexnet", ALEXNET)
    yield environment
    shutil.rmtree(folder)
    (environment.folder / "alexnet").rename(environment.package / "models/alexnet")


@pytest.mark.needs("brainscore")
def test_the_page_runs(reader, tmp_path):
    before = reader.tree()
    home = {"home": tmp_path / "home"}
    reader.brainalign("fetch", tmp_path / "board.json", **home).succeeded()
    first, second = blocks(SECTION, "sh")
    (snippet,) = blocks(SECTION, "python")
    assert SECTION.count("```") == 6, "every block is run"
    (tmp_path / "snippet.py").write_text(snippet)
    (page,) = blocks(REST, "python")
    (tmp_path / "page.py").write_text(page)
    lines = [
        f"cd {tmp_path}",
        first,
        "python -W error::DeprecationWarning snippet.py",
        second,
        "cd home && ln -s ../scores.csv . && python -W error ../page.py",
    ]
    (tmp_path / "typed.sh").write_text("set -e\n" + "\n".join(lines))
    ended = reader.run("bash", tmp_path / "typed.sh", **home).succeeded()
    assert reader.tree() == before
    out = ended.out
    assert "frozen: reference base (" in out
    assert "linked: brainscore_vision 2." in out
    assert re.search(r"array\(0\.\d+\)|array\(1\.\)", out), "the score"
    assert re.search(r"^above \d+% of \d+ models, rank \d+\ninterval of the rank: \[\d+, \d+\]$", out, re.MULTILINE)
    assert "the only reference: reference base (" in out
    assert "✓ link " in out
    assert "not linked into brainscore_vision" in out
    assert re.search(r"^On (these|all) \d+ benchmarks: rank \d+ of \d+, \d+ to \d+ \(\w+\)$", out, re.MULTILINE)


def test_every_meta_benchmark_is_listed():
    assert [row[0].strip("`") for row in documented_table("## Meta-benchmarks", PAGE)] == list(identifiers())


def test_every_state_of_the_link_is_listed():
    assert [row[0].strip("`") for row in documented_table("## Link", PAGE)] == [
        LinkState.LINKED,
        LinkState.ABSENT,
        LinkState.GONE,
        LinkState.OUTDATED,
        LinkState.FOREIGN,
        LinkState.NO_BRAINSCORE,
    ]


@pytest.mark.needs("brainscore")
def test_every_variable_is_listed():
    from brainalign_plugin.brainscore.settings import VARIABLES

    assert [row[0].strip("`") for row in documented_table("## Where the scores come from", PAGE)] == list(VARIABLES)
