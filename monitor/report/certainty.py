"""How sure the figures of agreement are: other models drawn, and errors of measurement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from brainalign_plugin.agreement.measurement import (
    MIN_RELIABILITY,
    Attenuation,
    ErrorKind,
    Reliability,
    attenuation,
    reliabilities,
)
from brainalign_plugin.analysis import Analysis
from brainalign_plugin.text import visible

from ..history.figures import COUNTS, FIGURES, SHARES, headline_figures
from ..history.intervals import CONFIDENCE, figure_intervals
from .records import CertaintySection, Column, Table
from .wording import UNKNOWN, count, number, percent, plural

RESAMPLES = 1000
SEED = 0


@dataclass(frozen=True, eq=False)
class Certainty:
    """What can be said of how sure the headline figures of one cleaned board are.

    Attributes
    ----------
    values : mapping of str to float or None
        The headline figures.
    intervals : mapping of str to tuple of float, or None
        95 % percentile intervals over resampled models.
    reliabilities : mapping of str to Reliability
        By leaf.
    attenuation : Attenuation
        Mean rank correlation corrected for errors of measurement.
    resamples, seed : int
    """

    values: Mapping[str, float | None]
    intervals: Mapping[str, tuple[float, float] | None]
    reliabilities: Mapping[str, Reliability]
    attenuation: Attenuation
    resamples: int
    seed: int


def agreement_certainty(analysis: Analysis, resamples: int = RESAMPLES, seed: int = SEED) -> Certainty:
    """Resample the models of the cleaned board, and read what is known of errors of measurement."""
    board = analysis.cleaning.board
    values = headline_figures(board)
    found = reliabilities(board)
    return Certainty(
        values=values,
        intervals=figure_intervals(board, values, resamples, seed),
        reliabilities=found,
        attenuation=attenuation(analysis.agreement, found),
        resamples=resamples,
        seed=seed,
    )


def certainty_section(found: Certainty) -> CertaintySection:
    """Table of intervals, and of the benchmarks' reliabilities."""
    figures = [name for name in FIGURES if name not in COUNTS]
    rows = tuple(
        (FIGURES[name], _figure(name, found.values[name]), shown_interval(found, name)) for name in figures
    )
    level = percent(CONFIDENCE, 0)
    return CertaintySection(
        text=(
            f"Had other models been submitted, these figures would be others: each interval holds the middle {level} "
            f"of {count(found.resamples)} boards whose models were drawn again, with replacement. It says nothing of "
            "other benchmarks."
        ),
        figures=Table(
            "headline-intervals",
            f"Headline figures with their {level} intervals over models",
            (Column("figure", "text"), Column("this snapshot"), Column("interval")),
            rows,
        ),
        error_text=_error_text(found),
        reliabilities=Table(
            "reliabilities",
            "What the published error of each benchmark is, and the reliability that follows from it",
            (
                Column("benchmark", "name"),
                Column("what its error is", "text"),
                Column("reliability", hint="1 − mean squared error / variance over models"),
                Column("models"),
            ),
            tuple(
                (visible(leaf), str(one.kind), number(one.value), count(one.models))
                for leaf, one in found.reliabilities.items()
            ),
        ),
    )


def shown_interval(found: Certainty, name: str) -> str:
    """Interval of a headline figure in words; a dash if there is none."""
    interval = found.intervals[name]
    return UNKNOWN if interval is None else f"{_figure(name, interval[0])} to {_figure(name, interval[1])}"


def _figure(name: str, value: float | None) -> str:
    return percent(value) if name in SHARES else number(value)


def _error_text(found: Certainty) -> str:
    measured = [r for r in found.reliabilities.values() if r.kind is ErrorKind.STANDARD_ERROR]
    known = [r.value for r in measured if r.value is not None]
    corrected = found.attenuation
    text = (
        f"Noise in the scores lowers correlations. It can be corrected for only where the published error is a "
        f"standard error of the score: {count(len(measured))} of {plural(len(found.reliabilities), 'benchmark')}."
    )
    if known:
        negative = sum(value < 0 for value in known)
        text += f" Their reliabilities run from {number(min(known))} to {number(max(known))}"
        text += f", {count(negative)} of them negative: more error than spread." if negative else "."
    if corrected.pairs:
        text += (
            f" On the {plural(corrected.pairs, 'pair')} with both reliabilities of at least {MIN_RELIABILITY}, the "
            f"mean correlation is {number(corrected.observed)}, and {number(corrected.corrected)} after the correction."
        )
    elif measured:
        text += f" No pair has both reliabilities of at least {MIN_RELIABILITY}, so nothing is corrected."
    return text
