"""Panels over time: what is held fixed while boards come, and cohorts of models by their first score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from brainalign_plugin.data.board import Board
from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.snapshot import Snapshot

from .changes import tolerance

# Fewest models of a cohort.
COHORT = 20
Key = TypeVar("Key", int, str)


def new_share(earlier: Board, later: Board) -> float:
    """Return the share of the later board's cells that the earlier one lacks, or has with another value."""
    if not later.scores.size:
        return 0.0
    _, was, now = np.intersect1d(earlier.ids, later.ids, return_indices=True)
    leaves = in_all([earlier.leaves, later.leaves])
    one, other = earlier.scores_on(leaves)[was], later.scores_on(leaves)[now]
    same = int((np.abs(other - one) <= tolerance(one, other)).sum())
    return 1 - same / later.scores.size


def with_benchmarks(board: Board, leaves: Sequence[str]) -> Board:
    """Return the given leaves of a board, and all models with a score on all of them."""
    cut = board.take(columns=[board.leaves.index(leaf) for leaf in leaves])
    return cut.take(rows=np.flatnonzero(~np.isnan(cut.scores).any(axis=1)).tolist())


def with_models(board: Board, models: Sequence[int]) -> Board:
    """Return the given models of a board, and all leaves that all of them have a score on."""
    cut = board.take(rows=[board.ids.index(model) for model in models])
    scored = ~np.isnan(cut.scores).any(axis=0) & (len(models) > 0)
    return cut.take(columns=np.flatnonzero(scored).tolist())


def common_panel(boards: Sequence[Board], kept: Sequence[Sequence[str]]) -> list[Board]:
    """Cut uncleaned boards to the leaves kept on all, and the models with scores on these: scores alone differ."""
    if not boards:
        return []
    leaves = in_all(kept)
    cut = [with_benchmarks(board, leaves) for board in boards]
    models = in_all([board.ids for board in cut])
    return [board.take(rows=[board.ids.index(model) for model in models]) for board in cut]


def in_all(groups: Sequence[Sequence[Key]]) -> list[Key]:
    """Return the members of all of some groups, sorted."""
    return sorted(frozenset(groups[0]).intersection(*groups[1:])) if groups else []


def first_years(snapshot: Snapshot) -> dict[int, int]:
    """Return the year (UTC) of each model's first score in any version; a model without a time is left out."""
    old = snapshot.superseded
    now, then = snapshot.states == CellState.SCORED, old.states == CellState.SCORED
    rows = np.concatenate([np.nonzero(now)[0], old.row[then]])
    times = np.concatenate([snapshot.scored_at[now], old.scored_at[then]])
    known = ~np.isnat(times)
    years = times[known].astype("datetime64[Y]").astype(np.int64) + 1970
    first = np.full(len(snapshot.models), np.iinfo(np.int64).max)
    np.minimum.at(first, rows[known], years)
    return {
        model.id: year
        for model, year in zip(snapshot.models, first.tolist(), strict=True)
        if year < np.iinfo(np.int64).max
    }


def cohorts(board: Board, years: Mapping[int, int]) -> dict[int, Board]:
    """Return the models of a cleaned board that were first scored in each year, where they are at least 20."""
    rows: dict[int, list[int]] = {}
    for i, model in enumerate(board.ids):
        if model in years:
            rows.setdefault(years[model], []).append(i)
    return {year: board.take(rows=some) for year, some in sorted(rows.items()) if len(some) >= COHORT}
