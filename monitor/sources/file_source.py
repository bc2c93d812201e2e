"""A file as a source: a payload, plain or gzipped, an exported snapshot, or the site's CSV export."""

from __future__ import annotations

import hashlib
import re
import stat
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from brainalign_plugin.errors import ArchiveError, EmptyBoardError, InputError, TextError
from brainalign_plugin.files.decoding import decode
from brainalign_plugin.files.json_text import shown
from brainalign_plugin.files.site_csv import is_csv_export, site_csv_document, zip_members
from brainalign_plugin.files.snapshot_file import table_snapshot

from ..base.errors import (
    BodyTooLargeError,
    EmptyPayloadError,
    NotJsonError,
    PayloadError,
    PayloadShapeError,
    SourceError,
    TruncatedPayloadError,
)
from .payload import MAX_BODY_BYTES, Pull, parse_payload, read_document, unpacked

_KINDS: dict[str, type[PayloadError | BodyTooLargeError]] = {
    "other": NotJsonError,
    "torn": TruncatedPayloadError,
    "shape": PayloadShapeError,
    "large": BodyTooLargeError,
}


def pull_csv(leaderboard: str, plugins: bytes, body: bytes, source: str, received_at: datetime) -> Pull:
    """Read a CSV export (`site_csv_document`); ``body`` is what was received; PayloadError if it is refused."""
    try:
        document, notes = site_csv_document(leaderboard, plugins)
    except EmptyBoardError as cause:
        raise EmptyPayloadError(f"{source}: {cause}; nothing was stored, try again later", body) from cause
    except ValueError as cause:
        message = f"{source} is no CSV export of the leaderboard: {cause}; the body was kept for inspection"
        raise PayloadShapeError(message, body) from cause
    pull = read_document(document, body, source, received_at)
    return replace(pull, rejected=(*notes, *pull.rejected)) if notes else pull


# The ending of a body that a store keeps, gzipped, under the hash of what was received.
_KEPT = ".json.gz"
_TABLE = re.compile(r"\.([ct]sv|txt)(\.gz)?$", re.IGNORECASE)
# An error page, or JSON, under the name of a table.
_MARKUP = re.compile(r"\s*[{\[<]")


def pull_file(
    path: Path | str, received_at: datetime, max_bytes: int = MAX_BODY_BYTES, *, tables: bool = False
) -> Pull:
    """Read a payload, an exported snapshot or a CSV export, also in its zip, from a file of at most ``max_bytes``.

    With ``tables`` also any table of scores whose name ends in .csv or .tsv. Raises SourceError if it cannot be read
    or is refused whole (`PayloadError`, `BodyTooLargeError`), InputError if a cell of a table is no score.
    """
    name = shown(str(path), 300)
    try:
        found = Path(path).stat()
        # Looked at before it is opened, because opening a pipe would wait for its other end.
        if not stat.S_ISREG(found.st_mode):
            what = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
            raise SourceError(f"{name!r} is {what}; name a payload or a snapshot file")
        if found.st_size > max_bytes:
            message = f"{name!r} has {found.st_size} bytes, more than the cap of {max_bytes}; raise it if that is right"
            raise BodyTooLargeError(message)
        with Path(path).open("rb") as file:
            body = file.read(max_bytes + 1)
    except (OSError, ValueError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else str(cause)
        message = f"cannot read {name!r} ({reason}); give a file, or an address that begins with https://"
        raise SourceError(message) from cause
    text, plugins = unpacked(body, name, max_bytes), b""
    if Path(path).name == f"{hashlib.sha256(text).hexdigest()}{_KEPT}":
        body = text  # as it was received, and as it was known before
    if is_zip := text.startswith(b"PK\x03\x04"):
        try:
            text, plugins = zip_members(text, name, max_bytes)
        except ArchiveError as cause:
            raise _KINDS[cause.kind](str(cause), body) from cause
    try:
        board = decode(text, ansi=True)
    except TextError:
        board = ""  # named where JSON is read
    if is_csv_export(board):
        return pull_csv(board, plugins, body, name, received_at)
    if tables and board and _TABLE.search(str(path)) and not _MARKUP.match(board):
        try:
            return Pull(body, table_snapshot(board, name))
        except InputError as cause:
            raise InputError(f"{name}: {cause}") from cause
    return parse_payload(text if is_zip else body, name, received_at, max_bytes)
