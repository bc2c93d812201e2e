"""External metrics of models from a CSV file: a row a model, a column a metric."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, TextError
from ..text import visible
from .csv_table import Row, Table, decimal_point, read_table
from .decoding import decode

if TYPE_CHECKING:
    import pandas as pd

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
# A spreadsheet, or a column with gaps, may write an id with decimals.
_ID = re.compile(r"(\d{1,18})([.,]0+)?", re.ASCII)
_UNKNOWN = frozenset({"", "nan", "na", "n/a", "none", "null"})
_NAMES = ("model", "name")
_LARGEST = 10_000_000
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class MetricRow:
    """Metrics of one model; NaN where unknown."""

    line: int  # Of the file, or the number of the row
    id: str  # Empty if the file names none
    name: str
    values: tuple[float, ...]  # One a metric


@dataclass(frozen=True, slots=True)
class MetricTable:
    """Metrics of models, as read."""

    metrics: tuple[str, ...]
    rows: tuple[MetricRow, ...]
    notes: tuple[str, ...]  # On cells that hold no number, and count as unknown


def read_metrics(path: Path, aliases: Mapping[str, str] | None = None) -> MetricTable:
    """Read external metrics from a CSV file, see the API's `external`; `aliases` are ids by name.

    A cell without a number is unknown; one that holds another text is named. Raises InputError if the file cannot be
    read, names no model or no metric, or one twice.
    """
    return _parsed(*_text(path), aliases or {})


def read_aliases(path: Path) -> dict[str, str]:
    """Read ids of models by other names from a CSV file with the columns ``model`` and ``id``.

    Raises InputError if the file cannot be read, lacks a column or a value, or gives a name two ids.
    """
    text, name = _text(path)
    table = _table(text, name)
    titles = [field.text.strip().lower() for field in table.header.fields]
    if "id" not in titles or not set(_NAMES) & set(titles):
        raise InputError(f"the aliases {name} have the columns {', '.join(titles)}; give them 'model' and 'id'")
    found: dict[str, str] = {}
    for row in table.rows:
        cells = dict(zip(titles, (field.text.strip() for field in row.fields), strict=False))
        model, number = next((cells.get(word, "") for word in _NAMES if word in titles), ""), cells.get("id", "")
        if not model or model_id(number) is None or found.setdefault(model, number) != number:
            known = f", and {found[model]!r} above" if model in found and found[model] != number else ""
            raise InputError(
                f"line {row.line} of the aliases {name} gives {visible(model, _LONGEST)!r} the id "
                f"{visible(number, _LONGEST)!r}{known}; give each name one whole number"
            )
    return found


def _text(path: Path) -> tuple[str, str]:
    """Return the text of a file, and its name as errors have it."""
    name = repr(visible(str(path)))
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise TextError(f"larger than {_LARGEST // 1_000_000} MB")
        return decode(data, ansi=True), name
    except (OSError, TextError) as cause:
        raise _unreadable(name, cause.strerror if isinstance(cause, OSError) else cause) from cause


def metrics_of(frame: pd.DataFrame, aliases: Mapping[str, str] | None = None) -> MetricTable:
    """Take metrics from a table with the columns of `read_metrics`, or with ids (whole numbers) or names as index."""
    if not {str(column).lower() for column in frame.columns} & {"id", *_NAMES}:
        frame = frame.rename_axis("id" if frame.index.inferred_type == "integer" else "model").reset_index()
    return _parsed(frame.to_csv(index=False), "of the table", aliases or {})


def _table(text: str, name: str) -> Table:
    try:
        return read_table(text)
    except ValueError as cause:
        raise _unreadable(name, cause) from cause


def _parsed(text: str, name: str, aliases: Mapping[str, str]) -> MetricTable:
    table = _table(text, name)
    titles = [visible(field.text, _LONGEST) if field.text.strip() else "" for field in table.header.fields]
    lower = [title.lower() for title in titles]
    places = [next((lower.index(word) for word in words if word in lower), None) for words in (("id",), _NAMES)]
    columns = [k for k, title in enumerate(titles) if title and k not in places]
    if places == [None, None]:
        raise InputError(f"the metrics {name} have no column 'id' or 'model'; name the models in one of them")
    if not columns:
        raise InputError(f"the metrics {name} have no column for a metric; add one a metric")
    metrics = tuple(titles[k] for k in columns)
    twice = [metric for metric, count in Counter(metrics).items() if count > 1]
    if twice:
        raise InputError(f"the metrics {name} have the column {twice[0]!r} more than once; rename one")
    notes: list[str] = []
    rows = []
    for row in table.rows:
        cells = [field.text.strip() for field in row.fields] + [""] * (len(titles) - len(row.fields))
        model, known = ("" if place is None else cells[place] for place in places)
        values = tuple(_value(cells[k], row, titles[k], notes) for k in columns)
        rows.append(MetricRow(row.line, model or aliases.get(known, ""), known, values))
    return MetricTable(metrics, tuple(rows), tuple(notes))


def _unreadable(name: str, reason: object) -> InputError:
    return InputError(
        f"the metrics {name} cannot be read ({reason}); give a CSV file with the columns id,model and one a metric"
    )


def model_id(text: str) -> int | None:
    """Return the id that a text holds; None if it holds none."""
    return int(found[1]) if (found := _ID.fullmatch(text)) else None


def _value(text: str, row: Row, metric: str, notes: list[str]) -> float:
    plain = decimal_point(text)
    if _NUMBER.fullmatch(plain) and math.isfinite(value := float(plain)):
        return value
    if plain.lower() not in _UNKNOWN:
        notes.append(f"line {row.line}, {metric}: {visible(text, 40)!r} is no number and counts as unknown")
    return math.nan
