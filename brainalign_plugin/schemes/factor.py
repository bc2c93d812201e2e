"""One-factor model of standardised leaves, by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from ..arrays import FloatArray
from ..errors import ConvergenceError

# Lower bound of a uniqueness, as in R's factanal: without it a leaf can become the factor itself.
MIN_UNIQUENESS = 0.005
_LOWEST = float(np.log(MIN_UNIQUENESS))
_START = float(np.log(0.5))
_MOST_STEPS = 2000


@dataclass(frozen=True, eq=False)
class OneFactor:
    """Maximum likelihood estimate of a one-factor model of ``m`` standardised leaves."""

    loadings: FloatArray  # Shape (m,); correlation of each leaf with the factor, up to a common sign
    # Shape (m,); share of each leaf's variance that the factor does not explain, at least `MIN_UNIQUENESS`.
    uniquenesses: FloatArray

    @property
    def score_weights(self) -> FloatArray:
        """Weights of the leaves in the regression estimate of the factor (Thomson 1951), shape (m,)."""
        precise = self.loadings / self.uniquenesses
        weights: FloatArray = precise / (1 + precise @ self.loadings)
        return weights


def one_factor(correlations: FloatArray) -> OneFactor:
    """Fit a one-factor model by maximum likelihood.

    The likelihood is maximised over the logarithms of the uniquenesses (L-BFGS-B); given these, the loadings follow
    from the first eigenvector of the rescaled correlations. Only the largest eigenvalue is used, so the correlations
    may be singular (fewer models than leaves). Where the likelihood rises until a uniqueness is zero (a Heywood case,
    two leaves that are copies for example), it stays at `MIN_UNIQUENESS`. The search starts with all uniquenesses at
    0.5 and ends at a local optimum; where leaves have little in common there may be others. Raises ConvergenceError if
    no optimum is found.

    `correlations`: shape (m, m); of at least three leaves, ones on the diagonal.

    References
    ----------
    Jöreskog (1967), Psychometrika 32, 443-482; Lawley, Maxwell (1971), Factor Analysis as a Statistical Method.
    """
    # Loading takes as long as most of an analysis, which needs no factor.
    from scipy import optimize

    def loss(log_unique: FloatArray) -> tuple[float, FloatArray]:
        top, lead = _leading(correlations, log_unique)
        precise = np.exp(-log_unique)
        value = float((log_unique + precise).sum() + np.log(top) - top)
        return value, 1 - precise + (top - 1) * lead**2

    m = len(correlations)
    found = optimize.minimize(
        loss,
        np.full(m, _START),
        jac=True,
        method="L-BFGS-B",
        bounds=[(_LOWEST, 0.0)] * m,
        options={
            "maxiter": _MOST_STEPS,
            "maxfun": 10 * _MOST_STEPS,
            "ftol": 0.0,
            "gtol": 1e-10,
            "maxcor": 20,
        },
    )

    def slope_at(log_unique: FloatArray) -> float:
        inside = np.clip(log_unique - loss(log_unique)[1], _LOWEST, 0.0)
        return float(np.abs(log_unique - inside).max())

    log_unique = np.asarray(found.x)
    slope = slope_at(log_unique)
    # Near the optimum the loss is dominated by rounding, so the last step solves for a zero gradient.
    free = (log_unique > _LOWEST) & (log_unique < 0.0)
    if slope > 1e-9 and free.any():

        def gradient(values: FloatArray) -> FloatArray:
            there = log_unique.copy()
            there[free] = values
            return loss(there)[1][free]

        root = log_unique.copy()
        root[free] = np.clip(optimize.root(gradient, log_unique[free], tol=1e-14).x, _LOWEST, 0.0)
        if slope_at(root) < slope:
            log_unique, slope = root, slope_at(root)
    if not slope <= 1e-6:
        raise ConvergenceError(
            f"the one-factor model of {m} benchmarks has not converged (slope {slope:.1e} after {found.nit} steps); "
            "use PC1, or leave out benchmarks that are copies of each other"
        )
    top, lead = _leading(correlations, log_unique)
    loadings = np.sqrt(np.exp(log_unique) * max(top - 1, 0.0)) * lead
    return OneFactor(loadings, np.exp(log_unique))


def _leading(correlations: FloatArray, log_unique: FloatArray) -> tuple[float, FloatArray]:
    """Return the largest eigenvalue of the correlations divided by the roots of the uniquenesses, and its vector."""
    scale = np.exp(-0.5 * log_unique)
    last = len(correlations) - 1
    values, vectors = linalg.eigh(
        scale[:, None] * correlations * scale, subset_by_index=[last, last], check_finite=False
    )
    return float(values[0]), vectors[:, 0]
