"""Distinguish restated scores from scores with fewer decimals in one of two sources."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from brainalign_plugin.arrays import FloatArray
from brainalign_plugin.data.snapshot import Snapshot

# Decimals of the site's exports and of its JSON; a database has all.
_PRINTED = (2, 3)
# Fewer scores may have few decimals by chance.
_ENOUGH = 20
_ROUNDING = 1e-9


def tolerance(before: FloatArray, after: FloatArray) -> float:
    """Return the largest difference between scores of two boards that is none.

    Where one board is coarser, that is any below its unit, 0.01 or 0.001; else nothing but the rounding of binary
    numbers. NaN does not count.
    """
    units = sorted(map(_unit, (before, after)))
    return units[1] - _ROUNDING if units[0] < units[1] else _ROUNDING


def leaf_scores(snapshot: Snapshot) -> FloatArray:
    """Return the columns of the leaves; groups may have other decimals."""
    return snapshot.scores[:, [node.is_leaf for node in snapshot.tree.nodes]]


def aligned(earlier: Snapshot, later: Snapshot) -> Snapshot:
    """Return the later snapshot with the scores of the earlier one where they differ by the precision of a source."""
    limit = tolerance(leaf_scores(earlier), leaf_scores(later))
    if limit <= _ROUNDING:
        return later
    rows = [i for i, model in enumerate(later.models) if model.id in earlier.rows]
    columns = [j for j, node in enumerate(later.tree.nodes) if node.type_id in earlier.tree.index]
    here = np.ix_(rows, columns)
    there = np.ix_(
        [earlier.rows[later.models[i].id] for i in rows],
        [earlier.tree.index[later.tree.nodes[j].type_id] for j in columns],
    )
    scores = np.array(later.scores)
    scores[here] = np.where(np.abs(scores[here] - earlier.scores[there]) <= limit, earlier.scores[there], scores[here])
    return replace(later, scores=scores)


def _unit(scores: FloatArray) -> float:
    """Return the unit of the last decimal of scores; 0 for full precision or too few scores."""
    values = scores[np.isfinite(scores)]
    if values.size >= _ENOUGH:
        for decimals in _PRINTED:
            if (np.abs(np.round(values, decimals) - values) < _ROUNDING).all():
                return float(10.0**-decimals)
    return 0.0
