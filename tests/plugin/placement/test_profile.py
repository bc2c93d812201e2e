"""Strengths, neighbours and cells of one model beside those of another."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from brainalign_plugin.data.official import CellState
from brainalign_plugin.files.model_scores import Cell, cells_of_model
from brainalign_plugin.files.reference import freeze
from brainalign_plugin.placement.place import place, unused_names
from brainalign_plugin.placement.profile import NEIGHBOURS, beside
from brainalign_plugin.schemes.scaling import NORMAL_SCORE
from tests.boards import day, snapshot_of, tree_of

LEAVES = ("A2020.V1-pls", "B2021.V4-pls", "C2022.IT-pls", "D2018-i2n", "E2021-acc", "F2021-acc")
TREE = tree_of(
    {
        "average_vision": {
            "neural_vision": {"V1": {LEAVES[0]: None}, "V4": {LEAVES[1]: None}, "IT": {LEAVES[2]: None}},
            "behavior_vision": {LEAVES[3]: None, "E2021": {LEAVES[4]: None, LEAVES[5]: None}},
        }
    }
)


def reference_of(rows=None):
    if rows is None:
        rows = np.random.default_rng(4).uniform(0.05, 0.7, (25, 6)).round(3).tolist()
        rows[2][1], rows[3][4], rows[4][0] = "X", "", ""
    return freeze(snapshot_of(TREE, rows), "made", day(20))


REFERENCE = reference_of()
MINE = {
    LEAVES[0]: Cell(0.55, 0.02),
    LEAVES[1]: Cell(0.12),
    LEAVES[2]: Cell(math.nan, state=CellState.FAILED),
    LEAVES[3]: Cell(0.61),
    LEAVES[5]: Cell(0.3),
}


@pytest.fixture(scope="module")
def placed():
    return place(REFERENCE, MINE, resamples=0)


def test_normal_scores_by_hand(placed):
    expected = {}
    for leaf, cell in MINE.items():
        if cell.state is CellState.SCORED:
            values = REFERENCE.norms[leaf].values
            p = ((values < cell.score).sum() + (values == cell.score).sum() / 2 + 0.5) / (len(values) + 1)
            expected[leaf] = stats.norm.ppf(p)
    found = {one.benchmark: one.normal_score for one in placed.benchmarks}
    assert found == pytest.approx(expected)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert placed.benchmarks[0].models == REFERENCE.norms[placed.benchmarks[0].benchmark].count
    assert {one.benchmark: one.score for one in placed.benchmarks}[LEAVES[3]] == 0.61


def test_neighbours_by_hand(placed):
    board = REFERENCE.board
    normal = NORMAL_SCORE.fit(board.scores)(board.scores)
    mine = {one.benchmark: one.normal_score for one in placed.benchmarks}
    expected = []
    for row, model in zip(normal, board.models, strict=True):
        pairs = [
            (mine[leaf], z) for leaf, z in zip(board.leaves, row, strict=True) if leaf in mine and not math.isnan(z)
        ]
        a, b = np.array(pairs).T
        expected.append((float(np.sqrt(((a - b) ** 2).mean())), model.id, stats.pearsonr(a, b)[0], len(pairs)))
    expected.sort()
    assert len(placed.neighbours) == NEIGHBOURS
    for found, (distance, model, correlation, shared) in zip(placed.neighbours, expected, strict=False):
        assert (found.model.id, found.shared) == (model, shared)
        assert (found.distance, found.correlation) == (pytest.approx(distance), pytest.approx(correlation))


def test_a_copy_is_its_own_nearest_neighbour():
    snapshot = REFERENCE.snapshot
    for model in snapshot.models[5:8]:
        cells = cells_of_model(snapshot, model, "board")
        nearest = place(REFERENCE, cells, ("FLAT",), resamples=0).neighbours[0]
        assert (nearest.model.id, nearest.distance) == (model.id, 0.0)
        assert nearest.correlation == pytest.approx(1)
        without = place(REFERENCE, cells, ("FLAT",), resamples=0, leave_out=(model.id,))
        assert model.id not in [one.model.id for one in without.neighbours]


def test_a_model_that_shares_little_is_no_neighbour():
    rows = [[0.1 * i] * 6 for i in range(1, 6)]
    rows[2][:4] = ["", "", "", ""]
    reference = reference_of(rows)
    found = place(reference, {leaf: Cell(0.3) for leaf in LEAVES}, ("FLAT",), resamples=0)
    assert len(found.neighbours) == 4
    assert reference.board.models[2].id not in [one.model.id for one in found.neighbours]
    # Profiles on one level have no correlation.
    assert all(math.isnan(one.correlation) for one in found.neighbours)


def test_names_that_the_reference_does_not_have():
    given = MINE | {
        "e2021-ACC_v2": Cell(0.4),
        "C2022.IT.pls": Cell(0.4),
        "Unrelated2000-x": Cell(0.1),
        "A2020.V1-plz": Cell(0.2),
        "C2022public.IT-pls": Cell(0.9),
    }
    found = place(REFERENCE, given, ("FLAT",), resamples=0)
    # A2020.V1-pls has a score, so it cannot have been meant.
    assert dict(found.unused) == {
        "e2021-ACC_v2": "did you mean E2021-acc?",
        "C2022.IT.pls": "did you mean C2022.IT-pls?",
        "Unrelated2000-x": "",
        "A2020.V1-plz": "",
        "C2022public.IT-pls": "a public variant: other data, not comparable",
    }
    many = unused_names((f"E2021-acc{i}" for i in range(200)), LEAVES, LEAVES)
    assert len(many) == 200
    assert many["E2021-acc7"] == "did you mean E2021-acc?"
    assert many["E2021-acc199"] == "", "a hostile file must not take minutes"


def test_the_order_of_the_reference_does_not_matter():
    snapshot = REFERENCE.snapshot
    order = list(reversed(range(len(snapshot.models))))
    turned = replace(
        snapshot,
        models=tuple(snapshot.models[i] for i in order),
        **{name: getattr(snapshot, name)[order] for name in ("states", "scores", "errors", "scored_at")},
    )
    other = place(freeze(turned, "made", day(20)), MINE, resamples=0)
    mine = place(REFERENCE, MINE, resamples=0)
    assert [one.model.id for one in other.neighbours] == [one.model.id for one in mine.neighbours]
    assert [(one.rank, one.bounds) for one in other.schemes] == [(one.rank, one.bounds) for one in mine.schemes]


def test_scores_beyond_the_references_extremes_are_named():
    values = REFERENCE.norms[LEAVES[0]].values

    def placed(score):
        return place(REFERENCE, MINE | {LEAVES[0]: Cell(float(score))}, resamples=0)

    assert LEAVES[0] in placed(values[-1] + 0.01).above_all
    assert LEAVES[0] not in placed(values[-1] + 0.01).below_all
    assert LEAVES[0] in placed(values[0] - 0.01).below_all
    assert LEAVES[0] not in placed(values[-1]).above_all


def test_cells_of_two_models_differ_beyond_their_errors():
    failed = Cell(math.nan, state=CellState.FAILED)
    mine = {
        "same": Cell(0.5),
        "rounded": Cell(0.5004),
        "within": Cell(0.5, 0.02),
        "beyond": Cell(0.5, 0.02),
        "state": Cell(0.5),
        "version": Cell(0.5, version=1),
        "only mine": Cell(0.5),
    }
    theirs = {
        "same": Cell(0.5),
        "rounded": Cell(0.5),
        "within": Cell(0.53, 0.01),
        "beyond": Cell(0.54, 0.01),
        "state": failed,
        "version": Cell(0.5, version=2),
        "only theirs": Cell(0.5),
    }
    pairs = {one.benchmark: one for one in beside(mine, theirs)}
    assert {name for name, one in pairs.items() if one.beyond} == {"beyond", "state", "version"}
    assert next(iter(pairs)) == "beyond", "the largest difference first"
    assert pairs["beyond"].difference == pytest.approx(-0.04)
    assert pairs["only mine"].theirs.state is CellState.NEVER
    assert math.isnan(pairs["only theirs"].difference)
