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
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from brainalign_plugin.arrays import IntArray
from brainalign_plugin.data.board import Model
from brainalign_plugin.data.cells import SupersededCells
from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.snapshot import Snapshot, cell_values
from brainalign_plugin.data.tree import Benchmark, BenchmarkTree
from brainalign_plugin.errors import SnapshotError
from brainalign_plugin.files.snapshot_file import version_rows, versions_from

from ..base.errors import StoreError
from ..base.moments import AHEAD
from . import schema
from .database import record_of
from .infos import read_info
from .stored import SnapshotInfo

Key = tuple[Any, ...]
Values = tuple[Any, ...]

_s, _pull = schema.snapshot, schema.pull
_CELL_TYPES = {"to_seq": "f8", "state": "i1", "score": "f8", "error": "f8", "scored_at": "M8[us]"}


def write_changes(
    connection: sa.Connection, table: sa.Table, chain: int, seq: int, now: Mapping[Key, Values]
) -> tuple[int, int]:
    """Make a table hold what is given from snapshot ``seq`` on, which must be the chain's newest.

    Keys and values are in the order of the table's columns other than the interval. An absent key ceases to hold.
    Returns the numbers of rows that begin to hold and that end.
    """
    keys, values = _columns(table)
    current = (table.c.chain_id == chain, table.c.to_seq.is_(None))
    held = connection.execute(sa.select(*keys, *values).where(*current))
    before = {tuple(row[: len(keys)]): tuple(row[len(keys) :]) for row in held}
    ended = [key for key, value in before.items() if now.get(key) != value]
    begun = [(*key, *value) for key, value in now.items() if before.get(key) != value]
    if ended:
        names = [f"key_{column.name}" for column in keys]
        which = (column == sa.bindparam(name) for column, name in zip(keys, names, strict=True))
        closing = sa.update(table).where(*current, *which).values(to_seq=seq)
        connection.execute(closing, [dict(zip(names, key, strict=True)) for key in ended])
    if begun:
        names = ["chain_id", "from_seq", *(column.name for column in (*keys, *values))]
        connection.execute(sa.insert(table), [dict(zip(names, (chain, seq, *row), strict=True)) for row in begun])
    return len(begun), len(ended)


def _columns(table: sa.Table) -> tuple[list[sa.Column[Any]], list[sa.Column[Any]]]:
    """Return the key and value columns: those of the primary key and the others, without the interval."""
    of_table = [column for column in table.columns if column.name not in ("chain_id", "from_seq", "to_seq")]
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
            **{state.name.lower(): int((states == state).sum()) for state in CellState},
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
    # One at a time, because PostgreSQL limits the length of a list.
    rows = [connection.execute(sa.select(_s).where(_s.c.id == info.id)).one() for info in infos]
    names: dict[int, str] = {row.id: row.type_id for row in connection.execute(sa.select(schema.benchmark))}
    chains: dict[int, _Chain] = {}
    for info, row in zip(infos, rows, strict=True):
        try:
            if row.chain_id not in chains:
                members = [one.seq for one in rows if one.chain_id == row.chain_id]
                chains[row.chain_id] = _read_chain(connection, row.chain_id, min(members), max(members))
            yield _snapshot(info, row, chains[row.chain_id], names)
        except (KeyError, IndexError, TypeError, ValueError, zlib.error, SnapshotError) as cause:
            raise StoreError(
                f"snapshot {info.id} cannot be rebuilt ({type(cause).__name__}: {cause}): the store is damaged; put a "
                f"backup in its place, or read the body {info.body_sha256} into a new store"
            ) from cause


@dataclass(frozen=True, eq=False)
class _Chain:
    """Rows of a chain that hold somewhere between two of its snapshots; cells as an array for each column."""

    entries: Sequence[Any]
    models: Sequence[Any]
    cells: Mapping[str, npt.NDArray[Any]]


def _read_chain(connection: sa.Connection, chain: int, first: int, last: int) -> _Chain:
    found = []
    for table in schema.INTERVAL_TABLES:
        t = table.c
        held = (t.chain_id == chain, t.from_seq <= last, sa.or_(t.to_seq.is_(None), t.to_seq > first))
        found.append(connection.execute(sa.select(table).where(*held)).all())
    entries, models, cells = found
    columns = zip(*cells, strict=True) if cells else [()] * len(schema.cell.c)
    arrays = {
        name: np.array(column, dtype=_CELL_TYPES.get(name, np.int64))
        for name, column in zip(schema.cell.c.keys(), columns, strict=True)
    }
    return _Chain(entries, models, arrays)


def _holding(rows: Sequence[Any], seq: int) -> list[Any]:
    return [row for row in rows if row.from_seq <= seq and (row.to_seq is None or seq < row.to_seq)]


def _snapshot(info: SnapshotInfo, row: Any, chain: _Chain, names: Mapping[int, str]) -> Snapshot:
    order = json.loads(zlib.decompress(row.layout))
    entries = {entry.benchmark_id: entry for entry in _holding(chain.entries, row.seq)}
    models = {model.model_id: model for model in _holding(chain.models, row.seq)}
    nodes = tuple(_node(entries[number], names) for number in order["benchmarks"])
    # An end of NaN is none.
    holds = (chain.cells["from_seq"] <= row.seq) & ~(chain.cells["to_seq"] <= row.seq)
    cells = {name: column[holds] for name, column in chain.cells.items()}
    ranks = zip(order["models"], order["ranks"], strict=True)
    return record_of(
        Snapshot,
        info,
        models=tuple(record_of(Model, models[number], id=number, published_rank=rank) for number, rank in ranks),
        tree=BenchmarkTree(nodes),
        **_cell_arrays(cells, order, [node.version for node in nodes]),
    )


def _cell_arrays(
    cells: Mapping[str, npt.NDArray[Any]], order: Mapping[str, Any], in_force: Sequence[int]
) -> dict[str, Any]:
    """Return a snapshot's arrays of cells, shape (n, k), by field, and the older versions; inverts `cell_values`.

    Raises KeyError if a cell is of another model or benchmark than the n and k of the ``order``.
    """
    row, column = _positions(cells["model_id"], order["models"]), _positions(cells["benchmark_id"], order["benchmarks"])
    values = (cells[name] for name in ("version", "state", "score", "error", "scored_at"))
    arrays, older = SupersededCells(row, column, *values).split(len(order["models"]), in_force)
    older = older.take(_by_key(older))
    if order["superseded"] is not None:
        older = older.take(np.array(order["superseded"], dtype=np.int64))
    return {**arrays, "superseded": older}


def _superseded_order(cells: SupersededCells) -> list[int] | None:
    """Return the order of the older cells relative to that by model, benchmark and version; None if it is that."""
    order = np.argsort(_by_key(cells), kind="stable")
    return None if bool((order == np.arange(len(cells))).all()) else [int(i) for i in order]


def _positions(wanted: IntArray, known: Sequence[int]) -> IntArray:
    """Return the position of each wanted number among the known ones."""
    position = {number: i for i, number in enumerate(known)}
    return np.fromiter((position[number] for number in wanted.tolist()), dtype=np.int64, count=len(wanted))


def _by_key(cells: SupersededCells) -> IntArray:
    order: IntArray = np.lexsort((cells.version, cells.column, cells.row))
    return order


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


def _node(entry: Any, names: Mapping[int, str]) -> Benchmark:
    parent = None if entry.parent_id is None else names[entry.parent_id]
    versions = versions_from(json.loads(entry.versions))
    return record_of(Benchmark, entry, type_id=names[entry.benchmark_id], parent=parent, versions=versions)


def _layout(snapshot: Snapshot, benchmarks: Sequence[int]) -> bytes:
    """Pack the orders and the published ranks: they change with nearly every snapshot, and take a kilobyte."""
    document = {
        "models": [model.id for model in snapshot.models],
        "ranks": [model.published_rank for model in snapshot.models],
        "benchmarks": list(benchmarks),
        "superseded": _superseded_order(snapshot.superseded),
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
