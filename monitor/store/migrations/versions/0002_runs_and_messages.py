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
        sa.Column("id", sa.Integer, nullable=False),
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
        sa.PrimaryKeyConstraint("id", name="pk_run"),
        sa.UniqueConstraint("job", "slot", name="uq_run_job_slot"),
        sa.CheckConstraint(
            "state IN ('claimed', 'finished', 'failed', 'lost', 'missed')", name=op.f("ck_run_state")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "message",
        sa.Column("id", sa.Text, nullable=False),
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
        sa.PrimaryKeyConstraint("id", name="pk_message"),
        sa.CheckConstraint("state IN ('pending', 'sent', 'given_up')", name=op.f("ck_message_state")),
    )
    op.create_index("ix_message_state_next_try_at", "message", ["state", "next_try_at"])


def _alerts_and_alarms() -> None:
    op.create_table(
        "alert_state",
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("domain", name="pk_alert_state"),
    )
    op.create_table(
        "finding",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("snapshot_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("found_at", sa.BigInteger, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_finding"),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["snapshot.id"], name="fk_finding_snapshot_id_snapshot", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("snapshot_id", "kind", "subject", name="uq_finding_snapshot_id_kind_subject"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "alarm",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("raised_at", sa.BigInteger),
        sa.Column("message", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_alarm"),
    )


def downgrade() -> None:
    """Drop the tables with all that is in them, unsent messages too; snapshots and pulls stay."""
    for table in ("alarm", "finding", "alert_state", "message", "run"):
        op.drop_table(table)
    op.drop_column("pull", "error")
