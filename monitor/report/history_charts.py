"""Charts of the headline figures over time, for a page of their own and for mails."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from ..history.figures import COUNTS, FIGURES
from ..history.known_events import KnownEvent
from ..history.series import COMMON, FULL, Point
from .chart_base import ACCENT, CONFIG, INK, NARROW, SOFT, ChartSpec, chart_spec, of_table
from .records import CellValue

# What the page shows as charts; the table beside them has all figures.
CHARTED = ("mean_rho", "r2_behavior", "models", "benchmarks", "negative_share", "sd_behavior", "sd_neural")
_EVENTS = "events"
_PER_CENT = frozenset({"negative_share", "r2_behavior", "r2_neural", "null_r2_behavior"})

Columns = Mapping[str, tuple[CellValue, ...]]


@dataclasses.dataclass(frozen=True, slots=True)
class HistoryChart:
    """A chart's place on the page."""

    id: str
    title: str
    description: str


def history_charts(
    series: Mapping[str, Sequence[Point]], figures: Sequence[str] = CHARTED
) -> tuple[HistoryChart, ...]:
    """What there is to draw: a figure without a value has no chart."""
    found = []
    for name in figures:
        points = [point for point in series.get(name, ()) if point.value is not None]
        if points:
            first, last = points[0].as_of, max(point.as_of for point in points)
            description = f"{FIGURES[name]}, {len(points)} points from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
            found.append(HistoryChart(name.replace("_", "-"), FIGURES[name], description))
    return tuple(found)


def history_page(
    series: Mapping[str, Sequence[Point]], events: Sequence[KnownEvent], charts: Sequence[HistoryChart]
) -> dict[str, Any]:
    """What the script of a page reads to draw the charts (`embedded_json`)."""
    tables = history_tables(series, events, charts)
    specs = {chart.id: history_chart(chart.id.replace("-", "_"), _EVENTS in tables) for chart in charts}
    return {
        "config": CONFIG,
        "tables": tables,
        "charts": [{"id": name, **dataclasses.asdict(spec)} for name, spec in specs.items()],
    }


def history_tables(
    series: Mapping[str, Sequence[Point]], events: Sequence[KnownEvent], charts: Sequence[HistoryChart]
) -> dict[str, Columns]:
    """The tables of the charts: one a figure, and the known events in their span if there are any."""
    names = [chart.id.replace("-", "_") for chart in charts]
    tables = {name: _table(series[name]) for name in names}
    moments = [point.as_of.date() for name in names for point in series[name]]
    inside = [event for event in events if moments and min(moments) <= event.last <= max(moments)]
    if inside:
        tables[_EVENTS] = {
            "day": tuple(event.last.isoformat() for event in inside),
            "text": tuple(event.text for event in inside),
        }
    return tables


def _table(points: Sequence[Point]) -> Columns:
    known = [point for point in points if point.value is not None]
    return {
        "as_of": tuple(f"{point.as_of:%Y-%m-%dT%H:%M:%SZ}" for point in known),
        "value": tuple(_rounded(point.value) for point in known),
        "low": tuple(None if point.interval is None else _rounded(point.interval[0]) for point in known),
        "high": tuple(None if point.interval is None else _rounded(point.interval[1]) for point in known),
        "panel": tuple(point.panel for point in known),
        "origin": tuple(point.origin for point in known),
        "size": tuple(f"{point.models} × {point.benchmarks}" for point in known),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5) + 0.0


def history_chart(figure: str, events: bool = False) -> ChartSpec:
    """One figure over time: the whole board with its interval, and the common panel as a dashed line."""
    form = ",.0f" if figure in COUNTS else ".1%" if figure in _PER_CENT else ".3f"
    ticks = ",.0f" if figure in COUNTS else "~%" if figure in _PER_CENT else ".2~f"
    axis = alt.Axis(title=None, format=ticks, tickCount=5)
    scale = alt.Scale(zero=False, nice=True)
    months = alt.Axis(
        title=None, format="%Y-%m", tickCount=6, grid=False, labelOverlap="greedy", labelSeparation=12
    )
    x = alt.X("as_of:T", axis=months)
    y = alt.Y("value:Q", axis=axis, scale=scale)
    full = of_table(figure).transform_filter(f"datum.panel === '{FULL}'")
    common = of_table(figure).transform_filter(f"datum.panel === '{COMMON}'")
    layers: list[alt.Chart] = [
        common.mark_line(color=ACCENT, strokeDash=[5, 3], strokeWidth=1.5).encode(x=x, y=y),
        full.mark_line(color=INK, strokeWidth=1.6).encode(x=x, y=y),
    ]
    if events:
        rule = of_table(_EVENTS).mark_rule(color=SOFT, strokeDash=[1, 3], size=2)
        layers.insert(0, rule.encode(x="day:T", tooltip=[alt.Tooltip("text:N", title="known")]))
    if figure not in COUNTS:
        band = full.mark_area(opacity=0.14, color=INK)
        layers.insert(0, band.encode(x=x, y=alt.Y("low:Q", axis=axis, scale=scale), y2="high:Q"))
    tooltip = [
        alt.Tooltip("as_of:T", title="board of", format="%Y-%m-%d"),
        alt.Tooltip("value:Q", title="value", format=form),
        alt.Tooltip("low:Q", title="95 % from", format=form),
        alt.Tooltip("high:Q", title="to", format=form),
        alt.Tooltip("panel:N", title="panel"),
        alt.Tooltip("size:N", title="models × benchmarks"),
        alt.Tooltip("origin:N", title="board"),
    ]
    layers.append(
        of_table(figure)
        .mark_point(size=42, filled=True, opacity=1, strokeWidth=1.4)
        .encode(
            x=x,
            y=y,
            fill=alt.Fill(**_coloured({"test": "datum.origin !== 'observed'", "value": "var(--paper)"})),
            stroke=alt.Stroke(**_coloured()),
            tooltip=tooltip,
        )
    )
    chart = alt.layer(*layers).properties(height=230).add_params(NARROW)
    return chart_spec(chart, "rows", 1040, (figure, _EVENTS) if events else (figure,))


def _coloured(*conditions: dict[str, str]) -> dict[str, Any]:
    """Colour by panel, where none of the conditions holds."""
    return {
        "condition": [*conditions, {"test": f"datum.panel === '{COMMON}'", "value": ACCENT}],
        "value": INK,
    }
