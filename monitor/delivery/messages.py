"""Plain records of messages and recipients, composed into messages here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path

from ..base.outgoing import Channel


class DigestPeriod(StrEnum):
    """Frequency of a reader's digest."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Subscriber to messages."""

    channel: Channel
    name: str  # Address of a mail; name of a configured webhook or notification
    alerts: bool = True  # True if alerts are sent to it
    digest: DigestPeriod = DigestPeriod.WEEKLY
    operator: bool = False  # True if failures of the monitor itself are sent to it
    when_quiet: bool = True  # True if a digest comes in a period without news
    models: tuple[str, ...] = ()  # Ids or names of models whose official ranks each digest has


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Defaults that all messages of an installation share."""

    sender: str  # From of the mails, an address with or without a name
    link: str = ""  # Address of the published site; empty if there is none
    # ``mailto:`` or ``https:`` address of List-Unsubscribe, ``{address}`` standing for the recipient; empty asks
    # the sender.
    unsubscribe: str = ""
    templates: Path | None = None  # Folder of the user's own templates


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart of a mail: a PNG, the finding in words, and the same for readers who do not see it."""

    name: str
    title: str
    description: str
    png: bytes
    width: int


@dataclass(frozen=True, slots=True)
class HeadlineFigure:
    """A headline figure at the end of a period and before it; None where there is none."""

    name: str  # Key of `history.figures.FIGURES`
    now: float | None
    # 95 %
    now_interval: tuple[float, float] | None = None
    before: float | None = None
    before_interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """A change of an alert: firing or resolved."""

    domain: str
    rule: str
    fired: bool
    words: str  # One sentence: what was seen, and the bound
    as_of: datetime  # Moment of the board
    board: str  # Content digest of the board, which makes the message one
    figure: HeadlineFigure | None = None  # Figure that the rule watches
    simulated: bool = False

    @property
    def state(self) -> str:
        """Return its state in a word."""
        return "firing" if self.fired else "resolved"


@dataclass(frozen=True, slots=True)
class Digest:
    """Events of a leaderboard in a period."""

    domain: str
    period: DigestPeriod
    # Both included
    first: date
    last: date
    # Of the newest board
    as_of: datetime
    models: int
    benchmarks: int
    figures: Sequence[HeadlineFigure]
    news: str  # The subject: changes of the board and its agreement, in a few words
    # A judgement by a fixed rule, and a sentence with figure and interval.
    verdict: str
    answer: str
    # Sentences with figure, interval, value before and reason, the weightiest first; each with the anchor of more.
    changes: Sequence[tuple[str, str]] = ()
    # Sentences on models by the id or name that a recipient follows.
    followed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    alerts: Sequence[Alert] = ()  # Alerts that began to fire or were resolved in the period
    active: Sequence[Alert] = ()  # Alerts that fire since before the period
    picture: Picture | None = None
    report: str = ""  # Page of the report on the board below the site's address
    quiet: bool = False  # The board did not change and no alert did
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class OperatorNote:
    """A message to the operator: a failure, or its end."""

    occasion: str  # The same for the same failure, so that one message is sent
    subject: str  # One line
    words: str  # Event and next step; paragraphs are separated by blank lines
    facts: Sequence[tuple[str, str]] = ()  # Terms and their texts
