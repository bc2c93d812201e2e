"""A reader of CSV that sees quotes: ``""`` and nothing at all are two values to the site that writes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a row: its text, and whether it was quoted."""

    text: str
    quoted: bool = False


def csv_rows(text: str) -> Iterator[tuple[Field, ...]]:
    r"""Rows of a CSV text; empty lines are left out.

    A quote inside a quoted field is doubled, or, as by the site's own writer, not: one that is followed neither by a
    comma nor by the end of the line is part of the text.

    Parameters
    ----------
    text : str
        Rows end with ``\n``, ``\r\n`` or ``\r``.

    Raises
    ------
    ValueError
        If the text ends within quotes.
    """
    row: list[Field] = []
    at, end = 0, len(text)
    while at < end:
        field, at = _quoted(text, at) if text[at] == '"' else _plain(text, at)
        row.append(field)
        if at < end and text[at] == ",":
            at += 1
            if at == end or text[at] in "\r\n":
                row.append(Field(""))
        if at == end or text[at] in "\r\n":
            if text[at : at + 2] == "\r\n":
                at += 1
            at += 1
            if row != [Field("")]:
                yield tuple(row)
            row = []


def _plain(text: str, start: int) -> tuple[Field, int]:
    at = start
    while at < len(text) and text[at] not in ",\r\n":
        at += 1
    return Field(text[start:at]), at


def _quoted(text: str, start: int) -> tuple[Field, int]:
    at, pieces = start + 1, []
    while True:
        quote = text.find('"', at)
        if quote < 0:
            raise ValueError("it ends within quotes")
        pieces.append(text[at:quote])
        following = text[quote + 1 : quote + 2]
        if following in ("", ",", "\r", "\n"):
            return Field("".join(pieces), quoted=True), quote + 1
        pieces.append('"')
        at = quote + (2 if following == '"' else 1)
