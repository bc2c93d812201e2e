"""The properties of a scheme, measured on a board: what a removed model, a rescaled or copied benchmark changes.

The three properties asked for by Ahlert, Klein, Wichmann, Geirhos (arXiv 2407.07530): independence of irrelevant
alternatives, robustness to a non-linear scale, a hierarchy that is respected; and the classical ones beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from joblib import Parallel, delayed

from ..aggregation import Convention, Scheme
from ..arrays import BoolArray, FloatArray, IntArray
from ..board import Board
from ..references import Reference
from ..scales import TIE_DECIMALS, competition_ranks, ranks_from_bottom, rounded
from .boards import aggregated
from .orders import order_changes, sign_change_share
from .removal import leaf_weights, scores_without_each

Rescale = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class Subject:
    """A scheme under audit, with the reference that it is bound to if it needs one.

    What an audit does to a board it does to the reference alike, so that norms and scores stay on one scale.
    """

    template: Scheme
    reference: Reference | None = None

    @property
    def scheme(self) -> Scheme:
        """The scheme as it is."""
        return self._bound(self.reference)

    def rescaled(self, leaf: str, rescale: Rescale) -> Scheme:
        """Return the scheme for boards on which one leaf is rescaled."""
        return self._bound(self.reference.transformed(leaf, rescale) if self.reference is not None else None)

    def cloned(self, leaves: list[str]) -> Scheme:
        """Return the scheme for boards on which leaves have a copy."""
        reference = self.reference
        for leaf in leaves:
            reference = None if reference is None else reference.with_clone(leaf, clone_name(leaf))
        return self._bound(reference)

    def _bound(self, reference: Reference | None) -> Scheme:
        if self.template.bind is None or reference is None:
            return self.template
        return self.template.bind(reference)


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


def audit_removal(scheme: Scheme, board: Board, convention: Convention | None = None, jobs: int = 1) -> RemovalAudit:
    """Measure independence of irrelevant alternatives exactly: every model removed, every pair of the others."""
    n = len(board.models)
    if n < 3:
        return RemovalAudit(None, None, 0, np.zeros(n, dtype=np.int64), ())
    base = aggregated(scheme, board, convention)
    found = order_changes(base, scores_without_each(scheme, board, convention, jobs), removed=np.arange(n))
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


def halved(scores: FloatArray) -> FloatArray:
    """The affine rescaling that audits use: x/2."""
    return scores / 2


def squared(scores: FloatArray) -> FloatArray:
    """The strictly increasing rescaling (on [0, 1]) that audits use: x²."""
    return scores**2


def scale_rate(subject: Subject, board: Board, rescale: Rescale, jobs: int = 1) -> float:
    """Share of pairs whose order changes when one leaf is rescaled, averaged over the leaves."""
    base = subject.scheme.scores(board)

    def altered(j: int) -> FloatArray:
        scores = np.array(board.scores)
        scores[:, j] = rescale(scores[:, j])
        if subject.template.family == "ordinal" and _same_order(board.scores[:, j], scores[:, j]):
            return base
        return subject.rescaled(board.leaves[j], rescale).scores(replace(board, scores=scores))

    return _mean_share(base, altered, len(board.leaves), jobs)


def _same_order(one: FloatArray, other: FloatArray) -> bool:
    columns = ranks_from_bottom(np.column_stack([one, other]))
    return bool(np.array_equal(columns[:, 0], columns[:, 1], equal_nan=True))


def clone_rate(subject: Subject, board: Board, jobs: int = 1) -> float:
    """Share of pairs whose order changes when a copy of one leaf is added as its sibling, averaged over the leaves."""

    def altered(j: int) -> FloatArray:
        leaf = board.leaves[j]
        return subject.cloned([leaf]).scores(with_clones(board, [leaf]))

    return _mean_share(subject.scheme.scores(board), altered, len(board.leaves), jobs)


def _mean_share(base: FloatArray, altered: Callable[[int], FloatArray], leaves: int, jobs: int) -> float:
    rows = Parallel(n_jobs=jobs)(delayed(altered)(j) for j in range(leaves))
    return float(sign_change_share(base, np.array(rows)).mean())


def clone_name(leaf: str) -> str:
    """Type id of the copy of a leaf."""
    return f"{leaf}#copy"


def with_clones(board: Board, leaves: list[str]) -> Board:
    """Add a copy of each given leaf as its sibling."""
    columns = [board.leaves.index(leaf) for leaf in leaves]
    nodes = [replace(board.tree[leaf], type_id=clone_name(leaf)) for leaf in leaves]
    return Board(
        domain=board.domain,
        models=board.models,
        tree=type(board.tree)((*board.tree.nodes, *nodes)),
        leaves=(*board.leaves, *(node.type_id for node in nodes)),
        scores=np.column_stack([board.scores, board.scores[:, columns]]),
        states=np.column_stack([board.states, board.states[:, columns]]),
        errors=np.column_stack([board.errors, board.errors[:, columns]]),
    )


def dominance(scores: FloatArray) -> BoolArray:
    """Entry (i, k): i is at least as good as k on all leaves and better on one. Complete scores (n, m) to (n, n)."""
    values = rounded(scores)
    n = len(values)
    at_least, better = np.ones((n, n), dtype=bool), np.zeros((n, n), dtype=bool)
    for column in values.T:
        at_least &= column[:, None] >= column
        better |= column[:, None] > column
    dominates: BoolArray = at_least & better
    return dominates


def pareto_violations(scheme: Scheme, board: Board) -> int:
    """Pairs in which one model is at least as good on all leaves, better on one, and ranked below."""
    base = rounded(scheme.scores(board))
    return int((dominance(board.scores) & (base[:, None] < base)).sum())


def monotonicity_violations(scheme: Scheme, board: Board, step: float = 0.01, jobs: int = 1) -> int:
    """Cells whose raising by ``step`` (capped at 1) lowers the rank of their model."""
    before = competition_ranks(scheme.scores(board))
    if scheme.weights is not None and board.complete:
        return _monotonicity_of_means(scheme, board, step, before)

    def lowered(i: int) -> int:
        count = 0
        for j in range(len(board.leaves)):
            scores = np.array(board.scores)
            scores[i, j] = min(scores[i, j] + step, 1.0)
            if scores[i, j] > board.scores[i, j]:
                after = competition_ranks(scheme.scores(replace(board, scores=scores)))
                count += bool(after[i] > before[i])
        return count

    counts: list[int] = Parallel(n_jobs=jobs)(delayed(lowered)(i) for i in range(len(board.models)))
    return sum(counts)


def _monotonicity_of_means(scheme: Scheme, board: Board, step: float, before: IntArray) -> int:
    weights = leaf_weights(scheme, board)
    base = scheme.scores(board)
    own = np.arange(len(board.models))
    count = 0
    for j, weight in enumerate(weights):
        column = board.scores[:, j]
        # One column a variant: in variant i the score of model i is raised, whatever the scale makes of it.
        variants = np.repeat(column[:, None], len(column), axis=1)
        variants[own, own] = np.minimum(column + step, 1.0)
        scale = scheme.scale.for_leaf(board.leaves[j])
        moved = (base - weight * scale(column[:, None])[:, 0])[:, None] + weight * scale(variants)
        values = rounded(moved)
        after = 1 + (values > values[own, own]).sum(axis=0)
        count += int((after > before).sum())
    return count


def respects_hierarchy(subject: Subject, board: Board) -> bool:
    """Whether doubling all leaves of a group, inside the group, leaves every score as it was.

    Doubled as a whole, the group says what it said before; a score that moves all the same shows that the group's
    weight in the aggregate has changed. Measured on every group that holds leaves only, because where leaves and
    groups are siblings, doubling the leaves shifts weight inside their common parent.
    """
    base = subject.scheme.scores(board)
    tree = board.tree
    groups = [
        list(tree.children(node.type_id))
        for node in tree.nodes
        if not node.is_leaf and all(tree[child].is_leaf for child in tree.children(node.type_id))
    ]
    return all(
        np.allclose(
            subject.cloned(leaves).scores(with_clones(board, leaves)), base, rtol=0, atol=10.0**-TIE_DECIMALS
        )
        for leaves in groups
        if len(leaves) < len(board.leaves)
    )


def benchmark_influence(scheme: Scheme, board: Board) -> tuple[BenchmarkInfluence, ...]:
    """Leave each leaf out in turn: how far ranks shift, on average and at most, and which model (id) moves most."""
    before = competition_ranks(scheme.scores(board))
    found = []
    for j, leaf in enumerate(board.leaves):
        rest = board.take(columns=[c for c in range(len(board.leaves)) if c != j])
        if not rest.leaves:
            break
        shift = np.abs(competition_ranks(scheme.scores(rest)) - before)
        largest = int(shift.max())
        moved = min(board.ids[i] for i in np.flatnonzero(shift == largest))
        found.append(BenchmarkInfluence(leaf, float(shift.mean()), largest, moved))
    return tuple(found)
