"""Runs of jobs in their slots, the outbox, alert states, findings, alarms; pulls with the kind of their error."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.add_column("pull", sa.Column("error", sa.Text))
    _runs_and_messages()
    _alerts_and_alarms()


def _runs_and_messages() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("slot", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("error", sa.Text),
        sa.Column("message", sa.Text, nullable=False),
        sa.UniqueConstraint("job", "slot"),
        sa.CheckConstraint("state IN ('claimed', 'finished', 'failed', 'lost', 'missed')", name="state"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "message",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_try_at", sa.BigInteger),
        sa.Column("settled_at", sa.BigInteger),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.CheckConstraint("state IN ('pending', 'sent', 'given_up')", name="state"),
    )
    op.create_index("ix_message_state_next_try_at", "message", ["state", "next_try_at"])


def _alerts_and_alarms() -> None:
    op.create_table(
        "alert_state",
        sa.Column("domain", sa.Text, primary_key=True),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
    )
    op.create_table(
        "finding",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("snapshot_id", sa.Integer, sa.ForeignKey("snapshot.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("found_at", sa.BigInteger, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.UniqueConstraint("snapshot_id", "kind", "subject"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "alarm",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("raised_at", sa.BigInteger),
        sa.Column("message", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables with all that is in them, unsent messages too; snapshots and pulls stay."""
    for table in ("alarm", "finding", "alert_state", "message", "run"):
        op.drop_table(table)
    op.drop_column("pull", "error")
