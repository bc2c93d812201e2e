"""The demonstration: a simulated board through the same pipeline, marked wherever it shows, and its truth found."""

from __future__ import annotations

import gzip
import json
import re
import shlex
import socket
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from brainalign_monitor.cli import board_commands
from brainalign_monitor.simulator import DEFAULT_PAPERS, SimulationParameters, payload_bytes, simulate
from tests.commands import Ended, brainalign
from tests.simulated import expected_figures

DATES = ["2021-07-01", "2022-07-01", "2023-07-01", "2024-01-01"]


@dataclass(frozen=True)
class Demo:
    """A demonstration with seed 1 that was made without a network."""

    home: Path
    output: Path
    ended: Ended
    stages: tuple[str, ...]

    @property
    def state(self) -> Path:
        return self.home / "demo/seed-1"


def no_network(*_: object) -> None:
    raise AssertionError("the demonstration asked for a network")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    stages: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", no_network)
        patch.setattr(socket, "getaddrinfo", no_network)
        patch.setattr(board_commands, "stage", lambda text: stages.append(text) or nullcontext())
        ended = brainalign("demo", "--home", folder / "home", "-o", folder / "demo.html")
    return Demo(folder / "home", folder / "demo.html", ended, tuple(stages))


def analysed(wanted: object, home: Path | None = None) -> dict[str, Any]:
    return brainalign("analyze", wanted, "--json", **({"home": home} if home else {})).succeeded().json


def test_every_date_is_stored_and_the_newest_reported(demo):
    demo.ended.succeeded()
    listed = brainalign("snapshots", "list", "--json", home=demo.state).succeeded().json
    assert [info["as_of"][:10] for info in listed] == DATES
    assert all(info["simulated"] and not info["reconstructed"] for info in listed)
    assert (listed[-1]["models"], listed[-1]["benchmarks"]) == (281, 51)
    assert [info["models"] for info in listed] == sorted({info["models"] for info in listed}), "it grows"
    reports = sorted((demo.state / "reports/vision").iterdir())
    assert [path.name[:10] for path in reports] == DATES[-1:]
    assert demo.output.read_bytes() == reports[0].read_bytes()
    looked_back = ("analysing the history", "attributing the changes", "comparing boards")
    made = ("analysing", "comparing the schemes of aggregation", "writing the report")
    steps = ("simulating a leaderboard", *("fetching", "storing") * 4, *looked_back, *made)
    assert tuple(stage.split(" /")[0] for stage in demo.stages) == steps
    assert "4 observed boards" in reports[0].read_text()


def test_the_output_says_where_everything_is(demo):
    lines = demo.ended.out.splitlines()
    assert lines == [
        f"4 simulated snapshots in {demo.state}",
        f"report: {demo.output}",
        f"open it in a browser: {demo.output.as_uri()}",
    ]


def test_a_real_board_never_mixes_with_it(demo):
    assert [path.name for path in demo.home.iterdir()] == ["demo"]
    assert brainalign("snapshots", "list", "--json", home=demo.home).json == []


def served(demo: Demo, day: str) -> dict[str, Any]:
    """The payload of a day."""
    return json.loads(gzip.decompress((demo.state / f"payloads/compare-data-{day}.json.gz").read_bytes()))


def test_the_payloads_are_in_the_sites_format_and_say_what_they_are(demo):
    documents = [served(demo, day) for day in DATES]
    for day, document in zip(DATES, documents, strict=True):
        assert document["simulated"] is True
        assert document.keys() >= {"domain", "datetime_range", "benchmarks", "models"}
        assert document["datetime_range"]["max"].startswith(day)
    document = documents[-1]
    names = [model["name"] for model in document["models"]]
    assert len(set(names)) < len(names), "names repeat, as on the site"
    values = {cell["value"] for model in document["models"] for cells in model["scores"].values() for cell in cells}
    assert {"X", ""} <= values


class VisibleText(HTMLParser):
    """The text of a page outside scripts, styles and templates."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._hidden = 0
        self.words: list[str] = []
        self.title = ""
        self._in_title = False
        self.feed(page)

    def handle_starttag(self, tag: str, _: object) -> None:
        self._hidden += tag in ("script", "style", "template")
        self._in_title = tag == "title"

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style", "template")
        self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif not self._hidden:
            self.words.append(data)


def test_everything_made_from_it_is_marked_as_simulated(demo):
    for path in [demo.output, *(demo.state / "reports/vision").iterdir()]:
        page = VisibleText(path.read_text())
        assert "simulated" in page.title.lower(), path
        above = " ".join(page.words)[:1500].lower()
        assert "simulated" in above, "before anything else"
    for arguments in (("analyze", "latest"), ("snapshots", "list"), ("snapshots", "show")):
        assert "simulated" in brainalign(*arguments, home=demo.state).succeeded().out.lower(), arguments
    exported = demo.home.parent / "exported.snapshot.json.gz"
    brainalign("snapshots", "export", "latest", "-o", exported, home=demo.state).succeeded()
    assert "SIMULATED" in brainalign("analyze", exported).succeeded().out
    assert "SIMULATED" in brainalign("analyze", exported, "--as-of", "2023-01-01").succeeded().out


def test_the_report_names_the_command_that_makes_it(demo):
    (command,) = re.findall(r'<code id="command">(brainalign demo [^<]*)</code>', demo.output.read_text())
    assert shlex.split(command) == ["brainalign", "demo", "--seed", "1", "--output", "demo.html"]


def test_the_same_seed_gives_the_same_board(demo):
    life = simulate(1)
    for day in DATES:
        kept = (demo.state / f"payloads/compare-data-{day}.json.gz").read_bytes()
        assert gzip.decompress(kept) == payload_bytes(life, date.fromisoformat(day))
    assert payload_bytes(simulate(2), date(2024, 1, 1)) != payload_bytes(life, date(2024, 1, 1))


def test_what_another_release_left_is_cleared_and_nothing_else(tmp_path, monkeypatch):
    class StoppedError(Exception):
        pass

    def stop(*_: object) -> None:
        raise StoppedError

    stale, mine = tmp_path / "demo/seed-1/brainalign.sqlite", tmp_path / "demo/seed-2/kept"
    for path in (stale, mine, tmp_path / "brainalign.toml"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.setattr("brainalign_monitor.service.demo.simulate", stop)
    with pytest.raises(StoppedError):
        brainalign("demo", "--home", tmp_path, "-o", tmp_path / "demo.html")
    assert not stale.exists()
    assert mine.exists()
    assert (tmp_path / "brainalign.toml").exists()


def test_a_folder_that_cannot_be_cleared(tmp_path):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo/seed-1").write_text("a file")
    ended = brainalign("demo", "--home", tmp_path, "-o", tmp_path / "demo.html")
    assert ended.code == 6
    assert "remove it by hand" in ended.problem


@pytest.mark.parametrize("part_correlation", [0.65, 0.05])
def test_the_analysis_finds_the_truth_of_a_large_board(tmp_path, part_correlation):
    papers = tuple(replace(paper, first_run=1.0, rerun=1.0, failure=0.0) for paper in DEFAULT_PAPERS)
    parameters = SimulationParameters(models=1500, papers=papers, delay_spread=0.5, part_correlation=part_correlation)
    life = simulate(3, parameters)
    path = tmp_path / "board.json"
    path.write_bytes(payload_bytes(life, date(2024, 6, 1)))
    found, true = analysed(path), expected_figures(life)
    assert found["cleaning"]["models"] == 1500
    blocks = found["agreement"]["blocks"]
    pairs = {
        "mean": (found["agreement"]["mean"], true.rho_mean),
        "pairwise": (found["agreement"]["pairwise"]["mean"], true.rho_mean),
        "neural": (blocks["neural_vision|neural_vision"], true.rho_neural),
        "behavior": (blocks["behavior_vision|behavior_vision"], true.rho_behavior),
        "across": (blocks["neural_vision|behavior_vision"], true.rho_across),
        "R² behavior": (found["explained_variance"]["behavior_vision"], true.r2_behavior),
        "R² neural": (found["explained_variance"]["neural_vision"], true.r2_neural),
    }
    for name, (ours, truth) in pairs.items():
        assert ours == pytest.approx(truth, abs=0.03), name
    assert found["spread"]["neural_vision"]["sd"] == pytest.approx(true.sd_neural, rel=0.06)
    assert found["spread"]["behavior_vision"]["sd"] == pytest.approx(true.sd_behavior, rel=0.06)


def test_the_analysis_of_the_demonstration_is_near_its_truth(demo):
    record = analysed("latest", demo.state)
    nodes = served(demo, DATES[-1])["benchmarks"]
    names = {node["type_id"] for node in nodes if node["is_leaf"] and not node["is_engineering"]}
    kept = sorted(names - set(record["cleaning"]["dropped_benchmarks"]))
    assert len(kept) == record["cleaning"]["benchmarks"] == 49
    true = expected_figures(simulate(1), kept)
    # Of 86 models, so near and not at it.
    assert record["agreement"]["mean"] == pytest.approx(true.rho_mean, abs=0.06)
    assert record["explained_variance"]["behavior_vision"] == pytest.approx(true.r2_behavior, abs=0.05)
    assert record["spread"]["behavior_vision"]["sd"] > 2 * record["spread"]["neural_vision"]["sd"]
    assert record["snapshot"]["official_max_abs_diff"] < 0.001
