"""Common parts of an occasion's messages are stored once; a message names its sending process."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the columns; messages of before keep their bodies whole."""
    op.create_table(
        "shared_body",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.add_column("message", sa.Column("shared_body_id", sa.Text))
    op.add_column("message", sa.Column("claimed_by", sa.Text))


def downgrade() -> None:
    """Give every message its whole body back."""
    message = sa.table("message", sa.column("body", sa.LargeBinary), sa.column("shared_body_id", sa.Text))
    shared = sa.table("shared_body", sa.column("id", sa.Text), sa.column("body", sa.LargeBinary))
    rest = sa.select(shared.c.body).where(shared.c.id == message.c.shared_body_id).scalar_subquery()
    whole = sa.cast(message.c.body.concat(rest), sa.LargeBinary)
    op.execute(sa.update(message).where(message.c.shared_body_id.is_not(None)).values(body=whole))
    op.drop_column("message", "claimed_by")
    op.drop_column("message", "shared_body_id")
    op.drop_table("shared_body")
