"""Parts of a scheme: the scale of each benchmark, the claims about the result, the record of an optimisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..arrays import FloatArray

Columnwise = Callable[[FloatArray], FloatArray]
# From a complete or filled board's scores (n, m) and weights (m,) to the scores after each removal (n, n).
WithoutEach = Callable[[FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class Claims:
    """Properties that a scheme has on every complete board, by proof and not by measurement."""

    # Independence of irrelevant alternatives: removing a model never changes the order of two others.
    iia: bool = False
    # Invariance to an increasing affine, or any strictly increasing, rescaling of one benchmark.
    affine: bool = False
    monotone: bool = False
    clone: bool = False  # A copy of a benchmark as its sibling changes no order
    monotonicity: bool = False  # Raising a score never lowers the rank of its model
    # A model at least as good on all benchmarks and better on one is never ranked below.
    pareto: bool = False
    hierarchy: bool = False  # Doubling a benchmark's leaves inside its own group leaves the group's weight


@dataclass(frozen=True, slots=True)
class Scale:
    """Scale of each benchmark's scores, fitted column by column."""

    name: str
    description: str
    # From a matrix of shape (n, m), NaN where missing, to the function that scales rows of any shape (..., m) by
    # the norms of these columns.
    fit: Callable[[FloatArray], Columnwise]
    # The norms do not depend on the scores: a scaled cell is a function of the cell alone.
    own_cells: bool = False
    order_only: bool = False  # Scaled cells depend on nothing but the order of the scores in each column
    # From the scores (n, m) and weights (m,) to the weighted sums (n, n) of the scaled cells after the removal of
    # each model: entry (k, i) is that of model i without model k. Without it the scale is fitted again n times.
    without_each: WithoutEach | None = None

    @classmethod
    def fixed(cls, name: str, description: str, function: Columnwise) -> Scale:
        """Make a scale from a function of a single cell."""
        return cls(name, description, lambda _: function, own_cells=True)

    def of(self, scores: FloatArray) -> FloatArray:
        """Scale scores (n, m) by their own norms."""
        return self.fit(scores)(scores)


class Optimum(Protocol):
    """Scores from an optimisation, with its objective and bound."""

    @property
    def scores(self) -> FloatArray:
        """Score of each model, shape (n,)."""

    @property
    def objective(self) -> int:
        """Value of the objective."""

    @property
    def bound(self) -> int:
        """Proven bound of the objective."""

    @property
    def stopped(self) -> str:
        """Limit of work that ended the search before the proof; empty if none."""
