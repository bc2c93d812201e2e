"""Sightings of a board: equal content next to a stored snapshot extends its time, a board in between splits it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from . import schema
from .infos import read_info
from .snapshots import read_snapshots, write_snapshot

_t, _pull = schema.snapshot, schema.pull


def seen_again(connection: sa.Connection, chain: int, moment: datetime, digest: str) -> int | None:
    """Note that content was seen for a moment, on its snapshot.

    Returns the snapshot's number; None if the content is news: that of the board before or after differs.
    """
    boards = sa.select(_t.c.id, _t.c.as_of_time, _t.c.seen_until, _t.c.digest).where(_t.c.chain_id == chain)
    equal = boards.where(_t.c.digest == digest)
    # Of a moment for which several boards were seen, each is known.
    sighted = sa.select(_pull.c.snapshot_id).where(_pull.c.as_of_time == moment)
    known = sa.or_(_t.c.as_of_time == moment, _t.c.id.in_(sighted))
    same = connection.execute(equal.where(known).order_by(_t.c.id.desc()).limit(1)).one_or_none()
    if same is not None:
        return int(same.id)
    until = boards.where(_t.c.as_of_time <= moment).order_by(_t.c.as_of_time.desc(), _t.c.id.desc())
    before = connection.execute(until.limit(1)).one_or_none()
    if before is not None and before.digest == digest:
        if moment > (before.seen_until or before.as_of_time):
            _update(connection, before.id, seen_until=moment)
        return int(before.id)
    if before is not None and before.seen_until is not None and before.seen_until > moment:
        return None
    later = boards.where(_t.c.as_of_time > moment).order_by(_t.c.as_of_time, _t.c.id)
    after = connection.execute(later.limit(1)).one_or_none()
    if after is None or after.digest != digest:
        return None
    _update(connection, after.id, as_of_time=moment, seen_until=after.seen_until or after.as_of_time)
    return int(after.id)


def write_rest_of_split(connection: sa.Connection, chain: int, new: int) -> None:
    """Write the board again that was seen before and after a new snapshot between the sightings."""
    moment = read_info(connection, new).as_of_time
    covers = sa.and_(_t.c.as_of_time <= moment, _t.c.seen_until > moment, _t.c.id != new)
    split = connection.execute(sa.select(_t.c.id).where(_t.c.chain_id == chain, covers).limit(1)).scalar()
    if split is None:
        return
    info = read_info(connection, split)
    (board,) = read_snapshots(connection, [info])
    sightings = connection.execute(
        sa.select(_pull.c.as_of_time, _pull.c.at)
        .where(_pull.c.snapshot_id == split, _pull.c.as_of_time.is_not(None))
        .order_by(_pull.c.as_of_time, _pull.c.at)
    ).all()
    # The last sighting is known even if no pull is logged any more.
    begins, seen_at = next(((s, at) for s, at in sightings if s > moment), (info.until_time, info.seen_at))
    earlier = [s for s, _ in sightings if info.as_of_time < s <= moment]
    _update(connection, split, seen_until=max(earlier, default=None))
    row = {
        "seen_at": seen_at,
        "body_sha256": info.body_sha256,
        "digest": info.digest,
        "seen_until": info.until_time if info.until_time > begins else None,
    }
    rest, _ = write_snapshot(connection, chain, replace(board, as_of_time=begins), row)
    connection.execute(
        sa.update(_pull)
        .where(_pull.c.snapshot_id == split, _pull.c.as_of_time > moment)
        .values(snapshot_id=rest)
    )


def rebuilt_again(
    connection: sa.Connection, chain: int, moment: datetime, digest: str, body: str
) -> int | None:
    """Find a reconstructed board of a moment, of the same body or content; None if there is none."""
    same = sa.or_(_t.c.body_sha256 == body, _t.c.digest == digest)
    query = sa.select(_t.c.id).where(_t.c.chain_id == chain, _t.c.as_of_time == moment, same)
    found: int | None = connection.execute(query.order_by(_t.c.id.desc()).limit(1)).scalar()
    return found


def _update(connection: sa.Connection, number: int, **values: datetime | None) -> None:
    connection.execute(sa.update(_t).where(_t.c.id == number).values(**values))
