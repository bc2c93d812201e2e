"""What the store is handed and answers, as plain records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """What became of one attempt to read a source."""

    STORED = "stored"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    FAILED = "failed"


class UnreadCell(Protocol):
    """A cell of a payload that could not be read, as a source describes it."""

    @property
    def model_id(self) -> int: ...  # noqa: D102
    @property
    def model(self) -> str: ...  # noqa: D102
    @property
    def benchmark(self) -> str: ...  # noqa: D102
    @property
    def value(self) -> str: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class SetAside:
    """A cell that could not be read when its snapshot was stored; it counts as NEVER run."""

    model_id: int
    model: str
    benchmark: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What adding a snapshot did.

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
    """What is known of a stored snapshot without rebuilding it.

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
        Hash of the content: equal for equal boards, whatever their body, source or moment.
    models, benchmarks : int
        Models, and leaves under the ranked aggregate.
    states : mapping of str to int
        Cells of these leaves that are SCORED, FAILED and NEVER.
    reconstructed, simulated : bool
        As in the snapshot.
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
        Hash of the body as received; None if nothing usable was.
    set_aside : int
        How many cells could not be read.
    message : str
        Why it was refused or failed; empty otherwise.
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
