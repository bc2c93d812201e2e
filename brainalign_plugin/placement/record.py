"""Record of a placement, as ``brainalign place --json`` prints it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..data.official import CellState
from ..files.model_scores import Cell
from ..files.reference import Reference
from .place import Placement, SchemePlace, constituents
from .profile import CellPair

SCHEMA = 2


def placement_json(placed: Placement) -> dict[str, Any]:
    """Build the record of a placement; unknown is None.

    Parameters
    ----------
    placed : Placement

    Returns
    -------
    dict
    """
    reference = placed.reference
    return {
        "schema": SCHEMA,
        "answer": placed.answer,
        "reference": {
            **reference_json(reference),
            "models": len(reference.board.models),
            "benchmarks": len(constituents(reference)),
        },
        "left_out": list(placed.left_out),
        "scored": len(placed.benchmarks),
        "population": placed.population,
        "complete": placed.complete,
        "failed": sorted(one.benchmark for one in placed.missing if one.state == CellState.FAILED),
        "never": sorted(one.benchmark for one in placed.missing if one.state == CellState.NEVER),
        "unused": [{"benchmark": name, "reason": why or None} for name, why in placed.unused.items()],
        "other_versions": [
            {"benchmark": name, "version": version, "reference_version": wanted}
            for name, (version, wanted) in placed.other_versions.items()
        ],
        "schemes": {one.scheme: scheme_json(one) for one in placed.schemes},
        "not_placed": list(placed.not_placed),
        "benchmarks": [
            {
                "benchmark": one.benchmark,
                "score": one.score,
                "error": _known(one.error),
                "normal_score": one.normal_score,
                "models": one.models,
            }
            for one in placed.benchmarks
        ],
        "above_all": list(placed.above_all),
        "below_all": list(placed.below_all),
        "neighbours": [
            {
                "id": one.model.id,
                "name": one.model.name,
                "distance": one.distance,
                "correlation": _known(one.correlation),
                "shared": one.shared,
            }
            for one in placed.neighbours
        ],
        "missing": [
            {
                "benchmark": one.benchmark,
                "state": one.state.name,
                "scores": list(one.scores),
                "narrows": _known(one.narrows),
            }
            for one in placed.missing
        ],
    }


def scheme_json(one: SchemePlace) -> dict[str, Any]:
    """Build the record of a place under one scheme; all is None but the problem if there is one."""
    known, placed = one.uncertainty, not one.problem
    return {
        "statistic": one.statistic if placed else None,
        "share": one.share if placed else None,
        "rank": one.rank if placed else None,
        "interval": None if known is None else list(known.ranks),
        "share_interval": None if known is None else list(known.shares),
        "level": None if known is None else known.level,
        "error": None if known is None else known.error,
        "interval_kind": None if known is None else known.kind,
        "resamples": None if known is None else known.resamples,
        "seed": None if known is None else known.seed,
        "bounds": None if one.bounds is None else list(one.bounds),
        "problem": one.problem or None,
    }


def reference_json(reference: Reference) -> dict[str, Any]:
    """Build the record of a reference, with the hash because names can be reused."""
    return {
        "name": reference.name,
        "sha256": reference.sha256,
        "date": f"{reference.as_of:%Y-%m-%d}",
        "frozen_at": reference.frozen_at.isoformat(),
        "domain": reference.domain,
        "reconstructed": reference.snapshot.reconstructed,
        "simulated": reference.snapshot.simulated,
    }


def cell_json(cell: Cell) -> dict[str, Any]:
    """Build the record of a cell."""
    return {
        "score": _known(cell.score),
        "error": _known(cell.error),
        "state": CellState(cell.state).name,
        "origin": cell.origin,
    }


def beside_json(pairs: Sequence[CellPair]) -> list[dict[str, Any]]:
    """Build the record of two models cell by cell."""
    return [
        {
            "benchmark": one.benchmark,
            "score": _known(one.mine.score),
            "error": _known(one.mine.error),
            "state": CellState(one.mine.state).name,
            "board_score": _known(one.theirs.score),
            "board_error": _known(one.theirs.error),
            "board_state": CellState(one.theirs.state).name,
            "difference": _known(one.difference),
            "beyond": one.beyond,
        }
        for one in pairs
    ]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
