"""BrainAlign: aggregate Brain-Score's benchmarks, and measure the properties of the aggregates.

Names are loaded on first use, so that ``import brainalign_plugin`` costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .analysis import Analysis, analyse
    from .api.agreement import AgreementResult, agreement
    from .api.audits import AuditResult, audit
    from .api.certainty import CertaintyResult, certainty
    from .api.comparison import ComparisonResult
    from .api.placement import PlacementResult, freeze, place
    from .api.rank import rank
    from .api.ranks import RankResult, SchemesResult
    from .api.sources import example, load
    from .api.timeline import Timeline, timeline
    from .api.validity import ValidityResult, validity
    from .certainty.board_certainty import BoardCertainty
    from .certainty.record import analysis_json
    from .certainty.validity import Validity
    from .data.board import Board, Model
    from .data.cleaning import Cleaning, clean
    from .data.official import CellState, OfficialBoard
    from .data.snapshot import Snapshot
    from .data.tree import Benchmark, BenchmarkTree
    from .files.model_scores import Cell, read_scores
    from .files.reference import Reference
    from .files.reference_file import find_reference, read_reference, write_reference
    from .files.snapshot_file import read_snapshot, snapshot_bytes, snapshot_from_bytes
    from .placement.result import Placement, placement_json
    from .plot.chart import Chart
    from .results import Rows
    from .schemes import Ranking, Scheme, get_scheme, rank_models, register, scheme_names
    from .schemes.registry import scheme, unregister

__version__ = "0.1.0"

_HOME = {
    "AuditResult": "api.audits",
    "audit": "api.audits",
    "PlacementResult": "api.placement",
    "freeze": "api.placement",
    "place": "api.placement",
    "CertaintyResult": "api.certainty",
    "ValidityResult": "api.validity",
    "certainty": "api.certainty",
    "validity": "api.validity",
    "Timeline": "api.timeline",
    "timeline": "api.timeline",
    "AgreementResult": "api.agreement",
    "agreement": "api.agreement",
    "ComparisonResult": "api.comparison",
    "RankResult": "api.ranks",
    "SchemesResult": "api.ranks",
    "rank": "api.rank",
    "example": "api.sources",
    "load": "api.sources",
    "Chart": "plot.chart",
    "Rows": "results",
    "scheme": "schemes.registry",
    "Ranking": "schemes",
    "Scheme": "schemes",
    "get_scheme": "schemes",
    "rank_models": "schemes",
    "register": "schemes",
    "unregister": "schemes.registry",
    "scheme_names": "schemes",
    "Analysis": "analysis",
    "analyse": "analysis",
    "analysis_json": "certainty.record",
    "BoardCertainty": "certainty.board_certainty",
    "Validity": "certainty.validity",
    "Board": "data.board",
    "Model": "data.board",
    "Cell": "files.model_scores",
    "read_scores": "files.model_scores",
    "Cleaning": "data.cleaning",
    "clean": "data.cleaning",
    "CellState": "data.official",
    "OfficialBoard": "data.official",
    "Placement": "placement.result",
    "placement_json": "placement.result",
    "Reference": "files.reference",
    "Snapshot": "data.snapshot",
    "find_reference": "files.reference_file",
    "read_reference": "files.reference_file",
    "write_reference": "files.reference_file",
    "read_snapshot": "files.snapshot_file",
    "snapshot_bytes": "files.snapshot_file",
    "snapshot_from_bytes": "files.snapshot_file",
    "Benchmark": "data.tree",
    "BenchmarkTree": "data.tree",
}

__all__ = [
    "AgreementResult",
    "Analysis",
    "AuditResult",
    "Benchmark",
    "BenchmarkTree",
    "Board",
    "BoardCertainty",
    "Cell",
    "CellState",
    "CertaintyResult",
    "Chart",
    "Cleaning",
    "ComparisonResult",
    "Model",
    "OfficialBoard",
    "Placement",
    "PlacementResult",
    "RankResult",
    "Ranking",
    "Reference",
    "Rows",
    "Scheme",
    "SchemesResult",
    "Snapshot",
    "Timeline",
    "Validity",
    "ValidityResult",
    "__version__",
    "agreement",
    "analyse",
    "analysis_json",
    "audit",
    "certainty",
    "clean",
    "example",
    "find_reference",
    "freeze",
    "get_scheme",
    "load",
    "place",
    "placement_json",
    "rank",
    "rank_models",
    "read_reference",
    "read_scores",
    "read_snapshot",
    "register",
    "scheme",
    "scheme_names",
    "snapshot_bytes",
    "snapshot_from_bytes",
    "timeline",
    "unregister",
    "validity",
    "write_reference",
]


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
