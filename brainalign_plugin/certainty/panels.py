"""Panels: the boards that cleaning gives at other thresholds, and what the headline figures are on each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..data.board import Board
from .figures import headline


@dataclass(frozen=True, eq=False)
class Panel:
    """A cleaned board and its headline figures."""

    max_missing: float  # The smallest threshold that gives it
    ids: tuple[int, ...]  # Of its models
    leaves: tuple[str, ...]
    figures: dict[str, float | None]


def panels(board: Board) -> tuple[Panel, ...]:
    """Compute the figures on every distinct board with a model that a cleaning threshold gives, strictest first."""
    if not board.models:
        return ()
    missing = np.isnan(board.scores)
    shares = missing.sum(axis=0) / len(board.models)
    found: list[Panel] = []
    for threshold in np.unique(shares).tolist():
        columns = np.flatnonzero(shares <= threshold)
        rows = np.flatnonzero(~missing[:, columns].any(axis=1))
        if not len(rows):
            # A looser threshold keeps more benchmarks and no more models.
            break
        cleaned = board.take(rows.tolist(), columns.tolist())
        found.append(Panel(threshold, cleaned.ids, cleaned.leaves, headline(cleaned).first()))
    return tuple(found)


def largest_benchmarks(found: tuple[Panel, ...]) -> Panel | None:
    """Return the panel with the most benchmarks that keeps 20 models or more; None where none does."""
    wide = [panel for panel in found if len(panel.ids) >= 20]
    return max(wide, key=lambda panel: len(panel.leaves), default=None)
