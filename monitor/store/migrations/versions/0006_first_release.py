"""Tables of the first release.

They are those of `schema` until the first change of it, which writes them out here.
"""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

from brainalign_monitor.store.schema import identity, metadata

revision = "0006"
down_revision = None


def upgrade() -> None:
    """Make the tables, and give the store its name."""
    metadata.create_all(op.get_bind(), checkfirst=False)
    op.execute(sa.insert(identity).values(id=uuid.uuid4().hex))
