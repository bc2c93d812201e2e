"""Rankings as a sequence of picks, best first: the factors of a Plackett-Luce likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import BoolArray, FloatArray, IntArray
from ..scales import rounded


@dataclass(frozen=True, eq=False)
class Picks:
    """Rankings of ``m`` benchmarks as a sequence of picks, one row a benchmark, flattened."""

    model: IntArray  # Shape (m, n); best first, those without a score last
    scored: BoolArray  # Shape (m, n)
    # Shape (m, n); start of the group of tied models, and of the next group, as positions in m rows of n + 1.
    first: IntArray
    after: IntArray
    gone: FloatArray  # Shape (m, n); share of the group's worth that earlier picks of the group have taken
    count: FloatArray  # Shape (n,); number of picks of each model

    def sums(self, values: FloatArray) -> FloatArray:
        """Sum the values of the models left at each pick; 1 at positions without a pick."""
        ordered = np.where(self.scored, values[self.model], 0.0)
        tails = np.zeros((ordered.shape[0], ordered.shape[1] + 1))
        tails[:, :-1] = np.cumsum(ordered[:, ::-1], axis=1)[:, ::-1]
        flat = tails.ravel()
        summed: FloatArray = flat[self.first] * (1.0 - self.gone) + flat[self.after] * self.gone
        summed[~self.scored] = 1.0
        return summed

    def left(self, log_worth: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the worths, and the sum of those left at each pick."""
        worth = np.exp(log_worth - log_worth.max())
        return worth, self.sums(worth)

    def expected(self, worth: FloatArray, rates: FloatArray) -> FloatArray:
        """Sum each model's worth times the rate over the picks at which it is left, shape (n,)."""
        rows, models = self.model.shape
        known = np.where(self.scored, rates, 0.0)
        size = rows * (models + 1)
        steps = np.bincount(self.first.ravel(), ((1.0 - self.gone) * known).ravel(), size)
        steps += np.bincount(self.after.ravel(), (self.gone * known).ravel(), size)
        total = np.cumsum(steps.reshape(rows, models + 1)[:, :-1], axis=1)
        total = np.where(self.scored, total, 0.0)
        summed: FloatArray = np.bincount(self.model.ravel(), total.ravel(), models) * worth
        return summed


def ranked(scores: FloatArray) -> tuple[IntArray, FloatArray]:
    """Sort the models of each benchmark, best first and missing ones last; models and scores of shape (m, n)."""
    values = rounded(scores.T)
    model = np.argsort(-values, axis=1, kind="stable")
    return model, np.take_along_axis(values, model, axis=1)


def picks_of(scores: FloatArray) -> Picks:
    """Convert scores of shape (n, m), NaN where missing, to picks."""
    model, ordered = ranked(scores)
    benchmarks, models = ordered.shape
    position = np.arange(models)
    new = np.ones(ordered.shape, dtype=np.bool_)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = np.maximum.accumulate(np.where(new, position, 0), axis=1)
    ends = np.full(ordered.shape, models)
    ends[:, :-1] = np.where(new[:, 1:], position[1:], models)
    after = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    row = np.arange(benchmarks)[:, None] * (models + 1)
    return Picks(
        model=model,
        scored=~np.isnan(ordered),
        first=first + row,
        after=after + row,
        gone=(position - first) / (after - first),
        count=(~np.isnan(scores)).sum(axis=1).astype(np.float64),
    )
