"""Small charts of figures over time, all with one axis of time: both panels, their intervals, and the breaks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from brainalign_plugin.plot.vega_lite import Spec, field, filtered, layer, mark, value

from ..history.figures import COUNTS
from ..history.series import FULL, SAME_BENCHMARKS, SAME_MODELS
from .chart_base import ACCENT, INK, LINE, NARROW, NEURAL, SOFT, ChartSpec
from .records import CellValue

HEIGHT = 132
Tables = Mapping[str, Mapping[str, tuple[CellValue, ...]]]
_DAY = 24 * 3600 * 1000
_NULL_OF = {"r2_behavior": "null_r2_behavior"}
_SCALE: Spec = {"zero": False, "nice": True}
COLORS: Mapping[str, str] = {FULL: INK, SAME_BENCHMARKS: ACCENT, SAME_MODELS: NEURAL}
DASHES: Mapping[str, list[int]] = {FULL: [1, 0], SAME_BENCHMARKS: [5, 3], SAME_MODELS: [2, 2]}


def small_chart(tables: Tables, name: str, height: int = HEIGHT) -> ChartSpec:
    """A figure over time: bands are intervals, hollow points reconstructed boards, letters breaks.

    Parameters
    ----------
    tables : mapping
        As `history_tables` makes them.
    name : str
        Of the figure.
    height : int
        In pixels.
    """
    table, whole = f"history_{name}", name in COUNTS
    x = _time([int(str(moment)) for moment in tables["history_models"]["at"]])
    y = field("value:Q", scale=_SCALE, axis=_value_axis(whole))
    marks = set(zip(tables[table]["panel"], tables[table]["origin"], strict=True))
    layers = _breaks(x) if tables["history_breaks"]["at"] else []
    for panel, color in COLORS.items():
        # Vega warns of a mark without data: a figure may exist on one panel alone.
        origins = {origin for some, origin in marks if some == panel}
        if origins:
            layers += _panel(table, panel, color, origins, {"x": x, "y": y}, whole=whole)
    read = [table, "history_breaks"]
    # Drawn beside a figure that is to be compared with what chance gives.
    null = f"history_{_NULL_OF[name]}" if name in _NULL_OF else ""
    if null and tables[null]["at"]:
        read.append(null)
        dotted = mark("line", color=SOFT, strokeWidth=1.2, strokeDash=[2, 3])
        layers.append(layer(null, dotted, [filtered(f"datum.panel === '{FULL}'")], x=x, y=y))
    layers.append(layer(table, mark("circle", size=140, opacity=0), x=x, y=y, tooltip=_tooltip(whole)))
    return ChartSpec({"layer": layers, "height": height, "params": [NARROW]}, tuple(read), "rows", 560)


def cohort_chart(height: int = HEIGHT) -> ChartSpec:
    """A figure of the models first scored in each year, with its interval."""
    table, x = "history_cohorts", field("year:O", axis={"title": None, "grid": False, "labelAngle": 0})
    y, low = (field(f"{name}:Q", scale=_SCALE, axis=_value_axis(whole=False)) for name in ("value", "low"))
    tooltip = [
        field("year:N", title="first scored in"),
        field("value:Q", title="value", format=".3f"),
        field("low:Q", title="from", format=".3f"),
        field("high:Q", title="to", format=".3f"),
        field("size:N", title="models × benchmarks"),
    ]
    layers = [
        layer(table, mark("rule", color=SOFT, strokeWidth=1.6), x=x, y=low, y2=field("high")),
        layer(table, mark("point", filled=True, fill=INK, size=40, opacity=1), x=x, y=y),
        layer(table, mark("circle", size=140, opacity=0), x=x, y=y, tooltip=tooltip),
    ]
    return ChartSpec({"layer": layers, "height": height, "params": [NARROW]}, (table,), "rows", 560)


def _panel(
    table: str, panel: str, color: str, origins: set[CellValue], at: Mapping[str, Spec], *, whole: bool
) -> list[Spec]:
    """A panel's interval, unless the figure is a count, its line, and its points by where the boards are from."""
    of_panel = filtered(f"datum.panel === '{panel}'")
    layers = []
    if not whole:
        low = field("low:Q", scale=_SCALE, axis=_value_axis(whole))
        band = mark("area", color=color, opacity=0.13)
        layers.append(layer(table, band, [of_panel], x=at["x"], y=low, y2=field("high")))
    dash = DASHES[panel]
    layers.append(layer(table, mark("line", color=color, strokeWidth=1.6, strokeDash=dash), [of_panel], **at))
    for origin, fill, size in (("reconstructed", "var(--paper)", 14), ("observed", color, 34)):
        if origin in origins:
            point = mark("point", filled=True, fill=fill, stroke=color, strokeWidth=1.2, size=size, opacity=1)
            layers.append(layer(table, point, [of_panel, filtered(f"datum.origin === '{origin}'")], **at))
    return layers


def _tooltip(whole: bool) -> list[Spec]:
    return [
        field("when:N", title="board of"),
        field("value:Q", title="value", format=",d" if whole else ".3f"),
        field("low:Q", title="from", format=".3f"),
        field("high:Q", title="to", format=".3f"),
        field("held:N", title="panel"),
        field("origin:N", title="board"),
        field("size:N", title="models × benchmarks"),
        field("cause:N", title="since the board before"),
    ]


def _time(moments: list[int]) -> Spec:
    """An axis of moments in milliseconds, which every browser has to show in UTC."""
    first, last = min(moments), max(moments)
    # Room for half a point at either end, and a domain at all if there is one moment.
    room = max((last - first) * 0.015, _DAY)
    years = last - first > 2 * 366 * _DAY
    axis = {
        "title": None, "grid": False, "values": _ticks(first, last, years), "labelOverlap": "greedy",
        "labelExpr": f"utcFormat(datum.value, '{'%Y' if years else '%b %Y'}')",
    }  # fmt: skip
    scale = {"domain": [first - room, last + room], "nice": False, "zero": False}
    return field("at:Q", scale=scale, axis=axis)


def _ticks(first: int, last: int, years: bool) -> list[float]:
    """Beginnings of the years, or of the months, between two moments."""
    start, end = (datetime.fromtimestamp(at / 1000, UTC) for at in (first, last))
    found = [
        datetime(year, month, 1, tzinfo=UTC)
        for year in range(start.year, end.year + 1)
        for month in ((1,) if years else range(1, 13))
    ]
    return [moment.timestamp() * 1000 for moment in found if start <= moment <= end]


def _value_axis(whole: bool) -> Spec:
    # Between two models there is nothing to count.
    numbers = (
        {"format": "d", "labelExpr": "datum.value % 1 ? '' : datum.label"} if whole else {"format": "~g"}
    )
    return {"title": None, "tickCount": 4, "domain": False, "ticks": False, **numbers}


def _breaks(x: Spec) -> list[Spec]:
    letters = mark("text", align="center", baseline="bottom", dy=-2, fontSize=9.5, color=SOFT)
    return [
        layer("history_breaks", mark("rule", color=LINE, strokeWidth=1, strokeDash=[2, 2]), x=x),
        layer("history_breaks", letters, x=x, y=value(0), text=field("letter:N")),
    ]
