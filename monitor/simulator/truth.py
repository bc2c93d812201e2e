"""The latent factors behind a simulated board, and what they imply for it exactly."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from brainalign_plugin.errors import ConvergenceError

from .papers import PARTS, Paper

Floats = NDArray[np.float64]

DECIMALS = 9
"""Of scores and errors: exponentials differ in their last bit between versions of numpy; it must not show."""

_LARGEST_COMMUNALITY = 0.95
_NODES = 481


@dataclass(frozen=True, eq=False)
class Truth:
    """Latent factors of a simulated board, from which the expected results of its analysis follow.

    A leaf's noise-free score is ``scale * logistic(intercept + slope * x)`` of a standard normal ``x``, which
    is the sum of loadings times factors and a unique rest. The factors are those of the parts, correlated by
    the models' general ability, followed by those of the papers, which are independent.
    """

    leaves: tuple[str, ...]  # Identifiers of the leaves, L of them
    loadings: Floats  # Loadings, L × K
    factor_correlation: Floats  # Correlations of the factors, K × K
    # Root mean square of the measurement errors, length L, in score units. A cell's error is proportional to
    # the steepness of the link at its score: it shrinks towards the ends of the scale, as that of a share does.
    error_sd: Floats
    # The link, length L.
    intercept: Floats
    slope: Floats
    scale: Floats
    steepness: Floats  # Root mean square of `scale * y * (1 - y)`, y the link's value, length L


def stream(seed: int, *keys: object) -> np.random.Generator:
    """Return a random generator per seed and name, so that a new name leaves other draws unchanged."""
    digest = sha256("\x1f".join(str(key) for key in (seed, *keys)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def draw_truth(seed: int, papers: tuple[Paper, ...], part_correlation: float) -> Truth:
    """Draw loadings and moments of every leaf and derive what they imply; ConvergenceError if no link gives them."""
    names = (*PARTS, *(f"{paper.name}.{k + 1}" for paper in papers for k in range(paper.factors)))
    leaves = tuple(path.rsplit("/", 1)[-1] for paper in papers for path in paper.leaves)
    loadings = np.zeros((len(leaves), len(names)))
    moments = np.zeros((3, len(leaves)))
    row, column = 0, len(PARTS)
    for paper in papers:
        generator = stream(seed, "leaves", paper.name)
        size = len(paper.leaves)
        rows = slice(row, row + size)
        loadings[rows, PARTS.index(paper.part)] = generator.normal(*paper.part_loading, size)
        loadings[rows, column : column + paper.factors] = generator.normal(*paper.paper_loading, (size, paper.factors))
        mean, sd, error_sd = (generator.uniform(*bounds, size) for bounds in paper.moments)
        # Scores near an end of their scale have little room: the most central mean gets the widest spread.
        sd[np.argsort(mean * (paper.scale - mean))] = np.sort(sd)
        moments[:, rows] = mean, sd, error_sd
        row, column = row + size, column + paper.factors
    correlated = np.eye(len(names))
    correlated[: len(PARTS), : len(PARTS)] += part_correlation * (1.0 - np.eye(len(PARTS)))
    communality = np.einsum("ij,jk,ik->i", loadings, correlated, loadings)
    loadings *= np.sqrt(np.minimum(1.0, _LARGEST_COMMUNALITY / np.maximum(communality, 1e-12)))[:, None]
    mean, sd, error_sd = moments
    scale = np.repeat([paper.scale for paper in papers], [len(paper.leaves) for paper in papers])
    intercept, slope = fit_link(mean / scale, sd / scale)
    x, weight = quadrature()
    y = logistic(intercept[:, None] + slope[:, None] * x)
    steepness = scale * np.sqrt((y * (1.0 - y)) ** 2 @ weight)
    return Truth(leaves, loadings, correlated, error_sd, intercept, slope, scale, steepness)


def logistic(x: Floats) -> Floats:
    """Return the link function: a smooth, monotone map of the real line to (0, 1)."""
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def fit_link(mean: Floats, sd: Floats) -> tuple[Floats, Floats]:
    """Return intercept and slope with which ``logistic(intercept + slope * x)``, x standard normal, has the moments."""
    x, weight = quadrature()
    a = np.log(mean / (1.0 - mean))
    b = sd / (mean * (1.0 - mean))
    miss = np.inf
    for _ in range(60):
        y = logistic(a[..., None] + b[..., None] * x)
        steep = y * (1.0 - y) * weight
        off_mean = y @ weight - mean
        off_square = (y * y) @ weight - (mean**2 + sd**2)
        miss = float(np.max(np.abs(np.stack([off_mean, off_square]))))
        if miss < 1e-13:
            break
        mean_a, mean_b = steep.sum(-1), steep @ x
        square_a, square_b = 2.0 * (steep * y).sum(-1), 2.0 * (steep * y) @ x
        determinant = mean_a * square_b - mean_b * square_a
        a = a - (square_b * off_mean - mean_b * off_square) / determinant
        b = b - (mean_a * off_square - square_a * off_mean) / determinant
    if not miss < 1e-9:
        raise ConvergenceError(f"no logistic link reaches means {mean} with standard deviations {sd}: lower the latter")
    return a, b


def quadrature() -> tuple[Floats, Floats]:
    """Return the nodes and weights of the mean over a standard normal variable."""
    # Equal steps are as good as Gauss's for an integrand that is smooth and vanishes at both ends.
    x = np.linspace(-12.0, 12.0, _NODES)
    weight = np.exp(-(x**2) / 2.0)
    return x, weight / weight.sum()
