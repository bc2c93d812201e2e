"""A model among the models of a frozen board that have its benchmarks: statistic, rank, interval, bounds."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_plugin.certainty.board_certainty import universe
from brainalign_plugin.certainty.variance_components import certainty_of
from brainalign_plugin.data.board import Board
from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.data.tree import paper
from brainalign_plugin.errors import CandidateError, InputError, ReferenceBoardError, SchemeError
from brainalign_plugin.files.model_scores import Cell, cells_of_model
from brainalign_plugin.files.reference import Reference, freeze, given_board
from brainalign_plugin.placement.place import DEFAULT_SCHEMES, constituents, place, placeable_schemes
from brainalign_plugin.placement.result import Placement, SchemePlace, placement_json
from brainalign_plugin.ranking.boards import aggregated
from brainalign_plugin.scales import rounded
from brainalign_plugin.schemes import Scale, get_scheme, rank_models, scheme_names
from brainalign_plugin.schemes.means import medians
from brainalign_plugin.schemes.universe import fit_board, is_universe
from tests.boards import small_tree, snapshot_of, tree_of
from tests.conftest import ROOT

NOW = datetime(2030, 1, 1, tzinfo=UTC)
FROZEN_NORMS = ("REF_ZMEAN", "REF_NORMAL", "HIER_REF_NORMAL", "REF_UNIVERSE", "REF_NORMAL_UNIVERSE")
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
        for leaf, score, state in zip(board.leaves, board.scores[row], board.states[row].tolist(), strict=True)
    }


def quick(reference: Reference, scheme: str, of: dict[str, Cell], **how: object) -> SchemePlace:
    return place(reference, of, (scheme,), resamples=0, **how).schemes[0]


def complete(rows: list[list[float | str]]) -> list[list[float | str]]:
    return [row for row in rows if all(isinstance(score, float) for score in row[:6])]


@pytest.fixture(scope="module")
def geirhos(real_snapshots: dict[str, Snapshot]) -> Placement:
    """ResNet-50 with what can be run locally, the 17 benchmarks of Geirhos et al. (2021)."""
    snapshot = real_snapshots["2024-01-01"]
    (model,) = (one for one in snapshot.models if one.id == 1369)
    mine = cells_of_model(snapshot, model, "mine")
    return place(freeze(snapshot, "real", NOW), {name: mine[name] for name in mine if name.startswith("Geirhos2021")})


def test_part_of_the_benchmarks_is_placed_like_for_like(geirhos):
    assert geirhos.answer == "On these 17 benchmarks: rank 41 of 177, 30 to 49 (FLAT)"
    assert geirhos.answer.partition(" (")[0] in (ROOT / "docs/commands.md").read_text("utf-8")
    first = geirhos.placed[0]
    assert first.uncertainty.kind == "benchmarks", "of one paper"
    low, high = first.uncertainty.ranks
    assert 25 <= low <= 35
    assert 47 <= high <= 55
    assert all(35 <= one.rank <= 45 for one in geirhos.placed), "no scheme ranks coverage"
    assert geirhos.not_placed == ("HIER", "RANK")
    assert len(geirhos.schemes) == DEFAULT_SCHEMES
    assert not np.isnan(geirhos.board.scores).any()


def test_the_missing_ones_leave_bounds_and_one_is_run_next(geirhos):
    lead = geirhos.placed[0]
    worst, best = lead.bounds
    assert (geirhos.complete, len(geirhos.missing)) == (83, 34)
    assert best < 5
    assert worst > 75
    narrows = [one.narrows for one in geirhos.missing]
    assert narrows == sorted(narrows, reverse=True)
    assert all(0 < share < 1 for share in narrows)


def test_constituents_are_what_the_cleaning_keeps(real_snapshots):
    """One cell of a benchmark with 2 scores of 281 moved AlexNet from rank 163 to 50."""
    snapshot = real_snapshots["2024-01-01"]
    reference = freeze(snapshot, "real", NOW)
    assert "Kar2019-ost" not in constituents(reference)
    assert len(constituents(reference)) == 51
    alexnet = next(one for one in snapshot.models if one.name == "alexnet")
    mine = cells_of_model(snapshot, alexnet, "mine")
    whole = place(reference, mine, ("RANK", "HIER"), resamples=0)
    other = place(reference, mine | {"Kar2019-ost": Cell(0.9)}, ("RANK", "HIER"), resamples=0)
    assert [one.rank for one in whole.schemes] == [one.rank for one in other.schemes]
    assert other.unused == {"Kar2019-ost": "too few models of the reference have it"}


@pytest.mark.parametrize(("models", "scores", "kept"), [(7, 4, True), (7, 3, False), (40, 30, True), (40, 29, False)])
def test_half_of_the_models_and_thirty_scores(models, scores, kept):
    rows = [[0.01 * i, 0.5 if i < scores else "", *[0.3] * 4, 0.2] for i in range(models)]
    assert (LEAVES[1] in constituents(small_reference(rows))) is kept
    # A board that was frozen as it is.
    assert (LEAVES[1] in constituents(given_board(snapshot_of(small_tree(), rows)))) is kept


@pytest.mark.parametrize("name", sorted(set(scheme_names()) - set(ALL)))
def test_other_schemes_are_refused_with_a_reason(name):
    with pytest.raises(SchemeError, match=r"has no norms that could be frozen.*HIER_REF_NORMAL"):
        place(small_reference(), cells(*[0.5] * 6), (name,))


def test_a_scheme_of_ones_own_places_a_model_like_ours():
    """A scale and weights, or a function of rows: fitted on the board, they score the model's own cells."""
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
    reference = small_reference(complete(ROWS))
    for scheme in (squares, best, first):
        own = aggregated(scheme, reference.board)
        for row in range(len(own)):
            placed = place(reference, of_row(reference.board, row), (scheme,), resamples=20).schemes[0]
            assert placed.statistic == pytest.approx(own[row])
            assert 0 <= placed.uncertainty.error <= 1
    whole = replace(get_scheme("FLAT"), name="WHOLE", weights=None, combine=lambda scaled, _: scaled.mean(axis=1))
    with pytest.raises(SchemeError, match="WHOLE cannot place one model"):
        place(reference, cells(*[0.5] * 6), (whole,))


@st.composite
def full_references(draw: st.DrawFn) -> Reference:
    """References of a few models with all six scores."""
    grid = st.integers(0, 40).map(lambda k: k / 40)
    rows = draw(st.lists(st.lists(grid, min_size=7, max_size=7), min_size=3, max_size=7))
    return small_reference(rows)


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=10)
@given(full_references())
def test_a_copy_has_the_statistic_of_its_original(name, reference):
    board = reference.board
    scheme = get_scheme(name).bind(reference)
    for row in range(len(board.models)):
        placed = quick(reference, name, of_row(board, row))
        if placed.problem:
            return
        own = aggregated(scheme, board)
        assert placed.statistic == pytest.approx(own[row], rel=1e-9, abs=1e-9)
        below = (rounded(own) < round(placed.statistic, 9)).sum()
        equal = (rounded(own) == round(placed.statistic, 9)).sum()
        assert placed.share == pytest.approx((below + equal / 2) / len(own))
        assert placed.rank == 1 + len(own) - below - equal


@pytest.mark.parametrize("name", [n for n in ALL if get_scheme(n).claims.monotonicity])
@settings(max_examples=10)
@given(full_references(), st.data())
def test_a_higher_score_never_places_lower(name, reference, data):
    grid = st.integers(0, 20).map(lambda k: k / 20)
    scores = data.draw(st.lists(grid, min_size=6, max_size=6))
    raised = data.draw(st.integers(0, 5))
    before = quick(reference, name, cells(*scores))
    if before.problem:
        return
    scores[raised] += 0.07
    after = quick(reference, name, cells(*scores))
    assert after.statistic >= before.statistic - 1e-9
    assert after.share >= before.share


def test_by_hand():
    """Means of scores, z and ranks of three models on two benchmarks, and one model between them."""
    tree = tree_of({"average_vision": {"neural_vision": {"A": None}, "behavior_vision": {"B": None}}})
    reference = freeze(snapshot_of(tree, [[0.1, 0.6], [0.3, 0.2], [0.5, 0.4]]), "three", NOW)
    mine = {"A": Cell(0.4), "B": Cell(0.4)}
    flat = quick(reference, "FLAT", mine)
    assert flat.statistic == pytest.approx(0.4)
    assert (flat.share, flat.rank) == (pytest.approx(2 / 3), 2)
    z = quick(reference, "ZMEAN", mine)
    # sd 0.2; the others have -0.5 + 0.5, 0 - 0.5 and 0.5 + 0
    assert z.statistic == pytest.approx((0.5 + 0.0) / 2)
    assert (z.share, z.rank) == (pytest.approx(2.0 / 3), 2)
    rank = quick(reference, "RANK", mine)
    assert rank.statistic == pytest.approx((2.5 + 2) / 2)  # two below, or one below and one equal
    assert rank.scaled == {"A": 2.5, "B": 2.0}
    assert (rank.share, rank.rank) == (pytest.approx(2 / 3), 2)
    win = quick(reference, "WIN_RATE", mine)
    assert win.statistic == pytest.approx((0.75 + 0.5) / 2)
    assert quick(reference, "MINMAX", mine).statistic == pytest.approx((0.75 + 0.5) / 2)
    assert quick(reference, "GEOMETRIC", mine).statistic == pytest.approx(0.4)
    # Its points as if it were one of the three: 3 - (3 + 1 - rank).
    assert quick(reference, "BORDA", mine).statistic == pytest.approx(1.5 + 1)


@pytest.mark.parametrize("name", [name for name in ALL if not is_universe(get_scheme(name))])
def test_missing_scores_restrict_the_board_and_no_rule_counts(name):
    """A place with missing scores is that on a board without these benchmarks."""
    reference = small_reference()
    mine = cells(0.32, 0.4, "X", 0.5, "", 0.4)
    placed = place(reference, mine, (name,), resamples=0)
    board = reference.board
    columns = [0, 1, 3, 5]
    rows = np.flatnonzero(~np.isnan(board.scores[:, columns]).any(axis=1)).tolist()
    assert placed.board.ids == tuple(board.ids[i] for i in rows)
    assert placed.population == len(rows) == 4
    one = placed.schemes[0]
    if one.problem:
        return
    rest = board.take(rows, columns)
    theirs = get_scheme(name).bind(reference).fit(rest)
    own = theirs.score(np.array([[0.32, 0.4, 0.5, 0.4]]))
    assert one.statistic == pytest.approx(float(own[0]))
    others = rounded(theirs.combination.scores(theirs.scaled))
    assert one.rank == 1 + (others > rounded(own)).sum()
    assert list(one.scaled) == list(rest.leaves)


def test_schemes_by_default_by_name_and_all():
    reference, part, full = small_reference(), cells(0.32, 0.4, "X", 0.5, "", 0.4), cells(*[0.4] * 6)
    names = [one.scheme for one in place(reference, full, resamples=0).schemes]
    assert names[0] == "HIER"
    assert len(names) == DEFAULT_SCHEMES
    few = place(reference, part, resamples=0)
    assert len(few.schemes) == DEFAULT_SCHEMES
    assert "HIER" in few.not_placed
    everything = place(reference, part, ("all",), resamples=0)
    assert {one.scheme for one in everything.schemes} | set(everything.not_placed) == set(ALL)
    assert {get_scheme(name).conventions[0] for name in everything.not_placed} == {"zero", "attempted", "worst"}
    assert [one.scheme for one in place(reference, full, ("ALL",), resamples=0).schemes] == list(ALL)
    named = place(reference, part, ("ref_normal", "HIER", "REF_NORMAL"), resamples=0)
    assert [one.scheme for one in named.schemes] == ["REF_NORMAL", "HIER"]
    assert named.not_placed == ()
    with pytest.raises(SchemeError, match="HIER"):
        place(reference, full, ("HIRE",))
    with pytest.raises(SchemeError, match="no aggregation scheme 'HIRE'"):
        place(reference, full, ("all", "HIRE"))


def test_bounds_are_places_with_the_percentiles():
    reference = small_reference()
    mine = cells(0.32, 0.4, "X", 0.5, "", 0.4)
    placed = place(reference, mine, ("FLAT", "ZMEAN", "REF_NORMAL"), resamples=0)
    ends = {leaf: np.percentile(reference.norms[leaf].values, [5, 95, 50]) for leaf in (LEAVES[2], LEAVES[4])}
    assert {one.benchmark: one.scores for one in placed.missing} == {
        leaf: (pytest.approx(low), pytest.approx(high)) for leaf, (low, high, _) in ends.items()
    }
    assert {one.benchmark: one.state.name for one in placed.missing} == {LEAVES[2]: "FAILED", LEAVES[4]: "NEVER"}
    shares: dict[str, list[float]] = {leaf: [] for leaf in ends}
    for one in placed.schemes:

        def filled(end, scheme=one.scheme, known=()):
            scores = {leaf: Cell(float(ends[leaf][2 if leaf in known else end])) for leaf in ends}
            return quick(reference, scheme, mine | scores)

        assert one.bounds == (filled(0).rank, filled(1).rank)
        width = filled(1).statistic - filled(0).statistic
        for leaf in ends:
            narrow = filled(1, known=[leaf]).statistic - filled(0, known=[leaf]).statistic
            shares[leaf].append(1 - narrow / width)
    for one in placed.missing:
        assert one.narrows == pytest.approx(np.median(shares[one.benchmark]))
    assert placed.complete == 4
    full = place(reference, cells(*[0.4] * 6), resamples=0)
    assert full.missing == ()
    assert [one.bounds for one in full.schemes] == [None] * 5
    assert full.answer.startswith("On all 6 benchmarks: rank ")
    lonely = place(small_reference([*ROWS[1:2], *ROWS[3:5]]), cells(0.3, "", 0.2, 0.4, "", ""), resamples=0)
    assert [one.bounds for one in lonely.schemes] == [None] * 5
    assert all(math.isnan(one.narrows) for one in lonely.missing)


@pytest.mark.parametrize("name", ALL)
def test_leaving_out_is_freezing_without(name):
    """Other norms are those of the models that are left; the REF_ norms stay those of the reference."""
    rows = complete(ROWS)
    reference = small_reference(rows)
    board = reference.board
    for row, model in enumerate(board.models):
        placed = place(reference, of_row(board, row), (name,), leave_out=(model.id,), resamples=0)
        assert (placed.population, placed.left_out) == (len(rows) - 1, (model.id,))
        one = placed.schemes[0]
        if name in FROZEN_NORMS:
            if not one.problem:
                assert one.rank == rank_models(board, name, reference=reference).ranks[row]
        else:
            other = quick(small_reference([r for i, r in enumerate(rows) if i != row]), name, of_row(board, row))
            assert one.problem == other.problem
            assert (one.share, one.rank) == (pytest.approx(other.share, nan_ok=True), other.rank)
    several = place(reference, of_row(board, 0), ("FLAT",), leave_out=board.ids[:2], resamples=0)
    assert several.population == len(rows) - 2


@pytest.mark.parametrize("name", ["HIER", "FLAT", "REF_ZMEAN", "REF_NORMAL", "HIER_REF_NORMAL"])
def test_a_real_model_with_all_benchmarks_has_the_rank_of_the_complete_board(name, real_snapshots):
    snapshot = real_snapshots["2024-01-01"]
    reference = freeze(snapshot, "real", NOW)
    columns = [j for j, leaf in enumerate(reference.board.leaves) if leaf in constituents(reference)]
    rows = np.flatnonzero(~np.isnan(reference.board.scores[:, columns]).any(axis=1)).tolist()
    board = reference.board.take(rows, columns)
    expected = rank_models(board, name, reference=reference)
    for row in range(0, len(rows), 9):
        model = board.models[row]
        mine = cells_of_model(snapshot, model, "board")
        placed = quick(reference, name, mine, leave_out=(model.id,))
        assert (placed.rank, placed.statistic) == (expected.ranks[row], pytest.approx(expected.scores[row]))


@pytest.mark.parametrize("name", ["GEOMETRIC", "MEDIAN_RANK", "PC1"])
def test_without_a_posterior_the_range_is_that_of_boards_without_a_paper(name):
    reference, mine = small_reference(complete(ROWS)), cells(0.32, 0.4, 0.3, 0.5, 0.2, 0.4)
    board = reference.board
    fitted = get_scheme(name).fit(board)
    scaled = np.vstack([fitted.scaled, fitted.scale(np.array([[cell.score for cell in mine.values()]]))])
    shares, ranks = [], []
    for left_out in (None, *dict.fromkeys(paper(leaf) for leaf in board.leaves)):
        counts = np.array([[float(paper(leaf) != left_out) for leaf in board.leaves]] * len(scaled))
        statistics = rounded(fitted.combination.scores(scaled, counts))
        theirs, ours = statistics[:-1], statistics[-1]
        shares.append(float(((theirs < ours).sum() + (theirs == ours).sum() / 2) / len(theirs)))
        ranks.append(1 + int((theirs > ours).sum()))
    known = place(reference, mine, (name,)).schemes[0].uncertainty
    assert (known.kind, known.level, known.resamples) == ("papers", None, len(ranks) - 1)
    assert known.ranks == (min(ranks), max(ranks))
    others = np.array(shares[1:])
    assert known.error == pytest.approx(math.sqrt((len(others) - 1) * others.var()))


def planted(models: int = 60, seed: int = 0) -> Reference:
    """A complete reference: three papers in each of two strata, each with two benchmarks."""
    tree = tree_of(
        {
            "average_vision": {
                "neural_vision": {f"{a}-{x}": None for a in ("Ada2020.V1", "Bob2021.V1", "Cyd2022.V1") for x in "ab"},
                "behavior_vision": {f"{a}-{x}": None for a in ("Dan2020.B", "Eve2021.B", "Fay2022.B") for x in "ab"},
            }
        }
    )
    rng = np.random.default_rng(seed)
    true = 0.1 * rng.standard_normal((models, 1))
    papers = np.repeat(0.05 * rng.standard_normal((models, 6)), 2, axis=1)
    scores = 0.5 + true + papers + 0.02 * rng.standard_normal((models, 12))
    return freeze(snapshot_of(tree, scores.clip(0, 1).round(3).tolist()), "planted", NOW)


def test_the_interval_of_a_weighted_mean_is_that_of_the_posterior():
    reference = planted()
    board = reference.board
    found = certainty_of("HIER", board)
    mine = cells(*[0.55] * 12, leaves=board.leaves)
    known = place(reference, mine, ("HIER",), resamples=4000, seed=3, level=0.9).schemes[0].uncertainty
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
    wider = place(reference, mine, ("HIER",), resamples=4000, seed=3, level=0.99).schemes[0].uncertainty
    assert wider.ranks[0] < known.ranks[0] <= known.ranks[1] < wider.ranks[1]


def test_without_reliability_the_interval_is_over_papers():
    """All true scores are then equal, and their rank would be 1 to 1."""
    one = place(small_reference(), cells(0.32, 0.4, "X", 0.5, "", 0.4), ("FLAT",)).schemes[0]
    assert (one.rank, one.uncertainty.kind) == (4, "papers")
    assert one.uncertainty.ranks[0] <= one.rank <= one.uncertainty.ranks[1]


def test_the_interval_on_benchmarks_of_one_paper_is_a_bootstrap_of_these():
    reference = planted()
    leaves = reference.board.leaves[:2]
    known = place(reference, cells(0.5, 0.6, leaves=leaves), ("FLAT",), seed=2).schemes[0].uncertainty
    board = reference.board.scores[:, :2]
    ranks = sorted(
        1 + int((rounded(board[:, pair].mean(axis=1)) > round(float(np.mean([(0.5, 0.6)[j] for j in pair])), 9)).sum())
        for pair in ([0, 0], [0, 1], [1, 1])
    )
    assert known.kind == "benchmarks"
    assert known.ranks == (ranks[0], ranks[-1])
    alone = place(reference, cells(0.5, leaves=leaves[:1]), ("FLAT",))
    assert alone.schemes[0].uncertainty is None
    assert alone.answer.startswith(f"On {leaves[0]} alone: rank ")


def test_percentiles_hold_the_true_rank_more_often_than_reflected_ones(geirhos):
    """On boards of new benchmarks, drawn with the covariance of what models differ by on the 17 real ones."""
    random, board = np.random.default_rng(0), geirhos.board
    true = 0.3 + 0.4 * board.scores.mean(axis=1)
    own = 0.4 * (board.scores - board.scores.mean(axis=1)[:, None])
    own -= own.mean(axis=0)
    held = []
    for number in range(20):
        drawn = (true[:, None] + own @ random.standard_normal((17, 17)) / 17**0.5).clip(0, 1)
        reference = freeze(snapshot_of(board.tree, drawn.tolist(), models=board.models), "drawn", NOW)
        for one in random.integers(len(true), size=6).tolist():
            mine = {leaf: Cell(float(score)) for leaf, score in zip(board.leaves, drawn[one], strict=True)}
            found = place(reference, mine, ("FLAT",), leave_out=[board.ids[one]], resamples=200, seed=number).schemes[0]
            low, high = found.uncertainty.ranks
            rank = 1 + int((true > true[one]).sum())
            held.append((low <= rank <= high, 2 * found.rank - high <= rank <= 2 * found.rank - low))
    percentiles, reflected = np.mean(held, axis=0)
    assert percentiles > 0.9 > reflected


@pytest.mark.parametrize("name", ["UNIVERSE", "REF_UNIVERSE"])
@pytest.mark.parametrize("scored", [12, 5])
def test_a_universe_score_has_its_posterior_however_much_is_missing(name, scored):
    reference = planted()
    # Names of different letters, so that every model is a family.
    names = tuple(
        replace(model, name=f"{chr(97 + i // 26)}{chr(97 + i % 26)}") for i, model in enumerate(reference.board.models)
    )
    reference = freeze(replace(reference.snapshot, models=names), "planted", NOW)
    board = reference.board
    row = [0.6 if j < scored else np.nan for j in range(12)]
    mine = cells(*["" if np.isnan(x) else x for x in row], leaves=board.leaves)
    found = place(reference, mine, (name,), resamples=4000).schemes[0]
    fit = fit_board(board.scores, board)
    own = fit.fit.scores(fit.unit_means(np.array([row])))
    known = found.uncertainty
    assert (found.population, known.kind) == (60, "posterior")
    assert found.statistic == pytest.approx(own.scores[0])
    low, high = known.scores
    assert (low + high) / 2 == pytest.approx(own.scores[0])
    sd = (high - low) / 2 / 1.959964
    # Wider than with known parameters, by what ten refits without a tenth of the families show.
    assert own.sd[0] < sd < 1.5 * own.sd[0]
    random, others = np.random.default_rng(5), universe(board)
    theirs = others.scored.scores + others.sd_widened * random.standard_normal((20_000, 60))
    ranks = 1 + (theirs > own.scores[0] + sd * random.standard_normal((20_000, 1))).sum(axis=1)
    assert known.ranks == tuple(pytest.approx(end, abs=1) for end in np.quantile(ranks, [0.025, 0.975]))


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0, np.nan]), st.integers(0, 3)), min_size=1, max_size=8))
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
    one = placement_json(place(reference, mine, ("HIER_NORMAL",), seed=4))
    assert one == placement_json(place(reference, mine, ("HIER_NORMAL",), seed=4))
    assert one != placement_json(place(reference, mine, ("HIER_NORMAL",), seed=5))


def test_scores_are_capped():
    for high, low in ((1.4, -0.3), (1.0, 0.0)):
        placed = quick(small_reference(), "FLAT", cells(high, low, 0.5, 0.5, 0.5, 0.5))
        assert placed.statistic == pytest.approx(0.5)


def test_the_record_is_json_and_says_everything():
    reference = small_reference()
    mine = cells(0.32, 0.4, "X", 0.5, "", 0.4, error=0.02) | {"Other2020-x": Cell(0.4)}
    record = json.loads(json.dumps(placement_json(place(reference, mine)), allow_nan=False))
    assert record["reference"] == {
        "name": "small",
        "sha256": reference.sha256,
        "date": "2024-01-09",
        "frozen_at": "2030-01-01T00:00:00+00:00",
        "domain": "vision",
        "reconstructed": False,
        "simulated": False,
        "models": 7,
        "benchmarks": 6,
    }
    assert (record["scored"], record["failed"], record["never"]) == (4, [LEAVES[2]], [LEAVES[4]])
    assert record["unused"] == [{"benchmark": "Other2020-x", "reason": None}]
    one = record["schemes"]["FLAT"]
    assert one["interval"][0] <= one["rank"] <= one["interval"][1]
    assert one["share_interval"][0] <= one["share"] <= one["share_interval"][1]


def test_too_few_constituents():
    few = cells(0.5, "X", "", "", 0.5, "")
    with pytest.raises(CandidateError, match=r"2 of the 6 benchmarks of the reference 'small' have a score.*0\.5"):
        place(small_reference(), few, min_constituents=0.5)
    assert place(small_reference(), few, resamples=0).population == 6
    with pytest.raises(CandidateError, match=r"0 of the 6 .*, and one is needed"):
        place(small_reference(), cells(*["X"] * 6))


def test_a_misspelt_benchmark_is_recognised():
    mine = {"MajajHong2105.IT-pls": Cell(0.4)}
    with pytest.raises(CandidateError, match=r"'MajajHong2105\.IT-pls': did you mean MajajHong2015\.IT-pls\?"):
        place(small_reference(), mine)


@pytest.mark.parametrize(
    "name", ["MajajHong2015public.IT-pls", "dicarlo.MajajHong2015public.IT-pls_v2", "Other2020.public-x"]
)
def test_a_public_variant_is_no_misspelling(name):
    placed = place(small_reference(), {LEAVES[0]: Cell(0.4), name: Cell(0.9)}, ("FLAT",), resamples=0)
    assert placed.unused == {name: "a public variant: other data, not comparable"}


def test_scores_on_another_version_are_not_used():
    reference = small_reference()
    wanted = reference.board.tree[LEAVES[0]].version
    placed = place(reference, cells(*[0.4] * 6) | {LEAVES[0]: Cell(0.9, version=wanted + 1)}, resamples=0)
    assert placed.other_versions == {LEAVES[0]: (wanted + 1, wanted)}
    assert [one.benchmark for one in placed.missing] == [LEAVES[0]]
    said = f"1 score of another version, such as {wanted + 1} of '{LEAVES[0]}', where it has {wanted}: run that version"
    with pytest.raises(CandidateError, match=said):
        place(reference, {LEAVES[0]: Cell(0.9, version=wanted + 1)})


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
        place(small_reference(), cells(*[0.5] * 6), **wrong)


def test_references_that_cannot_place():
    with pytest.raises(ReferenceBoardError, match="the model 5 that is to be left out is not on the reference"):
        quick(small_reference(), "FLAT", cells(*[0.5] * 6), leave_out=(5,))
    two = small_reference([ROWS[0], ROWS[2]])
    with pytest.raises(ReferenceBoardError, match=r"1 model of the reference .* two are needed; leave out"):
        quick(two, "FLAT", cells(*[0.5] * 6), leave_out=two.board.ids[:1])


def test_a_scheme_that_cannot_use_the_benchmarks_is_named():
    placed = place(small_reference(), cells(0.3, 0.4, "", "", "", ""), ("DSEP", "FLAT"), resamples=0)
    first, second = placed.schemes
    assert "DSEP combines neural_vision and behavior_vision" in first.problem
    assert placed.placed == (second,)
    record = placement_json(placed)["schemes"]["DSEP"]
    assert {value for name, value in record.items() if name != "problem"} == {None}
