"""Cells of one model: read from a scores file, or taken from a snapshot."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data.board import Model
from ..data.official import CellState
from ..data.snapshot import Snapshot
from ..errors import CandidateError, TextError
from ..text import first_few
from .csv_table import decimal_point, read_table
from .decoding import decode

COLUMNS = ("benchmark", "score", "error", "version")
_HEADER = "benchmark,score,error"
# A score is ceiled already, and an index says nothing: these are named and not read.
UNREAD = ("raw", "ceiling", "index")
# Ceiled scores may exceed 1 a little; larger values are percentages.
HIGHEST_SCORE = 2.0
# Version suffix of the site; no identifier of Brain-Score contains ``_v``.
_VERSIONED = re.compile(r"(.+)_v([0-9]{1,6})")
_FAILED = frozenset({"x", "failed", "nan"})
_UNKNOWN = frozenset({"", "nan", "none", "null"})
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_SHOWN = 80
_LARGEST = 10_000_000
# Longest identifier; the board's longest has 63.
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Cell:
    """Score, error and state of one model on one benchmark.

    Attributes
    ----------
    score : float
        Ceiled score as published or measured, uncapped; NaN unless SCORED.
    error : float
        Published error, NaN where there is none; its meaning differs by benchmark.
    state : CellState
    origin : str
        Source of the cell, in words.
    version : int or None
        Version of the benchmark, None if the source states none.

    See Also
    --------
    place : Place a model by its cells.

    Examples
    --------
    >>> Cell(0.5, error=0.02).state.name
    'SCORED'
    """

    score: float
    error: float = math.nan
    state: CellState = CellState.SCORED
    origin: str = ""
    version: int | None = None

    def __post_init__(self) -> None:
        if (self.state == CellState.SCORED) != math.isfinite(self.score) or math.isinf(self.score):
            raise CandidateError(
                f"a cell is {CellState(self.state).name} with the score {self.score}; only SCORED cells have a score, "
                "and it is finite"
            )
        if math.isinf(self.error) or self.error < 0:
            raise CandidateError(
                f"a cell has the error {self.error}; an error is a number from 0, or NaN where there is none"
            )


def read_scores(path: Path | str, notes: list[str] | None = None) -> dict[str, Cell]:
    r"""Read a scores file: the scores of one model by benchmark.

    CSV has the columns ``benchmark`` and ``score``, and may have ``error`` and ``version``; an index and the columns
    ``raw`` and ``ceiling`` are not read. Separators, decimal commas and encodings are those of `read_table` and
    `decode`. JSON is an object from benchmark to score or to an object with
    these fields, or a list of such objects. A version may end the name of its benchmark (``_v2``). A score is a number,
    ``X`` for FAILED, or empty (null) for NEVER.

    Parameters
    ----------
    path : Path or str
        ``.json`` is JSON, everything else CSV.
    notes : list of str, optional
        Is extended by the names of the fields that were not read.

    Returns
    -------
    dict of str to Cell
        In the order of the file; NEVER cells are left out.

    Raises
    ------
    CandidateError
        If the file cannot be read; the message names the line or benchmark and the value.

    See Also
    --------
    place : Place the model; it takes the path too.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "scores.csv")
    ...     _ = path.write_text("benchmark,score\nV1-pls,0.5\ni2n,X\n")
    ...     [(name, cell.state.name) for name, cell in read_scores(path).items()]
    [('V1-pls', 'SCORED'), ('i2n', 'FAILED')]
    """
    name = repr(str(path))
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except (OSError, ValueError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else cause
        raise CandidateError(
            f"cannot read the scores file {name}: {reason}; give the path of a CSV or JSON file"
        ) from cause
    if len(data) > _LARGEST:
        raise CandidateError(
            f"the scores file {name} is larger than {_LARGEST // 1_000_000} MB; give one line a benchmark"
        )
    is_json = str(path).lower().endswith(".json")
    try:
        text = decode(data, ansi=not is_json)
        if "\0" in text:
            raise TextError("binary data: it holds NUL bytes")
    except TextError as cause:
        raise CandidateError(f"the scores file {name} is {cause}; save it as UTF-8 text") from cause
    unread: set[str] = set()
    found = _cells(_json_rows(text, name, unread) if is_json else _csv_rows(text, name, unread), name)
    if unread and notes is not None:
        notes.append(f"not read, because scores are ceiled already: {', '.join(sorted(unread))} of {name}")
    return found


def cells_from(scores: Mapping[str, Any], name: str = "the scores") -> dict[str, Cell]:
    """Take scores from a mapping, as `read_scores` takes them from a file; NEVER cells are left out."""
    plain: list[tuple[str, Mapping[str, Any]]] = []
    given: dict[str, Cell] = {}
    for benchmark, value in scores.items():
        if isinstance(value, Cell):
            plain_name, version = _identifier({"benchmark": benchmark, "version": value.version}, name)
            given[plain_name] = value if version is None else replace(value, version=version)
            continue
        # Numbers of numpy are numbers, and NaN is a benchmark that was not run, as in a table.
        number = value.item() if isinstance(value, np.generic) else value
        score = None if isinstance(number, float) and math.isnan(number) else number
        plain.append((f"an entry of {name}", {"benchmark": benchmark, "score": score}))
    found = _cells(plain, name)
    return found | {benchmark: cell for benchmark, cell in given.items() if cell.state != CellState.NEVER}


def _csv_rows(text: str, name: str, unread: set[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not text.strip():
        raise CandidateError(f"{name} is empty; its first line is to be the header {_HEADER}")
    try:
        table = read_table(text)
    except ValueError as cause:
        raise CandidateError(f"{name} is not CSV: {cause}") from cause
    header = [field.text.strip().lower() for field in table.header.fields]
    _check_columns(header, name, unread)
    for row in table.rows:
        where = f"line {row.line} of {name}"
        if len(row.fields) != len(header):
            raise CandidateError(
                f"{where} has {len(row.fields)} fields and the header {len(header)}; write decimals with a point, and "
                "quote fields that hold commas"
            )
        fields = (decimal_point(field.text.strip()) for field in row.fields)
        yield where, dict(zip(header, fields, strict=True))


def _check_columns(header: list[str], name: str, unread: set[str]) -> None:
    if not {*header} & {*COLUMNS}:
        raise CandidateError(f"{name} begins with {header[0][:_SHOWN]!r}; its first line is to be the header {_HEADER}")
    for column in filter(None, header):  # pandas gives its index no title, or this one when it is read again
        if column in UNREAD or column.startswith("unnamed: "):
            unread |= {column} & {"raw", "ceiling"}
        elif column not in COLUMNS or header.count(column) > 1:
            problem = "occurs twice" if column in COLUMNS else "is not known"
            raise CandidateError(
                f"the column {column[:_SHOWN]!r} of {name} {problem}; the columns are {', '.join(COLUMNS)}: rename "
                "or remove it"
            )
    for needed in COLUMNS[:2]:
        if needed not in header:
            raise CandidateError(f"{name} has no column {needed!r}; its first line is to be the header {_HEADER}")


def _json_rows(text: str, name: str, unread: set[str]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except CandidateError as cause:
        raise CandidateError(f"{cause} in {name}") from cause
    except (ValueError, RecursionError) as cause:
        raise CandidateError(f"{name} is not JSON: {cause}") from cause
    if isinstance(document, dict):
        document = [
            {"benchmark": benchmark, **(value if isinstance(value, dict) else {"score": value})}
            for benchmark, value in document.items()
        ]
    if not isinstance(document, list):
        raise CandidateError(
            f"{name} holds {json.dumps(document)[:_SHOWN]}; give an object from benchmark to score, or a list of "
            f"objects with {', '.join(COLUMNS)}"
        )
    for number, row in enumerate(document, start=1):
        where = f"entry {number} of {name}"
        if not isinstance(row, dict) or not {"benchmark", "score"} <= row.keys() <= {*COLUMNS, *UNREAD}:
            raise CandidateError(
                f"{where} is {str(row)[:_SHOWN]!r}; give an object with benchmark and score, and if known error "
                "and version"
            )
        unread |= row.keys() & {"raw", "ceiling"}
        yield where, row


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise CandidateError(f"{key[:_SHOWN]!r} occurs twice")
        found[key] = value
    return found


def _cells(rows: Iterable[tuple[str, Mapping[str, Any]]], name: str) -> dict[str, Cell]:
    found: dict[str, Cell] = {}
    seen: dict[str, str] = {}
    for where, row in rows:
        benchmark, version = _identifier(row, where)
        if benchmark in seen:
            raise CandidateError(
                f"{where} gives {benchmark[:_SHOWN]!r} again, after {seen[benchmark]}; keep one score a benchmark"
            )
        seen[benchmark] = where
        cell = _cell(row, version, f"{where} ({benchmark[:_SHOWN]})", f"scores file {name}")
        if cell is not None:
            found[benchmark] = cell
    return found


def _identifier(row: Mapping[str, Any], where: str) -> tuple[str, int | None]:
    """Return the benchmark of a row, and the version at the end of its name."""
    benchmark = row["benchmark"]
    if not isinstance(benchmark, str) or not benchmark.strip():
        raise CandidateError(f"{where} names the benchmark {benchmark!r}; give its identifier")
    if len(benchmark) > _LONGEST:
        raise CandidateError(f"{where} names a benchmark with {len(benchmark)} characters; give its identifier")
    named = _VERSIONED.fullmatch(benchmark.strip())
    if named is None:
        return benchmark.strip(), None
    version = int(named[2])
    if _version(row.get("version"), where) not in (None, version):
        raise CandidateError(
            f"{where} names version {version} of {named[1][:_SHOWN]!r} and gives {row['version']!r}; keep one of them"
        )
    return named[1], version


def _cell(row: Mapping[str, Any], named: int | None, where: str, origin: str) -> Cell | None:
    """Return the cell of a row, None for NEVER; ``named`` is the version at the end of the benchmark's name."""
    given = row["score"]
    error = _number(row.get("error"), "error", where)
    if error < 0:
        raise CandidateError(f"{where} has the error {error}; an error is a number from 0")
    version = _version(row.get("version"), where) if named is None else named
    if isinstance(given, str | float) and str(given).strip().lower() in _FAILED:
        return Cell(math.nan, error, CellState.FAILED, origin, version)
    score = _number(given, "score", where)
    if math.isnan(score):
        return None
    if score > HIGHEST_SCORE:
        raise CandidateError(
            f"{where} has the score {score}; scores are ceiled and lie in [0, 1] or a little above: divide percentages "
            "by 100"
        )
    return Cell(score, error, CellState.SCORED, origin, version)


def _number(given: Any, what: str, where: str) -> float:
    """Read a finite number; NaN from an empty field, and from one that says so."""
    if given is None or (isinstance(given, str) and given.strip().lower() in _UNKNOWN):
        return math.nan
    if isinstance(given, str) and _NUMBER.fullmatch(given.strip()):
        given = float(given.strip())
    if isinstance(given, bool) or not isinstance(given, int | float) or abs(given) > 1e9:
        allowed = "a number, X for FAILED, or empty for NEVER" if what == "score" else "a number, or empty"
        if isinstance(given, str) and given.strip().endswith("%"):
            allowed = "a share: divide percentages by 100"
        raise CandidateError(f"{where} has the {what} {str(given)[:_SHOWN]!r}; give {allowed}")
    return float(given)


def _version(given: Any, where: str) -> int | None:
    number = _number(given, "version", where)
    if math.isnan(number):
        return None
    if number != int(number) or number < 0:
        raise CandidateError(f"{where} has the version {given!r}; a version is a whole number")
    return int(number)


def find_models(models: Iterable[Model], wanted: str, place: str) -> list[Model]:
    """Find the models that a list names: ids or names with commas between, or ``name:NAME`` for all of that name."""
    known = tuple(models)
    found: dict[int, Model] = {}
    parts = [wanted] if any(wanted == model.name for model in known) else wanted.split(",")
    for part in filter(None, map(str.strip, parts)):
        name = part.removeprefix("name:")
        same = [model for model in known if model.name == name] if name != part else []
        found |= {model.id: model for model in same or [find_model(known, name, place, f", or name:{name} for all")]}
    return list(found.values())


def find_model(models: Iterable[Model], wanted: str, place: str, all_of: str = "") -> Model:
    """Find a model by its id or its name; ``all_of`` names another way for several in errors."""
    known = tuple(models)
    found = [model for model in known if wanted in (model.name, str(model.id))]
    if len(found) == 1:
        return found[0]
    if found:
        listed = first_few([f"{model.id} ({model.name[:_SHOWN]!r})" for model in found], 10)
        raise CandidateError(
            f"{len(found)} models of {place} are called {wanted[:_SHOWN]!r}; give an id instead{all_of}: {listed}"
        )
    near = difflib.get_close_matches(wanted, sorted({model.name for model in known}), n=3, cutoff=0.5)
    hint = (
        f"did you mean {', '.join(repr(name) for name in near)}?"
        if near
        else f"give the id or the name of one of its {len(known)}"
    )
    raise CandidateError(f"there is no model {wanted[:_SHOWN]!r} in {place}; {hint}")


def cells_of_model(snapshot: Snapshot, model: Model, origin: str) -> dict[str, Cell]:
    """Return a model's cells on the leaves of the ranked aggregate, capped to [0, 1], without NEVER."""
    board = snapshot.board()
    row = board.ids.index(model.id)
    states, scores, errors = board.states[row], board.scores[row].tolist(), abs(board.errors[row]).tolist()
    return {
        leaf: Cell(scores[j], errors[j], CellState(int(states[j])), origin, board.tree[leaf].version or None)
        for j, leaf in enumerate(board.leaves)
        if states[j] != CellState.NEVER
    }
