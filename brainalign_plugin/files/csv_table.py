"""CSV in the dialects of spreadsheets: reading, and writing without formulas or broken cells."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_SEPARATORS = ",;\t"
_LINE_END = re.compile(r"\r\n|\r|\n")
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?', re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"([+-]?[0-9]*),([0-9]+)")
# Spreadsheets read text with such a beginning as a formula, also after the separator of another country.
_FORMULA = re.compile("(^|;)(\\s*)(?=[=+\\-@\u2212])")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a row: its text, and whether it was quoted."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row, and the number of its first line in the file."""

    line: int
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV text: comment lines above the header, without what a spreadsheet added to them; header; rows."""

    comments: tuple[str, ...]
    header: Row
    rows: tuple[Row, ...]


def read_table(text: str) -> Table:
    """Read a CSV text with a header; ValueError if there is no row, or it ends within quotes.

    The separator (comma, semicolon or tab) is the one that the header has most of, or a vertical bar if it has none.
    Lines above the header that begin with ``#`` are comments; a line ``sep=;`` states the separator. Rows and columns
    without any text are left out.
    """
    comments, found = _split(text)
    rows = [row for row in found if any(field.text.strip() for field in row.fields)]
    width = max(i for row in rows for i, field in enumerate(row.fields, 1) if field.text.strip())
    header, *rows = [Row(row.line, row.fields[:width]) for row in rows]
    return Table(tuple(comments), header, tuple(rows))


def titles_of(text: str) -> tuple[str, ...]:
    """Return the header of a CSV text without reading the rows; nothing if there is none."""
    try:
        first = next(_split(text)[1])
    except ValueError:
        return ()
    return tuple(title for field in first.fields if (title := field.text.strip()))


def _split(text: str) -> tuple[list[str], Iterator[Row]]:
    """Return the comment lines above the header, and the rows from there on."""
    at, line, separator = 0, 1, ""
    comments: list[str] = []
    while at < len(text):
        end = _LINE_END.search(text, at)
        content = text[at : end.start() if end else len(text)]
        plain = content.strip(' ,;\t|"')
        if named := _SEPARATOR_LINE.fullmatch(content.strip(" ")):
            separator = named[1]
        elif plain.startswith("#"):
            comments.append(plain)
        elif plain:
            unquoted = re.sub('"[^"]*"', "", content)
            most = max(_SEPARATORS, key=unquoted.count)
            if most not in unquoted and "|" in unquoted:
                most = "|"
            return comments, csv_rows(text[at:], separator or most, line)
        at, line = end.end() if end else len(text), line + 1
    raise ValueError("it has no rows")


def csv_rows(text: str, separator: str = ",", line: int = 1) -> Iterator[Row]:
    """Split a CSV text into rows; empty lines are left out.

    A quote inside a quoted field is doubled; the site's writer leaves it single. A single quote that is followed
    neither by a separator nor by the end of the line is part of the text.
    """
    ends = re.escape(separator) + r"\r\n"
    quoted = rf'"(?P<quoted>(?:[^"]++|""|"(?![{ends}]|\Z))*+)(?P<closed>"?)'
    field = re.compile(rf"(?:{quoted}|(?P<plain>[^{ends}]*))(?P<end>{re.escape(separator)}|\r\n|\r|\n|\Z)")
    row: list[Field] = []
    at = start = 0
    while at < len(text) or row:
        found = field.match(text, at)
        if found is None or found["closed"] == "":
            raise ValueError("it ends within quotes, torn or damaged")
        plain = found["plain"]
        row.append(Field(found["quoted"].replace('""', '"'), quoted=True) if plain is None else Field(plain))
        at = found.end()
        if found["end"] != separator:
            if row != [Field("")]:
                yield Row(line, tuple(row))
            line += len(_LINE_END.findall(text, start, at))
            row, start = [], at


def decimal_point(text: str) -> str:
    """Return a number with a decimal point where it had a decimal comma; other text as it is."""
    return _DECIMAL_COMMA.sub(r"\1.\2", text) if _DECIMAL_COMMA.fullmatch(text) else text


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a CSV text with commas, one line a row; text that would be a formula gets an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_harmless(value) if isinstance(value, str) else value for value in row] for row in rows)
    return out.getvalue()


def _harmless(text: str) -> str:
    if text.isascii() and text.isprintable() and not _FORMULA.search(text):
        return text
    line = "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)
    # Spreadsheets read full-width signs as the plain ones.
    plain = "".join(c if len(wide := unicodedata.normalize("NFKC", c)) != 1 else wide for c in line)
    for found in reversed(list(_FORMULA.finditer(plain))):
        line = f"{line[: found.end()]}'{line[found.end() :]}"
    return line
