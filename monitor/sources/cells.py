"""One cell of the payload: an entry of a model's scores in one version of a benchmark, read or set aside."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from brainalign_plugin.official import CellState
from brainalign_plugin.snapshot import NO_TIME

from .document import REPEATED, shown
from .shape import MAX_VERSION

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


class Cell(NamedTuple):
    """What one entry says; the score is as published, uncapped."""

    version: int
    state: CellState
    score: float
    error: float
    scored_at: np.datetime64


class BadCellError(Exception):
    """A cell that has to be set aside: caught by the reader of the payload, never seen by its caller."""

    def __init__(self, value: Any, reason: str) -> None:
        super().__init__(reason)
        self.value = value
        self.reason = reason


def read_cells(entries: Any, current: int) -> Iterator[Cell | BadCellError]:
    """Read a model's entries on one benchmark, good and bad ones in their order.

    Parameters
    ----------
    entries : Any
        The JSON value: a list of ``{version, value, error, timestamp}``.
    current : int
        The benchmark's latest version.
    """
    if not isinstance(entries, list):
        what = "the benchmark occurs twice" if entries is REPEATED else "not a list of versions"
        yield BadCellError(entries, what)
        return
    seen: set[int] = set()
    for entry in entries:
        try:
            cell = _cell(entry, current)
        except BadCellError as bad:
            yield bad
            continue
        if cell.version in seen:
            yield BadCellError(entry.get("value"), f"version {cell.version} occurs twice")
            continue
        seen.add(cell.version)
        yield cell


def _cell(entry: Any, current: int) -> Cell:
    if not isinstance(entry, dict):
        raise BadCellError(entry, "not an object")
    version, value = entry.get("version"), entry.get("value")
    try:
        if not isinstance(version, int) or isinstance(version, bool) or not 0 <= version < MAX_VERSION:
            raise ValueError(f"the version {shown(version, 40)!r} is not a version number")
        if version > current:
            raise ValueError(f"version {version} is not among the benchmark's versions (latest {current})")
        state, score = _value(value)
        return Cell(version, state, score, _error(entry.get("error")), _time(entry.get("timestamp")))
    except ValueError as cause:
        raise BadCellError(value, str(cause)) from cause


def _value(value: Any) -> tuple[CellState, float]:
    if isinstance(value, str):
        text = value.strip()
        if text == "":
            return CellState.NEVER, math.nan
        if text.lower() in ("x", "nan"):
            return CellState.FAILED, math.nan
        if not _NUMBER.fullmatch(text):
            raise ValueError("the value is not a number, X or empty")
    elif value is None:
        raise ValueError("the value is missing or null")
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


def _time(value: Any) -> np.datetime64:
    if value is None:
        return NO_TIME
    if not isinstance(value, str):
        raise ValueError(f"the timestamp {shown(value, 40)!r} is not text")
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:  # without an offset the site means UTC
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        return np.datetime64(moment, "us")
    except (ValueError, OverflowError):
        raise ValueError(f"the timestamp {shown(value, 40)!r} is not a date") from None
