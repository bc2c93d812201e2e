"""Boards in the site's CSV export, in all of its dialects, and in zips.

The newer one is a zip of ``leaderboard.csv`` and ``plugin-info.csv``: two comment lines, then ``Rank, Model, Model ID``
and the benchmarks under their short names; FAILED is nothing at all and NEVER is ``""``. The older ones are a plain CSV
of ``model_name`` and the benchmarks; FAILED is ``X`` and NEVER nothing. Neither says which benchmark belongs to which
group: that is read from the numbers (`csv_tree`). What was filtered out before the export is not in it, so that
groups with hidden children cannot be explained and the export is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np

from ..data.official import CellState
from ..errors import ArchiveError, EmptyBoardError, TextError
from .csv_table import Field, decimal_point, read_table, titles_of
from .csv_tree import column_parents
from .decoding import decode, described, shown, storable
from .site_cells import Rejected

_LEADERBOARD = re.compile(r"(brain-score-)?leaderboard.*\.csv", re.IGNORECASE)
_PLUGINS = re.compile(r"(plugin-info|brain-score-plugin-metadata).*\.csv", re.IGNORECASE)
_MOST_COLUMNS = 2000
_MOST_DECIMALS = 6
_VERSIONED = re.compile(r"(.+)_v([0-9]{1,6})")
_DATE_RANGE = re.compile(r"#\s*Date from \S+ to (\S+)")
_NUMBER = re.compile(r"[+-]?(?=[0-9.])[0-9]*\.?([0-9]*)")
_WHOLE = re.compile(r"([0-9]{1,18})([.,]0+)?")
_DOMAIN = re.compile(r"(?:average|neural|behavior|engineering)_([a-z][a-z0-9_]*)")
# Columns that are no benchmarks, in lower case; pandas gives its index no title.
_OTHER = frozenset({"", "rank", "model", "model id", "model_id", "filtered score", "model_name", "layers"})


@dataclass(frozen=True)
class _Board:
    titles: list[str]  # Of all columns
    rows: list[tuple[Field, ...]]
    columns: list[int]  # Positions of the benchmarks
    as_of: str | None

    def column(self, *names: str) -> int | None:
        return next((i for i, title in enumerate(self.titles) if title.lower() in names), None)

    @cached_property
    def values(self) -> list[list[str]]:
        """The benchmarks' cells of each model as the site's JSON writes them: FAILED is X, NEVER an empty text."""
        texts = [[(row[i], row[i].text.strip()) for i in self.columns] for row in self.rows]
        return [
            [decimal_point(text) if text else "" if cell.quoted else self.nothing for cell, text in row]
            for row in texts
        ]

    @cached_property
    def nothing(self) -> str:
        """Meaning of a field without any text.

        The site's page quotes all but FAILED. Its older CSVs, and spreadsheets that save the newer one again, quote
        nothing: NEVER, which then includes FAILED.
        """
        # Of names too, because scores with a decimal comma are quoted in any file with commas.
        quotes = all(cell.quoted for row in self.rows for cell in row if cell.text.strip())
        return "X" if quotes and self.column("model_name") is None else ""


def is_csv_export(text: str) -> bool:
    """Return whether a text is a table of models, in either dialect."""
    if re.match(r"\s*[{\[<]", text):  # JSON of one long line, for example
        return False
    titles = {title.lower() for title in titles_of(text)}
    return "model_name" in titles or bool("model" in titles and titles & {"rank", "model id"})


def site_csv_document(leaderboard: str, plugins: bytes) -> tuple[dict[str, Any], tuple[Rejected, ...]]:
    """Read a CSV export as the document that the site's JSON would be; ValueError if its tree cannot be read.

    Models of older exports have no ids: theirs are made of their names. A note says if a spreadsheet has lost the
    difference of FAILED and NEVER. `plugins`: ``plugin-info.csv``, empty if there is none.
    """
    board = _board(storable(leaderboard))
    document = _document(board, _leaf_ids(plugins))
    empty = sum(value == "" for row in board.values for value in row)
    if not empty or board.nothing or board.column("model_name") is not None:
        return document, ()
    reason = f"{empty} empty cells count as never run: a spreadsheet saved the export again, and which failed is lost"
    return document, (Rejected(None, "", "", "", reason),)


def zip_members(data: bytes, source: str, max_bytes: int) -> tuple[bytes, bytes]:
    """Return the board in a zip and its ``plugin-info.csv``, empty if there is none; ArchiveError says why not.

    The board is ``leaderboard.csv``, or the only other file that ends in ``.csv`` or ``.json``. Files are read in
    memory and never further than the cap, whatever the zip says of their sizes; those that macOS adds do not count.
    """
    what = described(data)
    if what != "a zip":
        raise ArchiveError(f"{source} is {what}; save its sheet as CSV (UTF-8)", "other")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as cause:
        message = f"{source} is a zip that is damaged or cut off and cannot be read ({shown(str(cause), 120)})"
        raise ArchiveError(f"{message}; fetch it again", "torn") from cause
    with archive:
        files = [info for info in archive.infolist() if not _is_added(info)]
        plugins = [info for info in files if _PLUGINS.fullmatch(_base(info))]
        boards = [info for info in files if _LEADERBOARD.fullmatch(_base(info))] or [
            info for info in files if info not in plugins and _base(info).lower().endswith((".csv", ".json"))
        ]
        if len(boards) != 1 or len(plugins) > 1:
            names = shown(", ".join(info.filename for info in files), 120) or "nothing"
            message = f"{source} is a zip with {len(boards)} boards and {len(plugins)} files plugin-info.csv ({names})"
            raise ArchiveError(f"{message}; give one export", "shape")
        read = [_member(archive, info, source, len(data), max_bytes) for info in (*boards, *plugins)]
    return read[0], read[1] if plugins else b""


def _base(info: zipfile.ZipInfo) -> str:
    return info.filename.rpartition("/")[2]


def _is_added(info: zipfile.ZipInfo) -> bool:
    """Return whether a member is a folder, or one that macOS adds to every zip."""
    return info.is_dir() or info.filename.startswith("__MACOSX/") or _base(info).startswith(".")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, source: str, received: int, max_bytes: int) -> bytes:
    name = shown(info.filename, 120)
    if info.flag_bits & 1:
        raise ArchiveError(f"{source} is a zip with an encrypted member {name}; unpack it", "shape")
    try:
        with archive.open(info) as member:
            data = member.read(max_bytes + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as cause:
        message = f"{source} is a zip with a damaged member {name} ({shown(str(cause), 120)}); fetch it again"
        raise ArchiveError(message, "torn") from cause
    if len(data) > max_bytes:
        raise ArchiveError(
            f"{source} unpacks from {received} to more than {max_bytes} bytes; raise the cap if that is right", "large"
        )
    return data


def _as_of(comments: Iterable[str]) -> str | None:
    """Return the end of the export's range of dates; None if it names none that can be read."""
    for line in comments:
        if found := _DATE_RANGE.match(line):
            with contextlib.suppress(ValueError):
                return datetime.fromisoformat(found[1]).isoformat()
    return None


def _leaf_ids(plugins: bytes) -> dict[str, tuple[str, int]]:
    """Return the type id and version of each leaf by its short name, from the sidecar; nothing if there is none."""
    try:
        text = decode(plugins, ansi=True)
    except TextError as cause:
        raise ValueError(f"its plugin-info.csv is {cause}") from cause
    found: dict[str, tuple[str, int]] = {}
    for row in read_table(text).rows if text.strip() else ():
        name, kind = [field.text.strip() for field in (*row.fields, Field(""))[:2]]
        if kind == "benchmark" and (named := _VERSIONED.fullmatch(name)):
            # The prefix of a lab, which has no capital letter, is no part of the short name.
            lab, dot, rest = named[1].partition(".")
            found[rest if dot and lab == lab.lower() else named[1]] = named[1], int(named[2])
    return found


def _board(text: str) -> _Board:
    table = read_table(text)
    titles = [field.text.strip() for field in table.header.fields]
    if len(titles) > _MOST_COLUMNS:
        raise ValueError(f"it has {len(titles)} columns, more than {_MOST_COLUMNS}")
    for row in table.rows:
        if len(row.fields) != len(titles):
            raise ValueError(
                f"line {row.line} has {len(row.fields)} fields, the header {len(titles)}: it is cut off, or numbers "
                "with a decimal comma are not quoted"
            )
    if not table.rows:
        raise EmptyBoardError("it lists no models")
    rows = [row.fields for row in table.rows]
    columns: dict[str, int] = {}
    for i, title in enumerate(titles):
        if title.lower() in _OTHER:
            continue
        first = columns.setdefault(title, i)
        if any(row[i] != row[first] for row in rows):
            raise ValueError(f"the column {shown(title)!r} occurs twice and differs")
    return _Board(titles, rows, list(columns.values()), _as_of(table.comments))


def _document(board: _Board, ids: Mapping[str, tuple[str, int]]) -> dict[str, Any]:
    names = [board.titles[i] for i in board.columns]
    domain = next((found[1] for name in names if (found := _DOMAIN.fullmatch(name))), None)
    if domain is None:
        raise ValueError("it has no column average_<domain>, neural_<domain> or behavior_<domain>")
    groups = {name: name not in ids for name in names} if ids else {}
    parents = column_parents(names, *_arrays(board.values), groups)
    if parents is None:
        raise ValueError(
            "its groups are not the means of the columns behind them, or nothing is scored in some, so that its tree "
            "is unknown; export without filters, or read the site's JSON"
        )
    inner = set(parents.values())
    engineering = {name for name in names if _root(name, parents).startswith("engineering_")}
    known = {name: ids.get(name, (name, 0)) for name in names}
    models = _models(board, [known[name] for name in names])
    if (root := f"average_{domain}") not in names:
        _add_root(root, parents, models)
        names, known = [root, *names], known | {root: (root, 0)}
        inner.add(root)
    return {
        "domain": domain,
        "datetime_range": {"max": board.as_of},
        "benchmarks": [
            {
                "id": name,
                "type_id": known[name][0],
                "parent_id": parents[name],
                "is_leaf": name not in inner,
                "is_engineering": name in engineering,
                "label": name,
                "versions": [{"version": known[name][1], "identifier": f"{known[name][0]}_v{known[name][1]}"}],
            }
            for name in names
        ],
        "models": models,
    }


def _add_root(root: str, parents: dict[str, str | None], models: list[dict[str, Any]]) -> None:
    """Put the average above its two parts, which the language export leaves out: their mean, by the site's rules."""
    parts = [name for name, above in parents.items() if above is None and not name.startswith("engineering_")]
    parents |= dict.fromkeys(parts, root) | {root: None}
    for model in models:
        values = [str(model["scores"][part][0]["value"]) for part in parts]
        numbers = [float(value) for value in values if _NUMBER.fullmatch(value)]
        value = f"{sum(numbers) / len(parts):.3f}" if numbers else "X" if "X" in values else ""
        model["scores"][root] = [{"version": 0, "value": value}]


def _root(name: str, parents: Mapping[str, str | None]) -> str:
    while (above := parents[name]) is not None:
        name = above
    return name


def _arrays(texts: Sequence[Sequence[str]]) -> tuple[Any, Any, int]:
    """Return the values, states and decimals of the benchmarks' columns, for the search of the tree."""
    values = np.full((len(texts), len(texts[0])), np.nan)
    states, decimals = np.full(values.shape, CellState.FAILED, dtype=np.int8), 2
    for place in np.ndindex(values.shape):
        text = texts[place[0]][place[1]]
        if text == "":
            states[place] = CellState.NEVER
        elif (number := _NUMBER.fullmatch(text)) and any(c.isdecimal() for c in text):
            values[place], states[place] = float(text), CellState.SCORED
            if abs(values[place]) < 1:
                decimals = max(decimals, min(len(number[1]), _MOST_DECIMALS))
    return values, states, decimals


def _models(board: _Board, known: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    by_id, rank = board.column("model id", "model_id"), board.column("rank")
    name_at = board.column("model", "model_name")
    if name_at is None:
        raise ValueError("it has neither a column Model nor model_name")
    seen: Counter[str] = Counter()
    models = []
    for row, values in zip(board.rows, board.values, strict=True):
        name = row[name_at].text
        seen[name] += 1
        given = "" if by_id is None else row[by_id].text.strip()
        number = _whole(given)
        if given and number is None:
            raise ValueError(f"the model {shown(name)!r} has the id {shown(given)!r}, which is no whole number")
        models.append(
            {
                "id": _made_id(name, seen[name]) if number is None else number,
                "name": name,
                "rank": None if rank is None else _whole(row[rank].text.strip()),
                "scores": {
                    type_id: [{"version": version, "value": value}]
                    for (type_id, version), value in zip(known, values, strict=True)
                },
            }
        )
    return models


def _whole(text: str) -> int | None:
    """Return a whole number, also as pandas writes it in a column with gaps (``12.0``)."""
    found = _WHOLE.fullmatch(text)
    return int(found[1]) if found else None


def _made_id(name: str, occurrence: int) -> int:
    # Names repeat: the second of a name is another model than the first.
    digest = hashlib.sha256(f"{occurrence}\n{name}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big") >> 1
