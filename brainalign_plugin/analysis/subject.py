"""A scheme under audit, and what an audit does to a board and to the scheme's reference alike."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..aggregation import Convention, Scheme
from ..arrays import FloatArray
from ..board import Board
from ..references import Reference
from .boards import aggregated

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
