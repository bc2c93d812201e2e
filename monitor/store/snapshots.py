"""A snapshot into the tables, and out of them again exactly as it was.

Rows hold for an interval of snapshots: written only where something changed, read as of some of them. Equal content
next to a stored snapshot extends its time, a board in between splits it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from brainalign_plugin.arrays import BoolArray, IntArray
from brainalign_plugin.data.board import Model
from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.snapshot import Snapshot, cell_values
from brainalign_plugin.data.tree import Benchmark, BenchmarkTree
from brainalign_plugin.errors import SnapshotError
from brainalign_plugin.files.snapshot_file import version_rows, versions_from

from ..base.errors import StoreError
from ..base.moments import AHEAD
from . import schema
from .cells import cell_arrays, cell_columns, superseded_order
from .infos import read_info
from .stored import SnapshotInfo

Key = tuple[Any, ...]
Values = tuple[Any, ...]

_s, _pull = schema.snapshot, schema.pull
_INTERVAL = ("chain_id", "from_seq", "to_seq")
_OPEN = np.iinfo(np.int64).max


def write_changes(
    connection: sa.Connection, table: sa.Table, chain: int, seq: int, now: Mapping[Key, Values]
) -> tuple[int, int]:
    """Make a table hold what is given from snapshot ``seq`` on, which must be the chain's newest.

    Keys and values are in the order of the table's columns other than the interval. An absent key ceases to hold.
    Returns the numbers of rows that begin to hold and that end.
    """
    keys, values = _columns(table)
    open_rows = sa.select(*keys, *values).where(table.c.chain_id == chain, table.c.to_seq.is_(None))
    before = {tuple(row[: len(keys)]): tuple(row[len(keys) :]) for row in connection.execute(open_rows)}
    ended = [key for key, held in before.items() if now.get(key) != held]
    begun = [(key, held) for key, held in now.items() if before.get(key) != held]
    if ended:
        which = sa.and_(*(column == sa.bindparam(f"key_{column.name}") for column in keys))
        closing = sa.update(table).where(table.c.chain_id == chain, table.c.to_seq.is_(None), which).values(to_seq=seq)
        names = [f"key_{column.name}" for column in keys]
        connection.execute(closing, [dict(zip(names, key, strict=True)) for key in ended])
    if begun:
        names = [column.name for column in (*keys, *values)]
        begins = {"chain_id": chain, "from_seq": seq}
        connection.execute(
            sa.insert(table), [{**begins, **dict(zip(names, key + held, strict=True))} for key, held in begun]
        )
    return len(begun), len(ended)


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

    @cached_property
    def cells(self) -> tuple[npt.NDArray[Any], ...]:
        """The columns of the table of cells as arrays; a damaged store may hold what is none."""
        return cell_columns(self.columns)

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


def write_snapshot(
    connection: sa.Connection, chain: int, snapshot: Snapshot, row: Mapping[str, Any]
) -> tuple[int, tuple[int, int]]:
    """Add a snapshot as the newest of its chain; return its number, and how many scores begin and end with it.

    ``row`` has the values of the table's columns that do not follow from the snapshot.
    """
    t = schema.snapshot
    seq = 1 + (connection.execute(sa.select(sa.func.max(t.c.seq)).where(t.c.chain_id == chain)).scalar() or 0)
    numbers = _benchmark_numbers(connection, [node.type_id for node in snapshot.tree.nodes])
    benchmarks = [numbers[node.type_id] for node in snapshot.tree.nodes]
    models = {(model.id,): (model.name, model.submitted_at) for model in snapshot.models}
    entries = {(numbers[node.type_id],): _entry(node, numbers) for node in snapshot.tree.nodes}
    changed = write_changes(connection, schema.cell, chain, seq, cell_values(snapshot, benchmarks))
    write_changes(connection, schema.model, chain, seq, models)
    write_changes(connection, schema.benchmark_entry, chain, seq, entries)
    columns = [snapshot.tree.index[leaf] for leaf in snapshot.tree.leaves(snapshot.root)]
    states = snapshot.states[:, columns]
    number = connection.execute(
        sa.insert(t)
        .values(
            chain_id=chain,
            seq=seq,
            as_of_time=snapshot.as_of_time,
            source=snapshot.source,
            sha256=snapshot.sha256,
            models=len(snapshot.models),
            benchmarks=len(columns),
            scored=int((states == CellState.SCORED).sum()),
            failed=int((states == CellState.FAILED).sum()),
            never=int((states == CellState.NEVER).sum()),
            newest_score_at=_newest_score(snapshot, row["seen_at"]),
            layout=_layout(snapshot, benchmarks),
            **row,
        )
        .returning(t.c.id)
    ).scalar_one()
    return number, changed


def _newest_score(snapshot: Snapshot, seen_at: datetime) -> datetime | None:
    """Return when the newest score of a leaf was made that can be believed; None if no score has a time."""
    leaves = [node.is_leaf for node in snapshot.tree.nodes]
    times = snapshot.scored_at[:, leaves][snapshot.states[:, leaves] == CellState.SCORED]
    latest = np.datetime64((seen_at + AHEAD).astimezone(UTC).replace(tzinfo=None), "us")
    # NaT is not before any time, so that unknown times drop out.
    known = times[times <= latest]
    return known.max().item().replace(tzinfo=UTC) if known.size else None


def read_snapshots(connection: sa.Connection, infos: Sequence[SnapshotInfo]) -> Iterator[Snapshot]:
    """Rebuild stored snapshots in the order given, what they share read once; StoreError if they are damaged."""
    t = schema.snapshot
    columns = sa.select(t.c.id, t.c.chain_id, t.c.seq, t.c.layout)
    # One at a time, because PostgreSQL limits the length of a list.
    rows = [connection.execute(columns.where(t.c.id == info.id)).one() for info in infos]
    b = schema.benchmark
    names: dict[int, str] = {row.id: row.type_id for row in connection.execute(sa.select(b))}
    chains = {}
    for chain in dict.fromkeys(row.chain_id for row in rows):
        members = [row.seq for row in rows if row.chain_id == chain]
        tables = (schema.benchmark_entry, schema.model, schema.cell)
        chains[chain] = [rows_between(connection, table, chain, min(members), max(members)) for table in tables]
    for info, row in zip(infos, rows, strict=True):
        try:
            yield _snapshot(info, chains[row.chain_id], row.seq, row.layout, names)
        except (KeyError, IndexError, TypeError, ValueError, zlib.error, SnapshotError) as cause:
            raise StoreError(
                f"snapshot {info.id} cannot be rebuilt ({type(cause).__name__}: {cause}): the store is damaged; put a "
                f"backup in its place, or read the body {info.body_sha256} into a new store"
            ) from cause


def _snapshot(info: SnapshotInfo, chain: Sequence[Rows], seq: int, layout: bytes, names: Mapping[int, str]) -> Snapshot:
    entry_rows, model_rows, cell_rows = chain
    entries = {row[0]: row[1:] for row in entry_rows.at(seq)}
    models = {row[0]: row[1:] for row in model_rows.at(seq)}
    order = json.loads(zlib.decompress(layout))
    nodes = tuple(_node(number, entries[number], names) for number in order["benchmarks"])
    cells = cell_arrays(
        [column[cell_rows.hold(seq)] for column in cell_rows.cells],
        order["models"],
        order["benchmarks"],
        in_force=[node.version for node in nodes],
        superseded_order=order["superseded"],
    )
    return Snapshot(
        domain=info.domain,
        as_of_time=info.as_of_time,
        source=info.source,
        sha256=info.sha256,
        models=tuple(
            Model(model, models[model][0], models[model][1], rank)
            for model, rank in zip(order["models"], order["ranks"], strict=True)
        ),
        tree=BenchmarkTree(nodes),
        reconstructed=info.reconstructed,
        simulated=info.simulated,
        **cells,
    )


def _benchmark_numbers(connection: sa.Connection, type_ids: Sequence[str]) -> dict[str, int]:
    """Return the store's number of each benchmark; new benchmarks get one."""
    t = schema.benchmark
    known: dict[str, int] = {row.type_id: row.id for row in connection.execute(sa.select(t))}
    for type_id in type_ids:
        if type_id not in known:
            insert = sa.insert(t).values(type_id=type_id).returning(t.c.id)
            known[type_id] = connection.execute(insert).scalar_one()
    return known


def _entry(node: Benchmark, numbers: Mapping[str, int]) -> tuple[Any, ...]:
    return (
        None if node.parent is None else numbers[node.parent],
        node.is_leaf,
        node.is_engineering,
        node.label,
        node.display_domain,
        json.dumps(version_rows(node), separators=(",", ":")),
    )


def _node(number: int, entry: Sequence[Any], names: Mapping[int, str]) -> Benchmark:
    parent, is_leaf, is_engineering, label, display_domain, versions = entry
    return Benchmark(
        type_id=names[number],
        parent=None if parent is None else names[parent],
        is_leaf=is_leaf,
        is_engineering=is_engineering,
        label=label,
        display_domain=display_domain,
        versions=versions_from(json.loads(versions)),
    )


def _layout(snapshot: Snapshot, benchmarks: Sequence[int]) -> bytes:
    """Pack the orders and the published ranks: they change with nearly every snapshot, and take a kilobyte."""
    document = {
        "models": [model.id for model in snapshot.models],
        "ranks": [model.published_rank for model in snapshot.models],
        "benchmarks": list(benchmarks),
        "superseded": superseded_order(snapshot.superseded),
    }
    return zlib.compress(json.dumps(document, separators=(",", ":")).encode(), level=9)


def seen_again(connection: sa.Connection, chain: int, moment: datetime, digest: str) -> int | None:
    """Note on its snapshot that content was seen for a moment, and return its number; None if the content is news."""
    boards = sa.select(_s.c.id, _s.c.as_of_time, _s.c.seen_until, _s.c.digest).where(_s.c.chain_id == chain)
    equal = boards.where(_s.c.digest == digest)
    # Of a moment for which several boards were seen, each is known.
    sighted = sa.select(_pull.c.snapshot_id).where(_pull.c.as_of_time == moment)
    known = sa.or_(_s.c.as_of_time == moment, _s.c.id.in_(sighted))
    same = connection.execute(equal.where(known).order_by(_s.c.id.desc()).limit(1)).one_or_none()
    if same is not None:
        return int(same.id)
    until = boards.where(_s.c.as_of_time <= moment).order_by(_s.c.as_of_time.desc(), _s.c.id.desc())
    before = connection.execute(until.limit(1)).one_or_none()
    if before is not None and before.digest == digest:
        if moment > (before.seen_until or before.as_of_time):
            _update(connection, before.id, seen_until=moment)
        return int(before.id)
    if before is not None and before.seen_until is not None and before.seen_until > moment:
        return None
    later = boards.where(_s.c.as_of_time > moment).order_by(_s.c.as_of_time, _s.c.id)
    after = connection.execute(later.limit(1)).one_or_none()
    if after is None or after.digest != digest:
        return None
    _update(connection, after.id, as_of_time=moment, seen_until=after.seen_until or after.as_of_time)
    return int(after.id)


def write_rest_of_split(connection: sa.Connection, chain: int, new: int) -> None:
    """Write the board again that was seen before and after a new snapshot between the sightings."""
    moment = read_info(connection, new).as_of_time
    covers = sa.and_(_s.c.as_of_time <= moment, _s.c.seen_until > moment, _s.c.id != new)
    split = connection.execute(sa.select(_s.c.id).where(_s.c.chain_id == chain, covers).limit(1)).scalar()
    if split is None:
        return
    info = read_info(connection, split)
    (board,) = read_snapshots(connection, [info])
    sightings = connection.execute(
        sa.select(_pull.c.as_of_time, _pull.c.at)
        .where(_pull.c.snapshot_id == split, _pull.c.as_of_time.is_not(None))
        .order_by(_pull.c.as_of_time, _pull.c.at)
    ).all()
    # The last sighting is known even if no pull is logged any more.
    begins, seen_at = next(((s, at) for s, at in sightings if s > moment), (info.until_time, info.seen_at))
    earlier = [s for s, _ in sightings if info.as_of_time < s <= moment]
    _update(connection, split, seen_until=max(earlier, default=None))
    row = {
        "seen_at": seen_at,
        "body_sha256": info.body_sha256,
        "digest": info.digest,
        "seen_until": info.until_time if info.until_time > begins else None,
    }
    rest, _ = write_snapshot(connection, chain, replace(board, as_of_time=begins), row)
    connection.execute(
        sa.update(_pull).where(_pull.c.snapshot_id == split, _pull.c.as_of_time > moment).values(snapshot_id=rest)
    )


def rebuilt_again(connection: sa.Connection, chain: int, moment: datetime, digest: str, body: str) -> int | None:
    """Find a reconstructed board of a moment, of the same body or content; None if there is none."""
    same = sa.or_(_s.c.body_sha256 == body, _s.c.digest == digest)
    query = sa.select(_s.c.id).where(_s.c.chain_id == chain, _s.c.as_of_time == moment, same)
    found: int | None = connection.execute(query.order_by(_s.c.id.desc()).limit(1)).scalar()
    return found


def _update(connection: sa.Connection, number: int, **values: datetime | None) -> None:
    connection.execute(sa.update(_s).where(_s.c.id == number).values(**values))
