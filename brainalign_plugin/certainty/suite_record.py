"""The JSON records of the suite of benchmarks: new ones, the panel, further papers, agreement testing."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any

from ..analysis import Analysis
from .agreement_testing import agreement_testing
from .bootstrap import Interval
from .design_study import next_benchmarks
from .external import External
from .families import Families
from .new_benchmarks import new_benchmarks
from .short_panel import short_panel
from .variance_components import NotEstimable


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
    joined = found.joined
    return {
        "matched": joined.matched,
        "unmatched": plain(joined.unmatched),
        "notes": list(joined.notes),
        "metrics": {one.metric: plain(one) for one in found.metrics},
        "dimensions": plain(found.dimensions),
        "drivers": None,
    }


def record(found: Any) -> dict[str, Any]:
    """Return a frozen record, or the reason why there is none, as plain values; ``reason`` is always there."""
    return {"reason": None} | dict(plain(found))


def plain(found: Any) -> Any:
    """Return a record as plain values: intervals as their two ends, days as text, unknown as None; or its reason."""
    if isinstance(found, Interval):
        return [found.low, found.high]
    if isinstance(found, NotEstimable):
        return {"reason": found.reason}
    if isinstance(found, date):
        return found.isoformat()
    if isinstance(found, tuple):
        return [plain(one) for one in found]
    if is_dataclass(found):
        return {one.name: plain(getattr(found, one.name)) for one in fields(found)}
    return None if isinstance(found, float) and not math.isfinite(found) else found
