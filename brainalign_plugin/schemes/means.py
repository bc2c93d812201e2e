"""Flat cardinal schemes: means of scaled scores over all leaves, independent of their groups."""

from __future__ import annotations

import numpy as np

from ..arrays import FloatArray
from ..data.board import Board
from .base import Scheme
from .combining import RowFunction
from .parts import Claims
from .registry import register
from .scaling import LOGIT_SCALE, MIN_MAX, NONE, NORMAL_SCORE, ROBUST_Z, Z

_POSTER = "Ahlert, Klein, Wichmann, Geirhos (2024), arXiv 2407.07530"
# Half a unit of the third decimal: printed to three decimals, a smaller score equals 0.
_SMALLEST = 0.0005
_HANDBOOK = "OECD (2008), Handbook on Constructing Composite Indicators"

FLAT = register(
    Scheme(
        name="FLAT",
        family="cardinal",
        scale=NONE,
        combination="arithmetic mean of the scores",
        source=_POSTER,
        conventions=("skip", "zero", "attempted", "worst", "mean"),
        claims=Claims(iia=True, monotonicity=True, pareto=True),
        weights="flat",
    )
)

ZMEAN = register(
    Scheme(
        name="ZMEAN",
        family="cardinal",
        scale=Z,
        combination="arithmetic mean of the z-scores",
        source=_POSTER,
        conventions=("skip", "zero", "attempted", "worst", "mean"),
        claims=Claims(affine=True, pareto=True),
        weights="flat",
    )
)

ROBUST_ZMEAN = register(
    Scheme(
        name="ROBUST_Z",
        family="cardinal",
        scale=ROBUST_Z,
        combination="arithmetic mean of the robust z-scores",
        source="Iglewicz, Hoaglin (1993), How to Detect and Handle Outliers",
        conventions=("skip", "zero", "attempted", "worst", "mean"),
        claims=Claims(affine=True, pareto=True),
        weights="flat",
    )
)

MINMAX = register(
    Scheme(
        name="MINMAX",
        family="cardinal",
        scale=MIN_MAX,
        combination="arithmetic mean of the positions between lowest and highest score",
        source=_HANDBOOK,
        conventions=("skip", "zero", "attempted", "worst", "mean"),
        claims=Claims(affine=True, monotonicity=True, pareto=True),
        weights="flat",
    )
)

NORMAL = register(
    Scheme(
        name="NORMAL",
        family="cardinal",
        scale=NORMAL_SCORE,
        combination="arithmetic mean of the normal scores",
        source="van der Waerden (1952), Indag. Math. 14, 453-458",
        conventions=("skip", "worst", "zero", "attempted", "mean"),
        claims=Claims(affine=True, monotone=True, monotonicity=True, pareto=True),
        weights="flat",
    )
)

LOGIT = register(
    Scheme(
        name="LOGIT",
        family="cardinal",
        scale=LOGIT_SCALE,
        combination="arithmetic mean of the log odds",
        source="Aitchison, Shen (1980), Biometrika 67, 261-272, logistic-normal scale; clipped here",
        conventions=("skip", "zero", "attempted", "worst", "mean"),
        claims=Claims(iia=True, monotonicity=True, pareto=True),
        weights="flat",
    )
)


def _geometric_mean(_scaled: FloatArray, _board: Board) -> RowFunction:
    def means(scores: FloatArray, counts: FloatArray) -> FloatArray:
        counted = ~np.isnan(scores) * counts
        logs = np.log(np.where(np.isnan(scores), 1.0, np.maximum(scores, _SMALLEST)))
        with np.errstate(invalid="ignore"):
            mean: FloatArray = np.exp((logs * counted).sum(axis=1) / counted.sum(axis=1))
        return mean

    return means


GEOMETRIC = register(
    Scheme(
        name="GEOMETRIC",
        family="cardinal",
        scale=NONE,
        combination="geometric mean of the scores: exp(mean(log score)), a score below 0.0005 counted as 0.0005",
        source=_HANDBOOK,
        conventions=("skip", "zero", "attempted", "worst", "mean"),
        claims=Claims(iia=True, monotonicity=True, pareto=True),
        rows=_geometric_mean,
        own_cells=True,
    )
)
