"""Which part decides the average? Explained variance, its part-whole null, Shapley shares and effective weights.

Source of the claim: Ahlert, Klein, Wichmann, Geirhos, arXiv 2407.07530 (behaviour explains 95 % of the variance).
Nominal and effective weights: Paruolo, Saisana, Saltelli (2013), *Ratings and rankings: voodoo or science?*,
J. R. Stat. Soc. A 176, 609-634.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import FloatArray
from ..board import Board


@dataclass(frozen=True, slots=True)
class PartVariance:
    """What one part of the average (neural or behavioural) explains of it; None where a part does not vary.

    Attributes
    ----------
    r2 : float or None
        Squared Pearson correlation of the part with the average.
    null : float or None
        The same if the parts were independent and only their spread differed: var(part) / sum of variances.
    shapley : float or None
        Increment in R² averaged over orders (LMG); the parts' shares sum to one.
    """

    r2: float | None
    null: float | None
    shapley: float | None


@dataclass(frozen=True, slots=True)
class LeafWeight:
    """How much a leaf should count in the average by the tree, and how much it does.

    Attributes
    ----------
    nominal : float
        Product of 1 / (number of children) down the tree.
    effective : float or None
        nominal · cov(leaf, average) / var(average); sums to one over the leaves.
    """

    nominal: float
    effective: float | None


@dataclass(frozen=True, eq=False)
class ExplainedVariance:
    """Variance of the average of the neural and the behavioural part, by part and by leaf."""

    parts: dict[str, PartVariance]
    leaves: dict[str, LeafWeight]


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
        # With both parts in, R² is 1, because the average is their mean: the last one in adds 1 - r²(other).
        shapley = None if own is None or other is None else (own + 1 - other) / 2
        parts[part] = PartVariance(own, null, shapley)
    return ExplainedVariance(parts, _leaf_weights(board, average))


def _varies(values: FloatArray) -> bool:
    # Equal scores leave a variance of about 1e-33, because their mean is rounded.
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
