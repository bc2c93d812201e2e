"""Plain records that go into the store and come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ..base.messages import Message

# A finding of this kind has the differences of a board from the one before, which `data` names.
BOARD_CHANGED = "board changed"


class Outcome(StrEnum):
    """Outcome of one attempt to read a source."""

    STORED = "stored"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Stored:
    """Outcome of adding a snapshot.

    Attributes
    ----------
    id : int
        The snapshot's number in the store: a new one, or that of the snapshot which was there already.
    new : bool
        Whether the store has one snapshot more.
    rows_added, rows_closed : int
        Scores that begin to hold with this snapshot, and scores that no longer do.
    """

    id: int
    new: bool
    rows_added: int
    rows_closed: int


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """Facts about a stored snapshot without rebuilding it.

    Attributes
    ----------
    id : int
    domain : str
    as_of_time, seen_at : datetime
        The moment that the board describes, and the moment at which we first had it (UTC).
    source, sha256 : str
        As in the snapshot.
    body_sha256 : str
        Hash of the body as received, under which it is kept. It differs from ``sha256`` if what was received is an
        exported snapshot, which names the body that it was made from.
    digest : str
        Hash of the content: equal for equal boards of any body, source or moment.
    models, benchmarks : int
        Models, and leaves under the ranked aggregate.
    states : mapping of str to int
        Cells of these leaves that are SCORED, FAILED and NEVER.
    reconstructed, simulated : bool
        As in the snapshot.
    seen_until : datetime or None
        The last later moment for which the same content was seen; None if it was not seen again.
    newest_score_at : datetime or None
        When the newest score of a leaf was made; None if no score has a time.
    """

    id: int
    domain: str
    as_of_time: datetime
    seen_at: datetime
    source: str
    sha256: str
    body_sha256: str
    digest: str
    models: int
    benchmarks: int
    states: Mapping[str, int]
    reconstructed: bool
    simulated: bool
    seen_until: datetime | None = None
    newest_score_at: datetime | None = None

    @property
    def until_time(self) -> datetime:
        """The last moment for which this board was seen."""
        return self.seen_until or self.as_of_time

    @property
    def dated(self) -> datetime:
        """The moment from which the age of the board counts: that of its newest score, else its own."""
        return self.newest_score_at or self.as_of_time


@dataclass(frozen=True, slots=True)
class Removed:
    """A snapshot that is no longer there: what is known of it, when it went, and by a policy or by its number."""

    info: SnapshotInfo
    at: datetime
    pruned: bool


@dataclass(frozen=True, slots=True)
class PullRecord:
    """One attempt to read a source.

    Attributes
    ----------
    id : int
    at : datetime
        When it was made (UTC).
    source, domain : str
    outcome : Outcome
    snapshot_id : int or None
        The snapshot that it brought or met again.
    body_sha256 : str or None
        Hash of the body as received, if it is kept: that of an unchanged board is not.
    set_aside : int
        How many cells could not be read.
    message : str
        Why it was refused or failed, or notes on what was not believed of a board that was read.
    error : str or None
        Name of the error's class.
    as_of_time : datetime or None
        The moment that the board describes; None if nothing usable came.
    """

    id: int
    at: datetime
    source: str
    domain: str
    outcome: Outcome
    snapshot_id: int | None
    body_sha256: str | None
    set_aside: int
    message: str
    error: str | None
    as_of_time: datetime | None = None


class RunState(StrEnum):
    """Outcome of a job in a slot of its schedule."""

    CLAIMED = "claimed"
    FINISHED = "finished"
    FAILED = "failed"
    LOST = "lost"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A job in one slot of its schedule.

    Attributes
    ----------
    id : int
    job : str
    slot : datetime
        The moment for which it was due (UTC).
    state : RunState
        ``lost``: its process ended before the job; ``missed``: no process did it.
    attempt : int
        How often it was begun, from 1.
    host : str
    pid : int
        The process that began it last.
    started_at : datetime
    ended_at : datetime or None
    error : str or None
        Name of the class of the error with which it ended.
    message : str
        Message of the error; empty otherwise.
    """

    id: int
    job: str
    slot: datetime
    state: RunState
    attempt: int
    host: str
    pid: int
    started_at: datetime
    ended_at: datetime | None
    error: str | None
    message: str


class MessageState(StrEnum):
    """State of a message in the outbox."""

    PENDING = "pending"
    SENT = "sent"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Queued:
    """A message of the outbox.

    Attributes
    ----------
    message : Message
    state : MessageState
    attempts : int
        Tries to send it that failed.
    next_try_at : datetime or None
        None once it is sent or given up.
    settled_at : datetime or None
        When that was.
    last_error : str
    claimed_by : str or None
        Who is sending it.
    """

    message: Message
    state: MessageState
    attempts: int
    next_try_at: datetime | None
    settled_at: datetime | None
    last_error: str
    claimed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is new with a snapshot.

    Attributes
    ----------
    snapshot_id : int
    kind : str
        Such as ``alert fired``.
    subject : str
        What it is about: a rule, a figure. There is one finding of a kind about a subject in a snapshot.
    found_at : datetime
    words : str
        One sentence.
    data : mapping
        The same for programs, as JSON can hold it.
    """

    snapshot_id: int
    kind: str
    subject: str
    found_at: datetime
    words: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that has been failing since its last success.

    Attributes
    ----------
    name : str
    failures : int
        In a row.
    since, last_at : datetime
        The first and the last of them.
    raised_at : datetime or None
        Time of the message to the operator; None if there was none.
    message : str
        Message of the last failure.
    """

    name: str
    failures: int
    since: datetime
    last_at: datetime
    raised_at: datetime | None
    message: str
