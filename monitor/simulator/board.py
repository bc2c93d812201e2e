"""A complete matrix of simulated scores at once, for measuring speed on boards of any size."""

from __future__ import annotations

import numpy as np

from brainalign_plugin.errors import InputError

from .truth import DECIMALS, Floats, logistic, stream

_DIMENSIONS = 5


def random_board(seed: int, models: int, benchmarks: int, missing: float = 0.0) -> Floats:
    """Draw correlated scores of many models on many benchmarks.

    Five latent factors with loadings of mixed sign, the first one positive throughout, and as much unique variance;
    each benchmark has its own mean and spread. Scores are in (0, 1), models × benchmarks, NaN where missing.
    Raises InputError if the board is empty or would lose a whole row or column.

    Parameters
    ----------
    seed
        Seed.
    models, benchmarks
        Size of the board.
    missing
        Share of the cells that are missing completely at random, to the nearest cell; every model and every
        benchmark keeps at least one score.
    """
    if models < 1 or benchmarks < 1:
        raise InputError(
            f"a board of {models} models × {benchmarks} benchmarks is empty: ask for at least one of each"
        )
    size = models * benchmarks
    blanks = round(missing * size)
    if not 0 <= blanks <= size - max(models, benchmarks):
        raise InputError(
            f"missing={missing!r} of {models} × {benchmarks} cells would leave a model or a benchmark without"
            " a score: lower it"
        )
    generator = stream(seed, "random board")
    loadings = generator.normal(0.0, 0.3, (benchmarks, _DIMENSIONS))
    loadings[:, 0] = np.abs(loadings[:, 0]) + 0.2
    loadings /= np.maximum(1.0, np.linalg.norm(loadings, axis=1, keepdims=True) / 0.95)
    unique = np.sqrt(1.0 - (loadings**2).sum(axis=1))
    x = generator.standard_normal((models, _DIMENSIONS)) @ loadings.T
    x += generator.standard_normal((models, benchmarks)) * unique
    scores = logistic(generator.normal(0.0, 0.8, benchmarks) + generator.uniform(0.1, 1.0, benchmarks) * x)
    scores = np.round(scores, DECIMALS)
    if blanks:
        # One kept cell per row and column: the diagonal, wrapped around, of a shuffled board.
        longest = np.arange(max(models, benchmarks))
        kept = generator.permutation(models)[longest % models] * benchmarks
        kept = kept + generator.permutation(benchmarks)[longest % benchmarks]
        free = np.setdiff1d(np.arange(size), kept)
        scores.flat[generator.choice(free, blanks, replace=False)] = np.nan
    return scores
