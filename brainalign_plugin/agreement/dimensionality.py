"""Dimensions that the benchmarks measure, and how far they depend on the models and the treatment of missing scores."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg

from ..arrays import BoolArray, FloatArray, IntArray
from ..data.board import Board
from ..errors import InputError
from ..scales import extremes, z_scores

PERMUTATIONS = 1000
PERCENTILE = 95.0
SEED = 0
# Share of a leaf's variance below which its rest after partialling is rounding error.
_NOTHING = 1e-10
# Sizes of the penalty that soft-impute tries, as shares of the largest singular value; and cells that it predicts.
_PENALTIES = tuple(np.geomspace(0.7, 0.02, 10).tolist())
_HELD_OUT = 0.1
_STEPS, _CLOSE = 200, 2e-4
# Shuffled boards under a treatment of missing scores, and those that are filled anew, which takes longest.
TREATED, _FILLED_ANEW = 100, 30
_VARIES = 1e-12


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


@dataclass(frozen=True, eq=False)
class Treatment:
    """Dimensions of a board under one treatment of missing scores; None where there is no answer."""

    models: int
    leaves: tuple[str, ...]  # Length k; benchmarks that vary, and with ``pairwise`` have models in common
    filled: float  # Share of the cells that have no score and are filled
    pc1_share: float | None
    parallel_analysis: int | None
    loadings: FloatArray  # Shape (k,); of the first component, their sum not below zero
    scores: FloatArray  # Shape (n,); of the models on the first component, NaN for one that is not on the board
    # Tucker's congruence of the loadings with those of the complete cases, over the benchmarks of both.
    congruence: float | None
    correlation: float | None  # Of the models' scores with those of the complete cases, over the models of both
    reason: str | None  # Why there is no answer


@dataclass(frozen=True, eq=False)
class Resampled:
    """Dimensions in ``r`` resamples of the models of a complete board with ``m`` leaves that vary."""

    eigenvalues: FloatArray  # Shape (r, m)
    components: IntArray  # Shape (r,); by parallel analysis with the same resamples of shuffled boards
    loadings: FloatArray  # Shape (r, m, k); turned to those of all models by an orthogonal matrix (Procrustes)


def treatments(
    scores: FloatArray, leaves: tuple[str, ...], min_overlap: int = 20, permutations: int = TREATED, seed: int = SEED
) -> dict[str, Treatment]:
    """Find the dimensions of a board (n, m) under four treatments of its missing scores.

    ``complete``: models with all scores; ``pairwise``: each correlation over the models with both; ``soft_impute``:
    missing z-scores predicted by a matrix of low rank; ``zero``: a missing score is 0, as in the official average. For
    parallel analysis the scores of each benchmark are permuted among the models that have it, and treated alike.

    `min_overlap`: fewest models in common for a correlation; benchmarks with the most unknown ones are left out first.
    Raises InputError without a permutation.

    Mazumder, Hastie, Tibshirani (2010), *JMLR* 11, 2287-2322 (soft-impute); Lorenzo-Seva, ten Berge (2006),
    *Methodology* 2, 57-64 (congruence).
    """
    if permutations < 1:
        raise InputError(f"{permutations} permutations were asked for; give at least 1")
    known = ~np.isnan(scores)
    found: dict[str, Treatment] = {}
    for name in ("complete", "pairwise", "soft_impute", "zero"):
        rows = known.all(axis=1) if name == "complete" else known.any(axis=1)
        one = _treated(name, scores, rows, leaves, min_overlap, permutations, seed)
        comparable = found and found["complete"].reason is None and one.reason is None
        found[name] = _compared(one, found["complete"]) if comparable else one
    return found


def _treated(
    name: str,
    scores: FloatArray,
    rows: BoolArray,
    leaves: tuple[str, ...],
    min_overlap: int,
    permutations: int,
    seed: int,
) -> Treatment:
    scores, of_models = scores[rows], np.full(len(rows), np.nan)
    low, high = extremes(np.nan_to_num(scores) if name == "zero" else scores)
    columns = np.flatnonzero(high - low > _VARIES)
    if name == "pairwise":
        columns = columns[_overlapping(~np.isnan(scores[:, columns]), min_overlap)]
    scores, names = scores[:, columns], tuple(leaves[j] for j in columns)
    if len(scores) < 3 or len(columns) < 2:
        reason = "fewer than 3 models or 2 benchmarks that vary are left"
        return Treatment(len(scores), names, 0.0, None, None, np.zeros(0), of_models, None, None, reason)
    penalty = chosen_penalty(z_scores(scores), seed) if name == "soft_impute" else 0.0

    def completed(board: FloatArray) -> FloatArray:
        if name == "soft_impute":
            return soft_impute(z_scores(board), penalty)
        return board if name == "pairwise" else np.nan_to_num(board)

    filled = completed(scores)
    values, vectors = np.linalg.eigh(pairwise_pearson(filled))
    eigenvalues, vector = values[::-1], vectors[:, -1] * (-1.0 if vectors[:, -1].sum() < 0 else 1.0)
    rng = np.random.default_rng(seed)
    times = min(permutations, _FILLED_ANEW) if name == "soft_impute" else permutations
    shuffled = (pairwise_pearson(completed(_shuffled(scores, rng))) for _ in range(times))
    null = [np.linalg.eigvalsh(correlations)[::-1] for correlations in shuffled]
    of_models[rows] = (filled if name == "soft_impute" else np.nan_to_num(z_scores(filled))) @ vector
    return Treatment(
        models=len(scores),
        leaves=names,
        filled=0.0 if name == "pairwise" else float(np.isnan(scores).mean()),
        pc1_share=float(eigenvalues[0] / len(columns)),
        parallel_analysis=kept_components(eigenvalues, np.percentile(null, PERCENTILE, axis=0)),
        loadings=vector * np.sqrt(max(eigenvalues[0], 0.0)),
        scores=of_models,
        congruence=None,
        correlation=None,
        reason=None,
    )


def _compared(treated: Treatment, complete: Treatment) -> Treatment:
    """Add how far the first component is that of the complete cases, whatever its sign."""
    both = [leaf for leaf in treated.leaves if leaf in complete.leaves]
    one, other = (
        np.array([found.loadings[found.leaves.index(leaf)] for leaf in both]) for found in (treated, complete)
    )
    common = ~np.isnan(complete.scores) & ~np.isnan(treated.scores)
    x, y = treated.scores[common], complete.scores[common]
    varies = len(x) > 1 and min(np.ptp(x), np.ptp(y)) > _VARIES
    return replace(
        treated, congruence=congruence(one, other), correlation=abs(float(np.corrcoef(x, y)[0, 1])) if varies else None
    )


def congruence(one: FloatArray, other: FloatArray) -> float | None:
    """Return Tucker's congruence of two columns of loadings, whatever their signs; None where one is zero."""
    size = float(np.sqrt((one @ one) * (other @ other)))
    return min(abs(float(one @ other)) / size, 1.0) if size > 0 else None


def pairwise_pearson(scores: FloatArray) -> FloatArray:
    """Return Pearson's correlation of all pairs of columns (m, m), each over the rows with both; 0 without any."""
    known = ~np.isnan(scores)
    w = known.astype(np.float64)
    mean = np.where(known, scores, 0.0).sum(axis=0) / np.maximum(w.sum(axis=0), 1.0)
    x = np.where(known, scores - mean, 0.0)
    n = w.T @ w
    n[n == 0] = 1.0
    sums, squares = x.T @ w, (x**2).T @ w
    variance = squares - sums**2 / n
    both = variance * variance.T
    possible = (variance > _VARIES) & (variance.T > _VARIES)
    found = np.where(possible, (x.T @ x - sums * sums.T / n) / np.sqrt(np.where(possible, both, 1.0)), 0.0)
    np.fill_diagonal(found, 1.0)
    return np.clip(found, -1.0, 1.0)


def soft_impute(z: FloatArray, penalty: float, start: FloatArray | None = None) -> FloatArray:
    """Fill the missing cells of a matrix by one of low rank.

    Minimises half the squared error on the known cells plus the penalty times the sum of the singular values, by
    replacing the missing cells with the shrunken decomposition until they are still. `z`: shape (n, m); NaN where
    missing. `start`: a first guess.

    Mazumder, Hastie, Tibshirani (2010), *JMLR* 11, 2287-2322, algorithm 1.
    """
    missing = np.isnan(z)
    filled = np.where(missing, 0.0 if start is None else start, z)
    if not missing.any():
        return filled
    for _ in range(_STEPS):
        # The right singular vectors are the eigenvectors of a matrix of benchmarks alone.
        values, vectors = np.linalg.eigh(filled.T @ filled)
        sizes = np.sqrt(np.maximum(values, 0.0))
        kept = sizes > penalty
        vectors = vectors[:, kept]
        low = (filled @ vectors) * (1 - penalty / sizes[kept]) @ vectors.T
        moved = low[missing] - filled[missing]
        filled[missing] = low[missing]
        if moved @ moved <= _CLOSE**2 * max(float((filled**2).sum()), _VARIES):
            break
    return filled


def chosen_penalty(z: FloatArray, seed: int = SEED) -> float:
    """Choose the penalty of soft-impute that best predicts a tenth of the known cells, which it does not see."""
    known = np.flatnonzero(~np.isnan(z))
    held = np.random.default_rng(seed).choice(known, max(1, int(_HELD_OUT * len(known))), replace=False)
    seen = z.copy()
    seen.flat[held] = np.nan
    largest = float(np.linalg.norm(np.nan_to_num(z), 2))
    best, least, start = largest, float(np.mean(z.flat[held] ** 2)), None
    for share in _PENALTIES:
        start = soft_impute(seen, share * largest, start)
        error = float(np.mean((start.flat[held] - z.flat[held]) ** 2))
        if error < least:
            best, least = share * largest, error
    return best


def resampled_dimensions(
    z: FloatArray, counts: IntArray, loadings: FloatArray, labels: IntArray, seed: int = SEED
) -> Resampled:
    """Find the dimensions when models count more than once, or not at all.

    A threshold of parallel analysis is the 95th percentile over boards shuffled within benchmarks, each with the counts
    of one resample, so that a model which counts twice adds nothing to the dimensions. The means of families are
    shuffled among families and the rest among models, so that members of one family add nothing either.

    `z`: shape (n, m), complete. `counts`: shape (r, n). `loadings`: shape (m, k), of all models, to which those of each
    resample are turned; with k = 0 none are computed, in half the time. `labels`: shape (n,), families from 0.

    Timmerman, Kiers, Smilde (2007), *British Journal of Mathematical and Statistical Psychology* 60, 295-314.
    """
    rng = np.random.default_rng(seed)
    m, k = loadings.shape
    found, turned = np.zeros((len(counts), m)), np.zeros((len(counts), m, k))
    null = np.zeros((len(counts), m))
    sizes = np.bincount(labels)
    means = np.array([np.bincount(labels, column) for column in z.T]).T / sizes[:, None]
    several = sizes[labels] > 1  # a model that is alone is the mean of its family
    rest = (z - means[labels])[several]
    for i, times in enumerate(counts):
        shuffled = rng.permuted(means, axis=0)[labels]
        shuffled[several] += rng.permuted(rest, axis=0)
        null[i] = np.linalg.eigvalsh(_counted(shuffled, times))[::-1]
        if not k:
            found[i] = np.linalg.eigvalsh(_counted(z, times))[::-1]
            continue
        values, vectors = np.linalg.eigh(_counted(z, times))
        found[i] = values[::-1]
        own = vectors[:, ::-1][:, :k] * np.sqrt(np.maximum(values[::-1][:k], 0.0))
        left, _, right = np.linalg.svd(own.T @ loadings)
        turned[i] = own @ left @ right
    thresholds = np.percentile(null, PERCENTILE, axis=0) if len(null) else np.zeros(m)
    components = np.array([kept_components(row, thresholds) for row in found], dtype=np.int64)
    return Resampled(found, components, turned)


def half_counts(labels: IntArray, halves: int, seed: int = SEED) -> IntArray:
    """Split families of models in halves at random; shape (2 · halves, n), each half followed by the other."""
    rng = np.random.default_rng(seed)
    sizes = np.bincount(labels)
    found = np.zeros((2 * halves, len(labels)), dtype=np.int64)
    for i in range(halves):
        order = rng.permutation(len(sizes))
        before = np.cumsum(sizes[order]) - sizes[order]
        first = np.zeros(len(sizes), dtype=np.int64)
        first[order[before + sizes[order] / 2 <= sizes.sum() / 2]] = 1
        found[2 * i], found[2 * i + 1] = first[labels], 1 - first[labels]
    return found


def _counted(z: FloatArray, times: IntArray) -> FloatArray:
    """Return the correlations of columns whose rows count so many times; 0 for one that does not vary then."""
    rows = np.flatnonzero(times)
    x, w = z[rows], times[rows, None]
    x = x - (w * x).sum(axis=0) / max(int(w.sum()), 1)
    products = (w * x).T @ x
    sizes = np.sqrt(np.maximum(np.diag(products), 0.0))
    varies = sizes > 1e-9
    sizes = np.where(varies, sizes, 1.0)
    found: FloatArray = products / np.outer(sizes, sizes)
    found[~varies] = found[:, ~varies] = 0.0
    np.fill_diagonal(found, 1.0)
    return found


def _overlapping(known: BoolArray, min_overlap: int) -> IntArray:
    """Return the columns that are left when all pairs have rows enough in common."""
    few = (known.T.astype(np.int64) @ known) < min_overlap
    left = np.arange(known.shape[1])
    while few[np.ix_(left, left)].any():
        left = np.delete(left, int(few[np.ix_(left, left)].sum(axis=1).argmax()))
    return left


def _shuffled(scores: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Permute the known cells of each column among themselves."""
    found = scores.copy()
    for column in found.T:
        known = ~np.isnan(column)
        column[known] = rng.permutation(column[known])
    return found
