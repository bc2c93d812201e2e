"""Simultaneous confidence sets for all ranks at once.

Source: Mogstad, Romano, Shaikh, Wilhelm (2024), *Inference for ranks with applications to mobility across
neighbourhoods and academic achievement across countries*, Rev. Econ. Stud. 91, 476-518: sets for all ranks from a
stepwise test of all pairwise differences with a bootstrapped maximum. Written from the paper.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..aggregation import Scheme
from ..arrays import BoolArray, FloatArray, IntArray
from ..board import Board
from ..errors import BoardError, InputError
from .resampling import blocks, draw_counts
from .structure import leaf_weights


@dataclass(frozen=True, eq=False)
class RankSets:
    """For each of ``n`` models the ranks that it may have, jointly at one level.

    Attributes
    ----------
    level : float
        Probability that all sets hold the true ranks together.
    low, high : ndarray of int, shape (n,)
        Best and worst rank that is not ruled out.
    differ : ndarray of bool, shape (n, n)
        Entry (i, k): i is above k at the level, jointly over all pairs.
    critical : float
        Critical value of the last step, in standard errors.
    """

    level: float
    low: IntArray
    high: IntArray
    differ: BoolArray
    critical: float


def rank_sets(
    contributions: FloatArray, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> RankSets:
    """Rank sets for the means of ``m`` independent contributions to each of ``n`` models.

    Parameters
    ----------
    contributions : ndarray, shape (n, m)
        What each benchmark contributes to each model's score; the score is the row's mean. Complete.
    resamples : int
        Bootstrap draws of the benchmarks.
    level : float
        In (0, 1).

    Raises
    ------
    InputError
        If the level or the number of resamples is out of range.
    BoardError
        With fewer than two benchmarks there is no standard error.
    """
    if not 0 < level < 1:
        raise InputError(
            f"the level of the rank sets is {level}; give a number between 0 and 1, such as 0.95"
        )
    models, leaves = contributions.shape
    if leaves < 2:
        raise BoardError(f"rank sets need at least two benchmarks; this board has {leaves}")
    mean = contributions.mean(axis=1)
    centred = contributions - mean[:, None]
    covariance = centred @ centred.T / (leaves - 1) / leaves
    spread = np.diag(covariance)
    variance = spread[:, None] + spread - 2 * covariance
    # Two models with equal contributions everywhere differ by exactly nothing, and are never told apart.
    known = variance > 1e-18
    scale = np.where(known, 1 / np.sqrt(np.where(known, variance, 1.0)), 0.0)
    observed = (mean[:, None] - mean) * scale
    draws = _draws(centred, resamples, seed)
    rejected = np.zeros((models, models), dtype=bool)
    critical = np.inf
    while True:
        open_pairs = np.where(rejected, 0.0, scale)
        largest = np.array([((d[:, None] - d) * open_pairs).max(initial=0.0) for d in draws])
        critical = float(np.quantile(largest, level, method="higher"))
        found = rejected | (observed > critical)
        if (found == rejected).all():
            break
        rejected = found
    return RankSets(
        level=level,
        low=1 + rejected.sum(axis=0),
        high=models - rejected.sum(axis=1),
        differ=rejected,
        critical=critical,
    )


def _draws(centred: FloatArray, resamples: int, seed: int) -> FloatArray:
    leaves = centred.shape[1]
    everything = (np.arange(leaves),)
    found = []
    for block in blocks(resamples, seed):
        counts = draw_counts(everything, leaves, block.size, np.random.default_rng(block.seed))
        found.append((counts @ centred.T) / leaves)
    draws: FloatArray = np.concatenate(found)
    return draws


def scheme_rank_sets(
    scheme: Scheme, board: Board, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> RankSets | None:
    """Rank sets of a complete board under a scheme that is a weighted mean of leaves; None for any other scheme."""
    if scheme.weights is None or not board.complete or len(board.leaves) < 2:
        return None
    weights = leaf_weights(scheme, board) * len(board.leaves)
    return rank_sets(scheme.scale.of(board) * weights, resamples, seed, level)
