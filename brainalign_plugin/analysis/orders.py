"""Comparing orders: which pairs of models change their order between two sets of scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import FloatArray, IntArray
from ..scales import TIE_DECIMALS, rounded


@dataclass(frozen=True, eq=False)
class OrderChanges:
    """Pairs of ``n`` models whose order changes, for each of ``k`` altered sets of scores.

    Attributes
    ----------
    per_alteration : ndarray of int, shape (k,)
        Number of pairs whose sign of difference changes; a tie is a sign.
    fragile : tuple of (int, int, int)
        Positions of the two models, the first with the lower position, and in how many of the sets the pair changes;
        the most fragile pairs first.
    """

    per_alteration: IntArray
    fragile: tuple[tuple[int, int, int], ...]


def order_changes(
    base: FloatArray, altered: FloatArray, removed: IntArray | None = None, fragile: int = 10
) -> OrderChanges:
    """Count the pairs whose order differs between ``base`` and each row of ``altered``. Exact.

    Models are sorted by their base score and compared with their neighbours at growing distance; a row stops to take
    part as soon as the gap exceeds twice what its scores have moved at most, because then no further pair can change.

    Parameters
    ----------
    base : ndarray, shape (n,)
    altered : ndarray, shape (k, n)
    removed : ndarray of int, shape (k,), optional
        Position of a model that is not there in each row: its pairs do not count.
    fragile : int
        How many of the most fragile pairs to name.
    """
    models = len(base)
    order = np.argsort(base, kind="stable")
    start = rounded(base)[order]
    rows = rounded(altered)[:, order]
    place = np.empty(models, dtype=np.int64)
    place[order] = np.arange(models)
    gone = None if removed is None else place[removed]
    reach = _reach(start, rows, gone)
    by_reach = np.argsort(-reach, kind="stable")
    rows, reach = rows[by_reach], reach[by_reach]
    gone = None if gone is None else gone[by_reach]
    counts = np.zeros(len(rows), dtype=np.int64)
    pairs: list[tuple[int, int, int]] = []
    for lag in range(1, models):
        active = int(np.searchsorted(-reach, -lag, side="right"))
        if active == 0:
            break
        changed = _changed(start, rows[:active], lag)
        if gone is not None:
            index = np.arange(active)
            here = gone[:active]
            inside = here < models - lag
            changed[index[inside], here[inside]] = False
            inside = here >= lag
            changed[index[inside], here[inside] - lag] = False
        counts[:active] += changed.sum(axis=1)
        times = changed.sum(axis=0)
        for position in _largest(times, fragile):
            one, other = sorted((int(order[position]), int(order[position + lag])))
            pairs.append((one, other, int(times[position])))
    total = np.empty_like(counts)
    total[by_reach] = counts
    pairs.sort(key=lambda pair: (-pair[2], pair[0], pair[1]))
    return OrderChanges(total, tuple(pairs[:fragile]))


def _changed(
    start: FloatArray, rows: FloatArray, lag: int
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    tied = start[lag:] == start[:-lag]
    later, earlier = rows[:, lag:], rows[:, :-lag]
    changed = later <= earlier
    if tied.any():
        changed[:, tied] = later[:, tied] != earlier[:, tied]
    return changed


def _reach(start: FloatArray, rows: FloatArray, gone: IntArray | None) -> IntArray:
    """For each row the largest distance in the base order at which a pair may have changed."""
    moved = rows - start
    if gone is not None:
        # The score of a model that is not there must not widen the search.
        moved[np.arange(len(rows)), gone] = np.nan
    if moved.shape[1] == 0:
        return np.zeros(len(rows), dtype=np.int64)
    low = np.min(moved, axis=1, where=~np.isnan(moved), initial=np.inf)
    high = np.max(moved, axis=1, where=~np.isnan(moved), initial=-np.inf)
    width = np.where(high >= low, high - low, 0.0) + 10.0**-TIE_DECIMALS
    ends = np.empty((len(rows), len(start)), dtype=np.int64)
    for i, limit in enumerate(width):
        ends[i] = np.searchsorted(start, start + limit, side="right")
    reach: IntArray = (ends - np.arange(len(start)) - 1).max(axis=1, initial=0)
    return reach


def _largest(times: IntArray, most: int) -> IntArray:
    named = np.flatnonzero(times)
    if len(named) > most:
        named = named[np.argpartition(-times[named], most)[: most * 4]]
    return named


def sign_change_share(base: FloatArray, altered: FloatArray) -> FloatArray:
    """Share of pairs of models whose order changes, for each row of ``altered`` (k, n). Shape (k,)."""
    pairs = len(base) * (len(base) - 1) / 2
    changes = order_changes(base, altered, fragile=0).per_alteration
    share: FloatArray = changes / pairs if pairs else np.zeros(len(altered))
    return share
