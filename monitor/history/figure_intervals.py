"""Intervals of the headline figures over families of models (`brainalign_plugin.certainty.bootstrap`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from brainalign_plugin.arrays import FloatArray, IntArray
from brainalign_plugin.certainty.bootstrap import (
    MIN_FAMILIES,
    Interval,
    draw_counts,
    effective_families,
    family_bootstrap,
    interval,
    sure_enough,
)
from brainalign_plugin.certainty.families import FamilyTable, families
from brainalign_plugin.certainty.figures import headline
from brainalign_plugin.data.board import Board

from .figures import COUNTS

__all__ = ["MIN_FAMILIES", "RESAMPLES", "FamilyDraws", "family_draws", "figure_intervals"]
RESAMPLES = 200


@dataclass(frozen=True, eq=False)
class FamilyDraws:
    """Return each model's count in each draw of families, shape (resamples, n), and the number of families."""

    counts: IntArray
    effective: float

    def figures(self, board: Board) -> dict[str, FloatArray]:
        """Return the headline figures of a complete board in each draw; NaN where one does not exist."""
        return headline(board, self.counts).values

    def interval(self, difference: float | None, drawn: FloatArray) -> tuple[float, float] | None:
        """Return the 95 % interval of a difference; None if it is unknown, or in over a tenth of the draws."""
        return _ends(interval(difference, drawn, self.effective))


def family_draws(board: Board, resamples: int, seed: int, named: FamilyTable = ()) -> FamilyDraws | None:
    """Draw the families of a board's models with replacement; None if they are too few for an interval."""
    labels = families(board, named).labels
    if not sure_enough(labels):
        return None
    return FamilyDraws(draw_counts(labels, resamples, seed), effective_families(labels))


def figure_intervals(
    board: Board,
    values: Mapping[str, float | None],
    resamples: int = RESAMPLES,
    seed: int = 0,
    named: FamilyTable = (),
) -> dict[str, tuple[float, float] | None]:
    """Return the interval of each headline figure of a complete board; a count is known exactly."""
    found = family_bootstrap(board, families(board, named), resamples, seed, effective=False).intervals
    return {
        name: (None if value is None else (value, value)) if name in COUNTS else _ends(found[name])
        for name, value in values.items()
    }


def _ends(found: Interval | None) -> tuple[float, float] | None:
    return None if found is None else (found.low, found.high)
