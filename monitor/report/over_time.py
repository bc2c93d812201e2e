"""Section 8: figures over time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from brainalign_plugin.plot.chart import Chart
from brainalign_plugin.plot.curves import over_time
from brainalign_plugin.text import counted, visible

from ..history.figures import COUNTS, FIGURES, SHARES
from ..history.known_events import KnownEvent
from ..history.series import FULL, SAME_BENCHMARKS, SAME_MODELS, Chronicle, Point
from .records import Figure, Section
from .records import Point as Line
from .wording import figure

# Figures that a reader can choose; the first is shown at first.
CHOICES = ("mean_rho", "r2_behavior", "negative_share", "models")
_PANELS = {FULL: "whole board", SAME_BENCHMARKS: "same benchmarks", SAME_MODELS: "same models"}
_NULL = "null_r2_behavior"


def time_section(past: Chronicle) -> Section:
    """Return the section on the headline figures over time."""
    points = [point for point in past.history.series["mean_rho"] if point.panel == FULL]
    known = [point for point in points if point.value is not None]
    title = _title(past, "mean_rho")
    text = (
        f"Scores were restated in a way that moved a figure {counted(past.restated, 'time')}."
        if past.restated
        else "No figure ever moved because scores were restated: what moved is the sample."
    )
    observed = sum(point.origin == "observed" for point in points)
    how = (
        f"{counted(observed, 'observed board')} and {counted(len(points) - observed, 'reconstructed board')}; bands "
        "are 95 % intervals over families of models. The other lines hold models, benchmarks or both fixed over the "
        "last two years: where the first line moves and they do not, the sample moved."
    )
    figures = (Figure("time", time_chart(past, "mean_rho", brush=True), answer=True, wide=True),) if known else ()
    return Section("time", "How did that come about?", title, how, None, (Line(text),), figures)


def _title(past: Chronicle, name: str) -> str:
    known = [p for p in past.history.series[name] if p.panel == FULL and p.value is not None]
    label = f"{FIGURES[name][:1].upper()}{FIGURES[name][1:]}"
    if not known:
        return f"{label} is not known on any board."
    first, last = known[0], known[-1]
    return (
        f"{label}: {figure(name, first.value)} in {first.as_of:%Y-%m}, {figure(name, last.value)} in "
        f"{last.as_of:%Y-%m}, between {figure(name, min(p.value or 0 for p in known))} and "
        f"{figure(name, max(p.value or 0 for p in known))}."
    )


def time_chart(past: Chronicle, name: str, events: bool = True, brush: bool = False) -> Chart:
    """Draw one headline figure over time, on every panel."""
    series = past.history.series[name]
    panels = list(dict.fromkeys(point.panel for point in series))
    times = sorted({point.as_of for point in series})
    by_panel = {
        _PANELS.get(panel, panel): {point.as_of: point for point in series if point.panel == panel} for panel in panels
    }
    if name == "r2_behavior":
        by_panel["spread alone"] = {p.as_of: p for p in past.history.series[_NULL] if p.panel == FULL}
    curves = {label: [_value(points, time) for time in times] for label, points in by_panel.items()}
    first = next(iter(by_panel), "")
    low, high = ([_end(by_panel.get(first, {}), time, k) for time in times] for k in (0, 1))
    title = _title(past, name)
    return over_time(
        [f"{time:%Y-%m-%d}" for time in times],
        curves,
        title=title,
        alt=f"Lines over time, one a panel. {title}",
        axis=_axis(name),
        low={first: low},
        high={first: high},
        notes=_notes(past.events, times) if events else None,
        brush=brush,
        form=",.0f" if name in COUNTS else ".2f",
    )


def _axis(name: str) -> str:
    """Return the unit of a figure: its words are the title of the chart."""
    return "number" if name in COUNTS else "share" if name in SHARES else "mean ρ" if "rho" in name else "sd"


def _value(points: Mapping[Any, Point], time: Any) -> float | None:
    return points[time].value if time in points else None


def _end(points: Mapping[Any, Point], time: Any, end: int) -> float | None:
    interval = points[time].interval if time in points else None
    return None if interval is None else interval[end]


def _notes(events: tuple[KnownEvent, ...], times: list[datetime]) -> dict[str, str]:
    return {
        event.first.isoformat(): visible(event.text, 200)
        for event in events
        if times and times[0].date() <= event.first <= times[-1].date()
    }


def series_data(past: Chronicle) -> dict[str, Any]:
    """Return the charts that a reader can switch to, without what they share."""
    found = {}
    for name in CHOICES:
        chart = time_chart(past, name, brush=True)
        found[name] = {"label": FIGURES[name], "title": chart.title, "spec": chart.spec, "tables": chart.tables}
    return found
