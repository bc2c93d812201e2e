"""Expected results of the analysis of a simulated board, derived from its truth and not from its scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brainalign_plugin.errors import InputError

from .life import Life
from .truth import Floats


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
    `Truth.spearman`. Models of a `NewModels` event with a shifted ability are not part of the population. Raises
    InputError if a leaf is unknown, is under engineering, or a part has none.

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
        for paper in life.parameters.all_papers()
        for path in paper.leaves
        if paper.part != "engineering"
    }
    kept = tuple(paths) if leaves is None else tuple(leaves)
    unknown = [leaf for leaf in kept if leaf not in paths]
    if unknown:
        raise InputError(f"{', '.join(unknown)} is not a leaf under the average of this life")
    weights = {
        part: _tree_weights(life, {leaf: paths[leaf] for leaf in kept}, part)
        for part in ("neural", "behavior")
    }
    neural, behavior = weights["neural"], weights["behavior"]
    average = (neural + behavior) / 2.0
    truth = life.truth
    rows = [truth.leaves.index(leaf) for leaf in kept]
    rho = truth.spearman[np.ix_(rows, rows)]
    upper = np.triu(np.ones_like(rho, dtype=np.bool_), 1)
    is_neural = np.array([paths[leaf][0] == "neural" for leaf in kept])
    within = np.outer(is_neural, is_neural), np.outer(~is_neural, ~is_neural)
    blocks = (*within, ~(within[0] | within[1]))
    rho_neural, rho_behavior, rho_across = (_mean(rho[upper & block]) for block in blocks)
    cov = truth.observed_covariance
    sd_neural, sd_behavior = (float(np.sqrt(w @ cov @ w)) for w in (neural, behavior))
    return ExpectedFigures(
        rho_mean=_mean(rho[upper]),
        rho_neural=rho_neural,
        rho_behavior=rho_behavior,
        rho_across=rho_across,
        r2_neural=truth.explained_variance(neural, average),
        r2_behavior=truth.explained_variance(behavior, average),
        sd_neural=sd_neural,
        sd_behavior=sd_behavior,
        correlation=float(neural @ cov @ behavior / (sd_neural * sd_behavior)),
        dimensions=truth.dimensions(kept),
    )


def _mean(values: Floats) -> float:
    """Return the mean; NaN if a part has a single leaf and therefore no pair."""
    return float(values.mean()) if values.size else float("nan")


def _tree_weights(life: Life, paths: dict[str, tuple[str, ...]], part: str) -> Floats:
    """Return the weights of the leaves in their part's mean: the product of 1 / children on the way down."""
    children: dict[tuple[str, ...], set[str]] = {}
    inside = {leaf: path for leaf, path in paths.items() if path[0] == part}
    if not inside:
        raise InputError(f"none of the leaves is {part}: both parts are needed")
    for leaf, path in inside.items():
        for depth, level in enumerate((*path[1:], leaf)):
            children.setdefault(path[: depth + 1], set()).add(level)
    weights = np.zeros(len(life.truth.leaves))
    for leaf, path in inside.items():
        sizes = [len(children[path[: depth + 1]]) for depth in range(len(path))]
        weights[life.truth.leaves.index(leaf)] = 1.0 / float(np.prod(sizes))
    return weights
