"""The charts of benchmarks and parts, as Vega-Lite specifications; those of schemes are in `scheme_charts`.

A specification holds no data and no foreign text: it names tables of the page's one dataset, reads labels from them
with ``data(...)`` when it is drawn, and takes its colours from the page's style sheet (``var(--…)``), so that a chart
follows light, dark and print as the text does. The page's script sets its size, and the parameters that depend on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brainalign_plugin.plot.vega_lite import Spec, expr, field, filtered, layer, looked_up, mark, value

from .chart_base import BEHAVIOR, CONFIG, INK, LABEL_SIZE, LINE, NARROW, NEURAL, SOFT, ChartSpec
from .history_multiples import Tables, cohort_chart, small_chart
from .history_records import HistorySection
from .records import ChartData, Figure, ReportView
from .scheme_charts import interval_chart, rank_chart, scheme_heatmap

# Odd, so that the middle colour stands for "about zero".
RHO_STEPS = 21
RANK_STEPS = 7
ROW = 15
Builders = list[tuple[Figure, Callable[[ChartData], ChartSpec]]]
# The longest label of a leaf in multiples of its font size.
LEAF_LABEL = 22.5


def chart_specs(view: ReportView) -> dict[str, ChartSpec]:
    """Specifications of all charts that the view has data for, by the id of their figure."""
    builders: Builders = [
        (view.agreement.heatmap, _heatmap),
        (view.parts.scatter, scatter_chart),
        (view.spread.chart, _spread),
        (view.weights.chart, _weights),
        (view.ranks.chart, rank_chart),
    ]
    if view.schemes is not None:
        builders += [
            (view.schemes.intervals.chart, interval_chart),
            (view.schemes.agreement.heatmap, scheme_heatmap),
        ]
    past = {} if view.history is None else history_specs(view.history, view.charts.tables)
    return {figure.id: build(view.charts) for figure, build in builders if not figure.missing} | past


def history_specs(section: HistorySection, tables: Tables) -> dict[str, ChartSpec]:
    """Specifications of the charts of a board's past, by the id of their figure."""
    cohorts = {} if section.cohorts.missing else {section.cohorts.id: cohort_chart()}
    return cohorts | {
        chart.id: small_chart(tables, chart.id.removeprefix("history-"))
        for group in section.groups
        for chart in group.charts
        if not chart.missing
    }


def _leaf(column: str, name: str) -> str:
    """Vega expression: what a column says of the leaf whose position is the field `name`."""
    return f"data('leaves')[{name}].{column}"


def _leaf_axis(data: ChartData, wide: int, **changes: Any) -> Spec:
    """Axis of leaves, labelled from the dataset and coloured by part; headings in bold."""
    names = "[" + ", ".join(f"'{name}'" for name in data.part_names) + "]"
    label = f"narrow ? {_leaf('brief', 'datum.value')} : {_leaf('label', 'datum.value')}"
    return {
        "title": None,
        "labelExpr": f"datum.value < 0 ? {names}[-1 - datum.value] : ({label})",
        "labelColor": _by_part("datum.value < 0 ? 'none' : " + _leaf("part", "datum.value"), INK),
        "labelFontSize": 10.5,
        "labelFontWeight": {"condition": {"test": "datum.value < 0", "value": "bold"}, "value": "normal"},
        "labelLimit": expr(f"narrow ? 130 : {wide}"),
        "labelOverlap": False,
        "labelPadding": 6,
        "ticks": False,
        "domain": False,
        "grid": False,
        **changes,
    }


def _by_part(expression: str, otherwise: str) -> Spec:
    """Colour by the part that a Vega expression gives."""
    return {
        "condition": [
            {"test": f"({expression}) === 'Neural'", "value": NEURAL},
            {"test": f"({expression}) === 'Behavioural'", "value": BEHAVIOR},
        ],
        "value": otherwise,
    }


_PART_COLOR = _by_part("datum.part", SOFT)


def _heatmap(data: ChartData) -> ChartSpec:
    scale = {"domain": list(data.heatmap_order), "paddingInner": 0.06, "paddingOuter": 0}
    # The script sizes the cells; where they are too small for labels it sets `narrow`, and the strips remain.
    axis = _leaf_axis(
        data,
        230,
        labelLimit=expr("narrow ? 1 : 22 * labelSize"),
        labelOpacity=expr("narrow ? 0 : 1"),
        labelFontSize=expr("labelSize"),
        labelPadding=10,
    )
    colors = {
        "type": "quantize",
        "domain": [-1 - 1 / (RHO_STEPS - 1), 1 + 1 / (RHO_STEPS - 1)],
        "range": [f"var(--rho-{k})" for k in range(RHO_STEPS)],
    }
    tooltip = [
        field("one:N", title="benchmark"),
        field("other:N", title="and"),
        field("rho:Q", title="ρ", format="+.3f"),
        field("rho_all:Q", title="ρ, all models", format="+.3f"),
        field("n_all:Q", title="models with both"),
    ]
    layers = [
        layer(
            "pairs",
            mark("rect"),
            [
                looked_up("i", "leaves", "at", ["id"], ["one"]),
                looked_up("j", "leaves", "at", ["id"], ["other"]),
            ],
            x=field("j:O", scale=scale, axis={**axis, "labelAngle": -90}),
            y=field("i:O", scale=scale, axis=axis),
            color=field("rho:Q", legend=None, scale=colors),
            tooltip=tooltip,
        ),
        layer(
            "leaves",
            mark("rect"),
            y=field("at:O", scale=scale),
            x=value(-7),
            x2=value(-3),
            color=_PART_COLOR,
        ),
        layer(
            "leaves",
            mark("rect"),
            x=field("at:O", scale=scale),
            y=value(expr("height + 3")),
            y2=value(expr("height + 7")),
            color=_PART_COLOR,
        ),
    ]
    return ChartSpec(
        {"layer": layers, "params": [NARROW, LABEL_SIZE]},
        ("leaves", "pairs"),
        "cells",
        15,
        rows=len(data.heatmap_order),
        label=LEAF_LABEL,
    )


def scatter_chart(data: ChartData) -> ChartSpec:
    """Neural against behavioural scores."""
    scale = {"domain": list(data.score_domain), "nice": False}
    models = len(data.tables["models"]["id"])
    x = field("neural:Q", scale=scale, axis={"title": "neural score", "grid": False, "tickCount": 6})
    y = field("behavior:Q", scale=scale, axis={"title": "behavioural score", "grid": False, "tickCount": 6})
    tick = mark("tick", thickness=1, size=7, opacity=0.7)
    color = field(
        "s0:Q",
        legend=None,
        scale={
            "type": "quantize",
            "domain": [1, max(models, 2)],
            "range": [f"var(--rank-{k})" for k in range(RANK_STEPS)],
        },
    )
    tooltip = [
        field("name:N", title="model"),
        field("id:N", title="id"),
        field("neural:Q", title="neural", format=".3f"),
        field("behavior:Q", title="behavioural", format=".3f"),
        field("average:Q", title="average", format=".3f"),
        field("s0:Q", title="rank, HIER"),
        field("official:Q", title="official rank"),
    ]
    layers = [
        layer(
            "averages",
            mark("rule", color=LINE, strokeDash=[2, 4]),
            x=field("x:Q", scale=scale),
            y=field("y:Q", scale=scale),
            x2=field("x2"),
            y2=field("y2"),
        ),
        layer("models", tick, x=x, y=value(expr("height - 4")), color=value(NEURAL)),
        layer("models", tick, y=y, x=value(4), color=value(BEHAVIOR)),
        *_spread_bars(data, scale),
        layer(
            "models",
            mark("circle", size=70, opacity=0.92, stroke="var(--paper)", strokeWidth=0.8),
            x=x,
            y=y,
            color=color,
            tooltip=tooltip,
        ),
    ]
    return ChartSpec({"layer": layers, "params": [NARROW]}, ("models", "parts", "averages"), "square", 640)


def _spread_bars(data: ChartData, scale: Spec) -> list[Spec]:
    """Mean ± sd of both parts along the upper and the right edge, where equal scales make them comparable."""
    # The upper one is named on its side with more room, so that no edge cuts its label off.
    middle = sum(data.score_domain) / 2
    rows = zip(*(data.tables["parts"][name] for name in ("part", "from", "to")), strict=True)
    right_half = any(part == "Neural" and (low + high) / 2 > middle for part, low, high in rows)
    place: Spec = {"align": "right", "dx": -8} if right_half else {"align": "left", "dx": 8}
    neural = mark("text", baseline="middle", color=NEURAL, **place)
    behavior = mark("text", align="right", baseline="top", dy=6, dx=4, color=BEHAVIOR)
    of_neural, of_behavior = (
        [filtered("datum.part === 'Neural'")],
        [filtered("datum.part === 'Behavioural'")],
    )
    begin, end = field("from:Q", scale=scale), field("to:Q", scale=scale)
    top, right, text = value(8), value(expr("width - 8")), field("text:N")
    return [
        layer("parts", mark("rule", size=5, color=NEURAL), of_neural, x=begin, x2=field("to"), y=top),
        layer("parts", neural, of_neural, x=begin if right_half else end, y=top, text=text),
        layer("parts", mark("rule", size=5, color=BEHAVIOR), of_behavior, y=begin, y2=field("to"), x=right),
        layer("parts", behavior, of_behavior, y=begin, x=right, text=text),
    ]


def _row_scale(order: tuple[int, ...]) -> Spec:
    return {"domain": list(order), "paddingInner": 0.2, "paddingOuter": 0.1}


_BENCHMARK_TOOLTIP = [field("id:N", title="benchmark"), field("group:N", title="group")]
# Invisible, as wide as the chart: a row tells its benchmark wherever it is pointed at.
_HOVER = mark("bar", opacity=0, size=14)
_ACROSS: Spec = {"x": value(0), "x2": value(expr("width"))}


def _spread(data: ChartData) -> ChartSpec:
    y = field("at:O", scale=_row_scale(data.spread_order), axis=_leaf_axis(data, 250))
    row: Spec = {"y": y, "color": _PART_COLOR}
    score: Spec = {
        "scale": {"domain": [0, 1]},
        "axis": {"title": "score", "orient": "top", "tickCount": 6, "format": ".1f"},
    }
    tooltip = [
        *_BENCHMARK_TOOLTIP,
        *(
            field(f"{name}:Q", title=title, format=".3f")
            for name, title in (
                ("sd", "sd"), ("low", "lowest"), ("q1", "first quartile"), ("median", "median"),
                ("q3", "third quartile"), ("high", "highest"),
            )
        ),
    ]  # fmt: skip
    layers = [
        layer("leaves", mark("rule", opacity=0.55), x=field("low:Q", **score), x2=field("high"), **row),
        layer("leaves", mark("bar", size=7, opacity=0.55), x=field("q1:Q", **score), x2=field("q3"), **row),
        layer("leaves", mark("tick", thickness=2, size=11, opacity=1), x=field("median:Q", **score), **row),
        layer("leaves", _HOVER, y=y, **_ACROSS, tooltip=tooltip),
    ]
    return _rows_of_leaves(layers, data.spread_order)


def _weights(data: ChartData) -> ChartSpec:
    y = field("at:O", scale=_row_scale(data.weight_order), axis=_leaf_axis(data, 250))
    axis = {"title": "weight in the average", "orient": "top", "tickCount": 6, "format": "~%", "grid": True}
    nominal, effective = field("nominal:Q", axis=axis), field("effective:Q", axis=axis)
    hollow = mark("point", size=34, filled=True, fill="var(--paper)", strokeWidth=1.4, opacity=1)
    tooltip = [
        *_BENCHMARK_TOOLTIP,
        field("nominal:Q", title="nominal weight", format=".2%"),
        field("effective:Q", title="effective weight", format=".2%"),
    ]
    layers = [
        layer("leaves", mark("rule", color=SOFT), x={"datum": 0, "axis": axis}),
        layer("leaves", mark("rule", opacity=0.7), x=nominal, x2=field("effective"), y=y, color=_PART_COLOR),
        layer("leaves", hollow, x=nominal, y=y, stroke=_PART_COLOR),
        layer("leaves", mark("circle", size=42, opacity=1), x=effective, y=y, color=_PART_COLOR),
        layer("leaves", _HOVER, y=y, **_ACROSS, tooltip=tooltip),
    ]
    return _rows_of_leaves(layers, data.weight_order)


def _rows_of_leaves(layers: list[Spec], order: tuple[int, ...]) -> ChartSpec:
    # Not a step a row: Vega-Lite warns that it cannot fit such a height, even where only the width is to fit.
    spec = {"layer": layers, "height": ROW * len(order), "params": [NARROW]}
    return ChartSpec(spec, ("leaves",), "rows", 1040)


__all__ = ["CONFIG", "RANK_STEPS", "RHO_STEPS", "ChartSpec", "chart_specs", "history_specs", "scatter_chart"]
