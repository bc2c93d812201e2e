"""Charts of how benchmarks agree: a matrix of correlations, one benchmark against another, the parts of the average."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..arrays import FloatArray, IntArray
from .axes import FOLLOWED, IS_FOLLOWED, LABEL_SIZE, NARROW, cells, label_axis, part_colour, two_parts
from .chart import CellValue, Chart, Table
from .theme import ACCENT, BEHAVIOR, LINE, NEURAL, RANK, RHO, RHO_STEPS
from .vega_lite import Spec, expr, field, filtered, layer, looked_up, mark, value

# The longest label of a benchmark in multiples of its font size.
_LABEL = 22.5


def heatmap(
    labels: Sequence[str],
    rho: FloatArray,
    *,
    title: str,
    alt: str,
    parts: Sequence[str] = (),
    overlap: FloatArray | IntArray | None = None,
    order: Sequence[int] | None = None,
) -> Chart:
    """Draw a matrix of rank correlations.

    Parameters
    ----------
    labels : sequence of str, length m
    rho : ndarray, shape (m, m)
        NaN is left empty.
    parts : sequence of str, length m, optional
        Part of each benchmark, shown as strips along both axes.
    overlap : ndarray, shape (m, m), optional
        Models with both benchmarks, for the tooltip.
    order : sequence of int, optional
        Rows and columns in this order.

    Examples
    --------
    >>> import numpy as np
    >>> heatmap(["a", "b"], np.array([[1, .5], [.5, 1]]), title="They agree", alt="Two benchmarks").rows
    2
    """
    shown = np.arange(len(labels)) if order is None else np.asarray(order)
    matrix = np.asarray(rho)[np.ix_(shown, shown)]
    known = ~np.isnan(matrix) & ~np.eye(len(shown), dtype=bool)
    first, second = np.nonzero(known)
    pairs: dict[str, Sequence[CellValue]] = {
        "i": first.tolist(),
        "j": second.tolist(),
        "rho": cells(matrix[known], 3),
    }
    if overlap is not None:
        pairs["n"] = [int(n) for n in np.asarray(overlap)[np.ix_(shown, shown)][known]]
    own = [parts[k] if parts else "" for k in shown.tolist()]
    at: Sequence[CellValue] = list(range(len(shown)))
    names = {"at": at, "label": [labels[k] for k in shown.tolist()], "part": own}
    scale = {"domain": list(range(len(shown))), "paddingInner": 0.06, "paddingOuter": 0}
    # If the cells are too small for labels, the page sets `narrow`, and the strips remain.
    axis = label_axis(
        "names",
        labelLimit=expr("narrow ? 1 : 22 * labelSize"),
        labelOpacity=expr("narrow ? 0 : 1"),
        labelFontSize=expr("labelSize"),
        labelPadding=10,
    )
    edge = 1 / (RHO_STEPS - 1)
    colours = {"type": "quantize", "domain": [-1 - edge, 1 + edge], "range": list(RHO)}
    tooltip = [
        field("one:N", title="benchmark"),
        field("other:N", title="and"),
        field("rho:Q", title="ρ", format="+.3f"),
        *([field("n:Q", title="models with both")] if overlap is not None else []),
    ]
    strip = part_colour(two_parts(parts))
    layers = [
        layer(
            "pairs",
            mark("rect"),
            [
                looked_up("i", "names", "at", ["label"], ["one"]),
                looked_up("j", "names", "at", ["label"], ["other"]),
            ],
            x=field("j:O", scale=scale, axis={**axis, "labelAngle": -90}),
            y=field("i:O", scale=scale, axis=axis),
            color=field("rho:Q", legend=None, scale=colours),
            tooltip=tooltip,
        )
    ]
    if parts:
        layers += [
            layer(
                "names", mark("rect"), y=field("at:O", scale=scale), x=value(-7), x2=value(-3), color=strip
            ),
            layer(
                "names",
                mark("rect"),
                x=field("at:O", scale=scale),
                y=value(expr("height + 3")),
                y2=value(expr("height + 7")),
                color=strip,
            ),
        ]
    return Chart(
        title, alt, {"layer": layers, "params": [NARROW, LABEL_SIZE]}, {"pairs": pairs, "names": names},
        layout="cells", most=15, rows=len(shown), label=_LABEL,
    )  # fmt: skip


def parts_scatter(
    names: Sequence[str],
    ids: Sequence[int],
    first: FloatArray,
    second: FloatArray,
    ranks: Sequence[int],
    *,
    title: str,
    alt: str,
    axes: tuple[str, str] = ("neural score", "behavioural score"),
    official: Sequence[int | None] | None = None,
) -> Chart:
    """Draw the poster's scatter: one part of the average against the other, better models lighter.

    `names, ids`: length n. `first, second`: shape (n,); scores on both parts; the two axes have one scale, so that
    spreads can be compared. `ranks`: length n; rank by the average, 1 is best. `official`: the official ranks, for the
    tooltip.
    """
    both = np.concatenate([first, second])
    low, high = math.floor(both.min() * 20 - 0.5) / 20, math.ceil(both.max() * 20 + 0.5) / 20
    scale = {"domain": [round(low, 2), round(high, 2)], "nice": False}
    points: dict[str, Sequence[CellValue]] = {
        "name": list(names),
        "id": [str(i) for i in ids],
        "first": cells(first),
        "second": cells(second),
        "rank": [int(rank) for rank in ranks],
        "official": list(official) if official is not None else [None] * len(names),
    }
    spreads: Table = {
        "part": [0, 1],
        "from": cells([float(v.mean() - v.std(ddof=1)) for v in (first, second)]),
        "to": cells([float(v.mean() + v.std(ddof=1)) for v in (first, second)]),
        "text": [f"±1 sd = {v.std(ddof=1):.3f}" for v in (first, second)],
    }
    x = field("first:Q", scale=scale, axis={"title": axes[0], "grid": False, "tickCount": 6})
    y = field("second:Q", scale=scale, axis={"title": axes[1], "grid": False, "tickCount": 6})
    colour = field(
        "rank:Q",
        legend=None,
        scale={"type": "quantize", "domain": [1, max(len(names), 2)], "range": list(RANK)},
    )
    tooltip = [
        field("name:N", title="model"),
        field("id:N", title="id"),
        field("first:Q", title=axes[0], format=".3f"),
        field("second:Q", title=axes[1], format=".3f"),
        field("rank:Q", title="rank by the average"),
        field("official:Q", title="official rank"),
    ]
    begin, right = field("from:Q", scale=scale), value(expr("width - 8"))
    one, other = [filtered("datum.part === 0")], [filtered("datum.part === 1")]
    text = field("text:N")
    layers = [
        layer("spreads", mark("rule", size=5, color=NEURAL), one, x=begin, x2=field("to"), y=value(8)),
        layer(
            "spreads", mark("text", baseline="top", align="left", dy=8, color=NEURAL), one,
            x=begin, y=value(8), text=text,
        ),
        layer("spreads", mark("rule", size=5, color=BEHAVIOR), other, y=begin, y2=field("to"), x=right),
        layer(
            "spreads", mark("text", align="right", baseline="top", dy=6, dx=4, color=BEHAVIOR), other,
            y=begin, x=right, text=text,
        ),
        layer(
            "points",
            mark("circle", size=70, opacity=0.95, stroke=LINE, strokeWidth=0.8),
            x=x,
            y=y,
            color=colour,
            tooltip=tooltip,
        ),
        layer("points", mark("point", size=190, strokeWidth=2, color=ACCENT), [filtered(IS_FOLLOWED)], x=x, y=y),
        layer(
            "points", mark("text", dy=-12, color=ACCENT, fontWeight="bold"), [filtered(IS_FOLLOWED)],
            x=x, y=y, text=field("name:N"),
        ),
    ]  # fmt: skip
    return Chart(
        title, alt, {"layer": layers, "params": [NARROW, FOLLOWED]}, {"points": points, "spreads": spreads},
        layout="square", most=560,
    )  # fmt: skip


def scatter(
    names: Sequence[str],
    ids: Sequence[int],
    x: FloatArray,
    y: FloatArray,
    *,
    title: str,
    alt: str,
    axes: tuple[str, str],
) -> Chart:
    """Draw one benchmark against another, a point a model.

    `names, ids`: length n. `x, y`: shape (n,); NaN is left out.
    """
    points: Table = {"name": list(names), "id": [str(i) for i in ids], "x": cells(x), "y": cells(y)}
    across = field("x:Q", scale={"zero": False}, axis={"title": axes[0], "grid": False, "tickCount": 6})
    up = field("y:Q", scale={"zero": False}, axis={"title": axes[1], "grid": False, "tickCount": 6})
    tooltip = [
        field("name:N", title="model"),
        field("id:N", title="id"),
        field("x:Q", title=axes[0], format=".3f"),
        field("y:Q", title=axes[1], format=".3f"),
    ]
    known = [filtered("isValid(datum.x) && isValid(datum.y)")]
    # Not filtered, because a layer without a row would have no domain.
    seen: Spec = {"condition": {"test": IS_FOLLOWED, "value": 1}, "value": 0}
    layers = [
        layer(
            "points",
            mark("point", size=150, strokeWidth=2, color=ACCENT),
            known,
            x=across,
            y=up,
            opacity=seen,
        ),
        layer(
            "points",
            mark("circle", size=50, color=NEURAL, opacity=0.8),
            known,
            x=across,
            y=up,
            tooltip=tooltip,
        ),
    ]
    spec = {"layer": layers, "params": [NARROW, FOLLOWED]}
    return Chart(title, alt, spec, {"points": points}, layout="square", most=480)
