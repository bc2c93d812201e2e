"""The few shapes that specifications of Vega-Lite are made of, as plain dictionaries.

Tests check every specification of a report against Vega-Lite's own schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

# Release of the specifications.
VERSION = "6.4"
Spec = dict[str, Any]
_TYPES = {"N": "nominal", "O": "ordinal", "Q": "quantitative", "T": "temporal"}


def field(shorthand: str, **settings: Any) -> Spec:
    """Return a channel that shows a field, named with the letter of its type, ``rho:Q``; ends of ranges have none."""
    name, _, kind = shorthand.partition(":")
    return {"field": name, **({"type": _TYPES[kind]} if kind else {}), **settings}


def tooltip(*rows: tuple[str, ...]) -> list[Spec]:
    """Return the lines of a tooltip: field, title, and format if it has one."""
    return [field(of, title=title, **({"format": form[0]} if form else {})) for of, title, *form in rows]


def value(constant: Any) -> Spec:
    """Return a channel that is the same for all rows; of positions in pixels."""
    return {"value": constant}


def expr(expression: str) -> Spec:
    """Return a value that Vega computes when it draws, from sizes and parameters."""
    return {"expr": expression}


def mark(kind: str, **style: Any) -> Spec:
    """Return the mark of a row."""
    return {"type": kind, **style}


def layer(table: str, mark: Spec, transform: Iterable[Spec] = (), **channels: Spec | Sequence[Spec]) -> Spec:
    """Return the marks for the rows of one of the page's tables, after the transforms."""
    steps = list(transform)
    return {"data": {"name": table}, **({"transform": steps} if steps else {}), "mark": mark, "encoding": channels}


def filtered(predicate: str | Spec) -> Spec:
    """Keep the rows for which an expression, or a predicate with parameters, is true."""
    return {"filter": predicate}


def looked_up(key: str, table: str, of: str, field: str, name: str) -> Spec:
    """Add a field, under a name, of the row in another table whose field `of` is the field `key` here."""
    return {"lookup": key, "from": {"data": {"name": table}, "key": of, "fields": [field]}, "as": [name]}
