"""Section 8: figures over time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from brainalign_plugin.plot.chart import Chart
from brainalign_plugin.plot.curves import over_time
from brainalign_plugin.text import counted, visible

from ..history.figures import COUNTS, FIGURES, SHARES
from ..history.known_events import KnownEvent
from ..history.series import FULL, SAME_BENCHMARKS, SAME_MODELS, Chronicle
from .records import Figure, Section
from .wording import figure

# Figures that a reader can choose; the first is shown at first.
CHOICES = ("mean_rho", "r2_behavior", "negative_share", "models")
_PANELS = {FULL: "whole board", SAME_BENCHMARKS: "same benchmarks", SAME_MODELS: "same models"}
_NULL = "null_r2_behavior"


def time_section(past: Chronicle) -> Section:
    """Return the section on the headline figures over time."""
    points = [point for point in past.history.series["mean_rho"] if point.panel == FULL]
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
    known = any(point.value is not None for point in points)
    figures = (Figure("time", time_chart(past, "mean_rho", brush=True), answer=True, wide=True),) if known else ()
    return Section("time", "How did that come about?", title, how, None, (text,), figures)


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
    by_panel = {_PANELS.get(panel, panel): [point for point in series if point.panel == panel] for panel in panels}
    if name == "r2_behavior":
        by_panel["spread alone"] = [point for point in past.history.series[_NULL] if point.panel == FULL]
    found = {label: {point.as_of: point for point in points} for label, points in by_panel.items()}
    curves = {label: [at[time].value if time in at else None for time in times] for label, at in found.items()}
    first, at = next(iter(found.items()), ("", {}))
    ends = [(at[time].interval if time in at else None) or (None, None) for time in times]
    title = _title(past, name)
    return over_time(
        [f"{time:%Y-%m-%d}" for time in times],
        curves,
        title=title,
        alt=f"Lines over time, one a panel. {title}",
        axis=_axis(name),
        low={first: [low for low, _ in ends]},
        high={first: [high for _, high in ends]},
        notes=_notes(past.events, times) if events else None,
        brush=brush,
        form=",.0f" if name in COUNTS else ".2f",
    )


def _axis(name: str) -> str:
    """Return the unit of a figure: its words are the title of the chart."""
    return "number" if name in COUNTS else "share" if name in SHARES else "mean ρ" if "rho" in name else "sd"


def _notes(events: tuple[KnownEvent, ...], times: list[datetime]) -> dict[str, str]:
    return {
        event.first.isoformat(): visible(event.text, 200)
        for event in events
        if times and times[0].date() <= event.first <= times[-1].date()
    }


def series_data(past: Chronicle) -> dict[str, Any]:
    """Return the charts that a reader can switch to, without what they share."""
    charts = {name: time_chart(past, name, brush=True) for name in CHOICES}
    return {
        name: {"label": FIGURES[name], "title": chart.title, "spec": chart.spec, "tables": chart.tables}
        for name, chart in charts.items()
    }
