"""Influence: one paper, one benchmark or one model left out, and what becomes of figures, winner and ranks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..agreement.correlation import spearman_matrix
from ..arrays import FloatArray, IntArray
from ..data.board import Board
from ..errors import BoardError
from ..ranking.boards import aggregated, aggregated_or_none, ranks_of_all
from ..schemes import Scheme, get_scheme
from .figures import headline, rank_correlations

SCHEME = "HIER"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One paper, benchmark or model left out of a board."""

    name: str  # The paper, the leaf's type id, or the model's id
    figures: dict[str, float | None]  # Headline figures of the rest
    changes: dict[str, float | None]  # Differences from those of the whole board
    # Id of the first model of the rest, the smallest id among equals; None where the scheme cannot rank the rest.
    winner: int | None
    mean_shift: float | None  # Mean number of places that a model moves
    rho: float | None  # Spearman's correlation of the scheme's scores with those on the whole board

    @property
    def size(self) -> float:
        """Absolute change of the mean rank correlation; 0 where it is unknown."""
        return abs(self.changes["mean_rho"] or 0.0)


@dataclass(frozen=True, eq=False)
class Influence:
    """Influence of single papers, benchmarks and models on a board of ``n`` models, the largest first."""

    scheme: str
    figures: dict[str, float | None]  # Of the whole board
    winner: int  # Id of the first model
    # By the change in the mean rank correlation
    papers: tuple[LeftOut, ...]
    benchmarks: tuple[LeftOut, ...]
    models: tuple[LeftOut, ...]
    ids: tuple[int, ...]  # Length n
    # Shape (n,); each model's range of ranks over the boards without one paper, the whole board included.
    best: IntArray
    worst: IntArray


def influence(board: Board, scheme: str | Scheme = SCHEME, models: bool = True) -> Influence:
    """Leave each paper, each benchmark and each model (if ``models``) out of a complete board in turn."""
    used = get_scheme(scheme)
    if not board.models or not board.leaves:
        raise BoardError(
            f"influence was asked on {len(board.models)} models and {len(board.leaves)} benchmarks; it needs one of "
            "each: take another snapshot or a looser cleaning"
        )
    whole = _Whole(board, used)
    papers, ranges = without_papers(whole)
    singly = {leaf: [j] for j, leaf in enumerate(board.leaves)}
    return Influence(
        used.name,
        whole.figures,
        _winner(whole.ranks, board.ids),
        _largest_first(papers),
        _largest_first(whole.without(name, columns)[0] for name, columns in singly.items()),
        _largest_first(_without_models(whole)) if models else (),
        board.ids,
        np.min(ranges, axis=0),
        np.max(ranges, axis=0),
    )


def leave_one_paper_out(board: Board, scheme: str | Scheme = SCHEME) -> tuple[LeftOut, ...]:
    """Leave each paper of a complete board out in turn, in the order of the board."""
    return without_papers(_Whole(board, get_scheme(scheme)))[0]


class _Whole:
    """The whole board: its figures, correlations of pairs of leaves, scores and ranks."""

    def __init__(self, board: Board, scheme: Scheme) -> None:
        self.board, self.scheme = board, scheme
        self.rho = rank_correlations(board.scores, np.ones((1, len(board.models)), dtype=np.int64))
        self.figures = headline(board, rho=self.rho).first()
        self.scores = aggregated(scheme, board)
        self.ranks = ranks_of_all(self.scores)

    def left_out(
        self, name: str, figures: dict[str, float | None], rows: Sequence[int], scores: FloatArray | None
    ) -> LeftOut:
        """Compare figures, and scores of some rows (None where the scheme gives none), with the whole board's."""
        changes: dict[str, float | None] = {}
        for figure, value in figures.items():
            before = self.figures[figure]
            changes[figure] = None if value is None or before is None else value - before
        if scores is None:
            return LeftOut(name, figures, changes, None, None, None)
        ranks, rho = ranks_of_all(scores), spearman_matrix(np.column_stack([self.scores[rows], scores]))[0, 1]
        return LeftOut(
            name,
            figures,
            changes,
            _winner(ranks, [self.board.ids[i] for i in rows]),
            float(np.abs(ranks - ranks_of_all(self.scores[rows])).mean()),
            None if np.isnan(rho) else float(rho),
        )

    def without(self, name: str, columns: Iterable[int]) -> tuple[LeftOut, IntArray]:
        """Leave columns out, and return the ranks too: those of the whole board where the scheme gives none."""
        dropped = np.zeros(len(self.board.leaves), dtype=bool)
        dropped[list(columns)] = True
        rows = range(len(self.board.models))
        if dropped.all():
            return self.left_out(name, dict.fromkeys(self.figures), rows, None), self.ranks
        rest = self.board.take(columns=np.flatnonzero(~dropped).tolist())
        first, second = np.triu_indices(len(dropped), k=1)
        figures = headline(rest, rho=self.rho[:, ~dropped[first] & ~dropped[second]]).first()
        scores = aggregated_or_none(self.scheme, rest)
        ranks = self.ranks if scores is None else ranks_of_all(scores)
        return self.left_out(name, figures, rows, scores), ranks


def without_papers(whole: _Whole) -> tuple[tuple[LeftOut, ...], IntArray]:
    """Leave each paper out, and return the ranks on the whole board and on each of these, shape (papers + 1, n)."""
    found = [whole.without(name, columns) for name, columns in whole.board.papers.items()]
    return tuple(left for left, _ in found), np.array([whole.ranks, *(ranks for _, ranks in found)])


def _without_models(whole: _Whole) -> tuple[LeftOut, ...]:
    board, n = whole.board, len(whole.board.models)
    counts = np.ones((n, n), dtype=np.int64) - np.eye(n, dtype=np.int64)
    values = headline(board, counts).values
    found = []
    for i, model in enumerate(board.ids):
        figures = {name: None if np.isnan(column[i]) else float(column[i]) for name, column in values.items()}
        others = [k for k in range(n) if k != i]
        scores: FloatArray | None = None
        if others:
            alone = whole.scheme.independent
            scores = (
                whole.scores[others] if alone else aggregated_or_none(whole.scheme, board.take(rows=others))
            )
        found.append(whole.left_out(str(model), figures, others, scores))
    return tuple(found)


def _winner(ranks: IntArray, ids: Sequence[int]) -> int:
    """Return the id of the first model, the smallest among equals."""
    return int(np.array(ids)[ranks == ranks.min()].min())


def _largest_first(found: Iterable[LeftOut]) -> tuple[LeftOut, ...]:
    return tuple(sorted(found, key=lambda left: -left.size))
