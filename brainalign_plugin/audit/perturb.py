"""Scores after a leaf has been changed or copied, or a model removed, by the scheme's own code.

Removals have closed forms where thousands of models would take minutes: a linear scheme whose scale gives its norms
without each model, and counts on the win matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..arrays import FloatArray, IntArray
from ..data.board import Board
from ..parallel import each
from ..ranking.boards import aggregated, ranks_of_all, resolved_board
from ..scales import ranks_from_bottom
from ..schemes import Convention, Scheme
from ..schemes.combining import scores_under
from ..schemes.missing import LOCAL_RULES, filled
from ..schemes.pairwise import pairwise_wins
from ..schemes.registry import rule_for

Rescale = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class Case:
    """A board under a scheme that is audited."""

    # Bound to its reference if it needs one. An audit changes the reference as it changes the board, so that
    # norms and scores stay on one scale.
    scheme: Scheme
    # ``n`` models on ``m`` leaves, before missing cells are filled: a rule may depend on the changed scores.
    board: Board
    convention: Convention | None = None  # Rule for missing cells; the scheme's own if None
    known: FloatArray | None = None  # Shape (n,); scores on the board, if they are known already

    @cached_property
    def rule(self) -> Convention:
        """Rule for missing cells."""
        return rule_for(self.scheme, self.convention)

    @cached_property
    def resolved(self) -> Board:
        """Board with filled missing cells."""
        return resolved_board(self.scheme, self.board, self.rule)

    @cached_property
    def scaled(self) -> FloatArray:
        """Scaled cells of the board, shape (n, m)."""
        return self.scheme.fitted_scale(self.resolved)(self.resolved.scores)

    @cached_property
    def base(self) -> FloatArray:
        """Scores on the board, shape (n,)."""
        return self.scheme.combined(self.scaled, self.resolved)[0] if self.known is None else self.known

    @cached_property
    def before(self) -> IntArray:
        """Ranks on the board, shape (n,)."""
        return ranks_of_all(self.base)

    @cached_property
    def cell_weights(self) -> FloatArray | None:
        """Weight of each cell, shape (n, m), where weights do not depend on the scores; else None."""
        if not self.scheme.fixed_weights:
            return None
        return self.scheme.linear_combination(self.scaled, self.resolved).cell_weights(self.scaled)

    def variants(self, j: int, columns: FloatArray, scheme: Scheme | None = None) -> Iterator[FloatArray]:
        """Yield the scores (n,) with each variant (n, v) of one leaf; ``scheme`` is that on the changed reference."""
        used, leaf = self.scheme if scheme is None else scheme, self.board.leaves[j]
        if not self.board.complete:
            columns = filled(columns, np.broadcast_to(self.board.states[:, j, None], columns.shape), self.rule)
        old, weights = self.scaled[:, j], self.cell_weights
        there, unmoved = ~np.isnan(old), np.zeros(columns.shape[1], dtype=np.bool_)
        if used.order_only:
            before, after = ranks_from_bottom(self.resolved.scores[:, [j]]), ranks_from_bottom(columns)
            unmoved = ((before == after) | (np.isnan(before) & np.isnan(after))).all(axis=0)
        for new, same in zip(used.scaled_variants(leaf, columns).T, unmoved, strict=True):
            if same:
                yield self.base
            elif weights is not None and np.array_equal(~np.isnan(new), there) and not np.isinf(new).any():
                yield self.base + np.where(there, weights[:, j] * (new - old), 0.0)
            else:
                scaled = self.scaled.copy()
                scaled[:, j] = new
                yield used.combined(scaled, self.resolved)[0]


def halved(scores: FloatArray) -> FloatArray:
    """Halve scores: the affine rescaling of audits."""
    return scores / 2


def squared(scores: FloatArray) -> FloatArray:
    """Square scores: the strictly increasing rescaling (on [0, 1]) of audits."""
    return scores**2


def rescaled_each(case: Case, rescale: Rescale) -> FloatArray:
    """Return the scores after rescaling one leaf, for each of the ``m`` leaves, shape (m, n)."""
    rows: list[FloatArray] = []
    norms = case.scheme.norms
    for j, leaf in enumerate(case.board.leaves):
        scheme = case.scheme if norms is None else case.scheme.bind(norms.transformed(leaf, rescale))
        rows.extend(case.variants(j, rescale(case.board.scores[:, [j]]), scheme))
    return np.array(rows)


def cloned(case: Case, copied: Sequence[Sequence[str]], jobs: int = 1) -> FloatArray:
    """Return the scores after adding copies of the leaves of a set as siblings, shape (number of sets, n)."""
    if case.scheme.unfitted and copied:
        times = np.array([[1.0 + (leaf in leaves) for leaf in case.board.leaves] for leaves in copied])
        return scores_under(case.scheme.fitted_combination(case.scaled, case.resolved), case.scaled, times)
    scores = list(each(lambda leaves: _cloned(case, leaves), copied, jobs))
    return np.array(scores).reshape(len(copied), len(case.board.models))


def _cloned(case: Case, leaves: Sequence[str]) -> FloatArray:
    if case.scheme.wins is not None and case.scheme.order_only:
        # Pairwise wins need no tree.
        again = case.scaled[:, [case.board.leaves.index(leaf) for leaf in leaves]]
        return case.scheme.combined(np.column_stack([case.scaled, again]), case.resolved)[0]
    norms = case.scheme.norms
    taken = set(case.board.tree.index) | (set() if norms is None else set(norms.board.tree.index))
    copies = {}
    for leaf in leaves:
        copies[leaf] = f"{leaf}#copy"
        while copies[leaf] in taken:
            copies[leaf] += "#copy"
    for leaf, copy in copies.items():
        norms = None if norms is None else norms.with_clone(leaf, copy)
    scheme = replace(case.scheme, norms=norms)
    board = case.board.with_copies({leaf: (copy,) for leaf, copy in copies.items()})
    return aggregated(scheme, board, case.rule)


def scores_without_each(case: Case, jobs: int = 1) -> FloatArray:
    """Return the scores after each model has been removed, (n, n): row k without model k, whose entry means nothing.

    Missing cells are filled after the removal, because a rule may depend on the other models. NaN for a model that the
    scheme cannot score.
    """
    scheme, board = case.scheme, case.board
    n = len(board.models)
    others_stay = board.complete or case.rule in LOCAL_RULES
    if scheme.independent and others_stay:
        return np.tile(case.base, (n, 1))
    closed = scheme.scale.without_each
    if board.complete and closed is not None and scheme.fixed_weights:
        combination = scheme.linear_combination(case.scaled, board)
        return closed(board.scores, combination.cell_weights(np.zeros((1, len(board.leaves))))[0])
    if scheme.without_each is not None and scheme.order_only and others_stay:
        scores = scheme.without_each(pairwise_wins(case.scaled))
        return np.where(np.isnan(case.scaled).all(axis=1), np.nan, scores)
    scores = np.array(list(each(lambda k: _without(case, k), range(n), jobs))).reshape(n, n)
    np.fill_diagonal(scores, 0.0)
    return scores


def has_closed_form(scheme: Scheme) -> bool:
    """Return whether all removals from a complete board are scored in closed form."""
    if scheme.wins is not None:
        return scheme.order_only and scheme.without_each is not None
    return scheme.independent or (scheme.fixed_weights and scheme.scale.without_each is not None)


def _without(case: Case, k: int) -> FloatArray:
    others = np.delete(np.arange(len(case.board.models)), k)
    scores = np.zeros(len(case.board.models))
    if len(others):
        scores[others] = aggregated(case.scheme, case.board.take(rows=others.tolist()), case.rule)
    return scores
