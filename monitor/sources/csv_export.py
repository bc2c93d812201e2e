"""The site's CSV export as a source, in both of its dialects.

The newer one is a zip of ``leaderboard.csv`` and ``plugin-info.csv``: two comment lines, then ``Rank, Model, Model ID,
Filtered Score`` and the benchmarks under their short names. The older one is a plain CSV of ``model_name, layers`` and
the benchmarks. In both, FAILED is nothing at all and NEVER is ``""``. Neither says which benchmark belongs to which
group: that is read from the numbers (`csv_tree`). What was filtered out before the export is not in it, so that
groups with hidden children cannot be explained and the export is refused.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from brainalign_plugin.official import CellState

from ..errors import BodyTooLargeError, NotJsonError, PayloadShapeError, TruncatedPayloadError
from .csv_text import Field, csv_rows
from .csv_tree import column_parents
from .document import shown
from .payload import Pull, read_document

_ZIP_MAGIC = b"PK\x03\x04"
_LEADERBOARD = re.compile(r"(.*/)?(brain-score-)?leaderboard[^/]*\.csv")
_PLUGINS = re.compile(r"(.*/)?(plugin-info|brain-score-plugin-metadata)[^/]*\.csv")
_MOST_COLUMNS = 2000
_MOST_DECIMALS = 6
_VERSIONED = re.compile(r"(.+)_v([0-9]{1,6})")
_DATE_RANGE = re.compile(r"#\s*Date from \S+ to (\S+)")
_NUMBER = re.compile(r"[+-]?[0-9]*\.?([0-9]*)")
# Columns that are no benchmarks, in lower case.
_OTHER = frozenset({"rank", "model", "model id", "filtered score", "model_name", "layers"})


@dataclass(frozen=True)
class _Table:
    header: tuple[str, ...]
    rows: tuple[tuple[Field, ...], ...]
    benchmarks: tuple[int, ...]

    def column(self, name: str) -> int | None:
        return next((i for i, title in enumerate(self.header) if title.lower() == name), None)


def is_csv_export(text: bytes) -> bool:
    """Whether an unpacked body is a zip, or begins as either dialect does."""
    if text.startswith(_ZIP_MAGIC):
        return True
    first = next((line for line in text[:4096].splitlines() if not line.startswith(b"#")), b"")
    begin = first.removeprefix(b"\xef\xbb\xbf").lower().replace(b'"', b"")
    return begin.startswith((b"model_name,", b"rank,model,"))


def pull_csv(text: bytes, body: bytes, source: str, received_at: datetime, max_bytes: int) -> Pull:
    """Read a CSV export.

    Models of the older dialect have no ids: theirs are made of their names, the same in every export.

    Parameters
    ----------
    text : bytes
        Unpacked: a zip, or the CSV itself.
    body : bytes
        As received.
    source : str
        What messages call it.
    received_at : datetime
        As-of time where the export names none.
    max_bytes : int
        Largest size of a file in the zip.

    Raises
    ------
    PayloadError
        One of its named kinds: it is refused whole.
    """
    leaderboard, plugins = text, b""
    if text.startswith(_ZIP_MAGIC):
        leaderboard, plugins = _members(text, body, source, max_bytes)
    try:
        lines = leaderboard.decode("utf-8-sig")
        ids = _leaf_ids(plugins.decode("utf-8-sig"))
        table = _table(lines)
        document = _document(table, ids, _as_of(lines))
    except UnicodeDecodeError as cause:
        raise NotJsonError(f"{source} is no CSV in UTF-8 ({cause.reason}); export it again", body) from cause
    except ValueError as cause:
        message = f"{source} is no CSV export of the leaderboard: {cause}; the body was kept for inspection"
        raise PayloadShapeError(message, body) from cause
    return read_document(document, body, source, received_at)


def _members(text: bytes, body: bytes, source: str, max_bytes: int) -> tuple[bytes, bytes]:
    """The two files of the zip; read in memory and never further than the cap, whatever the zip says of its sizes."""
    try:
        with zipfile.ZipFile(io.BytesIO(text)) as archive:
            boards = [info for info in archive.infolist() if _LEADERBOARD.fullmatch(info.filename)]
            plugins = [info for info in archive.infolist() if _PLUGINS.fullmatch(info.filename)]
            if len(boards) != 1 or len(plugins) > 1:
                names = shown(", ".join(info.filename for info in archive.infolist()), 120)
                raise PayloadShapeError(
                    f"{source} is a zip with {len(boards)} files leaderboard.csv ({names}); export it again",
                    body,
                )
            read = [_member(archive, info, source, body, max_bytes) for info in (*boards, *plugins)]
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
        ValueError,
    ) as cause:
        raise TruncatedPayloadError(
            f"{source} is a zip that cannot be read ({shown(str(cause), 120)}); fetch it again", body
        ) from cause
    return read[0], read[1] if plugins else b""


def _member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, source: str, body: bytes, max_bytes: int
) -> bytes:
    with archive.open(info) as member:
        data = member.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise BodyTooLargeError(
            f"{source} unpacks from {len(body)} to more than {max_bytes} bytes; raise the cap if that is right",
            body,
        )
    return data


def _as_of(lines: str) -> str | None:
    """The end of the range of dates that the export was made for."""
    for line in lines[:4096].splitlines():
        if found := _DATE_RANGE.match(line):
            return found[1]
    return None


def _leaf_ids(plugins: str) -> dict[str, tuple[str, int]]:
    """Type id and version of each leaf by its short name, from the sidecar; nothing if there is none."""
    found: dict[str, tuple[str, int]] = {}
    for row in csv_rows(plugins):
        if len(row) > 1 and row[1].text == "benchmark" and (named := _VERSIONED.fullmatch(row[0].text)):
            found[_short_name(named[1])] = (named[1], int(named[2]))
    return found


def _short_name(type_id: str) -> str:
    """Without the prefix of a lab, which has no capital letter."""
    lab, dot, rest = type_id.partition(".")
    return rest if dot and lab == lab.lower() else type_id


def _table(lines: str) -> _Table:
    rows = [row for row in csv_rows(lines) if not row[0].text.startswith("#") or row[0].quoted]
    if not rows:
        raise ValueError("it has no rows")
    header = tuple(field.text.strip() for field in rows[0])
    if len(header) > _MOST_COLUMNS:
        raise ValueError(f"it has {len(header)} columns, more than {_MOST_COLUMNS}")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise ValueError(f"row {number} has {len(row)} fields, the header {len(header)}")
    columns: list[int] = []
    for i, title in enumerate(header):
        earlier = next((j for j in columns if header[j] == title), None)
        if title.lower() in _OTHER:
            continue
        if earlier is None:
            columns.append(i)
        elif any(row[i] != row[earlier] for row in rows[1:]):
            raise ValueError(f"the column {shown(title)!r} occurs twice and differs")
    return _Table(header, tuple(rows[1:]), tuple(columns))


def _document(table: _Table, ids: Mapping[str, tuple[str, int]], as_of: str | None) -> dict[str, Any]:
    names = [table.header[i] for i in table.benchmarks]
    domain = next((name.removeprefix("average_") for name in names if name.startswith("average_")), None)
    if domain is None:
        raise ValueError("it has no column average_<domain>")
    groups = {name: name not in ids for name in names} if ids else {}
    parents = column_parents(names, *_arrays(table), groups)
    if parents is None:
        raise ValueError(
            "its groups are not the means of the columns behind them, or nothing is scored in some, so that its tree "
            "cannot be told; export without filters, or read the site's JSON"
        )
    inner = set(parents.values())
    engineering = {name for name in names if _root(name, parents).startswith("engineering_")}
    known = {name: ids.get(name, (name, 0)) for name in names}
    return {
        "domain": domain,
        "datetime_range": {"max": as_of},
        "benchmarks": [
            {
                "id": name,
                "type_id": known[name][0],
                "parent_id": parents[name],
                "is_leaf": name not in inner,
                "is_engineering": name in engineering,
                "label": name,
                "versions": [
                    {"version": known[name][1], "identifier": f"{known[name][0]}_v{known[name][1]}"}
                ],
            }
            for name in names
        ],
        "models": _models(table, names, known),
    }


def _root(name: str, parents: Mapping[str, str | None]) -> str:
    while (above := parents[name]) is not None:
        name = above
    return name


def _arrays(table: _Table) -> tuple[Any, Any, int]:
    """Values, states and decimals of the benchmarks' columns, for the search of the tree."""
    shape = (len(table.rows), len(table.benchmarks))
    values, states, decimals = np.full(shape, np.nan), np.zeros(shape, dtype=np.int8), 2
    for i, row in enumerate(table.rows):
        for j, column in enumerate(table.benchmarks):
            text = _value(row[column])
            number = _NUMBER.fullmatch(text) if text not in ("", "X") else None
            if number and any(c.isdecimal() for c in text):
                values[i, j], states[i, j] = float(text), CellState.SCORED
                if abs(values[i, j]) < 1:
                    decimals = max(decimals, min(len(number[1]), _MOST_DECIMALS))
            else:
                states[i, j] = CellState.NEVER if text == "" else CellState.FAILED
    return values, states, decimals


def _value(field: Field) -> str:
    """As the site's JSON writes it: nothing at all is FAILED, an empty text NEVER."""
    text = field.text.strip()
    return "X" if text == "" and not field.quoted else text


def _models(
    table: _Table, names: Sequence[str], known: Mapping[str, tuple[str, int]]
) -> list[dict[str, Any]]:
    by_id, by_name, rank = table.column("model id"), table.column("model"), table.column("rank")
    name_at = table.column("model_name") if by_name is None else by_name
    if name_at is None:
        raise ValueError("it has neither a column Model nor model_name")
    seen: Counter[str] = Counter()
    models = []
    for row in table.rows:
        name = row[name_at].text
        seen[name] += 1
        given = "" if by_id is None else row[by_id].text
        models.append(
            {
                "id": int(given) if given.isdecimal() and len(given) < 19 else _made_id(name, seen[name]),
                "name": name,
                "rank": _rank(row[rank].text) if rank is not None else None,
                "scores": {
                    known[title][0]: [{"version": known[title][1], "value": _value(row[column])}]
                    for title, column in zip(names, table.benchmarks, strict=True)
                },
            }
        )
    return models


def _rank(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 9 else None


def _made_id(name: str, occurrence: int) -> int:
    # Names repeat: the second of a name is another model than the first.
    digest = hashlib.sha256(f"{occurrence}\n{name}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big") >> 1
