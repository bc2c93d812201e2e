"""Flat schemes: the mean of scaled scores over all leaves, whatever group they are in."""

from __future__ import annotations

import numpy as np

from ..arrays import FloatArray
from ..board import Board
from ..scales import ranks_from_bottom, z_scores
from .registry import Scheme, register

_POSTER = "Ahlert, Klein, Wichmann, Geirhos (2024), arXiv 2407.07530"


def row_means(values: FloatArray) -> FloatArray:
    """Mean of each row over the cells that are not NaN; NaN for an empty row. Shape (n, m) to (n,)."""
    present = ~np.isnan(values)
    count = present.sum(axis=1)
    total = np.where(present, values, 0.0).sum(axis=1)
    means: FloatArray = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means


def _flat(board: Board) -> FloatArray:
    return row_means(board.scores)


def _zmean(board: Board) -> FloatArray:
    return row_means(z_scores(board.scores))


def _rank(board: Board) -> FloatArray:
    return row_means(ranks_from_bottom(board.scores))


FLAT = register(
    Scheme(
        name="FLAT",
        family="cardinal",
        scale="none",
        combination="arithmetic mean of the scores",
        source=_POSTER,
        combine=_flat,
        conventions=("skip", "zero", "attempted", "worst", "mean"),
    )
)

ZMEAN = register(
    Scheme(
        name="ZMEAN",
        family="cardinal",
        scale="z: (score - mean) / sd of the benchmark, sd with n - 1, a constant benchmark is 0",
        combination="arithmetic mean of the z-scores",
        source=_POSTER,
        combine=_zmean,
        conventions=("skip", "zero", "attempted", "worst", "mean"),
    )
)

RANK = register(
    Scheme(
        name="RANK",
        family="ordinal",
        scale="average rank from the bottom within the benchmark",
        combination="arithmetic mean of the ranks",
        source=_POSTER,
        combine=_rank,
        conventions=("worst", "zero", "skip", "attempted", "mean"),
    )
)
