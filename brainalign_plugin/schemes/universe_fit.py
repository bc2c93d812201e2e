"""Universe scores: each model's best linear prediction of its average over all papers that could have measured it.

A unit mean (see `units`) is m_p + μ_r + π_p: the unit's mean, the model's true value in the stratum (normal, with a
covariance between strata) and what is the paper's own (normal, independent between papers). The parameters are fitted
by maximum likelihood over all models with at least one unit; missing units are left out, which takes them, FAILED ones
too, as missing at random. Augmented scores: Wainer and others (2001), in *Test Scoring*; multivariate generalizability
theory: Brennan (2001).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..arrays import BoolArray, FloatArray, IntArray
from ..errors import BoardError
from .units import Units

# Ends of the share of its variance that is a lone unit's paper's, where the model breaks down.
_SHARES = (1e-4, 1 - 1e-4)
# Smallest variance between papers, as a share of the variance in the stratum.
_LEAST = 1e-6
# A model has a rank if its units carry more than this share of the weight.
RANKED_WEIGHT = 0.5
# Of unit means, so that those which differ by rounding are the same data.
DECIMALS = 11
_ITERATIONS, _HALVINGS = 300, 20
# A search also ends after this many steps in a row that gain less than rounding.
_STALLED, _GAIN = 5, 1e-13
# Largest derivative, a model, at which a fit has converged.
_FLAT = 1e-7
_VARIES = 1e-9


@dataclass(frozen=True, eq=False)
class UniverseScores:
    """Universe scores of ``n`` models."""

    # Shape (n,); mean and standard deviation of what the average over all papers would be; NaN for a model
    # without a unit.
    scores: FloatArray
    sd: FloatArray
    weight: FloatArray  # Shape (n,); of the units that the model has, in the average
    units: IntArray  # Shape (n,); number of units that the model has
    # 1 - mean squared standard deviation / variance of the true averages, over the models with a unit.
    reliability: float

    @property
    def ranked(self) -> BoolArray:
        """Models whose units carry more than half of the weight, shape (n,): one part alone gives no rank."""
        return np.asarray(self.weight > RANKED_WEIGHT + 1e-9)


@dataclass(frozen=True, eq=False)
class UniverseFit:
    """Fitted parameters of the universe score for ``p`` units in ``r`` strata."""

    units: Units
    means: FloatArray  # Shape (p,)
    covariance: FloatArray  # Shape (r, r); of the true values in the strata
    paper_variances: FloatArray  # Shape (r,)
    models: int  # With at least one unit: what it was fitted on
    negative_log_likelihood: float  # Without its constant
    # Of the search's parameters at its end, where a search of much the same models begins.
    inverse_curvature: FloatArray = field(repr=False)

    @cached_property
    def variance(self) -> float:
        """Variance of the true averages."""
        return float(self.units.weights @ self.covariance @ self.units.weights)

    def scores(self, means: FloatArray) -> UniverseScores:
        """Score models by their unit means, each by its own alone. `means`: shape (n, p); NaN where missing."""
        units = self.units
        weights, onto = units.weights, units.membership
        present = ~np.isnan(means)
        counts = (present @ onto).astype(np.int64)
        patterns, pattern = np.unique(counts, axis=0, return_inverse=True)
        # A square root of the covariance, and the covariance of the true values given the units of each pattern.
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        inner = np.eye(len(root)) + np.einsum("ji,gj,jk->gik", root, patterns / self.paper_variances, root)
        posterior = root @ np.linalg.solve(inner, np.broadcast_to(root.T, inner.shape))
        deviations = np.where(present, means - self.means, 0.0) @ onto / self.paper_variances
        # Weights of the deviations, pattern by pattern, so that a model's score is the same whatever others are scored.
        predicted = (deviations * (posterior @ weights)[pattern.ravel()]).sum(axis=1)
        variances = np.einsum("r,grs,s->g", weights, posterior, weights)[pattern.ravel()]
        known = present.any(axis=1)
        average = float(weights @ (onto.T @ self.means / units.counts))
        sd = np.where(known, np.sqrt(np.maximum(variances, 0.0)), np.nan)
        reliability = 1 - float(np.mean(sd[known] ** 2)) / self.variance if known.any() and self.variance > 0 else 0.0
        return UniverseScores(
            np.where(known, average + predicted, np.nan),
            sd,
            present @ units.unit_weights,
            present.sum(axis=1).astype(np.int64),
            max(reliability, 0.0),
        )


def fit_universe(means: FloatArray, units: Units, pooled: float, near: UniverseFit | None = None) -> UniverseFit:
    """Fit the universe score to unit means (n, p) by maximum likelihood; models without a unit are left out.

    `pooled`: share of the variance of a unit that is its paper's, held for a stratum with one unit (see
    `paper_variances`). `near`: fit of much the same models, to start from.
    """
    kept = means[~np.isnan(means).all(axis=1)]
    if len(kept) < 2 or (~np.isnan(kept)).sum(axis=0).min(initial=2) < 2:
        raise BoardError(
            f"a universe score is fitted on {len(kept)} models; it needs two models with a score in each of "
            f"{len(units.names)} units: take another snapshot or a stricter cleaning"
        )
    return _Problem(kept, units, pooled).fit(near)


class _Problem:
    """Unit means in units of their stratum's spread, and what of them the likelihood needs."""

    def __init__(self, means: FloatArray, units: Units, pooled: float) -> None:
        self.units, self.present, self.onto = units, ~np.isnan(means), units.membership
        squares = np.where(self.present, (means - np.nanmean(means, axis=0)) ** 2, 0.0)
        spread = np.sqrt(squares.sum(axis=0) @ self.onto / (self.present.sum(axis=0) @ self.onto))
        self.spread = np.where(spread > _VARIES, spread, 1.0)
        self.values = np.where(self.present, means / self.spread[units.stratum], 0.0)
        # Number of units of each model in each stratum; models with the same numbers share a matrix.
        self.counts = (self.present @ self.onto).astype(np.int64)
        self.patterns, pattern, self.repeats = np.unique(self.counts, axis=0, return_inverse=True, return_counts=True)
        self.pattern = pattern.ravel()
        share = float(np.clip(pooled, *_SHARES))
        self.odds, self.alone = share / (1 - share), units.counts == 1
        # The likelihood of complete means is largest at their mean.
        self.fixed = bool(self.present.all())
        self.centre = self.values.mean(axis=0)
        self.at_centre = self.moments(self.centre)
        self.cells, self.lower = self.counts.sum(axis=0), np.tril_indices(len(units.strata))

    def fit(self, near: UniverseFit | None = None) -> UniverseFit:
        """Minimise the negative log likelihood over means, a Cholesky factor and log variances."""
        start = self.start(near)
        guess = None if near is None or near.inverse_curvature.shape[0] != len(start) else near.inverse_curvature
        # A step too far is taken back, so that what overflows there does no harm.
        with np.errstate(all="ignore"):
            point, value, inverse = _minimised(self.objective, start, guess)
        means, root, variances = self.unpack(point)
        scale = self.spread
        return UniverseFit(
            self.units,
            means * scale[self.units.stratum],
            np.outer(scale, scale) * (root @ root.T),
            variances * scale**2,
            len(self.values),
            float(value * len(self.values) + self.cells @ np.log(scale)),
            inverse,
        )

    def start(self, near: UniverseFit | None) -> FloatArray:
        """Return parameters to start from: of a fit of the same units, or half of the variance between papers."""
        if near is None:
            means = self.values.sum(axis=0) / self.present.sum(axis=0)
            covariance = 0.5 * (0.7 * np.eye(len(self.units.strata)) + 0.3)
            logs = np.full(int((~self.alone).sum()), np.log(0.5))
        else:
            scale = self.spread
            means = near.means / scale[self.units.stratum]
            covariance = near.covariance / np.outer(scale, scale) + _LEAST * np.eye(len(scale))
            variances = (near.paper_variances / scale**2)[~self.alone]
            logs = np.log(np.maximum(variances, 2 * _LEAST) - _LEAST)
        pieces = [np.linalg.cholesky(covariance)[self.lower], logs]
        return np.concatenate(pieces if self.fixed else [means, *pieces])

    def unpack(self, parameters: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return unit means, the Cholesky factor of the strata's covariance, and the variances between papers."""
        r, p = len(self.units.strata), 0 if self.fixed else len(self.units.names)
        means = self.centre if self.fixed else parameters[:p]
        root = np.zeros((r, r))
        root[self.lower] = parameters[p : p + r * (r + 1) // 2]
        variances = self.odds * (root**2).sum(axis=1) + _LEAST
        variances[~self.alone] = np.exp(parameters[p + r * (r + 1) // 2 :]) + _LEAST
        return means, root, variances

    def moments(self, means: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return deviations from the means, and their sums and sums of squares in each stratum."""
        deviations = np.where(self.present, self.values - means, 0.0)
        return deviations, deviations @ self.onto, deviations**2 @ self.onto

    def objective(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        """Return the negative log likelihood a model, without its constant, and its gradient.

        With D the papers' variances, Z the membership of units in strata and L the factor, the covariance of the units
        that a model has is D + Z L L' Z'; all that is inverted are matrices of the strata's number.
        """
        n, r = len(self.values), len(self.units.strata)
        means, root, variances = self.unpack(parameters)
        deviations, sums, squares = self.at_centre if self.fixed else self.moments(means)
        precision, weighted, cells = self.patterns / variances, sums / variances, self.cells
        inner = np.eye(r) + np.einsum("ji,gj,jk->gik", root, precision, root)
        posterior = root @ np.linalg.solve(inner, np.broadcast_to(root.T, inner.shape))
        expected = np.einsum("nij,nj->ni", posterior[self.pattern], weighted)
        value = (
            cells @ np.log(variances)
            + self.repeats @ np.linalg.slogdet(inner)[1]
            + (squares / variances).sum()
            - (weighted * expected).sum()
        )
        left = squares - 2 * expected * sums + self.counts * expected**2
        own = np.diagonal(posterior, axis1=1, axis2=2)
        of_variances = (
            cells / variances
            - ((self.repeats[:, None] * self.patterns * own).sum(axis=0) + left.sum(axis=0)) / variances**2
        )
        residual = (sums - self.counts * expected) / variances
        of_covariance = (
            np.diag(cells / variances)
            - np.einsum("g,gi,gij,gj->ij", self.repeats, precision, posterior, precision)
            - residual.T @ residual
        )
        of_covariance[self.alone, self.alone] += self.odds * of_variances[self.alone]
        of_root = 2 * of_covariance @ root
        pieces = [of_root[self.lower], (of_variances * (variances - _LEAST))[~self.alone]]
        if not self.fixed:
            of_means = -2 * np.where(
                self.present, (deviations - expected[:, self.units.stratum]) / variances[self.units.stratum], 0.0
            ).sum(axis=0)
            pieces.insert(0, of_means)
        return float(value) / (2 * n), np.concatenate(pieces) / (2 * n)


def _minimised(
    objective: Callable[[FloatArray], tuple[float, FloatArray]], start: FloatArray, guess: FloatArray | None = None
) -> tuple[FloatArray, float, FloatArray]:
    """Minimise a function by BFGS with halved steps; return the place, the value and the inverse curvature there.

    Nocedal, Wright (2006), *Numerical Optimization*, algorithms 3.1 and 6.1.
    """
    point, inverse = start, np.eye(len(start)) if guess is None else guess.copy()
    value, gradient = objective(point)
    stalled = 0
    for step_number in range(_ITERATIONS):
        if np.abs(gradient).max(initial=0.0) < _FLAT or stalled >= _STALLED:
            break
        direction = -inverse @ gradient
        slope = float(direction @ gradient)
        if slope >= 0:
            inverse = np.eye(len(start))
            direction, slope = -gradient, -float(gradient @ gradient)
        blind = step_number == 0 and guess is None
        length = min(1.0, 0.5 / float(np.abs(direction).max())) if blind else 1.0
        for _ in range(_HALVINGS):
            following, next_gradient = objective(point + length * direction)
            if following <= value + 1e-4 * length * slope:
                break
            length /= 2
        else:
            # Rounding hides any further decrease.
            break
        moved, turned = length * direction, next_gradient - gradient
        curvature = float(moved @ turned)
        if curvature > 0:
            if blind:
                inverse *= curvature / float(turned @ turned)
            onto = inverse @ turned
            inverse += np.outer(moved, moved) * (1 + float(turned @ onto) / curvature) / curvature
            inverse -= (np.outer(onto, moved) + np.outer(moved, onto)) / curvature
        stalled = stalled + 1 if value - following < _GAIN * (1 + abs(value)) else 0
        point, value, gradient = point + moved, following, next_gradient
    return point, value, inverse
