"""Charts of values by row, and of ranks under several schemes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import FloatArray
from .axes import FOLLOWED, IS_FOLLOWED, MODEL, NARROW, cells, label_axis, part_colour, whole_ticks
from .chart import CellValue, Chart, Table
from .theme import ACCENT, INK, LINE, NEURAL, RANK, SOFT
from .vega_lite import Spec, expr, field, filtered, layer, mark, tooltip, value

if TYPE_CHECKING:
    import pandas as pd

_ROW = 17
# Of a chart of ranks, and of a line of its labels, in pixels.
_HEIGHT, _LINE_HEIGHT = 420, 13
_RANK_TICKS = (1, 2, 3, 5, 10, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000, 2000)


def dots(
    labels: Sequence[str],
    values: Sequence[float | None] | FloatArray,
    *,
    title: str,
    alt: str,
    axis: str,
    low: Sequence[float | None] | FloatArray | None = None,
    high: Sequence[float | None] | FloatArray | None = None,
    reference: Sequence[float | None] | FloatArray | None = None,
    groups: Sequence[str] = (),
    ids: Sequence[object] | None = None,
    form: str = ".3f",
    reverse: bool = False,
    zero: bool = False,
) -> Chart:
    """Draw one value a row with its interval: weights, influences, validities, ranks of models.

    `labels`: length n, from the top. `values`: length n. `axis`: title of the axis, with the unit. `low, high`: ends of
    the intervals. `reference`: a second value a row, drawn hollow: a nominal weight, an official rank. `groups`: group
    of each row; the first two have the colours of neural and behavioural. `ids`: of the models, so that those that a
    reader follows are marked. `reverse`: small values to the right, for ranks. `zero`: the axis contains zero, with a
    line at it.

    >>> dots(["a", "b"], [1.0, 2.0], title="b is larger", alt="Two values", axis="value").to_frame().shape
    (2, 8)
    """
    n = len(labels)
    nothing: list[CellValue] = [None] * n
    optional = {"low": low, "high": high, "reference": reference}
    rows: Table = {
        "at": list(range(n)),
        "label": list(labels),
        "id": [str(i) for i in ids] if ids is not None else nothing,
        "value": cells(values),
        **{name: nothing if one is None else cells(one) for name, one in optional.items()},
        "group": list(groups) if groups else nothing,
    }
    scale = {"domain": list(range(n)), "paddingInner": 0.2, "paddingOuter": 0.1}
    y = field("at:O", scale=scale, axis=label_axis("rows"))
    # Named, because a layer without a row (no model is followed) has no domain.
    extent = _extent([values, *optional.values()], zero)
    across: Spec = {
        "scale": {"domain": extent, "nice": True, "zero": False, "reverse": reverse},
        "axis": {"title": axis, "orient": "top", "format": form, "tickCount": 6, "grid": True} | whole_ticks(form),
    }
    colour = part_colour(groups, "datum.group") if groups else value(NEURAL)
    tip: list[tuple[str, ...]] = [("label:N", " "), ("value:Q", axis, form)]
    tip += [("low:Q", "from", form), ("high:Q", "to", form)] if low is not None else []
    tip += [("reference:Q", "reference", form)] if reference is not None else []
    at, layers = field("value:Q", **across), []
    if zero:
        layers.append(layer("rows", mark("rule", color=SOFT), x={"datum": 0, **across}))
    if low is not None:
        layers.append(
            layer("rows", mark("rule", strokeWidth=5, opacity=0.35), [filtered("isValid(datum.low)")],
                  x=field("low:Q", **across), x2=field("high"), y=y, color=colour)
        )  # fmt: skip
    if reference is not None:
        hollow = mark("point", size=40, filled=True, fill="var(--paper)", strokeWidth=1.4, opacity=1)
        second = field("reference:Q", **across)
        layers += [
            layer("rows", mark("rule", opacity=0.7), x=second, x2=field("value"), y=y, color=colour),
            layer("rows", hollow, x=second, y=y, stroke=colour),
        ]
    layers += [
        layer("rows", mark("circle", size=60, opacity=1), x=at, y=y, color=colour),
        layer("rows", mark("point", size=150, strokeWidth=2, color=ACCENT), [filtered(IS_FOLLOWED)], x=at, y=y),
        layer("rows", mark("bar", opacity=0, size=14), y=y, x=value(0), x2=value(expr("width")), tooltip=tooltip(*tip)),
    ]  # fmt: skip
    return Chart(title, alt, {"layer": layers, "height": _ROW * n, "params": [NARROW, FOLLOWED]}, {"rows": rows})


def frame_dots(
    frame: pd.DataFrame, label: str, column: str, axis: str, title: str, what: str = "", **choices: Any
) -> Chart:
    """Draw a column of a table by `dots`, with those named low, high (of an interval) and id (of models) if there."""
    shown: dict[str, Any] = {
        name: frame[name].astype(float).tolist() for name in (column, "low", "high") if name in frame
    }
    values, labels = shown.pop(column), [str(one) for one in frame[label]]
    ids = frame["id"].tolist() if "id" in frame else None
    alt = f"{what or f'A dot a {label}'}. {title}."
    return dots(labels, values, title=title, alt=alt, axis=axis, ids=ids, **shown, **choices)


def _extent(columns: Sequence[Sequence[float | None] | FloatArray | None], zero: bool) -> list[float]:
    """Return the smallest and the largest known value of some columns, zero among them if asked for."""
    known = [float(v) for column in columns if column is not None for v in column if v is not None and np.isfinite(v)]
    known += [0.0] if zero or not known else []
    low, high = min(known), max(known)
    return [low, high] if high > low else [low - 0.5, high + 0.5]


def bump(
    names: Sequence[str],
    ids: Sequence[int],
    schemes: Sequence[str],
    ranks: Sequence[Sequence[int | None]],
    *,
    title: str,
    alt: str,
    chosen: Sequence[int] = (),
    only_chosen: bool = False,
) -> Chart:
    """Draw the rank of each model under each scheme, a line a model.

    `names, ids`: length n. `schemes`: length k. `ranks`: shape (k, n); none where a scheme does not rank a model.
    `chosen`: ids of the models whose lines stand out and are named, the lightest first. `only_chosen`: draw no other
    lines, but those of models that a reader follows.
    """
    most = max((2, *(int(rank) for row in ranks for rank in row if rank is not None)))
    picked = {int(i): place for place, i in enumerate(chosen, 1)}
    rows: list[tuple[CellValue, ...]] = [
        (one, str(i), scheme, k, int(rank), picked.get(int(i), 0))
        for k, (scheme, row) in enumerate(zip(schemes, ranks, strict=True))
        for one, i, rank in zip(names, ids, row, strict=True)
        if rank is not None
    ]
    columns = ("name", "id", "scheme", "slot", "rank", "chosen")
    points: Table = {column: [row[k] for row in rows] for k, column in enumerate(columns)}
    slots = {"domain": [-0.3, max(len(schemes) - 0.7, 0.3)], "nice": False, "zero": False}
    shown: Table = {"slot": list(range(len(schemes))), "label": list(schemes)}
    bare = {"title": None, "labels": False, "ticks": False, "domain": False, "values": shown["slot"]}
    x = field("slot:Q", scale=slots, axis=bare)
    ticks = [*(tick for tick in _RANK_TICKS if tick < 0.9 * most), most]
    root = {"type": "sqrt", "domain": [1, most], "reverse": True, "nice": False, "zero": False}
    ranked = {"title": "rank", "values": ticks, "format": "d", "grid": False, "domain": False}
    y = field("rank:Q", scale=root, axis=ranked)
    line: dict[str, Spec] = {"x": x, "y": y, "detail": field("id:N"), "order": field("slot:Q")}
    lit = filtered(f"datum.chosen || {IS_FOLLOWED}")
    last = filtered(f"datum.slot === {len(schemes) - 1}")
    bright: Spec = {"condition": [{"test": IS_FOLLOWED, "value": ACCENT}], "value": INK}
    step = f"floor((datum.chosen - 1) * {len(RANK)} / {max(len(picked), 1)})"
    by_place = [{"test": f"{step} === {k}", "value": colour} for k, colour in enumerate(RANK)]
    coloured: Spec = {"condition": [*bright["condition"], *by_place], "value": INK}
    tips = tooltip(*MODEL, ("scheme:N", "scheme"), ("rank:Q", "rank"))
    text = mark("text", angle=270, align="left", baseline="middle", fontSize=10.5, color=INK)
    name = mark("text", align="left", dx=8, fontSize=11, limit=expr("narrow ? 96 : 210"))
    others = [layer("points", mark("line", strokeWidth=1, opacity=0.4, color=LINE), (), **line)]
    layers = [
        *([] if only_chosen else others),
        layer("points", mark("line", strokeWidth=2.2), [lit], color=coloured, **line),
        layer("points", mark("circle", size=34, opacity=1), [lit], x=x, y=y, color=coloured),
        layer("points", mark("circle", size=70, opacity=0), [lit] if only_chosen else (), x=x, y=y, tooltip=tips),
        layer("schemes", text, x=x, y=value(-8), text=field("label:N")),
        layer("labels", name, x=value(expr("width")), y=field("at:Q", scale=None), text=field("name:N"),
              color=bright),
        layer("points", name, [last, filtered(f"!datum.chosen && {IS_FOLLOWED}")],
              x=value(expr("width")), y=y, text=field("name:N"), color=bright),
    ]  # fmt: skip
    ends = [(one, i, rank) for one, i, rank in zip(names, ids, ranks[-1] if ranks else (), strict=bool(ranks))
            if rank is not None and int(i) in picked]  # fmt: skip
    labels = _spread_out([_HEIGHT * (rank**0.5 - 1) / (most**0.5 - 1) for *_, rank in ends])
    texts: Table = {"name": [one for one, *_ in ends], "id": [str(i) for _, i, _ in ends], "at": cells(labels, 1)}
    spec = {"layer": layers, "height": _HEIGHT, "params": [NARROW, FOLLOWED]}
    tables = {"points": points, "schemes": shown, "labels": texts}
    return Chart(title, alt, spec, tables, least=160 + 20 * len(schemes))


def _spread_out(places: Sequence[float]) -> list[float]:
    """Return places of labels in pixels, moved down until no two are closer than a line of text."""
    moved, last = list(places), float(-_LINE_HEIGHT)
    for k in sorted(range(len(moved)), key=lambda k: moved[k]):
        last = moved[k] = max(moved[k], last + _LINE_HEIGHT)
    return moved
