"""Parameters, axes and colours that the charts share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..arrays import FloatArray
from .chart import CellValue
from .theme import BEHAVIOR, NEURAL, SOFT
from .vega_lite import Spec, expr

NARROW: Spec = {"name": "narrow", "value": False}
LABEL_SIZE: Spec = {"name": "labelSize", "value": 10.5}
# Ids of the models that a reader follows on every chart of a page.
FOLLOWED: Spec = {"name": "followed", "value": []}
IS_FOLLOWED = "indexof(followed, datum.id) >= 0"
# Lines of a tooltip.
MODEL = (("name:N", "model"), ("id:N", "id"))


def cells(values: Sequence[float | None] | FloatArray, digits: int = 4) -> list[CellValue]:
    """Round to what a chart can show; what is not finite becomes None."""
    return [None if v is None or not math.isfinite(v) else round(float(v), digits) + 0.0 for v in values]


def part_colour(parts: Sequence[str], name: str = "datum.part") -> Spec:
    """Return the colour of a mark by its part: of the first two neural and behavioural, soft for any further one."""
    rest = iter((NEURAL, BEHAVIOR))
    first = [part for part in dict.fromkeys(parts) if part][:2]
    named = {part: NEURAL if "neural" in part else BEHAVIOR if "behav" in part else None for part in first}
    colours = {part: colour or next(rest, SOFT) for part, colour in named.items()}
    return {
        "condition": [{"test": f"{name} === {part!r}", "value": colour} for part, colour in colours.items()],
        "value": SOFT,
    }


def label_axis(table: str, **settings: Any) -> Spec:
    """Return an axis of positions that reads its labels from a table when it is drawn."""
    return {
        "title": None,
        "labelExpr": f"data('{table}')[datum.value] ? data('{table}')[datum.value].label : ''",
        "labelLimit": expr("narrow ? 130 : 250"),
        "labelOverlap": False,
        "labelPadding": 6,
        "ticks": False,
        "domain": False,
        "grid": False,
        **settings,
    }


def whole_ticks(form: str) -> Spec:
    """Return the setting by which ticks of whole numbers are whole, or two would have the same label."""
    if not form.endswith(("d", ".0f")):
        return {}
    # Vega puts a tick halfway between two whole numbers in spite of the step.
    return {"tickMinStep": 1, "labelExpr": "datum.value % 1 ? '' : datum.label"}
