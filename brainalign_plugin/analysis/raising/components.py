"""Raised cells under the latent schemes: weights of the leaves, found again from what one raised leaf changes.

It changes one row and one column of the leaves' covariance. Eigenvectors and weights of all variants of a leaf are
found at once; a variant that has a shared eigenvalue, a sign that hangs by a thread or a weight at its bound is left to
the scheme itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ...aggregation.factor import (
    LOWEST,
    START,
    OneFactor,
    curvature,
    falls_enough,
    loadings_at,
    loss_at,
    spectrum,
    steps_to_bounds,
)
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
    ridged,
    shrunk,
)
from ...arrays import BoolArray, FloatArray, IntArray
from ...board import Board
from ...scales import z_scores
from .cells import Case, falls_as_estimated

# Share of what decides below which nothing counts as decided.
_THREAD = 1e-5
# Steps of a search for a factor, at most: half a dozen lead near an optimum, from where a few more gain all digits.
_MOST_STEPS, _MOST_HALVINGS = 10, 12
# Slope from which Newton steps go straight to an optimum, and how far (of logarithms) that may be.
_NEAR, _FAR = 0.05, 0.2

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
    values, vectors = np.linalg.eigh(leaf.products())
    weights = vectors[:, :, -1]
    along = (weights * leaf.along(like)).sum(axis=1)
    known = np.abs(along) > _THREAD * np.sqrt(np.maximum(values.sum(axis=1), 0.0) * len(like))
    if values.shape[1] > 1:
        known &= values[:, -1] - values[:, -2] > _THREAD * values[:, -1]
    return leaf.weighted(weights * np.sign(along)[:, None]), known


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
    used, held = np.flatnonzero(counts), np.flatnonzero(~counts)

    def estimate(at: int, columns: FloatArray) -> Estimate:
        leaf = _Leaf(inside, at, z_scores(columns))
        squares = (inside**2).sum(axis=1)[:, None] - inside[:, at, None] ** 2 + leaf.raised**2
        varies = (leaf.raised != 0).any(axis=0)
        firm = ridged(shrunk(leaf.products() / n, squares.T)[0])
        # A leaf that has become constant is not known, and where it is the only one leaves nothing to be solved.
        firm[~varies] = np.eye(inside.shape[1])
        found = np.linalg.solve(firm[:, used[:, None], used], np.ones((len(firm), len(used), 1)))[..., 0]
        # Still the least variance: no weight has to be held at zero, and none that is would rise.
        known = found.min(axis=1) > _THREAD * found.max(axis=1)
        slack = (firm[:, held[:, None], used] @ found[..., None])[..., 0] - 1
        known &= (slack > _THREAD).all(axis=1) & varies
        weights = np.zeros((len(firm), inside.shape[1]))
        weights[:, used] = found / found.sum(axis=1, keepdims=True)
        return leaf.weighted(weights), known

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
        log_unique, known = _optimum_near(variants, *_searched(variants))
        values, vectors, _ = spectrum(variants, log_unique)
        weights = OneFactor(loadings_at(log_unique, values, vectors), np.exp(log_unique)).score_weights
        scores, like = leaf.weighted(weights), leaf.mean()
        along = (scores * like).sum(axis=0)
        known &= np.abs(along) > _THREAD * np.linalg.norm(scores, axis=0) * np.sqrt(len(like))
        return scores * np.sign(along), known & (leaf.raised != 0).any(axis=0)

    yield from _where_varied(estimate, z.shape[1], varied)


def _searched(correlations: FloatArray) -> tuple[FloatArray, BoolArray]:
    """The first steps of `one_factor` from its start, of all variants at once, until an optimum is near.

    Which of several optima a search leads to is decided there, so that nothing may be cut short.

    Returns
    -------
    log_unique : ndarray, shape (v, m)
    followed : ndarray of bool, shape (v,)
        False where the search gets stuck, or comes near no optimum.
    """
    at = np.full(correlations.shape[:2], START)
    followed, near = np.ones(len(at), dtype=np.bool_), np.zeros(len(at), dtype=np.bool_)
    values, vectors, gradient = spectrum(correlations, at)
    for _ in range(_MOST_STEPS):
        near = np.abs(at - np.clip(at - gradient, LOWEST, 0.0)).max(axis=1) <= _NEAR
        going = np.flatnonzero(followed & ~near)
        if not going.size:
            break
        here, slope = at[going], gradient[going]
        bound, step = steps_to_bounds(here, slope)
        free = ~bound
        bent = curvature(here, values[going], vectors[going]) * (free[:, :, None] & free[:, None])
        bent += bound[:, :, None] * np.eye(at.shape[1])
        step = _downhill(bent, np.where(free, slope, step))
        before, trying = loss_at(here, values[going]), np.arange(len(going))
        for halvings in range(_MOST_HALVINGS):
            there = np.clip(here[trying] - 0.5**halvings * step[trying], LOWEST, 0.0)
            looked = spectrum(correlations[going[trying]], there)
            fall = (slope[trying] * (here[trying] - there)).sum(axis=1)
            taken = falls_enough(loss_at(there, looked[0]), before[trying], fall)
            rows = going[trying[taken]]
            at[rows], values[rows], vectors[rows], gradient[rows] = there[taken], *(x[taken] for x in looked)
            trying = trying[~taken]
            if not trying.size:
                break
        followed[going[trying]] = False
    return at, followed & near


def _downhill(curvatures: FloatArray, gradients: FloatArray) -> FloatArray:
    """Newton steps (v, m) to subtract; a direction that curves down is followed downhill all the same."""
    if _bends_upwards(curvatures):
        steps: FloatArray = np.linalg.solve(curvatures, gradients[..., None])[..., 0]
        return steps
    bends, axes = np.linalg.eigh(curvatures)
    along = (np.swapaxes(axes, 1, 2) @ gradients[..., None])[..., 0] / np.maximum(np.abs(bends), 1e-6)
    turned: FloatArray = (axes @ along[..., None])[..., 0]
    return turned


def _bends_upwards(curvatures: FloatArray) -> bool:
    """Whether all of these (v, m, m) are positive definite, so that a step with them leads downhill."""
    try:
        np.linalg.cholesky(curvatures)
    except np.linalg.LinAlgError:
        return False
    return True


def _optimum_near(
    correlations: FloatArray, start: FloatArray, followed: BoolArray
) -> tuple[FloatArray, BoolArray]:
    """Log uniquenesses (v, m) at the optimum next to ``start``, and where it is one inside the bounds."""
    at, known = start.copy(), followed.copy()
    arrived = ~followed
    for _ in range(_MOST_STEPS):
        going = np.flatnonzero(~arrived)
        if not going.size:
            break
        values, vectors, gradient = spectrum(correlations[going], at[going])
        bent = curvature(at[going], values, vectors)
        if not _bends_upwards(bent):
            known[going] = False
            break
        step = np.linalg.solve(bent, gradient[..., None])[..., 0]
        at[going] -= step
        known[going] &= np.abs(at[going] - start[going]).max(axis=1) <= _FAR
        arrived[going] = (np.abs(step).max(axis=1) < 1e-10) | ~known[going]
    known &= arrived & (at < 0).all(axis=1) & (at > LOWEST).all(axis=1)
    return np.where(known[:, None], at, start), known


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
