"""Raised cells under the latent schemes: weights of the leaves, found again from what one raised leaf changes.

It changes one row and one column of the leaves' covariance. Eigenvectors and weights of all variants of a leaf are
found at once; what hangs by a thread is left to the scheme itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ...aggregation.latent import (
    DSP_PCA,
    DSP_PCA_STD,
    FACTOR1,
    GLS,
    PC1,
    columns_by_part,
    least_variance_weights,
    ledoit_wolf,
    part_components,
    shrunk,
)
from ...arrays import BoolArray, FloatArray, IntArray
from ...board import Board
from ...scales import z_scores
from ..factor_fits import one_factors
from ..latent_fits import first_components, least_variances, turned
from .cells import Case, falls_as_estimated

# Scores (n, v), and whether they are known (v,).
Estimate = tuple[FloatArray, BoolArray]


def falls_of_components(case: Case, jobs: int) -> int:  # noqa: ARG001 one signature for all ways
    """Number of cells whose raising lowers their model, on a board that the scheme can be used on."""
    estimates = OF_COMPONENTS[case.scheme.combine](case)
    falls = 0
    for j, estimate in enumerate(estimates):
        models, columns = case.variants(j)
        scores, known = estimate(columns)
        falls += falls_as_estimated(case, j, models, scores, known)
    return falls


@dataclass(frozen=True, eq=False)
class _Leaf:
    """One leaf of several (n, m) in ``v`` variants.

    Attributes
    ----------
    scores : ndarray, shape (n, m)
        Centred, standardised or not.
    at : int
        Column of the leaf.
    raised : ndarray, shape (n, v)
        The leaf in each variant, centred likewise.
    """

    scores: FloatArray
    at: int
    raised: FloatArray

    def products(self) -> FloatArray:
        """Products of the leaves, shape (v, m, m)."""
        found = np.tile(self.scores.T @ self.scores, (self.raised.shape[1], 1, 1))
        across = self.scores.T @ self.raised
        found[:, self.at], found[:, :, self.at] = across.T, across.T
        found[:, self.at, self.at] = (self.raised**2).sum(axis=0)
        return found

    def weighted(self, weights: FloatArray) -> FloatArray:
        """Sum of the leaves under the weights (v, m), shape (n, v)."""
        moved = self.raised - self.scores[:, self.at, None]
        total: FloatArray = self.scores @ weights.T + moved * weights[:, self.at]
        return total

    def mean(self) -> FloatArray:
        """Flat mean of the leaves, shape (n, v)."""
        moved = self.raised - self.scores[:, self.at, None]
        mean: FloatArray = (self.scores.sum(axis=1)[:, None] + moved) / self.scores.shape[1]
        return mean

    def along(self, values: FloatArray) -> FloatArray:
        """Products of the leaves with values (n, v), shape (v, m)."""
        found: FloatArray = (self.scores.T @ values).T
        found[:, self.at] = (self.raised * values).sum(axis=0)
        return found


def _first_component(leaf: _Leaf, like: FloatArray) -> Estimate:
    """As `first_component`: projections on the eigenvector that correlates with ``like`` (n, v)."""
    weights, known = first_components(leaf.products(), leaf.along(like), len(like))
    return leaf.weighted(weights), known


def _pc1(case: Case) -> Iterator[Callable[[FloatArray], Estimate]]:
    z = _standardised(case)

    def estimate(j: int, columns: FloatArray) -> Estimate:
        leaf = _Leaf(z, j, z_scores(columns))
        return _first_component(leaf, leaf.mean())

    yield from (partial(estimate, j) for j in range(z.shape[1]))


def _standardised(case: Case) -> FloatArray:
    """Standardised scores, shape (n, m); a leaf without any score is constant."""
    return z_scores(_without_gaps(case))


def _without_gaps(case: Case) -> FloatArray:
    return np.nan_to_num(case.values)


def _of_parts(case: Case, standardised: bool) -> Iterator[Callable[[FloatArray], Estimate]]:
    name, values = case.scheme.name, _without_gaps(case)
    parts = columns_by_part(name, case.board)
    base = part_components(name, replace(case.board, scores=values), standardised)
    placed = z_scores if standardised else _centred
    scaled = z_scores if standardised else np.asarray
    for j in range(values.shape[1]):
        part = next((p for p, columns in enumerate(parts) if j in columns), None)

        def estimate(columns: FloatArray, j: int = j, part: int | None = part) -> Estimate:
            if part is None:
                return np.repeat(case.base[:, None], columns.shape[1], axis=1), np.ones(
                    columns.shape[1], bool
                )
            inside, at = values[:, parts[part]], parts[part].index(j)
            like = _Leaf(z_scores(inside), at, z_scores(columns)).mean()
            component, known = _first_component(_Leaf(placed(inside), at, placed(columns)), like)
            return (scaled(component) + scaled(base[:, 1 - part])[:, None]) / 2, known

        yield estimate


def _centred(scores: FloatArray) -> FloatArray:
    centred: FloatArray = scores - scores.mean(axis=0)
    return centred


def _gls(case: Case) -> Iterator[Callable[[FloatArray], Estimate]]:
    z = _standardised(case)
    varied = np.flatnonzero((z != 0).any(axis=0))
    inside, n = z[:, varied], len(z)
    if not varied.size:
        yield from [_unknown] * z.shape[1]
        return
    counts = least_variance_weights(ledoit_wolf(inside)[0]) > 0

    def estimate(at: int, columns: FloatArray) -> Estimate:
        leaf = _Leaf(inside, at, z_scores(columns))
        squares = (inside**2).sum(axis=1)[:, None] - inside[:, at, None] ** 2 + leaf.raised**2
        varies = (leaf.raised != 0).any(axis=0)
        covariances = shrunk(leaf.products() / n, squares.T)[0]
        # A leaf that has become constant is not known, and where it is the only one leaves nothing to be solved.
        covariances[~varies] = np.eye(inside.shape[1])
        weights, known = least_variances(covariances, counts)
        return leaf.weighted(weights), known & varies

    yield from _where_varied(estimate, z.shape[1], varied)


def _factor1(case: Case) -> Iterator[Callable[[FloatArray], Estimate]]:
    z = _standardised(case)
    varied = np.flatnonzero((z != 0).any(axis=0))
    inside, freedom = z[:, varied], len(z) - 1
    diagonal = np.arange(len(varied))

    def estimate(at: int, columns: FloatArray) -> Estimate:
        leaf = _Leaf(inside, at, z_scores(columns))
        variants = leaf.products() / freedom
        variants[:, diagonal, diagonal] = 1.0
        models, known = one_factors(variants)
        scores, sure = turned(leaf.weighted(models.score_weights), leaf.mean())
        return scores, known & sure & (leaf.raised != 0).any(axis=0)

    yield from _where_varied(estimate, z.shape[1], varied)


def _where_varied(
    estimate: Callable[[int, FloatArray], Estimate], leaves: int, varied: IntArray
) -> Iterator[Callable[[FloatArray], Estimate]]:
    """An estimate of each leaf; of a constant one nothing is known, because it may vary once it is raised."""
    place = {leaf: at for at, leaf in enumerate(varied.tolist())}
    for j in range(leaves):
        yield partial(estimate, place[j]) if j in place else _unknown


def _unknown(columns: FloatArray) -> Estimate:
    return np.zeros(columns.shape), np.zeros(columns.shape[1], dtype=np.bool_)


OF_COMPONENTS: dict[
    Callable[[Board], FloatArray] | None, Callable[[Case], Iterator[Callable[[FloatArray], Estimate]]]
] = {
    PC1.combine: _pc1,
    DSP_PCA.combine: lambda case: _of_parts(case, standardised=False),
    DSP_PCA_STD.combine: lambda case: _of_parts(case, standardised=True),
    GLS.combine: _gls,
    FACTOR1.combine: _factor1,
}
