"""Bytes and JSON from other programs: decoding, strict parsing, and harmless text of any value for messages."""

from __future__ import annotations

import json
import re
import reprlib
from typing import Any, Final

from ..errors import TextError

# Longer marks first, because the mark of UTF-32 begins with that of UTF-16.
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32-le", "UTF-32"),
    (b"\x00\x00\xfe\xff", "utf-32-be", "UTF-32"),
    (b"\xef\xbb\xbf", "utf-8", "UTF-8"),
    (b"\xff\xfe", "utf-16-le", "UTF-16"),
    (b"\xfe\xff", "utf-16-be", "UTF-16"),
)
_KINDS = (
    (b"\x1f\x8b", "gzip data"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\xd0\xcf\x11\xe0", "a document of an old Excel or Word"),
    (b"\x00\x05\x16\x07", "a resource file of macOS (its name begins with ._)"),
    (b"\x00\x00\x00\x01Bud1", "a folder's .DS_Store of macOS"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ", "xz data"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"(\xb5/\xfd", "zstd data"),
    (b"PAR1", "a Parquet file"),
)
_ZIP = b"PK\x03\x04"
_CONTENTS = (
    (re.compile(r"\Z"), "empty"),
    (
        re.compile(r"(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body|script|div|title)\b", re.IGNORECASE | re.DOTALL),
        "an HTML page",
    ),
    (re.compile("<"), "XML"),
    (re.compile(r"[{\[]"), "JSON"),
)
# Control characters that text does not contain; tab, line feed, form feed and carriage return are text.
_BINARY = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_LOOKED_AT = 4096
_SHOWN = 60
# PostgreSQL refuses NUL; UTF-8, and with it every file and database, refuses half of a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MOST_DIGITS = 400


def decode(data: bytes, *, ansi: bool = False) -> str:
    """Return the text in UTF-8, or UTF-16 or UTF-32 with its byte order mark, which is left out.

    Raises TextError if it is none of these; the message is a noun for the kind of data. `ansi`: text that cannot be
    UTF-8 is read as Windows-1252, as spreadsheets save it.
    """
    for mark, encoding, name in _MARKS:
        if data.startswith(mark):
            try:
                # A program that did not know the mark has put another before it.
                return data[len(mark) :].decode(encoding).lstrip("\ufeff")
            except UnicodeDecodeError as cause:
                raise _damaged(name, cause, len(mark)) from cause
    if _is_unmarked_utf16(data):
        raise TextError("UTF-16 text without a byte order mark")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as cause:
        text = _ansi_text(data)
        if text is not None and ansi:
            return text
        if magic := binary_kind(data):
            raise TextError(magic) from cause
        # UTF-8 that ends within its only letter beyond ASCII is also valid Windows-1252.
        if text is None or cause.end == len(data):
            raise _damaged("UTF-8", cause, 0) from cause
        raise TextError("text in an older encoding, perhaps Windows-1252") from cause


def described(data: bytes) -> str:
    """Describe some bytes by a noun for a message; never fail."""
    if magic := binary_kind(data):
        return magic
    try:
        text = decode(data, ansi=True)
    except TextError as cause:
        return str(cause)
    begin = text.strip()
    if _BINARY.search(begin[:_LOOKED_AT]):
        return f"binary data that begins with the bytes {data[:8].hex(' ')}"
    for pattern, what in _CONTENTS:
        if pattern.match(begin):
            return what
    first = re.split(r"[\r\n]", begin, maxsplit=1)[0]
    return f"text that begins {first[:_SHOWN]!r}"


def binary_kind(data: bytes) -> str:
    """Return a noun for the kind of a binary file, by its first bytes; empty if unknown."""
    if data.startswith(_ZIP):
        begin = data[:_LOOKED_AT]
        if b"[Content_Types].xml" in begin or b"xl/" in begin:
            return "an Excel workbook"
        return "an OpenDocument spreadsheet" if b"vnd.oasis.opendocument" in begin else "a zip"
    return next((name for magic, name in _KINDS if data.startswith(magic)), "")


def _is_unmarked_utf16(data: bytes) -> bool:
    """Return whether nearly every other byte is zero, as in UTF-16 of Latin letters."""
    halves = data[:_LOOKED_AT:2], data[1:_LOOKED_AT:2]
    fewest, most = sorted(half.count(0) / max(len(half), 1) for half in halves)
    return len(data) > 3 and fewest < 0.05 and most > 0.7


def _ansi_text(data: bytes) -> str | None:
    """Decode Windows-1252; None if the bytes are damaged UTF-8, or no text."""
    if any(c > "\x7f" and c != "\ufffd" for c in data.decode("utf-8", "replace")):
        return None
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return None
    return None if _BINARY.search(text) else text


def _damaged(name: str, cause: UnicodeDecodeError, begin: int) -> TextError:
    torn = cause.reason in ("unexpected end of data", "truncated data")
    where = "ends within a character" if torn else f"has a damaged character at byte {begin + cause.start}"
    return TextError(f"{name} text that {where}", torn=torn)


class _Repeated:
    """Value of a key that an object has twice, unequal to every JSON value."""

    def __repr__(self) -> str:
        return "a key that occurs twice"


REPEATED: Final = _Repeated()


def parse_json(text: bytes) -> Any:
    """Parse JSON in any encoding that `decode` knows; a key that an object has twice gets the value `REPEATED`."""
    return json.loads(decode(text), object_pairs_hook=_object, parse_int=_integer)


def storable(text: str) -> str:
    """Replace NUL and halves of surrogate pairs, which no database or file can hold, by U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def is_storable(text: str) -> bool:
    """Return whether a database and a UTF-8 file can hold the text."""
    return _UNSTORABLE.search(text) is None


def shown(value: Any, length: int = 80) -> str:
    """Return the text of any JSON value for a message: short, whatever its size or depth, and always encodable."""
    text = value[: length + 1] if isinstance(value, str) else reprlib.repr(value)
    return storable(text if len(text) <= length else text[: length - 1] + "…")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                found[key] = REPEATED
            seen.add(key)
    return found


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)
