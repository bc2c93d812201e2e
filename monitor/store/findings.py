"""States of alert rules, findings and alarms in a store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from . import schema
from .database import Database, insert_new
from .infos import read_info
from .stored import Alarm, Finding


class Findings:
    """Part of a store for alert rules, findings and alarms."""

    _database: Database

    def alert_state(self, domain: str) -> dict[str, Any] | None:
        """Return the state of a domain's alert rules when they were last evaluated; None if they never were."""
        t = schema.alert_state
        with self._database.reading() as connection:
            found = connection.execute(sa.select(t.c.state).where(t.c.domain == domain)).scalar()
        return None if found is None else dict(json.loads(found))

    def put_alert_state(self, domain: str, state: Mapping[str, Any], at: datetime) -> None:
        """Store the state of a domain's alert rules, as JSON can hold it."""
        t = schema.alert_state
        row = {"domain": domain, "updated_at": at, "state": json.dumps(state, allow_nan=False)}
        with self._database.writing() as connection:
            connection.execute(sa.delete(t).where(t.c.domain == domain))
            connection.execute(sa.insert(t).values(row))

    def add_findings(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Keep findings, one of a kind about a subject in a snapshot; return those that are new."""
        new = []
        with self._database.writing() as connection:
            for finding in findings:
                row = {
                    "snapshot_id": finding.snapshot_id,
                    "domain": read_info(connection, finding.snapshot_id).domain,
                    "kind": finding.kind,
                    "subject": finding.subject,
                    "found_at": finding.found_at,
                    "words": finding.words,
                    "data": json.dumps(dict(finding.data), allow_nan=False),
                }
                if insert_new(connection, schema.finding, row) is not None:
                    new.append(finding)
        return tuple(new)

    def findings(
        self, domain: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> tuple[Finding, ...]:
        """Return findings from ``since`` to before ``until``, oldest first; None is no bound."""
        t = schema.finding
        columns = (column for column in t.columns if column.name not in {"id", "domain"})
        query = sa.select(*columns).order_by(t.c.found_at, t.c.id)
        if domain is not None:
            query = query.where(t.c.domain == domain)
        if since is not None:
            query = query.where(t.c.found_at >= since)
        if until is not None:
            query = query.where(t.c.found_at < until)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings()
            return tuple(Finding(**{**row, "data": json.loads(row["data"])}) for row in rows)

    def alarms(self) -> tuple[Alarm, ...]:
        """Return all that is failing, by name."""
        t = schema.alarm
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(t).order_by(t.c.name)).mappings()
            return tuple(Alarm(**row) for row in rows)

    def alarm(self, name: str) -> Alarm | None:
        """Return the state of something that is failing; None if it is not."""
        return next((alarm for alarm in self.alarms() if alarm.name == name), None)

    def put_alarm(self, alarm: Alarm) -> None:
        """Store the state of something that is failing, in place of its earlier state."""
        t = schema.alarm
        with self._database.writing() as connection:
            connection.execute(sa.delete(t).where(t.c.name == alarm.name))
            connection.execute(sa.insert(t).values(asdict(alarm)))

    def clear_alarm(self, name: str) -> None:
        """Delete the state of something that is no longer failing."""
        t = schema.alarm
        with self._database.writing() as connection:
            connection.execute(sa.delete(t).where(t.c.name == name))
