"""Tables as lines of JSON, the same for every database, and back."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from ..base.errors import StoreError
from . import schema
from .records import MessageState

_BATCH = 5000
# Columns of a message with its recipient and content.
_OF_PEOPLE = frozenset({"recipient", "subject", "body", "shared_body_id", "last_error"})
_PENDING = MessageState.PENDING.value


def dump_table(connection: sa.Connection, table: sa.Table, *, public: bool = False) -> Iterator[bytes]:
    """Yield the columns' names, then the rows as stored, a JSON array per line, in the order of the primary key.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    public : bool
        Leave out messages that wait to be sent, which name their recipients.
    """
    yield _line([column.name for column in table.columns])
    columns = [_shared(table, column).label(column.name) for column in table.columns]
    query = sa.select(*columns).select_from(table).order_by(*table.primary_key.columns)
    if table is schema.shared_body:
        pending = sa.exists().where(
            schema.message.c.shared_body_id == table.c.id, schema.message.c.state == _PENDING
        )
        query = query.where(sa.false() if public else pending)
    if table is schema.message and public:
        query = query.where(table.c.state != _PENDING)
    rows = connection.execution_options(yield_per=_BATCH).execute(query)
    for row in rows:
        yield _line([_plain(value) for value in row])


def load_table(connection: sa.Connection, name: str, lines: Iterable[bytes]) -> int:
    """Replace the rows of a table, as it is in the database at this moment, by those of a dump.

    Returns their number. Raises StoreError if the lines do not fit the table.

    Parameters
    ----------
    connection : Connection
        In a writing transaction.
    lines : iterable of bytes
        As `dump_table` gave them.
    """
    feed = iter(lines)
    try:
        names = json.loads(next(feed))
        there = {column["name"]: column["type"] for column in sa.inspect(connection).get_columns(name)}
        if not isinstance(names, list) or set(names) != there.keys():
            raise ValueError(f"its columns are {names}, those of the store {sorted(there)}")
        # Rows that a migration wrote into the new store are replaced by those of the backup.
        connection.execute(sa.delete(sa.table(name)))
        table = sa.table(name, *(sa.column(column, there[column]) for column in names))
        count, batch = 0, []
        for line in feed:
            batch.append(dict(zip(names, map(_value, json.loads(line)), strict=True)))
            if len(batch) == _BATCH:
                connection.execute(sa.insert(table), batch)
                count, batch = count + len(batch), []
        if batch:
            connection.execute(sa.insert(table), batch)
    except (ValueError, KeyError, TypeError, StopIteration, sa.exc.NoSuchTableError) as cause:
        raise StoreError(
            f"the table {name!r} of the backup cannot be read: {cause}; nothing was restored"
        ) from cause
    return count + len(batch)


def _shared(table: sa.Table, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return a column as it is stored; of a settled message neither recipient nor content."""
    stored = sa.type_coerce(column, _stored(column))
    if table.name != "message" or column.name not in _OF_PEOPLE:
        return stored
    empty = None if column.nullable else b"" if column.name == "body" else ""
    return sa.case((table.c.state != _PENDING, sa.literal(empty, _stored(column))), else_=stored)


def _stored(column: sa.Column[Any]) -> Any:
    """Return the type in the database, without Python's conversion."""
    return column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type


def _line(values: list[Any]) -> bytes:
    return json.dumps(values, separators=(",", ":"), ensure_ascii=True).encode("ascii") + b"\n"


def _plain(value: Any) -> Any:
    return (
        {"base64": base64.b64encode(value).decode("ascii")}
        if isinstance(value, bytes | memoryview)
        else value
    )


def _value(value: Any) -> Any:
    return base64.b64decode(value["base64"], validate=True) if isinstance(value, dict) else value
