"""Text: foreign strings made harmless, names shortened for display, counts with their nouns."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

# Marks that change the direction of all following text, also outside an element of a page.
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SPACES = re.compile(r"\s+")
_BRIEF = 60
NO_NAME = "(no name)"
# Sign for an unknown figure.
UNKNOWN = "–"
# Domains of Brain-Score; a board of another one is of another field.
BRAIN_SCORE = ("vision", "language")


def visible(text: str, limit: int = 300) -> str:
    r"""Return a foreign text on one line: control characters and direction marks as U+FFFD, shortened to a limit.

    Escaping for HTML is left to the template.

    >>> visible("a\nname\x1b[0m")
    'a name�[0m'
    """
    line = _SPACES.sub(" ", text).strip()
    shown = "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") or c in _DIRECTION else c for c in line)
    if len(shown) > limit:
        shown = shown[: limit - 1] + "…"
    return shown or NO_NAME


def first_few(names: Sequence[str], most: int = 3) -> str:
    """Return the first few of some names, and how many more there are.

    >>> first_few("abcde")
    'a, b, c and 2 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def masked_address(text: str) -> str:
    """Return an address for display: login and values of the query masked, the fragment left out.

    >>> masked_address("https://me:pass@site.org/board?token=1&all")
    'https://***@site.org/board?token=***&***'
    """
    scheme, mark, rest = text.partition("//")
    if not mark:
        return re.sub(r":.*@", ":***@", text, flags=re.DOTALL)
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    login = ""
    # A password may hold any sign unescaped, and look like a port: then all before the last @ is the login.
    if "@" in host or ":" in host:
        _, login, rest = rest.rpartition("@")
    path, question, query = rest.partition("#")[0].partition("?")
    pairs = (pair.partition("=") for pair in query.split("&"))
    values = "&".join(f"{key}=***" if sign else "***" for key, sign, _ in pairs) if query else ""
    return visible(f"{scheme}//{'***@' if login else ''}{path}{question if query else ''}{values}")


def leaderboard(domain: str) -> str:
    """Return the name of the leaderboard of a domain; one that is not Brain-Score's is named by its domain."""
    return f"Brain-Score {domain}" if domain in BRAIN_SCORE else domain


def printable(text: str) -> str:
    """Return a foreign text in which no control, formatting or direction character drives a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun, the right plural.

    >>> counted(1, "model"), counted(0, "benchmark"), counted(2000, "family", "families")
    ('1 model', '0 benchmarks', '2,000 families')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def brief(record: Any) -> str:
    """Return a record as one line: short values as they are, of others the size or the kind."""
    shown = []
    for one in fields(record):
        value = getattr(record, one.name)
        words = repr(value) if isinstance(value, str | int | float | None) or is_dataclass(value) else ""
        size = f"{len(value)} of them" if hasattr(value, "__len__") else type(value).__name__
        shown.append(f"{one.name}={words if words and len(words) <= _BRIEF else size}")
    return f"<{type(record).__name__}: {', '.join(shown)}>"


def shortened(text: str, limit: int) -> str:
    """Return the beginning and the end of a text longer than ``limit`` characters, around an ellipsis.

    >>> shortened("resnext101_32x8d_wsl", 12)
    'resne…8d_wsl'
    """
    if len(text) <= limit:
        return text
    tail = (limit - 1) * 3 // 5
    return f"{text[: limit - 1 - tail]}…{text[-tail:]}"


def distinct_names(names: Sequence[str], ids: Sequence[object], limit: int = 120) -> list[str]:
    """Return names cleaned for display; those that occur more than once have their id added.

    >>> distinct_names(["alexnet", "alexnet", "vgg"], [1, 2, 3])
    ['alexnet · id 1', 'alexnet · id 2', 'vgg']
    """
    shown = [visible(name, limit) for name in names]
    repeats = Counter(shown)
    return [f"{name} · id {i}" if repeats[name] > 1 else name for name, i in zip(shown, ids, strict=True)]
