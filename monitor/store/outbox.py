"""The outbox: messages that are stored with what they tell, and sent afterwards until they arrive or are given up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from ..messages import Channel, Kind, Message
from . import schema
from .database import AnyDatabase, insert_new
from .records import MessageState, Queued
from .schema import check_zone

_t = schema.message


class Outbox:
    """Messages of a store."""

    _database: AnyDatabase

    def enqueue(self, messages: Iterable[Message]) -> tuple[Message, ...]:
        """Queue messages, each to be sent as soon as possible.

        Returns
        -------
        tuple of Message
            Those that are new; a message is known by its id, and what is known is queued or was sent.
        """
        new = []
        with self._database.writing() as connection:
            for message in messages:
                check_zone("created_at", message.created_at)
                row = {
                    "id": message.id,
                    "channel": message.channel.value,
                    "kind": message.kind.value,
                    "recipient": message.recipient,
                    "subject": message.subject,
                    "body": message.body,
                    "created_at": message.created_at,
                    "state": MessageState.PENDING.value,
                    "attempts": 0,
                    "next_try_at": message.created_at,
                }
                if insert_new(connection, _t, row) is not None:
                    new.append(message)
        return tuple(new)

    def due_messages(
        self, now: datetime, limit: int = 100, horizon: timedelta = timedelta(days=2)
    ) -> tuple[Queued, ...]:
        """Return pending messages whose time has come, the oldest first.

        Parameters
        ----------
        now : datetime
        limit : int
        horizon : timedelta
            A next try further ahead than any back-off was set by a clock that ran ahead, and is due too.
        """
        check_zone("now", now)
        due = sa.or_(_t.c.next_try_at <= now, _t.c.next_try_at > now + horizon)
        with self._database.reading() as connection:
            return _messages(connection, _t.c.state == MessageState.PENDING.value, due, limit=limit)

    def mark_sent(self, message_id: str, at: datetime) -> None:
        """Note that a message was sent."""
        check_zone("at", at)
        self._settle(message_id, {"state": MessageState.SENT.value, "settled_at": at, "next_try_at": None})

    def postpone(self, message_id: str, next_try_at: datetime) -> None:
        """Leave a message for later without a try; for now, as a try of whether the store can be written to."""
        check_zone("next_try_at", next_try_at)
        self._settle(message_id, {"next_try_at": next_try_at})

    def mark_failed(self, message_id: str, at: datetime, error: str, next_try_at: datetime | None) -> None:
        """Note that a try to send a message failed.

        Parameters
        ----------
        message_id : str
        at : datetime
        error : str
            What the error said.
        next_try_at : datetime or None
            None gives it up.
        """
        check_zone("at", at)
        values = {"attempts": _t.c.attempts + 1, "last_error": error, "next_try_at": next_try_at}
        if next_try_at is None:
            values |= {"state": MessageState.GIVEN_UP.value, "settled_at": at}
        self._settle(message_id, values)

    def messages(self, state: MessageState | None = None, limit: int = 100) -> tuple[Queued, ...]:
        """Return messages of the outbox, in a state if one is named; the oldest first."""
        with self._database.reading() as connection:
            return _messages(connection, *([] if state is None else [_t.c.state == state.value]), limit=limit)

    def known_messages(self, ids: Iterable[str]) -> frozenset[str]:
        """Those of some ids that the outbox knows, whatever became of their messages."""
        with self._database.reading() as connection:
            found = connection.execute(sa.select(_t.c.id).where(_t.c.id.in_(list(ids)))).scalars()
            return frozenset(found)

    def message_counts(self) -> dict[MessageState, int]:
        """How many messages are in each state."""
        query = sa.select(_t.c.state, sa.func.count()).group_by(_t.c.state)
        with self._database.reading() as connection:
            found = {row[0]: row[1] for row in connection.execute(query)}
        return {state: found.get(state.value, 0) for state in MessageState}

    def _settle(self, message_id: str, values: dict[str, object]) -> None:
        # What was sent or given up stays so.
        which = (_t.c.id == message_id, _t.c.state == MessageState.PENDING.value)
        with self._database.writing() as connection:
            connection.execute(sa.update(_t).where(*which).values(values))


def _messages(
    connection: sa.Connection, *conditions: sa.ColumnElement[bool], limit: int
) -> tuple[Queued, ...]:
    query = sa.select(_t).where(*conditions).order_by(_t.c.created_at, _t.c.id).limit(limit)
    return tuple(_queued(row) for row in connection.execute(query).mappings())


def _queued(row: sa.RowMapping) -> Queued:
    message = Message(
        id=row["id"],
        channel=Channel(row["channel"]),
        kind=Kind(row["kind"]),
        recipient=row["recipient"],
        subject=row["subject"],
        body=row["body"],
        created_at=row["created_at"],
    )
    return Queued(
        message,
        MessageState(row["state"]),
        row["attempts"],
        row["next_try_at"],
        row["settled_at"],
        row["last_error"],
    )
