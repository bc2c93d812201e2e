"""Intervals of the headline figures: models drawn with replacement, all resamples at once.

A resample is told by how often each model was drawn. Ranks among the drawn models follow from one sort of each column
and cumulative sums of these counts, correlations from weighted products: the same numbers as `headline_figures` gives
on the board of the drawn rows, at a fraction of the time.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from brainalign_plugin.arrays import BoolArray, FloatArray, IntArray
from brainalign_plugin.board import Board
from brainalign_plugin.scales import rounded
from brainalign_plugin.tree import paper

from .figures import COUNTS, FIGURES

RESAMPLES = 200
CONFIDENCE = 0.95
# Share of the resamples that must have a figure for it to have an interval.
_KNOWN_SHARE = 0.9
# Numbers held at once by one block of resamples.
_BLOCK = 4_000_000
_VARIES = 1e-12


def draw_counts(models: int, resamples: int, seed: int) -> IntArray:
    """How often each model is drawn in each resample; the same seed gives the same draws.

    Returns
    -------
    ndarray of int, shape (resamples, models)
        Rows sum to ``models``.
    """
    if models == 0:
        return np.zeros((resamples, 0), dtype=np.int64)
    drawn = np.random.default_rng(seed).integers(0, models, size=(resamples, models))
    drawn += models * np.arange(resamples)[:, None]
    counts: IntArray = np.bincount(drawn.ravel(), minlength=resamples * models).reshape(resamples, models)
    return counts


def resampled_figures(board: Board, counts: IntArray) -> dict[str, FloatArray]:
    """Headline figures of each resample of the models of a complete board.

    Parameters
    ----------
    board : Board
        Complete, ``n`` models.
    counts : ndarray of int, shape (r, n)

    Returns
    -------
    dict of str to ndarray, shape (r,)
        NaN where a figure does not exist.
    """
    size = max(1, _BLOCK // max(1, board.scores.size))
    blocks = [_block(board, counts[i : i + size]) for i in range(0, len(counts), size)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in FIGURES}


def percentile_interval(value: float | None, resampled: FloatArray) -> tuple[float, float] | None:
    """Central 95 % of the resamples (percentile bootstrap); None if the figure is unknown, or in over 10 % of them."""
    known = resampled[~np.isnan(resampled)]
    if value is None or known.size < max(1.0, _KNOWN_SHARE * resampled.size):
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(known, [tail, 1 - tail]).tolist()
    return float(low), float(high)


def figure_intervals(
    board: Board, values: Mapping[str, float | None], resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, tuple[float, float] | None]:
    """Percentile interval of each headline figure of a complete board; a count is known exactly."""
    drawn = resampled_figures(board, draw_counts(len(board.models), resamples, seed))
    found: dict[str, tuple[float, float] | None] = {}
    for name, value in values.items():
        if name in COUNTS:
            found[name] = None if value is None else (value, value)
        else:
            found[name] = percentile_interval(value, drawn[name])
    return found


def _block(board: Board, counts: IntArray) -> dict[str, FloatArray]:
    resamples, models = counts.shape
    first, second = np.triu_indices(len(board.leaves), k=1)
    values = _rank_correlations(board.scores, counts, first, second)
    found = {
        "models": np.full(resamples, float(models)),
        "benchmarks": np.full(resamples, float(len(board.leaves))),
        "mean_rho": _mean(values),
        "negative_share": _mean(np.where(np.isnan(values), np.nan, values < 0)),
        "paper_balanced_rho": _paper_balanced(board, values, first, second),
    }
    neural, behavior = board.parts
    for name, block in (
        ("neural_rho", {neural}),
        ("behavior_rho", {behavior}),
        ("cross_rho", {neural, behavior}),
    ):
        pairs = [
            {board.leaf_parts[i], board.leaf_parts[j]} == block for i, j in zip(first, second, strict=True)
        ]
        found[name] = _mean(values[:, np.array(pairs, dtype=bool)])
    return found | _part_figures(board, counts)


def _rank_correlations(scores: FloatArray, counts: IntArray, first: IntArray, second: IntArray) -> FloatArray:
    """Spearman's rho of pairs of columns in each resample, shape (r, pairs); NaN where it does not exist."""
    resamples, models = counts.shape
    if models < 2:
        return np.full((resamples, len(first)), np.nan)
    # Products of twice the ranks, less their mean, are whole numbers and exact, as in `spearman_matrix`: no sign is a
    # matter of rounding. The sums of few enough are whole numbers that single precision holds, in half the time.
    precision = np.float32 if models**3 < 2**24 else np.float64
    drawn = np.ascontiguousarray(counts.T)
    ranks = np.empty((scores.shape[1], models, resamples), dtype=precision)
    up_to = np.zeros((models + 1, resamples), dtype=np.int64)
    for j, column in enumerate(rounded(scores).T):
        order = np.argsort(column)
        np.cumsum(drawn[order], axis=0, out=up_to[1:])
        # Average rank of the drawn models at a level: all those below, and the middle of its own.
        below, through = (np.searchsorted(column[order], column, side) for side in ("left", "right"))
        ranks[j] = up_to[below] + up_to[through] - models
    of_resample = np.ascontiguousarray(ranks.transpose(2, 0, 1))
    products = (of_resample * counts[:, None].astype(precision)) @ of_resample.transpose(0, 2, 1)
    squares = np.einsum("rii->ri", products).astype(np.float64)
    norms = np.sqrt(squares[:, first] * squares[:, second])
    norms[norms == 0] = np.nan
    rho: FloatArray = np.clip(products[:, first, second] / norms, -1.0, 1.0)
    return rho


def _mean(values: FloatArray) -> FloatArray:
    """Mean of each row over what is known; NaN where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    mean: FloatArray = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean


def _paper_balanced(board: Board, values: FloatArray, first: IntArray, second: IntArray) -> FloatArray:
    papers = [paper(leaf) for leaf in board.leaves]
    between = [tuple(sorted((papers[i], papers[j]))) for i, j in zip(first, second, strict=True)]
    groups = [pair for pair in dict.fromkeys(between) if pair[0] != pair[1]]
    means = [_mean(values[:, np.array([b == pair for b in between], dtype=bool)]) for pair in groups]
    return _mean(np.stack(means, axis=1) if means else np.empty((len(values), 0)))


def _part_figures(board: Board, counts: IntArray) -> dict[str, FloatArray]:
    resamples, models = counts.shape
    unknown = np.full(resamples, np.nan)
    names = ("r2_behavior", "r2_neural", "null_r2_behavior", "sd_behavior", "sd_neural")
    found = dict.fromkeys(names, unknown)
    if models < 2:
        return found
    scores = board.part_scores()
    neural, behavior = board.parts
    for name, part in (("neural", neural), ("behavior", behavior)):
        if part in scores:
            found[f"sd_{name}"] = np.sqrt(_products(scores[part], scores[part], counts) / (models - 1))
    if "average" not in scores:
        return found
    total, part_squares = np.zeros(resamples), {}
    for name, part in (("neural", neural), ("behavior", behavior)):
        square = _products(scores[part], scores[part], counts)
        varies = _varies(scores[part], counts)
        part_squares[name] = np.where(varies, square, 0.0)
        total += part_squares[name]
        both = varies & _varies(scores["average"], counts)
        squares = square * _products(scores["average"], scores["average"], counts)
        shared = _products(scores[part], scores["average"], counts) ** 2
        found[f"r2_{name}"] = np.where(both, np.minimum(shared / np.where(both, squares, 1.0), 1.0), np.nan)
    found["null_r2_behavior"] = np.where(
        total > 0, part_squares["behavior"] / np.where(total > 0, total, 1.0), np.nan
    )
    return found


def _products(one: FloatArray, other: FloatArray, counts: IntArray) -> FloatArray:
    """Sum over the drawn models of the products of deviations from the mean, for each resample."""
    models = counts.shape[1]
    first, second = (x[None, :] - (counts @ x / models)[:, None] for x in (one, other))
    return np.asarray((counts * first * second).sum(axis=1))


def _varies(values: FloatArray, counts: IntArray) -> BoolArray:
    drawn = counts > 0
    low = np.min(np.broadcast_to(values, counts.shape), axis=1, where=drawn, initial=np.inf)
    high = np.max(np.broadcast_to(values, counts.shape), axis=1, where=drawn, initial=-np.inf)
    varies: BoolArray = high - low >= _VARIES
    return varies
