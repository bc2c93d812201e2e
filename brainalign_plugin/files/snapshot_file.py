"""Files of snapshots: one gzipped JSON document, lossless, with equal bytes for equal boards; and CSV tables of scores.

Cells are stored by model: the states as one string with a letter for each benchmark (S, F, N), scores, errors and times
as lists with null where there is none. Times are microseconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import warnings
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..data.board import Model
from ..data.cells import SupersededCells
from ..data.official import CellState
from ..data.snapshot import Snapshot
from ..data.tree import Benchmark, BenchmarkTree, BenchmarkVersion
from ..errors import InputError, SnapshotError
from ..text import visible
from .csv_table import decimal_point, read_table
from .decoding import parse_json
from .site_json import is_site_json, parse_site_json

FORMAT = "brainalign-snapshot"
VERSION = 1
_LETTERS: Mapping[int, str] = {CellState.NEVER: "N", CellState.FAILED: "F", CellState.SCORED: "S"}
_STATES = {letter: state for state, letter in _LETTERS.items()}
# Texts of a table for a missing score.
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "–"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def snapshot_bytes(snapshot: Snapshot) -> bytes:
    """Serialise a snapshot; equal snapshots give equal bytes.

    Parameters
    ----------
    snapshot : Snapshot

    Returns
    -------
    bytes
        Gzipped JSON.

    See Also
    --------
    read_snapshot : Read them from a file.

    Examples
    --------
    >>> import brainalign_plugin as ba
    >>> gzip.decompress(ba.snapshot_bytes(ba.example().snapshot))[:30]
    b'{"format":"brainalign-snapshot'
    """
    document = {
        "format": FORMAT,
        "version": VERSION,
        "as_of_time": _micros(snapshot.as_of_time),
        "source": snapshot.source,
        "sha256": snapshot.sha256,
        "reconstructed": snapshot.reconstructed,
        **_content(snapshot),
    }
    return gzip.compress(_json(document), compresslevel=6, mtime=0)


def content_digest(snapshot: Snapshot) -> str:
    """Compute the hash of a board's content, independent of its body, source and moment: equal means no change."""
    order = np.argsort([model.id for model in snapshot.models], kind="stable")
    position = np.argsort(order)
    old = snapshot.superseded
    # Sources list models and old versions in any order, so the hash is of the sorted ones.
    by_key = np.lexsort((old.version, old.column, position[old.row] if len(old) else old.row))
    return hashlib.sha256(_json(_content(snapshot, order, by_key))).hexdigest()


def snapshot_from_bytes(data: bytes, origin: str = "the data") -> Snapshot:
    """Read the bytes of `snapshot_bytes`, or the site's JSON, gzipped or plain; messages call them ``origin``.

    Unreadable values of the site's JSON are left out with a warning; `parse_site_json` returns them.
    """
    try:
        text = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        # Snapshots keep names unchanged, also those that no other file can contain.
        document = json.loads(text) if is_snapshot_document(text) else parse_json(text)
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as cause:
        raise SnapshotError(
            f"{origin} is not a snapshot file ({cause}); export one, or take the site's JSON file"
        ) from cause
    if is_site_json(document):
        return _site_snapshot(document, data, origin)
    check_format(document, FORMAT, origin, SnapshotError, "", "export the file again")
    try:
        return _snapshot(document)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError) as cause:
        what = str(cause) if isinstance(cause, SnapshotError) else f"{type(cause).__name__}: {cause}"
        raise SnapshotError(f"{origin} is a damaged snapshot file ({what}); export it again") from cause


def check_format(document: Any, expected: str, origin: str, error: type[InputError], remedy: str, again: str) -> None:
    """Check the format of a document and its version, 1; else raise the error, with the remedies."""
    kind = expected.removeprefix("brainalign-")
    if not isinstance(document, dict) or document.get("format") != expected:
        raise error(f'{origin} is JSON but not a {kind} file: it has no "format": "{expected}"{remedy}')
    if document.get("version") != VERSION:
        raise error(
            f"{origin} has the {kind} format version {document.get('version')!r}; this release reads {VERSION}: "
            f"upgrade brainalign, or {again}"
        )


def read_snapshot(path: Path | str) -> Snapshot:
    """Read a snapshot file, or a file of the site's JSON (`/<domain>/compare/data/`), gzipped or not.

    Parameters
    ----------
    path : Path or str

    Returns
    -------
    Snapshot

    Raises
    ------
    SnapshotError
        If the file cannot be read or is neither.

    See Also
    --------
    load : Read a board from any file.

    Examples
    --------
    >>> import tempfile
    >>> import brainalign_plugin as ba
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "board.json.gz")
    ...     _ = path.write_bytes(ba.snapshot_bytes(ba.example().snapshot))
    ...     ba.read_snapshot(path)
    <Snapshot vision 2024-01-01: 16 models × 8 benchmarks, 4 % missing>
    """
    try:
        data = Path(path).read_bytes()
    except OSError as cause:
        raise SnapshotError(f"cannot read the snapshot file {str(path)!r}: {cause.strerror}") from cause
    return snapshot_from_bytes(data, origin=repr(str(path)))


def _site_snapshot(document: Any, data: bytes, origin: str) -> Snapshot:
    try:
        snapshot, rejected = parse_site_json(document, origin.strip("'"), hashlib.sha256(data).hexdigest())
    except SnapshotError as cause:
        raise type(cause)(f"{origin} cannot be read as the site's JSON: {cause}") from cause
    if rejected:
        message = f"{origin} was not read whole: {len(rejected)} of its cells and fields, first {rejected[0]}"
        warnings.warn(message, stacklevel=3)
    return snapshot


def is_snapshot_document(data: bytes) -> bool:
    """Return whether a JSON body (plain, not gzipped) begins like a snapshot file."""
    return data[:64].lstrip().startswith(b'{"format":"' + FORMAT.encode())


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def _content(
    snapshot: Snapshot, order: npt.NDArray[np.int64] | None = None, older: npt.NDArray[np.int64] | None = None
) -> dict[str, Any]:
    rows = np.arange(len(snapshot.models)) if order is None else order
    old = snapshot.superseded if older is None else snapshot.superseded.take(older)
    return {
        "domain": snapshot.domain,
        "simulated": snapshot.simulated,
        "models": [
            [model.id, model.name, _micros(model.submitted_at), model.published_rank]
            for model in (snapshot.models[i] for i in rows)
        ],
        "benchmarks": [
            {field.name: getattr(node, field.name) for field in fields(node)} | {"versions": version_rows(node)}
            for node in snapshot.tree.nodes
        ],
        **{name: [encode(getattr(snapshot, name)[i]) for i in rows] for name, encode in _ENCODERS.items()},
        "superseded": {
            "model": [snapshot.models[i].id for i in old.row.tolist()],
            "benchmark": old.column.tolist(),
            "version": old.version.tolist(),
            **{name: encode(getattr(old, name)) for name, encode in _ENCODERS.items()},
        },
    }


def version_rows(node: Benchmark) -> list[list[Any]]:
    """Return the versions of a benchmark for JSON: number, identifier, and when it counted (microseconds)."""
    return [[v.version, v.identifier, _micros(v.valid_from), _micros(v.valid_to)] for v in node.versions]


def versions_from(rows: Iterable[Sequence[Any]]) -> tuple[BenchmarkVersion, ...]:
    """Return the versions of a benchmark, as the inverse of `version_rows`."""
    return tuple(BenchmarkVersion(number, name, _moment(start), _moment(end)) for number, name, start, end in rows)


def _snapshot(document: dict[str, Any]) -> Snapshot:
    models = tuple(Model(int(i), str(name), _moment(at), rank) for i, name, at, rank in document["models"])
    nodes = tuple(Benchmark(**{**row, "versions": versions_from(row["versions"])}) for row in document["benchmarks"])
    rows = {model.id: i for i, model in enumerate(models)}
    old = document["superseded"]
    shape = (len(models), len(nodes))
    return Snapshot(
        domain=str(document["domain"]),
        as_of_time=_EPOCH + np.timedelta64(int(document["as_of_time"]), "us").astype(object),
        source=str(document["source"]),
        sha256=str(document["sha256"]),
        models=models,
        tree=BenchmarkTree(nodes),
        states=np.array(
            [[_STATES[s] for s in line] for line in _lines(document, "states", shape)], dtype=np.int8
        ).reshape(shape),
        scores=np.array(_lines(document, "scores", shape), dtype=float).reshape(shape),
        errors=np.array(_lines(document, "errors", shape), dtype=float).reshape(shape),
        scored_at=_time_array([t for line in _lines(document, "scored_at", shape) for t in line]).reshape(shape),
        superseded=SupersededCells(
            row=np.array([rows[i] for i in old["model"]], dtype=np.int64),
            column=np.array(old["benchmark"], dtype=np.int64),
            version=np.array(old["version"], dtype=np.int64),
            states=np.array([_STATES[s] for s in old["states"]], dtype=np.int8),
            scores=np.array(old["scores"], dtype=float),
            errors=np.array(old["errors"], dtype=float),
            scored_at=_time_array(old["scored_at"]),
        ),
        reconstructed=bool(document["reconstructed"]),
        simulated=bool(document["simulated"]),
    )


def _lines(document: dict[str, Any], name: str, shape: tuple[int, int]) -> list[Any]:
    # NumPy reshapes a board of the right size and the wrong width without an error.
    lines: list[Any] = document[name]
    if len(lines) != shape[0] or any(len(line) != shape[1] for line in lines):
        raise ValueError(f"{name} are not {shape[0]} models of {shape[1]} cells")
    return lines


def _letters(states: npt.NDArray[np.int8]) -> str:
    return "".join(_LETTERS[s] for s in states.tolist())


def _plain(values: npt.NDArray[Any]) -> list[Any]:
    """Return numbers of Python, times as microseconds, None where they are missing."""
    missing = np.isnan(values)
    found = (values.astype(np.int64) if values.dtype.kind == "M" else values).astype(object)
    found[missing] = None
    return list(found)


_ENCODERS: Mapping[str, Callable[[npt.NDArray[Any]], Any]] = {
    "states": _letters,
    **dict.fromkeys(("scores", "errors", "scored_at"), _plain),
}


def _time_array(values: list[int | None]) -> npt.NDArray[np.datetime64]:
    return np.array(
        [np.datetime64("NaT", "us") if t is None else np.datetime64(int(t), "us") for t in values],
        dtype="datetime64[us]",
    )


def _micros(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else _EPOCH + np.timedelta64(int(micros), "us").astype(object)


def table_snapshot(text: str, name: str) -> Snapshot:
    """Read a CSV table of scores in [0, 1] as a snapshot of the domain ``table``, without a date.

    `text`: the first column names the models, the header the benchmarks; a header ``group/group/benchmark`` makes the
    tree. `name`: of the file, for messages and as source.
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
