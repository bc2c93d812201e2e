"""A file as a source: a payload, plain or gzipped, an exported snapshot, or the site's CSV export."""

from __future__ import annotations

import hashlib
import stat
from datetime import datetime
from pathlib import Path

from brainalign_plugin.errors import TextError
from brainalign_plugin.files.decoding import decode
from brainalign_plugin.files.site_csv import is_csv_export

from ..base.errors import BodyTooLargeError, SourceError
from .csv_export import members_of, pull_csv
from .document import MAX_BODY_BYTES, shown, unpacked
from .payload import Pull, parse_payload

# The ending of a body that a store keeps, gzipped, under the hash of what was received.
_KEPT = ".json.gz"


def pull_file(path: Path | str, received_at: datetime, max_bytes: int = MAX_BODY_BYTES) -> Pull:
    """Read the leaderboard from a file.

    Raises SourceError if the file cannot be read, or is refused whole (`PayloadError`, `BodyTooLargeError`).

    Parameters
    ----------
    path : Path or str
        A payload of the site, plain or gzipped, an exported snapshot, or a CSV export, also in its zip.
    received_at : datetime
        As-of time of a payload that does not state its own.
    max_bytes : int
        Largest size of the file, and of what it unpacks to.
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
        text, plugins = members_of(text, body, name, max_bytes)
    try:
        board = decode(text, ansi=True)
    except TextError:
        board = ""  # named where JSON is read
    if is_csv_export(board):
        return pull_csv(board, plugins, body, name, received_at)
    return parse_payload(text if is_zip else body, name, received_at, max_bytes)
