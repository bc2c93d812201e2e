"""Charts of figures over time, and of agreement over the share of the models that is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..text import UNKNOWN
from .axes import NARROW, cells, whole_ticks
from .chart import CellValue, Chart, Table
from .theme import ACCENT, BEHAVIOR, INK, LINE, NEURAL, RULE, SOFT
from .vega_lite import Spec, expr, field, filtered, layer, mark, tooltip


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
        points["time"] += times
        points["curve"] += [name] * len(times)
        for column, own in (("value", values), ("low", (low or {}).get(name)), ("high", (high or {}).get(name))):
            points[column] += cells(nothing if own is None else own)
    colours = {"domain": list(curves), "range": [INK, NEURAL, BEHAVIOR, ACCENT, SOFT, LINE][: len(curves)]}
    legend: Spec | None = {"title": None, "orient": "top", "symbolType": "stroke", "symbolStrokeWidth": 2.5,
                           "symbolOpacity": 1, "labelLimit": 0, "columns": expr("narrow ? 1 : 2")}  # fmt: skip
    if len(curves) == 1:
        legend = None
    x = field("time:T", axis={"title": None, "grid": False, "labelOverlap": "greedy", "labelSeparation": 8})
    up: Spec = {
        "scale": {"zero": False, "nice": True, "reverse": reverse}
        | ({} if extent is None else {"domain": list(extent)}),
        "axis": {"title": axis, "format": form, "tickCount": 5, "gridColor": RULE},
    }
    up["axis"] |= whole_ticks(form)
    colour = field("curve:N", scale=colours, legend=legend)
    tips = tooltip(("time:T", "board of", "%Y-%m-%d"), ("curve:N", " "), ("value:Q", axis, form),
                   ("low:Q", "from", form), ("high:Q", "to", form))  # fmt: skip
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
        layer("points", mark("circle", size=36, opacity=1), [known], x=x, y=y, color=colour, tooltip=tips),
    ]  # fmt: skip
    if brush:
        layers[-1]["params"] = [{"name": "brush", "select": {"type": "interval", "encodings": ["x"]}}]
    if notes:
        rule = mark("rule", strokeDash=[2, 3], color=SOFT)
        layers.append(layer("notes", rule, x=x, tooltip=tooltip(("note:N", " "))))
    spec = {"layer": layers, "height": 220, "params": [NARROW]}
    return Chart(title, alt, spec, {"points": points, **({"notes": marked} if notes else {})}, most=760)


def agreement_by_share(
    shares: Sequence[float], mean: Sequence[float | None], predicted: Sequence[float | None]
) -> Chart:
    """Draw the mean rank correlation of benchmarks over the share of the models that is kept.

    `shares`: length k; in (0, 1], from all models to the best ones. `mean`: length k; None where unknown.
    `predicted`: length k; the mean if nothing but the narrower range of scores had changed it.
    """
    ends = (mean[0], mean[-1])
    first, last = (UNKNOWN if value is None else f"{value:.3f}".replace("-", "−") for value in cells(ends))
    title = f"Mean ρ of benchmarks: {first} among all models, {last} among the best {100 * shares[-1]:.0f} %."
    curves = {"measured": mean, "by the narrower range alone": predicted}
    points: dict[str, list[CellValue]] = {
        "share": cells([100 * share for share in shares]) * len(curves),
        "curve": [name for name in curves for _ in shares],
        "value": [value for values in curves.values() for value in cells(values)],
    }
    x = field(
        "share:Q",
        scale={"zero": False, "nice": False, "reverse": True},
        axis={"title": "% of the models, the best by other papers", "values": [100, 75, 50, 25], "grid": False},
    )
    y = field("value:Q", axis={"title": "mean ρ", "format": ".2f", "tickCount": 5, "gridColor": RULE})
    legend: Spec = {"title": None, "orient": "top", "symbolType": "stroke", "symbolStrokeWidth": 2.5, "labelLimit": 0}
    colour = field("curve:N", scale={"domain": list(curves), "range": [INK, SOFT]}, legend=legend)
    tips = tooltip(("share:Q", "% of the models", ".0f"), ("curve:N", " "), ("value:Q", "mean ρ", ".3f"))
    known = filtered("isValid(datum.value)")
    layers = [
        layer("points", mark("line", strokeWidth=2), [known], x=x, y=y, color=colour),
        layer("points", mark("circle", size=36, opacity=1), [known], x=x, y=y, color=colour, tooltip=tips),
    ]
    spec = {"layer": layers, "height": 220, "params": [NARROW]}
    return Chart(title, f"Lines over the share of the models that is kept. {title}", spec, {"points": points}, most=760)
