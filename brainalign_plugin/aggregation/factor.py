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
# What of a loss may be rounding, as a share of it.
ROUNDING = 1e-13
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
        if better is None or has_ended(np.asarray(at.slope), np.asarray(better.slope)):
            break
        at = better
    if not at.slope <= 1e-6:
        raise ConvergenceError(
            f"the one-factor model of {len(correlations)} benchmarks has not converged (slope {at.slope:.1e} after at "
            f"most {_MOST_STEPS} steps); use PC1, or leave out benchmarks that are copies of each other"
        )
    return OneFactor(loadings_at(at.log_unique, at.top, at.lead), np.exp(at.log_unique))


def loadings_at(log_unique: FloatArray, top: FloatArray, lead: FloatArray) -> FloatArray:
    """Loadings (..., m) that are best for given uniquenesses.

    Here and below ``top`` (...) is the largest eigenvalue of the rescaled correlations, ``lead`` (..., m) its vector.
    """
    beyond = np.maximum(top - 1, 0.0)[..., None]
    loadings: FloatArray = np.sqrt(np.exp(log_unique) * beyond) * lead
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
    def top(self) -> FloatArray:
        """Largest eigenvalue, shape ()."""
        return np.asarray(self.values[-1])

    @property
    def lead(self) -> FloatArray:
        """Its vector, shape (m,)."""
        return self.vectors[:, -1]

    @property
    def slope(self) -> float:
        """As by `slope_at`."""
        return float(slope_at(self.log_unique, self.gradient))


def _look(correlations: FloatArray, log_unique: FloatArray) -> _Place:
    values, vectors = np.linalg.eigh(rescaled(correlations, log_unique))
    loss, gradient = loss_at(log_unique, values[-1]), gradient_at(log_unique, values[-1], vectors[:, -1])
    return _Place(log_unique, values, vectors, float(loss), gradient)


def rescaled(correlations: FloatArray, log_unique: FloatArray) -> FloatArray:
    """Correlations (..., m, m) divided by the roots of the uniquenesses."""
    scale = np.exp(-0.5 * log_unique)
    divided: FloatArray = scale[..., :, None] * correlations * scale[..., None, :]
    return divided


def loss_at(log_unique: FloatArray, top: FloatArray) -> FloatArray:
    """Log det + trace of the model's fit, up to a constant; shape (...)."""
    loss: FloatArray = log_unique.sum(axis=-1) + np.log(top) + np.exp(-log_unique).sum(axis=-1) - top
    return loss


def gradient_at(log_unique: FloatArray, top: FloatArray, lead: FloatArray) -> FloatArray:
    """Gradient of the loss, shape (..., m)."""
    scale = np.exp(-0.5 * log_unique)
    gradient: FloatArray = 1 - scale**2 + (np.asarray(top)[..., None] - 1) * lead**2
    return gradient


def slope_at(log_unique: FloatArray, gradient: FloatArray) -> FloatArray:
    """Largest step that the gradient asks for inside the bounds, shape (...); 0 at an optimum."""
    inside = np.clip(log_unique - gradient, LOWEST, 0.0)
    slope: FloatArray = np.abs(log_unique - inside).max(axis=-1)
    return slope


def has_ended(slope: FloatArray, next_slope: FloatArray) -> BoolArray:
    """Whether a search stays where it is: at an optimum, from where the next step brings it no nearer."""
    ended: BoolArray = (next_slope >= slope) & (slope <= 1e-8)
    return ended


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
    enough: BoolArray = loss <= before - 1e-4 * fall + ROUNDING * np.abs(before)
    return enough


def _hessian(at: _Place) -> FloatArray:
    others, rest = at.values[:-1], at.vectors[:, :-1]
    # Where the largest eigenvalue is shared, how its vector turns is undefined; a small gap stands for none.
    gaps = np.maximum(at.top - others, 1e-9 * at.top)
    turns = (rest * ((at.top + others) / gaps)) @ rest.T
    return curvature(at.log_unique, at.top, at.lead, turns)


def curvature(log_unique: FloatArray, top: FloatArray, lead: FloatArray, turns: FloatArray) -> FloatArray:
    """Second derivatives of the loss, shape (..., m, m).

    ``turns`` (..., m, m) is the sum over the other eigenvectors, each by (top + other) / (top - other).
    """
    outer, height = lead[..., :, None] * lead[..., None, :], top[..., None, None]
    hessian: FloatArray = np.exp(-log_unique)[..., None] * np.eye(log_unique.shape[-1])
    hessian -= height * outer**2 + (height - 1) * outer * turns
    return hessian
