"""Agreement of the benchmarks: rank correlations of all pairs of leaves, and their significance.

Source: Ahlert, Klein, Wichmann, Geirhos, *How aligned are different alignment metrics?*, arXiv 2407.07530.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from ..arrays import BoolArray, FloatArray, IntArray
from ..data.board import Board
from ..data.tree import paper
from ..errors import InputError
from ..scales import ranks_from_bottom, rounded
from ..text import brief

Method = Literal["spearman", "kendall", "pearson"]
LEVEL = 0.05
# With fewer models a perfect correlation by chance is too frequent for significance among hundreds of pairs.
FEWEST_MODELS = 10


@dataclass(frozen=True, slots=True)
class PairSummary:
    """Summary of rank correlations over a set of pairs; None where no pair has a correlation."""

    mean: float | None
    median: float | None
    negative_share: float | None
    pairs: int


@dataclass(frozen=True, eq=False)
class Agreement:
    """Correlation of all pairs of ``m`` leaves."""

    __repr__ = brief

    leaves: tuple[str, ...]  # Length m
    rho: FloatArray  # Shape (m, m); NaN where a correlation does not exist (constant leaf, few models)
    overlap: IntArray  # Shape (m, m); number of models that each correlation rests on
    all_pairs: PairSummary
    paper_balanced_mean: float | None  # Each pair of distinct papers counts once, with its mean
    within_paper: dict[str, PairSummary]  # Of each paper with at least two leaves
    blocks: dict[tuple[str, str], PairSummary]  # Within and between the neural and the behavioural part
    min_overlap: int  # Smallest number of models for which a pair counts
    method: Method = "spearman"  # ``spearman``, ``kendall`` (tau-b) or ``pearson``


def spearman_matrix(scores: FloatArray) -> FloatArray:
    """Compute Spearman's rank correlation of all pairs of columns of a complete matrix (n, m).

    NaN for a constant column and for fewer than two rows. Values within 1e-9 tie.
    """
    models, leaves = scores.shape
    if models < 2:
        return np.full((leaves, leaves), np.nan)
    centred = ranks_from_bottom(scores) - (models + 1) / 2
    # Sums of products of ranks are exact, so the division comes last: rounding would give a correlation of zero a sign,
    # and with it change the share of negative pairs.
    products = centred.T @ centred
    squares = np.diag(products)
    norms = np.sqrt(np.outer(squares, squares))
    norms[norms == 0] = np.nan
    return np.clip(products / norms, -1.0, 1.0)


def kendall_tau_b(places: FloatArray) -> FloatArray:
    """Compute Kendall's tau-b of all pairs of rankings (k, n), equal numbers tie; NaN where all of one tie.

    Source: Kendall (1945), Biometrika 33, 239-251.
    """
    k, n = places.shape
    balance = np.zeros((k, k))
    for i in range(n - 1):
        above = np.sign(places[:, i, None] - places[:, i + 1 :])
        balance += above @ above.T
    # The balance of a ranking with itself is its number of pairs that do not tie.
    untied = np.sqrt(np.where(balance.diagonal() > 0, balance.diagonal(), np.nan))
    return np.clip(balance / untied[:, None] / untied, -1.0, 1.0)


def correlation_matrix(scores: FloatArray, method: Method = "spearman") -> FloatArray:
    """Compute the correlation of all pairs of columns of a complete matrix (n, m); NaN where none exists.

    Raises InputError if there is no such method.
    """
    check_method(method)
    if method == "spearman":
        return spearman_matrix(scores)
    if method == "kendall":
        return kendall_tau_b(rounded(scores).T)
    return pd.DataFrame(rounded(scores)).corr(min_periods=2).to_numpy(copy=True)


def check_method(method: str) -> None:
    """Check the name of a correlation. Raises InputError if it is not known."""
    if method not in get_args(Method):
        raise InputError(f"the method is {method!r}; known are {', '.join(map(repr, get_args(Method)))}")


def pairwise_correlation(
    scores: FloatArray, min_overlap: int = 20, method: Method = "spearman"
) -> tuple[FloatArray, IntArray]:
    """Compute the correlation of all pairs of columns (n, m), each over the rows that have both, and their number.

    `min_overlap`: pairs with fewer common rows are NaN.
    """
    check_method(method)
    if min_overlap < 2:
        raise InputError(f"min_overlap is {min_overlap}; a correlation needs at least 2 models")
    present = (~np.isnan(scores)).astype(np.int64)
    overlap: IntArray = present.T @ present
    # The ranks are those within the common rows and differ from pair to pair; pandas computes them so.
    rho = pd.DataFrame(rounded(scores)).corr(method=method, min_periods=min_overlap).to_numpy(copy=True)
    rho[overlap < min_overlap] = np.nan
    return rho, overlap


def agreement(board: Board, method: Method = "spearman") -> Agreement:
    """Compute the agreement of the leaves of a complete board (the cleaned one)."""
    rho = correlation_matrix(board.scores, method)
    overlap = np.full(rho.shape, len(board.models), dtype=np.int64)
    return _summarised(board, rho, overlap, 2, method)


def pairwise_agreement(board: Board, min_overlap: int = 20, method: Method = "spearman") -> Agreement:
    """Compute the agreement of a board's leaves, each pair over the models that have a score on both."""
    rho, overlap = pairwise_correlation(board.scores, min_overlap, method)
    return _summarised(board, rho, overlap, min_overlap, method)


@dataclass(frozen=True, eq=False)
class Significance:
    """Tests of the rank correlations of all pairs of ``m`` leaves, two-sided."""

    level: float  # False discovery rate
    p: FloatArray  # Shape (m, m); NaN on the diagonal, without a correlation, with fewer than ten models
    related: BoolArray  # Shape (m, m); significant after Benjamini and Hochberg
    # Pairs with a p-value, and pairs without
    tested: int
    untested: int
    counts: dict[str, dict[str, int]]  # Of significant pairs by sign, see `significant_pairs`


def correlation_p_values(rho: FloatArray, overlap: IntArray) -> FloatArray:
    """Compute two-sided p-values of Spearman's rank correlations.

    Their distribution over all orders is fitted by a symmetric beta distribution with the same variance and kurtosis.
    The usual Student's t has lighter tails, which matter after the correction for a thousand pairs: at a nominal 5 % it
    finds related pairs on 8 % of boards of noise with twenty models, on 14 % with ten. NaN where `rho` is NaN or rests
    on fewer than ten models (`overlap`), and nowhere else. Moments: Kendall, Kendall, Babington Smith (1939),
    Biometrika 30, 251-273.
    """
    from scipy import special

    known = ~np.isnan(rho) & (np.asarray(overlap) >= FEWEST_MODELS)
    n = np.where(known, overlap, FEWEST_MODELS).astype(np.float64)
    kurtosis = 3 * (25 * n**3 - 38 * n**2 - 35 * n + 72) / (25 * n * (n**2 - 1))
    shape = 3 * (kurtosis - 1) / (2 * (3 - kurtosis))
    # The support ends a little above 1, so that a perfect correlation has a p-value above 0.
    end = (2 * shape + 1) / (n - 1)
    rest = np.clip(1 - np.where(known, rho, 0.0) ** 2 / end, 0.0, 1.0)
    return np.where(known, special.betainc(shape, 0.5, rest), np.nan)


def significance(found: Agreement, level: float = LEVEL) -> Significance:
    """Test all pairs of leaves for a rank correlation other than zero. `level`: false discovery rate, in (0, 1).

    With fifty benchmarks more than fifty pairs would be significant at 5 % by chance alone: Benjamini, Hochberg (1995),
    J. R. Stat. Soc. B 57, 289-300; Benjamini, Yekutieli (2001), Ann. Stat. 29, 1165-1188.
    """
    if not 0 < level < 1:
        raise InputError(f"the false discovery rate is {level}; give a number between 0 and 1, such as 0.05")
    m = len(found.leaves)
    p = correlation_p_values(found.rho, found.overlap)
    np.fill_diagonal(p, np.nan)
    above = np.triu(np.ones((m, m), dtype=bool), k=1)
    known = above & ~np.isnan(p)
    related = np.zeros((m, m), dtype=bool)
    related[known] = false_discovery_rates(p[known], dependent=False) <= level
    return Significance(
        level=level,
        p=p,
        related=related | related.T,
        tested=int(known.sum()),
        untested=int((above & ~known).sum()),
        counts=significant_pairs(found.rho[known], p[known], level),
    )


def significant_pairs(rho: FloatArray, p: FloatArray, level: float) -> dict[str, dict[str, int]]:
    """Count the correlations (k,) of either sign that are significant, by the method that limits the false ones."""
    counts = {}
    for method, dependent in (("benjamini_hochberg", False), ("benjamini_yekutieli", True)):
        related = false_discovery_rates(p, dependent) <= level
        counts[method] = {"positive": int((related & (rho > 0)).sum()), "negative": int((related & (rho < 0)).sum())}
    return counts


def false_discovery_rates(p: FloatArray, dependent: bool) -> FloatArray:
    """Compute the least false discovery rate at which each of several tests (k,) is a discovery.

    `dependent`: hold the rate however the tests depend on each other (Benjamini, Yekutieli), not only if they are
    independent or positively dependent (Benjamini, Hochberg).
    """
    k = np.arange(1, len(p) + 1)
    order = np.argsort(p)
    scaled = p[order] * (len(p) / k) * ((1 / k).sum() if dependent else 1.0)
    rates = np.empty(len(p))
    # Rates are monotone in the p-values: no test has a higher rate than one with a larger p-value.
    rates[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return np.minimum(rates, 1.0)


def _summarised(board: Board, rho: FloatArray, overlap: IntArray, min_overlap: int, method: Method) -> Agreement:
    first, second = np.triu_indices(len(board.leaves), k=1)
    values = rho[first, second]
    papers = np.array([paper(leaf) for leaf in board.leaves], dtype=object)
    one, other = np.sort([papers[first], papers[second]], axis=0)
    parts = [{board.leaf_parts[i], board.leaf_parts[j]} for i, j in zip(first, second, strict=True)]
    neural, behavior = board.parts
    frame = pd.DataFrame({"rho": values, "one": one, "other": other})
    apart = frame[(frame["one"] != frame["other"]) & frame["rho"].notna()]
    balanced = apart.groupby(["one", "other"])["rho"].mean().mean() if len(apart) else None
    within = frame[frame["one"] == frame["other"]]
    return Agreement(
        leaves=board.leaves,
        rho=rho,
        overlap=overlap,
        all_pairs=pair_summary(values),
        paper_balanced_mean=None if balanced is None else float(balanced),
        within_paper={str(name): pair_summary(group.to_numpy()) for name, group in within.groupby("one")["rho"]},
        blocks={
            block: pair_summary(values[[pair == set(block) for pair in parts]])
            for block in ((neural, neural), (behavior, behavior), (neural, behavior))
        },
        min_overlap=min_overlap,
        method=method,
    )


def pair_summary(rho: FloatArray) -> PairSummary:
    """Summarise the correlations of pairs, NaN where one does not exist."""
    known = rho[~np.isnan(rho)]
    if not known.size:
        return PairSummary(None, None, None, 0)
    return PairSummary(float(known.mean()), float(np.median(known)), float((known < 0).mean()), int(known.size))
