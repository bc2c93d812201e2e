"""The charts, as Vega-Lite specifications by Altair.

A specification holds no data and no foreign text: it names tables of the page's one dataset, reads labels from them
with ``data(...)`` when it is drawn, and takes its colours from the page's style sheet (``var(--…)``), so that a chart
follows light, dark and print as the text does. The page's script sets its size, and the parameters that depend on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

from .chart_data import RANK_CHART_TOP, rank_height
from .records import ChartData, ReportView

# Odd, so that the middle colour stands for "about zero".
RHO_STEPS = 21
RANK_STEPS = 7
ROW = 15

# How the page's script sizes a chart: square with a step a leaf; square; as wide as the page with its own height.
Layout = Literal["cells", "square", "rows"]

NARROW = alt.param(name="narrow", value=False)
LABEL_SIZE = alt.param(name="labelSize", value=10.5)
_INK, _SOFT, _LINE, _FAINT = "var(--ink)", "var(--ink-soft)", "var(--line)", "var(--rule)"
_NEURAL, _BEHAVIOR = "var(--neural)", "var(--behavior)"


@dataclass(frozen=True, eq=False)
class ChartSpec:
    """A chart as the page embeds it: its specification, the tables it reads and how it is sized.

    `most` is the largest width (of one leaf for ``cells``) in pixels.
    """

    spec: Mapping[str, Any]
    tables: tuple[str, ...]
    layout: Layout
    most: int


CONFIG: Mapping[str, Any] = {
    "background": "transparent",
    # Marks by the thousand must not be read out one by one; each chart has a description, and a table beside it.
    "aria": False,
    "view": {"stroke": None},
    "axis": {
        "domainColor": _FAINT,
        "gridColor": _FAINT,
        "tickColor": _FAINT,
        "labelColor": _SOFT,
        "titleColor": _SOFT,
        "labelFontSize": 11,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    },
    "text": {"fontSize": 11, "color": _INK},
}


def chart_specs(view: ReportView) -> dict[str, ChartSpec]:
    """Specifications of all charts that the view has data for, by the id of their figure."""
    data = view.charts
    builders = {
        view.agreement.heatmap: _heatmap,
        view.parts.scatter: _scatter,
        view.spread.chart: _spread,
        view.weights.chart: _weights,
        view.ranks.chart: _ranks,
    }
    return {figure.id: build(data) for figure, build in builders.items() if not figure.missing}


def _chart_spec(chart: alt.TopLevelMixin, layout: Layout, most: int, tables: tuple[str, ...]) -> ChartSpec:
    spec = chart.to_dict(validate=False)
    # What a theme adds, Altair's own or one that the user has enabled; the page sets one configuration for all charts.
    added = ("config", "usermeta", "$schema")
    return ChartSpec({k: v for k, v in spec.items() if k not in added}, tables, layout, most)


def _chart(table: str) -> alt.Chart:
    return alt.Chart(alt.NamedData(table))


def _leaf(field: str, name: str) -> str:
    """Vega expression: a field of the leaf whose position is the field `name`."""
    return f"data('leaves')[{name}].{field}"


def _leaf_axis(data: ChartData, wide: int, **changes: Any) -> alt.Axis:
    """Axis of leaves, labelled from the dataset and coloured by part; headings in bold."""
    names = "[" + ", ".join(f"'{name}'" for name in data.part_names) + "]"
    label = f"narrow ? {_leaf('brief', 'datum.value')} : {_leaf('label', 'datum.value')}"
    settings: dict[str, Any] = {
        "title": None,
        "labelExpr": f"datum.value < 0 ? {names}[-1 - datum.value] : ({label})",
        "labelColor": _by_part("datum.value < 0 ? 'none' : " + _leaf("part", "datum.value"), _INK),
        "labelFontSize": 10.5,
        "labelFontWeight": {"condition": {"test": "datum.value < 0", "value": "bold"}, "value": "normal"},
        "labelLimit": {"expr": f"narrow ? 130 : {wide}"},
        "labelOverlap": False,
        "labelPadding": 6,
        "ticks": False,
        "domain": False,
        "grid": False,
    }
    return alt.Axis(**(settings | changes))


def _by_part(expression: str, otherwise: str) -> dict[str, Any]:
    """Colour by the part that a Vega expression gives."""
    return {
        "condition": [
            {"test": f"({expression}) === 'Neural'", "value": _NEURAL},
            {"test": f"({expression}) === 'Behavioural'", "value": _BEHAVIOR},
        ],
        "value": otherwise,
    }


def _part_color(opacity_of: str = "datum.part") -> alt.Color:
    return alt.Color(**_by_part(opacity_of, _SOFT))


def _heatmap(data: ChartData) -> ChartSpec:
    scale = alt.Scale(domain=list(data.heatmap_order), paddingInner=0.06, paddingOuter=0)
    # The script sizes the cells; where they are too small for labels it sets `narrow`, and the strips remain.
    settings = {
        "labelLimit": {"expr": "narrow ? 1 : 22 * labelSize"},
        "labelOpacity": {"expr": "narrow ? 0 : 1"},
        "labelFontSize": {"expr": "labelSize"},
        "labelPadding": 10,
    }
    axis = _leaf_axis(data, 230, **settings)
    across = _leaf_axis(data, 230, **settings, labelAngle=-90)
    cells = (
        _chart("pairs")
        .transform_lookup("i", alt.LookupData(alt.NamedData("leaves"), "at", ["id"]), ["one"])
        .transform_lookup("j", alt.LookupData(alt.NamedData("leaves"), "at", ["id"]), ["other"])
        .mark_rect()
        .encode(
            x=alt.X("j:O", scale=scale, axis=across),
            y=alt.Y("i:O", scale=scale, axis=axis),
            color=alt.Color(
                "rho:Q",
                legend=None,
                scale=alt.Scale(
                    type="quantize",
                    domain=[-1 - 1 / (RHO_STEPS - 1), 1 + 1 / (RHO_STEPS - 1)],
                    range=[f"var(--rho-{k})" for k in range(RHO_STEPS)],
                ),
            ),
            tooltip=[
                alt.Tooltip("one:N", title="benchmark"),
                alt.Tooltip("other:N", title="and"),
                alt.Tooltip("rho:Q", title="ρ", format="+.3f"),
                alt.Tooltip("rho_all:Q", title="ρ, all models", format="+.3f"),
                alt.Tooltip("n_all:Q", title="models with both"),
            ],
        )
    )
    strip = _chart("leaves").mark_rect().encode(color=_part_color())
    left = strip.encode(y=alt.Y("at:O", scale=scale), x=alt.value(-7), x2=alt.value(-3))
    below = strip.encode(
        x=alt.X("at:O", scale=scale),
        y=alt.value({"expr": "height + 3"}),
        y2=alt.value({"expr": "height + 7"}),
    )
    return _chart_spec(
        alt.layer(cells, left, below).add_params(NARROW, LABEL_SIZE), "cells", 15, ("leaves", "pairs")
    )


def _scatter(data: ChartData) -> ChartSpec:
    low, high = data.score_domain
    scale = alt.Scale(domain=[low, high], nice=False)
    models = len(data.tables["models"]["id"])
    x = alt.X("neural:Q", scale=scale, axis=alt.Axis(title="neural score", grid=False, tickCount=6))
    y = alt.Y("behavior:Q", scale=scale, axis=alt.Axis(title="behavioural score", grid=False, tickCount=6))
    lines = (
        _chart("averages")
        .mark_rule(color=_LINE, strokeDash=[2, 4])
        .encode(x=alt.X("x:Q", scale=scale), y=alt.Y("y:Q", scale=scale), x2="x2:Q", y2="y2:Q")
    )
    rug = _chart("models").mark_tick(thickness=1, size=7, opacity=0.7)
    below = rug.encode(x=x, y=alt.value({"expr": "height - 4"}), color=alt.value(_NEURAL))
    left = rug.encode(y=y, x=alt.value(4), color=alt.value(_BEHAVIOR))
    points = (
        _chart("models")
        .mark_circle(size=70, opacity=0.92, stroke="var(--paper)", strokeWidth=0.8)
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                f"{data.schemes[0]}:Q",
                legend=None,
                scale=alt.Scale(
                    type="quantize",
                    domain=[1, max(models, 2)],
                    range=[f"var(--rank-{k})" for k in range(RANK_STEPS)],
                ),
            ),
            tooltip=[
                alt.Tooltip("name:N", title="model"),
                alt.Tooltip("id:N", title="id"),
                alt.Tooltip("neural:Q", title="neural", format=".3f"),
                alt.Tooltip("behavior:Q", title="behavioural", format=".3f"),
                alt.Tooltip("average:Q", title="average", format=".3f"),
                alt.Tooltip(f"{data.schemes[0]}:Q", title=f"rank, {data.schemes[0]}"),
                alt.Tooltip("official:Q", title="official rank"),
            ],
        )
    )
    layers = [lines, below, left, *_spread_bars(scale), points]
    return _chart_spec(alt.layer(*layers).add_params(NARROW), "square", 640, ("models", "parts", "averages"))


def _spread_bars(scale: alt.Scale) -> list[alt.Chart]:
    """Mean ± sd of both parts along the upper and the right edge, where equal scales make them comparable."""
    parts = _chart("parts")
    neural = parts.transform_filter("datum.part === 'Neural'")
    behavior = parts.transform_filter("datum.part === 'Behavioural'")
    right = {"expr": "width - 8"}
    return [
        neural.mark_rule(size=5, color=_NEURAL).encode(
            x=alt.X("from:Q", scale=scale), x2="to:Q", y=alt.value(8)
        ),
        neural.mark_text(align="left", baseline="middle", dx=8, color=_NEURAL).encode(
            x=alt.X("to:Q", scale=scale), y=alt.value(8), text="text:N"
        ),
        behavior.mark_rule(size=5, color=_BEHAVIOR).encode(
            y=alt.Y("from:Q", scale=scale), y2="to:Q", x=alt.value(right)
        ),
        behavior.mark_text(align="right", baseline="top", dy=6, dx=4, color=_BEHAVIOR).encode(
            y=alt.Y("from:Q", scale=scale), x=alt.value(right), text="text:N"
        ),
    ]


def _row_scale(order: tuple[int, ...]) -> alt.Scale:
    return alt.Scale(domain=list(order), paddingInner=0.2, paddingOuter=0.1)


_BENCHMARK_TOOLTIP = [
    alt.Tooltip("id:N", title="benchmark"),
    alt.Tooltip("group:N", title="group"),
]


def _spread(data: ChartData) -> ChartSpec:
    y = alt.Y("at:O", scale=_row_scale(data.spread_order), axis=_leaf_axis(data, 250))
    score = alt.Scale(domain=[0, 1])
    axis = alt.Axis(title="score", orient="top", tickCount=6, format=".1f")
    rows = _chart("leaves").encode(y=y, color=_part_color())
    hover = (
        _chart("leaves")
        .mark_bar(opacity=0, size=14)
        .encode(
            y=y,
            x=alt.value(0),
            x2=alt.value({"expr": "width"}),
            tooltip=[
                *_BENCHMARK_TOOLTIP,
                *(
                    alt.Tooltip(f"{field}:Q", title=title, format=".3f")
                    for field, title in (
                        ("sd", "sd"), ("low", "lowest"), ("q1", "first quartile"), ("median", "median"),
                        ("q3", "third quartile"), ("high", "highest"),
                    )
                ),
            ],
        )
    )  # fmt: skip
    layers = [
        rows.mark_rule(opacity=0.55).encode(x=alt.X("low:Q", scale=score, axis=axis), x2="high:Q"),
        rows.mark_bar(size=7, opacity=0.55).encode(x=alt.X("q1:Q", scale=score, axis=axis), x2="q3:Q"),
        rows.mark_tick(thickness=2, size=11, opacity=1).encode(x=alt.X("median:Q", scale=score, axis=axis)),
        hover,
    ]
    # Not a step a row: Vega-Lite warns that it cannot fit such a height, even where only the width is to fit.
    chart = alt.layer(*layers).properties(height=ROW * len(data.spread_order)).add_params(NARROW)
    return _chart_spec(chart, "rows", 1040, ("leaves",))


def _weights(data: ChartData) -> ChartSpec:
    y = alt.Y("at:O", scale=_row_scale(data.weight_order), axis=_leaf_axis(data, 250))
    axis = alt.Axis(title="weight in the average", orient="top", tickCount=6, format="~%", grid=True)
    rows = _chart("leaves").encode(y=y)
    tooltip = [
        *_BENCHMARK_TOOLTIP,
        alt.Tooltip("nominal:Q", title="nominal weight", format=".2%"),
        alt.Tooltip("effective:Q", title="effective weight", format=".2%"),
    ]
    layers = [
        _chart("leaves").mark_rule(color=_SOFT).encode(x=alt.XDatum(0, axis=axis)),
        rows.mark_rule(opacity=0.7).encode(
            x=alt.X("nominal:Q", axis=axis), x2="effective:Q", color=_part_color()
        ),
        rows.mark_point(size=34, filled=True, fill="var(--paper)", strokeWidth=1.4, opacity=1).encode(
            x=alt.X("nominal:Q", axis=axis), stroke=alt.Stroke(**_by_part("datum.part", _SOFT))
        ),
        rows.mark_circle(size=42, opacity=1).encode(x=alt.X("effective:Q", axis=axis), color=_part_color()),
        rows.mark_bar(opacity=0, size=14).encode(
            x=alt.value(0), x2=alt.value({"expr": "width"}), tooltip=tooltip
        ),
    ]
    chart = alt.layer(*layers).properties(height=ROW * len(data.weight_order)).add_params(NARROW)
    return _chart_spec(chart, "rows", 1040, ("leaves",))


def _ranks(data: ChartData) -> ChartSpec:
    schemes = list(data.schemes)
    hovered = alt.selection_point(
        name="hovered", on="pointerover", clear="pointerout", fields=["id"], empty=False
    )
    lowest = max(data.lowest_rank, 2)
    x = alt.X(
        "scheme:N",
        scale=alt.Scale(domain=schemes, type="point", padding=0.15),
        axis=alt.Axis(
            title=None, orient="top", labelAngle=0, ticks=False, domain=False, labelFontSize=11, labelOverlap=False,
            # Two words, two lines: there is little room between the schemes.
            labelExpr="split(datum.value, '_')", labelColor=_INK, labelBaseline="top", labelPadding=32, grid=True,
        ),
    )  # fmt: skip
    y = alt.Y(
        "rank:Q",
        scale=alt.Scale(domain=[1, lowest], reverse=True, nice=False, zero=False),
        axis=alt.Axis(
            title="rank",
            grid=False,
            domain=False,
            values=[1, *range(5, lowest + 1, 5)],
            format="d",
            tickSize=3,
        ),
    )
    charted = _chart("models").transform_filter("isValid(datum.label)")
    long = charted.transform_fold([*schemes], ["scheme", "rank"]).transform_calculate(
        step=f"indexof({json.dumps(schemes)}, datum.scheme)"
    )
    stays = {"test": "datum.always_top", "value": _INK}
    lit = {"param": "hovered", "empty": False, "value": "var(--accent)"}
    color = alt.Color(condition=[lit, stays], value="var(--line)")
    width = alt.StrokeWidth(condition=[{"param": "hovered", "empty": False, "value": 3}], value=1.5)
    tooltip = [
        alt.Tooltip("name:N", title="model"),
        alt.Tooltip("id:N", title="id"),
        *(alt.Tooltip(f"{scheme}:Q", title=scheme) for scheme in schemes),
        alt.Tooltip("official:Q", title="official rank"),
    ]
    lines = long.mark_line(interpolate="monotone").encode(
        x=x, y=y, detail="id:N", color=color, strokeWidth=width, order="step:Q"
    )
    # A name of our own: Altair counts the views that it names, and the same report must have the same bytes.
    points = (
        long.mark_circle(size=46, opacity=1)
        .encode(x=x, y=y, color=color, tooltip=tooltip)
        .properties(name="rank_points")
        .add_params(hovered)
    )
    labels = charted.mark_text(
        align="left", baseline="middle", dx=10, fontSize=11, limit={"expr": "narrow ? 112 : 260"}
    ).encode(
        x=alt.value({"expr": "width"}),
        y=alt.Y("label_at:Q", scale=alt.Scale(domain=[1, lowest], reverse=True, nice=False, zero=False)),
        text="label:N",
        color=alt.Color(condition=[lit, stays], value=_SOFT),
        tooltip=tooltip,
    )
    chart = (
        alt.layer(lines, points, labels).properties(height=rank_height(data.lowest_rank)).add_params(NARROW)
    )
    return _chart_spec(chart, "rows", 900, ("models",))


__all__ = ["CONFIG", "RANK_CHART_TOP", "RHO_STEPS", "ChartSpec", "chart_specs"]
