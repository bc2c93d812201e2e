"""Headline figures of a complete board when models count more than once, or not at all, and the claims on them.

A resample is described by how often each model counts. Ranks among the counted models follow from one sort of each
column and cumulative sums of the counts, correlations from weighted products, so that thousands of resamples are
computed at once, to the same numbers as on boards made of the counted rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..arrays import BoolArray, FloatArray, IntArray, known
from ..data.board import Board
from ..data.tree import paper
from ..scales import rounded

# The scheme that Brain-Score itself ranks by.
OFFICIAL = "HIER"
FIGURES = {
    "mean_rho": "mean rank correlation of two benchmarks",
    "negative_share": "share of pairs of benchmarks that rank models oppositely",
    "paper_balanced_rho": "mean rank correlation with papers balanced",
    "neural_rho": "mean rank correlation of two neural benchmarks",
    "behavior_rho": "mean rank correlation of two behavioural benchmarks",
    "cross_rho": "mean rank correlation of a neural and a behavioural benchmark",
    "r2_behavior": "variance of the average explained by behaviour",
    "r2_neural": "variance of the average explained by the neural half",
    "null_r2_behavior": "variance explained by behaviour if the halves were unrelated",
    "sd_behavior": "standard deviation of behavioural scores",
    "sd_neural": "standard deviation of neural scores",
}
# Correlations that Cohen (1988) calls medium and large.
MEDIUM, LARGE = 0.3, 0.5
# Share of the average's variance that behaviour explains, alone and as its Shapley value, where it decides.
R2, SHAPLEY = 0.8, 2 / 3
# Numbers held at once by one block of resamples.
_BLOCK = 4_000_000
_VARIES = 1e-12

Outcomes = npt.NDArray[np.str_]  # "holds", "weaker", "fails"; "" where a figure does not exist


def possible(figure: str) -> tuple[float, float]:
    """Return the least and the largest value that a figure can have, by its name in `FIGURES`; other names: counts."""
    if figure.endswith("_rho"):
        return -1.0, 1.0
    return 0.0, 1.0 if figure == "negative_share" or "r2_" in figure else np.inf


def benchmarks_conflict(mean_rho: FloatArray) -> Outcomes:
    """Judge the poster's claim 1: the claim holds below a medium mean correlation, and fails from a large one on."""
    return np.select([np.isnan(mean_rho), mean_rho < MEDIUM, mean_rho < LARGE], ["", "holds", "weaker"], "fails")


def behaviour_decides(r2_behavior: FloatArray, r2_neural: FloatArray) -> Outcomes:
    """Judge the poster's claim 2 by the variance that behaviour explains, and its Shapley share."""
    shapley = (r2_behavior + 1 - r2_neural) / 2
    return np.select(
        [np.isnan(shapley), shapley <= 0.5, (r2_behavior >= R2) & (shapley >= SHAPLEY)],
        ["", "fails", "holds"],
        "weaker",
    )


@dataclass(frozen=True, eq=False)
class Headline:
    """Headline figures under ``r`` sets of counts, by the names in `FIGURES`."""

    values: dict[str, FloatArray]  # Shape (r,); NaN where a figure does not exist
    rho: FloatArray  # Shape (r, pairs of leaves); rank correlations

    def first(self) -> dict[str, float | None]:
        """Return the figures under the first set of counts; None where one does not exist."""
        return self.row(0)

    def row(self, i: int) -> dict[str, float | None]:
        """Return the figures under one set of counts."""
        return {name: known(found[i]) for name, found in self.values.items()}


def headline(board: Board, counts: IntArray | None = None, rho: FloatArray | None = None) -> Headline:
    """Compute the headline figures of a complete board.

    `counts` (r, n): how often each model counts, once if None. `rho` (r, pairs): rank correlations that are known.
    """
    times = np.ones((1, len(board.models)), dtype=np.int64) if counts is None else counts
    rho = rank_correlations(board.scores, times) if rho is None else rho
    return Headline(_figures(board, times, rho), rho)


@dataclass(frozen=True, eq=False)
class Panel:
    """A cleaned board and its headline figures."""

    max_missing: float  # The smallest threshold that gives it
    ids: tuple[int, ...]  # Of its models
    leaves: tuple[str, ...]
    figures: dict[str, float | None]


def panels(board: Board) -> tuple[Panel, ...]:
    """Compute the figures on every distinct board with a model that a cleaning threshold gives, strictest first."""
    if not board.models:
        return ()
    missing = np.isnan(board.scores)
    shares = missing.sum(axis=0) / len(board.models)
    found: list[Panel] = []
    for threshold in np.unique(shares).tolist():
        columns = np.flatnonzero(shares <= threshold)
        rows = np.flatnonzero(~missing[:, columns].any(axis=1))
        if not len(rows):
            # A looser threshold keeps more benchmarks and no more models.
            break
        cleaned = board.take(rows.tolist(), columns.tolist())
        found.append(Panel(threshold, cleaned.ids, cleaned.leaves, headline(cleaned).first()))
    return tuple(found)


def largest_benchmarks(found: tuple[Panel, ...]) -> Panel | None:
    """Return the panel with the most benchmarks that keeps 20 models or more; None where none does."""
    wide = [panel for panel in found if len(panel.ids) >= 20]
    return max(wide, key=lambda panel: len(panel.leaves), default=None)


def weighted_ranks(scores: FloatArray, counts: IntArray) -> FloatArray:
    """Return twice the average rank of each model among the counted ones, less the mean; shape (r, m, n).

    Whole numbers, so that products are exact and no sign of a correlation is a matter of rounding.
    """
    resamples, models = counts.shape
    total = counts.sum(axis=1)
    # Sums of few enough products are whole numbers that single precision holds, in half the time.
    precision = np.float32 if int(total.max(initial=0)) ** 3 < 2**24 else np.float64
    times = np.ascontiguousarray(counts.T)
    ranks = np.empty((scores.shape[1], models, resamples), dtype=precision)
    up_to = np.zeros((models + 1, resamples), dtype=np.int64)
    for j, column in enumerate(rounded(scores).T):
        order = np.argsort(column)
        np.cumsum(times[order], axis=0, out=up_to[1:])
        # Average rank of the counted models at a level: all those below, and the middle of its own.
        ends = np.append(np.flatnonzero(np.diff(column[order])) + 1, models)
        begins = np.append(0, ends[:-1])
        ranks[j, order] = np.repeat(up_to[begins] + up_to[ends] - total, ends - begins, axis=0)
    return np.ascontiguousarray(ranks.transpose(2, 0, 1))


def rank_correlations(scores: FloatArray, counts: IntArray) -> FloatArray:
    """Return Spearman's rho of all pairs of columns in each resample, shape (r, pairs); NaN where none exists."""
    size = max(1, _BLOCK // max(1, scores.size))
    blocks = range(0, max(len(counts), 1), size)
    return np.concatenate([_block_correlations(scores, counts[i : i + size]) for i in blocks])


def _block_correlations(scores: FloatArray, counts: IntArray) -> FloatArray:
    first, second = np.triu_indices(scores.shape[1], k=1)
    if len(scores) < 2 or not len(first):
        return np.full((len(counts), len(first)), np.nan)
    ranks = weighted_ranks(scores, counts)
    products = (ranks * counts[:, None].astype(ranks.dtype)) @ ranks.transpose(0, 2, 1)
    squares = np.einsum("rii->ri", products).astype(np.float64)
    norms = np.sqrt(squares[:, first] * squares[:, second])
    norms[norms == 0] = np.nan
    return np.clip(products[:, first, second] / norms, -1.0, 1.0)


def known_mean(values: FloatArray) -> FloatArray:
    """Return the mean of each row over what is known; NaN where nothing is. Shapes (r, k) to (r,)."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _figures(board: Board, counts: IntArray, rho: FloatArray) -> dict[str, FloatArray]:
    first, second = np.triu_indices(len(board.leaves), k=1)
    part_of = np.array([board.parts.index(p) if p in board.parts else -1 for p in board.leaf_parts], dtype=np.int64)
    low, high = np.minimum(part_of[first], part_of[second]), np.maximum(part_of[first], part_of[second])
    found = {
        "mean_rho": known_mean(rho),
        "negative_share": known_mean(np.where(np.isnan(rho), np.nan, rho < 0)),
        "paper_balanced_rho": _paper_balanced(board, rho, first, second),
        "neural_rho": known_mean(rho[:, (low == 0) & (high == 0)]),
        "behavior_rho": known_mean(rho[:, (low == 1) & (high == 1)]),
        "cross_rho": known_mean(rho[:, (low == 0) & (high == 1)]),
    }
    return found | _part_figures(board, counts)


def _paper_balanced(board: Board, rho: FloatArray, first: IntArray, second: IntArray) -> FloatArray:
    papers = list(dict.fromkeys(map(paper, board.leaves)))
    number = np.array([papers.index(paper(leaf)) for leaf in board.leaves], dtype=np.int64)
    one, other = np.minimum(number[first], number[second]), np.maximum(number[first], number[second])
    pair = np.where(one == other, -1, one * len(papers) + other)
    apart = np.flatnonzero(pair >= 0)
    if not len(apart):
        return np.full(len(rho), np.nan)
    order = apart[np.argsort(pair[apart], kind="stable")]
    begins = np.flatnonzero(np.diff(pair[order], prepend=-1))
    known = ~np.isnan(rho[:, order])
    count = np.add.reduceat(known.astype(np.int64), begins, axis=1)
    total = np.add.reduceat(np.where(known, rho[:, order], 0.0), begins, axis=1)
    return known_mean(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _part_figures(board: Board, counts: IntArray) -> dict[str, FloatArray]:
    unknown = np.full(len(counts), np.nan)
    names = ("r2_behavior", "r2_neural", "null_r2_behavior", "sd_behavior", "sd_neural")
    found = dict.fromkeys(names, unknown)
    scores = board.part_scores() if board.models else {}
    parts = dict(zip(("neural", "behavior"), board.parts, strict=True))
    squares, varies = {}, {}
    for name, part in parts.items():
        if part in scores:
            varies[name] = _varies(scores[part], counts)
            squares[name] = np.where(varies[name], _products(scores[part], scores[part], counts), 0.0)
            freedom = counts.sum(axis=1) - 1
            found[f"sd_{name}"] = np.where(freedom > 0, np.sqrt(squares[name] / np.maximum(freedom, 1)), np.nan)
    if "average" not in scores:
        return found
    average = scores["average"]
    whole = _products(average, average, counts)
    for name, part in parts.items():
        both = varies[name] & _varies(average, counts)
        possible = np.where(both, squares[name] * whole, 1.0)
        r2 = np.minimum(_products(scores[part], average, counts) ** 2 / possible, 1.0)
        found[f"r2_{name}"] = np.where(both, r2, np.nan)
    total = squares["neural"] + squares["behavior"]
    found["null_r2_behavior"] = np.where(total > 0, squares["behavior"] / np.where(total > 0, total, 1.0), np.nan)
    return found


def _products(one: FloatArray, other: FloatArray, counts: IntArray) -> FloatArray:
    """Return the sum over the counted models of the products of deviations from the mean, shape (r,)."""
    total = np.maximum(counts.sum(axis=1), 1)
    first, second = (x[None, :] - (counts @ x / total)[:, None] for x in (one, other))
    return np.asarray((counts * first * second).sum(axis=1))


def _varies(values: FloatArray, counts: IntArray) -> BoolArray:
    low = np.min(np.broadcast_to(values, counts.shape), axis=1, where=counts > 0, initial=np.inf)
    high = np.max(np.broadcast_to(values, counts.shape), axis=1, where=counts > 0, initial=-np.inf)
    return high - low >= _VARIES
