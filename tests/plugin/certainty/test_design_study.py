"""Further papers: the Spearman-Brown formula, the best placement, boards without an answer."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from brainalign_plugin.certainty.suite import next_benchmarks
from brainalign_plugin.certainty.variance_components import NotEstimable, certainty_of
from brainalign_plugin.errors import InputError
from tests.boards import board_of_matrix, halves, tree_of, unrelated


def board(seed=0, papers=(3,), models=60):
    """A stratum of each size, its papers with an ability in common."""
    random = np.random.default_rng(seed)
    names = [[f"Paper{2000 + 10 * r + k}.S{r}-leaf" for k in range(size)] for r, size in enumerate(papers)]
    strata = {f"S{r}": dict.fromkeys(leaves) for r, leaves in enumerate(names)}
    tree = tree_of({"average_vision": {"neural_vision": strata}})
    ability = random.normal(size=(models, len(papers)))
    columns = [
        ability[:, r] + (0.6 + 0.8 * r) * random.normal(size=models)
        for r, size in enumerate(papers)
        for _ in range(size)
    ]
    return unrelated(board_of_matrix(0.5 + 0.03 * np.clip(np.column_stack(columns), -15, 15), tree))


def test_papers_of_one_stratum_follow_spearman_and_brown():
    # Spearman (1910), Brown (1910): c times as many parts have the reliability c R / (1 + (c - 1) R).
    found = next_benchmarks(board(), 4, resamples=20)
    whole = certainty_of("HIER", board()).reliability
    assert found.reliability == pytest.approx(whole)
    for k, step in enumerate(found.steps, 1):
        c = (3 + k) / 3
        assert step.reliability == pytest.approx(c * whole / (1 + (c - 1) * whole))
        assert step.papers == 3 + k
    needed = next(k for k in range(100) if (c := (3 + k) / 3) * whole / (1 + (c - 1) * whole) >= 0.8)
    assert found.needed == needed


def test_the_placement_is_the_best_of_all():
    one = board(1, (2, 3, 4))
    estimated = certainty_of("HIER", one)
    true = estimated.variance - estimated.error_variance
    best = max(
        true / (true + sum(s.weight**2 * s.paper_variance / (len(s.papers) + more)
                           for s, more in zip(estimated.strata, added, strict=True)))
        for added in itertools.product(range(6), repeat=3) if sum(added) == 5
    )  # fmt: skip
    found = next_benchmarks(one, 5, resamples=20)
    assert found.steps[-1].reliability == pytest.approx(best)
    assert found.strata[0].reliability == pytest.approx(found.steps[0].reliability)
    assert all(step.interval.low <= step.reliability <= step.interval.high for step in found.steps)


def test_the_real_board_needs_papers_on_behaviour(real_board):
    found = next_benchmarks(real_board("2024-01-01"))
    assert round(found.reliability, 4) == 0.6737
    assert [step.stratum for step in found.steps] == ["behavior_vision"] * 5
    assert found.needed == 3


def test_no_answer_has_a_reason():
    alone = board_of_matrix(np.random.default_rng(0).random((12, 2)), halves(2))
    assert "measured by two papers" in next_benchmarks(alone).reason
    assert isinstance(next_benchmarks(board_of_matrix(np.zeros((0, 2)), halves(2))), NotEstimable)
    for papers in (0, 101):
        with pytest.raises(InputError, match=f"{papers} further papers were asked for; give a number from 1 to 100"):
            next_benchmarks(board(), papers)
    same = board_of_matrix(np.random.default_rng(0).random((12, 1)).repeat(4, axis=1), halves(4))
    assert next_benchmarks(same).steps == ()
