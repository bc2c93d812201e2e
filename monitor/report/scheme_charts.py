"""The charts of aggregation schemes: ranks across schemes, intervals of ranks, agreement of schemes.

A reader's choices are parameters that the page's script sets: ``wanted``, the ids of the models that a search has
found, and ``shown``, the position of a scheme.
"""

from __future__ import annotations

from brainalign_plugin.plot.vega_lite import (
    Spec,
    calculated,
    expr,
    field,
    filtered,
    layer,
    looked_up,
    mark,
    numbered,
    value,
)

from .chart_base import ACCENT, FAINT, INK, LABEL_SIZE, LINE, NARROW, SOFT, ChartSpec
from .records import ChartData
from .scheme_data import INTERVAL_MODELS, NAMED_MODELS, lowest_agreement, rank_height

INTERVAL_STEP = 17
# Colours of the scale of correlations from its middle on.
RHO_COLORS = tuple(f"var(--rho-{k})" for k in range(10, 21))
SCHEME_LABEL = 10.0
# Width of a scheme's column below which neither labels nor lines can be told apart.
LEAST_COLUMN = 17
RANK_TICKS = (1, 2, 3, 5, 10, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000, 2000)

WANTED: Spec = {"name": "wanted", "value": []}
SHOWN: Spec = {"name": "shown", "value": 0}
_MATCHES = "indexof(wanted, datum.id) >= 0"
_POINTS = "rank_points"
# The model that the pointer is on.
_HOVERED: Spec = {
    "name": "hovered",
    "select": {"type": "point", "on": "pointerover", "clear": "pointerout", "fields": ["id"]},
    "views": [_POINTS],
}


def rank_chart(data: ChartData) -> ChartSpec:
    """Rank of every model under every scheme, a line a model: names at the best, and at those that are looked for."""
    x, y = _scheme_axis(data), _rank_axis(data)
    long: list[Spec] = [
        {"fold": [f"s{k}" for k in range(len(data.schemes))], "as": ["key", "rank"]},
        looked_up("key", "schemes", "key", ["slot", "name"], ["slot", "scheme"]),
    ]
    lit = filtered({"or": [{"param": "hovered", "empty": False}, _MATCHES]})
    line = {"x": x, "y": y, "detail": field("id:N"), "order": field("slot:Q")}
    named = "isValid(datum.label)"
    tooltip = [
        field("name:N", title="model"),
        field("id:N", title="id"),
        field("scheme:N", title="scheme"),
        field("rank:Q", title="rank"),
        field("best:Q", title="best of all schemes"),
        field("worst:Q", title="worst"),
        field("official:Q", title="official rank"),
    ]
    layers = [
        layer("models", _line(strokeWidth=1, opacity=0.45, color=LINE), long, **line),
        layer("models", _line(strokeWidth=1.5, color=SOFT), [*long, filtered(named)], **line),
        layer("models", _line(strokeWidth=2.5, color=INK), [*long, filtered("datum.always_top")], **line),
        layer("models", _line(strokeWidth=3, color=ACCENT), [*long, lit], **line),
        layer("models", mark("circle", size=34, opacity=1, color=ACCENT), [*long, lit], x=x, y=y),
        {
            "name": _POINTS,
            **layer("models", mark("circle", size=70, opacity=0), long, x=x, y=y, tooltip=tooltip),
        },
        _scheme_names(x),
        *_rank_labels(data, named),
        *_family_marks(data),
    ]
    params = [_HOVERED, NARROW, WANTED]
    return ChartSpec(
        {"layer": layers, "height": rank_height(data.models), "params": params},
        ("models", "schemes", "families"),
        "rows",
        1040,
        least=190 + LEAST_COLUMN * len(data.schemes),
    )


def _line(**style: object) -> Spec:
    return mark("line", strokeJoin="round", **style)


def _scheme_scale(data: ChartData) -> Spec:
    slots = [float(str(slot)) for slot in data.tables["schemes"]["slot"]]
    return {"domain": [-0.4, max(slots, default=0.0) + 0.4], "nice": False, "zero": False}


def _scheme_axis(data: ChartData) -> Spec:
    """A line down the chart for each scheme; the names are marks, because an axis drops those that are too near."""
    axis = {
        "title": None, "orient": "top", "values": list(data.tables["schemes"]["slot"]),
        "labels": False, "ticks": False, "domain": False, "gridOpacity": 0.6,
    }  # fmt: skip
    return field("slot:Q", scale=_scheme_scale(data), axis=axis)


def _scheme_names(x: Spec) -> Spec:
    text = mark("text", angle=270, align="left", baseline="middle", fontSize=10.5, color=INK)
    return layer("schemes", text, x=x, y=value(-8), text=field("name:N"))


def _rank_scale(data: ChartData) -> Spec:
    domain = [1, max(data.models, 2)]
    return {"type": "sqrt", "domain": domain, "reverse": True, "nice": False, "zero": False}


def _rank_axis(data: ChartData) -> Spec:
    last = max(data.models, 2)
    # A tick next to the last one would be written over it.
    ticks = [*(tick for tick in RANK_TICKS if tick < 0.9 * last), last]
    axis = {"title": "rank", "values": ticks, "format": "d", "grid": False, "domain": False, "tickSize": 3}
    return field("rank:Q", scale=_rank_scale(data), axis=axis)


def _rank_labels(data: ChartData, named: str) -> list[Spec]:
    """Names beside the last scheme: of the best models, or of those that are looked for."""
    text = mark("text", align="left", baseline="middle", dx=8, fontSize=11, limit=expr("narrow ? 130 : 210"))
    edge, scale, last = value(expr("width")), _rank_scale(data), f"s{len(data.schemes) - 1}"
    found = [
        filtered(_MATCHES),
        numbered({"field": last}, {"field": "at"}),
        filtered(f"datum.row <= {NAMED_MODELS}"),
    ]
    stays = {"test": "datum.always_top", "value": INK}
    return [
        layer(
            "models",
            text,
            [filtered(f"length(wanted) === 0 && {named}")],
            x=edge,
            y=field("label_at:Q", scale=scale),
            text=field("label:N"),
            color={"condition": [stays], "value": SOFT},
        ),
        layer(
            "models",
            {**text, "color": ACCENT},
            found,
            x=edge,
            y=field(f"{last}:Q", scale=scale),
            text=field("name:N"),
        ),
    ]


def _family_marks(data: ChartData) -> list[Spec]:
    """A bracket and the name of each family below its schemes."""
    x, y = field("from:Q", scale=_scheme_scale(data)), value(expr("height + 9"))
    text = mark("text", align="left", baseline="top", dy=5, fontSize=10.5, color=SOFT)
    return [
        layer("families", mark("rule", color=LINE, strokeWidth=2), x=x, x2=field("to"), y=y),
        layer("families", text, x=x, y=y, text=field("name:N")),
    ]


_INTERVAL_TOOLTIP = (
    field("name:N", title="model"),
    field("id:N", title="id"),
    field("rank:Q", title="rank"),
    field("interval:N", title="interval"),
    field("first:Q", title="is first in", format=".1%"),
    field("top_ten:Q", title="in the top ten in", format=".1%"),
)


def interval_chart(data: ChartData) -> ChartSpec:
    """Ranks with their intervals under the chosen scheme: the best models, below those that are looked for."""
    rows = _shown_intervals()
    count, last = min(data.models, INTERVAL_MODELS), max(data.models, 2)
    axis = {
        "title": "rank", "orient": "top", "values": _even_ticks(last), "format": "d", "gridColor": FAINT,
        "domain": False, "ticks": False, "labelOverlap": "greedy",
    }  # fmt: skip
    of_ranks: Spec = {"scale": {"domain": [1, last], "nice": False, "zero": False}, "axis": axis}
    y = field("row:Q", scale={"domain": [count + 0.5, 0.5], "nice": False, "zero": False}, axis=None)
    lit = {"condition": [{"test": "datum.hit", "value": ACCENT}], "value": INK}
    layers = [
        layer(
            "intervals",
            mark("rule", color=SOFT, strokeWidth=6, opacity=0.5),
            rows,
            x=field("low:Q", **of_ranks),
            x2=field("high"),
            y=y,
        ),
        layer(
            "intervals",
            mark("circle", size=58, opacity=1),
            rows,
            x=field("rank:Q", **of_ranks),
            y=y,
            color=lit,
        ),
        layer(
            "intervals",
            _number(dx=-10, limit=expr("narrow ? 112 : 290")),
            rows,
            x=value(0),
            y=y,
            text=field("name:N"),
            color=lit,
        ),
        *_share_columns(rows, y),
        layer(
            "intervals",
            mark("bar", opacity=0, size=INTERVAL_STEP - 2),
            rows,
            x=value(0),
            x2=value(expr("width")),
            y=y,
            tooltip=list(_INTERVAL_TOOLTIP),
        ),
    ]
    spec = {"layer": layers, "height": INTERVAL_STEP * count, "params": [NARROW, WANTED, SHOWN]}
    return ChartSpec(spec, ("intervals", "models"), "rows", 1040)


def _shown_intervals() -> list[Spec]:
    """Rows of the chosen scheme in the order in which they are drawn, with what is said of each."""
    return [
        filtered("datum.scheme === shown"),
        looked_up("model", "models", "at", ["name", "id"]),
        calculated("hit", _MATCHES),
        numbered({"field": "hit", "order": "descending"}, {"field": "rank"}, {"field": "model"}),
        filtered(f"datum.row <= {INTERVAL_MODELS}"),
        calculated("interval", "datum.low + '–' + datum.high"),
    ]


def _number(**style: object) -> Spec:
    return mark("text", align="right", baseline="middle", fontSize=11, **style)


def _share_columns(rows: list[Spec], y: Spec) -> list[Spec]:
    """How often each model is first and in the top ten, beside the chart; on a narrow page only the latter."""
    once = [*rows, filtered("datum.row === 1")]
    found = []
    for name, title, place, opacity in (
        ("first", "first", "narrow ? 0 : 44", "narrow ? 0 : 1"),
        ("top_ten", "top ten", "narrow ? 46 : 96", "1"),
    ):
        text = _number(color=SOFT, opacity=expr(opacity))
        x = value(expr(f"width + ({place})"))
        found += [
            layer("intervals", text, rows, x=x, y=y, text=field(f"{name}:Q", format=".0%")),
            layer("intervals", text, once, x=x, y=value(-10), text=value(title)),
        ]
    return found


def _even_ticks(last: int) -> list[int]:
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, last) if last / s <= 12)
    return [1, *(tick for tick in range(step, last + 1, step) if tick > 1)]


def scheme_heatmap(data: ChartData) -> ChartSpec:
    """Spearman's correlation between the rankings of all pairs of schemes."""
    order = list(data.tables["schemes"]["at"])
    scale = {"domain": order, "paddingInner": 0.06, "paddingOuter": 0}
    axis = {
        "title": None, "labelExpr": "data('schemes')[datum.value].name", "labelFontSize": expr("labelSize"),
        "labelLimit": expr("narrow ? 1 : 12 * labelSize"), "labelOpacity": expr("narrow ? 0 : 1"),
        "labelColor": INK, "labelOverlap": False, "labelPadding": 6, "ticks": False, "domain": False, "grid": False,
    }  # fmt: skip
    lowest = lowest_agreement(data.tables["scheme_pairs"])
    cells = layer(
        "scheme_pairs",
        mark("rect"),
        [
            looked_up("i", "schemes", "at", ["name"], ["one"]),
            looked_up("j", "schemes", "at", ["name"], ["other"]),
        ],
        x=field("j:O", scale=scale, axis={**axis, "labelAngle": -90}),
        y=field("i:O", scale=scale, axis=axis),
        color=field(
            "rho:Q",
            legend=None,
            scale={"type": "quantize", "domain": [lowest, 1], "range": list(RHO_COLORS)},
        ),
        tooltip=[
            field("one:N", title="scheme"),
            field("other:N", title="and"),
            field("rho:Q", title="Spearman’s ρ", format=".3f"),
            field("tau:Q", title="Kendall’s τ-b", format=".3f"),
            field("kappa:Q", title="κ of quartiles", format=".3f"),
            field("top:Q", title="top ten in common", format=".0%"),
        ],
    )
    return ChartSpec(
        {**cells, "params": [NARROW, LABEL_SIZE]},
        ("schemes", "scheme_pairs"),
        "cells",
        20,
        rows=len(order),
        label=SCHEME_LABEL,
    )
