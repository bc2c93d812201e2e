"""Snapshots as scores with the interval for which they hold, and a log of pulls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _snapshots()
    _what_holds_for_them()
    _pulls()


def _snapshots() -> None:
    op.create_table(
        "chain",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("reconstructed", sa.Boolean, nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.UniqueConstraint("domain", "reconstructed", "simulated"),
    )
    op.create_table(
        "snapshot",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("chain_id", sa.Integer, sa.ForeignKey("chain.id"), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("as_of_time", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("body_sha256", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("models", sa.Integer, nullable=False),
        sa.Column("benchmarks", sa.Integer, nullable=False),
        sa.Column("scored", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("never", sa.Integer, nullable=False),
        sa.Column("layout", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("chain_id", "seq"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "set_aside",
        sa.Column("snapshot_id", sa.Integer, sa.ForeignKey("snapshot.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("model_id", sa.BigInteger, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("benchmark", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )


def _what_holds_for_them() -> None:
    op.create_table(
        "model",
        sa.Column("chain_id", sa.Integer, sa.ForeignKey("chain.id"), primary_key=True),
        sa.Column("model_id", sa.BigInteger, primary_key=True),
        sa.Column("from_seq", sa.Integer, primary_key=True),
        sa.Column("to_seq", sa.Integer),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("submitted_at", sa.BigInteger),
        sa.CheckConstraint("to_seq > from_seq", name="interval"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "benchmark",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("type_id", sa.Text, nullable=False),
        sa.UniqueConstraint("type_id"),
    )
    op.create_table(
        "benchmark_entry",
        sa.Column("chain_id", sa.Integer, sa.ForeignKey("chain.id"), primary_key=True),
        sa.Column("benchmark_id", sa.Integer, sa.ForeignKey("benchmark.id"), primary_key=True),
        sa.Column("from_seq", sa.Integer, primary_key=True),
        sa.Column("to_seq", sa.Integer),
        sa.Column("parent_id", sa.Integer, sa.ForeignKey("benchmark.id")),
        sa.Column("is_leaf", sa.Boolean, nullable=False),
        sa.Column("is_engineering", sa.Boolean, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("display_domain", sa.Text, nullable=False),
        sa.Column("versions", sa.Text, nullable=False),
        sa.CheckConstraint("to_seq > from_seq", name="interval"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "cell",
        sa.Column("chain_id", sa.Integer, sa.ForeignKey("chain.id"), primary_key=True),
        sa.Column("model_id", sa.BigInteger, primary_key=True),
        sa.Column("benchmark_id", sa.Integer, sa.ForeignKey("benchmark.id"), primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True),
        sa.Column("from_seq", sa.Integer, primary_key=True),
        sa.Column("to_seq", sa.Integer),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("score", sa.Double),
        sa.Column("error", sa.Double),
        sa.Column("scored_at", sa.BigInteger),
        sa.CheckConstraint("to_seq > from_seq", name="interval"),
        sqlite_with_rowid=False,
    )


def _pulls() -> None:
    op.create_table(
        "pull",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("snapshot_id", sa.Integer, sa.ForeignKey("snapshot.id", ondelete="SET NULL")),
        sa.Column("body_sha256", sa.Text),
        sa.Column("set_aside", sa.Integer, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.CheckConstraint("outcome IN ('stored', 'unchanged', 'refused', 'failed')", name="outcome"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Drop the tables with all that is in them; the bodies stay, and can be read in again."""
    for table in ("pull", "set_aside", "cell", "benchmark_entry", "benchmark", "model", "snapshot", "chain"):
        op.drop_table(table)
