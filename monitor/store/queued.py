"""The outbox: stored messages, sent afterwards until they arrive or are given up."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ..base.outgoing import Message
from . import schema
from .database import Database, insert_new, record_of
from .stored import MessageState, Queued

_t, _shared = schema.message, schema.shared_body
_PENDING = _t.c.state == MessageState.PENDING
# Behind it the mails of an occasion are the same for all recipients.
_END_OF_HEADERS = b"\r\n\r\n"


class Outbox:
    """Messages of a store."""

    _database: Database

    def enqueue(self, messages: Iterable[Message]) -> tuple[Message, ...]:
        """Queue messages, and return those that are new: a message is known by its id, also after it was sent."""
        new = []
        with self._database.writing() as connection:
            for message in messages:
                own, mark, shared = message.body.partition(_END_OF_HEADERS)
                shared_id = hashlib.sha256(shared).hexdigest() if shared else None
                row = asdict(message) | {"body": own + mark, "shared_body_id": shared_id, "last_error": ""}
                row |= {"state": MessageState.PENDING, "attempts": 0, "next_try_at": message.created_at}
                if insert_new(connection, _t, row):
                    new.append(message)
                    if shared:
                        insert_new(connection, _shared, {"id": shared_id, "body": shared})
        return tuple(new)

    def due_messages(
        self, now: datetime, limit: int = 100, horizon: timedelta = timedelta(days=2)
    ) -> tuple[Queued, ...]:
        """Return pending messages whose time has come, the oldest first.

        A next try further ahead than ``horizon``, and any back-off, was set by a clock that ran ahead, and is due too.
        """
        due = sa.or_(_t.c.next_try_at <= now, _t.c.next_try_at > now + horizon)
        return self._messages(_PENDING, due, limit=limit)

    def mark_sent(self, message_id: str, at: datetime) -> None:
        """Note that a message was sent."""
        self._settle(message_id, state=MessageState.SENT, settled_at=at, next_try_at=None)

    def claim_message(self, queued: Queued, by: str, until: datetime) -> bool:
        """Claim a due message before it is sent: one of all who try at once gets it, until it is due again.

        False if it has changed meanwhile: another has claimed it, or it is sent.
        """
        unchanged = (
            _t.c.id == queued.message.id,
            _t.c.state == queued.state,
            _t.c.attempts == queued.attempts,
            _t.c.next_try_at == queued.next_try_at,
            _t.c.claimed_by.is_not_distinct_from(queued.claimed_by),
        )
        claim = sa.update(_t).where(*unchanged).values(claimed_by=by, next_try_at=until)
        return self._database.write(claim.returning(_t.c.id)) is not None

    def release_messages(self, ended: Callable[[str], bool], at: datetime) -> None:
        """Make due the messages of claiming processes that have ended."""
        claimed = self._database.rows(sa.select(_t.c.claimed_by).where(_t.c.claimed_by.is_not(None)).distinct())
        over = [row.claimed_by for row in claimed if ended(row.claimed_by)]
        if over:
            release = sa.update(_t).where(_t.c.claimed_by.in_(over))
            self._database.write(release.values(claimed_by=None, next_try_at=at))

    def forget_bodies(self, before: datetime) -> None:
        """Remove the bodies of messages that were sent or given up before a moment; that they were made stays known."""
        old = (_t.c.settled_at < before, sa.or_(_t.c.body != b"", _t.c.shared_body_id.is_not(None)))
        if self._database.rows(sa.select(_t.c.id).where(*old).limit(1)):
            needed = sa.select(_t.c.shared_body_id).where(_t.c.shared_body_id.is_not(None))
            self._database.write(
                sa.update(_t).where(*old).values(body=b"", shared_body_id=None),
                sa.delete(_shared).where(_shared.c.id.not_in(needed)),
            )

    def postpone(self, message_id: str, next_try_at: datetime) -> None:
        """Leave a message for later without a try."""
        self._settle(message_id, next_try_at=next_try_at)

    def mark_failed(self, message_id: str, at: datetime, error: str, next_try_at: datetime | None) -> None:
        """Note that a try to send a message failed; without a next try it is given up."""
        given_up = {"state": MessageState.GIVEN_UP, "settled_at": at} if next_try_at is None else {}
        self._settle(message_id, attempts=_t.c.attempts + 1, last_error=error, next_try_at=next_try_at, **given_up)

    def messages(self, state: MessageState | None = None, limit: int = 100) -> tuple[Queued, ...]:
        """Return messages of the outbox, in a state if one is named; the oldest first."""
        return self._messages(*([] if state is None else [_t.c.state == state]), limit=limit)

    def message(self, message_id: str) -> Queued | None:
        """Return a message of the outbox; None if there is none of this id."""
        return next(iter(self._messages(_t.c.id == message_id, limit=1)), None)

    def known_messages(self, ids: Iterable[str]) -> frozenset[str]:
        """Return the ids among some that the outbox knows, in any state."""
        return frozenset(row.id for row in self._database.rows(sa.select(_t.c.id).where(_t.c.id.in_(list(ids)))))

    def message_counts(self) -> dict[MessageState, int]:
        """Return the number of messages in each state."""
        found = self._database.rows(sa.select(_t.c.state, sa.func.count()).group_by(_t.c.state))
        return dict.fromkeys(MessageState, 0) | dict(found)

    def _settle(self, message_id: str, **values: Any) -> None:
        # Sent and failed messages keep their state.
        self._database.write(sa.update(_t).where(_t.c.id == message_id, _PENDING).values(claimed_by=None, **values))

    def _messages(self, *conditions: sa.ColumnElement[bool], limit: int) -> tuple[Queued, ...]:
        query = sa.select(_t, _shared.c.body.label("shared")).outerjoin(_shared, _shared.c.id == _t.c.shared_body_id)
        rows = self._database.rows(query.where(*conditions).order_by(_t.c.created_at, _t.c.id).limit(limit))
        return tuple(
            record_of(Queued, row, message=record_of(Message, row, body=row.body + (row.shared or b""))) for row in rows
        )
