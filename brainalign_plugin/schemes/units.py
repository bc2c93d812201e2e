"""Strata and papers of a weighted mean of benchmarks, and the variance between papers in a stratum.

A stratum is a part of the tree that the benchmarks are meant to measure (V1, V2, V4, IT, behaviour); a unit is all
benchmarks of one paper in one stratum. Strata are fixed, papers are a sample of those that could have measured them
(generalizability theory: Cronbach, Gleser, Nanda, Rajaratnam 1972; Brennan 2001, *Generalizability Theory*).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import FloatArray, IntArray
from ..data.tree import BenchmarkTree, names_paper, paper
from ..text import first_few

# Largest variance by rounding of unit means whose scores are all equal.
_NO_VARIANCE = 1e-20
# Least share of a unit's weight on a model's scored leaves for which the unit has a mean.
_ENOUGH = 0.5


@dataclass(frozen=True, eq=False)
class Units:
    """Units (``p``) of a weighted mean of ``m`` leaves, in ``r`` strata."""

    strata: tuple[str, ...]  # Length r; type ids of the nodes, in the order of their first leaf
    names: tuple[tuple[str, str], ...]  # Length p; stratum and paper of each unit
    stratum: IntArray  # Shape (p,); position of each unit's stratum
    weights: FloatArray  # Shape (r,); weight of each stratum in the mean
    shares: FloatArray  # Shape (p,); share of each unit in its stratum's weight
    within: FloatArray  # Shape (m, p); share of each leaf in its unit's weight; columns sum to one

    @property
    def counts(self) -> IntArray:
        """Number of units in each stratum, shape (r,)."""
        return np.bincount(self.stratum, minlength=len(self.strata)).astype(np.int64)

    @property
    def unit_weights(self) -> FloatArray:
        """Weight of each unit in the mean, shape (p,)."""
        return np.asarray(self.weights[self.stratum] * self.shares)

    @property
    def membership(self) -> FloatArray:
        """Units that belong to each stratum, shape (p, r)."""
        return (self.stratum[:, None] == np.arange(len(self.strata))).astype(np.float64)

    def sums(self, means: FloatArray) -> FloatArray:
        """Return the sum of the unit means in each stratum; shape (n, p) to (n, r)."""
        return np.asarray(means @ self.membership)

    def papers(self, stratum: int) -> tuple[str, ...]:
        """Return the papers that measured a stratum, by its position."""
        return tuple(self.names[i][1] for i in np.flatnonzero(self.stratum == stratum))

    def means(self, scaled: FloatArray, counts: FloatArray | None = None) -> FloatArray:
        """Return each model's mean in each unit over its scored leaves, (n, p); NaN where these carry less than half.

        `scaled`: shape (n, m). `counts`: shape (n, m); how often each leaf stands in its unit; once if None.
        """
        present = ~np.isnan(scaled)
        if counts is None and present.all():
            return np.asarray(scaled @ self.within)
        times = present if counts is None else present * counts
        whole = 1.0 if counts is None else counts @ self.within
        carried = times @ self.within
        total = np.where(present, scaled, 0.0) * times @ self.within
        enough = (carried >= _ENOUGH * whole - 1e-9) & (carried > 0)
        return np.where(enough, total / np.where(enough, carried, 1.0), np.nan)


def stratum_of(tree: BenchmarkTree, leaf: str) -> str:
    """Return the stratum of a leaf: on the way down, the last node before the first that names a paper, or the leaf."""
    path = tree.path(leaf)
    named = next((i for i, node in enumerate(path) if names_paper(node)), len(path) - 1)
    return path[max(named - 1, 0)]


def units_of(tree: BenchmarkTree, leaves: Sequence[str], weights: FloatArray) -> Units:
    """Group leaves into units by stratum and paper, with their weights (m,); a leaf without weight is in none."""
    found: dict[tuple[str, str], list[int]] = {}
    for j, leaf in enumerate(leaves):
        if weights[j] > 0:
            found.setdefault((stratum_of(tree, leaf), paper(leaf)), []).append(j)
    strata = tuple(dict.fromkeys(stratum for stratum, _ in found))
    place = {name: i for i, name in enumerate(strata)}
    stratum = np.array([place[name] for name, _ in found], dtype=np.int64)
    within = np.zeros((len(leaves), len(found)))
    totals = np.zeros(len(found))
    for i, columns in enumerate(found.values()):
        totals[i] = weights[columns].sum()
        within[columns, i] = weights[columns] / totals[i]
    of_strata = np.bincount(stratum, totals, minlength=len(strata)).astype(np.float64)
    return Units(strata, tuple(found), stratum, of_strata, totals / of_strata[stratum], within)


@dataclass(frozen=True, eq=False)
class PaperVariances:
    """Variance between papers in each of ``r`` strata."""

    # Shape (r,); mean variance of the stratum's units less their mean covariance, not below 0; for a stratum with one
    # unit `pooled` times the variance of that unit.
    values: FloatArray
    # Mean over the strata with several units of the share of a unit's variance that is its paper's; None where no
    # stratum has two units that vary, so that nothing is estimable.
    pooled: float | None


def paper_variances(means: FloatArray, units: Units) -> PaperVariances:
    """Estimate the variance between papers from complete unit means (n, p), divisor n - 1; NaN where not estimable."""
    values, pooled = variances_between(
        means.var(axis=0, ddof=1)[None], units.sums(means).var(axis=0, ddof=1)[None], units
    )
    return PaperVariances(values[0], None if np.isnan(pooled[0]) else float(pooled[0]))


def variances_between(own: FloatArray, together: FloatArray, units: Units) -> tuple[FloatArray, FloatArray]:
    """Estimate the variance between papers in each stratum (b, r) and the pooled share (b,), as in `PaperVariances`.

    `own`: shape (b, p); variances of the unit means. `together`: shape (b, r); of their sum in each stratum.
    """
    k = units.counts
    mean = own @ units.membership / k
    # The variance of a sum is that of its terms and their covariances.
    between = (together - mean * k) / np.maximum(k * (k - 1), 1)
    values = np.where(k > 1, np.maximum(mean - between, 0.0), np.nan)
    varies = (k > 1) & (mean > _NO_VARIANCE)
    count = varies.sum(axis=1)
    shares = np.where(varies, values / np.where(varies, mean, 1.0), 0.0).sum(axis=1)
    pooled = np.where(count > 0, shares / np.maximum(count, 1), np.nan)
    return np.where(k > 1, values, pooled[:, None] * mean), pooled


def not_estimable(units: Units) -> str:
    """Return the reason why no variance between papers can be estimated, in words."""
    if not (units.counts > 1).any():
        return "no part of the tree was measured by two papers, so nothing shows how far papers disagree: " + first_few(
            [f"{name} by {units.papers(r)[0]}" for r, name in enumerate(units.strata)], 4
        )
    return "all models have the same score wherever two papers measured the same part of the tree"
