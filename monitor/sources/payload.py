"""The site's JSON (`/<domain>/compare/data/`) becomes a Snapshot, or is refused with a reason.

One bad cell is set aside and reported; a body that is torn, empty or of another shape is refused whole.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from brainalign_plugin.board import Model
from brainalign_plugin.errors import SnapshotError
from brainalign_plugin.official import CellState
from brainalign_plugin.snapshot import NO_TIME, Snapshot, SupersededCells
from brainalign_plugin.snapshot_file import is_snapshot_document, snapshot_from_bytes
from brainalign_plugin.tree import Benchmark, BenchmarkTree, BenchmarkVersion

from ..errors import BodyTooLargeError, EmptyPayloadError, NotJsonError, PayloadShapeError, TruncatedPayloadError

MAX_BODY_BYTES = 200_000_000
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_Int = Annotated[int, Field(strict=True)]


class _Version(BaseModel):
    version: _Int
    identifier: str = ""
    valid_from: datetime | None = None
    valid_to: datetime | None = None


class _Benchmark(BaseModel):
    id: Annotated[str, Field(min_length=1)]
    type_id: Annotated[str, Field(min_length=1)]
    parent_id: str | None
    is_leaf: bool
    is_engineering: bool
    label: str | None = None
    display_domain: str | None = None
    versions: list[_Version]


class _Model(BaseModel):
    id: Annotated[int, Field(strict=True, ge=0, lt=2**63)]
    name: str
    rank: _Int | None = None
    submission_timestamp: datetime | None = None
    # Cells are read one by one, so that one bad cell does not refuse the whole board.
    scores: dict[str, Any]


class _Range(BaseModel):
    max: datetime | None = None


class _Payload(BaseModel):
    model_config = ConfigDict(extra="ignore")

    domain: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    datetime_range: _Range | None = None
    benchmarks: list[_Benchmark]
    models: list[_Model]
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class SetAside:
    """A cell that could not be read; it counts as NEVER run."""

    model_id: int
    model: str
    benchmark: str
    value: str
    reason: str


@dataclass(frozen=True, eq=False)
class Pull:
    """One reading of a source: the body (unpacked if it came gzipped), the snapshot in it, and the cells set aside.

    The snapshot's sha256 is that of `body`, so that a gzipped copy and the original are the same.
    """

    body: bytes
    snapshot: Snapshot
    set_aside: tuple[SetAside, ...] = ()


@dataclass(frozen=True, slots=True)
class _Cell:
    version: int
    state: CellState
    score: float
    error: float
    scored_at: np.datetime64


class _BadCellError(Exception):
    """Inside this module only: a cell that has to be set aside."""


def parse_payload(body: bytes, source: str, received_at: datetime, max_bytes: int = MAX_BODY_BYTES) -> Pull:
    """Read a payload of the site, plain or gzipped, or an exported snapshot file.

    Parameters
    ----------
    body : bytes
        As received.
    source : str
        Where it came from, for the snapshot and for messages.
    received_at : datetime
        As-of time of a payload that does not state its own.
    max_bytes : int
        Largest size of the unpacked body.

    Raises
    ------
    EmptyPayloadError, TruncatedPayloadError, NotJsonError, PayloadShapeError
        The body is refused whole; the error keeps it.
    BodyTooLargeError
        It unpacks to more than ``max_bytes``.
    """
    text = _unpacked(body, source, max_bytes)
    if is_snapshot_document(text):
        try:
            return Pull(text, snapshot_from_bytes(text, origin=source))
        except SnapshotError as cause:
            raise PayloadShapeError(str(cause), body) from cause
    document = _json_document(text, source, body)
    try:
        payload = _Payload.model_validate(document)
    except ValidationError as cause:
        raise PayloadShapeError(_shape_message(source, cause), body) from cause
    if not payload.models or not payload.benchmarks:
        what = "models" if payload.benchmarks else "benchmarks"
        raise EmptyPayloadError(f"{source} lists no {what}; nothing was stored, try again later", body)
    set_aside: list[SetAside] = []
    try:
        snapshot = _snapshot(payload, source, hashlib.sha256(text).hexdigest(), received_at, set_aside)
    except SnapshotError as cause:
        raise PayloadShapeError(f"{source}: {cause}", body) from cause
    return Pull(text, snapshot, tuple(set_aside))


def _unpacked(body: bytes, source: str, max_bytes: int) -> bytes:
    if not body.strip():
        raise EmptyPayloadError(f"{source} is empty; nothing was stored, try again later", body)
    if body[:2] == b"\x1f\x8b":
        packed = zlib.decompressobj(wbits=31)
        try:
            text = packed.decompress(body, max_bytes + 1)
        except zlib.error as cause:
            raise NotJsonError(f"{source} looks gzipped but does not unpack ({cause})", body) from cause
        if len(text) <= max_bytes and not packed.eof:
            raise TruncatedPayloadError(f"{source} is a gzip file that ends too early; fetch it again", body)
    else:
        text = body
    if len(text) > max_bytes:
        raise BodyTooLargeError(f"{source} is larger than {max_bytes} bytes unpacked; raise the cap if that is right")
    if not text.strip():
        raise EmptyPayloadError(f"{source} is empty; nothing was stored, try again later", body)
    return text


def _json_document(text: bytes, source: str, body: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as cause:
        start = text.lstrip()[:1]
        # What starts like the payload and breaks at its very end was torn off on the way.
        at_end = isinstance(cause, json.JSONDecodeError) and len(cause.doc[cause.pos :].strip()) < _TORN_TAIL
        unclosed = start == b"{" and not text.rstrip().endswith(b"}")
        if start == b"{" and (unclosed or at_end):
            raise TruncatedPayloadError(f"{source} ends after {len(text)} bytes, in the middle; fetch it again", body) from cause
        shown = text[:40].decode("utf-8", "replace")
        raise NotJsonError(f"{source} is not JSON (it begins {shown!r}); is this the address of /compare/data/?", body) from cause


_TORN_TAIL = 20


def _shape_message(source: str, cause: ValidationError) -> str:
    first = cause.errors(include_url=False, include_input=True)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the document"
    more = f", and {cause.error_count() - 1} more" if cause.error_count() > 1 else ""
    return (
        f"{source} is JSON of another shape: {where} is {str(first.get('input'))[:60]!r} ({first['msg']}{more}); "
        "the site may have changed, the body was kept for inspection"
    )


def _snapshot(
    payload: _Payload, source: str, sha256: str, received_at: datetime, set_aside: list[SetAside]
) -> Snapshot:
    tree = _tree(payload.benchmarks)
    shape = (len(payload.models), len(tree.nodes))
    states = np.full(shape, CellState.NEVER, dtype=np.int8)
    scores, errors = np.full(shape, np.nan), np.full(shape, np.nan)
    scored_at = np.full(shape, NO_TIME, dtype="datetime64[us]")
    old: list[tuple[int, int, _Cell]] = []
    for i, model in enumerate(payload.models):
        for type_id, entries in model.scores.items():
            j = tree.index.get(type_id)
            if j is None:
                set_aside.append(_aside(model, type_id, entries, "no such benchmark in the payload's tree"))
                continue
            for cell in _cells(model, type_id, entries, tree.nodes[j].version, set_aside):
                if cell.version == tree.nodes[j].version:
                    states[i, j], scores[i, j] = cell.state, cell.score
                    errors[i, j], scored_at[i, j] = cell.error, cell.scored_at
                else:
                    old.append((i, j, cell))
    stated = payload.datetime_range.max if payload.datetime_range else None
    return Snapshot(
        domain=payload.domain,
        as_of_time=_aware(stated) or received_at,
        source=source,
        sha256=sha256,
        models=tuple(Model(m.id, m.name, _aware(m.submission_timestamp), m.rank) for m in payload.models),
        tree=tree,
        states=states,
        scores=scores,
        errors=errors,
        scored_at=scored_at,
        superseded=_superseded(old),
        simulated=payload.simulated,
    )


def _tree(benchmarks: list[_Benchmark]) -> BenchmarkTree:
    type_of = {b.id: b.type_id for b in benchmarks}
    nodes = []
    for b in benchmarks:
        if b.parent_id is not None and b.parent_id not in type_of:
            raise SnapshotError(f"benchmark {b.id!r} names the parent {b.parent_id!r}, which is not in the payload")
        versions = tuple(
            BenchmarkVersion(v.version, v.identifier, _aware(v.valid_from), _aware(v.valid_to)) for v in b.versions
        )
        parent = None if b.parent_id is None else type_of[b.parent_id]
        nodes.append(
            Benchmark(b.type_id, parent, b.is_leaf, b.is_engineering, b.label or "", b.display_domain or "", versions)
        )
    return BenchmarkTree(tuple(nodes))


def _cells(
    model: _Model, type_id: str, entries: Any, current: int, set_aside: list[SetAside]
) -> Iterable[_Cell]:
    if not isinstance(entries, list):
        set_aside.append(_aside(model, type_id, entries, "not a list of versions"))
        return
    seen: set[int] = set()
    for entry in entries:
        try:
            cell = _cell(entry, current)
            if cell.version in seen:
                raise _BadCellError(f"version {cell.version} occurs twice")
        except _BadCellError as bad:
            value = entry.get("value") if isinstance(entry, dict) else entry
            set_aside.append(_aside(model, type_id, value, str(bad)))
            continue
        seen.add(cell.version)
        yield cell


def _cell(entry: Any, current: int) -> _Cell:
    if not isinstance(entry, dict):
        raise _BadCellError("not an object")
    version = entry.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or not 0 <= version < 2**31:
        raise _BadCellError(f"the version {str(version)[:40]!r} is not a number")
    if version > current:
        raise _BadCellError(f"version {version} is not among the benchmark's versions (latest {current})")
    state, score = _value(entry.get("value"))
    return _Cell(version, state, score, _error(entry.get("error")), _time(entry.get("timestamp")))


def _value(value: Any) -> tuple[CellState, float]:
    if isinstance(value, str):
        text = value.strip()
        if text == "":
            return CellState.NEVER, math.nan
        if text.upper() == "X" or text.lower() == "nan":
            return CellState.FAILED, math.nan
        if not _NUMBER.fullmatch(text):
            raise _BadCellError("the value is not a number, X or empty")
        number = float(text)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            raise _BadCellError("the value is too large for a number") from None
    elif value is None:
        raise _BadCellError("the value is null")
    else:
        raise _BadCellError(f"the value is of type {type(value).__name__}")
    if math.isnan(number):
        return CellState.FAILED, math.nan
    if math.isinf(number):
        raise _BadCellError("the value is infinite")
    return CellState.SCORED, number


def _error(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _BadCellError(f"the error is of type {type(value).__name__}")
    if isinstance(value, str) and value.strip().lower() in ("", "nan"):
        return math.nan
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        raise _BadCellError(f"the error {value[:40]!r} is not a number")
    try:
        number = float(value)
    except OverflowError:
        raise _BadCellError("the error is too large for a number") from None
    if math.isinf(number):
        raise _BadCellError("the error is infinite")
    return number


def _time(value: Any) -> np.datetime64:
    if value is None:
        return NO_TIME
    if not isinstance(value, str):
        raise _BadCellError(f"the timestamp is of type {type(value).__name__}")
    try:
        moment = datetime.fromisoformat(value)
        return np.datetime64((_aware(moment) or moment).replace(tzinfo=None), "us")
    except (ValueError, OverflowError):
        raise _BadCellError(f"the timestamp {value[:40]!r} is not a date") from None


def _aware(moment: datetime | None) -> datetime | None:
    """In UTC; the site writes some times without an offset and means UTC."""
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _aside(model: _Model, type_id: str, value: Any, reason: str) -> SetAside:
    return SetAside(model.id, model.name, type_id[:200], str(value)[:80], reason)


def _superseded(old: list[tuple[int, int, _Cell]]) -> SupersededCells:
    return SupersededCells(
        row=np.array([i for i, _, _ in old], dtype=np.int64),
        column=np.array([j for _, j, _ in old], dtype=np.int64),
        version=np.array([c.version for _, _, c in old], dtype=np.int64),
        states=np.array([c.state for _, _, c in old], dtype=np.int8),
        scores=np.array([c.score for _, _, c in old], dtype=float),
        errors=np.array([c.error for _, _, c in old], dtype=float),
        scored_at=np.array([c.scored_at for _, _, c in old], dtype="datetime64[us]"),
    )


def packed(body: bytes) -> bytes:
    """Gzip a body unless it already is; the same body gives the same bytes."""
    return body if body[:2] == b"\x1f\x8b" else gzip.compress(body, compresslevel=6, mtime=0)
