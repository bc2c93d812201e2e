"""Official aggregate of Brain-Score, recomputed at every node of the tree by the site's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import IntEnum

import numpy as np

from ..arrays import FloatArray, StateArray
from ..scales import competition_ranks
from ..text import brief
from .tree import BenchmarkTree, node_means

# Tolerance for rounding errors of binary numbers.
_BINARY = 1e-9
# From here on rounding to decimals may overflow; such a score has none.
_LARGEST = 1e12


class CellState(IntEnum):
    """State of the cell of one model and one benchmark.

    See Also
    --------
    Board.to_frame : ``states=True`` gives the state of each cell.

    Examples
    --------
    >>> CellState(1).name
    'FAILED'
    """

    NEVER = 0
    FAILED = 1
    SCORED = 2


@dataclass(frozen=True, eq=False)
class OfficialBoard:
    """The official aggregate of every model at every node."""

    __repr__ = brief

    tree: BenchmarkTree  # With ``k`` nodes
    # Shape (n, k); full-precision recomputed scores (NaN unless SCORED), and the state of each cell.
    scores: FloatArray
    states: StateArray
    # Length n; official rank by the two-decimal score at `root`, the published one where it agrees with the
    # recomputed one but for rounding; None for a model that was never run.
    ranks: tuple[int | None, ...]
    # Number of published ranks that differ from `ranks`; None where no rank was published.
    rank_differences: int | None
    root: str  # The node that is ranked, ``average_<domain>``
    # For each group the largest absolute difference from the published value, over the models for which both are
    # numbers; None where nothing was published (a reconstructed board).
    max_abs_diff: dict[str, float | None]
    # Number of cells of groups that are published in another state than recomputed. An engineering group that is
    # published as FAILED over leaves published as NEVER does not count: the site writes failed leaves there as
    # NEVER.
    state_mismatches: int

    def at(self, type_id: str) -> FloatArray:
        """Return the scores of all models at one node, shape (n,); NaN unless SCORED."""
        return self.scores[:, self.tree.index[self.tree[type_id].type_id]]


def capped(tree: BenchmarkTree, scores: FloatArray) -> FloatArray:
    """Cap every column to [0, 1] but those of engineering benchmarks; NaN stays NaN. Shape (n, k) in and out."""
    return np.where(tree.engineering, scores, np.clip(scores, 0.0, 1.0))


def official_ranks(scores: FloatArray, states: StateArray) -> tuple[int | None, ...]:
    """Return the ranks by the site's rule for scores and states (n,).

    The score in three decimals is rounded half up to two, by its decimal digits, ties share the better rank, FAILED
    comes last and NEVER has no rank.
    """
    known, scored = states != CellState.NEVER, states == CellState.SCORED
    cents = np.full(len(scores), -np.inf)
    cents[scored] = [
        float(Decimal(f"{value:.3f}").quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))
        for value in scores[scored].tolist()
    ]
    ranks = np.full(len(scores), None, dtype=object)
    ranks[known] = competition_ranks(cents[known]).tolist()
    return tuple(ranks)


def official_board(
    tree: BenchmarkTree,
    scores: FloatArray,
    states: StateArray,
    root: str,
    may_be_published: bool,
    published_ranks: Sequence[int | None] = (),
) -> OfficialBoard:
    """Recompute the official aggregate.

    `scores, states`: shape (n, k); the groups' columns hold the published values, for comparison only.
    `may_be_published`: whether there can be any. `published_ranks`: one a model, to be compared.
    """
    # A database of results, unlike the site, has no scores of groups.
    has_published = may_be_published and bool((states[:, tree.groups] != CellState.NEVER).any())
    means = node_means(tree, np.where(states == CellState.SCORED, capped(tree, scores), 0.0))
    known: StateArray = np.array(states, dtype=np.int8)
    for i in tree.bottom_up:
        if tree.groups[i]:
            below = known[:, list(tree.child_positions[i])]
            known[:, i] = below.max(axis=1, initial=CellState.NEVER)
    means[known != CellState.SCORED] = np.nan
    column = tree.index[tree[root].type_id]
    # Leaves are published in three decimals (the site's CSV export: two), so their mean may round differently.
    rounding = _last_decimal(scores[:, ~tree.groups & ~tree.engineering])
    agree = np.abs(scores[:, column] - means[:, column]) <= rounding + _BINARY
    ranked = np.where(has_published & agree, scores[:, column], means[:, column])
    ranks = official_ranks(ranked, known[:, column])
    compared = [one != other for one, other in zip(published_ranks, ranks, strict=False) if one is not None]
    differences: dict[str, float | None] = {node.type_id: None for node in tree.nodes if not node.is_leaf}
    mismatches = 0
    if has_published:
        for name in differences:
            at = tree.index[name]
            apart = np.abs(means[:, at] - scores[:, at])
            differences[name] = None if np.isnan(apart).all() else float(np.nanmax(apart))
        published = tree.groups & (states != CellState.NEVER).any(axis=0)
        written_as_never = tree.engineering & (states == CellState.FAILED) & (known == CellState.NEVER)
        mismatches = int(((known != states) & ~written_as_never)[:, published].sum())
    return OfficialBoard(
        tree=tree,
        scores=means,
        states=known,
        ranks=ranks,
        rank_differences=sum(compared) if compared else None,
        root=root,
        max_abs_diff=differences,
        state_mismatches=mismatches,
    )


def _last_decimal(leaves: FloatArray) -> float:
    """Return 0.01 if all scores of leaves are whole hundredths, else 0.001."""
    known = leaves[np.abs(leaves) < _LARGEST]
    return 0.01 if known.size and bool((np.abs(known - known.round(2)) < _BINARY).all()) else 0.001
