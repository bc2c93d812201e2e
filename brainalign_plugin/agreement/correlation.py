"""Agreement of the benchmarks: rank correlations of all pairs of leaves.

Source: Ahlert, Klein, Wichmann, Geirhos, *How aligned are different alignment metrics?*, arXiv 2407.07530.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from ..arrays import FloatArray, IntArray
from ..data.board import Board
from ..data.tree import paper
from ..errors import InputError
from ..scales import ranks_from_bottom, rounded
from ..text import brief

Method = Literal["spearman", "kendall", "pearson"]


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
    # Shape (m, m); symmetric, NaN where a correlation does not exist (a constant leaf, too few models).
    rho: FloatArray
    overlap: IntArray  # Shape (m, m); number of models that each correlation rests on
    all_pairs: PairSummary
    # Each pair of distinct papers counts once, with the mean over its pairs of leaves.
    paper_balanced_mean: float | None
    # Pairs of leaves of one paper, for each paper with at least two leaves.
    within_paper: dict[str, PairSummary]
    # Pairs of leaves within and between the neural and the behavioural part.
    blocks: dict[tuple[str, str], PairSummary]
    min_overlap: int  # Smallest number of models for which a pair counts
    method: Method = "spearman"  # ``spearman``, ``kendall`` (tau-b) or ``pearson``


def spearman_matrix(scores: FloatArray) -> FloatArray:
    """Compute Spearman's rank correlation of all pairs of columns of a complete matrix.

    Shape (m, m); NaN for a constant column and for fewer than two rows.

    `scores`: shape (n, m); without NaN; values within 1e-9 tie.
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
    rho: FloatArray = np.clip(products / norms, -1.0, 1.0)
    return rho


def kendall_tau_b(places: FloatArray) -> FloatArray:
    """Kendall's tau-b of all pairs of rankings: agreeing less disagreeing pairs of models, corrected for ties.

    Shape (k, k); NaN for a ranking in which all tie. Source: Kendall (1945), Biometrika 33, 239-251.

    `places`: shape (k, n); ranks; equal numbers tie.
    """
    k, n = places.shape
    balance = np.zeros((k, k))
    for i in range(n - 1):
        above = np.sign(places[:, i, None] - places[:, i + 1 :])
        balance += above @ above.T
    # The balance of a ranking with itself is its number of pairs that do not tie.
    untied = np.sqrt(np.where(balance.diagonal() > 0, balance.diagonal(), np.nan))
    tau: FloatArray = np.clip(balance / untied[:, None] / untied, -1.0, 1.0)
    return tau


def correlation_matrix(scores: FloatArray, method: Method = "spearman") -> FloatArray:
    """Compute the correlation of all pairs of columns of a complete matrix.

    Shape (m, m); NaN where a correlation does not exist. Raises InputError if there is no such method.

    `scores`: shape (n, m); without NaN; values within 1e-9 tie. `method`: {"spearman", "kendall", "pearson"}; kendall's
    is tau-b.
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
    """Compute the correlation of all pairs of columns, each over the rows that have both.

    Returns rho (shape (m, m)) and overlap (shape (m, m), number of common rows).

    `scores`: shape (n, m); NaN where missing. `min_overlap`: pairs with fewer common rows are NaN. `method`:
    {"spearman", "kendall", "pearson"}.
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


def _summarised(board: Board, rho: FloatArray, overlap: IntArray, min_overlap: int, method: Method) -> Agreement:
    first, second = np.triu_indices(len(board.leaves), k=1)
    values = rho[first, second]
    papers = [paper(leaf) for leaf in board.leaves]
    paper_pairs = [tuple(sorted((papers[i], papers[j]))) for i, j in zip(first, second, strict=True)]
    part_pairs = [(board.leaf_parts[i], board.leaf_parts[j]) for i, j in zip(first, second, strict=True)]
    neural, behavior = board.parts
    frame = pd.DataFrame({"rho": values, "one": [p[0] for p in paper_pairs], "other": [p[1] for p in paper_pairs]})
    apart = frame[(frame["one"] != frame["other"]) & frame["rho"].notna()]
    balanced = apart.groupby(["one", "other"])["rho"].mean().mean() if len(apart) else None
    within = frame[frame["one"] == frame["other"]]
    return Agreement(
        leaves=board.leaves,
        rho=rho,
        overlap=overlap,
        all_pairs=_summary(values),
        paper_balanced_mean=None if balanced is None else float(balanced),
        within_paper={str(name): _summary(group.to_numpy()) for name, group in within.groupby("one")["rho"]},
        blocks={
            block: _summary(values[[set(pair) == set(block) for pair in part_pairs]])
            for block in ((neural, neural), (behavior, behavior), (neural, behavior))
        },
        min_overlap=min_overlap,
        method=method,
    )


def _summary(rho: FloatArray) -> PairSummary:
    known = rho[~np.isnan(rho)]
    if not known.size:
        return PairSummary(None, None, None, 0)
    return PairSummary(float(known.mean()), float(np.median(known)), float((known < 0).mean()), int(known.size))
