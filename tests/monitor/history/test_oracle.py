"""``diff --json`` and ``history --json`` against a second computation that uses nothing of the two packages."""

from __future__ import annotations

import copy
import gzip
import json
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainalign_monitor.simulator import DEFAULT_PAPERS, Paper, SimulationParameters
from tests.commands import brainalign
from tests.monitor.history.oracle import STEPS, attribution, figures, published
from tests.planted_events import (
    Backfill,
    NewBenchmark,
    NewModels,
    RemovedBenchmark,
    RemovedModel,
    RenamedModel,
    Restatement,
    payload,
    simulate,
)

# Two papers hold 39 of the 51 leaves; a few of each are enough here, and fast.
_PAPERS = tuple(replace(paper, leaves=paper.leaves[:4]) for paper in DEFAULT_PAPERS)
_LEAVES = [path.rsplit("/", 1)[-1] for paper in _PAPERS if paper.part != "engineering" for path in paper.leaves]
_SPARSE = Paper("Lacuna2020", "behavior", ("Lacuna2020/Lacuna2020-accuracy",), first_run=0.3, rerun=0.3)
_NEW = Paper("Novella2021", "behavior", ("Novella2021/Novella2021-consistency",), date(2022, 2, 3), rerun=0.8)
_UNRUN = Paper("Novella2022", "neural", ("V4/Novella2022-pls",), date(2022, 3, 3), first_run=0.2, rerun=0.2)

DAYS = tuple(date(2022, month, 1) for month in range(1, 8))
EVENTS = (
    NewBenchmark(_NEW),
    NewBenchmark(_UNRUN),
    NewModels(date(2022, 2, 5), 6, ability=1.0),
    Restatement(date(2022, 3, 10), tuple(_LEAVES[:3]), scale=0.7, noise=0.1, new_version=False),
    Backfill(date(2022, 3, 12), "Lacuna2020-accuracy", scored=0.8),
    Restatement(date(2022, 4, 10), (_LEAVES[1], _LEAVES[5]), noise=0.2, coverage=0.9),
    RemovedBenchmark(date(2022, 5, 10), _LEAVES[2]),
    # Run again on few models, so that the cleaning drops it.
    Restatement(date(2022, 6, 10), (_LEAVES[0],), noise=0.1, coverage=0.2),
)


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    """Seven months in which all happens that a board can see, then a board whose tree alone is another, and back."""
    parameters = SimulationParameters(models=45, repeated_names=2, papers=(*_PAPERS, _SPARSE), end=date(2022, 6, 1))
    first, second = simulate(11, parameters, EVENTS).life.ids[:2]
    gone = (RemovedModel(date(2022, 4, 11), first), RenamedModel(date(2022, 4, 12), second, "another name"))
    life = simulate(11, parameters, (*EVENTS, *gone))
    said = [json.loads(json.dumps(payload(life, day))) for day in DAYS]
    moved = copy.deepcopy(said[-1])
    nodes = {node["type_id"]: node for node in moved["benchmarks"]}
    # A leaf of another region weighs otherwise, and no cell differs.
    nodes["Ersatz2015.IT-pls"]["parent_id"] = nodes["V4"]["id"]
    return [*said, moved, said[-1]]


def compared(attribution_of: dict[str, Any], expected: dict[str, Any]) -> None:
    assert attribution_of.keys() == expected.keys()
    for figure, parts in expected.items():
        found = dict(attribution_of[figure])
        assert found.pop("analysis") == 0
        assert found == (dict.fromkeys(STEPS) if parts is None else pytest.approx(parts, abs=1e-9)), figure


def test_diff_on_simulated_boards(documents, tmp_path):
    said = [published(document) for document in documents]
    files = []
    for number, document in enumerate(documents):
        files.append(tmp_path / f"{number}.json")
        files[-1].write_text(json.dumps(document))
    causes = set()
    # Backwards too: everything that came goes again.
    for i, j in [*pairwise(range(len(files))), *pairwise(reversed(range(len(files)))), (0, 6)]:
        record = brainalign("diff", files[i], files[j], "--json").json["figures"]
        expected = attribution(said[i], said[j])
        compared({name: figure["attribution"] for name, figure in record.items()}, expected)
        for side, at in (("from", i), ("to", j)):
            board = said[at].scores[sorted(said[at].kept())].dropna()
            for name, value in figures(board, said[at].parents).items():
                told = record[name][side]
                assert np.isnan(value) if told is None else told == pytest.approx(value, abs=1e-9), name
        causes |= {c for parts in expected.values() if parts for c, part in parts.items() if abs(part) > 1e-9}
    assert causes == set(STEPS)


def check_history(home: Path, said: list[Any]) -> None:
    record = brainalign("history", "--json", home=home).succeeded().json
    moments = [point["as_of"] for point in record["series"]["models"] if point["panel"] == "full"]
    assert len(moments) == len(said)
    assert record["schema"] == 2
    changes = {(c["figure"], c["from"], c["to"]): c for c in record["changes"]}
    for (one, other), (start, end) in zip(pairwise(said), pairwise(moments), strict=True):
        for figure, parts in attribution(one, other).items():
            change = changes.pop((figure, start, end), None)
            if change is None:
                assert parts is None or parts == pytest.approx(dict.fromkeys(parts, 0.0), abs=1e-9)
            elif parts is None:
                assert change["attribution"] == {**dict.fromkeys(STEPS), "analysis": 0.0}
                assert "cannot be split" in change["reasons"][0]
            else:
                assert change["attribution"] == pytest.approx({**parts, "analysis": 0.0}, abs=1e-9)
                assert sum(change["attribution"].values()) == pytest.approx(change["delta"], abs=1e-9)
    assert changes == {}


def test_history_on_simulated_boards(documents, tmp_path):
    for document, day in zip(documents, DAYS, strict=False):
        path = tmp_path / f"compare-data-{day}.json"
        path.write_text(json.dumps(document))
        brainalign("fetch", path, home=tmp_path / "home").succeeded()
    check_history(tmp_path / "home", [published(document) for document in documents[:7]])


def test_history_on_the_real_boards(shared_site, tmp_path):
    said = []
    for day in ("2023-07-01", "2023-10-01", "2024-01-01"):
        path = shared_site / f"compare-data-{day}.json.gz"
        brainalign("fetch", path, home=tmp_path).succeeded()
        said.append(published(json.loads(gzip.decompress(path.read_bytes()))))
    check_history(tmp_path, said)
