"""Plain records of messages and recipients, composed into messages here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    """

    channel: Channel
    name: str
    alerts: bool = True
    digest: DigestPeriod = DigestPeriod.WEEKLY
    operator: bool = False


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
        ``mailto:`` or ``https:`` address of List-Unsubscribe; empty for the sender's.
    templates : Path or None
        Folder of the user's own templates.
    """

    sender: str
    link: str = ""
    unsubscribe: str = ""
    templates: Path | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure of a mail: a PNG, what it shows in words for who does not see it, and how to read it for who does."""

    name: str
    title: str
    description: str
    png: bytes
    width: int
    caption: str = ""


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
    changelog : sequence of str
        What came, went or changed on the board, in words.
    causes : sequence of str
        What each figure's change is due to, in words.
    alerts : sequence of Alert
        That fired or ended in the period.
    active : sequence of Alert
        That fired and have not ended.
    pictures : sequence of Picture
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
    changelog: Sequence[str] = ()
    causes: Sequence[str] = ()
    alerts: Sequence[Alert] = ()
    active: Sequence[Alert] = ()
    pictures: Sequence[Picture] = ()
    simulated: bool = False

    @property
    def quiet(self) -> bool:
        """Return whether nothing happened."""
        return not (self.changelog or self.causes or self.alerts)


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
