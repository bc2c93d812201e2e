"""Notes of a store besides snapshots: pulls, runs of jobs in the slots of their schedules, findings and alarms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..base.errors import StoreError
from . import bodies, schema
from .database import Database, insert_new, record_of
from .infos import read_info
from .stored import Alarm, Finding, Outcome, PullRecord, RunRecord, RunState

_run, _pull, _finding = schema.run.c, schema.pull.c, schema.finding.c
_CLAIMED = _run.state == RunState.CLAIMED


@dataclass(frozen=True, slots=True)
class Durations:
    """Number of finished runs of a job, and the sum of their seconds."""

    finished: int
    seconds: float


class Logbook:
    """Pulls, runs, findings and alarms of a store."""

    _database: Database
    _bodies: Path

    def log_failure(
        self, at: datetime, source: str, domain: str, refused: bool, message: str, error: str | None = None
    ) -> None:
        """Log a pull that brought nothing, its body refused or absent, with message and class of the error."""
        facts = {"at": at, "source": source, "domain": domain, "message": message, "error": error, "rejected": 0}
        outcome = Outcome.REFUSED if refused else Outcome.FAILED
        self._database.write(sa.insert(schema.pull).values(outcome=outcome, **facts))

    def keep_refused(self, body: bytes, reason: str, source: str, at: datetime) -> Path:
        """Keep a refused body for inspection in the folder ``refused`` (the newest 50 stay); return its path."""
        return bodies.keep_refused(self._bodies.parent / "refused", body, reason, source, at)

    def pulls(self, domain: str | None = None, *outcomes: Outcome, limit: int = 100) -> tuple[PullRecord, ...]:
        """Return the last attempts to read a source, of a domain or with some outcomes if named; the newest first."""
        # By number: the clock may have been set meanwhile.
        query = sa.select(schema.pull).order_by(_pull.id.desc()).limit(limit)
        if domain is not None:
            query = query.where(_pull.domain == domain)
        if outcomes:
            query = query.where(_pull.outcome.in_(outcomes))
        return self._database.records(PullRecord, query)

    def last_pull(self, domain: str, *outcomes: Outcome) -> PullRecord | None:
        """Return the last logged attempt for a domain, with one of these outcomes if any are named."""
        return next(iter(self.pulls(domain, *outcomes, limit=1)), None)

    def pull_counts(self) -> Mapping[tuple[str, str, str], int]:
        """Return the number of attempts by domain, outcome and kind of error (empty if it had none)."""
        key = (_pull.domain, _pull.outcome, sa.func.coalesce(_pull.error, ""))
        rows = self._database.rows(sa.select(*key, sa.func.count()).group_by(*key))
        return {(domain, outcome, error): count for domain, outcome, error, count in rows}

    def claim_slot(
        self, job: str, slot: datetime, at: datetime, host: str, pid: int, attempts: int = 3
    ) -> RunRecord | None:
        """Claim a job in a slot: one of all processes that try at once gets it.

        A slot that was lost may be claimed again, up to ``attempts`` in all. None if another has claimed it, or it is
        done, or was lost too often.
        """
        mine = {"state": RunState.CLAIMED, "host": host, "pid": pid, "started_at": at}
        mine |= {"ended_at": None, "error": None, "message": ""}
        lost = (_run.job == job, _run.slot == slot, _run.state == RunState.LOST, _run.attempt < attempts)
        again = sa.update(schema.run).where(*lost).values(attempt=_run.attempt + 1, **mine).returning(*_run)
        with self._database.writing() as connection:
            new = insert_new(connection, schema.run, {"job": job, "slot": slot, "attempt": 1, **mine})
            claimed = new or connection.execute(again).one_or_none()
            return None if claimed is None else record_of(RunRecord, claimed)

    def end_slot(
        self,
        run: RunRecord,
        at: datetime,
        state: RunState = RunState.FINISHED,
        error: str | None = None,
        message: str = "",
    ) -> None:
        """Record the outcome of a claimed slot; StoreError if another process has taken it over meanwhile."""
        outcome = {"state": state, "ended_at": at, "error": error, "message": message}
        if self._database.write(sa.update(schema.run).where(*_held(run)).values(outcome).returning(_run.id)) is None:
            raise _taken_over(run)

    def hold_slot(self, run: RunRecord) -> None:
        """Make sure, inside a transaction, that what is committed in it is committed by who holds the slot.

        Raises StoreError if another process has taken it over, because this one seemed dead.
        """
        if not self._runs(*_held(run)):
            raise _taken_over(run)

    def claimed_slots(self) -> tuple[RunRecord, ...]:
        """Return the slots that are being done, or whose process died; the newest first."""
        return self._runs(_CLAIMED)

    def lose_claimed(self, at: datetime) -> tuple[RunRecord, ...]:
        """Mark every claimed slot as lost; the caller holds the store's lock, as every claiming process does.

        Returns those slots, as they were.
        """
        found = self.claimed_slots()
        if found:
            lost = {"state": RunState.LOST, "ended_at": at, "message": "its process ended before it was done"}
            self._database.write(sa.update(schema.run).where(_CLAIMED).values(lost))
        return found

    def miss_slot(self, job: str, slot: datetime, at: datetime, host: str, pid: int, message: str) -> bool:
        """Note that a slot was missed and will not be done; False if the slot had a state before."""
        row = {"job": job, "slot": slot, "state": RunState.MISSED, "attempt": 0, "host": host, "pid": pid}
        row |= {"started_at": at, "ended_at": at, "message": message}
        with self._database.writing() as connection:
            return insert_new(connection, schema.run, row) is not None

    def runs(self, job: str | None = None, limit: int = 100) -> tuple[RunRecord, ...]:
        """Return the last runs, the newest slot first; of one job if it is named."""
        return self._runs(*([] if job is None else [_run.job == job]), limit=limit)

    def slots(self, job: str, since: datetime, until: datetime) -> tuple[RunRecord, ...]:
        """Return runs of a job in the slots from ``since`` to ``until``, both included; the newest first."""
        return self._runs(_run.job == job, _run.slot >= since, _run.slot <= until)

    def last_slot(self, job: str, until: datetime) -> datetime | None:
        """Return the newest slot of a job that was ever claimed, not later than ``until``; None if there is none.

        Later slots are of a clock that has since been set back.
        """
        found = self._runs(_run.job == job, _run.slot <= until, limit=1)
        return found[0].slot if found else None

    def durations(self) -> Mapping[str, Durations]:
        """Return the durations of the finished runs of each job."""
        took = sa.type_coerce(_run.ended_at, sa.BigInteger) - sa.type_coerce(_run.started_at, sa.BigInteger)
        query = (
            sa.select(_run.job, sa.func.count(), sa.func.sum(took))
            .where(_run.state == RunState.FINISHED, _run.ended_at.is_not(None))
            .group_by(_run.job)
        )
        # A clock that was set back in a run makes it look shorter than nothing.
        return {job: Durations(n, max(0.0, float(total) / 1e6)) for job, n, total in self._database.rows(query)}

    def _runs(self, *conditions: sa.ColumnElement[bool], limit: int | None = None) -> tuple[RunRecord, ...]:
        query = sa.select(schema.run).where(*conditions).order_by(_run.slot.desc(), _run.id.desc()).limit(limit)
        return self._database.records(RunRecord, query)

    def alert_state(self, domain: str) -> dict[str, Any] | None:
        """Return the state of a domain's alert rules when they were last evaluated; None if they never were."""
        found = self._database.rows(sa.select(schema.alert_state).where(schema.alert_state.c.domain == domain))
        return dict(found[0].state) if found else None

    def put_alert_state(self, domain: str, state: Mapping[str, Any], at: datetime) -> None:
        """Store the state of a domain's alert rules, as JSON can hold it."""
        t = schema.alert_state
        new = sa.insert(t).values(domain=domain, updated_at=at, state=state)
        self._database.write(sa.delete(t).where(t.c.domain == domain), new)

    def add_findings(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Keep findings, one of a kind about a subject in a snapshot; return those that are new."""
        new = []
        with self._database.writing() as connection:
            for finding in findings:
                domain = read_info(connection, finding.snapshot_id).domain
                if insert_new(connection, schema.finding, {**asdict(finding), "domain": domain}):
                    new.append(finding)
        return tuple(new)

    def findings(
        self, domain: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> tuple[Finding, ...]:
        """Return findings from ``since`` to before ``until``, oldest first; None is no bound."""
        query = sa.select(schema.finding).order_by(_finding.found_at, _finding.id)
        if domain is not None:
            query = query.where(_finding.domain == domain)
        if since is not None:
            query = query.where(_finding.found_at >= since)
        if until is not None:
            query = query.where(_finding.found_at < until)
        return self._database.records(Finding, query)

    def alarms(self) -> tuple[Alarm, ...]:
        """Return all that is failing, by name."""
        return self._database.records(Alarm, sa.select(schema.alarm).order_by(schema.alarm.c.name))

    def alarm(self, name: str) -> Alarm | None:
        """Return the state of something that is failing; None if it is not."""
        return next((alarm for alarm in self.alarms() if alarm.name == name), None)

    def put_alarm(self, alarm: Alarm) -> None:
        """Store the state of something that is failing, in place of its earlier state."""
        t = schema.alarm
        self._database.write(sa.delete(t).where(t.c.name == alarm.name), sa.insert(t).values(asdict(alarm)))

    def clear_alarm(self, name: str) -> None:
        """Delete the state of something that is no longer failing."""
        self._database.write(sa.delete(schema.alarm).where(schema.alarm.c.name == name))


def _held(run: RunRecord) -> tuple[sa.ColumnElement[bool], ...]:
    return _run.id == run.id, _CLAIMED, _run.attempt == run.attempt


def _taken_over(run: RunRecord) -> StoreError:
    return StoreError(
        f"the slot {run.slot:%Y-%m-%d %H:%M:%S} of {run.job!r} was taken over by another process, which found this one "
        "ended; let that one do it, and check that both reach the same store"
    )
