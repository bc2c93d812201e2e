"""Number of dimensions that the benchmarks measure: eigenvalues of their correlations, counted in three ways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from ..arrays import FloatArray
from ..data.board import Board
from ..errors import InputError
from ..scales import z_scores

PERMUTATIONS = 1000
PERCENTILE = 95.0
SEED = 0
# Share of a leaf's variance below which its rest after partialling is rounding error.
_NOTHING = 1e-10


@dataclass(frozen=True, eq=False)
class Dimensions:
    """Dimensions of a complete board of ``n`` models, ``m`` of whose leaves vary; None where there is no answer."""

    leaves: tuple[str, ...]  # Length m; leaves that are not constant
    eigenvalues: FloatArray  # Shape (m,); of their Pearson correlations, the largest first; their sum is m
    participation_ratio: float | None  # (sum of eigenvalues)² / sum of their squares: 1 to m
    participation_unrelated: float | None  # Its mean over permuted boards: unrelated leaves do not reach m
    pc1_share: float | None  # The first eigenvalue over the sum
    thresholds: FloatArray  # Shape (m,); threshold of each eigenvalue in parallel analysis
    parallel_analysis: int | None  # Components that parallel analysis keeps
    map: int | None  # Components by Velicer's criterion: minimum average partial


def dimensions(board: Board, permutations: int = PERMUTATIONS, seed: int = SEED) -> Dimensions:
    """Count the dimensions of a complete board; without an answer if fewer than two models or no leaf varies.

    The counts need two leaves. `permutations`: of parallel analysis. Raises InputError if they are below 1.
    """
    z = z_scores(board.scores) if len(board.models) > 1 else np.zeros(board.scores.shape)
    varied = np.flatnonzero((z != 0).any(axis=0))
    leaves = tuple(board.leaves[j] for j in varied)
    if not leaves:
        return Dimensions(leaves, np.zeros(0), None, None, None, np.zeros(0), None, None)
    z = z[:, varied]
    correlations = _correlations(z)
    eigenvalues = np.maximum(linalg.eigvalsh(correlations)[::-1], 0.0)
    shuffled = shuffled_eigenvalues(z, permutations, seed)
    thresholds: FloatArray = np.percentile(shuffled, PERCENTILE, axis=0)
    several = len(leaves) > 1
    return Dimensions(
        leaves=leaves,
        eigenvalues=eigenvalues,
        participation_ratio=participation_ratio(eigenvalues),
        participation_unrelated=float(np.mean([participation_ratio(row) for row in shuffled])),
        pc1_share=float(eigenvalues[0] / eigenvalues.sum()),
        thresholds=thresholds,
        parallel_analysis=kept_components(eigenvalues, thresholds) if several else None,
        map=int(np.argmin(average_partials(correlations))) if several else None,
    )


def participation_ratio(eigenvalues: FloatArray) -> float:
    """Return (sum of eigenvalues)² / sum of their squares; 1 for a single one, their number if all are equal."""
    return float(eigenvalues.sum() ** 2 / (eigenvalues**2).sum())


def shuffled_eigenvalues(z: FloatArray, permutations: int, seed: int) -> FloatArray:
    """Compute the eigenvalues (permutations, m), largest first, of boards with independently permuted leaves.

    `z`: z-scores (n, m) of leaves that vary. Raises InputError if ``permutations`` is below 1.

    Horn (1965), Psychometrika 30, 179-185; by permutation: Buja, Eyuboglu (1992), Multivariate Behav. Res. 27, 509-540.
    """
    if permutations < 1:
        raise InputError(f"parallel analysis was asked for {permutations} permutations; it needs at least 1")
    rng = np.random.default_rng(seed)
    shuffled = (rng.permuted(z.T, axis=1).T for _ in range(permutations))
    return np.array([np.linalg.eigvalsh(_correlations(one))[::-1] for one in shuffled])


def kept_components(eigenvalues: FloatArray, thresholds: FloatArray) -> int:
    """Count the eigenvalues that exceed their threshold before the first that does not."""
    fails = np.flatnonzero(eigenvalues <= thresholds)
    return int(fails[0]) if fails.size else len(eigenvalues)


def average_partials(correlations: FloatArray) -> FloatArray:
    """Compute the mean squared partial correlation of ``m`` leaves after 0, 1, ... m - 2 principal components.

    Fewer where the components leave nothing of some leaf. Velicer (1976), Psychometrika 41, 321-327.
    """
    m = len(correlations)
    values, vectors = linalg.eigh(correlations)
    loadings = vectors[:, ::-1] * np.sqrt(np.maximum(values[::-1], 0.0))
    found = []
    rest = np.array(correlations)
    for components in range(m - 1):
        if components:
            rest -= np.outer(loadings[:, components - 1], loadings[:, components - 1])
        own = np.diag(rest)
        if (own <= _NOTHING).any():
            break
        squares = rest**2 / np.outer(own, own)
        found.append((squares.sum() - np.trace(squares)) / (m * (m - 1)))
    return np.array(found)


def _correlations(z: FloatArray) -> FloatArray:
    """Return the Pearson correlations of z-scores, shape (n, m) to (m, m)."""
    return z.T @ z / (len(z) - 1)
