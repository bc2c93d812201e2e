"""Tests of the plugin in the form that Brain-Score runs."""

# ruff: noqa: S101, D103 -- a test asserts, and its name says what
from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from brainscore_vision import load_benchmark

from brainalign_plugin.data.board import Model
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.data.tree import Benchmark, BenchmarkTree
from brainalign_plugin.errors import ReferenceBoardError
from brainalign_plugin.files.reference import freeze
from brainalign_plugin.files.reference_file import reference_path, write_reference

# Brain-Score reads the identifiers from the text of the file.
IDENTIFIERS = re.findall(
    r"""benchmark_registry\[["'](.+?)["']\]""",
    (Path(__file__).parent / "__init__.py").read_text(encoding="utf-8"),
)
LEAVES = ("V1.a-pls", "V1.b-pls", "IT.c-pls", "Behaviour2018-d", "Behaviour2021-e", "Behaviour2021-f")


class NamedModel:
    """Candidate with an identifier only."""

    identifier = "candidate"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a home folder with one reference: five models with increasing scores on every benchmark."""
    groups = {"neural_vision": LEAVES[:3], "behavior_vision": LEAVES[3:]}
    nodes = [Benchmark("average_vision", None, is_leaf=False)]
    for group, leaves in groups.items():
        nodes.append(Benchmark(group, "average_vision", is_leaf=False))
        nodes += [Benchmark(leaf, group, is_leaf=True) for leaf in leaves]
    tree = BenchmarkTree(tuple(nodes))
    scores = np.full((5, len(nodes)), np.nan)
    for j, leaf in enumerate(LEAVES):
        scores[:, tree.index[leaf]] = 0.1 + 0.15 * np.arange(5) + 0.01 * j * np.array([1, -1, 1, -1, 1])
    snapshot = Snapshot(
        domain="vision",
        as_of_time=datetime(2024, 1, 1, tzinfo=UTC),
        source="test",
        sha256="0" * 64,
        models=tuple(Model(i, f"model{i}") for i in range(5)),
        tree=tree,
        states=np.where(np.isnan(scores), 0, 2).astype(np.int8),
        scores=scores,
        errors=np.full(scores.shape, np.nan),
        scored_at=np.full(scores.shape, np.datetime64("NaT", "us")),
    )
    write_reference(
        reference_path(tmp_path / "references", "test"),
        freeze(snapshot, "test", datetime(2024, 1, 2, tzinfo=UTC)),
    )
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path))
    return tmp_path


def test_registered() -> None:
    assert len(IDENTIFIERS) >= 14
    assert {"Ahlert2024-flat", "Ahlert2024-zmean", "Ahlert2024-rank"} <= set(IDENTIFIERS)


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_contract(identifier: str) -> None:
    benchmark = load_benchmark(identifier)
    assert benchmark.identifier == identifier
    assert benchmark.ceiling == 1
    assert isinstance(benchmark.version, int)
    assert benchmark.parent == "meta_vision"
    assert "url" in benchmark.bibtex


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_between_the_third_and_the_fourth(
    identifier: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home / "scores.csv"
    path.write_text("benchmark,score\n" + "".join(f"{leaf},0.475\n" for leaf in LEAVES), encoding="utf-8")
    monkeypatch.setenv("BRAINALIGN_SCORES", str(path))
    score = load_benchmark(identifier)(NamedModel())
    assert score == pytest.approx(3 / 5)
    assert score.attrs["rank"] == 3
    assert score.attrs["population"] == 5
    assert score.attrs["missing"] == []
    assert 0 <= score.attrs["error"] <= 1


def test_without_a_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path))
    with pytest.raises(ReferenceBoardError, match="brainalign reference freeze"):
        load_benchmark(IDENTIFIERS[0])(NamedModel())
