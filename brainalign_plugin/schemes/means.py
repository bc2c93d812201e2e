"""Means of scaled scores over all leaves or recursively over the tree, the median of ranks, the geometric mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..arrays import FloatArray
from ..data.board import Board
from .base import Claims, Scheme
from .combining import RowFunction
from .missing import Convention
from .registry import register
from .scaling import BORDA_POINTS, LOGIT_SCALE, MIN_MAX, NONE, NORMAL_SCORE, RANK_SCALE, ROBUST_Z, WIN_RATE_SCALE, Z

# Half a unit of the third decimal: printed to three decimals, a smaller score equals 0.
_SMALLEST = 0.0005

_POSTER = "Ahlert, Klein, Wichmann, Geirhos (2024), arXiv 2407.07530"
_HANDBOOK = "OECD (2008), Handbook on Constructing Composite Indicators"
_SITE = "Brain-Score (Schrimpf et al. 2018, bioRxiv 407007; 2020, Neuron 108, 413-423)"
_STRUCTURE = "Brain-Score (2026), Structural properties of the Brain-Score Vision benchmark suite"
_WAERDEN = "van der Waerden (1952), Indag. Math. 14, 453-458"
_ON_TREE = f"{_WAERDEN}, on the tree"
_LIANG = "Liang et al. (2022), Holistic Evaluation of Language Models, arXiv 2211.09110"
_BORDA = "de Borda (1781); with missing entries: Colombo et al. (2022), arXiv 2202.03799, as MTEB ranks"

# Rules for missing cells, a scheme's own first.
_ZERO: tuple[Convention, ...] = ("zero", "attempted", "skip", "worst", "mean")
_ATTEMPTED: tuple[Convention, ...] = ("attempted", "skip", "zero", "worst", "mean")
_SKIP: tuple[Convention, ...] = ("skip", "zero", "attempted", "worst", "mean")
_SKIP_WORST: tuple[Convention, ...] = ("skip", "worst", "zero", "attempted", "mean")
_WORST: tuple[Convention, ...] = ("worst", "skip", "zero", "attempted", "mean")

_LOCAL = Claims(iia=True, monotonicity=True, pareto=True)
_NORMED = Claims(affine=True, pareto=True)
_SPAN = Claims(affine=True, monotonicity=True, pareto=True)
_ORDINAL = Claims(affine=True, monotone=True, monotonicity=True, pareto=True)
_HIER, _HIER_NORMED, _HIER_ORDINAL = (replace(claims, hierarchy=True) for claims in (_LOCAL, _NORMED, _ORDINAL))


def _geometric_mean(_scaled: FloatArray, _board: Board) -> RowFunction:
    def means(scores: FloatArray, counts: FloatArray) -> FloatArray:
        counted = ~np.isnan(scores) * counts
        logs = np.log(np.where(np.isnan(scores), 1.0, np.maximum(scores, _SMALLEST)))
        with np.errstate(invalid="ignore"):
            return np.asarray(np.exp((logs * counted).sum(axis=1) / counted.sum(axis=1)))

    return means


def medians(scaled: FloatArray, counts: FloatArray) -> FloatArray:
    """Return the median of each row's cells that are not NaN, with its multiplicity. Shapes (k, m) to (k,)."""
    order = np.argsort(scaled, axis=1)
    ordered = np.take_along_axis(scaled, order, axis=1)
    drawn = np.take_along_axis(counts * ~np.isnan(scaled), order, axis=1).cumsum(axis=1)
    count = drawn[:, -1:]
    lower, upper = (
        np.take_along_axis(ordered, (drawn <= place).sum(axis=1, keepdims=True).clip(max=scaled.shape[1] - 1), axis=1)
        for place in (np.floor((count - 1) / 2), np.floor(count / 2))
    )
    return np.asarray(np.where(count > 0, (lower + upper) / 2, np.nan)[:, 0])


def _median(_scaled: FloatArray, _board: Board) -> RowFunction:
    return medians


_RECURSIVE = "recursive mean over the tree"
_LEAVES = f"{_RECURSIVE} of the leaves'"
_MEAN = "arithmetic mean of the"
_POSITION = f"{_MEAN} positions between lowest and highest score"
_WINS = f"{_MEAN} win rates over the benchmarks that scored the model"
_MIDDLE = "median of the ranks"
_MAJORITY = "Balinski, Laraki (2010), Majority Judgment, on ranks"
_ROBUST = "Iglewicz, Hoaglin (1993), How to Detect and Handle Outliers"
_LOG_ODDS = "Aitchison, Shen (1980), Biometrika 67, 261-272, logistic-normal scale; clipped here"
_ABOVE_0 = "geometric mean of the scores: exp(mean(log score)), a score below 0.0005 counted as 0.0005"
_BORDA_SUM = "sum over benchmarks of n - rank from the top; a missing score earns no points"
_ALL = f"{_RECURSIVE}: every group is the mean of all its children"
_RUN = f"{_RECURSIVE}: every group is the mean of its children that were attempted"

# Name, family, scale, combination, source, rules for missing cells, claims, weights of the leaves.
for _scheme in (
    Scheme("HIER", "tree", NONE, _ALL, _SITE, _ZERO, _HIER, "tree"),
    Scheme("HIER_attempted", "tree", NONE, _RUN, _STRUCTURE, _ATTEMPTED, _HIER, "tree"),
    Scheme("HIER_RANK", "tree", RANK_SCALE, f"{_LEAVES} ranks", _STRUCTURE, _WORST, _HIER_ORDINAL, "tree"),
    Scheme("HIER_ZMEAN", "tree", Z, f"{_LEAVES} z-scores", _STRUCTURE, _SKIP, _HIER_NORMED, "tree"),
    Scheme(
        "HIER_NORMAL", "tree", NORMAL_SCORE, f"{_LEAVES} normal scores", _ON_TREE, _SKIP_WORST, _HIER_ORDINAL, "tree"
    ),
    Scheme("FLAT", "cardinal", NONE, f"{_MEAN} scores", _POSTER, _SKIP, _LOCAL, "flat"),
    Scheme("ZMEAN", "cardinal", Z, f"{_MEAN} z-scores", _POSTER, _SKIP, _NORMED, "flat"),
    Scheme("ROBUST_Z", "cardinal", ROBUST_Z, f"{_MEAN} robust z-scores", _ROBUST, _SKIP, _NORMED, "flat"),
    Scheme("MINMAX", "cardinal", MIN_MAX, _POSITION, _HANDBOOK, _SKIP, _SPAN, "flat"),
    Scheme("NORMAL", "cardinal", NORMAL_SCORE, f"{_MEAN} normal scores", _WAERDEN, _SKIP_WORST, _ORDINAL, "flat"),
    Scheme("LOGIT", "cardinal", LOGIT_SCALE, f"{_MEAN} log odds", _LOG_ODDS, _SKIP, _LOCAL, "flat"),
    Scheme("GEOMETRIC", "cardinal", NONE, _ABOVE_0, _HANDBOOK, _SKIP, _LOCAL, rows=_geometric_mean, own_cells=True),
    Scheme("RANK", "ordinal", RANK_SCALE, f"{_MEAN} ranks", _POSTER, _WORST, _ORDINAL, "flat"),
    Scheme("MEDIAN_RANK", "ordinal", RANK_SCALE, _MIDDLE, _MAJORITY, _WORST, _ORDINAL, rows=_median, own_cells=True),
    Scheme("WIN_RATE", "ordinal", WIN_RATE_SCALE, _WINS, _LIANG, _SKIP_WORST, _ORDINAL, "flat"),
    Scheme("BORDA", "ordinal", BORDA_POINTS, _BORDA_SUM, _BORDA, _SKIP_WORST, _ORDINAL, "sum"),
):
    register(_scheme)
