"""The properties of a scheme, measured on a board: what a removed model, a rescaled or copied benchmark changes.

The three properties asked for by Ahlert, Klein, Wichmann, Geirhos (arXiv 2407.07530): independence of irrelevant
alternatives, robustness to a non-linear scale, a hierarchy that is respected; and the classical ones beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from joblib import Parallel, delayed

from ..aggregation import Convention, Scheme
from ..aggregation.registry import filled
from ..aggregation.scaling import NONE
from ..arrays import BoolArray, FloatArray, IntArray
from ..board import Board
from ..errors import BoardError
from ..references import Reference
from ..scales import TIE_DECIMALS, rounded
from .boards import aggregated, ranks_of_all, resolved_board, rule_for
from .orders import order_changes, sign_change_share
from .removal import scores_without_each
from .structure import same_order, sees_order_only

Rescale = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class Subject:
    """A scheme under audit, with the reference that it is bound to if it needs one and its rule for missing cells.

    What an audit does to a board it does to the reference alike, so that norms and scores stay on one scale. Missing
    cells are dealt with after the board has been changed: a rule may look at what was changed.
    """

    template: Scheme
    reference: Reference | None = None
    convention: Convention | None = None

    @property
    def scheme(self) -> Scheme:
        """The scheme as it is."""
        return self._bound(self.reference)

    def scores(self, board: Board) -> FloatArray:
        """Scores on a board, shape (n,)."""
        return aggregated(self.scheme, board, self.convention)

    def rescaled_scores(self, board: Board, leaf: str, rescale: Rescale) -> FloatArray:
        """Scores after one leaf has been put on another scale, shape (n,)."""
        return aggregated(
            self.rescaled_scheme(leaf, rescale), rescaled(board, leaf, rescale), self.convention
        )

    def rescaled_scheme(self, leaf: str, rescale: Rescale) -> Scheme:
        """The scheme after one leaf of its reference has been put on another scale."""
        return self._bound(None if self.reference is None else self.reference.transformed(leaf, rescale))

    def unscaled(self, board: Board) -> tuple[Subject, Board]:
        """A weighted mean without its scale, and the board on that scale: what is left is the mean."""
        scheme, resolved = self.scheme, resolved_board(self.scheme, board, self.convention)
        plain = Subject(replace(scheme, scale=NONE, conventions=("skip",)))
        return plain, replace(resolved, scores=scheme.scale.of(resolved))

    def cloned_scores(self, board: Board, leaves: Sequence[str]) -> FloatArray:
        """Scores after a copy of each given leaf has been added as its sibling, shape (n,)."""
        reference = self.reference
        taken = set(board.tree.index) | (set() if reference is None else set(reference.board.tree.index))
        copies = {leaf: _free_name(leaf, taken) for leaf in leaves}
        for leaf, copy in copies.items():
            reference = None if reference is None else reference.with_clone(leaf, copy)
        return aggregated(self._bound(reference), with_clones(board, copies), self.convention)

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


def halved(scores: FloatArray) -> FloatArray:
    """The affine rescaling that audits use: x/2."""
    return scores / 2


def squared(scores: FloatArray) -> FloatArray:
    """The strictly increasing rescaling (on [0, 1]) that audits use: x²."""
    return scores**2


def rescaled(board: Board, leaf: str, rescale: Rescale) -> Board:
    """Board on which one leaf is on another scale."""
    j, scores = board.leaves.index(leaf), np.array(board.scores)
    scores[:, j] = rescale(scores[:, j])
    return replace(board, scores=scores)


def scale_rate(
    subject: Subject, board: Board, rescale: Rescale, jobs: int = 1, base: FloatArray | None = None
) -> float:
    """Share of pairs whose order changes when one leaf is rescaled, averaged over the leaves.

    ``base`` are the scores on the board, shape (n,), if they are known already.
    """
    known, scheme = subject.scores(board) if base is None else base, subject.scheme
    rule = rule_for(scheme, subject.convention)
    ordinal = sees_order_only(scheme)
    unscaled = subject.unscaled(board) if scheme.weights is not None else None

    def altered(leaf: str) -> FloatArray:
        column = board.leaves.index(leaf)
        old, states = board.scores[:, column], board.states[:, column]
        new = rescale(old)
        if ordinal and same_order(old, new, states, rule):
            return known
        if unscaled is None:
            return subject.rescaled_scores(board, leaf, rescale)
        # A weighted mean puts each leaf on its scale by itself: the others stay where they are.
        scale = subject.rescaled_scheme(leaf, rescale).scale.for_leaf(leaf)
        plain, placed = unscaled
        scaled = np.array(placed.scores)
        scaled[:, column] = scale(filled(new[:, None], states[:, None], rule))[:, 0]
        return plain.scores(replace(placed, scores=scaled))

    return _mean_share(known, altered, board.leaves, jobs)


def clone_rate(subject: Subject, board: Board, jobs: int = 1) -> float:
    """Share of pairs whose order changes when a copy of one leaf is added as its sibling, averaged over the leaves."""
    if subject.scheme.weights is not None:
        # A copy comes to where its original is, so that only the weights are another matter.
        subject, board = subject.unscaled(board)
    return _mean_share(
        subject.scores(board), lambda leaf: subject.cloned_scores(board, [leaf]), board.leaves, jobs
    )


def _mean_share(
    base: FloatArray, altered: Callable[[str], FloatArray], leaves: Sequence[str], jobs: int
) -> float:
    rows = Parallel(n_jobs=jobs)(delayed(altered)(leaf) for leaf in leaves)
    return float(sign_change_share(base, np.array(rows)).mean())


def _free_name(leaf: str, taken: Collection[str]) -> str:
    """Type id for the copy of a leaf."""
    name = f"{leaf}#copy"
    while name in taken:
        name += "#copy"
    return name


def with_clones(board: Board, copies: Mapping[str, str]) -> Board:
    """Add a copy of each given leaf as its sibling, under the type id that it is mapped to."""
    columns = [board.leaves.index(leaf) for leaf in copies]
    nodes = [replace(board.tree[leaf], type_id=copy) for leaf, copy in copies.items()]
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
    """Entry (i, k): i is at least as good as k on all leaves and better on one. Shape (n, m) to (n, n).

    Who lacks a score neither dominates nor is dominated.
    """
    values = rounded(scores)
    n = len(values)
    at_least, better = np.ones((n, n), dtype=bool), np.zeros((n, n), dtype=bool)
    for column in values.T:
        at_least &= column[:, None] >= column
        better |= column[:, None] > column
    dominates: BoolArray = at_least & better
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
    if subject.scheme.weights is not None:
        subject, board = subject.unscaled(board)
    base = subject.scores(board)
    tree = board.tree
    groups = [
        tree.children(node.type_id)
        for node in tree.nodes
        if not node.is_leaf and all(tree[child].is_leaf for child in tree.children(node.type_id))
    ]
    return all(
        np.allclose(
            subject.cloned_scores(board, leaves), base, rtol=0, atol=10.0**-TIE_DECIMALS, equal_nan=True
        )
        for leaves in groups
        if len(leaves) < len(board.leaves)
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
