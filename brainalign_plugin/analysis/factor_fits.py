"""One-factor models of many boards at once, fitted as `one_factor` fits one of them.

Every step of every search is followed, so that each ends where the one from cold does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..aggregation.factor import (
    LOWEST,
    ROUNDING,
    START,
    OneFactor,
    curvature,
    falls_enough,
    gradient_at,
    has_ended,
    loadings_at,
    loss_at,
    rescaled,
    slope_at,
    steps_to_bounds,
)
from ..arrays import BoolArray, FloatArray, IntArray
from .latent_fits import leading, lowered, positive_definite

# Steps of a search that are followed, and how often one is halved, at most: a dozen and one or two are the rule.
_MOST_STEPS, _MOST_HALVINGS = 40, 12
# Slope at which what further steps would change is rounding.
_FLAT = 2e-12
# Curvature below which such a slope may be far from the optimum.
_LEAST_BEND = 0.005


@dataclass(frozen=True, eq=False)
class _Places:
    """The likelihoods of ``v`` models of ``m`` leaves, each at one choice of the log uniquenesses.

    `top` (v,) and `lead` (v, m) are the largest eigenvalue and its vector of the correlations divided by the roots of
    the uniquenesses; `apart` says where there is one such.
    """

    log_unique: FloatArray
    top: FloatArray
    lead: FloatArray
    apart: BoolArray

    @property
    def loss(self) -> FloatArray:
        """Shape (v,)."""
        return loss_at(self.log_unique, self.top)

    @property
    def gradient(self) -> FloatArray:
        """Shape (v, m)."""
        return gradient_at(self.log_unique, self.top, self.lead)

    @property
    def slope(self) -> FloatArray:
        """Shape (v,)."""
        return slope_at(self.log_unique, self.gradient)

    def take(self, rows: IntArray | BoolArray) -> _Places:
        """Some of the models."""
        return _Places(self.log_unique[rows], self.top[rows], self.lead[rows], self.apart[rows])

    def move(self, rows: IntArray, there: _Places) -> None:
        """Move some of the models to other places."""
        self.log_unique[rows], self.apart[rows] = there.log_unique, there.apart
        self.top[rows], self.lead[rows] = there.top, there.lead


def one_factors(correlations: FloatArray) -> tuple[OneFactor, BoolArray]:
    """Fit a one-factor model to each of many correlation matrices that are nearly one.

    Parameters
    ----------
    correlations : ndarray, shape (v, m, m)
        Of at least three leaves, ones on the diagonal.

    Returns
    -------
    models : OneFactor
        Of shape (v, m).
    known : ndarray of bool, shape (v,)
        Where it is sure to be what `one_factor` finds.
    """
    at, known = _searched(correlations)
    # Where rounding is more of the loss than a search allows for, it decides which steps are taken.
    rounding = 8 * np.spacing(np.exp(-at.log_unique).sum(axis=1) + at.top)
    known &= rounding < ROUNDING * np.abs(at.loss)
    sure = np.flatnonzero(known)
    known[sure] = _is_bent(_some(correlations, sure), at.take(sure))
    return OneFactor(loadings_at(at.log_unique, at.top, at.lead), np.exp(at.log_unique)), known


def _some(matrices: FloatArray, rows: IntArray) -> FloatArray:
    # Not copied where all are meant.
    return matrices if len(rows) == len(matrices) else matrices[rows]


def _looked(correlations: FloatArray, log_unique: FloatArray, near: FloatArray | None = None) -> _Places:
    return _Places(log_unique, *leading(rescaled(correlations, log_unique), near))


def _curvature(correlations: FloatArray, at: _Places, bound: BoolArray) -> FloatArray:
    """Second derivatives among the leaves that are not at a bound, shape (v, m, m); 1 for one that is."""
    # The sum over the other eigenvectors, each by (top + other) / (top - other), without finding them.
    turns = np.linalg.inv(lowered(rescaled(correlations, at.log_unique), at.top, at.lead))
    turns *= 2 * at.top[:, None, None]
    turns -= at.lead[:, :, None] * at.lead[:, None]
    diagonal = np.arange(bound.shape[1])
    turns[:, diagonal, diagonal] -= 1.0
    bent = curvature(at.log_unique, at.top, at.lead, turns)
    if bound.any():
        bent[bound] = 0.0
        bent.swapaxes(1, 2)[bound] = 0.0
        bent[:, diagonal, diagonal] += bound
    return bent


def _is_bent(correlations: FloatArray, at: _Places) -> BoolArray:
    """Whether the loss rises to all sides so much that a slope that is left says little: shape (v,)."""
    bound, _ = steps_to_bounds(at.log_unique, at.gradient)
    return positive_definite(_curvature(correlations, at, bound) - _LEAST_BEND * np.eye(bound.shape[1]))


def _searched(correlations: FloatArray) -> tuple[_Places, BoolArray]:
    """Where the searches of `one_factor` end, step by step of all at once; and which of them were followed there.

    Which of several optima a search leads to is decided on its way, and how near it comes by where it stops.
    """
    at = _looked(correlations, np.full(correlations.shape[:2], START))
    followed, ended = at.apart.copy(), np.zeros(len(correlations), dtype=np.bool_)
    for _ in range(_MOST_STEPS):
        ended |= at.slope <= _FLAT
        going = np.flatnonzero(followed & ~ended)
        if not going.size:
            break
        here = at.take(going)
        better, found = _lower(_some(correlations, going), here)
        followed[going] = found & better.apart
        ended[going] = found & has_ended(here.slope, better.slope)
        further = followed[going] & ~ended[going]
        at.move(going[further], better.take(further))
    return at, followed & ended


def _lower(correlations: FloatArray, at: _Places) -> tuple[_Places, BoolArray]:
    """The next places, where the losses are less (rounding aside), and where there is one."""
    gradient, before = at.gradient, at.loss
    bound, to_bounds = steps_to_bounds(at.log_unique, gradient)
    step = _downhill(_curvature(correlations, at, bound), np.where(bound, to_bounds, gradient))
    better, found = at.take(np.arange(len(step))), np.zeros(len(step), dtype=np.bool_)
    for halvings in range(_MOST_HALVINGS):
        trying = np.flatnonzero(~found)
        if not trying.size:
            break
        origin = at.log_unique[trying]
        place = np.clip(origin - 0.5**halvings * step[trying], LOWEST, 0.0)
        there = _looked(_some(correlations, trying), place, at.lead[trying])
        fall = (gradient[trying] * (origin - place)).sum(axis=1)
        taken = falls_enough(there.loss, before[trying], fall)
        better.move(trying[taken], there.take(taken))
        found[trying[taken]] = True
    return better, found


def _downhill(curvatures: FloatArray, gradients: FloatArray) -> FloatArray:
    """Newton steps (v, m) to subtract; a direction that curves down is followed downhill all the same."""
    upwards = positive_definite(curvatures)
    steps, up, down = np.empty_like(gradients), np.flatnonzero(upwards), np.flatnonzero(~upwards)
    steps[up] = np.linalg.solve(_some(curvatures, up), gradients[up][..., None])[..., 0]
    bends, axes = np.linalg.eigh(curvatures[down])
    along = (np.swapaxes(axes, 1, 2) @ gradients[down][..., None])[..., 0] / np.maximum(np.abs(bends), 1e-6)
    steps[down] = (axes @ along[..., None])[..., 0]
    return steps
