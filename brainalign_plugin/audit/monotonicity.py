"""Monotonicity, measured: the share of raised cells that lower the rank of their model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import BoolArray, FloatArray, IntArray
from ..parallel import each
from ..scales import rounded
from .perturb import Case

STEP = 0.01
SAMPLE = 200
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Witness:
    """A cell whose raising lowers its model: model (id), leaf, its score before and after, rank before and after."""

    model: int
    leaf: str
    score: float
    raised: float
    rank: int
    rank_after: int


@dataclass(frozen=True, slots=True)
class Monotonicity:
    """Cells whose raising lowers the rank of their model."""

    violations: int  # Among those tried
    # Cells that were raised, and that could be
    tried: int
    cells: int
    witnesses: tuple[Witness, ...] = ()  # The violations, leaf by leaf

    @property
    def sampled(self) -> bool:
        """True if only a sample of the cells was tried."""
        return self.tried < self.cells

    @property
    def interval(self) -> tuple[float, float]:
        """Binomial interval of the share of violations, at 95 %; the share itself if every cell was tried.

        Source: Clopper, Pearson (1934), Biometrika 26, 404-413.
        """
        from scipy.special import betaincinv

        k, n, tail = self.violations, self.tried, (1 - LEVEL) / 2
        if not self.sampled:
            return (k / n, k / n) if n else (0.0, 0.0)
        low = float(betaincinv(k, n - k + 1, tail)) if k else 0.0
        high = float(betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
        return low, high


def monotonicity(case: Case, jobs: int = 1, sample: int | None = None, seed: int = 0) -> Monotonicity:
    """Raise cells (a ``sample``, all if None) one at a time by 0.01, and count those that lower their model's rank."""
    rows, columns = np.nonzero(can_rise(case.board.scores))
    cells = len(rows)
    if sample is not None and sample < cells:
        drawn = np.sort(np.random.default_rng(seed).choice(cells, size=sample, replace=False))
        rows, columns = rows[drawn], columns[drawn]
    leaves = np.unique(columns)
    falls = each(lambda j: _falls(case, int(j), rows[columns == j]), leaves, jobs)
    witnesses = tuple(witness for of_leaf in falls for witness in of_leaf)
    return Monotonicity(len(witnesses), len(rows), cells, witnesses)


def _falls(case: Case, j: int, models: IntArray) -> list[Witness]:
    """Find the models that fall when their score on one leaf is raised."""
    column = case.board.scores[:, j]
    columns = np.repeat(column[:, None], len(models), axis=1)
    columns[models, np.arange(len(models))] = raised(column[models])
    found = []
    for v, (model, scores) in enumerate(zip(models.tolist(), case.variants(j, columns), strict=True)):
        values = rounded(np.where(np.isnan(scores), -np.inf, scores))
        after, before = 1 + int((values > values[model]).sum()), int(case.before[model])
        if after > before:
            leaf, score = case.board.leaves[j], float(column[model])
            found.append(Witness(case.board.ids[model], leaf, score, float(columns[model, v]), before, after))
    return found


def raised(scores: FloatArray) -> FloatArray:
    """Raise scores by `STEP`, capped at 1; scores above 1 stay."""
    return np.maximum(scores, np.minimum(scores + STEP, 1.0))


def can_rise(scores: FloatArray) -> BoolArray:
    """Mark the scores below 1, which the step raises."""
    higher: BoolArray = raised(scores) > scores
    return higher
