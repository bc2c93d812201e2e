"""BrainAlign: aggregate Brain-Score's benchmarks, and measure the properties of the aggregates.

Names are loaded on first use, so that ``import brainalign_plugin`` costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api.agreement import AgreementResult, agreement
    from .api.audits import AuditResult, audit
    from .api.certainty import CertaintyResult, certainty
    from .api.placement import PlacementResult, freeze, place
    from .api.ranks import ComparisonResult, RankResult, SchemesResult, rank
    from .api.sources import example, load
    from .api.structure import (
        ClustersResult,
        DimensionsResult,
        DriversResult,
        MetadataResult,
        clusters,
        dimensions,
        drivers,
        metadata,
    )
    from .api.suite import SuiteResult, agreement_testing, external, new_benchmarks, next_benchmarks, panel
    from .api.timeline import Timeline, timeline
    from .api.validity import ValidityResult, validity
    from .data.board import Board
    from .data.cleaning import Cleaning
    from .data.official import CellState
    from .data.snapshot import Snapshot
    from .files.model_scores import Cell, read_scores
    from .files.reference import Reference
    from .files.reference_file import read_reference, write_reference
    from .files.snapshot_file import read_snapshot, snapshot_bytes
    from .plot.chart import Chart
    from .results import Rows
    from .schemes import Scheme, scheme_names
    from .schemes.registry import scheme, unregister

__version__ = "1.0.0"

# Public names by the module that defines them.
_NAMES = {
    "api.agreement": "AgreementResult agreement",
    "api.audits": "AuditResult audit",
    "api.certainty": "CertaintyResult certainty",
    "api.placement": "PlacementResult freeze place",
    "api.ranks": "ComparisonResult RankResult SchemesResult rank",
    "api.sources": "example load",
    "api.suite": "SuiteResult agreement_testing external new_benchmarks next_benchmarks panel",
    "api.structure": "ClustersResult DimensionsResult DriversResult MetadataResult "
    "clusters dimensions drivers metadata",
    "api.timeline": "Timeline timeline",
    "api.validity": "ValidityResult validity",
    "data.board": "Board",
    "data.cleaning": "Cleaning",
    "data.official": "CellState",
    "data.snapshot": "Snapshot",
    "files.model_scores": "Cell read_scores",
    "files.reference": "Reference",
    "files.reference_file": "read_reference write_reference",
    "files.snapshot_file": "read_snapshot snapshot_bytes",
    "plot.chart": "Chart",
    "results": "Rows",
    "schemes": "Scheme scheme_names",
    "schemes.registry": "scheme unregister",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = [
    "AgreementResult", "AuditResult", "Board", "Cell", "CellState", "CertaintyResult", "Chart", "Cleaning",
    "ClustersResult", "ComparisonResult", "DimensionsResult", "DriversResult", "MetadataResult", "PlacementResult",
    "RankResult", "Reference", "Rows", "Scheme", "SchemesResult", "Snapshot", "SuiteResult", "Timeline",
    "ValidityResult", "__version__", "agreement", "agreement_testing", "audit", "certainty", "clusters", "dimensions",
    "drivers", "example", "external", "freeze", "load", "metadata", "new_benchmarks", "next_benchmarks", "panel",
    "place", "rank", "read_reference", "read_scores", "read_snapshot", "scheme", "scheme_names", "snapshot_bytes",
    "timeline", "unregister", "validity", "write_reference",
]  # fmt: skip


class _Package(ModuleType):
    """A package in which a public function may have the name of the folder that it is in."""

    def __setattr__(self, name: str, value: object) -> None:
        # Importing a folder replaces the function of its name in this package.
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
