"""BrainAlign: the science of aggregating Brain-Score's benchmarks. Scores in, judgements out.

Names are loaded on first use, so that ``import brainalign_plugin`` costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aggregation import Ranking, Scheme, get_scheme, rank_models, register, scheme_names
    from .analysis import Analysis, analyse
    from .board import Board, Model
    from .candidate import Cell, read_scores
    from .certainty.board_certainty import BoardCertainty, certainty
    from .certainty.record import analysis_json
    from .certainty.validity import Validity, validity
    from .cleaning import Cleaning, clean
    from .model_placement import ModelPlacement, model_placement_json, place_model
    from .official import CellState, OfficialBoard
    from .placement import Placement, place, placement_json
    from .reference_file import find_reference, read_reference, write_reference
    from .references import Reference, freeze
    from .snapshot import Snapshot
    from .snapshot_file import read_snapshot, snapshot_bytes, snapshot_from_bytes
    from .tree import Benchmark, BenchmarkTree

__version__ = "0.1.0"

_HOME = {
    "Ranking": "aggregation",
    "Scheme": "aggregation",
    "get_scheme": "aggregation",
    "rank_models": "aggregation",
    "register": "aggregation",
    "scheme_names": "aggregation",
    "Analysis": "analysis",
    "analyse": "analysis",
    "analysis_json": "certainty.record",
    "BoardCertainty": "certainty.board_certainty",
    "certainty": "certainty.board_certainty",
    "Validity": "certainty.validity",
    "validity": "certainty.validity",
    "Board": "board",
    "Model": "board",
    "Cell": "candidate",
    "read_scores": "candidate",
    "Cleaning": "cleaning",
    "clean": "cleaning",
    "ModelPlacement": "model_placement",
    "model_placement_json": "model_placement",
    "place_model": "model_placement",
    "CellState": "official",
    "OfficialBoard": "official",
    "Placement": "placement",
    "place": "placement",
    "placement_json": "placement",
    "Reference": "references",
    "Snapshot": "snapshot",
    "find_reference": "reference_file",
    "freeze": "references",
    "read_reference": "reference_file",
    "write_reference": "reference_file",
    "read_snapshot": "snapshot_file",
    "snapshot_bytes": "snapshot_file",
    "snapshot_from_bytes": "snapshot_file",
    "Benchmark": "tree",
    "BenchmarkTree": "tree",
}

__all__ = [
    "Analysis",
    "Benchmark",
    "BenchmarkTree",
    "Board",
    "BoardCertainty",
    "Cell",
    "CellState",
    "Cleaning",
    "Model",
    "ModelPlacement",
    "OfficialBoard",
    "Placement",
    "Ranking",
    "Reference",
    "Scheme",
    "Snapshot",
    "Validity",
    "__version__",
    "analyse",
    "analysis_json",
    "certainty",
    "clean",
    "find_reference",
    "freeze",
    "get_scheme",
    "model_placement_json",
    "place",
    "place_model",
    "placement_json",
    "rank_models",
    "read_reference",
    "read_scores",
    "read_snapshot",
    "register",
    "scheme_names",
    "snapshot_bytes",
    "snapshot_from_bytes",
    "validity",
    "write_reference",
]


class _Package(ModuleType):
    """A package in which a public function may have the name of the folder that it is in."""

    def __setattr__(self, name: str, value: object) -> None:
        # Importing a folder would put it in the place of the function of its name.
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
