"""Latent schemes: what the benchmarks have in common, taken from the relationships between them.

A principal component or a factor has no sign of its own. Here it is turned so that it correlates positively with the
flat mean of the z-scores: higher is better. If the largest eigenvalue is shared by several directions, the one that
correlates most with that mean is taken; if it correlates with none of them, the one that loads positively on the leaf
whose type id sorts first. A constant leaf says nothing about models and has the weight 0.

These schemes need complete scores, so on a board with missing cells they run on filled ones; their own rule is the
leaf's mean, the usual one for components. Only DSEP, a mean of means, can leave cells out.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from ..arrays import FloatArray, IntArray
from ..board import Board
from ..errors import BoardError, ConvergenceError
from ..scales import z_scores
from .factor import one_factor
from .registry import Claims, Convention, Scale, Scheme, register, row_means
from .scaling import NONE, Z

# Relative gap under which two eigenvalues are the same, and correlation under which a sign is arbitrary.
_SAME = 1e-9
# Rules that leave no cell missing, but where nobody has a score.
FILLED: tuple[Convention, ...] = ("mean", "zero", "worst")


def first_component(centred: FloatArray, like: FloatArray, order: IntArray) -> FloatArray:
    """Weights of the first principal component, of length one.

    Parameters
    ----------
    centred : ndarray, shape (n, m)
        Complete scores without their column means, standardised or not.
    like : ndarray, shape (n,)
        Flat mean of the z-scores, with which the component should correlate positively.
    order : ndarray of int, shape (m,)
        Columns in the order in which they decide if it correlates with none.

    Returns
    -------
    ndarray, shape (m,)
        The component of the models is ``centred @ weights``.
    """
    values, vectors = linalg.eigh(centred.T @ centred)
    basis = vectors[:, values >= values[-1] - _SAME * abs(values[-1])]
    direction = basis @ (basis.T @ (centred.T @ like))
    # A mean of z-scores that is zero but for rounding has no direction, so it is measured in units of z.
    if np.linalg.norm(direction) <= _SAME * np.linalg.norm(centred) * np.sqrt(len(like)):
        # basis @ basis[j] is what the directions that share the eigenvalue hold of leaf j alone.
        decisive = next(j for j in order if np.linalg.norm(basis[j]) > _SAME)
        direction = basis @ basis[decisive]
    weights: FloatArray = direction / np.linalg.norm(direction)
    return weights


def ledoit_wolf(centred: FloatArray) -> tuple[FloatArray, float]:
    """Covariance shrunk towards a multiple of the identity by the share that minimises the expected squared error.

    Parameters
    ----------
    centred : ndarray, shape (n, m)
        Complete, without the column means; n and m at least 1.

    Returns
    -------
    covariance : ndarray, shape (m, m)
        With divisor n.
    shrinkage : float
        In [0, 1].

    References
    ----------
    Ledoit, Wolf (2004), Journal of Multivariate Analysis 88, 365-411.
    """
    sample = centred.T @ centred / len(centred)
    covariance, shrinkage = shrunk(sample, (centred**2).sum(axis=1))
    return covariance, float(shrinkage)


def shrunk(sample: FloatArray, squares: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Covariances shrunk as `ledoit_wolf` does, and by how much.

    Parameters
    ----------
    sample : ndarray, shape (..., m, m)
        Covariances with divisor n.
    squares : ndarray, shape (..., n)
        Sum of the squares of each model's centred scores.
    """
    n, m = squares.shape[-1], sample.shape[-1]
    target = (np.trace(sample, axis1=-2, axis2=-1) / m)[..., None, None] * np.eye(m)
    distance = ((sample - target) ** 2).sum(axis=(-2, -1))
    noise = ((squares**2).sum(axis=-1) / n - (sample**2).sum(axis=(-2, -1))) / n
    shrinkage = np.clip(noise, 0.0, distance) / np.where(distance > 0, distance, 1.0)
    share = shrinkage[..., None, None]
    return (1 - share) * sample + share * target, shrinkage


def least_variance_weights(covariance: FloatArray) -> FloatArray:
    """Weights >= 0 with the sum 1 whose weighted mean has the least variance.

    Where no weight has to be held at zero they are S⁻¹1 / (1'S⁻¹1). Weights below zero are not admitted, because a
    benchmark would count against a model that does well on it. Where the covariance is singular a ridge of 1e-9 of
    the mean variance picks the most even weights.

    Parameters
    ----------
    covariance : ndarray, shape (m, m)
        With a positive diagonal.

    Raises
    ------
    ConvergenceError
        If the least-squares solver gives up.
    """
    # Takes as long to load as most of an analysis, which needs no such weights.
    from scipy import optimize

    m = len(covariance)
    # Least w'Sw/2 - 1'w over w >= 0 has the same direction, and in terms of S = A'A it is non-negative least squares.
    root = linalg.cholesky(ridged(covariance))
    try:
        weights, _ = optimize.nnls(root, linalg.solve_triangular(root, np.ones(m), trans="T"))
    except RuntimeError as cause:
        raise ConvergenceError(
            f"the weights of {m} benchmarks have not converged ({cause}); use ZMEAN"
        ) from cause
    shares: FloatArray = weights / weights.sum()
    return shares


def ridged(covariance: FloatArray) -> FloatArray:
    """Covariances (..., m, m) with a ridge of 1e-9 of the mean variance."""
    m = covariance.shape[-1]
    ridge = _SAME * np.trace(covariance, axis1=-2, axis2=-1) / m
    firm: FloatArray = covariance + ridge[..., None, None] * np.eye(m)
    return firm


def _complete(scheme: str, board: Board) -> FloatArray:
    missing = np.isnan(board.scores)
    # Nobody has a score there: no rule fills that, and it says as little as a constant leaf.
    empty = missing.all(axis=0)
    if (missing & ~empty).any():
        raise BoardError(
            f"{scheme} needs complete scores, and {int((missing & ~empty).sum())} cells are missing; "
            f"clean the board, or fill them by one of the rules {', '.join(FILLED)}"
        )
    return np.where(empty, 0.0, board.scores)


def _by_id(leaves: tuple[str, ...]) -> IntArray:
    return np.array(sorted(range(len(leaves)), key=leaves.__getitem__), dtype=np.int64)


def _turned(scores: FloatArray, weights: FloatArray, z: FloatArray, order: IntArray) -> FloatArray:
    """Scores with the sign of their correlation with the flat mean of z."""
    like = z.mean(axis=1)
    along = float(scores @ like)
    if abs(along) <= _SAME * np.linalg.norm(scores) * np.sqrt(len(like)):
        along = next((weights[j] for j in order if abs(weights[j]) > _SAME), 1.0)
    turned: FloatArray = scores if along >= 0 else -scores
    return turned


def _pc1(board: Board) -> FloatArray:
    z = z_scores(_complete("PC1", board))
    projected: FloatArray = z @ first_component(z, z.mean(axis=1), _by_id(board.leaves))
    return projected


def _factor1(board: Board) -> FloatArray:
    z = z_scores(_complete("FACTOR1", board))
    varied = np.flatnonzero((z != 0).any(axis=0))
    if len(varied) < 3:
        raise BoardError(
            f"FACTOR1 needs three benchmarks on which models differ, and {len(varied)} of {len(board.leaves)} are "
            "such; a factor of fewer is not identified: use ZMEAN"
        )
    z = z[:, varied]
    correlations = z.T @ z / (len(z) - 1)
    np.fill_diagonal(correlations, 1.0)
    weights = one_factor(correlations).score_weights
    return _turned(z @ weights, weights, z, _by_id(tuple(board.leaves[j] for j in varied)))


def _gls(board: Board) -> FloatArray:
    z = z_scores(_complete("GLS", board))
    varied = z[:, (z != 0).any(axis=0)]
    if not varied.size:
        return np.zeros(len(z))
    weighted: FloatArray = varied @ least_variance_weights(ledoit_wolf(varied)[0])
    return weighted


def columns_by_part(scheme: str, board: Board) -> list[list[int]]:
    """Columns of the neural and of the behavioural leaves, for a scheme that needs both."""
    columns = [[j for j, part in enumerate(board.leaf_parts) if part == name] for name in board.parts]
    for name, found in zip(board.parts, columns, strict=True):
        if not found:
            raise BoardError(
                f"{scheme} combines {' and '.join(board.parts)}, and none of the board's {len(board.leaves)} "
                f"benchmarks is under {name!r}; use a scheme that does not separate them, FLAT or ZMEAN for example"
            )
    return columns


def _dsep(board: Board) -> FloatArray:
    parts = [row_means(board.scores[:, columns]) for columns in columns_by_part("DSEP", board)]
    return row_means(np.column_stack(parts))


def part_components(scheme: str, board: Board, standardised: bool) -> FloatArray:
    """First component of the neural and of the behavioural leaves, shape (n, 2)."""
    scores = _complete(scheme, board)
    components = []
    for columns in columns_by_part(scheme, board):
        z = z_scores(scores[:, columns])
        centred = z if standardised else scores[:, columns] - scores[:, columns].mean(axis=0)
        order = _by_id(tuple(board.leaves[j] for j in columns))
        components.append(centred @ first_component(centred, z.mean(axis=1), order))
    return np.column_stack(components)


def _dsp_pca(board: Board) -> FloatArray:
    return row_means(part_components("DSP_PCA", board, standardised=False))


def _dsp_pca_std(board: Board) -> FloatArray:
    return row_means(z_scores(part_components("DSP_PCA_Std", board, standardised=True)))


_STRUCTURE = "Brain-Score (2026), Structural properties of the Brain-Score Vision benchmark suite"
_CENTRED = Scale("centred", "score - mean of the benchmark", lambda scores: scores - scores.mean(axis=0))
_HALVES = "arithmetic mean of the neural and the behavioural"

PC1 = register(
    Scheme(
        name="PC1",
        family="latent",
        scale=Z,
        combination="first principal component of the correlation matrix: z-scores projected on its unit vector",
        source="Pearson (1901), Phil. Mag. 2, 559-572; Hotelling (1933), J. Educ. Psychol. 24, 417-441",
        conventions=FILLED,
        claims=Claims(affine=True),
        combine=_pc1,
    )
)

FACTOR1 = register(
    Scheme(
        name="FACTOR1",
        family="latent",
        scale=Z,
        combination=(
            "factor of a one-factor model by maximum likelihood, uniquenesses at least 0.005, estimated by regression: "
            "l'U⁻¹z / (1 + l'U⁻¹l) with loadings l and uniquenesses U"
        ),
        source="Jöreskog (1967), Psychometrika 32, 443-482; Thomson (1951), The Factorial Analysis of Human Ability",
        conventions=FILLED,
        claims=Claims(affine=True),
        combine=_factor1,
        costly=True,
    )
)

DSEP = register(
    Scheme(
        name="DSEP",
        family="latent",
        scale=NONE,
        combination=f"{_HALVES} flat mean; benchmarks under neither are left out",
        source=_STRUCTURE,
        conventions=("skip", "zero", "attempted", "worst", "mean"),
        claims=Claims(iia=True, monotonicity=True, pareto=True),
        combine=_dsep,
    )
)

DSP_PCA = register(
    Scheme(
        name="DSP_PCA",
        family="latent",
        scale=_CENTRED,
        combination=(
            f"{_HALVES} first principal component of the covariance matrix, both in the units of the scores (unit "
            "vectors), so that the part with the larger spread and more benchmarks weighs more"
        ),
        source=_STRUCTURE,
        conventions=FILLED,
        combine=_dsp_pca,
    )
)

DSP_PCA_STD = register(
    Scheme(
        name="DSP_PCA_Std",
        family="latent",
        scale=Z,
        combination=(
            f"{_HALVES} first principal component of the correlation matrix, each divided by its sd (n - 1), so that "
            "both parts weigh the same whatever their number of benchmarks"
        ),
        source=_STRUCTURE,
        conventions=FILLED,
        claims=Claims(affine=True),
        combine=_dsp_pca_std,
    )
)

GLS = register(
    Scheme(
        name="GLS",
        family="latent",
        scale=Z,
        combination=(
            "mean of the z-scores with the weights >= 0 of least variance under their covariance S, shrunk by Ledoit "
            "and Wolf: S⁻¹1 / (1'S⁻¹1) where no weight is held at 0"
        ),
        source="Aitken (1936), Proc. R. Soc. Edinburgh 55, 42-48; Ledoit, Wolf (2004), J. Multivar. Anal. 88, 365-411",
        conventions=FILLED,
        claims=Claims(affine=True, pareto=True),
        combine=_gls,
    )
)
