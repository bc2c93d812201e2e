"""JSON from other programs: strict parsing, and text of any value for messages."""

from __future__ import annotations

import json
import re
import reprlib
from typing import Any, Final

from .decoding import decode

# PostgreSQL refuses NUL; UTF-8, and with it every file and database, refuses half of a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MOST_DIGITS = 400


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
