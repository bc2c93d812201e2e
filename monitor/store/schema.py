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

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from ..base.errors import StoreError

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


class AnyText(TypeDecorator[str]):
    r"""Any string of Python: what a database refuses is written as ``\u0000``, and the backslash as ``\u005c``."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002, D102
        return None if value is None else _UNSTORABLE.sub(lambda m: f"\\u{ord(m[0]):04x}", value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002, D102
        return None if value is None else _ESCAPED.sub(lambda m: chr(int(m[1], 16)), value)


class Moment(TypeDecorator[datetime]):
    """A moment with time zone, to the microsecond; one without is refused."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002, D102
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102
        return None if value is None else moment(value)


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _facts() -> list[sa.Column[Any]]:
    """Return the columns of a snapshot that outlive it."""
    return [
        sa.Column("as_of_time", Moment, nullable=False),
        sa.Column("seen_at", Moment, nullable=False),
        sa.Column("source", AnyText, nullable=False),
        sa.Column("sha256", AnyText, nullable=False),
        sa.Column("body_sha256", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("models", sa.Integer, nullable=False),
        sa.Column("benchmarks", sa.Integer, nullable=False),
        sa.Column("scored", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("never", sa.Integer, nullable=False),
        # The last later moment for which the same content was seen; null if there is none.
        sa.Column("seen_until", Moment),
        # Null if no score has a time.
        sa.Column("newest_score_at", Moment),
    ]


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
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("chain_id", sa.ForeignKey("chain.id"), nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    *_facts(),
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
    sa.Column("domain", AnyText, nullable=False),
    sa.Column("reconstructed", sa.Boolean, nullable=False),
    sa.Column("simulated", sa.Boolean, nullable=False),
    *_facts(),
    sa.Column("removed_at", Moment, nullable=False),
    # By a policy; otherwise by its number, because it was no good.
    sa.Column("pruned", sa.Boolean, nullable=False),
)

# One row: the name of this store.
identity = sa.Table("identity", metadata, sa.Column("id", sa.Text, primary_key=True))

model = sa.Table(
    "model",
    metadata,
    sa.Column("chain_id", sa.ForeignKey("chain.id"), primary_key=True),
    sa.Column("model_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("from_seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("to_seq", sa.Integer),
    sa.Column("name", AnyText, nullable=False),
    sa.Column("submitted_at", Moment),
    sa.CheckConstraint("to_seq > from_seq", name="interval"),
    sqlite_with_rowid=False,
)

benchmark = sa.Table(
    "benchmark",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("type_id", AnyText, nullable=False, unique=True),
)

benchmark_entry = sa.Table(
    "benchmark_entry",
    metadata,
    sa.Column("chain_id", sa.ForeignKey("chain.id"), primary_key=True),
    sa.Column("benchmark_id", sa.ForeignKey("benchmark.id"), primary_key=True),
    sa.Column("from_seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("to_seq", sa.Integer),
    sa.Column("parent_id", sa.ForeignKey("benchmark.id")),
    sa.Column("is_leaf", sa.Boolean, nullable=False),
    sa.Column("is_engineering", sa.Boolean, nullable=False),
    sa.Column("label", AnyText, nullable=False),
    sa.Column("display_domain", AnyText, nullable=False),
    # JSON: [[version, identifier, valid from, valid to], ...] in the order of the source.
    sa.Column("versions", sa.Text, nullable=False),
    sa.CheckConstraint("to_seq > from_seq", name="interval"),
    sqlite_with_rowid=False,
)

cell = sa.Table(
    "cell",
    metadata,
    sa.Column("chain_id", sa.ForeignKey("chain.id"), primary_key=True),
    sa.Column("model_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("benchmark_id", sa.ForeignKey("benchmark.id"), primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("from_seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("to_seq", sa.Integer),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("score", sa.Double),
    sa.Column("error", sa.Double),
    sa.Column("scored_at", sa.BigInteger),
    sa.CheckConstraint("to_seq > from_seq", name="interval"),
    sqlite_with_rowid=False,
)

pull = sa.Table(
    "pull",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("source", AnyText, nullable=False),
    sa.Column("domain", AnyText, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("snapshot_id", sa.ForeignKey("snapshot.id", ondelete="SET NULL")),
    sa.Column("body_sha256", sa.Text),
    # The moment that the board describes; null if nothing usable came.
    sa.Column("as_of_time", Moment),
    sa.Column("rejected", sa.Integer, nullable=False, default=0),
    sa.Column("message", AnyText, nullable=False, default=""),
    # Name of the error's class; null if there was none, or if the pull is older than the column.
    sa.Column("error", sa.Text),
    sa.CheckConstraint("outcome IN ('stored', 'unchanged', 'refused', 'failed')", name="outcome"),
    sqlite_autoincrement=True,
)

rejected = sa.Table(
    "rejected",
    metadata,
    sa.Column("snapshot_id", sa.ForeignKey("snapshot.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("model_id", sa.BigInteger, nullable=False),
    sa.Column("model", AnyText, nullable=False),
    sa.Column("benchmark", AnyText, nullable=False),
    sa.Column("value", AnyText, nullable=False),
    sa.Column("reason", AnyText, nullable=False),
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("job", AnyText, nullable=False),
    sa.Column("slot", Moment, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("host", AnyText, nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("error", sa.Text),
    sa.Column("message", AnyText, nullable=False, default=""),
    sa.UniqueConstraint("job", "slot"),
    sa.CheckConstraint("state IN ('claimed', 'finished', 'failed', 'lost', 'missed')", name="state"),
    sqlite_autoincrement=True,
)

message = sa.Table(
    "message",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("recipient", AnyText, nullable=False),
    sa.Column("subject", AnyText, nullable=False),
    # Own part of this message; empty once it is removed.
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    # Null once it is sent or given up.
    sa.Column("next_try_at", Moment),
    sa.Column("settled_at", Moment),
    sa.Column("last_error", AnyText, nullable=False, default=""),
    # Of the part that follows on its own; null if there is none.
    sa.Column("shared_body_id", sa.Text),
    # Sending process; null if there is none.
    sa.Column("claimed_by", AnyText),
    sa.CheckConstraint("state IN ('pending', 'sent', 'given_up')", name="state"),
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
    # JSON, as the rules left it.
    sa.Column("state", AnyText, nullable=False),
)

finding = sa.Table(
    "finding",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    # Hash of a stored or of a removed snapshot.
    sa.Column("snapshot_id", sa.Integer, nullable=False),
    sa.Column("domain", AnyText, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", AnyText, nullable=False),
    sa.Column("found_at", Moment, nullable=False),
    sa.Column("words", AnyText, nullable=False),
    # JSON: what a program needs of it.
    sa.Column("data", AnyText, nullable=False),
    sa.UniqueConstraint("snapshot_id", "kind", "subject"),
    sqlite_autoincrement=True,
)

alarm = sa.Table(
    "alarm",
    metadata,
    sa.Column("name", AnyText, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("since", Moment, nullable=False),
    sa.Column("last_at", Moment, nullable=False),
    # Null until the operator got a message.
    sa.Column("raised_at", Moment),
    sa.Column("message", AnyText, nullable=False),
)
