"""The site's JSON (`/<domain>/compare/data/`) as a source: read into a Snapshot, or refused with its body kept."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.errors import EmptyBoardError, SnapshotError
from brainalign_plugin.files.rejected import Rejected
from brainalign_plugin.files.site_json import parse_site_json

from ..base.errors import EmptyPayloadError, PayloadShapeError
from .document import GZIP_MAGIC, MAX_BODY_BYTES, json_document, unpacked
from .exported import exported_snapshot, is_exported


@dataclass(frozen=True, eq=False)
class Pull:
    """One reading of a source: the body as received, the snapshot in it, and the rejected cells."""

    body: bytes
    snapshot: Snapshot
    set_aside: tuple[Rejected, ...] = ()


def parse_payload(body: bytes, source: str, received_at: datetime, max_bytes: int = MAX_BODY_BYTES) -> Pull:
    """Read a payload of the site, plain or gzipped, or an exported snapshot file.

    Raises EmptyPayloadError or TruncatedPayloadError or NotJsonError or PayloadShapeError (the body is refused
    whole; the error keeps it); BodyTooLargeError (it unpacks to more than ``max_bytes``).

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
    """
    text = unpacked(body, source, max_bytes)
    document = json_document(text, source, body)
    if is_exported(document):
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


def packed(body: bytes) -> bytes:
    """Gzip a body unless it already is; the same body gives the same bytes."""
    return body if body.startswith(GZIP_MAGIC) else gzip.compress(body, compresslevel=6, mtime=0)
