"""Colours and configuration of all charts.

A specification names a colour as a variable of a style sheet (``var(--neural)``), so that a chart on a page follows
light, dark and print as the text does. Outside a page the variables are replaced by the colours here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Green for agreement, purple for disagreement: distinct to readers with any colour vision.
_RHO_LIGHT = [
    "#5b1a6e", "#672d7a", "#743e86", "#804f92", "#8c5f9f", "#9970ab", "#ab89b9", "#bda3c6", "#cfbdd4", "#e1d7e1",
    "#f3f2ee",
    "#d5e3d3", "#b7d5b8", "#99c69d", "#7bb782", "#5aa868", "#4b9559", "#3c834b", "#2c713d", "#1d602f", "#0b4f22",
]  # fmt: skip
_RHO_DARK = [
    "#ecd0f6", "#debeeb", "#d0acdf", "#c39ad4", "#b589c8", "#a877bd", "#8b669d", "#6f557f", "#554562", "#3b3546",
    "#23262c",
    "#2d3c37", "#365342", "#3f6c4d", "#478558", "#4f9f63", "#67af77", "#7fc08b", "#96d09f", "#ade1b4", "#c4f2c9",
]  # fmt: skip
# The poster's scale: better models are lighter, on either background.
_RANK = ["#440154", "#443983", "#31688e", "#21918c", "#35a06f", "#7ba32f", "#b09a00"]
RHO_STEPS, RANK_STEPS = len(_RHO_LIGHT), len(_RANK)


def _numbered(name: str, colours: list[str]) -> dict[str, str]:
    return {f"--{name}-{k}": colour for k, colour in enumerate(colours)}


LIGHT: Mapping[str, str] = {
    "--paper": "#fffefb",
    "--wash": "#f5f3ec",
    "--ink": "#1d1f24",
    "--ink-soft": "#5a5f6a",
    "--rule": "#dedcd3",
    "--line": "#a9a8a1",
    "--neural": "#2f5d9b",
    "--behavior": "#a84f08",
    "--accent": "#b0206f",
    "--never": "#d3d1c8",
    **_numbered("rho", _RHO_LIGHT),
    **_numbered("rank", _RANK),
}
DARK: Mapping[str, str] = {
    "--paper": "#15171b",
    "--wash": "#1d2025",
    "--ink": "#e8e6e1",
    "--ink-soft": "#a3a6ae",
    "--rule": "#31353c",
    "--line": "#666b75",
    "--neural": "#7fb0ea",
    "--behavior": "#f0a35c",
    "--accent": "#f07ab8",
    "--never": "#3a3e46",
    **_numbered("rho", _RHO_DARK),
    **_numbered("rank", ["#8a5ba0", *_RANK[1:-1], "#fde725"]),
}

PAPER, INK, SOFT, RULE, LINE = (f"var(--{name})" for name in ("paper", "ink", "ink-soft", "rule", "line"))
NEURAL, BEHAVIOR, ACCENT = (f"var(--{name})" for name in ("neural", "behavior", "accent"))
RHO = tuple(f"var(--rho-{k})" for k in range(RHO_STEPS))
# The first rank has the lightest colour.
RANK = tuple(f"var(--rank-{k})" for k in reversed(range(RANK_STEPS)))
FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"

CONFIG: Mapping[str, Any] = {
    "background": "transparent",
    # Marks by the thousand must not be read out one by one; each chart has a description and a table.
    "aria": False,
    "view": {"stroke": None},
    "axis": {
        "domainColor": RULE,
        "gridColor": RULE,
        "tickColor": RULE,
        "labelColor": SOFT,
        "titleColor": SOFT,
        "labelFontSize": 11,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    },
    # A long title reaches over the labels of the rows.
    "axisTop": {"titleAnchor": "end"},
    "title": {"color": INK, "fontSize": 14, "anchor": "start", "offset": 12},
    "legend": {"labelColor": SOFT, "titleColor": SOFT, "titleFontWeight": "normal"},
    "text": {"fontSize": 11, "color": INK},
}
_USE = re.compile(r"var\((--[\w-]+)\)")


def coloured(value: Any, colours: Mapping[str, str] = LIGHT) -> Any:
    """Return a specification with every variable replaced by its colour; datasets stay as they are.

    >>> coloured({"mark": {"color": "var(--neural)"}})
    {'mark': {'color': '#2f5d9b'}}
    """
    if isinstance(value, dict):
        return {k: v if k == "datasets" else coloured(v, colours) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [coloured(one, colours) for one in value]
    if isinstance(value, str):
        return _USE.sub(lambda use: colours.get(use[1], "#000000"), value)
    return value
