"""The properties of a scheme, measured on a board: what a removed model, a rescaled or copied benchmark changes.

The three properties asked for by Ahlert, Klein, Wichmann, Geirhos (arXiv 2407.07530): independence of irrelevant
alternatives, robustness to a non-linear scale, a hierarchy that is respected; and the classical ones beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..aggregation import Convention, Scheme
from ..arrays import BoolArray, FloatArray, IntArray
from ..board import Board
from ..errors import BoardError
from ..scales import TIE_DECIMALS, rounded
from .altering import cloned_each, rescaled_each, with_copies
from .boards import aggregated, ranks_of_all, resolved_board
from .orders import order_changes, sign_change_share
from .removal import scores_without_each
from .subject import Rescale, Subject


@dataclass(frozen=True, slots=True)
class FragilePair:
    """Two models (ids) and the number of removals that change their order."""

    one: int
    other: int
    removals: int


@dataclass(frozen=True, eq=False)
class RemovalAudit:
    """Independence of irrelevant alternatives: what the removal of each of ``n`` models changes.

    Attributes
    ----------
    rate : float or None
        Share of (removed model, pair of others) whose order changes, n · C(n-1, 2) in all; None with fewer than three
        models.
    worst_spoiler : int or None
        Id of the model whose removal changes most pairs, the smallest id among equals (of all models where no removal
        changes any: see `worst_changes`).
    worst_changes : int
        How many pairs it changes.
    changes : ndarray of int, shape (n,)
        Pairs changed by each removal.
    fragile : tuple of FragilePair
    """

    rate: float | None
    worst_spoiler: int | None
    worst_changes: int
    changes: IntArray
    fragile: tuple[FragilePair, ...]


@dataclass(frozen=True, eq=False)
class BenchmarkInfluence:
    """What leaving out one leaf does to the ranks under a scheme."""

    leaf: str
    mean_shift: float
    max_shift: int
    most_moved: int


def audit_removal(
    scheme: Scheme,
    board: Board,
    convention: Convention | None = None,
    jobs: int = 1,
    base: FloatArray | None = None,
) -> RemovalAudit:
    """Measure independence of irrelevant alternatives exactly: every model removed, every pair of the others.

    Parameters
    ----------
    scheme : Scheme
        Bound to its reference if it needs one: norms are frozen before any removal.
    board : Board
        ``n`` models; missing cells are dealt with after each removal.
    convention : str, optional
        Rule for missing cells; the scheme's own if None.
    jobs : int
        Processes for schemes without a closed form.
    base : ndarray, shape (n,), optional
        Scores on the board, if they are known already.
    """
    n = len(board.models)
    if n < 3:
        return RemovalAudit(None, None, 0, np.zeros(n, dtype=np.int64), ())
    known = aggregated(scheme, board, convention) if base is None else base
    rows = scores_without_each(scheme, board, convention, jobs, known)
    found = order_changes(known, rows, removed=np.arange(n))
    most = int(found.per_alteration.max())
    worst = min(board.ids[i] for i in np.flatnonzero(found.per_alteration == most))
    total = n * (n - 1) * (n - 2) // 2
    return RemovalAudit(
        rate=int(found.per_alteration.sum()) / total,
        worst_spoiler=worst,
        worst_changes=most,
        changes=found.per_alteration,
        fragile=tuple(FragilePair(board.ids[i], board.ids[j], times) for i, j, times in found.fragile),
    )


def scale_rate(
    subject: Subject, board: Board, rescale: Rescale, jobs: int = 1, base: FloatArray | None = None
) -> float:
    """Share of pairs whose order changes when one leaf is rescaled, averaged over the leaves.

    ``base`` are the scores on the board, shape (n,), if they are known already.
    """
    known = subject.scores(board) if base is None else base
    return float(sign_change_share(known, rescaled_each(subject, board, rescale, known, jobs)).mean())


def clone_rate(subject: Subject, board: Board, jobs: int = 1) -> float:
    """Share of pairs whose order changes when a copy of one leaf is added as its sibling, averaged over the leaves."""
    return float(sign_change_share(subject.scores(board), cloned_each(subject, board, jobs)).mean())


def dominance(scores: FloatArray) -> BoolArray:
    """Entry (i, k): i is at least as good as k on all leaves and better on one. Shape (n, m) to (n, n).

    Who lacks a score neither dominates nor is dominated.
    """
    values = rounded(scores)
    n = len(values)
    at_least = np.ones((n, n), dtype=bool)
    for column in values.T:
        at_least &= column[:, None] >= column
    dominates: BoolArray = at_least & ~at_least.T
    return dominates


def pareto_violations(
    scheme: Scheme, board: Board, convention: Convention | None = None, base: FloatArray | None = None
) -> int:
    """Pairs in which one model is at least as good on all leaves, better on one, and ranked below.

    A cell that the rule for missing cells fills counts as that score; one that it leaves out makes its model
    incomparable. ``base`` are the scores on the board, shape (n,), if they are known already.
    """
    resolved = resolved_board(scheme, board, convention)
    scores = rounded(scheme.scores(resolved) if base is None else base)
    return int((dominance(resolved.scores) & (scores[:, None] < scores)).sum())


def respects_hierarchy(subject: Subject, board: Board) -> bool:
    """Whether doubling all leaves of a group, inside the group, leaves every score as it was.

    Doubled as a whole, the group says what it said before; a score that moves all the same shows that the group's
    weight in the aggregate has changed. Measured on every group that holds leaves only, because where leaves and
    groups are siblings, doubling the leaves shifts weight inside their common parent. On a board of a single such
    group there is no other weight, and the answer is yes for every scheme.
    """
    tree = board.tree
    groups = [
        tree.children(node.type_id)
        for node in tree.nodes
        if not node.is_leaf and all(tree[child].is_leaf for child in tree.children(node.type_id))
    ]
    copied = [leaves for leaves in groups if len(leaves) < len(board.leaves)]
    base = subject.scores(board)
    at_once = with_copies(subject, board, copied)
    doubled = (subject.cloned_scores(board, leaves) for leaves in copied) if at_once is None else at_once
    return all(
        np.allclose(scores, base, rtol=0, atol=10.0**-TIE_DECIMALS, equal_nan=True) for scores in doubled
    )


def benchmark_influence(
    scheme: Scheme, board: Board, convention: Convention | None = None
) -> tuple[BenchmarkInfluence, ...]:
    """Leave each leaf out in turn: how far ranks shift, on average and at most, and which model (id) moves most.

    Of equals the smallest id. A leaf is passed over if the scheme cannot do without it.
    """
    before = ranks_of_all(aggregated(scheme, board, convention))
    found = []
    for j, leaf in enumerate(board.leaves):
        rest = board.take(columns=[c for c in range(len(board.leaves)) if c != j])
        if not rest.leaves:
            break
        try:
            without = aggregated(scheme, rest, convention)
        except BoardError:
            continue
        shift = np.abs(ranks_of_all(without) - before)
        largest = int(shift.max())
        moved = min(board.ids[i] for i in np.flatnonzero(shift == largest))
        found.append(BenchmarkInfluence(leaf, float(shift.mean()), largest, moved))
    return tuple(found)
