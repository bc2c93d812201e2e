"""What all charts share: how a specification reaches the page, its colours and its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from brainalign_plugin.plot.vega_lite import Spec

# How the page's script sizes a chart: square with a step a row; square; as wide as the page with its own height.
Layout = Literal["cells", "square", "rows"]

NARROW: Spec = {"name": "narrow", "value": False}
LABEL_SIZE: Spec = {"name": "labelSize", "value": 10.5}
INK, SOFT, LINE, FAINT = "var(--ink)", "var(--ink-soft)", "var(--line)", "var(--rule)"
NEURAL, BEHAVIOR, ACCENT = "var(--neural)", "var(--behavior)", "var(--accent)"


@dataclass(frozen=True, eq=False)
class ChartSpec:
    """A chart as the page embeds it: its specification, the tables it reads and how it is sized.

    Attributes
    ----------
    spec : mapping
    tables : tuple of str
    layout : str
    most : int
        Largest width (of one row for ``cells``) in pixels.
    least : int
        Smallest width; on a narrower page the chart is scrolled.
    rows : int
        Number of rows, for ``cells``.
    label : float
        Longest label in multiples of its font size, for ``cells``.
    """

    spec: Mapping[str, Any]
    tables: tuple[str, ...]
    layout: Layout
    most: int
    least: int = 0
    rows: int = 0
    label: float = 0.0


CONFIG: Mapping[str, Any] = {
    "background": "transparent",
    # Marks by the thousand must not be read out one by one; each chart has a description, and a table beside it.
    "aria": False,
    "view": {"stroke": None},
    "axis": {
        "domainColor": FAINT,
        "gridColor": FAINT,
        "tickColor": FAINT,
        "labelColor": SOFT,
        "titleColor": SOFT,
        "labelFontSize": 11,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    },
    "text": {"fontSize": 11, "color": INK},
}
