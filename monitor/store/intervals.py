"""Rows that hold for an interval of snapshots: written only where something changed, read as of one snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

Key = tuple[Any, ...]
Values = tuple[Any, ...]

_INTERVAL = ("chain_id", "from_seq", "to_seq")


@dataclass(frozen=True, slots=True)
class Change:
    """How many rows begin to hold, and how many end."""

    added: int
    closed: int


def write_changes(
    connection: sa.Connection, table: sa.Table, chain: int, seq: int, now: Mapping[Key, Values]
) -> Change:
    """Make a table hold what is given from snapshot ``seq`` on, which must be the chain's newest.

    Parameters
    ----------
    connection : Connection
        In a writing transaction.
    table : Table
        With the columns ``chain_id``, ``from_seq`` and ``to_seq``.
    chain, seq : int
    now : mapping of key to values
        Both in the order of the table's other columns. What is absent ceases to hold.
    """
    keys, values = _columns(table)
    open_rows = sa.select(*keys, *values).where(table.c.chain_id == chain, table.c.to_seq.is_(None))
    before = {tuple(row[: len(keys)]): tuple(row[len(keys) :]) for row in connection.execute(open_rows)}
    ended = [key for key, held in before.items() if now.get(key) != held]
    begun = [(key, held) for key, held in now.items() if before.get(key) != held]
    if ended:
        which = sa.and_(*(column == sa.bindparam(f"key_{column.name}") for column in keys))
        closing = (
            sa.update(table)
            .where(table.c.chain_id == chain, table.c.to_seq.is_(None), which)
            .values(to_seq=seq)
        )
        names = [f"key_{column.name}" for column in keys]
        connection.execute(closing, [dict(zip(names, key, strict=True)) for key in ended])
    if begun:
        names = [column.name for column in (*keys, *values)]
        begins = {"chain_id": chain, "from_seq": seq}
        connection.execute(
            sa.insert(table), [{**begins, **dict(zip(names, key + held, strict=True))} for key, held in begun]
        )
    return Change(len(begun), len(ended))


def rows_at(connection: sa.Connection, table: sa.Table, chain: int, seq: int) -> Sequence[sa.Row[Any]]:
    """Rows that hold for one snapshot of a chain: the table's columns without the interval."""
    keys, values = _columns(table)
    holds = sa.or_(table.c.to_seq.is_(None), table.c.to_seq > seq)
    return connection.execute(
        sa.select(*keys, *values).where(table.c.chain_id == chain, table.c.from_seq <= seq, holds)
    ).all()


def _columns(table: sa.Table) -> tuple[list[sa.Column[Any]], list[sa.Column[Any]]]:
    """Key and value columns: those of the primary key and the others, without the interval."""
    of_table = [column for column in table.columns if column.name not in _INTERVAL]
    return [c for c in of_table if c.primary_key], [c for c in of_table if not c.primary_key]
