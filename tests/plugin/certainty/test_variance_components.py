"""Reliability of an average: the real figures, and an independent reading of the definitions."""

from __future__ import annotations

import itertools
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_plugin.certainty.posterior import Posterior
from brainalign_plugin.certainty.variance_components import (
    NotEstimable,
    certainties,
    certainty_of,
    component_table,
    linear_form,
)
from brainalign_plugin.errors import BoardError
from brainalign_plugin.files.reference import given_board
from brainalign_plugin.schemes import get_scheme
from tests.boards import board_of_matrix, tree_of
from tests.plugin.certainty import independent

# date: reliability, standard error, smallest difference told apart, share of pairs told apart (per cent)
TABLE = {
    "2022-07-01": (0.4631, 0.02798, 0.1139, 3.7),
    "2023-07-01": (0.6482, 0.03284, 0.1131, 15.0),
    "2024-01-01": (0.6737, 0.02808, 0.0948, 15.6),
    "2025-05-07": (0.8041, 0.03607, 0.1115, 28.1),
}

DEEP_TREE = tree_of(
    {
        "average_vision": {
            "neural_vision": {
                "V1": {
                    "Aa2001.V1-pls": None,
                    "Bb2002": {"V1-size": {"Bb2002-one": None, "Bb2002-two": None}, "Bb2002-three": None},
                },
                "V2": {"Aa2001.V2-pls": None},
            },
            "behavior_vision": {"Cc2003-i2n": None, "Dd2004": {"Dd2004x-e": None, "Dd2004y-e": None}},
        }
    }
)


def random_board(seed, models=9, tree=DEEP_TREE):
    random = np.random.default_rng(seed)
    ability = random.normal(size=(models, 1))
    scores = 0.5 + 0.08 * ability + 0.08 * random.normal(size=(models, len(tree.leaves())))
    return board_of_matrix(np.round(np.clip(scores, 0, 1), 3), tree)


def simulated_first(posterior, seed=1, draws=40_000):
    random = np.random.default_rng(seed)
    drawn = posterior.mean + posterior.sd * random.normal(size=(draws, len(posterior.mean)))
    return np.bincount(drawn.argmax(axis=1), minlength=len(posterior.mean)) / draws


@pytest.mark.parametrize("date", TABLE)
def test_the_real_figures(real_board, date):
    found = certainty_of("HIER", real_board(date))
    r, error, apart, share = TABLE[date]
    assert round(found.reliability, 4) == r
    assert round(found.standard_error, 5) == error
    assert round(found.told_apart_from, 4) == apart
    assert round(100 * found.told_apart_share, 1) == share


def test_the_real_figures_of_other_schemes(real_board):
    board = real_board("2024-01-01")
    found = certainties(board)
    named = [found[name].reliability for name in ("HIER_ZMEAN", "HIER_NORMAL", "HIER_RANK")]
    assert [round(reliability, 4) for reliability in named] == [0.7683, 0.7455, 0.7234]
    posterior = certainty_of("HIER", board).posterior
    best = int(posterior.first().argmax())
    assert board.models[best].name == "resnext101_32x8d_wsl"
    assert round(float(posterior.first()[best]), 2) == 0.31


@pytest.mark.parametrize("date", TABLE)
def test_strata_of_the_site(real_board, date):
    found = certainty_of("HIER", real_board(date))
    assert [s.name for s in found.strata] == ["V1", "V2", "V4", "IT", "behavior_vision"]
    assert [s.weight for s in found.strata] == pytest.approx([1 / 8] * 4 + [1 / 2])
    assert found.strata[1].papers == ("FreemanZiemba2013",)
    assert set(found.strata[4].papers) == {"Geirhos2021", "Rajalingham2018"}


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), name=st.sampled_from(["HIER", "HIER_ZMEAN", "HIER_RANK", "FLAT", "RANK"]))
def test_an_independent_reading_agrees(seed, name):
    board = random_board(seed)
    form = linear_form(name, board)
    expected_weights = (
        [independent.nominal(board.tree, leaf) for leaf in board.leaves]
        if name.startswith("HIER")
        else [1 / len(board.leaves)] * len(board.leaves)
    )
    assert form.weights == pytest.approx(expected_weights)
    assert form.scores == pytest.approx(get_scheme(name).scores(board))
    expected = independent.certainty(board, form.scaled, expected_weights)
    found = certainty_of(name, board)
    assert found.scores == pytest.approx(expected["scores"])
    for figure in ("reliability", "standard_error", "told_apart_from"):
        assert getattr(found, figure) == pytest.approx(expected[figure]), figure
    assert found.told_apart_share == pytest.approx(expected["told_apart_share"], abs=0.03)
    assert found.posterior.sd == pytest.approx(np.full(9, expected["posterior_sd"]), abs=1e-9)


def test_the_deep_tree_has_these_units():
    board = random_board(0)
    assert independent.units(board, [1.0] * len(board.leaves)) == {
        "V1": {"Aa2001": [0], "Bb2002": [1, 2, 3]},
        "V2": {"Aa2001": [4]},
        "behavior_vision": {"Cc2003": [5], "Dd2004": [6, 7]},
    }
    strata = certainty_of("HIER", board).strata
    assert {s.name: s.papers for s in strata} == {
        "V1": ("Aa2001", "Bb2002"),
        "V2": ("Aa2001",),
        "behavior_vision": ("Cc2003", "Dd2004"),
    }


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_two_models_are_told_apart_where_the_probability_is_0975(seed):
    found = certainty_of("HIER", random_board(seed, models=12))
    best = int(np.argmax(found.scores))
    above = found.posterior.above_all(best)
    apart = found.scores[best] - found.scores >= found.told_apart_from
    others = np.arange(12) != best
    assert (apart[others] == (above[others] >= 0.975 - 1e-12)).all()
    for i in range(12):
        difference = found.posterior.mean[best] - found.posterior.mean[i]
        spread = float(np.hypot(found.posterior.sd[best], found.posterior.sd[i]))
        if spread:
            assert found.posterior.above(best, i) == pytest.approx(NormalDist().cdf(difference / spread))


def test_probabilities_to_be_first_are_those_of_draws(real_board):
    posterior = certainty_of("HIER", real_board("2024-01-01")).posterior
    assert posterior.first() == pytest.approx(simulated_first(posterior), abs=0.012)
    assert posterior.first().sum() == pytest.approx(1)
    uneven = Posterior(np.array([0.0, 0.3, 0.5, -2.0]), np.array([1.0, 0.02, 0.3, 0.1]))
    assert uneven.first() == pytest.approx(simulated_first(uneven), abs=0.012)
    certain = Posterior(np.array([0.1, 0.4, 0.4]), np.zeros(3))
    assert certain.first().tolist() == [0.0, 0.5, 0.5]
    assert certain.above(1, 2) == 0.5
    assert certain.above(1, 0) == 1.0


def test_rank_intervals_are_percentiles_and_repeat():
    posterior = Posterior(np.array([3.0, 0.0, 0.1, -3.0]), np.full(4, 0.2))
    found = posterior.ranks(draws=2000, seed=3)
    assert (found.low.tolist(), found.high.tolist()) == ([1, 2, 2, 4], [1, 3, 3, 4])
    assert found.top_ten.tolist() == [1, 1, 1, 1]
    again = posterior.ranks(draws=2000, seed=3)
    assert np.array_equal(again.low, found.low)
    assert np.array_equal(again.high, found.high)
    many = Posterior(np.zeros(40), np.zeros(40)).ranks(draws=4000)
    assert many.low.max() <= 2
    assert many.high.min() >= 39
    assert many.top_ten == pytest.approx(np.full(40, 0.25), abs=0.04)


def test_tiers_begin_where_the_best_is_told_apart():
    found = certainty_of("HIER", random_board(4, models=30))
    order = [i for tier in found.tiers.positions for i in tier]
    assert sorted(order) == list(range(30))
    assert (np.diff(found.scores[order]) <= 1e-9).all()
    for tier, following in zip(found.tiers.positions, found.tiers.positions[1:], strict=False):
        best = found.scores[tier[0]]
        assert best - found.scores[tier[-1]] < found.told_apart_from
        assert best - found.scores[following[0]] >= found.told_apart_from
    assert found.tiers.neighbours == 29
    assert found.tiers.neighbours_apart == sum(
        found.scores[a] - found.scores[b] >= found.told_apart_from for a, b in itertools.pairwise(order)
    )


def test_why_nothing_is_estimable():
    single = tree_of({"average_vision": {"neural_vision": {"Aa2001-x": None}, "behavior_vision": {"Bb2002-x": None}}})
    one_each = certainty_of("HIER", random_board(1, tree=single))
    assert isinstance(one_each, NotEstimable)
    assert "no part of the tree was measured by two papers" in one_each.reason
    assert "neural_vision by Aa2001" in one_each.reason
    alone = certainty_of("HIER", random_board(1, models=1))
    assert "1 model" in alone.reason
    flat = certainty_of("HIER", board_of_matrix(np.full((4, 8), 0.25), DEEP_TREE))
    assert "the same score" in flat.reason
    voting = certainty_of("KEMENY", random_board(1))
    assert "no weighted mean" in voting.reason


def test_a_board_with_gaps_is_refused():
    scores = np.array(random_board(1).scores)
    scores[2, 3] = np.nan
    with pytest.raises(BoardError, match="1 missing cell"):
        certainty_of("HIER", board_of_matrix(scores, DEEP_TREE))


def test_papers_that_disagree_entirely_leave_no_reliability():
    scores = np.full((6, 8), 0.5)
    scores[:, 0], scores[:, 1:4] = np.arange(6) / 10, (5 - np.arange(6))[:, None] / 10
    scores[:, 5], scores[:, 6:] = np.arange(6) / 10, (5 - np.arange(6))[:, None] / 10 + 0.001
    scores[0, 0] += 0.2
    found = certainty_of("HIER", board_of_matrix(scores, DEEP_TREE))
    assert found.reliability == 0
    assert found.told_apart_from == float("inf")
    assert found.told_apart_share == 0
    assert len(found.tiers.positions) == 1
    assert found.posterior.first() == pytest.approx(np.full(6, 1 / 6))
    assert found.posterior.above(0, 1) == 0.5


def test_frozen_norms_count_too(real_snapshot, real_board):
    reference = given_board(real_snapshot("2024-01-01"))
    board = real_board("2024-01-01")
    assert 0.5 < certainty_of(get_scheme("HIER_REF_NORMAL").bind(reference), board).reliability < 0.9
    found = certainties(board)
    assert found["DSEP"].scores == pytest.approx(get_scheme("DSEP").scores(board))
    assert found.keys().isdisjoint(["HIER_REF_NORMAL", "REF_ZMEAN", "BORDA"])


def test_what_the_disagreement_consists_of(real_board):
    board = real_board("2024-01-01")
    table = component_table(linear_form("HIER", board), board)
    assert sum(table.values()) == pytest.approx(100)
    assert all(value > 5 for value in table.values())


def test_planted_components_are_found():
    random = np.random.default_rng(5)
    groups = {
        f"S{r}": {
            f"P{chr(97 + r)}{chr(97 + p)}{2000 + p}": {
                f"P{chr(97 + r)}{chr(97 + p)}{2000 + p}-{k}": None for k in range(3)
            }
            for p in range(4)
        }
        for r in range(6)
    }
    tree = tree_of({"average_vision": groups})
    n, columns = 4000, []
    model = random.normal(size=n)
    for _stratum in range(6):
        stratum = random.normal(size=n)
        for _ in range(4):
            own = random.normal(size=n)
            columns += [0.06 * model + 0.05 * stratum + 0.04 * own + 0.03 * random.normal(size=n) for _ in range(3)]
    board = board_of_matrix(np.clip(0.5 + np.column_stack(columns), 0, 1), tree)
    table = component_table(linear_form("HIER", board), board)
    expected = np.array([36, 25, 16, 9]) / 86 * 100
    assert list(table.values()) == pytest.approx(expected, abs=2.0)
