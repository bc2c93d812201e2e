"""CSV tables of scores: a row a model, a column a benchmark."""

from __future__ import annotations

import pandas as pd

from ..data.snapshot import Snapshot
from ..errors import SnapshotError
from ..text import visible
from .csv_table import decimal_point, read_table

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "–"})


def table_snapshot(text: str, name: str) -> Snapshot:
    r"""Read a CSV table of scores in [0, 1] as a snapshot of the domain ``table``, without a date.

    `text`: the first column names the models, the header the benchmarks; a header ``group/group/benchmark`` makes the
    tree. `name`: of the file, for messages and as source.

    Examples
    --------
    >>> table_snapshot("model;reading/qa;reading/nli\na;0,5;0,6\nb;0,7;\n", "scores.csv")
    <Snapshot table: 2 models × 2 benchmarks, 25 % missing>
    """
    try:
        table = read_table(text)
    except ValueError as cause:
        raise SnapshotError(f"{name} is neither a snapshot nor a table: {cause}") from cause
    columns = [field.text.strip() for field in table.header.fields[1:]]
    count = len(columns)
    scores: list[list[float | str | None]] = []
    for row in table.rows:
        if len(row.fields) > count + 1:
            beyond = visible(row.fields[count + 1].text)
            raise SnapshotError(
                f"{name} has {count} benchmarks in its header and a further field {beyond!r} in line {row.line}; put "
                "names with a comma in quotes, or add the missing header"
            )
        texts = [field.text for field in row.fields[1:]] + [""] * (count + 1 - len(row.fields))
        scores.append([_number(text.strip()) for text in texts])
    models = [row.fields[0].text.strip() for row in table.rows]
    return Snapshot.from_frame(pd.DataFrame(scores, models, columns, dtype=object), source=name)


def _number(text: str) -> float | str | None:
    """Return the score in a field; a text that is no number stays, and is refused with its cell."""
    if text.lower() in _MISSING:
        return None
    try:
        return float(decimal_point(text))
    except ValueError:
        return text
