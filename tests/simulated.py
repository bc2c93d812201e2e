"""Expected results of the analysis of a simulated board, derived from its truth and not from its scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from brainalign_monitor.simulator.life import Life, SimulationParameters
from brainalign_monitor.simulator.truth import Floats, Truth, logistic, quadrature

_ORDER = 40


@dataclass(frozen=True)
class ExpectedFigures:
    """Values in the population of models, of which a board is a sample."""

    # Mean Spearman correlation of all pairs of leaves, of pairs within a part, and of pairs across parts.
    rho_mean: float
    rho_neural: float
    rho_behavior: float
    rho_across: float
    # Share of the variance of the average that a part explains.
    r2_neural: float
    r2_behavior: float
    # Standard deviation over models of a part's mean.
    sd_neural: float
    sd_behavior: float
    correlation: float  # Pearson correlation of the two parts
    dimensions: int  # Number of latent factors that at least two of the leaves share


def expected_figures(life: Life, leaves: Sequence[str] | None = None) -> ExpectedFigures:
    """Derive the figures of the pruned tree that holds the given leaves.

    Means over the tree and R² are exact up to the cap of the scores at 0 and 1; the correlations are those of
    `expected_spearman`. Models of a `NewModels` event with a shifted ability are not part of the population.

    Parameters
    ----------
    life
        A simulated life.
    leaves
        The leaves that the cleaning kept, both neural and behavioural ones; all leaves under the average by
        default.
    """
    paths = {
        path.rsplit("/", 1)[-1]: (paper.part, *path.split("/")[:-1])
        for paper in life.parameters.papers
        for path in paper.leaves
        if paper.part != "engineering"
    }
    kept = tuple(paths) if leaves is None else tuple(leaves)
    weights = {part: _tree_weights(life, {leaf: paths[leaf] for leaf in kept}, part) for part in ("neural", "behavior")}
    neural, behavior = weights["neural"], weights["behavior"]
    average = (neural + behavior) / 2.0
    truth = life.truth
    rows = [truth.leaves.index(leaf) for leaf in kept]
    rho = expected_spearman(truth)[np.ix_(rows, rows)]
    upper = np.triu(np.ones_like(rho, dtype=np.bool_), 1)
    is_neural = np.array([paths[leaf][0] == "neural" for leaf in kept])
    within = np.outer(is_neural, is_neural), np.outer(~is_neural, ~is_neural)
    blocks = (*within, ~(within[0] | within[1]))
    rho_neural, rho_behavior, rho_across = (_mean(rho[upper & block]) for block in blocks)
    cov = covariance(truth) + np.diag(truth.error_sd**2)

    def explained(part: Floats) -> float:
        return float((part @ cov @ average) ** 2 / ((part @ cov @ part) * (average @ cov @ average)))

    sd_neural, sd_behavior = (float(np.sqrt(w @ cov @ w)) for w in (neural, behavior))
    return ExpectedFigures(
        rho_mean=_mean(rho[upper]),
        rho_neural=rho_neural,
        rho_behavior=rho_behavior,
        rho_across=rho_across,
        r2_neural=explained(neural),
        r2_behavior=explained(behavior),
        sd_neural=sd_neural,
        sd_behavior=sd_behavior,
        correlation=float(neural @ cov @ behavior / (sd_neural * sd_behavior)),
        dimensions=int(((truth.loadings[rows] != 0.0).sum(axis=0) >= 2).sum()),
    )


def _mean(values: Floats) -> float:
    """Return the mean; NaN if a part has a single leaf and therefore no pair."""
    return float(values.mean()) if values.size else float("nan")


def _tree_weights(life: Life, paths: dict[str, tuple[str, ...]], part: str) -> Floats:
    """Return the weights of the leaves in their part's mean: the product of 1 / children on the way down."""
    children: dict[tuple[str, ...], set[str]] = {}
    inside = {leaf: path for leaf, path in paths.items() if path[0] == part}
    for leaf, path in inside.items():
        for depth, level in enumerate((*path[1:], leaf)):
            children.setdefault(path[: depth + 1], set()).add(level)
    weights = np.zeros(len(life.truth.leaves))
    for leaf, path in inside.items():
        sizes = [len(children[path[: depth + 1]]) for depth in range(len(path))]
        weights[life.truth.leaves.index(leaf)] = 1.0 / float(np.prod(sizes))
    return weights


def correlation(truth: Truth) -> Floats:
    """Return the correlations of the leaves' `x`, L × L: the link is monotone, rho is 6 / pi * arcsin(half of it)."""
    found = np.asarray(truth.loadings @ truth.factor_correlation @ truth.loadings.T)
    np.fill_diagonal(found, 1.0)
    return found


def moments(truth: Truth) -> tuple[Floats, Floats]:
    """Return the mean and the standard deviation over models of the noise-free scores, length L, in score units."""
    x, weight = quadrature()
    y = logistic(truth.intercept[:, None] + truth.slope[:, None] * x) * truth.scale[:, None]
    mean = y @ weight
    return mean, np.sqrt(y**2 @ weight - mean**2)


def expected_spearman(truth: Truth) -> Floats:
    """Return the expected Spearman correlations of the observed scores, L × L.

    Exact for noise-free scores; measurement error, taken back through the link, attenuates the correlation.
    """
    error_of_x = truth.error_sd / (truth.slope * truth.steepness)
    root = 1.0 / np.sqrt(1.0 + error_of_x**2)
    rho = np.asarray(6.0 / np.pi * np.arcsin(correlation(truth) * np.outer(root, root) / 2.0))
    np.fill_diagonal(rho, 1.0)
    return rho


def covariance(truth: Truth) -> Floats:
    """Return the covariances of the noise-free scores, L × L, by Mehler's expansion."""
    x, weight = quadrature()
    polynomials = [np.ones_like(x), x]
    for k in range(1, _ORDER):
        polynomials.append((x * polynomials[k] - np.sqrt(k) * polynomials[k - 1]) / np.sqrt(k + 1))
    y = logistic(truth.intercept[:, None] + truth.slope[:, None] * x)
    coefficients = (y * weight) @ np.stack(polynomials[1:]).T
    found = np.zeros_like(correlation(truth))
    power = np.ones_like(correlation(truth))
    for column in coefficients.T:
        power = power * correlation(truth)
        found += power * np.outer(column, column)
    return found * np.outer(truth.scale, truth.scale)


def quiet(parameters: SimulationParameters) -> SimulationParameters:
    """Return the same board with every paper and model from the opening on, and every run within hours.

    After its first two weeks nothing happens on it but its events, so that a change between two later dates
    has no other cause. Sparse leaves stay sparse.
    """
    opening = parameters.start
    return replace(
        parameters,
        papers=tuple(replace(paper, arrives=opening) for paper in parameters.papers),
        opening_share=1.0,
        delay_days=0.1,
        delay_spread=0.5,
    )
