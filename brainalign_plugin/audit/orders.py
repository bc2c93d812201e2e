"""Order changes: pairs of models whose order differs between two sets of scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import BoolArray, FloatArray, IntArray
from ..scales import TIE_DECIMALS, rounded


@dataclass(frozen=True, eq=False)
class OrderChanges:
    """Pairs of ``n`` models whose order changes, for each of ``k`` altered sets of scores."""

    # Shape (k,); number of pairs whose sign of difference changes; a tie is a sign.
    per_alteration: IntArray
    # Positions of the two models, the lower one first, and the number of sets in which the pair changes; the most
    # fragile pairs first.
    fragile: tuple[tuple[int, int, int], ...]


def order_changes(
    base: FloatArray, altered: FloatArray, removed: IntArray | None = None, fragile: int = 10
) -> OrderChanges:
    """Count the pairs whose order differs between ``base`` (n,) and each row of ``altered`` (k, n). Exact.

    Models are sorted by their base score and compared with their neighbours at growing distance. A row is finished as
    soon as the gap exceeds the largest relative move of its scores, because no further pair can change. In rows
    in which few models have moved, these are compared with all others instead. `removed`: shape (k,); position of the
    model that is absent in each row. `fragile`: number of most fragile pairs to return.
    """
    models = len(base)
    start, rows = _placed(base, altered)
    order = np.argsort(start, kind="stable")
    start, rows = start[order], rows[:, order]
    gone = None if removed is None else np.argsort(order)[removed]
    reach = _reach(start, rows, gone)
    counts = np.zeros(len(rows), dtype=np.int64)
    times = np.zeros((models, models) if fragile else (0, 0), dtype=np.int64)
    moved = (rows != start).sum(axis=1)
    for row in np.flatnonzero(moved < reach):
        pairs = _changed_of_moved(start, rows[row], None if gone is None else int(gone[row]))
        counts[row] = len(pairs[0])
        if fragile:
            times[order[pairs[0]], order[pairs[1]]] += 1
        reach[row] = 0
    by_reach = np.argsort(-reach, kind="stable")
    rows, reach, counts = rows[by_reach], reach[by_reach], counts[by_reach]
    gone = None if gone is None else gone[by_reach]
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
        if fragile:
            times[order[:-lag], order[lag:]] += changed.sum(axis=0)
    total = np.empty_like(counts)
    total[by_reach] = counts
    return OrderChanges(total, _most_fragile(times, fragile))


def _placed(base: FloatArray, altered: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Round both sets of scores so that ties are equal, and give models without a score the lowest number."""
    start, rows = rounded(base), rounded(altered)
    unscored, unscored_rows = np.isnan(start), np.isnan(rows)
    if unscored.any() or unscored_rows.any():
        low = min(np.min(start, where=~unscored, initial=0.0), np.min(rows, where=~unscored_rows, initial=0.0))
        start, rows = np.where(unscored, low - 1, start), np.where(unscored_rows, low - 1, rows)
    return start, rows


def _changed(start: FloatArray, rows: FloatArray, lag: int) -> BoolArray:
    tied = start[lag:] == start[:-lag]
    later, earlier = rows[:, lag:], rows[:, :-lag]
    changed: BoolArray = later <= earlier
    if tied.any():
        changed[:, tied] = later[:, tied] != earlier[:, tied]
    return changed


def _changed_of_moved(start: FloatArray, row: FloatArray, gone: int | None) -> tuple[IntArray, IntArray]:
    """Return the positions of the pairs that change in one row; at least one model of each has moved."""
    (moved,) = np.nonzero(row != start)
    changed = np.sign(start[moved, None] - start) != np.sign(row[moved, None] - row)
    # A pair of two moved models occurs twice.
    changed[:, moved] = np.triu(changed[:, moved])
    if gone is not None:
        changed[:, gone] = False
        changed[moved == gone] = False
    one, other = np.nonzero(changed)
    return moved[one], other


def _reach(start: FloatArray, rows: FloatArray, gone: IntArray | None) -> IntArray:
    """Return for each row the largest distance in the base order at which a pair may have changed."""
    moved = rows - start
    if moved.shape[1] < 2:
        return np.zeros(len(rows), dtype=np.int64)
    if gone is not None:
        # The score of an absent model must not widen the search: it is replaced by another's.
        index = np.arange(len(rows))
        moved[index, gone] = moved[index, gone - 1]
    low, high = moved.min(axis=1), moved.max(axis=1)
    # The differences above have the rounding error of the largest number in them.
    slack = 10.0**-TIE_DECIMALS + 8 * np.spacing(max(np.abs(start).max(), np.abs(rows).max(initial=0.0)))
    widths, which = np.unique(high - low + slack, return_inverse=True)
    places = np.arange(len(start))
    reach = np.array(
        [(np.searchsorted(start, start + width, side="right") - places).max() - 1 for width in widths], dtype=np.int64
    )
    return reach[which]


def _most_fragile(times: IntArray, most: int) -> tuple[tuple[int, int, int], ...]:
    """Return the pairs that change most often, of equals those with the lower positions."""
    either = np.triu(times + times.T, k=1)
    named = np.flatnonzero(either)
    if len(named) > most:
        # All that tie with the last one stay in, so that the lower positions can be selected.
        least = np.partition(either.ravel()[named], len(named) - most)[len(named) - most]
        named = named[either.ravel()[named] >= least]
    first, second = np.divmod(named, max(len(times), 1))
    often = either.ravel()[named]
    chosen = np.lexsort((second, first, -often))[:most]
    return tuple((int(i), int(j), int(t)) for i, j, t in zip(first[chosen], second[chosen], often[chosen], strict=True))


def sign_change_share(base: FloatArray, altered: FloatArray) -> FloatArray:
    """Compute the share of pairs of models whose order changes, for each row of ``altered`` (k, n). Shape (k,)."""
    pairs = len(base) * (len(base) - 1) / 2
    changes = order_changes(base, altered, fragile=0).per_alteration
    share: FloatArray = changes / pairs if pairs else np.zeros(len(altered))
    return share
