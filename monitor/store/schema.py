"""The tables, the same for SQLite and PostgreSQL.

A *chain* is a row of snapshots of one kind: one domain, observed or reconstructed, real or simulated. Its snapshots
are numbered by ``seq`` in the order in which they came in. A row of `model`, `benchmark_entry` and `cell` holds for
the snapshots of its chain with ``from_seq <= seq < to_seq``, for all later ones while ``to_seq`` is null. When a score
was made stands in the cell (``scored_at``); when it was first seen is the ``seen_at`` of the snapshot ``from_seq``.

What changes with nearly every snapshot (order of the models, published ranks) lies packed in ``snapshot.layout``.
A *run* is a job in a slot of its schedule; a *message* is one in the outbox; an *alarm* is what fails at present.
All times are whole microseconds since 1970-01-01 UTC: exact in both databases, and unaware of their time zones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from types import UnionType
from typing import Any, get_args, get_type_hints

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from brainalign_plugin.files.site_cells import Rejected

from ..base.errors import StoreError
from ..base.outgoing import Message
from .stored import Alarm, Finding, MessageState, Outcome, PullRecord, Queued, RunRecord, RunState, SnapshotInfo

# The first and the newest revision in migrations/versions, and the table with a database's own revision.
FIRST_REVISION = "0006"
REVISION = "0006"
REVISION_TABLE = "brainalign_schema"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# PostgreSQL refuses NUL, and both refuse half a surrogate pair. Names are foreign text and come with either.
_UNSTORABLE = re.compile("[\\\\\x00\ud800-\udfff]")
_ESCAPED = re.compile(r"\\u([0-9a-f]{4})")


def micros(moment: datetime) -> int:
    """Return whole microseconds since 1970-01-01 UTC; StoreError for a moment without a time zone."""
    if moment.tzinfo is None:
        raise StoreError(f"{moment} is a time without a time zone; give it in UTC")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(since_epoch: int) -> datetime:
    """Return the moment of microseconds, as the inverse of `micros`."""
    return _EPOCH + timedelta(microseconds=since_epoch)


class Converted(TypeDecorator[Any]):
    """Values that are converted to be stored, and back; None is null."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, stored: Any, write: Callable[[Any], Any], read: Callable[[Any], Any]) -> None:
        super().__init__()
        self.impl, self.write, self.read = stored, write, read

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002, D102
        return None if value is None else self.write(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002, D102
        return None if value is None else self.read(value)


# Any string of Python: what a database refuses is written as ``\u0000``, and the backslash as ``\u005c``.
AnyText = Converted(
    sa.Text(),
    lambda text: _UNSTORABLE.sub(lambda m: f"\\u{ord(m[0]):04x}", text),
    lambda text: _ESCAPED.sub(lambda m: chr(int(m[1], 16)), text),
)
Moment = Converted(sa.BigInteger(), micros, moment)
Json = Converted(sa.Text(), partial(json.dumps, allow_nan=False), json.loads)
_TYPES: dict[Any, Any] = {
    int: sa.Integer(),
    bool: sa.Boolean(),
    str: AnyText,
    bytes: sa.LargeBinary(),
    datetime: Moment,
    Mapping[str, Any]: Json,
}


def _columns(record: type, *without: str) -> list[sa.Column[Any]]:
    """Return a column for each field of a record: the key if it is the ``id``, nullable if it may be None."""
    hints = get_type_hints(record)
    found: list[sa.Column[Any]] = []
    for name in (field.name for field in fields(record) if field.name not in without):
        nullable = isinstance(hints[name], UnionType)
        kind = get_args(hints[name])[0] if nullable else hints[name]
        stored = _TYPES.get(kind) or Converted(sa.Text(), str, kind)  # or an enumeration
        found.append(sa.Column(name, stored, primary_key=name == "id", nullable=nullable))
    return found


def _one_of(name: str, kind: type[StrEnum]) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{name} IN {tuple(map(str, kind))}", name=name)


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

chain = sa.Table(
    "chain",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("domain", AnyText, nullable=False),
    sa.Column("reconstructed", sa.Boolean, nullable=False),
    sa.Column("simulated", sa.Boolean, nullable=False),
    sa.UniqueConstraint("domain", "reconstructed", "simulated"),
)

snapshot = sa.Table(
    "snapshot",
    metadata,
    *_columns(SnapshotInfo, "domain", "reconstructed", "simulated"),
    sa.Column("chain_id", sa.ForeignKey("chain.id"), nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("layout", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("chain_id", "seq"),
    # A number that was printed once must not come to mean another snapshot after the newest one is pruned.
    sqlite_autoincrement=True,
)

# Pruned or removed snapshots: their numbers stay, and so do their alerts and findings.
removed_snapshot = sa.Table(
    "removed_snapshot",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    *_columns(SnapshotInfo, "id"),
    sa.Column("removed_at", Moment, nullable=False),
    # By a policy; otherwise by its number, because it was no good.
    sa.Column("pruned", sa.Boolean, nullable=False),
)

# One row: the name of this store.
identity = sa.Table("identity", metadata, sa.Column("id", sa.Text, primary_key=True))

benchmark = sa.Table(
    "benchmark",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("type_id", AnyText, nullable=False, unique=True),
)


def _interval_table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    """Make a table of rows that hold for an interval of the snapshots of a chain."""
    return sa.Table(
        name,
        metadata,
        sa.Column("chain_id", sa.ForeignKey("chain.id"), primary_key=True),
        *(column for column in columns if column.primary_key),
        sa.Column("from_seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("to_seq", sa.Integer),
        *(column for column in columns if not column.primary_key),
        sa.CheckConstraint("to_seq > from_seq", name="interval"),
        sqlite_with_rowid=False,
    )


model = _interval_table(
    "model",
    sa.Column("model_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", AnyText, nullable=False),
    sa.Column("submitted_at", Moment),
)

benchmark_entry = _interval_table(
    "benchmark_entry",
    sa.Column("benchmark_id", sa.ForeignKey("benchmark.id"), primary_key=True),
    sa.Column("parent_id", sa.ForeignKey("benchmark.id")),
    sa.Column("is_leaf", sa.Boolean, nullable=False),
    sa.Column("is_engineering", sa.Boolean, nullable=False),
    sa.Column("label", AnyText, nullable=False),
    sa.Column("display_domain", AnyText, nullable=False),
    # JSON: [[version, identifier, valid from, valid to], ...] in the order of the source.
    sa.Column("versions", sa.Text, nullable=False),
)

cell = _interval_table(
    "cell",
    sa.Column("model_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("benchmark_id", sa.ForeignKey("benchmark.id"), primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("score", sa.Double),
    sa.Column("error", sa.Double),
    sa.Column("scored_at", sa.BigInteger),
)
INTERVAL_TABLES = (benchmark_entry, model, cell)

pull = sa.Table(
    "pull",
    metadata,
    *_columns(PullRecord, "snapshot_id"),
    sa.Column("snapshot_id", sa.ForeignKey("snapshot.id", ondelete="SET NULL")),
    _one_of("outcome", Outcome),
    sqlite_autoincrement=True,
)

rejected = sa.Table(
    "rejected",
    metadata,
    sa.Column("snapshot_id", sa.ForeignKey("snapshot.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    # -1 for None.
    sa.Column("model_id", sa.BigInteger, nullable=False),
    *_columns(Rejected, "model_id"),
)

run = sa.Table(
    "run",
    metadata,
    *_columns(RunRecord, "pid"),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("job", "slot"),
    _one_of("state", RunState),
    sqlite_autoincrement=True,
)

message = sa.Table(
    "message",
    metadata,
    # The body is the message's own part, empty once it is removed.
    *_columns(Message),
    *_columns(Queued, "message"),
    # Of the part that follows on its own; null if there is none.
    sa.Column("shared_body_id", sa.Text),
    _one_of("state", MessageState),
    sa.Index(None, "state", "next_try_at"),
)

shared_body = sa.Table(
    "shared_body",
    metadata,
    # Its sha256 in hexadecimal.
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

alert_state = sa.Table(
    "alert_state",
    metadata,
    sa.Column("domain", AnyText, primary_key=True),
    sa.Column("updated_at", Moment, nullable=False),
    # As the rules left it.
    sa.Column("state", Json, nullable=False),
)

finding = sa.Table(
    "finding",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("domain", AnyText, nullable=False),
    *_columns(Finding),
    sa.UniqueConstraint("snapshot_id", "kind", "subject"),
    sqlite_autoincrement=True,
)

alarm = sa.Table("alarm", metadata, sa.Column("name", AnyText, primary_key=True), *_columns(Alarm, "name"))
