"""The record that ``brainalign history --json`` prints."""

from __future__ import annotations

from typing import Any

from .figures import ANALYSIS_VERSION
from .series import Change, Cohort, Figure, History, Point

SCHEMA = 2


def _point_json(point: Point) -> dict[str, Any]:
    """One entry of a series."""
    return {
        "as_of": point.as_of.isoformat(),
        "value": point.value,
        "interval": None if point.interval is None else list(point.interval),
        "panel": point.panel,
        "models": point.models,
        "benchmarks": point.benchmarks,
        "origin": point.origin,
        "snapshot": point.snapshot,
    }


def _change_json(change: Change) -> dict[str, Any]:
    """One entry of the changes."""
    return {
        "figure": change.figure,
        "from": change.earlier.isoformat(),
        "to": change.later.isoformat(),
        "delta": change.delta,
        "attribution": dict(change.attribution),
        "reasons": list(change.reasons),
        "before": change.before,
        "after": change.after,
        "words": change.words,
    }


def _cohort_json(cohort: Cohort, figure: str | None) -> dict[str, Any]:
    return {
        "year": cohort.year,
        "models": cohort.models,
        "benchmarks": cohort.benchmarks,
        "figures": {n: _figure_json(one) for n, one in cohort.figures.items() if figure in (None, n)},
    }


def _figure_json(figure: Figure) -> dict[str, Any]:
    return {
        "value": figure.value,
        "interval": None if figure.interval is None else list(figure.interval),
    }


def history_json(found: History, figure: str | None = None) -> dict[str, Any]:
    """Return the record that ``brainalign history --json`` prints, of one figure if one is named."""
    options = found.options
    changes = [change for change in found.changes if figure in (None, change.figure)]
    return {
        "schema": SCHEMA,
        "domain": found.domain,
        "known": None if options.known is None else options.known.isoformat(),
        "window_months": options.window_months,
        "max_missing": options.max_missing,
        "resamples": options.resamples,
        "seed": options.seed,
        "analysis_version": ANALYSIS_VERSION,
        "series": {
            name: [_point_json(point) for point in points]
            for name, points in found.series.items()
            if figure in (None, name)
        },
        "changes": [_change_json(change) for change in changes],
        "shared": {
            "from": found.shared.first.isoformat(),
            "to": found.shared.last.isoformat(),
            "models": found.shared.models,
            "benchmarks": found.shared.benchmarks,
            "deltas": {n: d for n, d in found.shared.deltas.items() if figure in (None, n)},
        },
        "cohorts": [_cohort_json(cohort, figure) for cohort in found.cohorts],
    }
