"""Ordinal schemes that count ranks and wins, benchmark by benchmark."""

from __future__ import annotations

import numpy as np

from ..arrays import FloatArray
from ..data.board import Board
from .base import Scheme
from .combining import RowFunction
from .parts import Claims
from .registry import register
from .scaling import BORDA_POINTS, RANK_SCALE, WIN_RATE_SCALE

_ORDINAL = Claims(affine=True, monotone=True, monotonicity=True, pareto=True)

RANK = register(
    Scheme(
        name="RANK",
        family="ordinal",
        scale=RANK_SCALE,
        combination="arithmetic mean of the ranks",
        source="Ahlert, Klein, Wichmann, Geirhos (2024), arXiv 2407.07530",
        conventions=("worst", "skip", "zero", "attempted", "mean"),
        claims=_ORDINAL,
        weights="flat",
    )
)


def _median(_scaled: FloatArray, _board: Board) -> RowFunction:
    return medians


def medians(scaled: FloatArray, counts: FloatArray) -> FloatArray:
    """Return the median of each row's cells that are not NaN, with its multiplicity. Shapes (k, m) to (k,)."""
    order = np.argsort(scaled, axis=1)
    ordered = np.take_along_axis(scaled, order, axis=1)
    drawn = np.take_along_axis(counts * ~np.isnan(scaled), order, axis=1).cumsum(axis=1)
    count = drawn[:, -1:]
    lower, upper = (
        np.take_along_axis(
            ordered, (drawn <= place).sum(axis=1, keepdims=True).clip(max=scaled.shape[1] - 1), axis=1
        )
        for place in (np.floor((count - 1) / 2), np.floor(count / 2))
    )
    middle: FloatArray = np.where(count > 0, (lower + upper) / 2, np.nan)[:, 0]
    return middle


MEDIAN_RANK = register(
    Scheme(
        name="MEDIAN_RANK",
        family="ordinal",
        scale=RANK_SCALE,
        combination="median of the ranks",
        source="Balinski, Laraki (2010), Majority Judgment, on ranks",
        conventions=("worst", "skip", "zero", "attempted", "mean"),
        claims=_ORDINAL,
        rows=_median,
        own_cells=True,
    )
)


WIN_RATE = register(
    Scheme(
        name="WIN_RATE",
        family="ordinal",
        scale=WIN_RATE_SCALE,
        combination="arithmetic mean of the win rates over the benchmarks that scored the model",
        source="Liang et al. (2022), Holistic Evaluation of Language Models, arXiv 2211.09110",
        conventions=("skip", "worst", "zero", "attempted", "mean"),
        claims=_ORDINAL,
        weights="flat",
    )
)


BORDA = register(
    Scheme(
        name="BORDA",
        family="ordinal",
        scale=BORDA_POINTS,
        combination="sum over benchmarks of n - rank from the top; a missing score earns no points",
        source="de Borda (1781); with missing entries: Colombo et al. (2022), arXiv 2202.03799, as MTEB ranks",
        conventions=("skip", "worst", "zero", "attempted", "mean"),
        claims=_ORDINAL,
        weights="sum",
    )
)
