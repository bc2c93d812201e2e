"""One model under all schemes: its strengths, its neighbours, and what its missing scores could change."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from brainalign_plugin.data.official import CellState
from brainalign_plugin.errors import CandidateError, InputError, ReferenceBoardError, SchemeError
from brainalign_plugin.files.model_scores import Cell, cells_of_model, nearest_names
from brainalign_plugin.files.reference import freeze
from brainalign_plugin.placement.frozen_schemes import placeable_schemes
from brainalign_plugin.placement.place import place
from brainalign_plugin.placement.profile import NEIGHBOURS, STRONGEST, model_placement_json, place_model
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
    return place_model(REFERENCE, MINE, resamples=50, seed=3)


def test_each_scheme_places_it_as_alone(placed):
    assert [one.scheme for one in placed.schemes] == list(placeable_schemes())
    for one in placed.schemes:
        alone = place(REFERENCE, one.scheme, MINE, resamples=50, seed=3)
        assert one.placement.statistic == alone.statistic
        assert (one.placement.share, one.placement.rank) == (alone.share, alone.rank)
        assert one.placement.uncertainty == alone.uncertainty
        assert one.problem == ""


def test_bounds_are_placements_with_the_percentiles(placed):
    ends = {leaf: np.percentile(REFERENCE.norms[leaf].values, [5, 95]) for leaf in (LEAVES[2], LEAVES[4])}
    assert {one.benchmark: one.scores for one in placed.missing} == {
        leaf: (pytest.approx(low), pytest.approx(high)) for leaf, (low, high) in ends.items()
    }
    assert {one.benchmark: one.state.name for one in placed.missing} == {
        LEAVES[2]: "FAILED",
        LEAVES[4]: "NEVER",
    }
    for one in placed.schemes:

        def rank(end, leaves, scheme=one.scheme):
            filled = MINE | {leaf: Cell(float(ends[leaf][end])) for leaf in leaves}
            return place(REFERENCE, scheme, filled, resamples=0).rank

        assert one.bounds == (rank(0, ends), rank(1, ends))
        for missing in placed.missing:
            assert missing.ranks[one.scheme] == (rank(0, [missing.benchmark]), rank(1, [missing.benchmark]))
    assert len({one.bounds for one in placed.schemes}) > 5, "bounds that differ say more"
    now = {one.scheme: one.placement.rank for one in placed.schemes}
    changes = [
        np.median(
            [max(abs(low - now[name]), abs(high - now[name])) for name, (low, high) in one.ranks.items()]
        )
        for one in placed.missing
    ]
    assert [one.change for one in placed.missing] == changes
    assert changes == sorted(changes, reverse=True)


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
    assert [one.benchmark for one in placed.strongest] == list(found)[:2]
    assert [one.benchmark for one in placed.weakest] == list(found)[::-1][:2]
    assert placed.benchmarks[0].models == REFERENCE.norms[placed.benchmarks[0].benchmark].count
    assert {one.benchmark: one.score for one in placed.benchmarks}[LEAVES[3]] == 0.61


def test_no_benchmark_is_both_strong_and_weak():
    for count in range(2, 7):
        scored = {leaf: Cell(0.3) for leaf in LEAVES[:count]}
        found = place_model(REFERENCE, scored, ("FLAT",), resamples=0, min_constituents=0)
        assert not set(found.strongest) & set(found.weakest)
        assert len(found.strongest) == len(found.weakest) == min(STRONGEST, count // 2)


def test_neighbours_by_hand(placed):
    board = REFERENCE.board
    normal = NORMAL_SCORE.fit(board.scores)(board.scores)
    mine = {one.benchmark: one.normal_score for one in placed.benchmarks}
    expected = []
    for row, model in zip(normal, board.models, strict=True):
        pairs = [
            (mine[leaf], z)
            for leaf, z in zip(board.leaves, row, strict=True)
            if leaf in mine and not math.isnan(z)
        ]
        a, b = np.array(pairs).T
        expected.append(
            (float(np.sqrt(((a - b) ** 2).mean())), model.id, stats.pearsonr(a, b)[0], len(pairs))
        )
    expected.sort()
    assert len(placed.neighbours) == NEIGHBOURS
    for found, (distance, model, correlation, shared) in zip(placed.neighbours, expected, strict=False):
        assert (found.model.id, found.shared) == (model, shared)
        assert (found.distance, found.correlation) == (pytest.approx(distance), pytest.approx(correlation))


def test_a_copy_is_its_own_nearest_neighbour():
    snapshot = REFERENCE.snapshot
    for model in snapshot.models[5:8]:
        cells = cells_of_model(snapshot, model, "board")
        nearest = place_model(REFERENCE, cells, ("FLAT",), resamples=0).neighbours[0]
        assert (nearest.model.id, nearest.distance) == (model.id, 0.0)
        assert nearest.correlation == pytest.approx(1)
        without = place_model(REFERENCE, cells, ("FLAT",), resamples=0, leave_out=model.id)
        assert model.id not in [one.model.id for one in without.neighbours]
        assert (without.left_out, without.schemes[0].placement.population) == (model.id, 24)


def test_a_model_that_shares_little_is_no_neighbour():
    rows = [[0.1 * i] * 6 for i in range(1, 6)]
    rows[2][:4] = ["", "", "", ""]
    reference = reference_of(rows)
    found = place_model(reference, {leaf: Cell(0.3) for leaf in LEAVES}, ("FLAT",), resamples=0)
    assert len(found.neighbours) == 4
    assert reference.board.models[2].id not in [one.model.id for one in found.neighbours]
    # Profiles on one level have no correlation.
    assert all(math.isnan(one.correlation) for one in found.neighbours)
    assert model_placement_json(found)["neighbours"][0]["correlation"] is None


def test_nothing_missing():
    found = place_model(REFERENCE, {leaf: Cell(0.4) for leaf in LEAVES}, resamples=0)
    assert found.missing == ()
    for one in found.schemes:
        assert one.bounds == (one.placement.rank, one.placement.rank)


def test_names_that_the_reference_does_not_have():
    given = MINE | {
        "e2021-ACC_v2": Cell(0.4),
        "C2022.IT.pls": Cell(0.4),
        "Unrelated2000-x": Cell(0.1),
        "A2020.V1-plz": Cell(0.2),
    }
    found = place_model(REFERENCE, given, ("FLAT",), resamples=0)
    # A2020.V1-pls has a score, so it cannot have been meant.
    assert dict(found.unused) == {
        "e2021-ACC_v2": "E2021-acc",
        "C2022.IT.pls": "C2022.IT-pls",
        "Unrelated2000-x": None,
        "A2020.V1-plz": None,
    }
    many = nearest_names((f"E2021-acc{i}" for i in range(200)), LEAVES)
    assert len(many) == 200
    assert many["E2021-acc7"] == "E2021-acc"
    assert many["E2021-acc199"] is None, "a hostile file must not take minutes"


def test_a_score_on_another_version_counts_as_missing():
    other = MINE | {LEAVES[0]: Cell(0.55, version=2), LEAVES[1]: Cell(0.12, version=1)}
    found = place_model(REFERENCE, other, resamples=0)
    without = place_model(REFERENCE, {k: v for k, v in MINE.items() if k != LEAVES[0]}, resamples=0)
    assert dict(found.other_versions) == {LEAVES[0]: (2, 1)}
    assert [s.placement.rank for s in found.schemes] == [s.placement.rank for s in without.schemes]
    assert found.missing == without.missing
    assert found.unused == {}


def test_a_scheme_that_cannot_use_the_board_is_named():
    tree = tree_of({"average_vision": {"neural_vision": dict.fromkeys(LEAVES[:3])}})
    rows = np.random.default_rng(1).uniform(0, 1, (9, 3)).tolist()
    reference = freeze(snapshot_of(tree, rows), "neural", day(20))
    found = place_model(reference, {leaf: Cell(0.5) for leaf in LEAVES[:2]}, resamples=20)
    problems = {one.scheme: one for one in found.schemes if one.problem}
    assert "DSEP" in problems
    assert problems["DSEP"].placement is problems["DSEP"].bounds is None
    assert "DSEP" not in found.missing[0].ranks
    record = model_placement_json(found)["schemes"]
    assert record["DSEP"]["problem"] == problems["DSEP"].problem
    assert {value for name, value in record["DSEP"].items() if name != "problem"} == {None}
    assert record["HIER"]["problem"] is None


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"schemes": ("COPELAND",)}, SchemeError, "COPELAND cannot place one model"),
        ({"schemes": ("HIRE",)}, SchemeError, "HIER"),
        (
            {"min_constituents": 0.9},
            CandidateError,
            "4 of the 6 benchmarks of the reference 'made' have a score",
        ),
        ({"min_constituents": 2}, InputError, "give a number from 0 to 1"),
        ({"level": 1}, InputError, "the level of the intervals is 1"),
        ({"resamples": -1}, InputError, "-1 resamples"),
        ({"leave_out": 12345}, ReferenceBoardError, "the model 12345 that is to be left out is not on"),
    ],
)
def test_what_cannot_be_placed(how, error, message):
    with pytest.raises(error, match=message):
        place_model(REFERENCE, MINE, **how)


def test_named_schemes_once_each_in_their_order():
    found = place_model(REFERENCE, MINE, ("ref_normal", "HIER", "REF_NORMAL"), resamples=0)
    assert [one.scheme for one in found.schemes] == ["REF_NORMAL", "HIER"]


def test_the_record_is_json_and_the_same_each_time(placed):
    text = json.dumps(model_placement_json(placed), allow_nan=False)
    assert text == json.dumps(model_placement_json(place_model(REFERENCE, MINE, resamples=50, seed=3)))
    record = json.loads(text)
    assert (record["scored"], record["failed"], record["never"]) == (4, [LEAVES[2]], [LEAVES[4]])
    assert record["reference"]["sha256"] == REFERENCE.sha256
    assert record["schemes"]["HIER"]["interval"] == list(placed.schemes[0].placement.uncertainty.ranks)


def test_scores_out_of_range_are_capped_as_on_the_board():
    high = place_model(REFERENCE, MINE | {LEAVES[1]: Cell(1.3)}, resamples=0)
    one = place_model(REFERENCE, MINE | {LEAVES[1]: Cell(1.0)}, resamples=0)
    assert [s.placement.rank for s in high.schemes] == [s.placement.rank for s in one.schemes]
    assert high.neighbours == one.neighbours


def test_the_order_of_the_reference_does_not_matter():
    snapshot = REFERENCE.snapshot
    order = list(reversed(range(len(snapshot.models))))
    turned = replace(
        snapshot,
        models=tuple(snapshot.models[i] for i in order),
        **{name: getattr(snapshot, name)[order] for name in ("states", "scores", "errors", "scored_at")},
    )
    other = place_model(freeze(turned, "made", day(20)), MINE, resamples=0)
    mine = place_model(REFERENCE, MINE, resamples=0)
    assert [one.model.id for one in other.neighbours] == [one.model.id for one in mine.neighbours]
    assert [one.placement.rank for one in other.schemes] == [one.placement.rank for one in mine.schemes]
    assert [one.bounds for one in other.schemes] == [one.bounds for one in mine.schemes]


def test_scores_beyond_the_references_extremes_are_named():
    values = REFERENCE.norms[LEAVES[0]].values
    high = place_model(REFERENCE, MINE | {LEAVES[0]: Cell(float(values[-1]) + 0.01)}, resamples=0)
    low = place_model(REFERENCE, MINE | {LEAVES[0]: Cell(float(values[0]) - 0.01)}, resamples=0)
    level = place_model(REFERENCE, MINE | {LEAVES[0]: Cell(float(values[-1]))}, resamples=0)
    assert LEAVES[0] in high.above_all
    assert LEAVES[0] not in high.below_all
    assert LEAVES[0] in low.below_all
    assert LEAVES[0] not in level.above_all
    assert model_placement_json(high)["above_all"] == list(high.above_all)
