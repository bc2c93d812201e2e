"""Charts of how benchmarks agree: a matrix of correlations, one benchmark against another, the parts of the average."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..arrays import FloatArray, IntArray
from .axes import FOLLOWED, IS_FOLLOWED, LABEL_SIZE, MODEL, NARROW, cells, label_axis, part_colour
from .chart import CellValue, Chart, Table
from .theme import ACCENT, BEHAVIOR, LINE, NEURAL, RANK, RHO, RHO_STEPS
from .vega_lite import Spec, expr, field, filtered, layer, looked_up, mark, tooltip, value

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

    `labels`: length m. `rho`: shape (m, m); NaN is left empty. `parts`: length m; part of each benchmark, shown as
    strips along both axes. `overlap`: shape (m, m); models with both benchmarks, for the tooltip. `order`: rows and
    columns in this order.

    >>> import numpy as np
    >>> heatmap(["a", "b"], np.array([[1, .5], [.5, 1]]), title="They agree", alt="Two benchmarks").rows
    2
    """
    shown = np.arange(len(labels)) if order is None else np.asarray(order)
    matrix = np.asarray(rho)[np.ix_(shown, shown)]
    known = ~np.isnan(matrix) & ~np.eye(len(shown), dtype=bool)
    first, second = np.nonzero(known)
    pairs: dict[str, Sequence[CellValue]] = {"i": first.tolist(), "j": second.tolist()}
    pairs["rho"] = cells(matrix[known], 3)
    if overlap is not None:
        pairs["n"] = [int(n) for n in np.asarray(overlap)[np.ix_(shown, shown)][known]]
    at: Sequence[CellValue] = list(range(len(shown)))
    own = [parts[k] if parts else "" for k in shown.tolist()]
    names = {"at": at, "label": [labels[k] for k in shown.tolist()], "part": own}
    scale = {"domain": list(range(len(shown))), "paddingInner": 0.06, "paddingOuter": 0}
    # If the cells are too small for labels, the page sets `narrow`, and the strips remain.
    axis = label_axis("names", labelLimit=expr("narrow ? 1 : 22 * labelSize"), labelPadding=10,
                      labelOpacity=expr("narrow ? 0 : 1"), labelFontSize=expr("labelSize"))  # fmt: skip
    edge = 1 / (RHO_STEPS - 1)
    colours = {"type": "quantize", "domain": [-1 - edge, 1 + edge], "range": list(RHO)}
    shown_rho = [("one:N", "benchmark"), ("other:N", "and"), ("rho:Q", "ρ", "+.3f")]
    both = [("n:Q", "models with both")] if overlap is not None else []
    names_of = [looked_up(k, "names", "at", "label", to) for k, to in (("i", "one"), ("j", "other"))]
    x, y = field("j:O", scale=scale, axis={**axis, "labelAngle": -90}), field("i:O", scale=scale, axis=axis)
    layers = [
        layer("pairs", mark("rect"), names_of, x=x, y=y, color=field("rho:Q", legend=None, scale=colours),
              tooltip=tooltip(*shown_rho, *both))
    ]  # fmt: skip
    if parts:
        strip, at_row = part_colour(parts), field("at:O", scale=scale)
        low, high = value(expr("height + 3")), value(expr("height + 7"))
        layers += [
            layer("names", mark("rect"), y=at_row, x=value(-7), x2=value(-3), color=strip),
            layer("names", mark("rect"), x=at_row, y=low, y2=high, color=strip),
        ]
    return Chart(
        title, alt, {"layer": layers, "params": [NARROW, LABEL_SIZE]}, {"pairs": pairs, "names": names},
        layout="cells", most=max(15, min(40, 480 // max(len(shown), 1))), rows=len(shown), label=_LABEL,
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
    official: Sequence[int | None],
) -> Chart:
    """Draw the poster's scatter: one part of the average against the other, better models lighter.

    `names, ids`: length n. `first, second`: shape (n,); scores on both parts; the two axes have one scale, so that
    spreads can be compared. `ranks`: length n; rank by the average, 1 is best. `official`: the official ranks, for the
    tooltip.
    """
    both = np.concatenate([first, second])
    low, high = math.floor(both.min() * 20 - 0.5) / 20, math.ceil(both.max() * 20 + 0.5) / 20
    scale = {"domain": [round(low, 2), round(high, 2)], "nice": False}
    points: dict[str, Sequence[CellValue]] = {"name": list(names), "id": [str(i) for i in ids]}
    points |= {"first": cells(first), "second": cells(second), "rank": [int(rank) for rank in ranks]}
    points["official"] = list(official)
    means, sds = ([float(v.mean()) for v in (first, second)], [float(v.std(ddof=1)) for v in (first, second)])
    spreads: Table = {
        "part": [0, 1],
        "from": cells([mean - sd for mean, sd in zip(means, sds, strict=True)]),
        "to": cells([mean + sd for mean, sd in zip(means, sds, strict=True)]),
        "text": [f"±1 sd = {sd:.3f}" for sd in sds],
    }
    axes = ("neural score", "behavioural score")
    x, y = _plain_axis("first:Q", axes[0], scale), _plain_axis("second:Q", axes[1], scale)
    steps = {"type": "quantize", "domain": [1, max(len(names), 2)], "range": list(RANK)}
    tips = tooltip(*MODEL, ("first:Q", axes[0], ".3f"), ("second:Q", axes[1], ".3f"),
                   ("rank:Q", "rank by the average"), ("official:Q", "official rank"))  # fmt: skip
    begin, right = field("from:Q", scale=scale), value(expr("width - 8"))
    one, other = [filtered("datum.part === 0")], [filtered("datum.part === 1")]
    text, followed = field("text:N"), [filtered(IS_FOLLOWED)]
    layers = [
        layer("spreads", mark("rule", size=5, color=NEURAL), one, x=begin, x2=field("to"), y=value(8)),
        layer("spreads", mark("text", baseline="top", align="left", dy=8, color=NEURAL), one,
              x=begin, y=value(8), text=text),
        layer("spreads", mark("rule", size=5, color=BEHAVIOR), other, y=begin, y2=field("to"), x=right),
        layer("spreads", mark("text", align="right", baseline="top", dy=6, dx=4, color=BEHAVIOR), other,
              y=begin, x=right, text=text),
        layer("points", mark("circle", size=70, opacity=0.95, stroke=LINE, strokeWidth=0.8),
              x=x, y=y, color=field("rank:Q", legend=None, scale=steps), tooltip=tips),
        layer("points", mark("point", size=190, strokeWidth=2, color=ACCENT), followed, x=x, y=y),
        layer("points", mark("text", dy=-12, color=ACCENT, fontWeight="bold"), followed, x=x, y=y,
              text=field("name:N")),
    ]  # fmt: skip
    return Chart(
        title, alt, {"layer": layers, "params": [NARROW, FOLLOWED]}, {"points": points, "spreads": spreads},
        layout="square", most=560,
    )  # fmt: skip


def _plain_axis(of: str, title: str, scale: Spec) -> Spec:
    return field(of, scale=scale, axis={"title": title, "grid": False, "tickCount": 6})


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
    across, up = _plain_axis("x:Q", axes[0], {"zero": False}), _plain_axis("y:Q", axes[1], {"zero": False})
    tips = tooltip(*MODEL, ("x:Q", axes[0], ".3f"), ("y:Q", axes[1], ".3f"))
    known = [filtered("isValid(datum.x) && isValid(datum.y)")]
    # Not filtered, because a layer without a row would have no domain.
    seen: Spec = {"condition": {"test": IS_FOLLOWED, "value": 1}, "value": 0}
    layers = [
        layer("points", mark("point", size=150, strokeWidth=2, color=ACCENT), known,
              x=across, y=up, opacity=seen),
        layer("points", mark("circle", size=50, color=NEURAL, opacity=0.8), known, x=across, y=up, tooltip=tips),
    ]  # fmt: skip
    spec = {"layer": layers, "params": [NARROW, FOLLOWED]}
    return Chart(title, alt, spec, {"points": points}, layout="square", most=480)
