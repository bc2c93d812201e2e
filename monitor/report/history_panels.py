"""Panels over time and cohorts, as the section on a board's past shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from ..history.figures import COUNTS
from ..history.series import FULL, PANELS, SAME_BENCHMARKS, SAME_MODELS, Chronicle, Cohort, Point
from ..history.series import Figure as FigureValue
from .records import CellValue, Column, Figure, Table
from .wording import UNKNOWN, count, number, plural

Columns = Mapping[str, tuple[CellValue, ...]]

# What a figure is called on the page, in groups.
LABELS: Mapping[str, Mapping[str, str]] = {
    "The sample": {"models": "complete cases", "benchmarks": "benchmarks kept"},
    "Agreement": {
        "mean_rho": "mean ρ, all pairs",
        "negative_share": "share of pairs with ρ < 0",
        "paper_balanced_rho": "mean ρ, papers balanced",
        "neural_rho": "mean ρ within neural",
        "behavior_rho": "mean ρ within behavioural",
        "cross_rho": "mean ρ neural – behavioural",
    },
    "What decides the average": {
        "r2_behavior": "R² of behaviour",
        "r2_neural": "R² of the neural part",
        "sd_behavior": "sd of the behavioural part",
        "sd_neural": "sd of the neural part",
    },
}
NAMES: Mapping[str, str] = {
    **{name: label for group in LABELS.values() for name, label in group.items()},
    "null_r2_behavior": "R² of behaviour by spread alone",
}
# Panels as tooltips and tables name them.
PANEL_NAMES: Mapping[str, str] = {
    FULL: "cleaned board of its time",
    SAME_BENCHMARKS: "same benchmarks, all models that have them",
    SAME_MODELS: "same models, all benchmarks that they have",
}
COHORT_FIGURE = "mean_rho"


def panels(past: Chronicle) -> str:
    """Return the sentences on the three curves, the check and the intervals."""
    found = past.history
    same, models = (
        [point for point in found.series["models"] if point.panel == panel][-1]
        for panel in (SAME_BENCHMARKS, SAME_MODELS)
    )
    shared = found.shared
    delta = shared.deltas[COHORT_FIGURE]
    moved = (
        "" if delta is None else f", on which {NAMES[COHORT_FIGURE]} moved by {signed(COHORT_FIGURE, delta)}"
    )
    return (
        f"Three curves a figure: the cleaned board of its time; over the last {found.options.window_months} months the "
        f"{plural(same.benchmarks, 'benchmark')} that were kept on every board, with all models that have them (now "
        f"{count(same.models)}); and the {plural(models.models, 'model')} that were complete on every board, on all "
        f"benchmarks that they have (now {count(models.benchmarks)}). Models and benchmarks together cannot be held "
        "fixed in a curve: only restated scores move it. As a check, the first and the last board of these months "
        f"share {plural(shared.models, 'model')} × {plural(shared.benchmarks, 'benchmark')}{moved}. Intervals: 95 % of "
        f"{count(found.options.resamples)} resamples of families of models; none with fewer than five families."
    )


def cohorts_figure(cohorts: Sequence[Cohort]) -> Figure:
    """Return the figure of the chart of cohorts."""
    title = f"{NAMES[COHORT_FIGURE]} by the year of a model's first score"
    if len(cohorts) < 2:
        return Figure("history-cohorts", title, "", "There are not two years with 20 complete models each.")
    told = ", ".join(
        f"{one.year}: {figure_value(COHORT_FIGURE, one.figures[COHORT_FIGURE].value)} ({plural(one.models, 'model')})"
        for one in cohorts
    )
    return Figure("history-cohorts", title, f"{title}, on the newest cleaned board. {told}.")


def cohorts_table(cohorts: Sequence[Cohort]) -> Table:
    """Return the headline figures of each cohort."""
    names = [name for name in NAMES if name not in COUNTS]
    columns = (Column("first scored in", "text"), Column("models"), *(Column(NAMES[name]) for name in names))
    rows = tuple(
        (str(one.year), count(one.models), *(_with_interval(one.figures[name]) for name in names))
        for one in cohorts
    )
    return Table("history-cohorts-table", "Agreement among models first scored in each year", columns, rows)


def cohort_columns(found: Sequence[Cohort]) -> Columns:
    """Return the table of the chart of cohorts."""
    cohorts = [(one, one.figures[COHORT_FIGURE]) for one in found]
    cohorts = [(one, figure) for one, figure in cohorts if figure.value is not None]
    return {
        "year": tuple(str(one.year) for one, _ in cohorts),
        "value": tuple(rounded(figure.value) for _, figure in cohorts),
        "low": tuple(
            None if figure.interval is None else rounded(figure.interval[0]) for _, figure in cohorts
        ),
        "high": tuple(
            None if figure.interval is None else rounded(figure.interval[1]) for _, figure in cohorts
        ),
        "size": tuple(f"{one.models} × {one.benchmarks}" for one, _ in cohorts),
    }


def rounded(value: float | None) -> float | None:
    """Return a value as the charts show it."""
    return None if value is None else round(value, 4) + 0.0


def short_day(moment: datetime) -> str:
    """Return a day, with the time of day unless it is midnight."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%d}" if (utc.hour, utc.minute) == (0, 0) else f"{utc:%Y-%m-%d %H:%M}"


def figure_value(name: str, value: float | None) -> str:
    """Return a figure as the page shows it: a count, or three decimals."""
    if value is None:
        return UNKNOWN
    return count(round(value)) if name in COUNTS else number(value, 3)


def signed(name: str, value: float) -> str:
    """Return the change of a figure with its sign."""
    text = count(round(value)) if name in COUNTS else number(value, 3)
    return f"+{text}" if value > 0 else text.replace("-", "−")


def panel_tables(past: Chronicle) -> tuple[Table, ...]:
    """Return a table a panel: every figure on every board."""
    return tuple(_boards_table(past, panel) for panel in PANELS)


def _boards_table(past: Chronicle, panel: str) -> Table:
    names = [name for name in NAMES if name not in COUNTS]
    series = {
        name: {p.as_of: p for p in past.history.series[name] if p.panel == panel}
        for name in ("models", *names)
    }
    rows = tuple(
        (
            short_day(moment),
            point.origin,
            f"{point.models} × {point.benchmarks}",
            *(_with_interval(series[name][moment]) for name in names),
        )
        for moment, point in reversed(series["models"].items())
    )
    columns = (
        Column("board of", "text"),
        Column("origin", "text"),
        Column("models × benchmarks"),
        *(Column(NAMES[name]) for name in names),
    )
    return Table(f"history-{panel.replace('_', '-')}", f"Every board: {PANEL_NAMES[panel]}", columns, rows)


def _with_interval(point: Point | FigureValue) -> str:
    if point.interval is None:
        return number(point.value)
    return f"{number(point.value)} [{number(point.interval[0])}, {number(point.interval[1])}]"
