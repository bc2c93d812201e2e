"""The headline figures that are watched over time, each a number of one cleaned board, their intervals and text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from brainalign_plugin.arrays import IntArray
from brainalign_plugin.certainty.bootstrap import Interval, draw_counts, family_bootstrap, sure_families
from brainalign_plugin.certainty.families import FamilyTable, families
from brainalign_plugin.certainty.figures import FIGURES as OF_A_BOARD
from brainalign_plugin.certainty.figures import headline
from brainalign_plugin.data.board import Board
from brainalign_plugin.data.cleaning import complete_board
from brainalign_plugin.data.tree import BenchmarkTree
from brainalign_plugin.text import UNKNOWN

# Rises when the definition of a figure or of its interval changes: cached ones of an older version are computed again.
ANALYSIS_VERSION = 3

FIGURES: Mapping[str, str] = {
    "models": "models with a score on every kept benchmark",
    "benchmarks": "benchmarks kept",
    **OF_A_BOARD,
}

# Known exactly: models drawn again are as many, so a count has no interval of its own.
COUNTS = frozenset({"models", "benchmarks"})
# Draws of families for an interval of a figure.
RESAMPLES = 200
# Shown in per cent.
SHARES = frozenset({"negative_share", "r2_behavior", "r2_neural", "null_r2_behavior"})


def cleaned(board: Board, max_missing: float) -> Board:
    """Return the board as `clean` makes it, without leaves that have no score: a benchmark arrives with its first."""
    scored = np.flatnonzero((~np.isnan(board.scores)).any(axis=0))
    return complete_board(board.take(columns=scored.tolist()), max_missing)


def canonical(board: Board) -> Board:
    """Return the board with models by id and its tree by name: its figures do not depend on the order in a payload."""
    rows = sorted(range(len(board.models)), key=lambda i: board.ids[i])
    tree = BenchmarkTree(tuple(sorted(board.tree.nodes, key=lambda node: node.type_id)))
    columns = [board.leaves.index(leaf) for leaf in tree.leaves()]
    cells = {field: getattr(board, field)[np.ix_(rows, columns)] for field in ("scores", "states", "errors")}
    models = tuple(board.models[i] for i in rows)
    return replace(board, models=models, tree=tree, leaves=tree.leaves(), **cells)


def headline_figures(board: Board) -> dict[str, float | None]:
    """Compute all headline figures of a complete board, cleaned or a panel of it; None where one does not exist."""
    counts = {"models": float(len(board.models)), "benchmarks": float(len(board.leaves))}
    return {**counts, **headline(board).first()}


Evaluate = Callable[[Board], Mapping[str, float | None]]


MINUS = "\N{MINUS SIGN}"


def figure_text(name: str, value: float | None) -> str:
    """Return a headline figure as text: a count, a percentage or a number with three decimals."""
    if value is None:
        return UNKNOWN
    if name in COUNTS:
        text = f"{value:,.0f}"
    elif name in SHARES:
        text = f"{100 * value:.1f} %"
    else:
        text = f"{value:.3f}"
    return text.replace("-", MINUS)


def difference_text(name: str, difference: float) -> str:
    """Return the change of a figure with its sign; empty if it rounds to nothing."""
    text = figure_text(name, abs(difference)).removesuffix(" %")
    if not text.strip("0.,"):
        return ""
    unit = " points" if name in SHARES else ""
    return f"{'+' if difference > 0 else MINUS}{text}{unit}"


def family_draws(board: Board, resamples: int, seed: int, named: FamilyTable = ()) -> tuple[IntArray, float] | None:
    """Draw the families of a board's models with replacement; None if they are too few for an interval.

    Returns each model's count in each draw, shape (resamples, n), and the effective number of families.
    """
    labels = families(board, named).labels
    clusters = sure_families(labels)
    return None if clusters is None else (draw_counts(labels, resamples, seed), clusters)


def figure_intervals(
    board: Board, values: Mapping[str, float | None], resamples: int = RESAMPLES, seed: int = 0, named: FamilyTable = ()
) -> dict[str, tuple[float, float] | None]:
    """Return the interval of each headline figure of a complete board; a count is known exactly."""
    found = family_bootstrap(board, families(board, named), resamples, seed, effective=False).intervals
    return {
        name: (None if value is None else (value, value)) if name in COUNTS else ends(found[name])
        for name, value in values.items()
    }


def ends(found: Interval | None) -> tuple[float, float] | None:
    """Return the ends of an interval."""
    return None if found is None else (found.low, found.high)
