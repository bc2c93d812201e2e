"""The outbox: stored messages, sent afterwards until they arrive or are given up."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from ..base.outgoing import Channel, Kind, Message
from . import schema
from .database import Database, insert_new
from .stored import MessageState, Queued

_t, _shared = schema.message, schema.shared_body
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
                row = {
                    "id": message.id,
                    "channel": message.channel.value,
                    "kind": message.kind.value,
                    "recipient": message.recipient,
                    "subject": message.subject,
                    "body": own + mark,
                    "shared_body_id": hashlib.sha256(shared).hexdigest() if shared else None,
                    "created_at": message.created_at,
                    "state": MessageState.PENDING.value,
                    "attempts": 0,
                    "next_try_at": message.created_at,
                }
                if insert_new(connection, _t, row) is not None:
                    new.append(message)
                    if shared:
                        insert_new(connection, _shared, {"id": row["shared_body_id"], "body": shared})
        return tuple(new)

    def due_messages(
        self, now: datetime, limit: int = 100, horizon: timedelta = timedelta(days=2)
    ) -> tuple[Queued, ...]:
        """Return pending messages whose time has come, the oldest first.

        A next try further ahead than ``horizon``, and any back-off, was set by a clock that ran ahead, and is due too.
        """
        due = sa.or_(_t.c.next_try_at <= now, _t.c.next_try_at > now + horizon)
        with self._database.reading() as connection:
            return _messages(connection, _t.c.state == MessageState.PENDING.value, due, limit=limit)

    def mark_sent(self, message_id: str, at: datetime) -> None:
        """Note that a message was sent."""
        self._settle(message_id, {"state": MessageState.SENT.value, "settled_at": at, "next_try_at": None})

    def claim_message(self, queued: Queued, by: str, until: datetime) -> bool:
        """Claim a due message before it is sent: one of all who try at once gets it, until it is due again.

        False if it has changed meanwhile: another has claimed it, or it is sent.
        """
        seen = (
            _t.c.id == queued.message.id,
            _t.c.state == queued.state.value,
            _t.c.attempts == queued.attempts,
            _t.c.next_try_at == queued.next_try_at,
            _t.c.claimed_by.is_not_distinct_from(queued.claimed_by),
        )
        claimed = sa.update(_t).where(*seen).values(claimed_by=by, next_try_at=until).returning(_t.c.id)
        with self._database.writing() as connection:
            return connection.execute(claimed).scalar() is not None

    def release_messages(self, ended: Callable[[str], bool], at: datetime) -> None:
        """Make due the messages of claiming processes that have ended."""
        with self._database.reading() as connection:
            claimed = set(connection.execute(sa.select(_t.c.claimed_by).distinct()).scalars()) - {None}
        over = [by for by in claimed if ended(by)]
        if over:
            values = {"claimed_by": None, "next_try_at": at}
            with self._database.writing() as connection:
                connection.execute(sa.update(_t).where(_t.c.claimed_by.in_(over)).values(values))

    def forget_bodies(self, before: datetime) -> None:
        """Remove the bodies of messages that were sent or given up before a moment; that they were made stays known."""
        old = (_t.c.settled_at < before, sa.or_(_t.c.body != b"", _t.c.shared_body_id.is_not(None)))
        with self._database.reading() as connection:
            if connection.execute(sa.select(_t.c.id).where(*old).limit(1)).scalar() is None:
                return
        needed = sa.select(_t.c.shared_body_id).where(_t.c.shared_body_id.is_not(None))
        with self._database.writing() as connection:
            connection.execute(sa.update(_t).where(*old).values(body=b"", shared_body_id=None))
            connection.execute(sa.delete(_shared).where(_shared.c.id.not_in(needed)))

    def postpone(self, message_id: str, next_try_at: datetime) -> None:
        """Leave a message for later without a try."""
        self._settle(message_id, {"next_try_at": next_try_at})

    def mark_failed(self, message_id: str, at: datetime, error: str, next_try_at: datetime | None) -> None:
        """Note that a try to send a message failed; without a next try it is given up."""
        values = {"attempts": _t.c.attempts + 1, "last_error": error, "next_try_at": next_try_at}
        if next_try_at is None:
            values |= {"state": MessageState.GIVEN_UP.value, "settled_at": at}
        self._settle(message_id, values)

    def messages(self, state: MessageState | None = None, limit: int = 100) -> tuple[Queued, ...]:
        """Return messages of the outbox, in a state if one is named; the oldest first."""
        with self._database.reading() as connection:
            return _messages(connection, *([] if state is None else [_t.c.state == state.value]), limit=limit)

    def message(self, message_id: str) -> Queued | None:
        """Return a message of the outbox; None if there is none of this id."""
        with self._database.reading() as connection:
            found = _messages(connection, _t.c.id == message_id, limit=1)
        return found[0] if found else None

    def known_messages(self, ids: Iterable[str]) -> frozenset[str]:
        """Return the ids among some that the outbox knows, in any state."""
        with self._database.reading() as connection:
            found = connection.execute(sa.select(_t.c.id).where(_t.c.id.in_(list(ids)))).scalars()
            return frozenset(found)

    def message_counts(self) -> dict[MessageState, int]:
        """Return the number of messages in each state."""
        query = sa.select(_t.c.state, sa.func.count()).group_by(_t.c.state)
        with self._database.reading() as connection:
            found = {row[0]: row[1] for row in connection.execute(query)}
        return {state: found.get(state.value, 0) for state in MessageState}

    def _settle(self, message_id: str, values: dict[str, object]) -> None:
        # Sent and failed messages keep their state.
        which = (_t.c.id == message_id, _t.c.state == MessageState.PENDING.value)
        with self._database.writing() as connection:
            connection.execute(sa.update(_t).where(*which).values({**values, "claimed_by": None}))


def _messages(connection: sa.Connection, *conditions: sa.ColumnElement[bool], limit: int) -> tuple[Queued, ...]:
    query = sa.select(_t, _shared.c.body.label("shared")).outerjoin(_shared, _shared.c.id == _t.c.shared_body_id)
    query = query.where(*conditions).order_by(_t.c.created_at, _t.c.id).limit(limit)
    return tuple(_queued(row) for row in connection.execute(query).mappings())


def _queued(row: sa.RowMapping) -> Queued:
    message = Message(
        id=row["id"],
        channel=Channel(row["channel"]),
        kind=Kind(row["kind"]),
        recipient=row["recipient"],
        subject=row["subject"],
        body=row["body"] + (row["shared"] or b""),
        created_at=row["created_at"],
    )
    return Queued(
        message,
        MessageState(row["state"]),
        row["attempts"],
        row["next_try_at"],
        row["settled_at"],
        row["last_error"],
        row["claimed_by"],
    )
