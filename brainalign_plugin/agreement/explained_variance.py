"""Spread of scores, and influence of parts and leaves on the average: explained variance, Shapley shares, weights.

Source of the claim: Ahlert, Klein, Wichmann, Geirhos, arXiv 2407.07530 (behaviour explains 95 % of the variance).
Nominal and effective weights, main effects: Paruolo, Saisana, Saltelli (2013), *Ratings and rankings: voodoo or
science?*, J. R. Stat. Soc. A 176, 609-634.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..arrays import FloatArray
from ..data.board import Board
from ..scales import ranks_from_bottom

# Largest number of knots of the smoothing spline; more models are grouped by neighbouring rank.
_GROUPS = 100
# Cost of a degree of freedom in cross-validation, in observations: above 1 against overfitting.
_COST = 1.4


@dataclass(frozen=True, slots=True)
class PartVariance:
    """Variance of the average that one part (neural or behavioural) explains; None where a part does not vary."""

    r2: float | None  # Squared Pearson correlation of the part with the average
    # The same if the parts were independent and only their spread differed: var(part) / sum of variances.
    null: float | None
    shapley: float | None  # Increment in R² averaged over orders (LMG); the parts' shares sum to one


@dataclass(frozen=True, slots=True)
class LeafWeight:
    """Nominal and effective weight of a leaf in the average."""

    nominal: float  # Product of 1 / (number of children) down the tree
    effective: float | None  # nominal · cov(leaf, average) / var(average); sums to one over the leaves


@dataclass(frozen=True, eq=False)
class ExplainedVariance:
    """Variance of the average of the neural and the behavioural part, by part and by leaf."""

    parts: dict[str, PartVariance]
    leaves: dict[str, LeafWeight]


@dataclass(frozen=True, slots=True)
class Spread:
    """Spread of one column of scores over the models (in units of the score); None with fewer than two models."""

    sd: float | None
    range: float | None
    iqr: float | None


def spread(values: FloatArray) -> Spread:
    """Compute standard deviation (n - 1), range and interquartile range (linear) of the known values (n,)."""
    known = values[~np.isnan(values)]
    if known.size < 2:
        return Spread(None, None, None)
    low, first, third, high = (float(q) for q in np.quantile(known, [0, 0.25, 0.75, 1]))
    return Spread(float(known.std(ddof=1)), high - low, third - first)


def node_spreads(board: Board) -> dict[str, Spread]:
    """Compute the spread of every node of a complete board's tree, leaves and groups, by type id."""
    means = board.node_scores()
    return {node.type_id: spread(means[:, i]) for i, node in enumerate(board.tree.nodes)}


def explained_variance(board: Board) -> ExplainedVariance:
    """Split the variance of the average (mean of the two parts' tree means) on a complete board."""
    scores = board.part_scores()
    if "average" not in scores or len(board.models) < 2:
        return ExplainedVariance({part: PartVariance(None, None, None) for part in board.parts}, {})
    average = scores["average"]
    neural, behavior = (scores[part] for part in board.parts)
    r2 = [_r2(neural, average), _r2(behavior, average)]
    variances = [float(part.var(ddof=1)) if _varies(part) else 0.0 for part in (neural, behavior)]
    total = sum(variances)
    parts = {}
    for i, part in enumerate(board.parts):
        own, other = r2[i], r2[1 - i]
        null = variances[i] / total if total > 0 else None
        # Both parts together have R² = 1, because the average is their mean: the second one adds 1 - r²(other).
        shapley = None if own is None or other is None else (own + 1 - other) / 2
        parts[part] = PartVariance(own, null, shapley)
    return ExplainedVariance(parts, _leaf_weights(board, average))


def _varies(values: FloatArray) -> bool:
    # The mean of equal scores is rounded, so their variance is about 1e-33 and not 0.
    return bool(np.ptp(values) >= 1e-12)


def _r2(part: FloatArray, average: FloatArray) -> float | None:
    if not _varies(part) or not _varies(average):
        return None
    return float(np.corrcoef(part, average)[0, 1] ** 2)


def _leaf_weights(board: Board, average: FloatArray) -> dict[str, LeafWeight]:
    nominal = sum(0.5 * board.tree.nominal_weights(board.leaves, part) for part in board.parts)
    centred = average - average.mean()
    variance = float(centred @ centred)
    covariance = (board.scores - board.scores.mean(axis=0)).T @ centred
    return {
        leaf: LeafWeight(float(w), float(w * c / variance) if _varies(average) else None)
        for leaf, w, c in zip(board.leaves, np.asarray(nominal), covariance, strict=True)
    }


def main_effects(board: Board) -> dict[str, float | None]:
    """Compute the main effect of each leaf of a complete board on the average; None where that does not vary."""
    average = board.part_scores().get("average")
    if average is None or len(board.models) < 2:
        return dict.fromkeys(board.leaves)
    return {leaf: main_effect(column, average) for leaf, column in zip(board.leaves, board.scores.T, strict=True)}


def main_effect(leaf: FloatArray, average: FloatArray) -> float | None:
    """Compute the squared correlation ratio var(E[average | leaf]) / var(average).

    Unlike the squared correlation it measures non-linear relations as well. The expectation is a natural cubic
    smoothing spline through the average over the leaf's ranks (the ratio does not depend on the leaf's scale), as
    smooth as generalised cross-validation makes it. More than 100 models are grouped by neighbouring rank first. In [0,
    1], 0 for a constant leaf; None where the average does not vary.

    Paruolo, Saisana, Saltelli (2013), section 3. Spline: Green, Silverman (1994), *Nonparametric Regression and
    Generalized Linear Models*, chapter 2; cross-validation with the factor 1.4: Kim, Gu (2004), J. R. Stat. Soc. B 66,
    337-356.
    """
    if not _varies(average):
        return None
    ranks = ranks_from_bottom(leaf[:, None])[:, 0]
    if len(np.unique(ranks)) > _GROUPS:
        ranks = np.ceil(ranks * _GROUPS / len(ranks))
    places, group, sizes = np.unique(ranks, return_inverse=True, return_counts=True)
    means = np.bincount(group, average) / sizes
    within = float(((average - means[group]) ** 2).sum())
    expected = _smoothed(places / len(leaf), means, sizes.astype(np.float64), within)
    centre = float(sizes @ expected) / len(leaf)
    between = float(sizes @ (expected - centre) ** 2)
    return min(between / float(((average - average.mean()) ** 2).sum()), 1.0)


def _smoothed(x: FloatArray, y: FloatArray, weights: FloatArray, within: float) -> FloatArray:
    """Fit a smoothing spline at its knots: ``g`` ascending places, group means and group sizes, shape (g,) each.

    ``within`` is the sum of squares inside the groups, which no spline explains.
    """
    if len(x) < 3:
        return y
    root = np.sqrt(weights)
    roughness, axes = _spline_axes(tuple(x.tolist()), tuple(weights.tolist()))
    coordinates = axes.T @ (root * y)
    smoothness = np.geomspace(1e-2 / roughness[-1], 1e4 / roughness[2], 200)
    kept = 1 / (1 + smoothness[:, None] * roughness)
    residual = within + (((1 - kept) * coordinates) ** 2).sum(axis=1)
    left = weights.sum() - _COST * kept.sum(axis=1)
    criterion = np.where(left > 0, residual / np.maximum(left, 1.0) ** 2, np.inf)
    return axes @ (kept[int(np.argmin(criterion))] * coordinates) / root


# Leaves without ties have the same knots, so the decomposition is cached.
@lru_cache(maxsize=16)
def _spline_axes(x: tuple[float, ...], weights: tuple[float, ...]) -> tuple[FloatArray, FloatArray]:
    """Compute coordinates in which every spline is the data times 1 / (1 + smoothness · roughness).

    Returns roughness (shape (g,), of each coordinate, ascending; a straight line has none) and axes (shape (g, g)).
    """
    from scipy import linalg

    root = np.sqrt(np.array(weights))
    roughness, axes = linalg.eigh(_curvature(np.array(x)) / np.outer(root, root))
    roughness = np.maximum(roughness, 0.0)
    roughness[:2] = 0.0
    return roughness, axes


def _curvature(x: FloatArray) -> FloatArray:
    """Return the integrated squared second derivative of a natural cubic spline, as a quadratic form (g, g)."""
    from scipy import linalg

    steps = np.diff(x)
    inner = len(x) - 2
    turn, mass = np.zeros((len(x), inner)), np.zeros((inner, inner))
    k = np.arange(inner)
    turn[k, k], turn[k + 2, k] = 1 / steps[:-1], 1 / steps[1:]
    turn[k + 1, k] = -turn[k, k] - turn[k + 2, k]
    mass[k, k] = (steps[:-1] + steps[1:]) / 3
    mass[k[:-1], k[1:]] = mass[k[1:], k[:-1]] = steps[1:-1] / 6
    curvature: FloatArray = turn @ linalg.solve(mass, turn.T, assume_a="pos")
    return (curvature + curvature.T) / 2
