"""Series of the headline figures, and each of their changes with its causes: plain records, and their JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from brainalign_plugin.certainty.families import FamilyTable
from brainalign_plugin.data.board import Board

from ..base.files import fields_of
from .attribution import STEPS, Attribution, attribution_in_words, causes_in_words, change_in_words, reasons_of
from .changelog import score_changes
from .changes import Changes
from .drift import Difference
from .figures import ANALYSIS_VERSION, FIGURES, RESAMPLES, canonical, figure_intervals, headline_figures
from .known_events import KnownEvent
from .periods import Period

ANALYSIS = "analysis"
if TYPE_CHECKING:
    from ..store import SnapshotInfo

FULL, SAME_BENCHMARKS, SAME_MODELS = "full", "same_benchmarks", "same_models"
_NOTHING = 1e-12
_RESTATED = frozenset({"restated", "rerun", "removed"})
# Of the record that `history_json` returns.
SCHEMA = 2


@dataclass(frozen=True, slots=True)
class Figure:
    """A headline figure of one board; the interval (95 %) is None where it has none."""

    value: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Point:
    """A headline figure at one moment."""

    as_of: datetime
    value: float | None
    interval: tuple[float, float] | None  # 95 %, from families of models drawn with replacement
    # `full`: the cleaned board; `same_benchmarks`: the benchmarks that the cleaning keeps on every board of the
    # window, with all models that have them; `same_models`: the models that are on every cleaned board of the
    # window, on all benchmarks that they have.
    panel: str
    # Of that panel.
    models: int
    benchmarks: int
    origin: str  # `observed` or `reconstructed`
    snapshot: int  # Its number in the store


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one figure of the full panel between two boards that follow each other."""

    figure: str
    earlier: datetime
    later: datetime
    # `before` is the value reported at the time: if the analysis has changed since, by its older version.
    before: float
    after: float
    # Parts of the five steps of the path, which sum with that of the analysis to the change. Those of the path
    # are None if it cannot be split.
    attribution: Mapping[str, float | None]
    reasons: tuple[str, ...]  # Reasons of the steps that moved it, by name and count
    words: str  # One sentence: the figure, from where to where it went, and why
    causes: str  # The last part of it alone: why

    @property
    def delta(self) -> float:
        """The change."""
        return self.after - self.before

    @property
    def sentence(self) -> str:
        """The words, with the figure's name in words."""
        name = FIGURES[self.figure]
        words = self.words.removeprefix(f"{self.figure} ")
        return f"{name[:1].upper()}{name[1:]} {words}" if words != self.words else words


@dataclass(frozen=True, slots=True)
class BoardChange:
    """From one board to the next with another content."""

    earlier: SnapshotInfo
    later: SnapshotInfo
    changelog: tuple[str, ...]  # Sentences: models, benchmarks and scores that came, went or changed
    causes: tuple[Change, ...]  # The change of each headline figure, with its reasons


@dataclass(frozen=True, eq=False)
class Since:
    """From the last observed board to this one."""

    earlier: SnapshotInfo
    changes: Changes
    causes: Mapping[str, Change]  # Headline figures that moved, with the reasons
    # Paired differences on the models and benchmarks that both boards have.
    differences: Mapping[str, Difference]

    @property
    def restated(self) -> int:
        """Number of scores, of models and benchmarks still there, that have another value now, or none."""
        later = self.changes.later
        leaves = {node.type_id for node in later.tree.nodes if node.is_leaf}
        there = [c for c in score_changes(self.changes) if c.model in later.rows and c.benchmark in leaves]
        return sum(change.kind in _RESTATED for change in there)


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """Choices that a history is made with."""

    max_missing: float = 0.5  # Threshold of the cleaning
    every: Period = Period.MONTH  # Reconstructed boards stand for periods in which none was observed
    # Length of the window of the two panels that hold something fixed, back from the newest board.
    window_months: int = 24
    known: datetime | None = None  # Only what had been seen before this moment; None is all
    until: datetime | None = None  # Only boards that are not later than this moment; None is all
    # Of the intervals.
    resamples: int = RESAMPLES
    seed: int = 0
    families: FamilyTable = ()  # The user's table of families

    @property
    def drawn(self) -> tuple[Any, ...]:
        """Inputs of intervals other than the board, for the keys of kept results."""
        return (self.resamples, self.seed, *([self.families] if self.families else []))


@dataclass(frozen=True, slots=True)
class Shared:
    """The models and benchmarks that the first and the last board of the window share: a check, and no curve."""

    first: datetime
    last: datetime
    models: int
    benchmarks: int
    # By how much each figure moved on them, which only restated scores can do.
    deltas: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Cohort:
    """The models of a cleaned board that were first scored in one year."""

    year: int
    models: int
    benchmarks: int
    figures: Mapping[str, Figure]


@dataclass(frozen=True, eq=False)
class History:
    """The series of all headline figures, and every change with its causes."""

    domain: str
    options: HistoryOptions
    # By figure; the full panel first, then the same benchmarks, then the same models.
    series: Mapping[str, tuple[Point, ...]]
    changes: tuple[Change, ...]
    shared: Shared
    cohorts: tuple[Cohort, ...]  # Of the newest cleaned board, by year


@dataclass(frozen=True, eq=False)
class Chronicle:
    """The past of a board."""

    history: History  # Up to the board
    restated: int = 0  # Times that a figure changed on the models and benchmarks that boards share (`drift`)
    events: tuple[KnownEvent, ...] = ()  # Known structural breaks of the leaderboard


def panel_figures(board: Board, options: HistoryOptions) -> dict[str, Figure]:
    """Return the headline figures of a complete board with their intervals."""
    ordered = canonical(board)
    values = headline_figures(ordered)
    intervals = figure_intervals(ordered, values, options.resamples, options.seed, options.families)
    return {name: Figure(value, intervals[name]) for name, value in values.items()}


def attribution_record(found: Attribution) -> dict[str, Any]:
    """Return an attribution as it is kept: its numbers, and the words for them."""
    return {
        **fields_of(found, "earlier", "later", "parts"),
        "reasons": {name: reasons_of(found, name) for name in found.parts},
        "words": {name: attribution_in_words(found, name) for name in found.later},
        "causes": {name: causes_in_words(found, name) for name in found.parts},
    }


def reported_before(was: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, float | None] | None:
    """Return the earlier board's figures by an older analysis, if the later board was never seen by that one."""
    older = [int(version) for version in was if version not in now and int(version) < ANALYSIS_VERSION]
    if not older:
        return None
    figures = was[str(max(older))]["figures"]
    return {name: figure["value"] for name, figure in figures.items()}


def unsplit_record(earlier: Mapping[str, Any], later: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """Return the record of an attribution that failed for a reason, from the figures' records of the two boards."""
    why = f"the change cannot be split ({reason})"
    before, after = ({name: f["value"] for name, f in side["figures"].items()} for side in (earlier, later))
    return {
        "earlier": before,
        "later": after,
        "parts": dict.fromkeys(after),
        "reasons": {name: [why] for name in after},
        "words": {name: f"{change_in_words(name, before[name], now)}: {why}" for name, now in after.items()},
        "causes": dict.fromkeys(after, why),
    }


def changes_between(
    record: Mapping[str, Any], moments: tuple[datetime, datetime], reported: Mapping[str, float | None] | None = None
) -> list[Change]:
    """Return the changes of all figures between two boards, from their `attribution_record`.

    ``reported`` are the earlier board's figures by the version of the analysis with which they were reported at the
    time, if that is not today's; what they differ from today's by is the part of ``analysis``.
    """
    found = []
    for name in FIGURES:
        now, after, parts = (record[side].get(name) for side in ("earlier", "later", "parts"))
        before = now if reported is None else reported.get(name)
        if now is None or before is None or after is None:
            continue
        own = now - before
        if abs(own) <= _NOTHING and abs(after - before) <= _NOTHING and not any((parts or {}).values()):
            continue
        split = {**{step: None if parts is None else parts[step] for step in STEPS}, ANALYSIS: own}
        words, causes, reasons = (record[what][name] for what in ("words", "causes", "reasons"))
        if abs(own) > _NOTHING:
            ours = f"it was {before:.4g} by the analysis of the time, {own:+.4g} is due to today's"
            words, causes = f"{words}; {ours}", f"{causes}; {ours}" if causes else ours
            reasons = [*reasons, ours]
        found.append(Change(name, *moments, before, after, split, tuple(reasons), words, causes))
    return found


def interval_of(record: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the interval of a figure's record, which JSON may have held."""
    ends = record["interval"]
    return None if ends is None else (ends[0], ends[1])


def figures_of(record: Mapping[str, Any]) -> dict[str, Figure]:
    """Return the figures that a record keeps (`figures_record`)."""
    return {name: Figure(one["value"], interval_of(one)) for name, one in record["figures"].items()}


def figures_record(board: Board, figures: Mapping[str, Figure]) -> dict[str, Any]:
    """Return the figures of a panel to be kept."""
    return {
        "analysis": ANALYSIS_VERSION,
        "models": len(board.models),
        "benchmarks": len(board.leaves),
        "figures": {name: asdict(figure) for name, figure in figures.items()},
    }


def history_json(found: History, figure: str | None = None) -> dict[str, Any]:
    """Return the record that ``brainalign history --json`` prints, of one figure if one is named."""
    options, shared = found.options, found.shared

    def wanted(by_figure: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in by_figure.items() if figure in (None, name)}

    return {
        "schema": SCHEMA,
        "domain": found.domain,
        **fields_of(options, "known", "window_months", "max_missing", "resamples", "seed"),
        "analysis_version": ANALYSIS_VERSION,
        "series": {name: list(map(asdict, points)) for name, points in wanted(found.series).items()},
        "changes": [
            {
                "from": change.earlier,
                "to": change.later,
                **fields_of(change, "figure", "delta", "attribution", "reasons", "before", "after", "words"),
            }
            for change in found.changes
            if figure in (None, change.figure)
        ],
        "shared": {
            "from": shared.first,
            "to": shared.last,
            **fields_of(shared, "models", "benchmarks"),
            "deltas": wanted(shared.deltas),
        },
        "cohorts": [
            {
                **fields_of(cohort, "year", "models", "benchmarks"),
                "figures": {name: asdict(one) for name, one in wanted(cohort.figures).items()},
            }
            for cohort in found.cohorts
        ],
    }
