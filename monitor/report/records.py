"""What a report says, as plain records: built first, so that the templates have nothing left to do but display.

Every number is formatted already and foreign text is fit to be shown; escaping is the templates' part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .wording import UNKNOWN

if TYPE_CHECKING:
    # It is made of the records of this module.
    from .history_records import HistorySection

CellValue = str | float | int | None
ColumnKind = Literal["text", "number", "name", "code"]
MarkKind = Literal["here", "beside", "arxiv", "workshop"]


@dataclass(frozen=True, slots=True)
class Fact:
    """A word and what there is to say under it."""

    term: str
    text: str


@dataclass(frozen=True, slots=True)
class Share:
    """One of the shares that make up a bar; `start` and `width` are per cent of its length."""

    name: str
    text: str
    start: str
    width: str


@dataclass(frozen=True, slots=True)
class Header:
    """The head of the page."""

    title: str
    as_of: str
    models: str
    benchmarks: str
    cleaned: str
    states: tuple[Share, ...]
    simulated: bool
    reconstructed: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A figure on a number line; `at` is its place in per cent of the line."""

    kind: MarkKind
    at: str
    text: str


@dataclass(frozen=True, slots=True)
class NumberLine:
    """A line from `low` to `high`; `zero` is the place of zero in per cent, if it lies inside."""

    low: str
    high: str
    zero: str | None
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of the poster beside this snapshot's figure.

    Attributes
    ----------
    claim : str
        What the poster says.
    figure, caption : str
        The headline figure, and what it is.
    verdict : str
        ``holds here``, ``weaker here``, ``does not hold here`` or ``cannot be said``.
    tone : str
        A word for the style sheet: ``holds``, ``weaker``, ``fails`` or ``unknown``.
    reason : str
        One sentence, made from the numbers.
    line : NumberLine or None
    rule : str
        How the verdict is reached.
    """

    claim: str
    figure: str
    caption: str
    verdict: str
    tone: str
    reason: str
    line: NumberLine | None
    rule: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row of the comparison with the published figures."""

    name: str
    here: str
    arxiv: str = UNKNOWN
    workshop: str = UNKNOWN
    note: str = ""


@dataclass(frozen=True, slots=True)
class ComparisonGroup:
    """Rows of the comparison that belong to one claim."""

    title: str
    rows: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: a ``name`` is foreign text, a ``code`` an identifier, a ``number`` is right-aligned."""

    label: str
    kind: ColumnKind = "number"
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first cell of each row is its header.

    Attributes
    ----------
    id : str
    caption : str
    columns : tuple of Column
    rows : tuple of tuple of str
    depths : tuple of int
        How far each row is indented, for a tree; empty for none.
    """

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    depths: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart's place on the page: what it shows in words, or why it is not there."""

    id: str
    title: str
    description: str
    missing: str = ""


@dataclass(frozen=True, slots=True)
class ChartData:
    """The one dataset of all charts, and the few facts that shape them. No foreign text is anywhere but in the tables.

    Attributes
    ----------
    tables : mapping of str to mapping of str to tuple
        Tables as columns of equal length.
    heatmap_order, spread_order, weight_order : tuple of int
        Positions in the table ``leaves`` from top to bottom; in the latter two a negative number -k - 1 is the heading
        of the part ``part_names[k]``.
    part_names : tuple of str
    score_domain : tuple of float
        Common scale of the neural and the behavioural axis.
    models : int
        Models of the cleaned board.
    schemes : tuple of str
        In the order of the rank chart.
    """

    tables: Mapping[str, Mapping[str, tuple[CellValue, ...]]]
    heatmap_order: tuple[int, ...]
    spread_order: tuple[int, ...]
    weight_order: tuple[int, ...]
    part_names: tuple[str, ...]
    score_domain: tuple[float, float]
    models: int
    schemes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AgreementSection:
    """Which benchmarks rank models alike; the texts are empty where there is no answer."""

    heatmap: Figure
    blocks: Table
    papers: Table
    pairs: tuple[Table, ...]
    related: str
    dimensions: str


@dataclass(frozen=True, slots=True)
class PartsSection:
    """Neural against behavioural scores."""

    scatter: Figure
    text: str


@dataclass(frozen=True, slots=True)
class SpreadSection:
    """Spread of each benchmark and of each node of the tree."""

    chart: Figure
    text: str
    nodes: Table
    leaves: Table


@dataclass(frozen=True, slots=True)
class WeightSection:
    """Nominal and effective weights."""

    chart: Figure
    text: str
    parts: Table


@dataclass(frozen=True, slots=True)
class RankSection:
    """Ranks under each scheme."""

    chart: Figure
    text: str
    contested: Table
    ranks: Table


@dataclass(frozen=True, slots=True)
class CertaintySection:
    """How sure the figures of agreement are."""

    text: str
    figures: Table
    error_text: str
    reliabilities: Table


@dataclass(frozen=True, slots=True)
class IntervalSection:
    """How sure a rank is; `schemes` are those that a reader can choose from, the first is shown at first."""

    chart: Figure
    text: str
    schemes: tuple[str, ...]
    table: Table


@dataclass(frozen=True, slots=True)
class PropertySection:
    """What the schemes claim and what was measured."""

    text: str
    warnings: tuple[str, ...]
    table: Table
    notes: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class SchemeAgreementSection:
    """Schemes against each other; the colours run from the correlation `lowest` to 1.

    `always` are the models in the top ten under every scheme, `front` those on the Pareto front if they are few.
    """

    heatmap: Figure
    text: str
    always: tuple[str, ...]
    front_text: str
    front: tuple[str, ...]
    lowest: str
    pairs: Table


@dataclass(frozen=True, slots=True)
class MissingSection:
    """What the rule for missing cells decides."""

    text: str
    moves: Table


@dataclass(frozen=True, slots=True)
class SchemeSections:
    """What a study of the schemes adds to the page; `headline` is for the reader of its first screen."""

    headline: str
    intervals: IntervalSection
    properties: PropertySection
    agreement: SchemeAgreementSection
    missing: MissingSection | None


@dataclass(frozen=True, slots=True)
class CleaningSection:
    """The audit log of the cleaning, and the check against the published aggregate."""

    text: str
    benchmarks: Table
    models: Table
    constant: tuple[str, ...]
    set_aside: Table
    check_text: str
    check_warns: bool
    check: Table


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What it takes to make the page again."""

    command: str
    facts: tuple[Fact, ...]
    schemes: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class ReportView:
    """One report, ready to be displayed."""

    header: Header
    claims: tuple[Claim, ...]
    comparison: tuple[ComparisonGroup, ...]
    comparison_size: Comparison
    agreement: AgreementSection
    parts: PartsSection
    spread: SpreadSection
    weights: WeightSection
    ranks: RankSection
    certainty: CertaintySection | None
    schemes: SchemeSections | None
    history: HistorySection | None
    cleaning: CleaningSection
    reproduction: Reproduction
    charts: ChartData
