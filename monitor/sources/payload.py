"""The site's JSON (`/<domain>/compare/data/`) becomes a Snapshot, or is refused with a reason.

One bad cell is set aside and reported; a body that is torn, empty or of another shape is refused whole.
"""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BaseModel, FailFast, Field, ValidationError

from brainalign_plugin.board import Model
from brainalign_plugin.errors import SnapshotError
from brainalign_plugin.official import CellState
from brainalign_plugin.snapshot import NO_TIME, Snapshot, SupersededCells
from brainalign_plugin.tree import Benchmark, BenchmarkTree, BenchmarkVersion

from ..errors import EmptyPayloadError, PayloadShapeError, ShrunkenBoardError
from .cells import BadCellError, Cell, read_cells
from .document import GZIP_MAGIC, MAX_BODY_BYTES, json_document, shown, unpacked
from .exported import exported_snapshot, is_exported
from .shape import Count, Domain, Id, shape_message

_MAX_CELLS = 5_000_000
_MAX_SET_ASIDE = 10_000


def _utc(moment: datetime) -> datetime:
    """In UTC; the site writes some times without an offset and means UTC."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as cause:
        raise ValueError("the date is outside the years 1 to 9999 in UTC") from cause


_Moment = Annotated[datetime, AfterValidator(_utc)]


class _Version(BaseModel):
    version: Count
    identifier: str = ""
    valid_from: _Moment | None = None
    valid_to: _Moment | None = None


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
    id: Id
    name: str
    rank: Count | None = None
    submission_timestamp: _Moment | None = None
    # Cells are read one by one, so that one bad cell does not refuse the whole board.
    scores: dict[str, Any]


class _Range(BaseModel):
    max: _Moment | None = None


class _Payload(BaseModel):
    domain: Domain
    datetime_range: _Range | None = None
    # Failing fast, because the list of all errors of a large foreign document could fill the memory.
    benchmarks: Annotated[list[_Benchmark], FailFast()]
    models: Annotated[list[_Model], FailFast()]
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
    """One reading of a source: the body as received, the snapshot in it, the cells that were set aside."""

    body: bytes
    snapshot: Snapshot
    set_aside: tuple[SetAside, ...] = ()


def parse_payload(body: bytes, source: str, received_at: datetime, max_bytes: int = MAX_BODY_BYTES) -> Pull:
    """Read a payload of the site, plain or gzipped, or an exported snapshot file.

    Parameters
    ----------
    body : bytes
        As received.
    source : str
        Where it came from, for the snapshot and for messages.
    received_at : datetime
        As-of time of a payload that does not state its own; UTC if it has no time zone.
    max_bytes : int
        Largest size of the unpacked body.

    Raises
    ------
    EmptyPayloadError, TruncatedPayloadError, NotJsonError, PayloadShapeError
        The body is refused whole; the error keeps it.
    BodyTooLargeError
        It unpacks to more than ``max_bytes``.
    """
    text = unpacked(body, source, max_bytes)
    document = json_document(text, source, body)
    if is_exported(document):
        return Pull(body, exported_snapshot(document, text, source, body))
    return read_document(document, body, source, received_at)


def read_document(document: Any, body: bytes, source: str, received_at: datetime) -> Pull:
    """Read a payload's JSON, however it came; ``body`` is what was received.

    Raises
    ------
    EmptyPayloadError, PayloadShapeError
    """
    if document is None or (isinstance(document, dict | list) and not document):
        message = f"{source} is empty JSON ({document}); nothing was stored, try again later"
        raise EmptyPayloadError(message, body)
    try:
        payload = _Payload.model_validate(document)
    except ValidationError as cause:
        raise PayloadShapeError(shape_message(source, cause), body) from cause
    if not payload.models or not payload.benchmarks:
        what = "models" if payload.benchmarks else "benchmarks"
        raise EmptyPayloadError(f"{source} lists no {what}; nothing was stored, try again later", body)
    stated = payload.datetime_range.max if payload.datetime_range else None
    try:
        _check_keys(payload)
        sha256 = hashlib.sha256(body).hexdigest()
        snapshot, set_aside = _read(payload, source, sha256, stated or _utc(received_at))
        scored = snapshot.board().states == CellState.SCORED
    except SnapshotError as cause:
        raise PayloadShapeError(f"{source}: {cause}; the body was kept for inspection", body) from cause
    if not scored.any():
        message = f"{source} has no score below {snapshot.root!r}; nothing was stored, try again later"
        raise EmptyPayloadError(message, body)
    return Pull(body, snapshot, set_aside)


def check_not_shrunken(pull: Pull, previous_ids: frozenset[int] | None) -> None:
    """Refuse a board that lost more than a third of its models since the last good one.

    Parameters
    ----------
    pull : Pull
    previous_ids : frozenset of int or None
        Ids of the models on the last good board; None if there is none.

    Raises
    ------
    ShrunkenBoardError
    """
    lost = (previous_ids or frozenset()) - pull.snapshot.rows.keys()
    if previous_ids and 3 * len(lost) > len(previous_ids):
        some = ", ".join(map(str, sorted(lost)[:5])) + (", …" if len(lost) > 5 else "")
        raise ShrunkenBoardError(
            f"{pull.snapshot.source} lost {len(lost)} of the {len(previous_ids)} models of the last good "
            f"board, more than a third (ids {some}); nothing was stored: look at the body that was kept and try again "
            "later, or store it with `brainalign fetch --accept-shrunken` if they are gone for good",
            pull.body,
        )


def packed(body: bytes) -> bytes:
    """Gzip a body unless it already is; the same body gives the same bytes."""
    return body if body.startswith(GZIP_MAGIC) else gzip.compress(body, compresslevel=6, mtime=0)


def _check_keys(payload: _Payload) -> None:
    models, benchmarks = len(payload.models), len(payload.benchmarks)
    if models * benchmarks > _MAX_CELLS:
        raise SnapshotError(f"{models} models × {benchmarks} benchmarks are more than {_MAX_CELLS} cells")
    _check_unique("model id", (model.id for model in payload.models))
    _check_unique("benchmark id", (benchmark.id for benchmark in payload.benchmarks))
    for benchmark in payload.benchmarks:
        _check_unique(f"version of {shown(benchmark.id)!r}", (v.version for v in benchmark.versions))


def _check_unique(what: str, keys: Iterable[Hashable]) -> None:
    key, times = max(Counter(keys).items(), key=lambda item: item[1], default=(None, 0))
    if times > 1:
        raise SnapshotError(f"the {what} {shown(key)!r} occurs {times} times, and it is a key")


def _read(
    payload: _Payload, source: str, sha256: str, as_of_time: datetime
) -> tuple[Snapshot, tuple[SetAside, ...]]:
    tree = _tree(payload.benchmarks)
    current = [node.version for node in tree.nodes]
    shape = (len(payload.models), len(tree.nodes))
    states = np.full(shape, CellState.NEVER, dtype=np.int8)
    scores, errors = np.full(shape, np.nan), np.full(shape, np.nan)
    scored_at = np.full(shape, NO_TIME, dtype="datetime64[us]")
    old: list[tuple[int, int, Cell]] = []
    set_aside: list[SetAside] = []
    good = 0
    for i, model in enumerate(payload.models):
        for type_id, entries in model.scores.items():
            j = tree.index.get(type_id)
            if j is None:
                set_aside.append(_aside(model, type_id, entries, "no such benchmark in the payload's tree"))
                continue
            for cell in read_cells(entries, current[j]):
                if isinstance(cell, BadCellError):
                    set_aside.append(_aside(model, type_id, cell.value, cell.reason))
                    continue
                good += 1
                if cell.version == current[j]:
                    states[i, j], scores[i, j] = cell.state, cell.score
                    errors[i, j], scored_at[i, j] = cell.error, cell.scored_at
                else:
                    old.append((i, j, cell))
        if len(set_aside) > _MAX_SET_ASIDE:
            break
    _check_readable(set_aside, good)
    snapshot = Snapshot(
        domain=payload.domain,
        as_of_time=as_of_time,
        source=source,
        sha256=sha256,
        models=tuple(Model(m.id, m.name, m.submission_timestamp, m.rank) for m in payload.models),
        tree=tree,
        states=states,
        scores=scores,
        errors=errors,
        scored_at=scored_at,
        superseded=_superseded(old),
        simulated=payload.simulated,
    )
    return snapshot, tuple(set_aside)


def _check_readable(set_aside: list[SetAside], good: int) -> None:
    """Refuse a board most of whose cells are bad: that is another shape, not a bad cell here and there."""
    if len(set_aside) > min(good, _MAX_SET_ASIDE):
        first = set_aside[0]
        raise SnapshotError(
            f"{len(set_aside)} cells cannot be read against {good} that can, first {first.benchmark!r} of "
            f"model {first.model_id} with {first.value!r}: {first.reason}; the site may have changed"
        )


def _tree(benchmarks: list[_Benchmark]) -> BenchmarkTree:
    type_of = {b.id: b.type_id for b in benchmarks}
    nodes = []
    for b in benchmarks:
        if b.parent_id is not None and b.parent_id not in type_of:
            names = f"benchmark {shown(b.id)!r} names the parent {shown(b.parent_id)!r}"
            raise SnapshotError(f"{names}, which is not in the payload")
        versions = tuple(
            BenchmarkVersion(v.version, v.identifier, v.valid_from, v.valid_to) for v in b.versions
        )
        parent = None if b.parent_id is None else type_of[b.parent_id]
        label, display = b.label or "", b.display_domain or ""
        nodes.append(Benchmark(b.type_id, parent, b.is_leaf, b.is_engineering, label, display, versions))
    return BenchmarkTree(tuple(nodes))


def _aside(model: _Model, type_id: str, value: Any, reason: str) -> SetAside:
    return SetAside(model.id, model.name, shown(type_id, 200), shown(value), reason)


def _superseded(old: list[tuple[int, int, Cell]]) -> SupersededCells:
    cells = [cell for _, _, cell in old]
    return SupersededCells(
        row=np.array([i for i, _, _ in old], dtype=np.int64),
        column=np.array([j for _, j, _ in old], dtype=np.int64),
        version=np.array([cell.version for cell in cells], dtype=np.int64),
        states=np.array([cell.state for cell in cells], dtype=np.int8),
        scores=np.array([cell.score for cell in cells], dtype=float),
        errors=np.array([cell.error for cell in cells], dtype=float),
        scored_at=np.array([cell.scored_at for cell in cells], dtype="datetime64[us]"),
    )
