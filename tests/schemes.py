"""Schemes for tests: every registered one, bound to norms, and boards on which equality can be asked for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

# Importing the audit registers every scheme of this package.
import brainalign_plugin.audit.audit  # noqa: F401
from brainalign_plugin.audit.perturb import Case
from brainalign_plugin.data.board import Board
from brainalign_plugin.files.reference import Reference
from brainalign_plugin.ranking.boards import aggregated
from brainalign_plugin.schemes import Scheme, get_scheme, scheme_names
from tests.boards import SCORED, boards, day, models_of, small_tree, snapshot_of

SCHEMES = scheme_names()
_FITTED = [name for name in SCHEMES if "UNIVERSE" in name]


def by_turns(turn: int, without: Collection[str] = ()) -> list[str]:
    """Every scheme, of those that fit variance components (some ten milliseconds a time) one by turns."""
    fitted = set(_FITTED) - {_FITTED[turn % len(_FITTED)]}
    return [name for name in SCHEMES if name not in fitted and name not in without]


def reference_of(board: Board) -> Reference:
    """Norms for each leaf of a board: its own cells and those of two more models, since norms need two scores."""
    tree, more = small_tree(), np.full((2, len(board.leaves)), [[0.2], [0.65]])
    whole = replace(
        board,
        models=models_of(len(board.models) + 2),
        scores=np.vstack([board.scores, more]),
        states=np.vstack([board.states, np.full(more.shape, SCORED)]),
        errors=np.vstack([board.errors, np.full(more.shape, np.nan)]),
    )
    return Reference("given-board", day(9), snapshot_of(tree, [[0.5] * len(tree.leaves())]), whole)


def bound(name: str, board: Board) -> Scheme:
    """A registered scheme, on the norms of the given board if it needs norms."""
    scheme = get_scheme(name)
    return scheme.bind(reference_of(board)) if scheme.needs_norms else scheme


def case_of(name: str, board: Board, choice: int = 0) -> Case:
    """A registered scheme on a board, under one of its rules for missing cells."""
    scheme = bound(name, board)
    return Case(scheme, board, scheme.conventions[choice % len(scheme.conventions)])


def rescaled_scores(case: Case, leaf: str, rescale) -> np.ndarray:
    """Scores of a board on which one leaf is on another scale, and the reference likewise."""
    norms, scores = case.scheme.norms, np.array(case.board.scores)
    column = case.board.leaves.index(leaf)
    scores[:, column] = rescale(scores[:, column])
    scheme = replace(case.scheme, norms=None if norms is None else norms.transformed(leaf, rescale))
    return aggregated(scheme, replace(case.board, scores=scores), case.rule)


def cloned_scores(case: Case, leaves) -> np.ndarray:
    """Scores of a board on which each given leaf has a copy beside it, and the reference likewise."""
    norms, copies = case.scheme.norms, {leaf: (f"{leaf} again",) for leaf in leaves}
    for leaf, (copy,) in copies.items():
        norms = None if norms is None else norms.with_clone(leaf, copy)
    return aggregated(replace(case.scheme, norms=norms), case.board.with_copies(copies), case.rule)


def spaced(board: Board) -> Board:
    """The board with scores that tie or lie 1e-4 apart.

    Nearer ones are a question of rounding: a z-score of a spread of 1e-9 has few digits whoever computes it.
    """
    coarse = np.round(board.scores, 4)
    near = np.abs(board.scores - coarse) < 2e-10
    return replace(board, scores=np.where(near, board.scores, coarse))


def complete_boards(models: tuple[int, int] = (1, 7), max_leaves: int = 6) -> st.SearchStrategy[Board]:
    """Complete boards with at least one leaf; ties, constants and scores within 1e-10 are frequent."""
    drawn = boards(models=models, max_leaves=max_leaves, missing=False)
    return drawn.filter(lambda board: bool(board.leaves)).map(spaced)


def incomplete_boards(models: tuple[int, int] = (2, 7), max_leaves: int = 6) -> st.SearchStrategy[Board]:
    """Boards on which every model and every leaf has a score, as the full board has them; cells are missing."""

    def kept(board: Board) -> Board:
        scored = ~np.isnan(board.scores)
        return board.take(np.flatnonzero(scored.any(axis=1)).tolist(), np.flatnonzero(scored.any(axis=0)).tolist())

    drawn = boards(models=models, max_leaves=max_leaves).map(kept)
    return drawn.filter(lambda b: len(b.models) >= models[0] and bool(b.leaves)).map(spaced)
