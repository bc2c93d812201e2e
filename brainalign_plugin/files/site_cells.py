"""Cells of the site's JSON: a model's entries in each version of a benchmark, read or rejected."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from ..data.official import CellState
from ..data.snapshot import NO_TIME
from .json_text import REPEATED, shown

# Range of integers in databases.
MAX_VERSION = 2**31
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


class Cell(NamedTuple):
    """One entry; the score is as published, uncapped."""

    version: int
    state: CellState
    score: float
    error: float
    scored_at: np.datetime64


class Problem(NamedTuple):
    """Unreadable value of a cell, which rejects the cell or leaves one of its fields unknown."""

    value: Any
    reason: str
    loses_cell: bool = True


def read_cells(entries: Any, current: int) -> Iterator[Cell | Problem]:
    """Read a model's entries on one benchmark, in their order. `current`: the benchmark's latest version."""
    if not isinstance(entries, list):
        yield Problem(entries, "the benchmark occurs twice" if entries is REPEATED else "not a list of versions")
        return
    seen: set[int] = set()
    for entry in entries:
        if not isinstance(entry, dict):
            yield Problem(entry, "not an object")
            continue
        try:
            version = read_version(entry.get("version"))
            if version > current:
                raise ValueError(f"version {version} is not among the benchmark's versions (latest {current})")
            if version in seen:
                raise ValueError(f"version {version} occurs twice")
            state, score = _value(entry, version < current)
        except ValueError as cause:
            yield Problem(entry.get("value"), str(cause))
            continue
        seen.add(version)
        error = math.nan
        scored_at: np.datetime64 = NO_TIME
        # Error and time are optional, so an unreadable one leaves the cell valid.
        try:
            error = _error(entry.get("error"))
        except ValueError as cause:
            yield Problem(entry.get("error"), f"{cause}; it is unknown", loses_cell=False)
        try:
            if entry.get("timestamp") is not None:
                scored_at = np.datetime64(read_moment(entry["timestamp"]).replace(tzinfo=None), "us")
        except ValueError as cause:
            yield Problem(entry["timestamp"], f"the timestamp {cause}; it is unknown", loses_cell=False)
        yield Cell(version, state, score, error, scored_at)


def read_version(value: Any) -> int:
    """Return a version number. Raises ValueError if it is none."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MAX_VERSION:
        raise ValueError(f"the version {shown(value, 40)!r} is not a version number")
    return value


def read_moment(value: Any) -> datetime:
    """Return an ISO date and time in UTC; without an offset the site means UTC. Raises ValueError if it is none."""
    if not isinstance(value, str):
        raise ValueError(f"{shown(value, 40)!r} is not text")
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{shown(value, 40)!r} is not a date") from None


def _value(entry: dict[str, Any], superseded: bool) -> tuple[CellState, float]:
    value = entry.get("value")
    if value is None:
        # The site recomputes superseded values and writes the NaN of a failed run as null.
        if superseded and "value" in entry:
            return CellState.FAILED, math.nan
        raise ValueError("the value is missing or null")
    if isinstance(value, str):
        text = value.strip()
        if text == "":
            return CellState.NEVER, math.nan
        if text.lower() in ("x", "nan"):
            return CellState.FAILED, math.nan
        if not _NUMBER.fullmatch(text):
            raise ValueError("the value is not a number, X or empty")
    number = _number(value, "value")
    return (CellState.FAILED, math.nan) if math.isnan(number) else (CellState.SCORED, number)


def _error(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in ("", "nan"):
            return math.nan
        if not _NUMBER.fullmatch(text):
            raise ValueError(f"the error {shown(value, 40)!r} is not a number")
    return _number(value, "error")


def _number(value: Any, what: str) -> float:
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
