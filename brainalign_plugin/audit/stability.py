"""Properties of a scheme, measured on a board: effects of a removed model, a rescaled or a copied benchmark.

The three properties asked for by Ahlert, Klein, Wichmann, Geirhos (arXiv 2407.07530): independence of irrelevant
alternatives, robustness to a non-linear scale, a hierarchy that is respected; and the classical ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import FloatArray, IntArray
from ..errors import BoardError
from ..ranking.boards import aggregated, ranks_of_all
from ..ranking.compare import dominance
from ..scales import TIE_DECIMALS, rounded
from .orders import order_changes, sign_change_share
from .perturb import Case, Rescale, cloned, cloned_each, rescaled_each, scores_without_each


@dataclass(frozen=True, slots=True)
class FragilePair:
    """Two models (ids) and the number of removals that change their order."""

    one: int
    other: int
    removals: int


@dataclass(frozen=True, eq=False)
class RemovalAudit:
    """Independence of irrelevant alternatives: order changes after the removal of each of ``n`` models."""

    # Share of (removed model, pair of others) whose order changes, n · C(n-1, 2) in all; None with fewer than
    # three models.
    rate: float | None
    # Id of the model whose removal changes most pairs, the smallest id among equals (of all models where no
    # removal changes any: see `worst_changes`).
    worst_spoiler: int | None
    worst_changes: int  # Number of pairs that it changes
    changes: IntArray  # Shape (n,); pairs changed by each removal
    fragile: tuple[FragilePair, ...]


@dataclass(frozen=True, eq=False)
class BenchmarkInfluence:
    """Effect of leaving out one leaf on the ranks under a scheme."""

    leaf: str
    mean_shift: float
    max_shift: int
    most_moved: int


def audit_removal(case: Case, jobs: int = 1) -> RemovalAudit:
    """Measure independence of irrelevant alternatives exactly: remove each model, compare all pairs of others."""
    board = case.board
    n = len(board.models)
    if n < 3:
        return RemovalAudit(None, None, 0, np.zeros(n, dtype=np.int64), ())
    found = order_changes(case.base, scores_without_each(case, jobs), removed=np.arange(n))
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


def scale_shares(case: Case, rescale: Rescale) -> FloatArray:
    """Compute the share of pairs whose order changes when one leaf is rescaled, for each of the ``m`` leaves; (m,)."""
    return sign_change_share(case.base, rescaled_each(case, rescale))


def scale_rate(case: Case, rescale: Rescale) -> float:
    """Compute the mean of `scale_shares` over the leaves."""
    return float(scale_shares(case, rescale).mean())


def clone_rate(case: Case, jobs: int = 1) -> float:
    """Return the share of pairs whose order changes when a leaf is copied, averaged over the leaves."""
    return float(sign_change_share(case.base, cloned_each(case, jobs)).mean())


def pareto_violations(case: Case) -> int:
    """Count the pairs in which one model is at least as good on all leaves, better on one, and ranked below."""
    scores = rounded(case.base)
    return int((dominance(case.resolved.scores) & (scores[:, None] < scores)).sum())


def respects_hierarchy(case: Case) -> bool:
    """Return whether doubling all leaves of a group, inside the group, keeps every score.

    Doubling all its leaves keeps the mean of a group, so a score that changes shows that the group's weight in the
    aggregate has changed. Measured on every group that holds leaves only, because among siblings that are leaves and
    groups, doubling the leaves shifts weight inside their common parent.
    """
    board, tree = case.board, case.board.tree
    groups = [
        tree.children(node.type_id)
        for node in tree.nodes
        if not node.is_leaf and all(tree[child].is_leaf for child in tree.children(node.type_id))
    ]
    # One group at a time: where the first changes a score, no other needs a fit.
    return all(
        np.allclose(cloned(case, [leaves])[0], case.base, rtol=0, atol=10.0**-TIE_DECIMALS, equal_nan=True)
        for leaves in groups
        if len(leaves) < len(board.leaves)
    )


def benchmark_influence(case: Case) -> tuple[BenchmarkInfluence, ...]:
    """Leave each leaf out in turn; mean and largest shift of ranks, and the model (of equals the smallest id)."""
    board, found = case.board, []
    for j, leaf in enumerate(board.leaves):
        rest = board.take(columns=[c for c in range(len(board.leaves)) if c != j])
        if not rest.leaves:
            break
        try:
            without = aggregated(case.scheme, rest, case.rule)
        except BoardError:
            continue
        shift = np.abs(ranks_of_all(without) - case.before)
        largest = int(shift.max())
        moved = min(board.ids[i] for i in np.flatnonzero(shift == largest))
        found.append(BenchmarkInfluence(leaf, float(shift.mean()), largest, moved))
    return tuple(found)
