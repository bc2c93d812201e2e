"""The JSON records of the structure of a board and of its suite of benchmarks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any

import numpy as np

from ..analysis import Analysis
from ..files.metadata import Described
from .agreement_testing import agreement_testing
from .bootstrap import Interval
from .design_study import next_benchmarks
from .external import External
from .families import Families
from .new_benchmarks import new_benchmarks
from .short_panel import short_panel
from .structure import BoardClusters, BoardDimensions, BoardDrivers
from .variance_components import NotEstimable


def plain(found: Any) -> Any:
    """Return a record as plain values: intervals as their two ends, days as text, unknown as None; or its reason."""
    if isinstance(found, Interval):
        found = found.low, found.high
    elif isinstance(found, NotEstimable):
        found = {"reason": found.reason}
    elif isinstance(found, np.ndarray):
        found = None if np.isnan(found).any() else tuple(found.tolist())
    elif is_dataclass(found):
        found = {one.name: getattr(found, one.name) for one in fields(found)}
    if isinstance(found, tuple):
        return [plain(one) for one in found]
    if isinstance(found, Mapping):
        return {name: plain(one) for name, one in found.items()}
    if isinstance(found, date):
        return found.isoformat()
    return None if isinstance(found, float) and not math.isfinite(found) else found


def record(found: Any) -> dict[str, Any]:
    """Return a frozen record, or the reason why there is none, as plain values; ``reason`` is always there."""
    return {"reason": None} | dict(plain(found))


def _of(found: Any, names: str) -> dict[str, Any]:
    """Return some attributes as plain values."""
    return {name: plain(getattr(found, name)) for name in names.split()}


def suite_json(analysis: Analysis, grouped: Families, of_all: Families, seed: int = 0) -> dict[str, Any]:
    """Make the fields of ``analyze --full --json`` on the suite of benchmarks, with families of both sets of models."""
    snapshot, cleaning = analysis.snapshot, analysis.cleaning
    board = cleaning.board
    return {
        "new_benchmarks": record(new_benchmarks(snapshot, (), cleaning.max_missing, of_all, seed=seed)),
        "panel": record(short_panel(board, snapshot, grouped, seed=seed)),
        "next_benchmarks": record(next_benchmarks(board, grouped=grouped, seed=seed)),
        "agreement_testing": record(agreement_testing(board, grouped=grouped, seed=seed)),
    }


def external_json(found: External) -> dict[str, Any]:
    """Make the record of external metrics: what was joined, and what it has in common with the benchmarks."""
    metrics = {one.metric: plain(one) for one in found.metrics}
    own = {"metrics": metrics, "dimensions": plain(found.dimensions), "drivers": None}
    return _of(found.joined, "matched unmatched notes") | own


def drivers_json(found: BoardDrivers) -> dict[str, Any]:
    """Make the record of the drivers of agreement, by scope."""
    return {
        scope: {"benchmarks": one.units, "pairs": one.pairs, "r2": one.r2, "interval": plain(found.r2[scope])}
        | _of(one, "p reason")
        | {
            "properties": [
                _of(driver, "properties shared mean_shared mean_other r2 coefficient")
                | {"coefficient_interval": plain(found.coefficient[scope, driver.properties])}
                | {"partial_r2": driver.partial_r2}
                | {"partial_r2_interval": plain(found.partial_r2[scope, driver.properties])}
                | _of(driver, "p unknown reason")
                for driver in one.drivers
            ]
        }
        for scope, one in found.scopes.items()
    }


def dimensions_json(found: BoardDimensions) -> dict[str, Any]:
    """Make what ``--full`` adds to the record of the dimensions."""
    return _of(found, "by_family intervals halves") | {
        "scree": [
            {"value": value, "interval": plain(row[:2]), "shuffled": plain(row[2:])}
            for value, row in zip(found.found.eigenvalues.tolist(), found.scree, strict=True)
        ],
        "loadings": {
            leaf: [{"value": value, "interval": plain(ends)} for value, ends in zip(row.tolist(), own, strict=True)]
            for leaf, row, own in zip(found.found.leaves, found.loadings, found.loading_intervals, strict=True)
        },
        "treatments": {
            name: {"models": one.models, "benchmarks": len(one.leaves)}
            | _of(one, "filled pc1_share parallel_analysis congruence correlation")
            | {"loadings": dict(zip(one.leaves, one.loadings.tolist(), strict=False)), "reason": one.reason}
            for name, one in found.treatments.items()
        },
        "imagenet": plain(found.outside),
    }


def clusters_json(found: BoardClusters) -> dict[str, Any]:
    """Make the record of the clusters of the benchmarks."""
    order = found.found.order.tolist()
    return _of(found.found, "silhouette p reason") | {
        "order": [found.leaves[j] for j in order],
        "clusters": [
            {
                "benchmarks": [found.leaves[j] for j in order if found.found.labels[j] == cluster],
                "stability": plain(float(found.stability[cluster])),
                "mean_rho": mean,
                "interval": plain(ends),
            }
            for cluster, (mean, ends) in enumerate(found.mean_rho)
        ],
    }


def metadata_json(found: Described) -> dict[str, Any]:
    """Make the record of the metadata of a board: values and their sources, gaps and contradictions."""
    return {
        "benchmarks": {leaf: {**values, "sources": found.origins[leaf]} for leaf, values in found.benchmarks.items()},
        "models": {str(model): values for model, values in found.models.items() if any(values.values())},
        "gaps": plain(found.gaps),
        "contradictions": [
            _of(one, "name field") | {"values": [{"source": source, "value": value} for source, value in one.values]}
            for one in found.contradictions
        ],
        "problems": list(found.problems),
    }
