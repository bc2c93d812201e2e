"""Explained variance against least squares, and weights against what they mean."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from brainalign_plugin.agreement.explained_variance import (
    LeafWeight,
    PartVariance,
    explained_variance,
    main_effect,
    main_effects,
)
from tests.boards import board_of, board_of_matrix, boards, tree_of

NOTHING = PartVariance(None, None, None)


def two_parts(neural, behavior):
    """A board whose neural part is one leaf and whose behavioural part is one leaf."""
    tree = tree_of({"average_vision": {"neural_vision": {"n": None}, "behavior_vision": {"b": None}}})
    return board_of_matrix(np.column_stack([neural, behavior]), tree)


def r_squared(target, *parts):
    """R² of an ordinary least squares fit of the target on the parts; nothing explains nothing."""
    design = np.column_stack([np.ones(len(target)), *parts])
    fitted = design @ np.linalg.lstsq(design, target, rcond=None)[0]
    return 1 - ((target - fitted) ** 2).sum() / ((target - target.mean()) ** 2).sum()


def shapley_by_orders(target, parts):
    """Mean increment in R² of each part over all orders of entry."""
    shares = dict.fromkeys(parts, 0.0)
    orders = list(itertools.permutations(parts))
    for order in orders:
        for k, part in enumerate(order):
            before, after = ([parts[p] for p in order[:end]] for end in (k, k + 1))
            shares[part] += (r_squared(target, *after) - r_squared(target, *before)) / len(orders)
    return shares


def varies(values):
    return values.max() - values.min() > 1e-9


# Scores in thousandths, so that "varies" does not hinge on rounding.
@given(boards(models=(0, 7), missing=False).map(lambda b: replace(b, scores=np.round(b.scores, 3))))
def test_parts_agree_with_least_squares(board):
    found = explained_variance(board)
    assert tuple(found.parts) == board.parts
    scores = board.part_scores()
    if "average" not in scores or len(board.models) < 2:
        assert found.leaves == {}
        assert set(found.parts.values()) == {NOTHING}
        return
    average = scores["average"]
    parts = {part: scores[part] for part in board.parts}
    total = sum(np.var(x, ddof=1) for x in parts.values() if varies(x))
    explicable = varies(average) and all(varies(x) for x in parts.values())
    shares = shapley_by_orders(average, parts) if explicable else None
    for part, values in parts.items():
        one = found.parts[part]
        if varies(average) and varies(values):
            slope, intercept = np.polyfit(values, average, 1)
            residual = average - slope * values - intercept
            assert one.r2 == pytest.approx(1 - residual.var() / average.var(), abs=1e-7)
            assert one.r2 == pytest.approx(np.corrcoef(values, average)[0, 1] ** 2, abs=1e-9)
        else:
            assert one.r2 is None
        expected = (np.var(values, ddof=1) if varies(values) else 0.0) / total if total else None
        assert one.null == (None if expected is None else pytest.approx(expected))
        assert one.shapley == (None if shares is None else pytest.approx(shares[part], abs=1e-7))
    if explicable:
        assert sum(one.shapley for one in found.parts.values()) == pytest.approx(1)
        assert sum(one.null for one in found.parts.values()) == pytest.approx(1)


def slow_nominal(board, leaf):
    """Halves between the parts, then equal shares down the tree."""
    weight, at = 1.0, leaf
    while at not in board.parts:
        parent = board.tree[at].parent
        if parent is None:
            return 0.0
        weight /= sum(node.parent == parent for node in board.tree.nodes)
        at = parent
    return weight / 2


@given(boards(models=(2, 7), missing=False).map(lambda b: replace(b, scores=np.round(b.scores, 3))))
def test_weights_of_the_leaves(board):
    scores = board.part_scores()
    weights = explained_variance(board).leaves
    if "average" not in scores:
        assert weights == {}
        return
    assert tuple(weights) == board.leaves
    average = scores["average"]
    nominal = np.array([weights[leaf].nominal for leaf in board.leaves])
    np.testing.assert_allclose(nominal, [slow_nominal(board, leaf) for leaf in board.leaves], rtol=1e-12)
    # What the nominal weights are for: they make the average out of the leaves.
    np.testing.assert_allclose(board.scores @ nominal, average, rtol=1e-9, atol=1e-12)
    for j, leaf in enumerate(board.leaves):
        if varies(average):
            share = np.cov(board.scores[:, j], average)[0, 1] / np.var(average, ddof=1)
            assert weights[leaf].effective == pytest.approx(nominal[j] * share, abs=1e-9)
        else:
            assert weights[leaf].effective is None
    if varies(average):
        assert sum(weight.effective for weight in weights.values()) == pytest.approx(1)


def test_independent_parts_explain_their_share_of_the_variance():
    # Two uncorrelated columns: R² equals the null, which is the share of the variance.
    found = explained_variance(two_parts([0.4, 0.4, 0.6, 0.6], [0.2, 0.8, 0.2, 0.8]))
    neural, behavior = (found.parts[part] for part in ("neural_vision", "behavior_vision"))
    assert neural.r2 == pytest.approx(0.1)
    assert neural.null == pytest.approx(0.1)
    assert behavior.r2 == pytest.approx(0.9)
    assert behavior.null == pytest.approx(0.9)
    assert neural.shapley == pytest.approx(0.1)
    assert behavior.shapley == pytest.approx(0.9)
    assert found.leaves["n"] == LeafWeight(0.5, pytest.approx(0.1))
    assert found.leaves["b"] == LeafWeight(0.5, pytest.approx(0.9))


def test_correlated_parts_share_what_they_have_in_common():
    found = explained_variance(two_parts([0.1, 0.2, 0.3], [0.1, 0.2, 0.3]))
    for part in found.parts.values():
        assert (part.r2, part.null, part.shapley) == pytest.approx((1, 0.5, 0.5))


def test_a_part_that_does_not_vary_explains_nothing_that_can_be_said():
    # The mean of three times 0.1 is not 0.1, so the computed variance of a constant is not zero.
    found = explained_variance(two_parts([0.1, 0.1, 0.1], [0.2, 0.4, 0.9]))
    assert found.parts["neural_vision"] == PartVariance(None, 0.0, None)
    assert found.parts["behavior_vision"] == PartVariance(pytest.approx(1), 1.0, None)
    assert found.leaves["n"].effective == pytest.approx(0)
    assert found.leaves["b"].effective == pytest.approx(1)


def test_an_average_that_does_not_vary_has_no_variance_to_explain():
    found = explained_variance(two_parts([0.1, 0.1, 0.1], [0.7, 0.7, 0.7]))
    assert set(found.parts.values()) == {NOTHING}
    assert found.leaves == {"n": LeafWeight(0.5, None), "b": LeafWeight(0.5, None)}
    opposed = explained_variance(two_parts([0.1, 0.2, 0.3], [0.3, 0.2, 0.1]))
    assert [part.r2 for part in opposed.parts.values()] == [None, None]
    assert [part.null for part in opposed.parts.values()] == pytest.approx([0.5, 0.5])
    assert opposed.leaves["n"].effective is None


@pytest.mark.parametrize("models", [0, 1])
def test_too_few_models(models):
    found = explained_variance(board_of([[0.5] * 6] * models))
    assert found.parts == dict.fromkeys(("neural_vision", "behavior_vision"), NOTHING)
    assert found.leaves == {}


def test_one_part_alone_has_no_average():
    tree = tree_of({"average_vision": {"neural_vision": {"a": None, "b": None}}})
    found = explained_variance(board_of([[0.1, 0.2], [0.3, 0.1]], tree))
    assert set(found.parts.values()) == {NOTHING}


def leaf_of(seed, models=120):
    return np.random.default_rng(seed).uniform(size=models)


def test_a_main_effect_sees_what_a_correlation_does_not():
    x = leaf_of(0)
    hump = (x - 0.5) ** 2
    assert np.corrcoef(x, hump)[0, 1] ** 2 < 0.1
    assert main_effect(x, hump) > 0.9
    # The ratio is of the average on the leaf: the leaf's scale does not matter.
    assert main_effect(x**3, hump) == pytest.approx(main_effect(x, hump))


def test_main_effects_of_independent_leaves_are_their_shares_of_the_variance():
    """The average is a sum of independent leaves, so each explains its own variance and no more."""
    rng = np.random.default_rng(1)
    spread = np.array([0.5, 0.3, 0.2])
    found = []
    for _ in range(30):
        leaves = rng.uniform(size=(300, 3)) * spread
        found.append([main_effect(column, leaves.sum(axis=1)) for column in leaves.T])
    np.testing.assert_allclose(np.mean(found, axis=0), spread**2 / (spread**2).sum(), atol=0.03)


def test_a_main_effect_of_few_scores_is_the_correlation_ratio():
    x = np.repeat([0.1, 0.7], 5)
    y = np.array([1.0, 2, 3, 4, 5, 3, 4, 5, 6, 8])
    means = [y[:5].mean(), y[5:].mean()]
    between = 5 * ((means - y.mean()) ** 2).sum()
    assert main_effect(x, y) == pytest.approx(between / ((y - y.mean()) ** 2).sum())


def test_main_effects_at_the_edges():
    x = leaf_of(2)
    assert main_effect(x, x) == pytest.approx(1, abs=1e-3)
    assert main_effect(np.full(120, 0.3), x) == pytest.approx(0)
    assert main_effect(x, np.full(120, 0.3)) is None
    noise = [main_effect(leaf_of(3 + k), leaf_of(100 + k)) for k in range(60)]
    assert np.mean(noise) < 0.05


def test_main_effects_of_a_board():
    board = two_parts(leaf_of(5), 2 * leaf_of(6) % 1)
    average = board.part_scores()["average"]
    assert main_effects(board) == {
        leaf: main_effect(board.scores[:, j], average) for j, leaf in enumerate(board.leaves)
    }
    assert main_effects(board.take(rows=[0])) == dict.fromkeys(board.leaves)
    assert main_effects(board.take(columns=[0])) == dict.fromkeys(board.leaves[:1])


@given(boards(models=(2, 12), missing=False).map(lambda b: replace(b, scores=np.round(b.scores, 3))))
def test_a_main_effect_is_a_share(board):
    for effect in main_effects(board).values():
        assert effect is None or 0 <= effect <= 1
