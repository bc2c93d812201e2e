"""Ordinal schemes that count ranks and wins, benchmark by benchmark."""

from __future__ import annotations

import numpy as np

from ..arrays import FloatArray
from ..board import Board
from ..scales import ranks_from_bottom
from .registry import Claims, Scale, Scheme, register
from .scaling import RANK_SCALE

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


def _median_rank(board: Board) -> FloatArray:
    ranks = ranks_from_bottom(board.scores)
    empty = np.isnan(ranks).all(axis=1, keepdims=True)
    medians = np.nanmedian(np.where(empty, 0.0, ranks), axis=1)
    return np.where(empty[:, 0], np.nan, medians)


MEDIAN_RANK = register(
    Scheme(
        name="MEDIAN_RANK",
        family="ordinal",
        scale=RANK_SCALE,
        combination="median of the ranks",
        source="Balinski, Laraki (2010), Majority Judgment, on ranks",
        conventions=("worst", "skip", "zero", "attempted", "mean"),
        claims=_ORDINAL,
        combine=_median_rank,
    )
)


def win_rates(scores: FloatArray) -> FloatArray:
    """Share of the other scored models that a model beats on each benchmark, a tie is half a win. Shape (n, m).

    A benchmark with fewer than two scores decides nothing and is NaN.
    """
    count = (~np.isnan(scores)).sum(axis=0)
    rates: FloatArray = np.where(
        count > 1, (ranks_from_bottom(scores) - 1) / np.maximum(count - 1, 1), np.nan
    )
    return rates


WIN_RATE = register(
    Scheme(
        name="WIN_RATE",
        family="ordinal",
        scale=Scale("win rate", "share of the other scored models that are beaten, a tie is half", win_rates),
        combination="arithmetic mean of the win rates over the benchmarks that scored the model",
        source="Liang et al. (2022), Holistic Evaluation of Language Models, arXiv 2211.09110",
        conventions=("skip", "worst", "zero", "attempted", "mean"),
        claims=_ORDINAL,
        weights="flat",
    )
)


def borda_points(scores: FloatArray) -> FloatArray:
    """Borda's points on each benchmark, n minus the rank from the top among the scored. Shape (n, m) in and out."""
    scored = (~np.isnan(scores)).sum(axis=0)
    points: FloatArray = len(scores) - (scored + 1 - ranks_from_bottom(scores))
    return points


def _borda(board: Board) -> FloatArray:
    points = borda_points(board.scores)
    # Who is missing gets none.
    total: FloatArray = np.where(np.isnan(points), 0.0, points).sum(axis=1)
    return total


BORDA = register(
    Scheme(
        name="BORDA",
        family="ordinal",
        scale=RANK_SCALE,
        combination="sum over benchmarks of n - rank from the top; a missing score earns no points",
        source="de Borda (1781); with missing entries: Colombo et al. (2022), arXiv 2202.03799, as MTEB ranks",
        conventions=("skip", "worst", "zero", "attempted", "mean"),
        claims=_ORDINAL,
        combine=_borda,
    )
)
