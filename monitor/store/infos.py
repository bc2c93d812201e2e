"""Facts about snapshots without their boards: time, source, size, and rejected cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from brainalign_plugin.files.rejected import Rejected

from . import schema
from .finding import find
from .records import Removed, SnapshotInfo

# In the column of model ids, which has no null: the entry is of no model.
_NO_MODEL = -1


def write_set_aside(connection: sa.Connection, snapshot_id: int, entries: Sequence[Rejected]) -> None:
    """Note rejected cells and fields that are not noted yet."""
    known = read_set_aside(connection, snapshot_id)
    noted = set(known)
    fresh = [entry for entry in dict.fromkeys(entries) if entry not in noted]
    rows = [
        {
            "snapshot_id": snapshot_id,
            "position": len(known) + i,
            "model_id": _NO_MODEL if record.model_id is None else record.model_id,
            "model": record.model,
            "benchmark": record.benchmark,
            "value": record.value,
            "reason": record.reason,
        }
        for i, record in enumerate(fresh)
    ]
    if rows:
        connection.execute(sa.insert(schema.set_aside), rows)


def read_set_aside(connection: sa.Connection, snapshot_id: int) -> list[Rejected]:
    """Return rejected cells and fields, in the order in which they came."""
    t = schema.set_aside
    rows = connection.execute(
        sa.select(t.c.model_id, t.c.model, t.c.benchmark, t.c.value, t.c.reason)
        .where(t.c.snapshot_id == snapshot_id)
        .order_by(t.c.position)
    )
    return [Rejected(None if number == _NO_MODEL else number, *rest) for number, *rest in rows]


def read_infos(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> tuple[SnapshotInfo, ...]:
    """Return snapshots that meet the conditions, in the order of the moments that they describe."""
    s, c = schema.snapshot, schema.chain
    columns = [column for column in s.columns if column.name not in {"chain_id", "seq", "layout"}]
    rows = connection.execute(
        sa.select(*columns, c.c.domain, c.c.reconstructed, c.c.simulated)
        .join_from(s, c)
        .where(*conditions)
        .order_by(s.c.as_of_time, s.c.id)
    ).mappings()
    return tuple(_as_info(dict(row)) for row in rows)


def domain_of(connection: sa.Connection, snapshot_id: int) -> str:
    """Return the domain of a snapshot; StoreError if there is none of this number."""
    s, c = schema.snapshot, schema.chain
    query = sa.select(c.c.domain).select_from(s.join(c)).where(s.c.id == snapshot_id)
    found: str | None = connection.execute(query).scalar()
    return read_info(connection, snapshot_id).domain if found is None else found


def read_removed(connection: sa.Connection) -> tuple[Removed, ...]:
    """Return the snapshots that were pruned or removed, in the order of the moments that they described."""
    t = schema.removed_snapshot
    found = []
    for row in connection.execute(sa.select(t).order_by(t.c.as_of_time, t.c.id)).mappings():
        plain = dict(row)
        at, pruned = plain.pop("removed_at"), plain.pop("pruned")
        found.append(Removed(_as_info(plain), at, pruned))
    return tuple(found)


def _as_info(row: Mapping[str, Any]) -> SnapshotInfo:
    plain: dict[str, Any] = dict(row)
    states = {state.upper(): plain.pop(state) for state in ("scored", "failed", "never")}
    return SnapshotInfo(**plain, states=states)


def read_info(connection: sa.Connection, snapshot_id: int) -> SnapshotInfo:
    """Return one snapshot; StoreError if there is none of this number."""
    found = read_infos(connection, schema.snapshot.c.id == snapshot_id)
    if not found:
        # Raises if there is none.
        return find(read_infos(connection), str(snapshot_id))
    return found[0]
