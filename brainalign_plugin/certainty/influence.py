"""Influence: one paper, benchmark or model left out, and what becomes of figures, claims, winner and ranks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..agreement.correlation import spearman_matrix
from ..arrays import FloatArray, IntArray, known
from ..data.board import Board
from ..ranking.boards import aggregated, aggregated_or_none, ranks_of_all, without
from ..schemes import Scheme, get_scheme
from .figures import OFFICIAL, behaviour_decides, benchmarks_conflict, headline

Kind = Literal["paper", "benchmark", "model"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One paper, benchmark or model left out of a board."""

    kind: Kind
    name: str  # The paper, the benchmark's type id, or the model's id
    figures: dict[str, float | None]  # Headline figures of the rest
    changes: dict[str, float | None]  # Differences from those of the whole board
    claims: dict[str, str | None]  # The poster's claims 1 and 2 on the rest: holds, weaker, fails
    winner: int | None = None  # First of the rest, the smallest id among equals; None where it has no ranks
    mean_shift: float | None = None  # Mean number of places that a model moves
    rho: float | None = None  # Spearman's correlation of the scheme's scores with those on the whole board


@dataclass(frozen=True, eq=False)
class Influence:
    """Influence of each paper, benchmark and model on a board."""

    left_out: tuple[LeftOut, ...]  # The largest change of the mean rank correlation first
    claims: dict[str, str | None]  # On the whole board
    ranks: dict[int, tuple[int, int]]  # Range of each rank with and without each paper, by the model's id

    def of(self, kind: Kind) -> tuple[LeftOut, ...]:
        """Return those of a kind, the largest change first."""
        return tuple(left for left in self.left_out if left.kind == kind)


def influence(board: Board) -> Influence:
    """Leave each paper, each benchmark and each model of a complete board out in turn, under the official average."""
    whole = _Whole(board, get_scheme(OFFICIAL))
    found = [*whole.without_papers(), *whole.without_benchmarks(), *whole.without_models()]
    ranks = np.array([ranks_of_all(whole.scores), *(ranks for left, ranks in found if left.kind == "paper")])
    return Influence(
        tuple(sorted((left for left, _ in found), key=lambda left: -abs(left.changes["mean_rho"] or 0.0))),
        _claims(whole.figures),
        dict(zip(board.ids, zip(ranks.min(axis=0).tolist(), ranks.max(axis=0).tolist(), strict=True), strict=True)),
    )


def leave_one_paper_out(board: Board, scheme: str = OFFICIAL) -> tuple[LeftOut, ...]:
    """Leave each paper of a complete board out in turn, in the order of the board."""
    return tuple(left for left, _ in _Whole(board, get_scheme(scheme)).without_papers())


class _Whole:
    """The whole board: its figures, correlations of pairs of leaves, and scores."""

    def __init__(self, board: Board, scheme: Scheme) -> None:
        self.board, self.scheme = board, scheme
        whole = headline(board)
        self.figures, self.rho = whole.first(), whole.rho
        self.scores = aggregated(scheme, board)

    def without_papers(self) -> Iterator[tuple[LeftOut, IntArray]]:
        return (self._without("paper", name, columns) for name, columns in self.board.papers.items())

    def without_benchmarks(self) -> Iterator[tuple[LeftOut, IntArray]]:
        return (self._without("benchmark", leaf, [j]) for j, leaf in enumerate(self.board.leaves))

    def without_models(self) -> Iterator[tuple[LeftOut, IntArray]]:
        n = len(self.board.models)
        without_each = headline(self.board, 1 - np.eye(n, dtype=np.int64))
        for i, model in enumerate(self.board.ids):
            rows = [k for k in range(n) if k != i]
            again = aggregated_or_none(self.scheme, self.board.take(rows=rows)) if rows else None
            yield self._left_out("model", str(model), without_each.row(i), rows, again)

    def _without(self, kind: Kind, name: str, columns: Iterable[int]) -> tuple[LeftOut, IntArray]:
        rows = range(len(self.board.models))
        left = np.isin(np.arange(len(self.board.leaves)), list(columns))
        rest = without(self.board, np.flatnonzero(left).tolist())
        if not rest.leaves:
            return self._left_out(kind, name, dict.fromkeys(self.figures), rows, None)
        first, second = np.triu_indices(len(left), k=1)
        figures = headline(rest, rho=self.rho[:, ~(left[first] | left[second])]).first()
        return self._left_out(kind, name, figures, rows, aggregated_or_none(self.scheme, rest))

    def _left_out(
        self, kind: Kind, name: str, figures: dict[str, float | None], rows: Sequence[int], again: FloatArray | None
    ) -> tuple[LeftOut, IntArray]:
        """Compare figures, and new scores of some rows, with the whole board's; the ranks stay where there are none."""
        changes = {
            figure: None if value is None or (before := self.figures[figure]) is None else value - before
            for figure, value in figures.items()
        }
        scores = self.scores[list(rows)]
        old = ranks_of_all(scores)
        if again is None:
            return LeftOut(kind, name, figures, changes, _claims(figures)), old
        ranks = ranks_of_all(again)
        winner = min(self.board.ids[row] for row, rank in zip(rows, ranks.tolist(), strict=True) if rank == 1)
        rho = float(spearman_matrix(np.column_stack([scores, again]))[0, 1])
        shift = float(np.abs(ranks - old).mean())
        left = LeftOut(kind, name, figures, changes, _claims(figures), winner, shift, known(rho))
        return left, ranks


def _claims(figures: dict[str, float | None]) -> dict[str, str | None]:
    rho, behavior, neural = (
        np.array([np.nan if (value := figures[name]) is None else value])
        for name in ("mean_rho", "r2_behavior", "r2_neural")
    )
    outcomes = {"conflict": benchmarks_conflict(rho), "behaviour_decides": behaviour_decides(behavior, neural)}
    return {claim: str(found[0]) or None for claim, found in outcomes.items()}
