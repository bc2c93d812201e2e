"""Agreement among good models: of benchmarks, on the models that people choose between.

The better half is chosen by the benchmarks of other papers: choosing it by an average that holds the two benchmarks
would condition on their sum and push their correlation down.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..agreement.correlation import pair_summary, spearman_matrix
from ..arrays import FloatArray, IntArray
from ..data.board import Board
from ..scales import ranks_from_bottom
from .families import Families

HALF = 0.5
SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25)
MIN_MODELS = 3


@dataclass(frozen=True, slots=True)
class GoodAgreement:
    """Agreement of benchmarks among the best models."""

    share: float  # Of the models that is kept
    models: int
    # Of Spearman's rho over pairs of leaves; None where no pair has one.
    mean: float | None
    negative_share: float | None
    # The same if nothing but the narrower range of a Gaussian copula had changed it.
    predicted_mean: float | None
    predicted_negative_share: float | None
    pairs: int


def good_agreement(board: Board) -> GoodAgreement:
    """Compute the agreement among the better half of the models, see `agreement_curve`."""
    return agreement_curve(board, (HALF,))[0]


def agreement_curve(board: Board, shares: tuple[float, ...] = SHARES) -> tuple[GoodAgreement, ...]:
    """Compute the agreement among the best models of a complete board, for several shares of them kept.

    For each pair of leaves these are the best by the average of all leaves of other papers under nominal weights.
    """
    m, n = len(board.leaves), len(board.models)
    measured, predicted = np.full((2, len(shares), m, m), np.nan)
    kept = [_kept(share, n) for share in shares]
    for columns, pairs, order, chosen_by in _best_models(board):
        scores, at = board.scores[:, columns], tuple(columns[pairs])
        whole = spearman_matrix(np.column_stack([chosen_by, scores]))
        for k, models in enumerate(kept):
            if models >= MIN_MODELS:
                measured[k][at] = spearman_matrix(scores[order[:models]])[tuple(pairs)]
                predicted[k][at] = _restricted(whole[1:, 1:], whole[0, 1:], models / n)[tuple(pairs)]
    found = []
    for share, models, *rho in zip(shares, kept, measured, predicted, strict=True):
        one, other = map(pair_summary, rho)
        predictions = other.mean, other.negative_share
        found.append(GoodAgreement(share, models, one.mean, one.negative_share, *predictions, one.pairs))
    return tuple(found)


def good_correlations(board: Board) -> FloatArray:
    """Compute Spearman's rho of each pair of leaves among the better half of the models, (m, m); NaN for itself."""
    rho: FloatArray = np.full((len(board.leaves), len(board.leaves)), np.nan)
    models = _kept(HALF, len(board.models))
    if models >= MIN_MODELS:
        for columns, pairs, order, _ in _best_models(board):
            found = spearman_matrix(board.scores[np.ix_(order[:models], columns)])[tuple(pairs)]
            rho[tuple(columns[pairs])] = rho[tuple(columns[pairs][::-1])] = found
    return rho


def _kept(share: float, models: int) -> int:
    return max(int(np.ceil(round(share * models, 9))), 0)


def _best_models(board: Board) -> Iterator[tuple[IntArray, IntArray, IntArray, FloatArray]]:
    """Yield for each pair of papers its columns, pairs of these (2, k), models by the other papers' average, and it."""
    if not board.leaves or len(board.models) < MIN_MODELS:
        return
    weights = board.tree.nominal_weights(board.leaves, board.tree.roots[0])
    papers = [np.isin(np.arange(len(board.leaves)), columns) for columns in board.papers.values()]
    for one, other in itertools.combinations_with_replacement(papers, 2):
        columns, others = np.flatnonzero(one | other), ~(one | other)
        between = (np.outer(one, other) | np.outer(other, one))[np.ix_(columns, columns)]
        pairs = np.array(np.nonzero(np.triu(between, k=1)))
        if others.any() and pairs.size:
            chosen_by = board.scores[:, others] @ weights[others]
            yield columns, pairs, np.argsort(-np.round(chosen_by, 9), kind="stable"), chosen_by


@dataclass(frozen=True, slots=True)
class FamilyAgreement:
    """Agreement within families of models against agreement between them."""

    within: float | None  # Mean rho of ranks less their family's mean, in families of two or more
    between: float | None  # Mean rho over pairs of leaves of the families' mean scores, one vote a family
    # Number of families, and of models in families with at least two.
    families: int
    models_within: int


def family_agreement(board: Board, families: Families) -> FamilyAgreement:
    """Compare agreement within families of models with agreement between them, on a complete board."""
    labels, sizes = families.labels, np.bincount(families.labels, minlength=families.count)
    onto = (labels == np.arange(families.count)[:, None]) / np.maximum(sizes, 1)[:, None]
    first, second = np.triu_indices(len(board.leaves), k=1)
    between = _mean(spearman_matrix(onto @ board.scores)[first, second])
    ranks = ranks_from_bottom(board.scores)
    inside = sizes[labels] > 1
    centred = (ranks - (onto @ ranks)[labels])[inside]
    products = centred.T @ centred
    squares = np.sqrt(np.outer(np.diag(products), np.diag(products)))
    rho = np.where(squares > 1e-9, products / np.where(squares > 1e-9, squares, 1.0), np.nan)
    return FamilyAgreement(_mean(rho[first, second]), between, families.count, int(inside.sum()))


def _restricted(rho: FloatArray, with_choice: FloatArray, share: float) -> FloatArray:
    """Return the rho of a Gaussian copula after the models below a quantile of the choosing variable are gone.

    Pearson's correction for selection (1903): correlations are those of normal scores, which Spearman's rho gives, and
    the choosing variable's variance shrinks to that of a truncated normal.
    """
    from scipy.special import ndtri

    normal, chosen = 2 * np.sin(np.pi * rho / 6), 2 * np.sin(np.pi * with_choice / 6)
    lost = 0.0
    if share < 1:
        at = -float(ndtri(share))
        hazard = float(np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi)) / share
        lost = hazard * (hazard - at)
    left = 1 - lost * chosen**2
    narrow = (normal - lost * np.outer(chosen, chosen)) / np.sqrt(np.maximum(np.outer(left, left), 1e-12))
    return 6 / np.pi * np.arcsin(np.clip(narrow, -1, 1) / 2)


def _mean(values: FloatArray) -> float | None:
    return None if np.isnan(values).all() else float(np.nanmean(values))
