"""Rejected cells and alerts are called by their plain names; findings are alerts alone."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_KINDS = (("alert fired", "alert firing"), ("alert ended", "alert resolved"))


def upgrade() -> None:
    """Rename table, column and kinds; changes between boards are compared again when they are shown."""
    op.rename_table("set_aside", "rejected")
    op.execute("ALTER TABLE pull RENAME COLUMN set_aside TO rejected")
    op.execute("DELETE FROM finding WHERE kind = 'board changed'")
    for before, after in _KINDS:
        op.execute(f"UPDATE finding SET kind = '{after}' WHERE kind = '{before}'")  # noqa: S608


def downgrade() -> None:
    """Rename them back."""
    for before, after in _KINDS:
        op.execute(f"UPDATE finding SET kind = '{before}' WHERE kind = '{after}'")  # noqa: S608
    op.execute("ALTER TABLE pull RENAME COLUMN rejected TO set_aside")
    op.rename_table("rejected", "set_aside")
