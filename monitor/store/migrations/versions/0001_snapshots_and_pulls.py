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
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("reconstructed", sa.Boolean, nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_chain"),
        sa.UniqueConstraint(
            "domain", "reconstructed", "simulated", name="uq_chain_domain_reconstructed_simulated"
        ),
    )
    op.create_table(
        "snapshot",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("chain_id", sa.Integer, nullable=False),
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
        sa.PrimaryKeyConstraint("id", name="pk_snapshot"),
        sa.ForeignKeyConstraint(["chain_id"], ["chain.id"], name="fk_snapshot_chain_id_chain"),
        sa.UniqueConstraint("chain_id", "seq", name="uq_snapshot_chain_id_seq"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "set_aside",
        sa.Column("snapshot_id", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("model_id", sa.BigInteger, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("benchmark", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("snapshot_id", "position", name="pk_set_aside"),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["snapshot.id"], name="fk_set_aside_snapshot_id_snapshot", ondelete="CASCADE"
        ),
    )


def _what_holds_for_them() -> None:
    op.create_table(
        "model",
        sa.Column("chain_id", sa.Integer, nullable=False),
        sa.Column("model_id", sa.BigInteger, nullable=False),
        sa.Column("from_seq", sa.Integer, nullable=False),
        sa.Column("to_seq", sa.Integer),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("submitted_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("chain_id", "model_id", "from_seq", name="pk_model"),
        sa.ForeignKeyConstraint(["chain_id"], ["chain.id"], name="fk_model_chain_id_chain"),
        sa.CheckConstraint("to_seq > from_seq", name=op.f("ck_model_interval")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "benchmark",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("type_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_benchmark"),
        sa.UniqueConstraint("type_id", name="uq_benchmark_type_id"),
    )
    op.create_table(
        "benchmark_entry",
        sa.Column("chain_id", sa.Integer, nullable=False),
        sa.Column("benchmark_id", sa.Integer, nullable=False),
        sa.Column("from_seq", sa.Integer, nullable=False),
        sa.Column("to_seq", sa.Integer),
        sa.Column("parent_id", sa.Integer),
        sa.Column("is_leaf", sa.Boolean, nullable=False),
        sa.Column("is_engineering", sa.Boolean, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("display_domain", sa.Text, nullable=False),
        sa.Column("versions", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("chain_id", "benchmark_id", "from_seq", name="pk_benchmark_entry"),
        sa.ForeignKeyConstraint(["chain_id"], ["chain.id"], name="fk_benchmark_entry_chain_id_chain"),
        sa.ForeignKeyConstraint(
            ["benchmark_id"], ["benchmark.id"], name="fk_benchmark_entry_benchmark_id_benchmark"
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["benchmark.id"], name="fk_benchmark_entry_parent_id_benchmark"
        ),
        sa.CheckConstraint("to_seq > from_seq", name=op.f("ck_benchmark_entry_interval")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "cell",
        sa.Column("chain_id", sa.Integer, nullable=False),
        sa.Column("model_id", sa.BigInteger, nullable=False),
        sa.Column("benchmark_id", sa.Integer, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("from_seq", sa.Integer, nullable=False),
        sa.Column("to_seq", sa.Integer),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("score", sa.Double),
        sa.Column("error", sa.Double),
        sa.Column("scored_at", sa.BigInteger),
        sa.PrimaryKeyConstraint(
            "chain_id", "model_id", "benchmark_id", "version", "from_seq", name="pk_cell"
        ),
        sa.ForeignKeyConstraint(["chain_id"], ["chain.id"], name="fk_cell_chain_id_chain"),
        sa.ForeignKeyConstraint(["benchmark_id"], ["benchmark.id"], name="fk_cell_benchmark_id_benchmark"),
        sa.CheckConstraint("to_seq > from_seq", name=op.f("ck_cell_interval")),
        sqlite_with_rowid=False,
    )


def _pulls() -> None:
    op.create_table(
        "pull",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("snapshot_id", sa.Integer),
        sa.Column("body_sha256", sa.Text),
        sa.Column("set_aside", sa.Integer, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pull"),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["snapshot.id"], name="fk_pull_snapshot_id_snapshot", ondelete="SET NULL"
        ),
        sa.CheckConstraint(
            "outcome IN ('stored', 'unchanged', 'refused', 'failed')", name=op.f("ck_pull_outcome")
        ),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Drop the tables with all that is in them; the bodies stay, and can be read in again."""
    for table in ("pull", "set_aside", "cell", "benchmark_entry", "benchmark", "model", "snapshot", "chain"):
        op.drop_table(table)
