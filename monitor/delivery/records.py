"""Plain records of messages and recipients, composed into messages here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path

from ..base.messages import Channel


class DigestPeriod(StrEnum):
    """Frequency of a reader's digest."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Subscriber to messages.

    Attributes
    ----------
    channel : Channel
    name : str
        Address of a mail; name of a configured webhook or notification.
    alerts : bool
        Whether alerts are sent to it.
    digest : DigestPeriod
    operator : bool
        Whether failures of the monitor itself are sent to it.
    when_quiet : bool
        Whether a digest comes in a period without news.
    models : tuple of str
        Ids or names of models whose official ranks each digest has.
    """

    channel: Channel
    name: str
    alerts: bool = True
    digest: DigestPeriod = DigestPeriod.WEEKLY
    operator: bool = False
    when_quiet: bool = True
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Defaults that all messages of an installation share.

    Attributes
    ----------
    sender : str
        From of the mails, an address with or without a name.
    link : str
        Address of the published site; empty if there is none.
    unsubscribe : str
        ``mailto:`` or ``https:`` address of List-Unsubscribe, ``{address}`` standing for the recipient; empty asks the
        sender.
    templates : Path or None
        Folder of the user's own templates.
    """

    sender: str
    link: str = ""
    unsubscribe: str = ""
    templates: Path | None = None


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
    """A headline figure at the end of a period and before it; None where there is none.

    Attributes
    ----------
    name : str
        Key of `history.figures.FIGURES`.
    now, before : float or None
    now_interval, before_interval : (float, float) or None
        95 %.
    """

    name: str
    now: float | None
    now_interval: tuple[float, float] | None = None
    before: float | None = None
    before_interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """A change of an alert: firing or resolved.

    Attributes
    ----------
    domain : str
    rule : str
    fired : bool
    words : str
        One sentence: what was seen, and the bound.
    as_of : datetime
        Moment of the board.
    board : str
        Content digest of the board, which makes the message one.
    figure : HeadlineFigure or None
        What the rule watches.
    simulated : bool
    """

    domain: str
    rule: str
    fired: bool
    words: str
    as_of: datetime
    board: str
    figure: HeadlineFigure | None = None
    simulated: bool = False

    @property
    def state(self) -> str:
        """Return its state in a word."""
        return "firing" if self.fired else "resolved"


@dataclass(frozen=True, slots=True)
class NewsLine:
    """A sentence, and the anchor of the report's section that says more."""

    text: str
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Digest:
    """Events of a leaderboard in a period.

    Attributes
    ----------
    domain : str
    period : DigestPeriod
    first, last : date
        Both included.
    as_of : datetime
        Moment of the newest board.
    models, benchmarks : int
        Of the newest board.
    figures : sequence of HeadlineFigure
    news : str
        The subject: changes of the board and its agreement, in a few words.
    verdict, answer : str
        A judgement by a fixed rule, and a sentence with figure and interval.
    changes : sequence of NewsLine
        Each with figure, interval, value before and reason, the weightiest first.
    followed : mapping of str to sequence of str
        Sentences on models by the id or name that a recipient follows.
    alerts : sequence of Alert
        That came to fire or were resolved in the period.
    active : sequence of Alert
        That fire since before the period.
    picture : Picture or None
    report : str
        Page of the report on the board below the site's address.
    quiet : bool
        The board did not change and no alert did.
    simulated : bool
    """

    domain: str
    period: DigestPeriod
    first: date
    last: date
    as_of: datetime
    models: int
    benchmarks: int
    figures: Sequence[HeadlineFigure]
    news: str
    verdict: str
    answer: str
    changes: Sequence[NewsLine] = ()
    followed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    alerts: Sequence[Alert] = ()
    active: Sequence[Alert] = ()
    picture: Picture | None = None
    report: str = ""
    quiet: bool = False
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class OperatorNote:
    """A message to the operator: a failure, or its end.

    Attributes
    ----------
    occasion : str
        The same for the same failure, so that one message is sent.
    subject : str
        One line.
    words : str
        What happened and what to do next; paragraphs are separated by blank lines.
    facts : sequence of (str, str)
        Terms and their texts.
    """

    occasion: str
    subject: str
    words: str
    facts: Sequence[tuple[str, str]] = ()
