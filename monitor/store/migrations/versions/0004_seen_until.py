"""Snapshots know until when they were seen again, and when their newest score was made; pulls know their moment.

A moment more than a day later than the one at which the snapshot was received is corrected to the latter; boards
reconstructed for such moments are deleted (`brainalign backfill` makes those that can be made).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# 86,400,000,000 microseconds are a day, the state 2 is SCORED.
_FILL = (
    """
    DELETE FROM snapshot WHERE as_of_time > seen_at + 86400000000
        AND chain_id IN (SELECT id FROM chain WHERE reconstructed)
    """,
    "UPDATE snapshot SET as_of_time = seen_at WHERE as_of_time > seen_at + 86400000000",
    """
    UPDATE snapshot SET newest_score_at = (
        SELECT max(cell.scored_at) FROM cell JOIN benchmark_entry AS entry
            ON entry.chain_id = cell.chain_id AND entry.benchmark_id = cell.benchmark_id
        WHERE cell.chain_id = snapshot.chain_id AND cell.state = 2 AND entry.is_leaf
            AND cell.scored_at <= snapshot.seen_at + 86400000000
            AND cell.from_seq <= snapshot.seq AND (cell.to_seq IS NULL OR cell.to_seq > snapshot.seq)
            AND entry.from_seq <= snapshot.seq AND (entry.to_seq IS NULL OR entry.to_seq > snapshot.seq)
    )
    """,
    """
    UPDATE pull SET as_of_time = (SELECT as_of_time FROM snapshot WHERE snapshot.id = pull.snapshot_id)
    """,
)


def upgrade() -> None:
    """Add the columns and fill them from the moments and cells that are there."""
    op.add_column("snapshot", sa.Column("seen_until", sa.BigInteger))
    op.add_column("snapshot", sa.Column("newest_score_at", sa.BigInteger))
    op.add_column("pull", sa.Column("as_of_time", sa.BigInteger))
    for statement in _FILL:
        op.execute(statement)


def downgrade() -> None:
    """Drop the columns; the snapshots stay."""
    op.drop_column("snapshot", "newest_score_at")
    op.drop_column("snapshot", "seen_until")
    op.drop_column("pull", "as_of_time")
