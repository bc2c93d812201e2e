"""What the page says of a board's past, as plain records."""

from __future__ import annotations

from dataclasses import dataclass

from .records import Figure, Table


@dataclass(frozen=True, slots=True)
class Break:
    """Something that happened to the leaderboard or to the sample: a letter in the charts, a day, and a sentence."""

    letter: str
    when: str
    text: str


@dataclass(frozen=True, slots=True)
class ChartGroup:
    """Charts of figures that belong together."""

    title: str
    charts: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """What moved between two boards that follow each other.

    Attributes
    ----------
    when, letter : str
        The letter is empty if the step is no break.
    summary : str
        The largest news.
    reasons : tuple of str
        By name and count.
    table : Table
        Every figure that moved, and the part of each step of the path.
    """

    when: str
    letter: str
    summary: str
    reasons: tuple[str, ...]
    table: Table


@dataclass(frozen=True, slots=True)
class SincePrevious:
    """Changes since the board before: sentences, every figure that moved and the reasons, and the official ranks."""

    text: str
    lines: tuple[str, ...]
    reasons: tuple[str, ...]
    figures: Table
    ranks: Table


@dataclass(frozen=True, slots=True)
class HistorySection:
    """The figures over time; `headline` is for the reader of the page's first screen."""

    headline: str
    text: str
    panels: str
    since: SincePrevious | None
    groups: tuple[ChartGroup, ...]
    breaks: tuple[Break, ...]
    breaks_text: str
    steps: tuple[Step, ...]
    cohorts: Figure
    cohorts_table: Table
    panel_tables: tuple[Table, ...]
