"""External metrics of models from a CSV file: a row a model, a column a metric."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError, TextError
from ..text import visible
from .csv_table import Row, decimal_point, read_table
from .decoding import decode

if TYPE_CHECKING:
    import pandas as pd

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_ID = re.compile(r"\d{1,18}", re.ASCII)
_UNKNOWN = frozenset({"", "nan", "na", "n/a", "none", "null"})
_MODELS = {"id": ("id",), "model": ("model", "name")}
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


def read_metrics(path: Path) -> MetricTable:
    """Read external metrics from a CSV file.

    Its first line names the columns: ``id`` (of the model on the board), ``model`` (its name), or both, and one for
    each metric. A cell without a number is unknown; one that holds another text is named. Raises InputError if the file
    cannot be read, names no model or no metric, or one twice.
    """
    name = repr(visible(str(path)))
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise TextError(f"larger than {_LARGEST // 1_000_000} MB")
        table = read_table(decode(data, ansi=True))
    except (OSError, TextError, ValueError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else cause
        raise InputError(
            f"the metrics {name} cannot be read ({reason}); give a CSV file with the columns id,model and one a metric"
        ) from cause
    titles = [visible(field.text, _LONGEST) if field.text.strip() else "" for field in table.header.fields]
    lower = [title.lower() for title in titles]
    at = {
        kind: next((lower.index(word) for word in words if word in lower), None)
        for kind, words in _MODELS.items()
    }
    columns = [k for k, title in enumerate(titles) if title and k not in at.values()]
    metrics = tuple(titles[k] for k in columns)
    _check(name, metrics, any(place is not None for place in at.values()))
    notes: list[str] = []
    rows = []
    for row in table.rows:
        text = [field.text.strip() for field in row.fields] + [""] * (len(titles) - len(row.fields))
        model, known = ("" if place is None else text[place] for place in (at["id"], at["model"]))
        values = tuple(_value(text[k], row, titles[k], notes) for k in columns)
        rows.append(MetricRow(row.line, model, known, values))
    return MetricTable(metrics, tuple(rows), tuple(notes))


def metrics_of(frame: pd.DataFrame) -> MetricTable:
    """Take external metrics from a table: a row a model, a column a metric.

    Models are in the columns ``id`` and ``model``, or else in the index: whole numbers are ids. Raises InputError as
    `read_metrics`, and if a column holds no numbers.
    """
    titles = {str(column).lower(): column for column in frame.columns}
    at = {
        kind: next((titles[word] for word in words if word in titles), None)
        for kind, words in _MODELS.items()
    }
    ids, names = (None if at[kind] is None else frame[at[kind]].tolist() for kind in ("id", "model"))
    if ids is None and names is None:
        index = frame.index.tolist()
        ids, names = (index, None) if frame.index.inferred_type == "integer" else (None, index)
    columns = [column for column in frame.columns if column not in at.values()]
    metrics = tuple(visible(str(column), _LONGEST) for column in columns)
    _check("of the table", metrics, models=True)
    try:
        values = np.column_stack(
            [np.asarray(frame.iloc[:, list(frame.columns).index(c)], dtype=float) for c in columns]
        )
    except (TypeError, ValueError) as cause:
        raise InputError(
            f"the metrics of the table hold what is no number ({cause}); leave unknown ones empty"
        ) from None
    values = np.where(np.isfinite(values), values, np.nan)
    blank = [""] * len(frame)
    rows = [
        MetricRow(k, _text(i), _text(name), tuple(row))
        for k, (i, name, row) in enumerate(zip(ids or blank, names or blank, values.tolist(), strict=True), 1)
    ]
    return MetricTable(metrics, tuple(rows), ())


def _text(value: object) -> str:
    """Return an id or a name as text; a whole number that gaps have made a float is one."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.0f}" if value.is_integer() else str(value)
    return "" if value is None else str(value).strip()


def _check(name: str, metrics: tuple[str, ...], models: bool) -> None:
    """Refuse a table of metrics that names no model or no metric, or a metric twice, by InputError."""
    if not models:
        raise InputError(f"the metrics {name} have no column 'id' or 'model'; name the models in one of them")
    if not metrics:
        raise InputError(f"the metrics {name} have no column beside the models; add one a metric")
    twice = [metric for metric, count in Counter(metrics).items() if count > 1]
    if twice:
        raise InputError(f"the metrics {name} have the column {twice[0]!r} more than once; rename one")


def model_id(text: str) -> int | None:
    """Return the id that a text holds; None if it holds none."""
    return int(text) if _ID.fullmatch(text) else None


def _value(text: str, row: Row, metric: str, notes: list[str]) -> float:
    plain = decimal_point(text)
    if _NUMBER.fullmatch(plain) and math.isfinite(value := float(plain)):
        return value
    if plain.lower() not in _UNKNOWN:
        notes.append(f"line {row.line}, {metric}: {visible(text, 40)!r} is no number and counts as unknown")
    return math.nan
