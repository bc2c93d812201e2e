"""Significance of the rank correlations of all pairs of benchmarks, corrected for multiple testing.

With fifty benchmarks there are more than a thousand pairs, of which 5 % would be significant by chance alone. So the
expected share of false positives among the significant ones (the false discovery rate) is limited to 5 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from ..arrays import BoolArray, FloatArray, IntArray
from ..errors import InputError
from .correlation import Agreement

LEVEL = 0.05
# With fewer models a perfect correlation by chance is too frequent for significance among hundreds of pairs.
FEWEST_MODELS = 10


@dataclass(frozen=True, eq=False)
class Significance:
    """Tests of the rank correlations of all pairs of ``m`` leaves, two-sided."""

    level: float  # False discovery rate
    # Shape (m, m); p-values, symmetric; NaN on the diagonal, without a correlation, and where it rests on fewer
    # than ten models.
    p: FloatArray
    # Shape (m, m); significant after Benjamini and Hochberg, whose rate holds for independent or positively
    # dependent tests.
    related: BoolArray
    # Pairs with a p-value, and pairs without
    tested: int
    untested: int
    # Of the pairs that are significant after Benjamini and Hochberg.
    positive: int
    negative: int
    # Of those after Benjamini and Yekutieli, whose rate holds whatever the dependence.
    surely_positive: int
    surely_negative: int


def correlation_p_values(rho: FloatArray, overlap: IntArray) -> FloatArray:
    """Compute two-sided p-values of Spearman's rank correlations.

    Their distribution over all orders is fitted by a symmetric beta distribution with the same variance and kurtosis.
    The usual Student's t has lighter tails, which matter after the correction for a thousand pairs: at a nominal 5 % it
    finds related pairs on 8 % of boards of noise with twenty models, on 14 % with ten. NaN where `rho` is NaN or rests
    on fewer than ten models, and nowhere else.

    `rho`: NaN where there is no correlation. `overlap`: number of models that each rests on.

    References
    ----------
    Moments: Kendall, Kendall, Babington Smith (1939), The distribution of Spearman's coefficient of rank correlation in
    a universe in which all rankings occur an equal number of times, Biometrika 30, 251-273.
    """
    known = ~np.isnan(rho) & (np.asarray(overlap) >= FEWEST_MODELS)
    n = np.where(known, overlap, FEWEST_MODELS).astype(np.float64)
    kurtosis = 3 * (25 * n**3 - 38 * n**2 - 35 * n + 72) / (25 * n * (n**2 - 1))
    shape = 3 * (kurtosis - 1) / (2 * (3 - kurtosis))
    # The support ends a little above 1, so that a perfect correlation has a p-value above 0.
    end = (2 * shape + 1) / (n - 1)
    rest = np.clip(1 - np.where(known, rho, 0.0) ** 2 / end, 0.0, 1.0)
    return np.where(known, special.betainc(shape, 0.5, rest), np.nan)


def significance(found: Agreement, level: float = LEVEL) -> Significance:
    """Test all pairs of leaves for a rank correlation other than zero.

    Raises InputError if the level is out of range.

    `found`: of a complete board, or pairwise complete. `level`: false discovery rate, in (0, 1).

    References
    ----------
    Benjamini, Hochberg (1995), J. R. Stat. Soc. B 57, 289-300; Benjamini, Yekutieli (2001), Ann. Stat. 29, 1165-1188.
    """
    if not 0 < level < 1:
        raise InputError(f"the false discovery rate is {level}; give a number between 0 and 1, such as 0.05")
    m = len(found.leaves)
    p = correlation_p_values(found.rho, found.overlap)
    np.fill_diagonal(p, np.nan)
    above = np.triu(np.ones((m, m), dtype=bool), k=1)
    known = above & ~np.isnan(p)
    hochberg, yekutieli = (
        _symmetric(known, false_discovery_rates(p[known], dependent) <= level) for dependent in (False, True)
    )
    return Significance(
        level=level,
        p=p,
        related=hochberg,
        tested=int(known.sum()),
        untested=int((above & np.isnan(p)).sum()),
        positive=int((above & hochberg & (found.rho > 0)).sum()),
        negative=int((above & hochberg & (found.rho < 0)).sum()),
        surely_positive=int((above & yekutieli & (found.rho > 0)).sum()),
        surely_negative=int((above & yekutieli & (found.rho < 0)).sum()),
    )


def false_discovery_rates(p: FloatArray, dependent: bool) -> FloatArray:
    """Compute the least false discovery rate at which each of several tests is a discovery.

    Shape (k,).

    `p`: shape (k,); in [0, 1]. `dependent`: hold the rate however the tests depend on each other (Benjamini,
    Yekutieli), not only if they are independent or positively dependent (Benjamini, Hochberg).
    """
    k = np.arange(1, len(p) + 1)
    order = np.argsort(p)
    scaled = p[order] * (len(p) / k) * ((1 / k).sum() if dependent else 1.0)
    rates = np.empty(len(p))
    # Rates are monotone in the p-values: no test has a higher rate than one with a larger p-value.
    rates[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return np.minimum(rates, 1.0)


def _symmetric(where: BoolArray, values: BoolArray) -> BoolArray:
    matrix = np.zeros(where.shape, dtype=bool)
    matrix[where] = values
    both: BoolArray = matrix | matrix.T
    return both
