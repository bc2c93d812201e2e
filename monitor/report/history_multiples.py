"""Small charts of figures over time, all with one axis of time: both panels, their intervals, and the breaks."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ..history.figures import COUNTS
from .chart_base import ACCENT, INK, LINE, NARROW, SOFT, ChartSpec, chart_spec, of_table
from .records import CellValue
from .vega import alt

HEIGHT = 132
Tables = Mapping[str, Mapping[str, tuple[CellValue, ...]]]
_DAY = 24 * 3600 * 1000
_NULL_OF = {"r2_behavior": "null_r2_behavior"}
# Stands for the table of the figure that is drawn.
_FIGURE = "history_*"
_PANELS = (("full", INK), ("common", ACCENT))


@dataclass(frozen=True)
class _Outline:
    """All that small charts differ in but the figure that they show.

    Attributes
    ----------
    whole : bool
        Numbers are counts, which have no interval.
    marks : frozenset of (str, str)
        Panels, and origins of boards, that there are points of.
    breaks : bool
    null : str
        The table of a figure that is drawn beside; empty if there is none.
    first, last : int
        Of the axis of time, in milliseconds.
    height : int
    """

    whole: bool
    marks: frozenset[tuple[str, str]]
    breaks: bool
    null: str
    first: int
    last: int
    height: int


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
    table = f"history_{name}"
    null = f"history_{_NULL_OF[name]}" if name in _NULL_OF else ""
    at = [int(str(moment)) for moment in tables["history_models"]["at"]]
    marks = zip(tables[table]["panel"], tables[table]["origin"], strict=True)
    outline = _Outline(
        whole=name in COUNTS,
        marks=frozenset((str(panel), str(origin)) for panel, origin in marks),
        breaks=bool(tables["history_breaks"]["at"]),
        null=null if null and tables[null]["at"] else "",
        first=min(at),
        last=max(at),
        height=height,
    )
    drawn = _drawn(outline)
    read = tuple(table if one == _FIGURE else one for one in drawn.tables)
    return replace(drawn, spec=_of_table_named(drawn.spec, table), tables=read)


def _of_table_named(spec: Any, table: str) -> Any:
    """The specification with the name of a table for `_FIGURE`."""
    if isinstance(spec, dict):
        return {key: _of_table_named(value, table) for key, value in spec.items()}
    if isinstance(spec, list):
        return [_of_table_named(one, table) for one in spec]
    return table if spec == _FIGURE else spec


# Altair copies what it is given again and again: it takes as long as to draw all the page's other charts together.
@functools.lru_cache(maxsize=64)
def _drawn(outline: _Outline) -> ChartSpec:
    x, scale, axis = (
        _time(outline.first, outline.last),
        alt.Scale(zero=False, nice=True),
        _value_axis(outline.whole),
    )
    y = alt.Y("value:Q", scale=scale, axis=axis)
    points = of_table(_FIGURE)
    tooltip = [
        alt.Tooltip("when:N", title="board of"),
        alt.Tooltip("value:Q", title="value", format=",d" if outline.whole else ".3f"),
        alt.Tooltip("low:Q", title="from", format=".3f"),
        alt.Tooltip("high:Q", title="to", format=".3f"),
        alt.Tooltip("panel:N", title="panel"),
        alt.Tooltip("origin:N", title="board"),
        alt.Tooltip("size:N", title="models × benchmarks"),
        alt.Tooltip("cause:N", title="since the board before"),
    ]
    layers: list[alt.Chart] = _breaks(x) if outline.breaks else []
    for panel, color in _PANELS:
        # Vega warns of a mark without data: a figure may exist on one panel alone.
        origins = {origin for some, origin in outline.marks if some == panel}
        if not origins:
            continue
        of_panel = points.transform_filter(f"datum.panel === '{panel}'")
        if not outline.whole:
            band = of_panel.mark_area(color=color, opacity=0.13)
            layers.append(band.encode(x=x, y=alt.Y("low:Q", scale=scale, axis=axis), y2=alt.Y2("high:Q")))
        dash: Any = [5, 3] if panel == "common" else [1, 0]
        layers.append(of_panel.mark_line(color=color, strokeWidth=1.6, strokeDash=dash).encode(x=x, y=y))
        for origin, fill, size in (("reconstructed", "var(--paper)", 14), ("observed", color, 34)):
            if origin not in origins:
                continue
            layers.append(
                of_panel.transform_filter(f"datum.origin === '{origin}'")
                .mark_point(filled=True, fill=fill, stroke=color, strokeWidth=1.2, size=size, opacity=1)
                .encode(x=x, y=y)
            )
    read = [_FIGURE, "history_breaks"]
    if outline.null:
        read.append(outline.null)
        layers.append(
            of_table(outline.null)
            .transform_filter("datum.panel === 'full'")
            .mark_line(color=SOFT, strokeWidth=1.2, strokeDash=[2, 3])
            .encode(x=x, y=y)
        )
    layers.append(points.mark_circle(size=140, opacity=0).encode(x=x, y=y, tooltip=tooltip))
    chart = alt.layer(*layers).properties(height=outline.height).add_params(NARROW)
    return chart_spec(chart, "rows", 560, tuple(read))


def _time(first: int, last: int) -> alt.X:
    """An axis of moments in milliseconds, which every browser has to show in UTC."""
    # Room for half a point at either end, and a domain at all if there is one moment.
    room = max((last - first) * 0.015, _DAY)
    years = last - first > 2 * 366 * _DAY
    axis = alt.Axis(
        title=None, grid=False, values=_ticks(first, last, years), labelOverlap="greedy",
        labelExpr=f"utcFormat(datum.value, '{'%Y' if years else '%b %Y'}')",
    )  # fmt: skip
    return alt.X(
        "at:Q", scale=alt.Scale(domain=[first - room, last + room], nice=False, zero=False), axis=axis
    )


def _ticks(first: int, last: int, years: bool) -> list[float]:
    """Beginnings of the years, or of the months, between two moments."""
    start, end = (datetime.fromtimestamp(at / 1000, UTC) for at in (first, last))
    found = [
        datetime(year, month, 1, tzinfo=UTC)
        for year in range(start.year, end.year + 1)
        for month in ((1,) if years else range(1, 13))
    ]
    return [moment.timestamp() * 1000 for moment in found if start <= moment <= end]


def _value_axis(whole: bool) -> alt.Axis:
    # Between two models there is nothing to count.
    settings: dict[str, Any] = (
        {"format": "d", "labelExpr": "datum.value % 1 ? '' : datum.label"} if whole else {"format": "~g"}
    )
    return alt.Axis(title=None, tickCount=4, domain=False, ticks=False, **settings)


def _breaks(x: alt.X) -> list[alt.Chart]:
    table = of_table("history_breaks")
    text: dict[str, Any] = {"align": "center", "baseline": "bottom", "dy": -2, "fontSize": 9.5, "color": SOFT}
    return [
        table.mark_rule(color=LINE, strokeWidth=1, strokeDash=[2, 2]).encode(x=x),
        table.mark_text(**text).encode(x=x, y=alt.YValue(0), text=alt.Text("letter:N")),
    ]
