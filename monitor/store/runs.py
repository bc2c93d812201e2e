"""Jobs in the slots of their schedules: who does one, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..base.errors import StoreError
from . import schema
from .database import Database, insert_new
from .stored import RunRecord, RunState

_t = schema.run


@dataclass(frozen=True, slots=True)
class Durations:
    """Number of finished runs of a job, and the sum of their seconds."""

    finished: int
    seconds: float


class Runs:
    """Runs of a store."""

    _database: Database

    def claim_slot(
        self, job: str, slot: datetime, at: datetime, host: str, pid: int, attempts: int = 3
    ) -> RunRecord | None:
        """Claim a job in a slot: one of all processes that try at once gets it.

        A slot that was lost may be claimed again, up to ``attempts`` in all. None if another has claimed it, or it is
        done, or was lost too often.
        """
        mine: dict[str, Any] = {
            "state": RunState.CLAIMED.value,
            "host": host,
            "pid": pid,
            "started_at": at,
            "ended_at": None,
            "error": None,
            "message": "",
        }
        new = {"job": job, "slot": slot, "attempt": 1, **mine}
        again = (
            sa.update(_t)
            .where(_t.c.job == job, _t.c.slot == slot, _t.c.state == RunState.LOST.value, _t.c.attempt < attempts)
            .values(attempt=_t.c.attempt + 1, **mine)
            .returning(_t.c.id)
        )
        with self._database.writing() as connection:
            claimed = insert_new(connection, _t, new)
            if claimed is None:
                claimed = connection.execute(again).scalar()
            return None if claimed is None else _runs(connection, _t.c.id == claimed)[0]

    def end_slot(
        self,
        run: RunRecord,
        at: datetime,
        state: RunState = RunState.FINISHED,
        error: str | None = None,
        message: str = "",
    ) -> None:
        """Record the outcome of a claimed slot; StoreError if another process has taken it over meanwhile."""
        ended = (
            sa.update(_t)
            .where(*_held(run))
            .values(state=state.value, ended_at=at, error=error, message=message)
            .returning(_t.c.id)
        )
        with self._database.writing() as connection:
            if connection.execute(ended).scalar() is None:
                raise _taken_over(run)

    def hold_slot(self, run: RunRecord) -> None:
        """Make sure, inside a transaction, that what is committed in it is committed by who holds the slot.

        Raises StoreError if another process has taken it over, because this one seemed dead.
        """
        with self._database.reading() as connection:
            if connection.execute(sa.select(_t.c.id).where(*_held(run))).scalar() is None:
                raise _taken_over(run)

    def claimed_slots(self) -> tuple[RunRecord, ...]:
        """Return the slots that are being done, or whose process died; the newest first."""
        with self._database.reading() as connection:
            return _runs(connection, _t.c.state == RunState.CLAIMED.value)

    def lose_claimed(self, at: datetime) -> tuple[RunRecord, ...]:
        """Mark every claimed slot as lost; the caller holds the store's lock, as every claiming process does.

        Returns those slots, as they were.
        """
        if not self.claimed_slots():
            return ()
        claimed = _t.c.state == RunState.CLAIMED.value
        with self._database.writing() as connection:
            found = _runs(connection, claimed)
            lost = {"state": RunState.LOST.value, "ended_at": at, "message": "its process ended before it was done"}
            connection.execute(sa.update(_t).where(claimed).values(lost))
            return found

    def miss_slot(self, job: str, slot: datetime, at: datetime, host: str, pid: int, message: str) -> bool:
        """Note that a slot was missed and will not be done; False if the slot had a state before."""
        row = {
            "job": job,
            "slot": slot,
            "state": RunState.MISSED.value,
            "attempt": 0,
            "host": host,
            "pid": pid,
            "started_at": at,
            "ended_at": at,
            "message": message,
        }
        with self._database.writing() as connection:
            return insert_new(connection, _t, row) is not None

    def runs(self, job: str | None = None, limit: int = 100) -> tuple[RunRecord, ...]:
        """Return the last runs, the newest slot first; of one job if it is named."""
        with self._database.reading() as connection:
            return _runs(connection, *([] if job is None else [_t.c.job == job]), limit=limit)

    def slots(self, job: str, since: datetime, until: datetime) -> tuple[RunRecord, ...]:
        """Return runs of a job in the slots from ``since`` to ``until``, both included; the newest first."""
        with self._database.reading() as connection:
            return _runs(connection, _t.c.job == job, _t.c.slot >= since, _t.c.slot <= until)

    def last_slot(self, job: str, until: datetime) -> datetime | None:
        """Return the newest slot of a job that was ever claimed, not later than ``until``; None if there is none.

        Later slots are of a clock that has since been set back.
        """
        with self._database.reading() as connection:
            query = sa.select(sa.func.max(_t.c.slot)).where(_t.c.job == job, _t.c.slot <= until)
            found: datetime | None = connection.execute(query).scalar()
            return found

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
            return {job: Durations(n, max(0.0, float(total) / 1e6)) for job, n, total in connection.execute(query)}


def _held(run: RunRecord) -> tuple[sa.ColumnElement[bool], ...]:
    return _t.c.id == run.id, _t.c.state == RunState.CLAIMED.value, _t.c.attempt == run.attempt


def _taken_over(run: RunRecord) -> StoreError:
    return StoreError(
        f"the slot {run.slot:%Y-%m-%d %H:%M:%S} of {run.job!r} was taken over by another process, which found this one "
        "ended; let that one do it, and check that both reach the same store"
    )


def _runs(
    connection: sa.Connection, *conditions: sa.ColumnElement[bool], limit: int | None = None
) -> tuple[RunRecord, ...]:
    query = sa.select(_t).where(*conditions).order_by(_t.c.slot.desc(), _t.c.id.desc()).limit(limit)
    rows = connection.execute(query).mappings()
    return tuple(RunRecord(**{**row, "state": RunState(row["state"])}) for row in rows)
