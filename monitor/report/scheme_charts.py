"""The charts of aggregation schemes: ranks across schemes, intervals of ranks, agreement of schemes.

A reader's choices are parameters that the page's script sets: ``wanted``, the ids of the models that a search has
found, and ``shown``, the position of a scheme.
"""

from __future__ import annotations

from typing import Any

from .chart_base import ACCENT, FAINT, INK, LABEL_SIZE, LINE, NARROW, SOFT, ChartSpec, chart_spec, of_table
from .records import ChartData
from .scheme_data import INTERVAL_MODELS, NAMED_MODELS, lowest_agreement, rank_height
from .vega import alt

INTERVAL_STEP = 17
# Colours of the scale of correlations from its middle on.
RHO_COLORS = tuple(f"var(--rho-{k})" for k in range(10, 21))
SCHEME_LABEL = 10.0
# Width of a scheme's column below which neither labels nor lines can be told apart.
LEAST_COLUMN = 17
RANK_TICKS = (1, 2, 3, 5, 10, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000, 2000)

WANTED = alt.param(name="wanted", value=[])
SHOWN = alt.param(name="shown", value=0)
_ROW: Any = {"op": "row_number", "as": "row"}
_MATCHES = "indexof(wanted, datum.id) >= 0"


def rank_chart(data: ChartData) -> ChartSpec:
    """Rank of every model under every scheme, a line a model: names at the best, and at those that are looked for."""
    x, y = _scheme_axis(data), _rank_axis(data)
    hovered = alt.selection_point(
        name="hovered", on="pointerover", clear="pointerout", fields=["id"], empty=False
    )
    keys: list[Any] = [f"s{k}" for k in range(len(data.schemes))]
    long = (
        of_table("models")
        .transform_fold(keys, ["key", "rank"])
        .transform_lookup(
            "key", alt.LookupData(alt.NamedData("schemes"), "key", ["slot", "name"]), ["slot", "scheme"]
        )
    )
    lit: Any = {"or": [{"param": "hovered", "empty": False}, _MATCHES]}
    line = {"x": x, "y": y, "detail": alt.Detail("id:N"), "order": alt.Order("slot:Q")}
    named = "isValid(datum.label)"
    tooltip = [
        alt.Tooltip("name:N", title="model"),
        alt.Tooltip("id:N", title="id"),
        alt.Tooltip("scheme:N", title="scheme"),
        alt.Tooltip("rank:Q", title="rank"),
        alt.Tooltip("best:Q", title="best of all schemes"),
        alt.Tooltip("worst:Q", title="worst"),
        alt.Tooltip("official:Q", title="official rank"),
    ]
    layers = [
        long.mark_line(strokeJoin="round", strokeWidth=1, opacity=0.45, color=LINE).encode(**line),
        long.transform_filter(named)
        .mark_line(strokeJoin="round", strokeWidth=1.5, color=SOFT)
        .encode(**line),
        long.transform_filter("datum.always_top")
        .mark_line(strokeJoin="round", strokeWidth=2.5, color=INK)
        .encode(**line),
        long.transform_filter(lit).mark_line(strokeJoin="round", strokeWidth=3, color=ACCENT).encode(**line),
        long.transform_filter(lit).mark_circle(size=34, opacity=1, color=ACCENT).encode(x=x, y=y),
        # A name of our own: Altair counts the views that it names, and the same report must have the same bytes.
        long.mark_circle(size=70, opacity=0)
        .encode(x=x, y=y, tooltip=tooltip)
        .properties(name="rank_points")
        .add_params(hovered),
        _scheme_names(x),
        *_rank_labels(data, named),
        *_family_marks(data),
    ]
    chart = alt.layer(*layers).properties(height=rank_height(data.models)).add_params(NARROW, WANTED)
    least = 190 + LEAST_COLUMN * len(data.schemes)
    return chart_spec(chart, "rows", 1040, ("models", "schemes", "families"), least=least)


def _scheme_scale(data: ChartData) -> alt.Scale:
    slots = [float(str(slot)) for slot in data.tables["schemes"]["slot"]]
    return alt.Scale(domain=[-0.4, max(slots, default=0.0) + 0.4], nice=False, zero=False)


def _scheme_axis(data: ChartData) -> alt.X:
    """A line down the chart for each scheme; the names are marks, because an axis drops those that are too near."""
    slots: list[Any] = list(data.tables["schemes"]["slot"])
    axis = alt.Axis(
        title=None, orient="top", values=slots, labels=False, ticks=False, domain=False, gridOpacity=0.6
    )
    return alt.X("slot:Q", scale=_scheme_scale(data), axis=axis)


def _scheme_names(x: alt.X) -> alt.Chart:
    text = of_table("schemes").mark_text(angle=270, align="left", baseline="middle", fontSize=10.5, color=INK)
    names: alt.Chart = text.encode(x=x, y=alt.YValue(-8), text=alt.Text("name:N"))
    return names


def _rank_scale(data: ChartData) -> alt.Scale:
    return alt.Scale(type="sqrt", domain=[1, max(data.models, 2)], reverse=True, nice=False, zero=False)


def _rank_axis(data: ChartData) -> alt.Y:
    last = max(data.models, 2)
    # A tick next to the last one would be written over it.
    ticks = [*(tick for tick in RANK_TICKS if tick < 0.9 * last), last]
    axis = alt.Axis(title="rank", values=ticks, format="d", grid=False, domain=False, tickSize=3)
    return alt.Y("rank:Q", scale=_rank_scale(data), axis=axis)


def _rank_labels(data: ChartData, named: str) -> list[alt.Chart]:
    """Names beside the last scheme: of the best models, or of those that are looked for."""
    style: dict[str, Any] = {
        "align": "left",
        "baseline": "middle",
        "dx": 8,
        "fontSize": 11,
        "limit": {"expr": "narrow ? 130 : 210"},
    }
    at_the_edge = alt.XValue({"expr": "width"})
    last = f"s{len(data.schemes) - 1}"
    best = of_table("models").transform_filter(f"length(wanted) === 0 && {named}")
    found = (
        of_table("models")
        .transform_filter(_MATCHES)
        .transform_window([_ROW], sort=[{"field": last}, {"field": "at"}])
        .transform_filter(f"datum.row <= {NAMED_MODELS}")
    )
    stays = {"test": "datum.always_top", "value": INK}
    return [
        best.mark_text(**style).encode(
            x=at_the_edge,
            y=alt.Y("label_at:Q", scale=_rank_scale(data)),
            text=alt.Text("label:N"),
            color=alt.Color(condition=[stays], value=SOFT),
        ),
        found.mark_text(**style, color=ACCENT).encode(
            x=at_the_edge, y=alt.Y(f"{last}:Q", scale=_rank_scale(data)), text=alt.Text("name:N")
        ),
    ]


def _family_marks(data: ChartData) -> list[alt.Chart]:
    """A bracket and the name of each family below its schemes."""
    scale = _scheme_scale(data)
    x = alt.X("from:Q", scale=scale)
    below = of_table("families")
    return [
        below.mark_rule(color=LINE, strokeWidth=2).encode(
            x=x, x2=alt.X2("to:Q"), y=alt.YValue({"expr": "height + 9"})
        ),
        below.mark_text(align="left", baseline="top", dy=5, fontSize=10.5, color=SOFT).encode(
            x=x, y=alt.YValue({"expr": "height + 9"}), text=alt.Text("name:N")
        ),
    ]


def interval_chart(data: ChartData) -> ChartSpec:
    """Ranks with their intervals under the chosen scheme: the best models, below those that are looked for."""
    rows = (
        of_table("intervals")
        .transform_filter("datum.scheme === shown")
        .transform_lookup("model", alt.LookupData(alt.NamedData("models"), "at", ["name", "id"]))
        .transform_calculate(hit=_MATCHES)
        .transform_window(
            [_ROW], sort=[{"field": "hit", "order": "descending"}, {"field": "rank"}, {"field": "model"}]
        )
        .transform_filter(f"datum.row <= {INTERVAL_MODELS}")
        .transform_calculate(
            interval="datum.low + '–' + datum.high",
            set="isValid(datum.set_low) ? datum.set_low + '–' + datum.set_high : '—'",
        )
    )
    count = min(data.models, INTERVAL_MODELS)
    scale = alt.Scale(domain=[1, max(data.models, 2)], nice=False, zero=False)
    axis = alt.Axis(
        title="rank", orient="top", values=_even_ticks(max(data.models, 2)), format="d", gridColor=FAINT,
        domain=False, ticks=False, labelOverlap="greedy",
    )  # fmt: skip
    y = alt.Y("row:Q", scale=alt.Scale(domain=[count + 0.5, 0.5], nice=False, zero=False), axis=None)

    def between(low: str, high: str) -> dict[str, Any]:
        return {"x": alt.X(f"{low}:Q", scale=scale, axis=axis), "x2": alt.X2(f"{high}:Q"), "y": y}

    tooltip = [
        alt.Tooltip("name:N", title="model"),
        alt.Tooltip("id:N", title="id"),
        alt.Tooltip("rank:Q", title="rank"),
        alt.Tooltip("interval:N", title="interval"),
        alt.Tooltip("set:N", title="rank set"),
        alt.Tooltip("first:Q", title="is first in", format=".1%"),
        alt.Tooltip("top_ten:Q", title="in the top ten in", format=".1%"),
    ]
    text: dict[str, Any] = {"align": "right", "baseline": "middle", "fontSize": 11}
    lit = alt.Color(condition=[{"test": "datum.hit", "value": ACCENT}], value=INK)
    layers = [
        rows.transform_filter("isValid(datum.set_low)")
        .mark_rule(color=LINE, strokeWidth=1.2)
        .encode(**between("set_low", "set_high")),
        rows.mark_rule(color=SOFT, strokeWidth=6, opacity=0.5).encode(**between("low", "high")),
        rows.mark_circle(size=58, opacity=1).encode(
            x=alt.X("rank:Q", scale=scale, axis=axis), y=y, color=lit
        ),
        rows.mark_text(**text, dx=-10, limit={"expr": "narrow ? 112 : 290"}).encode(
            x=alt.XValue(0), y=y, text=alt.Text("name:N"), color=lit
        ),
        *_share_columns(rows, y, text),
        rows.mark_bar(opacity=0, size=INTERVAL_STEP - 2).encode(
            x=alt.XValue(0), x2=alt.X2Value({"expr": "width"}), y=y, tooltip=tooltip
        ),
    ]
    chart = alt.layer(*layers).properties(height=INTERVAL_STEP * count).add_params(NARROW, WANTED, SHOWN)
    return chart_spec(chart, "rows", 1040, ("intervals", "models"))


def _share_columns(rows: alt.Chart, y: alt.Y, text: dict[str, Any]) -> list[alt.Chart]:
    """How often each model is first and in the top ten, beside the chart; on a narrow page only the latter."""
    once = rows.transform_filter("datum.row === 1")
    found = []
    for field, title, place, opacity in (
        ("first", "first", "narrow ? 0 : 44", "narrow ? 0 : 1"),
        ("top_ten", "top ten", "narrow ? 46 : 96", "1"),
    ):
        style: dict[str, Any] = {**text, "color": SOFT, "opacity": {"expr": opacity}}
        x = alt.XValue({"expr": f"width + ({place})"})
        found += [
            rows.mark_text(**style).encode(x=x, y=y, text=alt.Text(f"{field}:Q", format=".0%")),
            once.mark_text(**style).encode(x=x, y=alt.YValue(-10), text=alt.TextValue(title)),
        ]
    return found


def _even_ticks(last: int) -> list[int]:
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, last) if last / s <= 12)
    return [1, *(tick for tick in range(step, last + 1, step) if tick > 1)]


def scheme_heatmap(data: ChartData) -> ChartSpec:
    """Spearman's correlation between the rankings of all pairs of schemes."""
    order = list(data.tables["schemes"]["at"])
    scale = alt.Scale(domain=order, paddingInner=0.06, paddingOuter=0)
    settings: dict[str, Any] = {
        "title": None, "labelExpr": "data('schemes')[datum.value].name", "labelFontSize": {"expr": "labelSize"},
        "labelLimit": {"expr": "narrow ? 1 : 12 * labelSize"}, "labelOpacity": {"expr": "narrow ? 0 : 1"},
        "labelColor": INK, "labelOverlap": False, "labelPadding": 6, "ticks": False, "domain": False, "grid": False,
    }  # fmt: skip
    names = alt.NamedData("schemes")
    cells = (
        of_table("scheme_pairs")
        .transform_lookup("i", alt.LookupData(names, "at", ["name"]), ["one"])
        .transform_lookup("j", alt.LookupData(names, "at", ["name"]), ["other"])
        .mark_rect()
        .encode(
            x=alt.X("j:O", scale=scale, axis=alt.Axis(**settings, labelAngle=-90)),
            y=alt.Y("i:O", scale=scale, axis=alt.Axis(**settings)),
            color=alt.Color(
                "rho:Q",
                legend=None,
                scale=alt.Scale(
                    type="quantize",
                    domain=[lowest_agreement(data.tables["scheme_pairs"]), 1],
                    range=list(RHO_COLORS),
                ),
            ),
            tooltip=[
                alt.Tooltip("one:N", title="scheme"),
                alt.Tooltip("other:N", title="and"),
                alt.Tooltip("rho:Q", title="Spearman’s ρ", format=".3f"),
                alt.Tooltip("tau:Q", title="Kendall’s τ-b", format=".3f"),
                alt.Tooltip("kappa:Q", title="κ of quartiles", format=".3f"),
                alt.Tooltip("top:Q", title="top ten in common", format=".0%"),
            ],
        )
    )
    return chart_spec(
        cells.add_params(NARROW, LABEL_SIZE),
        "cells",
        20,
        ("schemes", "scheme_pairs"),
        rows=len(order),
        label=SCHEME_LABEL,
    )
