"""The JSON records of the drivers, dimensions and clusters of a board, and of its metadata."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..agreement.drivers import Driver
from ..agreement.treatments import Treatment
from ..arrays import FloatArray
from ..files.metadata import Described
from .bootstrap import Interval
from .structure import BoardClusters, BoardDimensions, BoardDrivers, Outside


def drivers_json(found: BoardDrivers) -> dict[str, Any]:
    """Make the record of the drivers of agreement, by scope."""
    return {
        scope: {
            "benchmarks": one.units,
            "pairs": one.pairs,
            "r2": one.r2,
            "interval": _ends(found.r2[scope]),
            "p": one.p,
            "reason": one.reason,
            "properties": [
                _driver(d, found.coefficient[scope, d.properties], found.partial_r2[scope, d.properties])
                for d in one.drivers
            ],
        }
        for scope, one in found.scopes.items()
    }


def _driver(one: Driver, coefficient: Interval | None, partial: Interval | None) -> dict[str, Any]:
    return {
        "properties": list(one.properties),
        "shared": one.shared,
        "mean_shared": one.mean_shared,
        "mean_other": one.mean_other,
        "r2": one.r2,
        "coefficient": one.coefficient,
        "coefficient_interval": _ends(coefficient),
        "partial_r2": one.partial_r2,
        "partial_r2_interval": _ends(partial),
        "p": one.p,
        "unknown": one.unknown,
        "reason": one.reason,
    }


def dimensions_json(found: BoardDimensions) -> dict[str, Any]:
    """Make what ``--full`` adds to the record of the dimensions."""
    halves = found.halves
    return {
        "by_family": found.by_family,
        "intervals": {name: _ends(one) for name, one in found.intervals.items()},
        "halves": None
        if halves is None
        else {"halves": halves.halves, "components": list(halves.components), "congruence": list(halves.congruence)},
        "scree": [
            {"value": float(value), "interval": _known(row[:2]), "shuffled": _known(row[2:])}
            for value, row in zip(found.found.eigenvalues, found.scree, strict=True)
        ],
        "loadings": {
            leaf: [
                {"value": float(value), "interval": _known(ends)}
                for value, ends in zip(found.loadings[j], found.loading_intervals[j], strict=True)
            ]
            for j, leaf in enumerate(found.found.leaves)
        },
        "treatments": {name: _treatment(one) for name, one in found.treatments.items()},
        "imagenet": _outside(found.outside),
    }


def _treatment(one: Treatment) -> dict[str, Any]:
    return {
        "models": one.models,
        "benchmarks": len(one.leaves),
        "filled": one.filled,
        "pc1_share": one.pc1_share,
        "parallel_analysis": one.parallel_analysis,
        "congruence": one.congruence,
        "correlation": one.correlation,
        "loadings": {leaf: float(v) for leaf, v in zip(one.leaves, one.loadings, strict=False)},
        "reason": one.reason,
    }


def _outside(one: Outside | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "benchmark": one.benchmark,
        "models": one.models,
        "rho": one.rho,
        "interval": _ends(one.interval),
        "positive": {"benchmarks": one.positive[0], "mean_rho": one.positive[1]},
        "negative": {"benchmarks": one.negative[0], "mean_rho": one.negative[1]},
    }


def clusters_json(found: BoardClusters) -> dict[str, Any]:
    """Make the record of the clusters of the benchmarks."""
    order = found.found.order.tolist()
    return {
        "silhouette": found.found.silhouette,
        "p": found.found.p,
        "reason": found.found.reason,
        "order": [found.leaves[j] for j in order],
        "clusters": [
            {
                "benchmarks": [found.leaves[j] for j in order if found.found.labels[j] == cluster],
                "stability": _number(found.stability[cluster]),
                "mean_rho": mean,
                "interval": _ends(ends),
            }
            for cluster, (mean, ends) in enumerate(found.mean_rho)
        ],
    }


def metadata_json(found: Described) -> dict[str, Any]:
    """Make the record of the metadata of a board: values and their sources, gaps and contradictions."""
    return {
        "benchmarks": {leaf: {**values, "sources": found.origins[leaf]} for leaf, values in found.benchmarks.items()},
        "models": {str(model): values for model, values in found.models.items() if any(values.values())},
        "gaps": {field: list(leaves) for field, leaves in found.gaps.items()},
        "contradictions": [
            {
                "name": one.name,
                "field": one.field,
                "values": [{"source": source, "value": value} for source, value in one.values],
            }
            for one in found.contradictions
        ],
        "problems": list(found.problems),
    }


def _ends(found: Interval | None) -> list[float] | None:
    return None if found is None else [found.low, found.high]


def _known(row: FloatArray) -> list[float] | None:
    return None if np.isnan(row).any() else [float(value) for value in row]


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
