"""A body becomes JSON values, or is refused: cut off, empty, too large, not JSON.

Everything here holds for any body, before its content is interpreted.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from typing import Any

from brainalign_plugin.errors import TextError
from brainalign_plugin.files.decoding import binary_kind, described
from brainalign_plugin.files.json_text import REPEATED, is_storable, parse_json, shown, storable

from ..base.errors import (
    BodyTooLargeError,
    EmptyPayloadError,
    NotJsonError,
    PayloadShapeError,
    TruncatedPayloadError,
)

# Six times a board of 500 models on 150 benchmarks, and still parsed by a small server.
MAX_BODY_BYTES = 64_000_000
GZIP_MAGIC = b"\x1f\x8b"
# A literal or an escape that was cut off is reported where it begins, at most so far before the end.
_LONGEST_TORN_TOKEN = 12
# Unpacks a file that a download gzipped again; one that unpacks to itself ends here.
_MOST_GZIPPED = 2
# Byte order marks, the zeros of UTF-16 and white space.
_BEFORE_TEXT = b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"

__all__ = [
    "MAX_BODY_BYTES",
    "REPEATED",
    "gunzip",
    "is_storable",
    "json_document",
    "shown",
    "storable",
    "unpacked",
]


def gunzip(body: bytes, source: str, max_bytes: int) -> bytes:
    """Unpack a gzip body, never further than the cap.

    Raises BodyTooLargeError or TruncatedPayloadError or NotJsonError (it unpacks to more than the cap, ends too
    early, or is damaged).

    Parameters
    ----------
    body : bytes
        One gzip member, or several one behind the other.
    source : str
        What messages call it.
    max_bytes : int
        Largest size unpacked.
    """
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
            f"{source} unpacks from {len(body)} to more than {max_bytes} bytes; "
            "raise the cap if that is right",
            body,
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
    """Parse JSON, distinguishing a body that is cut off from one that never was JSON.

    See `parse_json` for keys that an object has twice, and for very long integers. Raises TruncatedPayloadError or
    NotJsonError or PayloadShapeError (it ends too early, is not JSON, or is nested too deeply).

    Parameters
    ----------
    text : bytes
        Unpacked; UTF-8, or UTF-16 with its byte order mark.
    source : str
        What messages call it.
    body : bytes
        As received, for the error to keep.
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
