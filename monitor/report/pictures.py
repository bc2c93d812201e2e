"""A chart as a PNG, for where no script runs: a mail."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainalign_plugin.analysis import Analysis

from ..base.errors import ReportError
from ..base.templating import asset
from ..history.series import Chronicle
from .chart_base import CONFIG, ChartSpec
from .chart_data import chart_data
from .charts import scatter_chart
from .history_multiples import small_chart
from .history_section import history_section, history_tables
from .records import CellValue, Figure
from .sections import parts_section

_VARIABLE = re.compile(r"(--[\w-]+):\s*([^;}]+)")
_USE = re.compile(r"var\((--[\w-]+)\)")
# Twice as fine as the mail shows it, for screens that are.
_SCALE = 2
# Of a figure over time.
_HEIGHT = 220
_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"


def chart_png(
    spec: ChartSpec,
    tables: Mapping[str, Mapping[str, tuple[CellValue, ...]]],
    width: int,
    templates: Path | None = None,
) -> bytes:
    """Draw a chart in the light colours of the style sheet.

    Parameters
    ----------
    spec : ChartSpec
    tables : mapping
        By name, as columns; those that the chart reads.
    width : int
        In the pixels of the mail; the picture has twice as many.

    Raises
    ------
    ReportError
        If vl-convert cannot draw it.
    """
    import vl_convert

    size: dict[str, Any] = {"width": width, "autosize": {"type": "fit-x", "contains": "padding"}}
    if spec.layout != "rows":
        size = {"width": width, "height": width, "autosize": {"type": "fit", "contains": "padding"}}
    whole = {
        **spec.spec,
        **size,
        "datasets": {name: _rows(tables[name]) for name in spec.tables},
        "config": {**CONFIG, "background": "var(--paper)", "font": _FONT},
    }
    try:
        # Nothing is loaded from anywhere, whatever a table says.
        png: bytes = vl_convert.vegalite_to_png(
            _with_colours(whole, _light_colours(templates)), scale=_SCALE, allowed_base_urls=[]
        )
    except ValueError as cause:
        raise ReportError(f"a chart cannot be drawn as a picture: {str(cause).splitlines()[0]}") from cause
    return png


def scatter_png(analysis: Analysis, width: int, templates: Path | None = None) -> tuple[Figure, bytes] | None:
    """The report's scatter of the two parts, with its title and what it shows; None if there is none."""
    figure = parts_section(analysis).scatter
    if figure.missing:
        return None
    data = chart_data(analysis)
    return figure, chart_png(scatter_chart(data), data.tables, width, templates)


def history_png(
    past: Chronicle, name: str, width: int, templates: Path | None = None
) -> tuple[Figure, bytes] | None:
    """A headline figure over time, with its title and what it shows; None if it has no value on any board."""
    figures = {chart.id: chart for group in history_section(past).groups for chart in group.charts}
    figure = figures[f"history-{name}"]
    if figure.missing:
        return None
    # Without letters of breaks, which only the page explains.
    tables = {**history_tables(past), "history_breaks": {"at": (), "letter": ()}}
    return figure, chart_png(small_chart(tables, name, _HEIGHT), tables, width, templates)


def _rows(columns: Mapping[str, tuple[CellValue, ...]]) -> list[dict[str, CellValue]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _light_colours(templates: Path | None) -> dict[str, str]:
    first = asset("report.css", templates).partition("@media")[0]
    return {name: value.strip() for name, value in _VARIABLE.findall(first)}


def _with_colours(value: Any, colours: Mapping[str, str]) -> Any:
    """The specification with every variable of the style sheet replaced; data are left alone."""
    if isinstance(value, dict):
        return {k: v if k == "datasets" else _with_colours(v, colours) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_with_colours(one, colours) for one in value]
    if isinstance(value, str):
        return _USE.sub(lambda use: colours.get(use[1], "#000000"), value)
    return value
