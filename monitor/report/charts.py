"""The charts of benchmarks and parts, as Vega-Lite specifications by Altair; those of schemes are in `scheme_charts`.

A specification holds no data and no foreign text: it names tables of the page's one dataset, reads labels from them
with ``data(...)`` when it is drawn, and takes its colours from the page's style sheet (``var(--…)``), so that a chart
follows light, dark and print as the text does. The page's script sets its size, and the parameters that depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .chart_base import (
    BEHAVIOR,
    CONFIG,
    INK,
    LABEL_SIZE,
    LINE,
    NARROW,
    NEURAL,
    SOFT,
    ChartSpec,
    chart_spec,
    of_table,
)
from .history_multiples import Tables, small_chart
from .history_records import HistorySection
from .records import ChartData, Figure, ReportView
from .scheme_charts import interval_chart, rank_chart, scheme_heatmap
from .vega import alt

# Odd, so that the middle colour stands for "about zero".
RHO_STEPS = 21
RANK_STEPS = 7
ROW = 15
Builders = list[tuple[Figure, Callable[[ChartData], ChartSpec]]]
# The longest label of a leaf in multiples of its font size.
LEAF_LABEL = 22.5


def chart_specs(view: ReportView, drawn: Mapping[str, ChartSpec] | None = None) -> dict[str, ChartSpec]:
    """Specifications of all charts that the view has data for, by the id of their figure.

    Parameters
    ----------
    view : ReportView
    drawn : mapping, optional
        What `charts_without_schemes` made of the same view before the schemes were studied.
    """
    of_schemes: Builders = [(view.ranks.chart, rank_chart)]
    if view.schemes is not None:
        of_schemes += [
            (view.schemes.intervals.chart, interval_chart),
            (view.schemes.agreement.heatmap, scheme_heatmap),
        ]
    others = charts_without_schemes(view) if drawn is None else drawn
    return {**others, **_built(of_schemes, view.charts)}


def charts_without_schemes(view: ReportView) -> dict[str, ChartSpec]:
    """Those of the charts that do not depend on a study of the schemes."""
    builders: Builders = [
        (view.agreement.heatmap, _heatmap),
        (view.parts.scatter, scatter_chart),
        (view.spread.chart, _spread),
        (view.weights.chart, _weights),
    ]
    past = {} if view.history is None else history_specs(view.history, view.charts.tables)
    return _built(builders, view.charts) | past


def _built(builders: Builders, data: ChartData) -> dict[str, ChartSpec]:
    return {figure.id: build(data) for figure, build in builders if not figure.missing}


def history_specs(section: HistorySection, tables: Tables) -> dict[str, ChartSpec]:
    """Specifications of the charts of a board's past, by the id of their figure."""
    return {
        chart.id: small_chart(tables, chart.id.removeprefix("history-"))
        for group in section.groups
        for chart in group.charts
        if not chart.missing
    }


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
        "labelColor": _by_part("datum.value < 0 ? 'none' : " + _leaf("part", "datum.value"), INK),
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
            {"test": f"({expression}) === 'Neural'", "value": NEURAL},
            {"test": f"({expression}) === 'Behavioural'", "value": BEHAVIOR},
        ],
        "value": otherwise,
    }


def _part_color(opacity_of: str = "datum.part") -> alt.Color:
    return alt.Color(**_by_part(opacity_of, SOFT))


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
        of_table("pairs")
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
    strip = of_table("leaves").mark_rect().encode(color=_part_color())
    left = strip.encode(y=alt.Y("at:O", scale=scale), x=alt.XValue(-7), x2=alt.X2Value(-3))
    below = strip.encode(
        x=alt.X("at:O", scale=scale),
        y=alt.YValue({"expr": "height + 3"}),
        y2=alt.Y2Value({"expr": "height + 7"}),
    )
    return chart_spec(
        alt.layer(cells, left, below).add_params(NARROW, LABEL_SIZE),
        "cells",
        15,
        ("leaves", "pairs"),
        rows=len(data.heatmap_order),
        label=LEAF_LABEL,
    )


def scatter_chart(data: ChartData) -> ChartSpec:
    """Neural against behavioural scores."""
    low, high = data.score_domain
    scale = alt.Scale(domain=[low, high], nice=False)
    models = len(data.tables["models"]["id"])
    x = alt.X("neural:Q", scale=scale, axis=alt.Axis(title="neural score", grid=False, tickCount=6))
    y = alt.Y("behavior:Q", scale=scale, axis=alt.Axis(title="behavioural score", grid=False, tickCount=6))
    lines = (
        of_table("averages")
        .mark_rule(color=LINE, strokeDash=[2, 4])
        .encode(
            x=alt.X("x:Q", scale=scale), y=alt.Y("y:Q", scale=scale), x2=alt.X2("x2:Q"), y2=alt.Y2("y2:Q")
        )
    )
    rug = of_table("models").mark_tick(thickness=1, size=7, opacity=0.7)
    below = rug.encode(x=x, y=alt.YValue({"expr": "height - 4"}), color=alt.ColorValue(NEURAL))
    left = rug.encode(y=y, x=alt.XValue(4), color=alt.ColorValue(BEHAVIOR))
    points = (
        of_table("models")
        .mark_circle(size=70, opacity=0.92, stroke="var(--paper)", strokeWidth=0.8)
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                "s0:Q",
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
                alt.Tooltip("s0:Q", title="rank, HIER"),
                alt.Tooltip("official:Q", title="official rank"),
            ],
        )
    )
    layers = [lines, below, left, *_spread_bars(data, scale), points]
    return chart_spec(alt.layer(*layers).add_params(NARROW), "square", 640, ("models", "parts", "averages"))


def _spread_bars(data: ChartData, scale: alt.Scale) -> list[alt.Chart]:
    """Mean ± sd of both parts along the upper and the right edge, where equal scales make them comparable."""
    parts = of_table("parts")
    # The upper one is named on its side with more room, so that no edge cuts its label off.
    middle = sum(data.score_domain) / 2
    rows = zip(*(data.tables["parts"][name] for name in ("part", "from", "to")), strict=True)
    right_half = any(part == "Neural" and (low + high) / 2 > middle for part, low, high in rows)
    place: dict[str, Any] = {"align": "right", "dx": -8} if right_half else {"align": "left", "dx": 8}
    end = "from" if right_half else "to"
    neural = parts.transform_filter("datum.part === 'Neural'")
    behavior = parts.transform_filter("datum.part === 'Behavioural'")
    right = {"expr": "width - 8"}
    return [
        neural.mark_rule(size=5, color=NEURAL).encode(
            x=alt.X("from:Q", scale=scale), x2=alt.X2("to:Q"), y=alt.YValue(8)
        ),
        neural.mark_text(baseline="middle", color=NEURAL, **place).encode(
            x=alt.X(f"{end}:Q", scale=scale), y=alt.YValue(8), text=alt.Text("text:N")
        ),
        behavior.mark_rule(size=5, color=BEHAVIOR).encode(
            y=alt.Y("from:Q", scale=scale), y2=alt.Y2("to:Q"), x=alt.XValue(right)
        ),
        behavior.mark_text(align="right", baseline="top", dy=6, dx=4, color=BEHAVIOR).encode(
            y=alt.Y("from:Q", scale=scale), x=alt.XValue(right), text=alt.Text("text:N")
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
    rows = of_table("leaves").encode(y=y, color=_part_color())
    hover = (
        of_table("leaves")
        .mark_bar(opacity=0, size=14)
        .encode(
            y=y,
            x=alt.XValue(0),
            x2=alt.X2Value({"expr": "width"}),
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
        rows.mark_rule(opacity=0.55).encode(x=alt.X("low:Q", scale=score, axis=axis), x2=alt.X2("high:Q")),
        rows.mark_bar(size=7, opacity=0.55).encode(
            x=alt.X("q1:Q", scale=score, axis=axis), x2=alt.X2("q3:Q")
        ),
        rows.mark_tick(thickness=2, size=11, opacity=1).encode(x=alt.X("median:Q", scale=score, axis=axis)),
        hover,
    ]
    # Not a step a row: Vega-Lite warns that it cannot fit such a height, even where only the width is to fit.
    chart = alt.layer(*layers).properties(height=ROW * len(data.spread_order)).add_params(NARROW)
    return chart_spec(chart, "rows", 1040, ("leaves",))


def _weights(data: ChartData) -> ChartSpec:
    y = alt.Y("at:O", scale=_row_scale(data.weight_order), axis=_leaf_axis(data, 250))
    axis = alt.Axis(title="weight in the average", orient="top", tickCount=6, format="~%", grid=True)
    rows = of_table("leaves").encode(y=y)
    tooltip = [
        *_BENCHMARK_TOOLTIP,
        alt.Tooltip("nominal:Q", title="nominal weight", format=".2%"),
        alt.Tooltip("effective:Q", title="effective weight", format=".2%"),
    ]
    layers = [
        of_table("leaves").mark_rule(color=SOFT).encode(x=alt.XDatum(0, axis=axis)),
        rows.mark_rule(opacity=0.7).encode(
            x=alt.X("nominal:Q", axis=axis), x2=alt.X2("effective:Q"), color=_part_color()
        ),
        rows.mark_point(size=34, filled=True, fill="var(--paper)", strokeWidth=1.4, opacity=1).encode(
            x=alt.X("nominal:Q", axis=axis), stroke=alt.Stroke(**_by_part("datum.part", SOFT))
        ),
        rows.mark_circle(size=42, opacity=1).encode(x=alt.X("effective:Q", axis=axis), color=_part_color()),
        rows.mark_bar(opacity=0, size=14).encode(
            x=alt.XValue(0), x2=alt.X2Value({"expr": "width"}), tooltip=tooltip
        ),
    ]
    chart = alt.layer(*layers).properties(height=ROW * len(data.weight_order)).add_params(NARROW)
    return chart_spec(chart, "rows", 1040, ("leaves",))


__all__ = ["CONFIG", "RANK_STEPS", "RHO_STEPS", "ChartSpec", "chart_specs", "history_specs", "scatter_chart"]
