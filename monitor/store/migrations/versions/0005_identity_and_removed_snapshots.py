"""The store's name, snapshots that were removed, and findings that outlive their snapshot."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; findings get their domain, and outlive their snapshot."""
    identity = op.create_table("identity", sa.Column("id", sa.Text, primary_key=True))
    op.bulk_insert(identity, [{"id": uuid.uuid4().hex}])
    op.create_table(
        "removed_snapshot",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("reconstructed", sa.Boolean, nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
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
        sa.Column("seen_until", sa.BigInteger),
        sa.Column("newest_score_at", sa.BigInteger),
        sa.Column("removed_at", sa.BigInteger, nullable=False),
        sa.Column("pruned", sa.Boolean, nullable=False),
    )
    op.add_column("finding", sa.Column("domain", sa.Text, nullable=False, server_default=""))
    op.execute(
        "UPDATE finding SET domain = (SELECT c.domain FROM snapshot s JOIN chain c ON c.id = s.chain_id "
        "WHERE s.id = finding.snapshot_id)"
    )
    with op.batch_alter_table("finding", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.drop_constraint("fk_finding_snapshot_id_snapshot", type_="foreignkey")
        table.alter_column("domain", server_default=None)


def downgrade() -> None:
    """Drop the tables; what is known of removed snapshots, and their findings, go with them."""
    op.execute("DELETE FROM finding WHERE snapshot_id NOT IN (SELECT id FROM snapshot)")
    with op.batch_alter_table("finding", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.drop_column("domain")
        table.create_foreign_key(
            "fk_finding_snapshot_id_snapshot", "snapshot", ["snapshot_id"], ["id"], ondelete="CASCADE"
        )
    op.drop_table("removed_snapshot")
    op.drop_table("identity")
