"""The tree behind the columns of a CSV export, which lists benchmarks in depth-first order without their parents.

A group's column is the mean of its children's columns for every model, FAILED and NEVER as 0: of the scores capped to
[0, 1], or of those above 1 as they are, as the site had it until 2026. So which columns are children of which is read
from the numbers, and a tree that is found is proven by them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..arrays import FloatArray, StateArray
from ..data.official import CellState

_REGIONS = frozenset({"V1", "V2", "V4", "IT"})
_ANY = 3
# With fewer scored models a mean may fit by chance.
_ENOUGH_MODELS = 3
# Twenty times a full board's; with one or two models nearly every tree fits.
_MOST_STEPS = 20_000
# The site kept some groups' values that a score corrected later no longer explains: 5 of 246 models in May 2025.
_MOST_STALE = 0.05


@dataclass(eq=False)
class _Search:
    names: Sequence[str]
    values: FloatArray
    counted: FloatArray
    states: StateArray
    units: FloatArray
    groups: Mapping[str, bool]
    ranks: Sequence[int]
    engineering: int
    stale: float
    steps: int
    ends: dict[int, dict[int, tuple[int, ...]]] = field(default_factory=dict)
    ambiguous: set[tuple[int, int]] = field(default_factory=set)


def column_parents(
    names: Sequence[str], values: FloatArray, states: StateArray, decimals: int, groups: Mapping[str, bool]
) -> dict[str, str | None] | None:
    """Find the parent of each column; None if no tree explains the numbers, or more than one does.

    `names`: type ids in depth-first order. `values`, `states`: shape (n, k), as printed. `decimals`: of printed scores
    below 1. `groups`: whether some names are groups, where it is known.
    """
    # From 1 on, the site prints one decimal; what it prints with two was rounded to three before.
    half = 10.0**-decimals / 2 + (0.0005 if decimals == 2 else 0)
    units = np.where(np.abs(values) >= 1, 0.1, 2 * half)
    engineering = next((i for i, name in enumerate(names) if name.startswith("engineering_")), len(names))
    raw = np.nan_to_num(values)
    capped = raw.copy()
    capped[:, :engineering] = np.clip(raw[:, :engineering], 0, 1)
    averaged = any(name.startswith("average_") for name in names)
    ranks = [_rank(name, averaged) for name in names]
    steps = 0
    for stale in (0.0, _MOST_STALE):
        for counted in (capped, raw):
            search = _Search(names, values, counted, states, units, groups, ranks, engineering, stale, steps)
            found = _parents(search)
            steps = search.steps
            if found is not None or steps >= _MOST_STEPS:
                return found
    return None


def _parents(search: _Search) -> dict[str, str | None] | None:
    names = search.names
    for start in reversed(range(len(names))):  # so that no search has to go deep
        _ends(search, start)
    roots = _cover(search)
    if roots is None or search.steps >= _MOST_STEPS:
        return None
    parents: dict[str, str | None] = {}
    stack: list[tuple[int, int, str | None]] = [(start, end, None) for start, end in roots]
    while stack:
        start, end, parent = stack.pop()
        if (start, end) in search.ambiguous:
            return None
        parents[names[start]] = parent
        children = _ends(search, start)[end]
        bounds = [*children[1:], end]
        stack += [(child, bound, names[start]) for child, bound in zip(children, bounds, strict=bool(children))]
    return parents


def _cover(search: _Search) -> list[tuple[int, int]] | None:
    """Return the roots, one after the other, that take all columns, by the names of the site."""
    covers: dict[int, list[tuple[int, int]]] = {len(search.names): []}
    for start in reversed(range(len(search.names))):
        if search.ranks[start] == 0:
            for end in sorted(_ends(search, start)):  # the longest that fits wins
                if end in covers:
                    covers[start] = [(start, end), *covers[end]]
    return covers.get(0)


def _rank(name: str, averaged: bool) -> int:
    """Return the level of a name: a root, a part (a root without an average), a region, or anything below."""
    if name.startswith(("average_", "engineering_")):
        return 0
    if name.startswith(("neural_", "behavior_")):
        return int(averaged)
    return 2 if name in _REGIONS else _ANY


def _ends(search: _Search, start: int) -> dict[int, tuple[int, ...]]:
    """Return the possible ends of the subtree at a column, with its children; without children it is a leaf."""
    if start not in search.ends:
        known = search.groups.get(search.names[start], True if search.ranks[start] < _ANY else None)
        found: dict[int, tuple[int, ...]] = {} if known is False else _as_group(search, start)
        sure = bool(found) and int((search.states[:, start] == CellState.SCORED).sum()) >= _ENOUGH_MODELS
        if known is not True and not sure:
            found.setdefault(start + 1, ())
        search.ends[start] = found
    return search.ends[start]


def _as_group(search: _Search, start: int) -> dict[int, tuple[int, ...]]:
    """Return the possible ends of a group's subtree, with its children."""
    found: dict[int, tuple[int, ...]] = {}
    rank, zero = search.ranks[start], np.zeros(len(search.values))
    # Sums of children, by where the next one begins; each with what rounding may have added to it.
    open_sums: list[tuple[int, tuple[int, ...], FloatArray, FloatArray]] = [(start + 1, (), zero, zero)]
    reached: dict[tuple[int, int, bytes], bool] = {}
    while open_sums and search.steps < _MOST_STEPS:
        at, children, total, slack = open_sums.pop(0)
        if at == len(search.names) or search.ranks[at] <= min(rank, _ANY - 1):
            continue
        here = search.counted[:, at], np.where(np.isnan(search.values[:, at]), 0, search.units[:, at])
        for end in _ends(search, at):
            search.steps += 1
            now = (*children, at), total + here[0], slack + here[1]
            key = (end, len(now[0]), now[1].tobytes())
            twice = key in reached
            # A column continued here, or before, has two explanations.
            reached[key] = twice or reached.get((at, len(children), total.tobytes()), False)
            if _is_mean(search, start, *now):
                if reached[key] or found.get(end, now[0]) != now[0]:
                    search.ambiguous.add((start, end))
                found.setdefault(end, now[0])
            if not twice:
                open_sums.append((end, *now))
    return found


def _is_mean(search: _Search, group: int, children: tuple[int, ...], total: FloatArray, slack: FloatArray) -> bool:
    state, value = search.states[:, group], search.values[:, group]
    # SCORED, FAILED and NEVER fall in this order: a group is in the best state of its children.
    best = search.states[:, children].max(axis=1)
    fits = best == state
    if group >= search.engineering:
        # Engineering benchmarks that failed are published as NEVER under a group that is FAILED.
        fits |= (best == CellState.NEVER) & (state == CellState.FAILED)
    scored = state == CellState.SCORED
    allowed = (search.units[:, group] + slack / len(children)) / 2 + 1e-9
    fits &= ~scored | (np.abs(total / len(children) - np.nan_to_num(value)) <= allowed)
    return bool((~fits).sum() <= search.stale * scored.sum())
