"""Latent schemes: common components of the benchmarks, from their correlations or distances.

The sign of a principal component or a factor is arbitrary. Here it correlates positively with the flat mean of the
z-scores: higher is better. If several directions have the largest eigenvalue, the one that correlates most with that
mean is taken; if the mean correlates with none, the one that loads positively on the leaf whose type id sorts first.

These schemes need complete scores, so on a board with missing cells they run on filled ones. Only DSEP, a mean of
means, can leave cells out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import linalg

from ..arrays import FloatArray, IntArray
from ..data.board import Board
from ..errors import BoardError, ConvergenceError
from ..scales import z_norms, z_scores
from .base import Claims, Scheme
from .combining import columns_by_part
from .missing import Convention
from .registry import register
from .scaling import CENTRED, NONE, Z

# Relative gap below which two eigenvalues are equal, and correlation below which a sign is arbitrary.
_SAME = 1e-9
# Rules that leave no cell missing, except on leaves without any score.
FILLED: tuple[Convention, ...] = ("mean", "zero", "worst")
# Lower bound of a uniqueness, as in R's factanal: without it a leaf can become the factor itself.
MIN_UNIQUENESS = 0.005
_LOWEST = float(np.log(MIN_UNIQUENESS))
_START = float(np.log(0.5))
_MOST_STEPS = 2000


def first_component(centred: FloatArray, like: FloatArray, order: IntArray) -> FloatArray:
    """Return the weights (m,), of length one, of the first principal component of centred scores (n, m).

    `like`: scores (n,) with which it correlates positively. `order`: of the columns that decide if it cannot.
    """
    values, vectors = linalg.eigh(centred.T @ centred)
    basis = vectors[:, values >= values[-1] - _SAME * abs(values[-1])]
    direction = basis @ (basis.T @ (centred.T @ like))
    # A mean of z-scores that is zero except for rounding has no direction, so the limit is in units of z.
    if np.linalg.norm(direction) <= _SAME * np.linalg.norm(centred) * np.sqrt(len(like)):
        # basis @ basis[j] is the projection of leaf j on the eigenspace.
        decisive = next(j for j in order if np.linalg.norm(basis[j]) > _SAME)
        direction = basis @ basis[decisive]
    return np.asarray(direction / np.linalg.norm(direction))


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
        return np.asarray(precise / (1 + precise @ self.loadings))


def one_factor(correlations: FloatArray) -> OneFactor:
    """Fit a one-factor model to correlations (m, m) of at least three leaves by maximum likelihood.

    The likelihood is maximised over the logarithms of the uniquenesses; given these, the loadings follow from the first
    eigenvector of the rescaled correlations (Lawley, Maxwell 1971, Factor Analysis as a Statistical Method). The search
    starts at 0.5 and ends at a local optimum.
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
        options={"maxiter": _MOST_STEPS, "maxfun": 10 * _MOST_STEPS, "ftol": 0.0, "gtol": 1e-10, "maxcor": 20},
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
        solved = optimize.root(gradient, log_unique[free], method="krylov", options={"fatol": 1e-13, "maxiter": 10})
        root[free] = np.clip(solved.x, _LOWEST, 0.0)
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


def ledoit_wolf(centred: FloatArray) -> tuple[FloatArray, float]:
    """Shrink the covariance (divisor n) of centred scores (n, m) towards a multiple of the identity; and by how much.

    Ledoit, Wolf (2004), Journal of Multivariate Analysis 88, 365-411.
    """
    n, m = centred.shape
    sample = centred.T @ centred / n
    target = np.trace(sample) / m * np.eye(m)
    distance = ((sample - target) ** 2).sum()
    noise = (((centred**2).sum(axis=1) ** 2).sum() / n - (sample**2).sum()) / n
    shrinkage = float(np.clip(noise, 0.0, distance) / (distance if distance > 0 else 1.0))
    return (1 - shrinkage) * sample + shrinkage * target, shrinkage


def least_variance_weights(covariance: FloatArray) -> FloatArray:
    """Compute the weights >= 0 with the sum 1 whose weighted mean has the least variance.

    Negative weights are excluded, because with them a high score would lower a model's aggregate.
    """
    # Loading takes as long as most of an analysis, which needs no such weights.
    from scipy import optimize

    m = len(covariance)
    # The minimiser of w'Sw/2 - 1'w over w >= 0 has the same direction; with S = A'A it is non-negative least squares.
    # The ridge picks the most even weights where the covariance is singular.
    root = linalg.cholesky(covariance + _SAME * np.trace(covariance) / m * np.eye(m))
    try:
        weights, _ = optimize.nnls(root, linalg.solve_triangular(root, np.ones(m), trans="T"))
    except RuntimeError as cause:
        raise ConvergenceError(f"the weights of {m} benchmarks have not converged ({cause}); use ZMEAN") from cause
    return np.asarray(weights / weights.sum())


def _filled(name: str, scaled: FloatArray) -> FloatArray:
    missing = np.isnan(scaled)
    # No rule fills a leaf without any score, so it counts as a constant leaf.
    empty = missing.all(axis=0)
    if (missing & ~empty).any():
        raise BoardError(
            f"{name} needs complete scores, and {int((missing & ~empty).sum())} cells are missing; clean the board, or "
            f"fill them by one of the rules {', '.join(FILLED)}"
        )
    return np.where(empty, 0.0, scaled)


def _by_id(leaves: Sequence[str]) -> IntArray:
    return np.array(sorted(range(len(leaves)), key=leaves.__getitem__), dtype=np.int64)


def _turned(weights: FloatArray, z: FloatArray, order: IntArray) -> FloatArray:
    """Give weights the sign under which the scores correlate positively with the flat mean of z."""
    scores, like = z @ weights, z.mean(axis=1)
    along = float(scores @ like)
    if abs(along) <= _SAME * np.linalg.norm(scores) * np.sqrt(len(like)):
        along = next((weights[j] for j in order if abs(weights[j]) > _SAME), 1.0)
    return np.asarray(weights if along >= 0 else -weights)


def _pc1_weights(scaled: FloatArray, board: Board) -> FloatArray:
    z = _filled("PC1", scaled)
    return first_component(z, z.mean(axis=1), _by_id(board.leaves))


def _factor1_weights(scaled: FloatArray, board: Board) -> FloatArray:
    z = _filled("FACTOR1", scaled)
    varied = np.flatnonzero((z != 0).any(axis=0))
    if len(varied) < 3:
        raise BoardError(
            f"FACTOR1 needs three benchmarks on which models differ, and {len(varied)} of {len(board.leaves)} are "
            "such; a factor of fewer is not identified: use ZMEAN"
        )
    z = z[:, varied]
    correlations = z.T @ z / (len(z) - 1)
    np.fill_diagonal(correlations, 1.0)
    weights = np.zeros(len(board.leaves))
    order = _by_id([board.leaves[j] for j in varied])
    weights[varied] = _turned(one_factor(correlations).score_weights, z, order)
    return weights


def _gls_weights(scaled: FloatArray, board: Board) -> FloatArray:
    z = _filled("GLS", scaled)
    varied = (z != 0).any(axis=0)
    weights = np.zeros(len(board.leaves))
    if varied.any():
        weights[varied] = least_variance_weights(ledoit_wolf(z[:, varied])[0])
    return weights


def _parts_weights(name: str, scaled: FloatArray, board: Board) -> FloatArray:
    """Return the mean of both parts' first components; of z-scores, each is divided by its standard deviation."""
    centred, weights = _filled(name, scaled), np.zeros(len(board.leaves))
    for own in columns_by_part(board, name):
        part = centred[:, own]
        direction = first_component(part, z_scores(part).mean(axis=1), _by_id([board.leaves[j] for j in own]))
        spread = z_norms((part @ direction)[:, None]).spread[0] if name == "DSP_PCA_Std" else 1.0
        weights[own] = direction / (2 * spread)
    return weights


_STRUCTURE = "Brain-Score (2026), Structural properties of the Brain-Score Vision benchmark suite"
_HALVES = "arithmetic mean of the neural and the behavioural"


_latent = partial(Scheme, family="latent", conventions=FILLED, memory=lambda n, m: 64.0 * n * m + 64.0 * m**2)
for _scheme in (
    _latent(
        name="PC1",
        scale=Z,
        combination="first principal component of the correlation matrix: z-scores projected on its unit vector",
        source="Pearson (1901), Phil. Mag. 2, 559-572; Hotelling (1933), J. Educ. Psychol. 24, 417-441",
        claims=Claims(affine=True),
        weights=_pc1_weights,
    ),
    _latent(
        name="FACTOR1",
        scale=Z,
        combination=(
            "factor of a one-factor model by maximum likelihood, uniquenesses at least 0.005, estimated by regression: "
            "l'U⁻¹z / (1 + l'U⁻¹l) with loadings l and uniquenesses U"
        ),
        source="Jöreskog (1967), Psychometrika 32, 443-482; Thomson (1951), The Factorial Analysis of Human Ability",
        # A factor that is tied with another is decided by rounding, which rescaling changes.
        claims=Claims(),
        weights=_factor1_weights,
        effort="fit",
    ),
    Scheme(
        name="DSEP",
        family="latent",
        scale=NONE,
        combination=f"{_HALVES} flat mean; benchmarks under neither are left out",
        source=_STRUCTURE,
        conventions=("skip", "zero", "attempted", "worst", "mean"),
        claims=Claims(iia=True, monotonicity=True, pareto=True),
        weights="parts",
    ),
    _latent(
        name="DSP_PCA",
        scale=CENTRED,
        combination=(
            f"{_HALVES} first principal component of the covariance matrix, both in the units of the scores (unit "
            "vectors), so that the part with the larger spread and more benchmarks weighs more"
        ),
        source=_STRUCTURE,
        weights=partial(_parts_weights, "DSP_PCA"),
    ),
    _latent(
        name="DSP_PCA_Std",
        scale=Z,
        combination=(
            f"{_HALVES} first principal component of the correlation matrix, each divided by its sd (n - 1), so that "
            "both parts weigh the same whatever their number of benchmarks"
        ),
        source=_STRUCTURE,
        claims=Claims(affine=True),
        weights=partial(_parts_weights, "DSP_PCA_Std"),
    ),
    _latent(
        name="GLS",
        scale=Z,
        combination=(
            "mean of the z-scores with the weights >= 0 of least variance under their covariance S, shrunk by Ledoit "
            "and Wolf: S⁻¹1 / (1'S⁻¹1) where no weight is held at 0; rewards benchmarks that agree with no other"
        ),
        source=(
            "Anderson (2008), J. Am. Stat. Assoc. 103, 1481-1495; Ledoit, Wolf (2004), J. Multivar. Anal. 88, 365-411"
        ),
        claims=Claims(affine=True, pareto=True),
        weights=_gls_weights,
    ),
):
    register(_scheme)
