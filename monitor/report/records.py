"""Records of a report, in the order of the page: every number is formatted, so that templates only display."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from brainalign_plugin.plot.chart import Chart

ColumnKind = Literal["text", "number", "name", "prose"]
Tone = Literal["holds", "weaker", "fails", "unknown"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: a ``name`` is foreign text on one line, ``prose`` on several."""

    label: str
    kind: ColumnKind = "number"
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first cell of each row is its header."""

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    shown: int = 0  # Rows that a reader sees before asking for all; 0 is all
    models: tuple[str, ...] = ()  # Model id of each row; empty where rows are no models
    panels: tuple[str, ...] = ()  # Names of the panels that each row's model is on
    links: tuple[str, ...] = ()  # Address of each row's page, seen from this page; empty where rows have none


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judgement by a fixed rule: its words and a tone for the style sheet."""

    words: str
    tone: Tone


@dataclass(frozen=True, eq=False)
class Figure:
    """A chart's place on the page; ``answer`` is true where its title is the section's answer."""

    id: str
    chart: Chart
    answer: bool = False
    wide: bool = False


@dataclass(frozen=True, eq=False)
class Section:
    """A question, the sentence that answers it, and what shows it."""

    id: str
    question: str
    answer: str
    how: str = ""  # Method of the figures
    verdict: Verdict | None = None
    points: tuple[str, ...] = ()  # Further sentences
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    code: str = ""  # Shown as it is: BibTeX
    links: tuple[str, ...] = ()  # Anchor of the section that says more on each point; empty where points have none


class _OfSections:
    sections: tuple[Section, ...]

    @property
    def figures(self) -> list[Figure]:
        """All charts, in the order of the page."""
        return [figure for section in self.sections for figure in section.figures]


@dataclass(frozen=True, eq=False)
class Report(_OfSections):
    """One report, ready to be displayed."""

    title: str
    as_of: str  # Of the board; empty for a board without a date
    size: str
    simulated: bool
    reconstructed: bool
    sections: tuple[Section, ...]
    left_out: tuple[str, ...] = ()  # Questions that this board cannot answer, with the reason
    panels: tuple[tuple[str, str, str], ...] = ()  # Boards to switch between: key, name, headline in words
    models: tuple[tuple[str, str, str], ...] = ()  # All, the best official rank first: id, name, words for the search
    # Scores and correlations from which the page draws any pair of benchmarks; empty without correlations.
    pairs: Mapping[str, Any] = field(default_factory=dict)
    # Figures over time, from which the page draws any of them; empty without a past.
    series: Mapping[str, Any] = field(default_factory=dict)
    # Scheme, its words, and the ranks of the models of the poster's board in the order of `models`
    schemes: tuple[tuple[str, str, tuple[int | None, ...]], ...] = ()
    citations: tuple[tuple[str, str], ...] = ()  # Work and its BibTeX entry, empty where it is not known
    command: str = ""  # The command line that makes the same bytes again
    facts: tuple[tuple[str, str], ...] = ()  # Term and value
    brain_score: bool = True


@dataclass(frozen=True, eq=False)
class Page(_OfSections):
    """A page of the site."""

    kind: str  # Of the page: model, benchmark, compare, average
    path: str  # Below the site
    heading: str
    answer: str
    sections: tuple[Section, ...]
    links: tuple[tuple[str, str], ...] = ()  # Shown under the heading: address and words
    # Links for programs, by path below the site
    files: Mapping[str, bytes] = field(default_factory=dict)
    script: str = ""  # Name of a script of its own; empty if it has none
    data: Mapping[str, Any] = field(default_factory=dict)  # Data for that script
