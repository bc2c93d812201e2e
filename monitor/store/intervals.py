"""Rows that hold for an interval of snapshots: written only where something changed, read as of some of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from brainalign_plugin.arrays import BoolArray, IntArray

Key = tuple[Any, ...]
Values = tuple[Any, ...]

_INTERVAL = ("chain_id", "from_seq", "to_seq")
_OPEN = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Change:
    """Numbers of rows that begin to hold and that end."""

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


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows that hold somewhere between two snapshots of a chain."""

    columns: Sequence[Sequence[Any]]  # Those of the table without the interval; length r
    # First snapshot for which a row holds, and the first for which it does so no more; shape (r,).
    begins: IntArray
    ends: IntArray

    def hold(self, seq: int) -> BoolArray:
        """Return whether each row holds for one snapshot, shape (r,)."""
        holds: BoolArray = (self.begins <= seq) & (seq < self.ends)
        return holds

    def at(self, seq: int) -> Iterator[Sequence[Any]]:
        """Return the rows that hold for one snapshot."""
        return (tuple(column[i] for column in self.columns) for i in np.flatnonzero(self.hold(seq)).tolist())


def rows_between(connection: sa.Connection, table: sa.Table, chain: int, first: int, last: int) -> Rows:
    """Return rows that hold for any of the snapshots ``first`` to ``last`` of a chain, each read once."""
    keys, values = _columns(table)
    t = table.c
    # Rows read for a single snapshot hold for it, and need no end.
    interval = [t.from_seq, t.to_seq] if first < last else []
    found = connection.execute(
        sa.select(*keys, *values, *interval).where(
            t.chain_id == chain, t.from_seq <= last, sa.or_(t.to_seq.is_(None), t.to_seq > first)
        )
    ).all()
    columns = list(zip(*found, strict=True)) if found else [()] * (len(keys) + len(values) + len(interval))
    if not interval:
        count = len(found)
        return Rows(columns, np.full(count, first), np.full(count, first + 1))
    *columns, begins, ends = columns
    closed = [_OPEN if end is None else end for end in ends]
    return Rows(columns, np.array(begins, dtype=np.int64), np.array(closed, dtype=np.int64))


def _columns(table: sa.Table) -> tuple[list[sa.Column[Any]], list[sa.Column[Any]]]:
    """Return the key and value columns: those of the primary key and the others, without the interval."""
    of_table = [column for column in table.columns if column.name not in _INTERVAL]
    return [c for c in of_table if c.primary_key], [c for c in of_table if not c.primary_key]
