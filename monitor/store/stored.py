"""Plain records of what is stored; `schema` makes a column of each field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ..base.outgoing import Message


class Outcome(StrEnum):
    """Outcome of one attempt to read a source."""

    STORED = "stored"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Stored:
    """Outcome of adding a snapshot."""

    # The snapshot's number in the store: a new one, or that of the snapshot which was there already.
    id: int
    new: bool  # The store has one snapshot more
    # Scores that begin to hold with this snapshot, and scores that no longer do.
    rows_added: int
    rows_closed: int


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """Facts about a stored snapshot without rebuilding it."""

    id: int
    domain: str
    # The moment that the board describes, and the moment at which we first had it (UTC).
    as_of_time: datetime
    seen_at: datetime
    # As in the snapshot.
    source: str
    sha256: str
    # Hash of the body as received, under which it is kept. It differs from `sha256` if what was received is an
    # exported snapshot, which names the body that it was made from.
    body_sha256: str
    digest: str  # Hash of the content: equal for equal boards of any body, source or moment
    # Models, leaves under the ranked aggregate, and cells of these leaves by their state.
    models: int
    benchmarks: int
    scored: int
    failed: int
    never: int
    # As in the snapshot.
    reconstructed: bool
    simulated: bool
    # The last later moment for which the same content was seen; None if it was not seen again.
    seen_until: datetime | None = None
    # When the newest score of a leaf was made; None if no score has a time.
    newest_score_at: datetime | None = None

    @property
    def states(self) -> Mapping[str, int]:
        """Return the number of cells that are SCORED, FAILED and NEVER."""
        return {"SCORED": self.scored, "FAILED": self.failed, "NEVER": self.never}

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
    """One attempt to read a source."""

    id: int
    at: datetime  # When it was made (UTC)
    source: str
    domain: str
    outcome: Outcome
    snapshot_id: int | None  # The snapshot that it brought or met again
    # Hash of the body as received, if it is kept: that of an unchanged board is not.
    body_sha256: str | None
    rejected: int  # Number of cells that could not be read
    # Why it was refused or failed, or notes on what was not believed of a board that was read.
    message: str
    error: str | None  # Name of the error's class
    # The moment that the board describes; None if nothing usable came.
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
    """A job in one slot of its schedule."""

    id: int
    job: str
    slot: datetime  # The moment for which it was due (UTC)
    state: RunState  # `lost`: its process ended before the job; `missed`: no process did it
    attempt: int  # Number of times that it was begun, from 1
    host: str
    pid: int  # The process that began it last
    started_at: datetime
    ended_at: datetime | None
    error: str | None  # Name of the class of the error with which it ended
    message: str  # Message of the error; empty otherwise


class MessageState(StrEnum):
    """State of a message in the outbox."""

    PENDING = "pending"
    SENT = "sent"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Queued:
    """A message of the outbox."""

    message: Message
    state: MessageState
    attempts: int  # Tries to send it that failed
    next_try_at: datetime | None  # None once it is sent or given up
    settled_at: datetime | None  # When that was
    last_error: str
    claimed_by: str | None = None  # Name of the sending process


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is new with a snapshot."""

    snapshot_id: int
    kind: str  # Such as `alert firing`
    # A rule, a figure. There is one finding of a kind about a subject in a snapshot.
    subject: str
    found_at: datetime
    words: str  # One sentence
    data: Mapping[str, Any]  # The same for programs, as JSON can hold it


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that has been failing since its last success."""

    name: str
    failures: int  # In a row
    # The first and the last of them.
    since: datetime
    last_at: datetime
    raised_at: datetime | None  # Time of the message to the operator; None if there was none
    message: str  # Message of the last failure
