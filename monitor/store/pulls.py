"""The log of pulls: what became of each attempt to read a source."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from . import bodies as body_files
from . import schema
from .database import Database
from .stored import Outcome, PullRecord


class Pulls:
    """The log of pulls of a store."""

    _database: Database
    _bodies: Path

    def log_failure(
        self, at: datetime, source: str, domain: str, refused: bool, message: str, error: str | None = None
    ) -> None:
        """Log a pull that brought nothing, its body refused or absent, with message and class of the error."""
        outcome = Outcome.REFUSED if refused else Outcome.FAILED
        with self._database.writing() as connection:
            connection.execute(
                sa.insert(schema.pull).values(
                    at=at, source=source, domain=domain, outcome=outcome.value, message=message, error=error
                )
            )

    def keep_refused(self, body: bytes, reason: str, source: str, at: datetime) -> Path:
        """Keep a refused body for inspection in the folder ``refused`` (the newest 50 stay); return its path."""
        return body_files.keep_refused(self._bodies.parent / "refused", body, reason, source, at)

    def pulls(self, domain: str | None = None, *outcomes: Outcome, limit: int = 100) -> tuple[PullRecord, ...]:
        """Return the last attempts to read a source, of a domain or with some outcomes if named; the newest first."""
        t = schema.pull
        # By number: the clock may have been set meanwhile.
        query = sa.select(t).order_by(t.c.id.desc()).limit(limit)
        if domain is not None:
            query = query.where(t.c.domain == domain)
        if outcomes:
            query = query.where(t.c.outcome.in_([outcome.value for outcome in outcomes]))
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings()
            return tuple(PullRecord(**{**row, "outcome": Outcome(row["outcome"])}) for row in rows)

    def last_pull(self, domain: str, *outcomes: Outcome) -> PullRecord | None:
        """Return the last logged attempt for a domain, with one of these outcomes if any are named."""
        return next(iter(self.pulls(domain, *outcomes, limit=1)), None)

    def pull_counts(self) -> Mapping[tuple[str, str, str], int]:
        """Return the number of attempts by domain, outcome and kind of error (empty if it had none)."""
        t = schema.pull
        kind = sa.func.coalesce(t.c.error, "")
        query = sa.select(t.c.domain, t.c.outcome, kind, sa.func.count()).group_by(t.c.domain, t.c.outcome, kind)
        with self._database.reading() as connection:
            return {(domain, outcome, error): n for domain, outcome, error, n in connection.execute(query)}
