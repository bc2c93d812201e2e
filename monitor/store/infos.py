"""Facts about snapshots without their boards: time, source, size, rejected cells; and which one a text names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from brainalign_plugin.files.site_cells import Rejected

from ..base.errors import StoreError
from . import schema
from .database import record_of
from .stored import Removed, SnapshotInfo

# In the column of model ids, which has no null: the entry is of no model.
_NO_MODEL = -1


def write_rejected(connection: sa.Connection, snapshot_id: int, entries: Sequence[Rejected]) -> None:
    """Note rejected cells and fields that are not noted yet."""
    known = read_rejected(connection, snapshot_id)
    rows = []
    for position, entry in enumerate(dict.fromkeys([*known, *entries])):
        number = _NO_MODEL if entry.model_id is None else entry.model_id
        rows.append({**asdict(entry), "model_id": number, "snapshot_id": snapshot_id, "position": position})
    if len(rows) > len(known):
        connection.execute(sa.insert(schema.rejected), rows[len(known) :])


def read_rejected(connection: sa.Connection, snapshot_id: int) -> list[Rejected]:
    """Return rejected cells and fields, in the order in which they came."""
    t = schema.rejected
    rows = connection.execute(sa.select(t).where(t.c.snapshot_id == snapshot_id).order_by(t.c.position))
    return [record_of(Rejected, row, model_id=None if row.model_id == _NO_MODEL else row.model_id) for row in rows]


def read_infos(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> tuple[SnapshotInfo, ...]:
    """Return snapshots that meet the conditions, in the order of the moments that they describe."""
    s, c = schema.snapshot, schema.chain.c
    columns = [column for column in s.c if column is not s.c.layout]
    query = sa.select(*columns, c.domain, c.reconstructed, c.simulated).join_from(s, schema.chain)
    rows = connection.execute(query.where(*conditions).order_by(s.c.as_of_time, s.c.id))
    return tuple(record_of(SnapshotInfo, row) for row in rows)


def read_removed(connection: sa.Connection) -> tuple[Removed, ...]:
    """Return the snapshots that were pruned or removed, in the order of the moments that they described."""
    t = schema.removed_snapshot
    rows = connection.execute(sa.select(t).order_by(t.c.as_of_time, t.c.id))
    return tuple(Removed(record_of(SnapshotInfo, row), row.removed_at, row.pruned) for row in rows)


def read_name(connection: sa.Connection) -> str:
    """Return the name of the store."""
    return str(connection.execute(sa.select(schema.identity.c.id)).scalar_one())


def read_info(connection: sa.Connection, snapshot_id: int) -> SnapshotInfo:
    """Return one snapshot; StoreError if there is none of this number."""
    found = read_infos(connection, schema.snapshot.c.id == snapshot_id)
    if not found:
        # Raises if there is none.
        return find(read_infos(connection), str(snapshot_id))
    return found[0]


_SHORTEST_PREFIX = 4
_NAMED = 5


def find(
    infos: Sequence[SnapshotInfo],
    wanted: str,
    domain: str | None = None,
    known: datetime | None = None,
    removed: Sequence[Removed] = (),
) -> SnapshotInfo:
    """Find a snapshot among some, in the order of the moments that they describe; see `Store.find`."""
    text = wanted.strip().lower()
    for one in removed:
        by_hash = len(text) >= _SHORTEST_PREFIX and one.info.sha256.startswith(text)
        if text == str(one.info.id) or (by_hash and not any(info.sha256.startswith(text) for info in infos)):
            raise _gone(one, wanted)
    if not infos:
        raise StoreError(f"there is no snapshot {wanted!r}: the store is empty; `brainalign fetch` pulls the first")
    if known is not None:
        infos = [info for info in infos if info.seen_at < known]
        removed = [one for one in removed if one.pruned and one.info.seen_at < known]
        if not infos and removed:
            raise _gone(removed[-1], f"latest known before {known:%Y-%m-%d}")
        if not infos:
            raise StoreError(f"no snapshot had been seen before {known:%Y-%m-%d %H:%M} UTC; choose a later day")
    if text == "latest":
        return _latest(infos, domain, known, removed)
    by_number = {str(info.id): info for info in infos}
    if text in by_number:
        return by_number[text]
    if not re.fullmatch(rf"[0-9a-f]{{{_SHORTEST_PREFIX},64}}", text):
        raise StoreError(f"there is no snapshot {wanted!r}; {_nearest(infos, text)}")
    fitting = [info for info in infos if info.sha256.startswith(text)]
    fitting = [info for info in fitting if not info.reconstructed] or fitting
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise StoreError(f"{wanted!r} fits {len(fitting)} snapshots; choose one by its number: {_named(fitting)}")
    raise StoreError(f"there is no snapshot {wanted!r}; {_nearest(infos, text)}")


def _latest(
    infos: Sequence[SnapshotInfo], domain: str | None, known: datetime | None, removed: Sequence[Removed]
) -> SnapshotInfo:
    observed = [info for info in infos if not info.reconstructed]
    candidates = [info for info in observed if domain in (None, info.domain)]
    if not candidates:
        what = "snapshot that was observed" if domain is None else f"observed snapshot of {domain!r}"
        others = sorted({info.domain for info in observed})
        step = (
            f"--domain {others[0]} names the leaderboard that is stored" if others else "`brainalign fetch` pulls one"
        )
        raise StoreError(f"there is no {what}; stored are {_named(infos[::-1])}; {step}")
    newest = candidates[-1]
    if known is not None:
        # An older board is no answer where the newest that was known then has been pruned.
        for one in reversed(removed):
            fits = not one.info.reconstructed and domain in (None, one.info.domain)
            if fits and one.info.as_of_time > newest.as_of_time:
                raise _gone(one, f"latest known before {known:%Y-%m-%d}", newest)
    return newest


def _gone(removed: Removed, wanted: str, other: SnapshotInfo | None = None) -> StoreError:
    info, how = removed.info, "pruned" if removed.pruned else "removed"
    step = "take another (`brainalign snapshots list`)" if other is None else f"the one before it is {_named([other])}"
    return StoreError(
        f"the snapshot {wanted!r} is {info.id} ({info.sha256[:12]}, as of {info.as_of_time:%Y-%m-%d}), which was {how} "
        f"on {removed.at:%Y-%m-%d}; {step}"
    )


def _nearest(infos: Sequence[SnapshotInfo], text: str) -> str:
    """Return the snapshots whose number or hash is nearest to the text; the last ones if none is near."""
    if text.isdecimal() and len(text) < _SHORTEST_PREFIX + 2:
        ordered = sorted(infos, key=lambda info: (abs(info.id - int(text)), info.id))
    else:
        ordered = sorted(infos, key=lambda info: (-_in_common(info.sha256, text), -info.id))
    return f"nearest: {_named(ordered)}; write a number, a hash's first {_SHORTEST_PREFIX} digits or more, or latest"


def _in_common(one: str, other: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _named(infos: Sequence[SnapshotInfo]) -> str:
    named = [f"{info.id} ({info.sha256[:12]}, as of {info.as_of_time:%Y-%m-%d})" for info in infos[:_NAMED]]
    return ", ".join(named) + (", …" if len(infos) > _NAMED else "")
