"""A body becomes a Pull: the site's JSON (`/<domain>/compare/data/`) or an exported snapshot, or it is refused.

A body that is refused (cut off, empty, too large, not JSON, of another shape) is kept by the error.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, FailFast, Field, ValidationError

from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.errors import EmptyBoardError, SnapshotError, TextError
from brainalign_plugin.files.decoding import binary_kind, described, is_storable, parse_json, shown
from brainalign_plugin.files.site_cells import MAX_VERSION, Rejected
from brainalign_plugin.files.site_json import parse_site_json
from brainalign_plugin.files.snapshot_file import FORMAT, snapshot_from_bytes

from ..base.errors import (
    BodyTooLargeError,
    EmptyPayloadError,
    NotJsonError,
    PayloadShapeError,
    ShrunkenBoardError,
    TruncatedPayloadError,
)
from ..base.files import GZIP_MAGIC

# Six times a board of 500 models on 150 benchmarks, and still parsed by a small server.
MAX_BODY_BYTES = 64_000_000
# A literal or an escape that was cut off is reported where it begins, at most so far before the end.
_LONGEST_TORN_TOKEN = 12
# Unpacks a file that a download gzipped again; one that unpacks to itself ends here.
_MOST_GZIPPED = 2
# Byte order marks, the zeros of UTF-16 and white space.
_BEFORE_TEXT = b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """Limits of time, size and number of attempts."""

    timeout: float = 30.0  # Seconds to wait for a connection, and for each piece of the answer
    # Seconds for everything: all tries, the pauses between them and the whole body.
    deadline: float = 300.0
    max_bytes: int = MAX_BODY_BYTES  # Largest body, as sent and unpacked
    attempts: int = 5  # Tries in all
    # Seconds of the first pause, of the longest, and of what chance adds; each pause doubles the one before.
    wait_initial: float = 1.0
    wait_max: float = 60.0
    wait_jitter: float = 1.0


DEFAULT_LIMITS = FetchLimits()


def gunzip(body: bytes, source: str, max_bytes: int) -> bytes:
    """Unpack a gzip body of one or more members, never further than the cap, or refuse it."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as members:
            text = members.read(max_bytes + 1)
    except EOFError as cause:
        message = f"{source} is gzipped and ends too early; fetch it again"
        raise TruncatedPayloadError(message, body) from cause
    except (OSError, zlib.error) as cause:
        message = f"{source} looks gzipped but does not unpack ({cause}); fetch it again"
        raise NotJsonError(message, body) from cause
    if len(text) > max_bytes:
        raise BodyTooLargeError(
            f"{source} unpacks from {len(body)} to more than {max_bytes} bytes; raise the cap if that is right", body
        )
    return text


def unpacked(body: bytes, source: str, max_bytes: int) -> bytes:
    """Return the text of a plain or gzipped body."""
    text = body
    for _ in range(_MOST_GZIPPED):
        if text.startswith(GZIP_MAGIC):
            text = gunzip(text, source, max_bytes)
    if len(text) > max_bytes:
        message = f"{source} is larger than {max_bytes} bytes; raise the cap if that is right"
        raise BodyTooLargeError(message, body)
    if not text.strip():
        raise EmptyPayloadError(f"{source} is empty; nothing was stored, try again later", body)
    return text


def json_document(text: bytes, source: str, body: bytes) -> Any:
    """Parse JSON, distinguishing a body that is cut off from one that never was JSON, or refuse ``body``.

    See `parse_json` for keys that an object has twice, and for very long integers.
    """
    try:
        return parse_json(text)
    except RecursionError as cause:
        message = f"{source} is nested too deeply for a leaderboard; the body was kept for inspection"
        raise PayloadShapeError(message, body) from cause
    except ValueError as cause:
        if text.lstrip(_BEFORE_TEXT)[:1] == b"{" and _is_torn(cause):
            message = f"{source} ends after {len(text)} bytes, in the middle; fetch it again"
            raise TruncatedPayloadError(message, body) from cause
        raise NotJsonError(f"{source} is {_misread(text, cause)}", body) from cause


def _misread(text: bytes, cause: ValueError) -> str:
    """Return the kind of a body that cannot be read, and the next step."""
    if isinstance(cause, TextError) and not binary_kind(text):
        return f"{cause}; save it as UTF-8"
    what = described(text)
    if what == "JSON":
        return f"JSON with an error ({cause}); fetch it again"
    return f"{what}, and no board; check that it is the JSON of /compare/data/, an exported snapshot or a CSV export"


def _is_torn(cause: ValueError) -> bool:
    """Return whether a text ends too soon: the error is at its end, or in a piece of one literal."""
    if isinstance(cause, TextError):
        return cause.torn
    if not isinstance(cause, json.JSONDecodeError) or cause.msg.startswith("Extra data"):
        return False
    rest = cause.doc[cause.pos :].rstrip()
    return cause.msg.startswith("Unterminated string") or (
        len(rest) <= _LONGEST_TORN_TOKEN and not set(rest) & set('"{}[]:,')
    )


_Count = Annotated[int, Field(strict=True, ge=0, lt=MAX_VERSION)]
_Id = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
_Domain = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
_Micros = Annotated[int, Field(strict=True)]
_Flag = Annotated[bool, Field(strict=True)]


class _Node(BaseModel):
    type_id: Annotated[str, Field(min_length=1)]
    parent: str | None
    is_leaf: _Flag
    is_engineering: _Flag
    label: str
    display_domain: str
    versions: list[tuple[_Count, str, _Micros | None, _Micros | None]]


class _Exported(BaseModel):
    domain: _Domain
    source: str
    sha256: str
    models: Annotated[list[tuple[_Id, str, _Micros | None, _Count | None]], FailFast()]
    benchmarks: Annotated[list[_Node], FailFast()]


def exported_snapshot(document: Any, text: bytes, source: str, body: bytes) -> Snapshot:
    """Read the snapshot in an exported file, or refuse one that contradicts itself or cannot be stored."""
    try:
        _Exported.model_validate(document)
        snapshot = snapshot_from_bytes(text, origin=source)
    except ValidationError as cause:
        raise PayloadShapeError(_message(source, cause), body) from cause
    except SnapshotError as cause:
        # The file's own errors name it; those of the tree or the board in it do not.
        message = str(cause) if source in str(cause) else f"{source} contradicts itself: {cause}"
        raise PayloadShapeError(message, body) from cause
    words = [snapshot.source, snapshot.sha256, *(model.name for model in snapshot.models)]
    for node in snapshot.tree.nodes:
        words += [node.type_id, node.label, node.display_domain, *(v.identifier for v in node.versions)]
    for word in words:
        if not is_storable(word):
            raise PayloadShapeError(f"{source} holds the text {shown(word)!r}, which cannot be stored", body)
    return snapshot


def _message(source: str, cause: ValidationError) -> str:
    """Return the place where a document has another shape, and its content."""
    first = cause.errors(include_url=False)[0]
    where = shown(".".join(str(part) for part in first["loc"])) or "the document"
    more = f", and {cause.error_count() - 1} more" if cause.error_count() > 1 else ""
    return (
        f"{source} is JSON of another shape: {where} is {shown(first['input'], 60)!r} "
        f"({first['msg']}{more}); the site may have changed, the body was kept for inspection"
    )


@dataclass(frozen=True, eq=False)
class Pull:
    """One reading of a source: the body as received, the snapshot in it, and the rejected cells."""

    body: bytes
    snapshot: Snapshot
    rejected: tuple[Rejected, ...] = ()


def parse_payload(body: bytes, source: str, received_at: datetime, max_bytes: int = MAX_BODY_BYTES) -> Pull:
    """Read a payload of the site, plain or gzipped, or an exported snapshot file.

    ``received_at`` is the as-of time of a payload that does not state its own. Raises a PayloadError of a named kind,
    which keeps the refused body, or BodyTooLargeError if it unpacks to more than ``max_bytes``.
    """
    text = unpacked(body, source, max_bytes)
    document = json_document(text, source, body)
    if isinstance(document, dict) and document.get("format") == FORMAT:
        return Pull(body, exported_snapshot(document, text, source, body))
    return read_document(document, body, source, received_at)


def read_document(document: Any, body: bytes, source: str, received_at: datetime) -> Pull:
    """Read a payload's JSON, however it came; ``body`` is what was received."""
    try:
        return Pull(body, *parse_site_json(document, source, hashlib.sha256(body).hexdigest(), received_at))
    except EmptyBoardError as cause:
        raise EmptyPayloadError(f"{source}: {cause}; nothing was stored, try again later", body) from cause
    except SnapshotError as cause:
        raise PayloadShapeError(f"{source}: {cause}; the body was kept for inspection", body) from cause


def check_not_shrunken(pull: Pull, before: Snapshot | None) -> None:
    """Refuse a board of which more than a third is gone since the last good one, or has other names.

    Counted are models, SCORED cells of leaves and leaves that have any, and the names of the models on both boards.
    Raises ShrunkenBoardError, with the body.
    """
    if before is None:
        return
    now = pull.snapshot
    scores, kept = _scored(before), _scored(now)
    leaves = {leaf for _, leaf in scores}
    old, new = ({model.id: model.name for model in board.models} for board in (before, now))
    shared = old.keys() & new.keys()
    renamed = {number for number in shared if old[number] != new[number]}
    reasons = [
        f"{did} {len(found)} of the {of} {what}{_some(found)}"
        for did, what, found, of in (
            ("lost", "models", old.keys() - new.keys(), len(old)),
            ("lost", "scores", {f"{model} on {leaf}" for model, leaf in scores - kept}, len(scores)),
            ("lost", "benchmarks with scores", leaves - {leaf for _, leaf in kept}, len(leaves)),
            ("gave other names to", "model ids", renamed, len(shared)),
        )
        if 3 * len(found) > of
    ]
    if reasons:
        raise ShrunkenBoardError(
            f"{now.source} {'; it '.join(reasons)}, more than a third since the last good board of "
            f"{before.as_of_time:%Y-%m-%d}; nothing was stored: check the kept body and try again later, or "
            "store it with `brainalign fetch --accept-shrunken` if that is right",
            pull.body,
        )


def _some(found: Collection[int] | Collection[str]) -> str:
    return f" ({', '.join(map(str, sorted(found)[:5]))}{', …' if len(found) > 5 else ''})"


def _scored(board: Snapshot) -> set[tuple[int, str]]:
    """Return model id and type id of each SCORED cell of a leaf."""
    ids = [model.id for model in board.models]
    nodes = board.tree.nodes
    leaf = np.array([node.is_leaf for node in nodes], dtype=bool)
    rows, columns = np.nonzero((board.states == CellState.SCORED) & leaf)
    return {(ids[i], nodes[j].type_id) for i, j in zip(rows.tolist(), columns.tolist(), strict=True)}
