"""Cells of the site's JSON: a model's entries in each version of a benchmark, read or rejected."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from ..data.board import Model
from ..data.cells import NO_TIME
from ..data.official import CellState
from .decoding import REPEATED, shown

# Range of integers in databases.
MAX_VERSION = 2**31
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
MOST_ENTRIES = 10_000

# Logs a rejected value and the reason.
Note = Callable[[Any, str], None]


@dataclass(frozen=True, slots=True)
class Rejected:
    """Rejected cell or field."""

    model_id: int | None  # None for a field of a benchmark, or of the board
    model: str  # Name of the model
    benchmark: str  # Type id; empty for a field of a model, or of the board
    value: str  # Text in the source, shortened
    reason: str  # Reason for the rejection, and for a field the value used instead

    def __str__(self) -> str:
        return f"{self.benchmark!r} of model {self.model_id} with {self.value!r}: {self.reason}"


@dataclass(slots=True)
class Log:
    """Log of rejected cells, fields and benchmarks."""

    cells: list[Rejected] = field(default_factory=list)
    fields: list[Rejected] = field(default_factory=list)
    fields_left_out: int = 0

    def about(self, model: Model | None = None, benchmark: str = "", *, cell: bool = False) -> Note:
        """Return the function that logs a value of a model, a benchmark, a cell or the board."""

        def note(value: Any, reason: str) -> None:
            if not cell and len(self.fields) >= MOST_ENTRIES:
                self.fields_left_out += 1
                return
            number, name = (None, "") if model is None else (model.id, model.name)
            entry = Rejected(number, name, shown(benchmark, 200), shown(value), shown(reason, 300))
            (self.cells if cell else self.fields).append(entry)

        return note

    def entries(self) -> tuple[Rejected, ...]:
        """Return all entries, cells last."""
        more = Rejected(None, "", "", "", f"{self.fields_left_out} more fields are unknown")
        return (*self.fields, *([more] if self.fields_left_out else []), *self.cells)


class Cell(NamedTuple):
    """One entry; the score is as published, uncapped."""

    version: int
    state: CellState
    score: float
    error: float
    scored_at: np.datetime64


def read_cells(entries: Any, current: int, cell: Note, field: Note) -> Iterator[Cell]:
    """Read a model's entries on one benchmark, in their order. `current`: the benchmark's latest version.

    An unreadable value rejects its cell, logged by `cell`, or leaves one of its fields unknown, logged by `field`.
    """
    if not isinstance(entries, list):
        cell(entries, "the benchmark occurs twice" if entries is REPEATED else "not a list of versions")
        return
    seen: set[int] = set()
    for entry in entries:
        if not isinstance(entry, dict):
            cell(entry, "not an object")
            continue
        try:
            version = read_version(entry.get("version"))
            if version > current:
                raise ValueError(f"version {version} is not among the benchmark's versions (latest {current})")
            if version in seen:
                raise ValueError(f"version {version} occurs twice")
            state, score = _value(entry, version < current)
        except ValueError as cause:
            cell(entry.get("value"), str(cause))
            continue
        seen.add(version)
        # Error and time are optional, so an unreadable one leaves the cell valid.
        try:
            error = _error(entry.get("error"))
        except ValueError as cause:
            field(entry.get("error"), f"{cause}; it is unknown")
            error = math.nan
        moment = optional_moment(entry.get("timestamp"), "timestamp", field)
        scored_at = NO_TIME if moment is None else np.datetime64(moment.replace(tzinfo=None), "us")
        yield Cell(version, state, score, error, scored_at)


def read_version(value: Any) -> int:
    """Return a version number. Raises ValueError if it is none."""
    if type(value) is not int or not 0 <= value < MAX_VERSION:
        raise ValueError(f"the version {shown(value, 40)!r} is not a version number")
    return value


def optional_moment(value: Any, what: str, note: Note) -> datetime | None:
    """Return an ISO date and time in UTC, the site's zone without an offset; None, and logged, if it is none."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        kind = "a date" if isinstance(value, str) else "text"
        note(value, f"the {what} {shown(value, 40)!r} is not {kind}; it is unknown")
        return None


def _value(entry: dict[str, Any], superseded: bool) -> tuple[CellState, float]:
    value = entry.get("value")
    if value is None and not (superseded and "value" in entry):
        raise ValueError("the value is missing or null")
    text = value.strip().lower() if isinstance(value, str) else None
    if text == "":
        return CellState.NEVER, math.nan
    # The site recomputes superseded values and writes the NaN of a failed run as null.
    number = math.nan if value is None or text in ("x", "nan") else _number(value, "value")
    return (CellState.FAILED if math.isnan(number) else CellState.SCORED), number


def _error(value: Any) -> float:
    if value is None or (isinstance(value, str) and value.strip().lower() in ("", "nan")):
        return math.nan
    return _number(value, "error")


def _number(value: Any, what: str) -> float:
    """Return a finite number or NaN. Raises ValueError."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        text = "value is not a number, X or empty" if what == "value" else f"error {shown(value, 40)!r} is not a number"
        raise ValueError(f"the {text}")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        kind = repr(value) if value is REPEATED else f"of type {type(value).__name__}"
        raise ValueError(f"the {what} is {kind}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise ValueError(f"the {what} is infinite")
    return number
