"""A body becomes JSON values, or is refused: torn, empty, too large, not JSON.

Everything here holds for any body, before the first look at what it says.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import reprlib
import zlib
from typing import Any, Final

from brainalign_plugin.decoding import binary_kind, decode, described
from brainalign_plugin.errors import TextError

from ..errors import (
    BodyTooLargeError,
    EmptyPayloadError,
    NotJsonError,
    PayloadShapeError,
    TruncatedPayloadError,
)

# Six times a board of 500 models on 150 benchmarks, and still parsed by a small server.
MAX_BODY_BYTES = 64_000_000
GZIP_MAGIC = b"\x1f\x8b"
# PostgreSQL refuses NUL, and UTF-8, so every file and database, half of a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MAY_BE_UNSTORABLE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
# A literal or an escape that was cut off is reported where it begins, at most so far before the end.
_LONGEST_TORN_TOKEN = 12
_MOST_DIGITS = 400
# A file that was gzipped again by a download is read; one that unpacks to itself comes to an end.
_MOST_GZIPPED = 2
# Byte order marks, the zeros of UTF-16 and white space.
_BEFORE_TEXT = b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"


class _Repeated:
    """Stands for the value of a key that an object has twice, so that no reader takes it for a value."""

    def __repr__(self) -> str:
        return "a key that occurs twice"


REPEATED: Final = _Repeated()


def gunzip(body: bytes, source: str, max_bytes: int) -> bytes:
    """Unpack a gzip body, never further than the cap.

    Parameters
    ----------
    body : bytes
        One gzip member, or several one behind the other.
    source : str
        What messages call it.
    max_bytes : int
        Largest size unpacked.

    Raises
    ------
    BodyTooLargeError, TruncatedPayloadError, NotJsonError
        It unpacks to more than the cap, ends too early, or is damaged.
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
    """Return the text of a plain or gzipped body.

    Raises
    ------
    EmptyPayloadError, BodyTooLargeError, TruncatedPayloadError, NotJsonError
    """
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
    """Parse JSON, telling a torn body from one that never was JSON.

    A key that an object has twice gets the value `REPEATED`. NUL and halves of surrogate pairs in strings
    become U+FFFD, every other character stays as it is. Integers of more than 400 digits become infinite.

    Parameters
    ----------
    text : bytes
        Unpacked; UTF-8, or UTF-16 with its byte order mark.
    source : str
        What messages call it.
    body : bytes
        As received, for the error to keep.

    Raises
    ------
    TruncatedPayloadError, NotJsonError, PayloadShapeError
        It ends too early, is not JSON, or is nested too deeply.
    """
    try:
        decoded = decode(text)
        # An escape that cannot be stored is rare, and looking at every string for it slow.
        pairs = _storable_object if _MAY_BE_UNSTORABLE.search(decoded) else _object
        return json.loads(decoded, object_pairs_hook=pairs, parse_int=_integer)
    except RecursionError as cause:
        message = f"{source} is nested too deeply for a leaderboard; the body was kept for inspection"
        raise PayloadShapeError(message, body) from cause
    except ValueError as cause:
        if text.lstrip(_BEFORE_TEXT)[:1] == b"{" and _is_torn(cause):
            message = f"{source} ends after {len(text)} bytes, in the middle; fetch it again"
            raise TruncatedPayloadError(message, body) from cause
        raise NotJsonError(f"{source} is {_misread(text, cause)}", body) from cause


def _misread(text: bytes, cause: ValueError) -> str:
    """What a body is that is not read, and what to do."""
    if isinstance(cause, TextError) and not binary_kind(text):
        return f"{cause}; save it as UTF-8"
    what = described(text)
    if what == "JSON":
        return f"JSON with an error ({cause}); fetch it again"
    return f"{what}, and no board; check that it is the JSON of /compare/data/, an exported snapshot or a CSV export"


def is_storable(text: str) -> bool:
    """Whether a database and a UTF-8 file can hold the text."""
    return _UNSTORABLE.search(text) is None


def shown(value: Any, length: int = 80) -> str:
    """Text of any JSON value for a message: short, whatever its size or depth, and always encodable."""
    text = value[: length + 1] if isinstance(value, str) else reprlib.repr(value)
    return _UNSTORABLE.sub("\ufffd", text if len(text) <= length else text[: length - 1] + "…")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                found[key] = REPEATED
            seen.add(key)
    return found


def _storable_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return _object([(storable(k), storable(v) if isinstance(v, str) else v) for k, v in pairs])


def storable(text: str) -> str:
    """Return a text with U+FFFD for what no database can hold."""
    return _UNSTORABLE.sub("\ufffd", text)


def _integer(digits: str) -> int | float:
    # Python refuses to read very long integers, and with them would fall the whole body for one bad number.
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _is_torn(cause: ValueError) -> bool:
    """Whether the error is that the text ends: nothing is left where it arose, or a piece of one literal."""
    if isinstance(cause, TextError):
        return cause.torn
    if not isinstance(cause, json.JSONDecodeError) or cause.msg.startswith("Extra data"):
        return False
    rest = cause.doc[cause.pos :].rstrip()
    return cause.msg.startswith("Unterminated string") or (
        len(rest) <= _LONGEST_TORN_TOKEN and not set(rest) & set('"{}[]:,')
    )
