"""Charts of figures over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .axes import NARROW, cells
from .chart import CellValue, Chart, Table
from .theme import ACCENT, BEHAVIOR, INK, LINE, NEURAL, RULE, SOFT
from .vega_lite import Spec, field, filtered, layer, mark


def over_time(
    times: Sequence[str],
    curves: Mapping[str, Sequence[float | None]],
    *,
    title: str,
    alt: str,
    axis: str,
    low: Mapping[str, Sequence[float | None]] | None = None,
    high: Mapping[str, Sequence[float | None]] | None = None,
    notes: Mapping[str, str] | None = None,
    form: str = ".2f",
    reverse: bool = False,
    extent: tuple[float, float] | None = None,
    brush: bool = False,
) -> Chart:
    """Draw figures over time, with their intervals.

    `times`: length t; moments as ISO dates. `curves`: length t; by the name that the legend shows. `low, high`: ends of
    the intervals of a curve, shown as a band. `notes`: words for days that need an explanation, shown as lines across.
    `extent`: ends of the axis; those of the values by default. `brush`: a reader can draw a span of time.
    """
    points: dict[str, list[CellValue]] = {"time": [], "curve": [], "value": [], "low": [], "high": []}
    nothing: list[float | None] = [None] * len(times)
    for name, values in curves.items():
        ends = [nothing if side is None else side.get(name, nothing) for side in (low, high)]
        for time, *own in zip(times, values, *ends, strict=True):
            points["time"].append(time)
            points["curve"].append(name)
            for column, cell in zip(("value", "low", "high"), cells(own), strict=True):
                points[column].append(cell)
    colours = {"domain": list(curves), "range": [INK, NEURAL, BEHAVIOR, ACCENT, SOFT, LINE][: len(curves)]}
    legend: Spec | None = {"title": None, "orient": "top", "symbolType": "stroke", "symbolStrokeWidth": 2.5,
                           "symbolOpacity": 1, "labelLimit": 0, "columns": 2}  # fmt: skip
    if len(curves) == 1:
        legend = None
    x = field("time:T", axis={"title": None, "grid": False, "labelOverlap": "greedy", "labelSeparation": 8})
    up: Spec = {
        "scale": {"zero": False, "nice": True, "reverse": reverse}
        | ({} if extent is None else {"domain": list(extent)}),
        "axis": {
            "title": axis,
            "format": form,
            "tickCount": 5,
            "gridColor": RULE,
            # Ticks of whole numbers are whole, or two would have the same label.
            **({"tickMinStep": 1} if form.endswith(("d", ".0f")) else {}),
        },
    }
    colour = field("curve:N", scale=colours, legend=legend)
    tooltip = [
        field("time:T", title="board of", format="%Y-%m-%d"),
        field("curve:N", title=" "),
        field("value:Q", title=axis, format=form),
        field("low:Q", title="from", format=form),
        field("high:Q", title="to", format=form),
    ]
    known = filtered("isValid(datum.value)")
    y = field("value:Q", **up)
    marked: Table = {"time": list(notes or {}), "note": list((notes or {}).values())}
    # A layer without a row has no extent, of which Vega warns.
    band = [
        layer("points", mark("area", opacity=0.18), [filtered("isValid(datum.low)")],
              x=x, y=field("low:Q", **up), y2=field("high"), color=colour)
    ]  # fmt: skip
    layers = [
        *(band if any(end is not None for end in points["low"]) else ()),
        layer("points", mark("line", strokeWidth=2), [known], x=x, y=y, color=colour),
        layer("points", mark("circle", size=36, opacity=1), [known], x=x, y=y, color=colour, tooltip=tooltip),
    ]  # fmt: skip
    if brush:
        layers[-1]["params"] = [{"name": "brush", "select": {"type": "interval", "encodings": ["x"]}}]
    if notes:
        layers.append(
            layer(
                "notes",
                mark("rule", strokeDash=[2, 3], color=SOFT),
                x=x,
                tooltip=[field("note:N", title=" ")],
            )
        )
    spec = {"layer": layers, "height": 220, "params": [NARROW]}
    return Chart(title, alt, spec, {"points": points, **({"notes": marked} if notes else {})}, most=760)
