"""A one-factor model of standardised leaves, by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import BoolArray, FloatArray
from ..errors import ConvergenceError

# Bound of a uniqueness from below, as in the factor analysis of R: a leaf is never taken for the factor itself.
MIN_UNIQUENESS = 0.005
LOWEST = float(np.log(MIN_UNIQUENESS))
START = float(np.log(0.5))
_MOST_STEPS = 500


@dataclass(frozen=True, eq=False)
class OneFactor:
    """Maximum likelihood estimates of one-factor models of ``m`` standardised leaves.

    Attributes
    ----------
    loadings : ndarray, shape (..., m)
        Correlation of each leaf with the factor, up to a common sign.
    uniquenesses : ndarray, shape (..., m)
        Share of each leaf's variance that the factor does not explain, at least `MIN_UNIQUENESS`.
    """

    loadings: FloatArray
    uniquenesses: FloatArray

    @property
    def score_weights(self) -> FloatArray:
        """Weights of the leaves in the regression estimate of the factor (Thomson 1951), shape (..., m)."""
        precise = self.loadings / self.uniquenesses
        weights: FloatArray = precise / (1 + (precise * self.loadings).sum(axis=-1, keepdims=True))
        return weights


def one_factor(correlations: FloatArray) -> OneFactor:
    """Fit a one-factor model by maximum likelihood.

    The likelihood is maximised over the uniquenesses; given these, the loadings follow from the first eigenvector of
    the rescaled correlations. Only the largest eigenvalue is used, so the correlations may be singular (fewer models
    than leaves). Where the likelihood rises until a uniqueness is zero (a Heywood case, two leaves that are copies for
    example), it stays at `MIN_UNIQUENESS`. The search starts with all uniquenesses at 0.5 and ends at the optimum that
    it leads to; where leaves have little in common there may be others.

    Parameters
    ----------
    correlations : ndarray, shape (m, m)
        Of at least three leaves, ones on the diagonal.

    Raises
    ------
    ConvergenceError
        If no optimum is found.

    References
    ----------
    Jöreskog (1967), Psychometrika 32, 443-482; Lawley, Maxwell (1971), Factor Analysis as a Statistical Method.
    """
    at = _look(correlations, np.full(len(correlations), START))
    for _ in range(_MOST_STEPS):
        better = _lower(correlations, at)
        if better is None or (better.slope >= at.slope and at.slope <= 1e-8):
            break
        at = better
    if not at.slope <= 1e-6:
        raise ConvergenceError(
            f"the one-factor model of {len(correlations)} benchmarks has not converged (slope {at.slope:.1e} after at "
            f"most {_MOST_STEPS} steps); use PC1, or leave out benchmarks that are copies of each other"
        )
    return OneFactor(loadings_at(at.log_unique, at.values, at.vectors), np.exp(at.log_unique))


def loadings_at(log_unique: FloatArray, values: FloatArray, vectors: FloatArray) -> FloatArray:
    """Loadings (..., m) that are best for given uniquenesses, from the spectrum."""
    beyond = np.maximum(values[..., -1:] - 1, 0.0)
    loadings: FloatArray = np.sqrt(np.exp(log_unique) * beyond) * vectors[..., :, -1]
    return loadings


@dataclass(frozen=True, eq=False)
class _Place:
    """The likelihood at one choice of the log uniquenesses.

    `values` and `vectors` are the eigenvalues, ascending, and eigenvectors of the correlations divided by the roots of
    the uniquenesses; `loss` is log det + trace of the model's fit, up to a constant.
    """

    log_unique: FloatArray
    values: FloatArray
    vectors: FloatArray
    loss: float
    gradient: FloatArray

    @property
    def slope(self) -> float:
        """Largest step that the gradient asks for inside the bounds; 0 at an optimum."""
        inside = np.clip(self.log_unique - self.gradient, LOWEST, 0.0)
        return float(np.abs(self.log_unique - inside).max())


def _look(correlations: FloatArray, log_unique: FloatArray) -> _Place:
    values, vectors, gradient = spectrum(correlations, log_unique)
    return _Place(log_unique, values, vectors, float(loss_at(log_unique, values)), gradient)


def loss_at(log_unique: FloatArray, values: FloatArray) -> FloatArray:
    """Log det + trace of the model's fit, up to a constant, from the eigenvalues; shape (...)."""
    top = values[..., -1]
    loss: FloatArray = log_unique.sum(axis=-1) + np.log(top) + np.exp(-log_unique).sum(axis=-1) - top
    return loss


def spectrum(correlations: FloatArray, log_unique: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Eigenvalues and eigenvectors of the rescaled correlations (..., m, m), and the gradient of the loss (..., m)."""
    scale = np.exp(-0.5 * log_unique)
    values, vectors = np.linalg.eigh(scale[..., :, None] * correlations * scale[..., None, :])
    gradient: FloatArray = 1 - scale**2 + (values[..., -1:] - 1) * vectors[..., :, -1] ** 2
    return values, vectors, gradient


def _lower(correlations: FloatArray, at: _Place) -> _Place | None:
    """The next place, where the loss is less (rounding aside); None if there is none along the step."""
    step, share = _step(at), 1.0
    while share > 1e-12:
        # Clipped, because a full step may lead out of the bounds.
        found = _look(correlations, np.clip(at.log_unique - share * step, LOWEST, 0.0))
        fall = at.gradient @ (at.log_unique - found.log_unique)
        if falls_enough(np.asarray(found.loss), np.asarray(at.loss), fall):
            return found
        share /= 2
    return None


def _step(at: _Place) -> FloatArray:
    """Projected Newton step to subtract: to the bound where the gradient leads there, else by the curvature.

    Source: Bertsekas (1982), SIAM Journal on Control and Optimization 20, 221-246.
    """
    to_bound, step = steps_to_bounds(at.log_unique, at.gradient)
    free = np.flatnonzero(~to_bound)
    if free.size:
        curvature, axes = np.linalg.eigh(_hessian(at)[np.ix_(free, free)])
        # A direction that curves down is followed downhill all the same.
        step[free] = axes @ ((axes.T @ at.gradient[free]) / np.maximum(np.abs(curvature), 1e-6))
    return step


def steps_to_bounds(log_unique: FloatArray, gradient: FloatArray) -> tuple[BoolArray, FloatArray]:
    """Which uniquenesses the gradient leads to a bound that is near, and the step there; 0 for the others."""
    to_low = (gradient > 0) & (log_unique <= LOWEST + 1e-3)
    to_one = (gradient < 0) & (log_unique >= -1e-3)
    return to_low | to_one, np.where(to_low, log_unique - LOWEST, np.where(to_one, log_unique, 0.0))


def falls_enough(loss: FloatArray, before: FloatArray, fall: FloatArray) -> BoolArray:
    """Whether a step is taken: it lowers the loss by something of what the gradient promises, rounding aside."""
    enough: BoolArray = loss <= before - 1e-4 * fall + 1e-13 * np.abs(before)
    return enough


def _hessian(at: _Place) -> FloatArray:
    return curvature(at.log_unique, at.values, at.vectors)


def curvature(log_unique: FloatArray, values: FloatArray, vectors: FloatArray) -> FloatArray:
    """Second derivatives of the loss, shape (..., m, m), at places as `_Place` has them."""
    top, lead, rest = values[..., -1:, None], vectors[..., :, -1], vectors[..., :, :-1]
    others = values[..., None, :-1]
    # Where the largest eigenvalue is shared, how its vector turns is undefined; a small gap stands for none.
    gaps = np.maximum(top - others, 1e-9 * top)
    turns = (rest * ((top + others) / gaps)) @ np.swapaxes(rest, -2, -1)
    outer = lead[..., :, None] * lead[..., None, :]
    hessian: FloatArray = np.exp(-log_unique)[..., None] * np.eye(log_unique.shape[-1])
    hessian -= top * outer**2 + (top - 1) * outer * turns
    return hessian
