"""New benchmarks against those before them: correlations, verdicts, what an arrival cost and moved."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from brainalign_plugin.certainty.benchmarks import new_benchmarks, verdict
from brainalign_plugin.certainty.bootstrap import Interval, draw_counts
from brainalign_plugin.certainty.families import families
from brainalign_plugin.certainty.variance_components import certainty_of, linear_form, resampled_components
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.errors import InputError
from tests.boards import board_of_matrix, dated, drawn_rows, halves, unrelated


def arrived(seed=0, models=40, gaps=0):
    """Six old benchmarks with an ability in common, and four that arrive on day 5: a copy of their average,
    one like it, one of its own and one that turns it around; models come in ten days."""
    random = np.random.default_rng(seed)
    ability = random.normal(size=(models, 1))
    old = ability + 0.3 * random.normal(size=(models, 6))
    new = old.mean(axis=1, keepdims=True) * [1, 0.35, 0, -1] + random.normal(size=(models, 4)) * [0.01, 1, 1, 0.01]
    scores = 0.5 + 0.04 * np.column_stack([old[:, :3], new[:, :2], old[:, 3:], new[:, 2:]]).clip(-12, 12)
    scores[:gaps, 3] = np.nan
    board = unrelated(board_of_matrix(scores, halves(10)))
    return dated(board, [0, 0, 0, 5, 5, 0, 0, 0, 5, 5], np.arange(models) % 10)


def test_the_planted_benchmarks_get_their_verdicts():
    found = new_benchmarks(arrived(models=120))
    assert found.reason is None
    by_name = {one.benchmark[:9]: one for one in found.found}
    verdicts = [by_name[f"Paper200{k}"].verdict for k in (3, 4, 8, 9)]
    assert verdicts == ["confirmatory", "partial", "orthogonal", "opposed"]
    assert {one.day.toordinal() for one in found.found} == {by_name["Paper2003"].day.toordinal()}
    for one in found.found:
        assert one.interval.low < one.rho < one.interval.high
        assert one.reason is None


def test_figures_are_those_of_scipy_and_of_boards_without_and_with_it():
    snapshot = arrived(gaps=7)
    board = snapshot.board()
    one = next(one for one in new_benchmarks(snapshot, resamples=50).found if one.benchmark == "Paper2003-leaf")
    old = [0, 1, 2, 5, 6, 7]
    has = ~np.isnan(board.scores[:, 3])
    both = board.scores[has]
    # Three old benchmarks in either half of the tree: their average is flat.
    average = both[:, old].mean(axis=1)
    assert (one.models, one.old) == (33, 6)
    assert one.rho == pytest.approx(spearmanr(average, both[:, 3])[0])
    rhos = [spearmanr(both[:, j], both[:, 3])[0] for j in old]
    assert one.nearest == board.leaves[old[int(np.argmax(rhos))]]
    assert one.nearest_rho == pytest.approx(max(rhos))
    assert (one.complete_without, one.complete_with, one.kept) == (40, 33, True)
    after = (both[:, [0, 1, 2, 3]].mean(axis=1) + both[:, [5, 6, 7]].mean(axis=1)) / 2
    before, then = (rankdata(-x, "min") for x in (average, after))
    assert one.mean_shift == pytest.approx(np.abs(before - then).mean())
    ids = np.array(board.ids)[has]
    for moved in one.moved:
        (i,) = np.flatnonzero(ids == moved.id)
        assert (before[i], then[i]) == (moved.before, moved.after)
    rows = np.flatnonzero(has).tolist()
    with_it = certainty_of("HIER", board.take(rows, sorted([*old, 3])))
    without = certainty_of("HIER", board.take(rows, old))
    assert one.reliability_with == pytest.approx(with_it.reliability)
    assert one.reliability_without == pytest.approx(without.reliability)
    assert one.gain.value == pytest.approx(with_it.reliability - without.reliability)


def test_a_benchmark_that_few_models_have_costs_nothing_and_says_why():
    found = {one.benchmark: one for one in new_benchmarks(arrived(gaps=25)).found}["Paper2003-leaf"]
    assert (found.complete_without, found.complete_with, found.kept) == (40, 40, False)
    assert found.verdict is found.rho is found.interval is None
    assert found.reason == "15 models have it and all old benchmarks that are kept; 20 are needed"


@pytest.mark.parametrize(
    ("rho", "low", "high", "expected"),
    [
        (0.5, 0.01, 0.8, "confirmatory"),
        (0.49, 0.01, 0.8, "partial"),
        (0.1, -0.2, 0.4, "orthogonal"),
        (-0.1, -0.49, 0.0, "orthogonal"),
        (-0.3, -0.6, -0.01, "opposed"),
        (0.4, -0.1, 0.6, None),
        (-0.3, -0.6, 0.1, None),
    ],
)
def test_the_rule_of_the_verdict(rho, low, high, expected):
    assert verdict(rho, Interval(rho, low, high, 0.95)) == expected


def test_reasons_instead_of_figures():
    without_dates = new_benchmarks(Snapshot.from_board(arrived().board()))
    assert without_dates.found == ()
    assert without_dates.reason == "no score has a date, so that none is new; name those that are"
    one_day = dated(arrived().board(), [3] * 10, [0] * 40)
    assert "on one day" in new_benchmarks(one_day).reason
    named = new_benchmarks(one_day, ["Paper2003-leaf"])
    assert named.found[0].verdict == "confirmatory"
    assert named.found[0].day is None
    with pytest.raises(InputError, match="no benchmark 'Paper1999'"):
        new_benchmarks(one_day, ["Paper1999"])
    board = arrived().board()
    scores = board.scores.copy()
    scores[:, 3] = 0.5
    flat = new_benchmarks(dated(unrelated(board_of_matrix(scores, halves(10))), [0, 0, 0, 5] + [0] * 6, [0] * 40))
    assert flat.found[0].reason == "all 40 models have the same score on it"
    one_family = new_benchmarks(dated(board_of_matrix(board.scores, halves(10)), [0, 0, 0, 5] + [0] * 6, [0] * 40))
    assert "families of models are too few" in one_family.found[0].reason
    assert one_family.found[0].rho is not None


def test_resampled_reliability_is_that_of_the_drawn_board(real_board):
    board = real_board("2024-01-01")
    counts = draw_counts(families(board).labels, 3, 1)
    form = linear_form("HIER", board)
    found = resampled_components(form, board, np.vstack([np.ones_like(counts[:1]), counts]))
    assert round(found.reliability[0], 4) == 0.6737
    for k, times in enumerate(counts, 1):
        drawn = certainty_of("HIER", drawn_rows(board, np.repeat(np.arange(len(times)), times).tolist()))
        assert found.reliability[k] == pytest.approx(drawn.reliability)
        assert found.error_variance[k] == pytest.approx(drawn.error_variance)


def test_the_benchmarks_that_came_to_the_real_board(real_snapshot):
    found = {one.benchmark: one for one in new_benchmarks(real_snapshot("2024-01-01")).found}
    assert len(found) == 48
    colour, ridge = found["Geirhos2021colour-error_consistency"], found["Igustibagus2024-ridge"]
    assert (colour.verdict, colour.nearest) == ("confirmatory", "Geirhos2021falsecolour-error_consistency")
    # It passed the 50 % line, and the complete cases fell.
    assert (ridge.complete_without, ridge.complete_with) == (137, 83)
    assert ridge.verdict is None
    assert "leaves it open" in ridge.reason
