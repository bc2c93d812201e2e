from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_plugin.audit.perturb import Case
from brainalign_plugin.audit.rank_reversals import scores_without_each
from brainalign_plugin.certainty.variance_components import certainty_of
from brainalign_plugin.data.board import Board
from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.data.tree import paper
from brainalign_plugin.errors import BoardError, CandidateError, InputError, ReferenceBoardError, SchemeError
from brainalign_plugin.files.model_scores import Cell, cells_of_model
from brainalign_plugin.files.reference import Reference, freeze
from brainalign_plugin.placement.frozen_schemes import constituent_board, freeze_scheme, placeable_schemes
from brainalign_plugin.placement.place import place, placement_json
from brainalign_plugin.ranking.boards import aggregated, compared_board
from brainalign_plugin.scales import rounded
from brainalign_plugin.schemes import Scale, get_scheme, rank_models, scheme_names
from brainalign_plugin.schemes.means import medians
from tests.boards import small_tree, snapshot_of, snapshots, tree_of

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NAMED_IN_THE_PLAN = (
    *("HIER", "HIER_attempted", "HIER_ZMEAN", "HIER_RANK", "HIER_NORMAL", "FLAT", "ZMEAN", "RANK", "NORMAL"),
    *("REF_ZMEAN", "REF_NORMAL", "HIER_REF_NORMAL", "WIN_RATE", "PC1"),
)
FROZEN_NORMS = ("REF_ZMEAN", "REF_NORMAL", "HIER_REF_NORMAL", "REF_UNIVERSE", "REF_NORMAL_UNIVERSE")
OWN_CELLS = ("HIER", "HIER_attempted", "FLAT", "LOGIT", "GEOMETRIC", "DSEP", *FROZEN_NORMS)
ALL = placeable_schemes()

# Six leaves under average_vision and one of engineering, as in `small_tree`.
ROWS = [
    [0.30, 0.50, 0.20, 0.40, 0.10, 0.30, 0.7],
    [0.35, 0.10, 0.25, 0.45, 0.20, "X", 0.6],
    [0.20, 0.60, 0.30, 0.50, 0.30, 0.35, 0.5],
    [0.40, "", 0.10, 0.60, 0.20, 0.50, 0.8],
    [0.25, 0.30, 0.15, 0.35, "X", "", 0.9],
    [0.30, 0.40, 0.35, 0.55, 0.40, 0.45, 0.4],
    [0.45, 0.20, 0.40, 0.65, 0.50, 0.60, 0.3],
]
LEAVES = small_tree().leaves("average_vision")


def small_reference(rows: list[list[float | str]] | None = None) -> Reference:
    return freeze(snapshot_of(small_tree(), ROWS if rows is None else rows), "small", NOW)


def cells(*scores: float | str, leaves: tuple[str, ...] = LEAVES, error: float = math.nan) -> dict[str, Cell]:
    found = {}
    for leaf, score in zip(leaves, scores, strict=True):
        if score == "X":
            found[leaf] = Cell(math.nan, state=CellState.FAILED)
        elif score != "":
            found[leaf] = Cell(float(score), error)
    return found


def of_row(board: Board, row: int) -> dict[str, Cell]:
    """A model's cells as they are on a board."""
    return {
        leaf: Cell(float(score), state=CellState(state))
        for leaf, score, state in zip(
            board.leaves, board.scores[row], board.states[row].tolist(), strict=True
        )
    }


def quick(reference: Reference, scheme: str, of: dict[str, Cell], **how: object) -> object:
    return place(reference, scheme, of, resamples=0, min_constituents=0, **how)


def without(snapshot: Snapshot, row: int) -> Snapshot:
    kept = [i for i in range(len(snapshot.models)) if i != row]
    older = snapshot.superseded.take(snapshot.superseded.row != row)
    return replace(
        snapshot,
        models=tuple(snapshot.models[i] for i in kept),
        superseded=replace(older, row=np.searchsorted(np.array(kept), older.row)),
        **{name: getattr(snapshot, name)[kept] for name in ("states", "scores", "errors", "scored_at")},
    )


@st.composite
def references(draw: st.DrawFn) -> Reference:
    """References on which several models have scores on several benchmarks, of both parts if there are such leaves."""
    snapshot = draw(snapshots(max_models=7, max_leaves=7))
    # Nearer scores than these are a question of rounding, whoever computes it.
    snapshot = replace(snapshot, scores=np.round(snapshot.scores, 4))
    try:
        reference = freeze(snapshot, "drawn", NOW)
        constituent_board(reference)
    except ReferenceBoardError:
        from hypothesis import reject

        reject()
    return reference


def usable(reference: Reference, scheme: str) -> bool:
    try:
        freeze_scheme(reference, scheme)
    except BoardError:
        return False
    return True


def test_what_the_plan_names_can_be_placed():
    assert set(NAMED_IN_THE_PLAN) <= set(ALL)
    assert set(ALL) <= set(scheme_names())


@pytest.mark.parametrize("name", sorted(set(scheme_names()) - set(ALL)))
def test_other_schemes_are_refused_with_a_reason(name):
    with pytest.raises(SchemeError, match=r"has no norms that could be frozen.*HIER_REF_NORMAL"):
        place(small_reference(), name, cells(*[0.5] * 6))


def test_a_scheme_of_ones_own_places_a_model_like_ours():
    """A scale and weights, or a function of rows: fitted on the reference, they score the model's own cells."""
    squares = replace(
        get_scheme("FLAT"), name="SQUARES", scale=Scale.fixed("square", "score²", np.square), weights="tree"
    )
    best = replace(
        get_scheme("ZMEAN"),
        name="BEST",
        weights=None,
        rows=lambda *_: lambda cells, counts: np.where(counts > 0, cells, -np.inf).max(axis=1),
        own_cells=True,
    )
    first = replace(get_scheme("RANK"), name="FIRST", weights=lambda scaled, _: np.eye(scaled.shape[1])[0])
    reference = small_reference()
    board = constituent_board(reference)
    for scheme in (squares, best, first):
        own = aggregated(scheme, board)
        for row in np.flatnonzero(~np.isnan(own)).tolist():
            placed = place(reference, scheme, of_row(board, row), min_constituents=0.0, resamples=20)
            assert placed.statistic == pytest.approx(own[row])
            assert placed.uncertainty is None or 0 <= placed.uncertainty.error <= 1


def test_a_scheme_that_scores_boards_as_a_whole_is_refused():
    whole = replace(
        get_scheme("FLAT"), name="WHOLE", weights=None, combine=lambda scaled, _: scaled.mean(axis=1)
    )
    with pytest.raises(SchemeError, match="WHOLE cannot place one model"):
        freeze_scheme(small_reference(), whole)


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=10)
@given(references())
def test_the_reference_keeps_its_own_statistics(name, reference):
    """A reference's models have what the scheme gives them among themselves, and so has a copy that is placed."""
    if not usable(reference, name):
        return
    board = constituent_board(reference)
    frozen = freeze_scheme(reference, name)
    own = aggregated(frozen.scheme, board)
    once = np.ones((1, len(board.leaves)))
    np.testing.assert_allclose(frozen.population(once)[0], own[~np.isnan(own)], rtol=1e-9, atol=1e-9)
    for row in np.flatnonzero(~np.isnan(own)).tolist():
        placed = quick(reference, name, of_row(board, row))
        assert placed.statistic == pytest.approx(own[row], rel=1e-9, abs=1e-9)
        others = frozen.population(once)[0]
        below = (rounded(others) < round(placed.statistic, 9)).sum()
        equal = (rounded(others) == round(placed.statistic, 9)).sum()
        assert placed.share == pytest.approx((below + equal / 2) / len(others))
        assert placed.rank == 1 + len(others) - below - equal
        assert placed.population == len(others)


@pytest.mark.parametrize("name", [n for n in ALL if get_scheme(n).claims.monotonicity])
@settings(max_examples=10)
@given(references(), st.data())
def test_a_higher_score_never_places_lower(name, reference, data):
    if not usable(reference, name):
        return
    leaves = constituent_board(reference).leaves
    grid = st.integers(0, 20).map(lambda k: k / 20)
    scores = data.draw(st.lists(grid, min_size=len(leaves), max_size=len(leaves)))
    raised = data.draw(st.integers(0, len(leaves) - 1))
    before = quick(reference, name, cells(*scores, leaves=leaves))
    scores[raised] += 0.07
    after = quick(reference, name, cells(*scores, leaves=leaves))
    assert after.statistic >= before.statistic - 1e-9
    assert after.share >= before.share


@pytest.mark.parametrize("name", ALL)
def test_the_share_rises_with_the_statistic(name):
    reference = small_reference()
    rng = np.random.default_rng(5)
    placed = sorted(
        (quick(reference, name, cells(*rng.uniform(0, 0.8, 6).round(2))) for _ in range(40)),
        key=lambda one: one.statistic,
    )
    shares = [one.share for one in placed]
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
    assert len(set(shares)) > 3


def test_by_hand():
    """Means of scores, z and ranks of three models on two benchmarks, and one model between them."""
    tree = tree_of({"average_vision": {"neural_vision": {"A": None}, "behavior_vision": {"B": None}}})
    reference = freeze(snapshot_of(tree, [[0.1, 0.6], [0.3, 0.2], [0.5, 0.4]]), "three", NOW)
    mine = {"A": Cell(0.4), "B": Cell(0.4)}
    flat = quick(reference, "FLAT", mine)
    assert flat.statistic == pytest.approx(0.4)
    assert (flat.share, flat.rank) == (pytest.approx(2 / 3), 2)
    z = quick(reference, "ZMEAN", mine)
    assert z.statistic == pytest.approx(
        (0.5 + 0.0) / 2
    )  # sd 0.2; the others have -0.5 + 0.5, 0 - 0.5 and 0.5 + 0
    assert (z.share, z.rank) == (pytest.approx(2.0 / 3), 2)
    rank = quick(reference, "RANK", mine)
    assert rank.statistic == pytest.approx((2.5 + 2) / 2)  # two below, or one below and one equal
    assert [component.scaled for component in rank.components] == [2.5, 2.0]
    assert (rank.share, rank.rank) == (pytest.approx(2 / 3), 2)
    win = quick(reference, "WIN_RATE", mine)
    assert win.statistic == pytest.approx((0.75 + 0.5) / 2)
    assert quick(reference, "MINMAX", mine).statistic == pytest.approx((0.75 + 0.5) / 2)
    assert quick(reference, "GEOMETRIC", mine).statistic == pytest.approx(0.4)
    # Its points as if it were one of the three: 3 - (3 + 1 - rank).
    assert quick(reference, "BORDA", mine).statistic == pytest.approx(1.5 + 1)


@pytest.mark.parametrize(
    ("name", "failed", "never"),
    [
        ("HIER", 0.0, 0.0),
        ("HIER_attempted", 0.0, None),
        ("FLAT", None, None),
        ("HIER_REF_NORMAL", None, None),
        ("RANK", 1.0, 1.0),  # below the lowest score; the reference has one missing cell there
        ("PC1", 0.0, 0.0),  # the mean of the leaf, so its z is 0
    ],
)
def test_what_failed_and_never_mean(name, failed, never):
    reference = small_reference()
    leaf = "Marques2020-size"
    at = LEAVES.index(leaf)
    scores: list[float | str] = [0.5] * 6
    for given_, scaled in (("X", failed), ("", never)):
        scores[at] = given_
        placed = quick(reference, name, cells(*scores))
        assert placed.components[at].scaled == (None if scaled is None else pytest.approx(scaled, abs=1e-12))
        assert placed.missing == (leaf,)
        assert placed.failed == ((leaf,) if given_ == "X" else ())
    assert "FAILED" in placed.meaning


def test_a_score_below_the_lowest_still_counts_for_more_than_a_missing_one():
    reference = small_reference()
    at = LEAVES.index("Marques2020-size")
    ranks = []
    for score in ("", 0.0, 0.0999, 0.1, 0.11):
        placed = quick(reference, "RANK", cells(*[*[0.5] * at, score, *[0.5] * (5 - at)]))
        ranks.append(placed.components[at].scaled)
    assert ranks == [1.0, 1.5, 1.5, 2.0, 2.5]


def test_benchmarks_with_a_single_score_are_no_constituents():
    rows = [row[:] for row in ROWS]
    for row in rows[1:]:
        row[2] = ""
    reference = small_reference(rows)
    placed = quick(reference, "HIER_REF_NORMAL", cells(*[0.5] * 6))
    assert placed.unused == (LEAVES[2],)
    assert [c.benchmark for c in placed.components] == [leaf for leaf in LEAVES if leaf != LEAVES[2]]


@pytest.mark.parametrize("name", ALL)
def test_leaving_out_is_freezing_without(name):
    """Other norms are those of the models that are left; the REF_ norms stay those of the reference."""
    snapshot = snapshot_of(small_tree(), ROWS)
    reference = freeze(snapshot, "whole", NOW)
    board = constituent_board(reference)
    for row, model in enumerate(board.models):
        placed = quick(reference, name, of_row(board, row), leave_out=model.id)
        assert placed.population == len(ROWS) - 1
        assert placed.left_out == model.id
        smaller = freeze(without(snapshot, row), "smaller", NOW)
        if name in FROZEN_NORMS:
            expected = rank_models(board, name, reference=reference)
            assert placed.statistic == pytest.approx(expected.scores[row], abs=1e-12)
            assert placed.rank == expected.ranks[row]
            # Placed on the smaller board, whose norms differ, it has the rank of that board with those norms.
            again = quick(smaller, name, of_row(board, row))
            assert again.rank == rank_models(board, name, reference=smaller).ranks[row]
        else:
            other = quick(smaller, name, of_row(board, row))
            assert placed.statistic == pytest.approx(other.statistic, abs=1e-9)
            assert (placed.share, placed.rank) == (other.share, other.rank)


@pytest.fixture(scope="module")
def real(real_snapshots: dict[str, Snapshot]) -> tuple[Snapshot, Reference, Board]:
    snapshot = real_snapshots["2024-01-01"]
    return snapshot, freeze(snapshot, "real", NOW), compared_board(snapshot, "full").board


@pytest.mark.parametrize("name", ["HIER", "HIER_attempted", "FLAT", *FROZEN_NORMS])
def test_every_real_model_left_out_has_exactly_the_rank_of_the_board(name, real):
    snapshot, reference, board = real
    expected = rank_models(board, name, reference=reference)
    for model, rank, score in zip(board.models, expected.ranks.tolist(), expected.scores, strict=True):
        mine = cells_of_model(snapshot, model, "board")
        placed = place(reference, name, mine, leave_out=model.id, resamples=0, min_constituents=0)
        assert (placed.rank, placed.statistic) == (rank, pytest.approx(score, abs=1e-12))


# Largest change of a rank among 160 models and the share of ranks that stay, measured: leaving a model out moves the
# norms that it was part of, and on a board this small those of a benchmark with few scores by much.
MOVES = {
    "HIER_RANK": (2, 0.84),
    "HIER_ZMEAN": (9, 0.91),
    "HIER_NORMAL": (9, 0.69),
    "ZMEAN": (19, 0.79),
    "NORMAL": (13, 0.68),
    "RANK": (2, 0.88),
    "WIN_RATE": (5, 0.78),
    "PC1": (23, 0.70),
}


@pytest.mark.parametrize("name", MOVES)
def test_every_real_model_left_out_has_the_rank_of_the_board_but_for_its_part_in_the_norms(
    name, real_snapshots
):
    snapshot = real_snapshots["2022-01-01"]
    reference, board = freeze(snapshot, "real", NOW), compared_board(snapshot, "full").board
    expected = rank_models(board, name, reference=reference)
    moved = []
    for model, rank in zip(board.models, expected.ranks.tolist(), strict=True):
        mine = cells_of_model(snapshot, model, "board")
        placed = place(reference, name, mine, leave_out=model.id, resamples=0, min_constituents=0)
        moved.append(abs(placed.rank - rank))
    largest, stay = MOVES[name]
    assert max(moved) <= largest
    assert np.mean(np.array(moved) == 0) >= stay


@pytest.mark.parametrize("name", ["ZMEAN", "RANK", "HIER_NORMAL", "WIN_RATE"])
def test_what_leaving_out_implies_is_the_scheme_on_the_others(name, real):
    """The others have what the audit's closed forms give them without the model."""
    snapshot, _, board = real
    complete = board.take(
        np.flatnonzero(~np.isnan(board.scores[:, :29]).any(axis=1)).tolist(), list(range(29))
    )
    rows = [0, 7, len(complete.models) - 1]
    scores = scores_without_each(Case(get_scheme(name), complete))
    for row in rows:
        rest = replace(
            snapshot,
            **{
                field: np.concatenate(
                    [getattr(snapshot, field)[[snapshot.rows[m.id]]] for m in complete.models]
                )
                for field in ("states", "scores", "errors", "scored_at")
            },
            models=complete.models,
            superseded=snapshot.superseded.take(np.zeros(len(snapshot.superseded), dtype=bool)),
        )
        outside = [rest.tree.index[leaf] for leaf in board.leaves if leaf not in complete.leaves]
        states, blank = np.array(rest.states), np.array(rest.scores)
        states[:, outside], blank[:, outside] = CellState.NEVER, np.nan
        reference = freeze(replace(rest, states=states, scores=blank), "complete", NOW)
        frozen = freeze_scheme(reference, name, leave_out=complete.models[row].id)
        others = np.delete(scores[row], row)
        np.testing.assert_allclose(frozen.population(np.ones((1, 29)))[0], others, atol=1e-9)


def without_each_paper(
    reference: Reference, name: str, mine: dict[str, Cell]
) -> tuple[list[float], list[int]]:
    """Shares and ranks of a model on the reference as it is, and without each paper, as boards of their own."""
    frozen = freeze_scheme(reference, name)
    board = frozen.board
    states = np.array([mine[leaf].state if leaf in mine else 0 for leaf in board.leaves], dtype=np.int8)
    scores = np.array([mine[leaf].score if leaf in mine else np.nan for leaf in board.leaves])
    own = frozen.scale(frozen.resolved(scores, states))
    scaled = np.vstack([frozen.scaled, own])
    shares, ranks = [], []
    for left_out in (None, *dict.fromkeys(paper(leaf) for leaf in board.leaves)):
        kept = [j for j, leaf in enumerate(board.leaves) if paper(leaf) != left_out]
        combination = frozen.scheme.fitted_combination(scaled[:, kept], board.take(columns=kept))
        statistics = rounded(np.nan_to_num(combination.scores(scaled[:, kept]), nan=-np.inf))
        theirs, ours = statistics[:-1], statistics[-1]
        shares.append(float(((theirs < ours).sum() + (theirs == ours).sum() / 2) / len(theirs)))
        ranks.append(1 + int((theirs > ours).sum()))
    return shares, ranks


@pytest.mark.parametrize(
    "name", ["HIER", "HIER_attempted", "FLAT", "ZMEAN", "HIER_NORMAL", "RANK", "GEOMETRIC", "HIER_REF_NORMAL"]
)
def test_with_missing_scores_the_range_is_that_of_boards_without_a_paper(name):
    reference, mine = small_reference(), cells(0.32, 0.4, "X", 0.5, "", 0.4)
    shares, ranks = without_each_paper(reference, name, mine)
    known = place(reference, name, mine).uncertainty
    assert (known.kind, known.level, known.resamples) == ("papers", None, len(ranks) - 1)
    assert known.ranks == (min(ranks), max(ranks))
    assert known.shares == (pytest.approx(min(shares)), pytest.approx(max(shares)))
    others = np.array(shares[1:])
    assert known.error == pytest.approx(math.sqrt((len(others) - 1) * others.var()))


def test_resampling_at_once_is_that_of_each_model():
    reference = small_reference()
    for name in ("MEDIAN_RANK", "BORDA", "PC1", "DSEP"):
        frozen = freeze_scheme(reference, name)
        counts = np.random.default_rng(2).integers(1, 3, size=(50, 6)).astype(float)
        together = frozen.population(counts)
        for row in range(len(frozen.board.models)):
            alone = frozen.statistics(frozen.scaled[row][None, :], counts)
            np.testing.assert_allclose(together[:, row], alone)


def planted(models: int = 60, seed: int = 0) -> Reference:
    """A complete reference: three papers in each of two strata, each with two benchmarks."""
    tree = tree_of(
        {
            "average_vision": {
                "neural_vision": {
                    f"{a}-{x}": None for a in ("Ada2020.V1", "Bob2021.V1", "Cyd2022.V1") for x in "ab"
                },
                "behavior_vision": {
                    f"{a}-{x}": None for a in ("Dan2020.B", "Eve2021.B", "Fay2022.B") for x in "ab"
                },
            }
        }
    )
    rng = np.random.default_rng(seed)
    true = 0.1 * rng.standard_normal((models, 1))
    papers = np.repeat(0.05 * rng.standard_normal((models, 6)), 2, axis=1)
    scores = 0.5 + true + papers + 0.02 * rng.standard_normal((models, 12))
    return freeze(snapshot_of(tree, scores.clip(0, 1).round(3).tolist()), "planted", NOW)


def test_with_all_scores_the_interval_is_that_of_the_posterior():
    reference = planted()
    board = reference.board
    found = certainty_of("HIER", board)
    mine = cells(*[0.55] * 12, leaves=board.leaves)
    known = place(reference, "HIER", mine, resamples=4000, seed=3, level=0.9).uncertainty
    assert (known.kind, known.level, known.resamples, known.seed) == ("posterior", 0.9, 4000, 3)
    # A model of the reference with this score has the same posterior.
    centre, r = found.scores.mean(), found.reliability
    own, sd = centre + r * (0.55 - centre), math.sqrt(r * (1 - r) * found.variance)
    draws = np.random.default_rng(8)
    others = found.posterior.mean + sd * draws.standard_normal((20_000, 60))
    ranks = 1 + (others > own + sd * draws.standard_normal((20_000, 1))).sum(axis=1)
    low, high = np.quantile(ranks, [0.05, 0.95])
    assert known.ranks == (pytest.approx(low, abs=1), pytest.approx(high, abs=1))
    assert known.error == pytest.approx((1 - (ranks - 1) / 60).std(), rel=0.05)
    wider = place(reference, "HIER", mine, resamples=4000, seed=3, level=0.99).uncertainty
    assert wider.ranks[0] < known.ranks[0] <= known.ranks[1] < wider.ranks[1]
    assert place(reference, "MEDIAN_RANK", mine).uncertainty.kind == "papers"


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0, np.nan]), st.integers(0, 3)), min_size=1, max_size=8
    )
)
def test_median_of_what_was_drawn(drawn):
    values = np.array([value for value, _ in drawn])
    counts = np.array([count for _, count in drawn])
    kept = np.repeat(values, counts)
    kept = kept[~np.isnan(kept)]
    expected = np.median(kept) if kept.size else np.nan
    assert medians(values[None, :], counts[None, :].astype(float))[0] == pytest.approx(expected, nan_ok=True)


def test_the_same_seed_gives_the_same_bytes():
    reference = planted()
    mine = cells(*[0.55] * 12, leaves=reference.board.leaves)
    one = placement_json(place(reference, "HIER_NORMAL", mine, seed=4))
    assert one == placement_json(place(reference, "HIER_NORMAL", mine, seed=4))
    assert one != placement_json(place(reference, "HIER_NORMAL", mine, seed=5))


def test_scores_are_capped():
    reference = small_reference()
    for high, low in ((1.4, -0.3), (1.0, 0.0)):
        placed = quick(reference, "FLAT", cells(high, low, 0.5, 0.5, 0.5, 0.5))
        assert placed.statistic == pytest.approx(0.5)


def test_the_record_says_everything():
    reference = small_reference()
    mine = cells(0.32, 0.4, "X", 0.5, "", 0.4, error=0.02) | {"Other2020-x": Cell(0.4)}
    record = placement_json(place(reference, "HIER", mine))
    assert record["reference"] == {
        "name": "small",
        "sha256": reference.sha256,
        "date": "2024-01-09",
        "frozen_at": "2030-01-01T00:00:00+00:00",
        "domain": "vision",
        "reconstructed": False,
        "simulated": False,
    }
    assert record["missing"] == [LEAVES[2], LEAVES[4]]
    assert record["failed"] == [LEAVES[2]]
    assert record["convention"] == "zero"
    assert record["missing_meant"] == "FAILED and NEVER count as a score of 0"
    assert record["unused"] == ["Other2020-x"]
    assert record["components"][LEAVES[0]] == {
        "score": 0.32,
        "error": 0.02,
        "scaled": 0.32,
        "state": "SCORED",
        "origin": "",
    }
    assert record["components"][LEAVES[2]]["score"] is None
    assert record["components"][LEAVES[2]]["state"] == "FAILED"
    assert record["components"][LEAVES[4]]["state"] == "NEVER"
    low, high = record["interval"]
    assert low <= record["rank"] <= high
    assert record["share_interval"][0] <= record["share"] <= record["share_interval"][1]


def test_one_score_is_too_few_for_an_interval():
    assert quick(small_reference(), "FLAT", cells(0.5, *[""] * 5)).uncertainty is None
    placed = place(small_reference(), "FLAT", cells(0.5, *[""] * 5), min_constituents=0)
    assert placed.uncertainty is None
    assert placement_json(placed)["error"] is None


def test_too_few_constituents():
    with pytest.raises(
        CandidateError, match=r"2 of the 6 benchmarks of the reference 'small' have a score.*0\.5"
    ):
        place(small_reference(), "FLAT", cells(0.5, "X", "", "", 0.5, ""))
    assert place(small_reference(), "FLAT", cells(0.5, 0.5, "", "", 0.5, "")).population == 7
    with pytest.raises(CandidateError, match="0 of the 6"):
        quick(small_reference(), "HIER", cells(*["X"] * 6))


def test_a_misspelt_benchmark_is_recognised():
    mine = {leaf.replace("MajajHong2015", "MajajHong2105"): Cell(0.4) for leaf in LEAVES[2:4]}
    with pytest.raises(CandidateError, match=r"did 'MajajHong2105\.IT-pls' mean 'MajajHong2015\.IT-pls'\?"):
        place(small_reference(), "FLAT", mine)


def test_nothing_to_aggregate():
    # Nothing but cells that DSEP leaves out.
    tree = tree_of(
        {
            "average_vision": {
                "other": {"C": None},
                "neural_vision": {"A": None},
                "behavior_vision": {"B": None},
            }
        }
    )
    reference = freeze(snapshot_of(tree, [[0.1, 0.2, 0.3], [0.2, 0.3, 0.4]]), "three", NOW)
    with pytest.raises(CandidateError, match="DSEP has nothing to aggregate under 'skip'"):
        quick(reference, "DSEP", {"C": Cell(0.5)})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"min_constituents": 1.2}, r"1\.2; give a number from 0 to 1"),
        ({"min_constituents": math.nan}, "nan"),
        ({"level": 1.0}, "the level of the intervals is 1.0"),
        ({"resamples": -1}, "-1 resamples"),
    ],
)
def test_parameters_out_of_range(wrong, message):
    with pytest.raises(InputError, match=message):
        place(small_reference(), "FLAT", cells(*[0.5] * 6), **wrong)


def test_references_that_cannot_place():
    with pytest.raises(
        ReferenceBoardError, match="the model 5 that is to be left out is not on the reference"
    ):
        quick(small_reference(), "FLAT", cells(*[0.5] * 6), leave_out=5)
    two = small_reference([ROWS[0], ROWS[2]])
    with pytest.raises(ReferenceBoardError, match="has 1 models with a score on 6 benchmarks"):
        quick(two, "FLAT", cells(*[0.5] * 6), leave_out=two.board.ids[0])


def test_a_part_that_is_missing_is_said_by_the_scheme():
    tree = tree_of({"average_vision": {"neural_vision": {"A": None, "B": None}, "behavior_vision": {}}})
    reference = freeze(snapshot_of(tree, [[0.1, 0.2], [0.2, 0.3]]), "half", NOW)
    for name in ("DSEP", "DSP_PCA"):
        with pytest.raises(BoardError, match=f"{name} combines neural_vision and behavior_vision"):
            quick(reference, name, {"A": Cell(0.5), "B": Cell(0.5)})
