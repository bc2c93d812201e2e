"""Place of one model among the models that have its benchmarks, and its record for ``brainalign place --json``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as fields_of
from typing import Any

import numpy as np

from ..arrays import FloatArray
from ..data.board import Board
from ..data.official import CellState
from ..files.model_scores import Cell
from ..files.reference import Reference
from ..scales import rounded
from ..text import brief, counted
from .intervals import Uncertainty
from .profile import CellPair, Neighbour, ProfileScore

SCHEMA = 2


@dataclass(frozen=True, slots=True)
class SchemePlace:
    """Place of a model under one scheme."""

    scheme: str
    problem: str = ""  # Reason why the scheme cannot place it; all else is then empty
    statistic: float = math.nan  # The scheme's own score of the model
    # Share of the others whose statistic is below, plus half of those equal to nine decimals.
    share: float = math.nan
    rank: int = 0  # Competition rank (1 is best) among the models that it is compared with and this one
    # Number of these: under a universe score all of the reference that have one, else those that have its
    # benchmarks.
    population: int = 0
    # None if it was not asked for, or fewer than two benchmarks or papers have a score.
    uncertainty: Uncertainty | None = None
    scaled: Mapping[str, float] | None = None  # Each cell on the scheme's scale
    # Ranks on all benchmarks, among the models that have all, with each missing score at the 5th and at the 95th
    # percentile of the reference; None if nothing is missing, or fewer than two models have all.
    bounds: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class MissingScore:
    """Benchmark without a score."""

    benchmark: str
    state: CellState  # FAILED or NEVER
    scores: tuple[float, float]  # The 5th and the 95th percentile of the reference's scores on it
    # Share of the distance between the bounds, on the scheme's scale, by which they narrow once its score is
    # known to be the median; median over the schemes, NaN without bounds.
    narrows: float


@dataclass(frozen=True, eq=False)
class Placement:
    """Place of one model among the models that have its benchmarks."""

    __repr__ = brief

    reference: Reference
    left_out: tuple[int, ...]  # Ids of the reference's models that it is not compared with
    board: Board  # The models that it is compared with, on the benchmarks on which it has a score
    cells: Mapping[str, Cell]  # The model's cells on all benchmarks that models are placed by
    complete: int  # Models that have a score on all of these, for the bounds
    schemes: tuple[SchemePlace, ...]
    # Schemes that were not asked for by name and whose rule for missing scores would rank coverage.
    not_placed: tuple[str, ...]
    benchmarks: tuple[ProfileScore, ...]  # The highest normal score first
    # The nearest first; only models that share at least half of the model's scored benchmarks.
    neighbours: tuple[Neighbour, ...]
    missing: tuple[MissingScore, ...]  # The one that narrows the bounds most first
    # Benchmarks of the model that the reference does not place by, each with a reason; empty if unknown.
    unused: Mapping[str, str]
    # Benchmarks whose score is on another version than the reference has, and so counts as missing: both
    # versions.
    other_versions: Mapping[str, tuple[int, int]]

    @property
    def population(self) -> int:
        """Number of models that it is compared with."""
        return len(self.board.models)

    @property
    def placed(self) -> tuple[SchemePlace, ...]:
        """Schemes without a problem."""
        return tuple(one for one in self.schemes if not one.problem)

    @property
    def answer(self) -> str:
        """The rank under the first scheme, in one sentence."""
        scored = len(self.benchmarks)
        on = f"On {'these' if self.missing else 'all'} {counted(scored, 'benchmark')}"
        if scored == 1:
            on = f"On {self.benchmarks[0].benchmark} alone"
        if not self.placed:
            return f"{on}: no scheme places the model"
        first = self.placed[0]
        sure = first.uncertainty
        ends = "" if sure is None else f", {sure.ranks[0]} to {sure.ranks[1]}"
        return f"{on}: rank {first.rank} of {first.population + 1}{ends} ({first.scheme})"

    @property
    def above_all(self) -> tuple[str, ...]:
        """Benchmarks with a score above the reference's highest: a normal score or rank there rises no further."""
        return tuple(name for name, score, values in self._compared() if score > values[-1])

    @property
    def below_all(self) -> tuple[str, ...]:
        """Benchmarks with a score below the reference's lowest: a normal score or rank there falls no further."""
        return tuple(name for name, score, values in self._compared() if score < values[0])

    def _compared(self) -> Iterator[tuple[str, float, FloatArray]]:
        for one in self.benchmarks:
            values = self.reference.norms[one.benchmark].values
            yield one.benchmark, float(rounded(np.array(one.score))), rounded(values)


def placement_json(placed: Placement) -> dict[str, Any]:
    """Build the record of a placement; unknown is None."""
    reference = placed.reference
    return {
        "schema": SCHEMA,
        "answer": placed.answer,
        "reference": {
            **reference_json(reference),
            "models": len(reference.board.models),
            "benchmarks": len(placed.cells),
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
        "benchmarks": [_record(one) for one in placed.benchmarks],
        "above_all": list(placed.above_all),
        "below_all": list(placed.below_all),
        "neighbours": [
            {"id": one.model.id, "name": one.model.name, **_record(one, "distance", "correlation", "shared")}
            for one in placed.neighbours
        ],
        "missing": [_record(one) for one in placed.missing],
    }


def scheme_json(one: SchemePlace) -> dict[str, Any]:
    """Build the record of a place under one scheme; all is None but the problem if there is one."""
    known, own = one.uncertainty, ("statistic", "share", "rank", "population")
    fields = {
        "interval": "ranks",
        "share_interval": "shares",
        "statistic_interval": "scores",
        "level": "level",
        "error": "error",
        "interval_kind": "kind",
        "resamples": "resamples",
        "seed": "seed",
    }
    return {
        **(dict.fromkeys(own) if one.problem else _record(one, *own)),
        **{name: _plain(getattr(known, field, None)) for name, field in fields.items()},
        "bounds": _plain(one.bounds),
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
    return _record(cell, "score", "error", "state", "origin")


def beside_json(pairs: Sequence[CellPair]) -> list[dict[str, Any]]:
    """Build the record of two models cell by cell."""
    own = ("score", "error", "state")
    return [
        {
            "benchmark": one.benchmark,
            **_record(one.mine, *own),
            **{f"board_{name}": value for name, value in _record(one.theirs, *own).items()},
            **_record(one, "difference", "beyond"),
        }
        for one in pairs
    ]


def _record(one: Any, *names: str) -> dict[str, Any]:
    """Return the named fields of a dataclass as JSON has them, or all."""
    return {name: _plain(getattr(one, name)) for name in names or (field.name for field in fields_of(one))}


def _plain(value: Any) -> Any:
    if isinstance(value, CellState):
        return value.name
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and math.isnan(value) else value
