"""Sums over the log of pulls and runs, for external monitors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from . import schema
from .database import AnyDatabase, connect
from .records import Outcome, PullRecord, RunState


@dataclass(frozen=True, slots=True)
class Durations:
    """Number of finished runs of a job, and the sum of their seconds."""

    finished: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Peek:
    """State of a store, read without opening it for work."""

    revision: str  # Of its schema
    is_current: bool  # It is this release's
    snapshots: int
    last_pull: datetime | None  # Moment of the last attempt that was logged


def peek(url_or_path: Path | str) -> Peek:
    """Read the state of an existing store without changing or migrating it.

    Raises StoreError if it cannot be read, or is of a newer release.
    """
    database = connect(url_or_path, read_only=True)
    try:
        with database.reading() as connection:
            revision = database.revision(connection)
            if revision is None:
                return Peek("none", False, 0, None)
            snapshots = connection.execute(
                sa.select(sa.func.count()).select_from(schema.snapshot)
            ).scalar_one()
            last = connection.execute(sa.select(sa.func.max(schema.pull.c.at))).scalar()
        return Peek(revision, revision == schema.REVISION, snapshots, last)
    finally:
        database.engine.dispose()


class Statistics:
    """The part of a `Store` that counts."""

    _database: AnyDatabase

    def last_pull(self, domain: str, *outcomes: Outcome) -> PullRecord | None:
        """Return the last logged attempt for a domain, with one of these outcomes if any are named."""
        t = schema.pull
        # By number: the clock may have been set meanwhile.
        query = sa.select(t).where(t.c.domain == domain).order_by(t.c.id.desc()).limit(1)
        if outcomes:
            query = query.where(t.c.outcome.in_([outcome.value for outcome in outcomes]))
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else PullRecord(**{**row, "outcome": Outcome(row["outcome"])})

    def pull_counts(self) -> Mapping[tuple[str, str, str], int]:
        """Return the number of attempts by domain, outcome and kind of error (empty if it had none)."""
        t = schema.pull
        kind = sa.func.coalesce(t.c.error, "")
        query = sa.select(t.c.domain, t.c.outcome, kind, sa.func.count()).group_by(
            t.c.domain, t.c.outcome, kind
        )
        with self._database.reading() as connection:
            return {(domain, outcome, error): n for domain, outcome, error, n in connection.execute(query)}

    def durations(self) -> Mapping[str, Durations]:
        """Return the durations of the finished runs of each job."""
        t = schema.run
        took = sa.type_coerce(t.c.ended_at, sa.BigInteger) - sa.type_coerce(t.c.started_at, sa.BigInteger)
        query = (
            sa.select(t.c.job, sa.func.count(), sa.func.sum(took))
            .where(t.c.state == RunState.FINISHED.value, t.c.ended_at.is_not(None))
            .group_by(t.c.job)
        )
        with self._database.reading() as connection:
            # A clock that was set back in a run makes it look shorter than nothing.
            return {
                job: Durations(n, max(0.0, float(total) / 1e6)) for job, n, total in connection.execute(query)
            }
