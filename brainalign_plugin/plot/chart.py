"""A chart: one Vega-Lite specification with its data, its finding as title, and the files that it can become."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import PlotError
from ..results import documented_class
from .theme import CONFIG, DARK, FONT, LIGHT, coloured
from .vega_lite import VERSION, Spec

if TYPE_CHECKING:
    import pandas as pd

Layout = Literal["cells", "square", "rows"]
CellValue = str | float | int | bool | None
Table = Mapping[str, Sequence[CellValue]]

# Width of a chart outside a page in pixels, and the resolution of its pictures.
_WIDTH, _SCALE = 640, 2
_TITLE_CHARACTERS = 88
_SUFFIXES = (".svg", ".png", ".pdf", ".html", ".json")


@documented_class
@dataclass(frozen=True, eq=False)
class Chart:
    """A chart with its data.

    Jupyter and VS Code show it; `save` writes it as a picture, a page or a specification.

    Attributes
    ----------
    title : str
        The finding, as a sentence.
    alt : str
        The same for readers who do not see the chart: kind, axes and finding.
    spec : mapping
        Vega-Lite without data, size and configuration; colours are variables of `theme`.
    tables : dict of str to table
        Columns by the names under which the specification reads them; the first one is the chart's data.
    layout : {"rows", "square", "cells"}
        As wide as the page with its own height; square; square with a step for each row.
    most, least : int
        Largest and smallest width (of one row for ``cells``) in pixels.
    rows : int
        Number of rows, for ``cells``.
    label : float
        Longest label in multiples of its font size, for ``cells``.

    See Also
    --------
    Chart.save : Write it to a file.

    Examples
    --------
    >>> ba.rank(ba.example(), "HIER").plot.intervals(5)
    <Chart 'Ranks under HIER, with posterior intervals at 95%', 5 rows; .save('chart.svg') writes it>
    """

    title: str
    alt: str
    spec: Mapping[str, Any]
    tables: Mapping[str, Table]
    layout: Layout = "rows"
    most: int = 1040
    least: int = 0
    rows: int = 0
    label: float = 0.0

    def __repr__(self) -> str:
        rows = len(next(iter(next(iter(self.tables.values())).values()), ()))
        return f"<Chart {self.title!r}, {rows} rows; .save('chart.svg') writes it>"

    def to_dict(self, width: int = _WIDTH, theme: Literal["light", "dark"] = "light") -> dict[str, Any]:
        """Return the whole Vega-Lite specification with data, size and colours.

        Returns
        -------
        dict
            For anything that takes Vega-Lite 5 or 6.

        See Also
        --------
        Chart.save : Write it to a file.

        Examples
        --------
        >>> from brainalign_plugin.plot.vega_lite import field, layer, mark
        >>> spec = layer("points", mark("point"), x=field("x:Q"))
        >>> chart = Chart("One point", "A point at 1", spec, {"points": {"x": [1]}})
        >>> chart.to_dict()["datasets"]
        {'points': [{'x': 1}]}
        """
        size: Spec = {"width": width, "autosize": {"type": "fit-x", "contains": "padding"}}
        if self.layout == "square":
            size = {"width": width, "height": width, "autosize": {"type": "fit", "contains": "padding"}}
        if self.layout == "cells":
            side = min(self.most * self.rows, width)
            size = {"width": side, "height": side}
        whole = {
            "$schema": f"https://vega.github.io/schema/vega-lite/v{VERSION.partition('.')[0]}.json",
            "description": self.alt,
            "title": {"text": textwrap.wrap(self.title, _TITLE_CHARACTERS)},
            **self.spec,
            **size,
            "datasets": {name: rows_of(table) for name, table in self.tables.items()},
            "config": {**CONFIG, "background": "var(--paper)", "font": FONT},
        }
        return coloured(whole, DARK if theme == "dark" else LIGHT)

    def to_frame(self) -> pd.DataFrame:
        """Return the chart's data, one row a mark.

        See Also
        --------
        Chart.to_dict : The whole specification.

        Examples
        --------
        >>> Chart("t", "a", {}, {"points": {"x": [1, 2]}}).to_frame()["x"].tolist()
        [1, 2]
        """
        import pandas as pd

        return pd.DataFrame({name: list(column) for name, column in next(iter(self.tables.values())).items()})

    def save(self, path: str | Path, width: int = _WIDTH, theme: Literal["light", "dark"] = "light") -> Path:
        """Write the chart to a file; its suffix decides: svg, png, pdf, html or json.

        Parameters
        ----------
        path : str or Path
        width : int
            In pixels; a PNG has twice as many.

        Raises
        ------
        PlotError
            If the suffix is unknown, vl-convert is not there or cannot draw the chart, or the file cannot be written.

        See Also
        --------
        Chart.to_altair : Change the chart with Altair.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Chart("t", "a", {}, {"points": {"x": [1]}}).save(pathlib.Path(folder, "x.json")).name
        'x.json'
        """
        target = Path(path)
        data = self.drawn(target.suffix, width, theme)
        try:
            target.write_bytes(data)
        except OSError as cause:
            raise PlotError(f"cannot write {str(target)!r}: {cause.strerror}; name another file") from cause
        return target

    def drawn(self, suffix: str, width: int = _WIDTH, theme: Literal["light", "dark"] = "light") -> bytes:
        r"""Return the chart in a format.

        Parameters
        ----------
        suffix : {".svg", ".png", ".pdf", ".html", ".json"}

        Raises
        ------
        PlotError
            As in `save`.

        See Also
        --------
        Chart.save : Write it to a file.

        Examples
        --------
        >>> Chart("One point", "A point", {}, {"points": {"x": [1]}}).drawn(".json")[:12]
        b'{\n "$schema"'
        """
        import json

        kind = suffix.lower()
        if kind not in _SUFFIXES:
            raise PlotError(
                f"a chart cannot be a {suffix or 'file without suffix'!r}; known are {', '.join(_SUFFIXES)}"
            )
        whole = self.to_dict(width, theme)
        if kind == ".json":
            return json.dumps(whole, ensure_ascii=False, indent=1).encode()
        try:
            import vl_convert
        except ImportError as cause:
            raise PlotError(
                f"a {kind} needs vl-convert-python, which is not installed; install it (extra `plot`), or save as .json"
            ) from cause
        try:
            # No address is allowed: a table of foreign names must not load anything.
            if kind == ".svg":
                return vl_convert.vegalite_to_svg(whole, allowed_base_urls=[]).encode()
            if kind == ".html":
                return vl_convert.vegalite_to_html(whole, bundle=True).encode()
            if kind == ".pdf":
                return bytes(vl_convert.vegalite_to_pdf(whole, allowed_base_urls=[]))
            return bytes(vl_convert.vegalite_to_png(whole, scale=_SCALE, allowed_base_urls=[]))
        except ValueError as cause:
            raise PlotError(f"the chart {self.title!r} cannot be drawn: {str(cause).splitlines()[0]}") from cause

    def to_altair(self) -> Any:
        """Return the chart as an Altair chart.

        Returns
        -------
        altair.Chart, or the kind of chart that the specification is

        Raises
        ------
        PlotError
            If Altair is not installed.

        See Also
        --------
        Chart.to_dict : The specification, without Altair.

        Examples
        --------
        >>> chart = ba.rank(ba.example(), "HIER").plot.intervals(5)
        >>> chart.to_altair().to_dict()["title"]["text"]
        ['Ranks under HIER, with posterior intervals at 95%']
        """
        try:
            import altair as alt
        except ImportError as cause:
            raise PlotError("Altair is not installed; install altair, or use .save() or .to_dict()") from cause
        return alt.Chart.from_dict(self.to_dict())

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """Return the chart for notebooks that know Vega-Lite 5 or 6."""
        del include, exclude
        whole = self.to_dict()
        older = {**whole, "$schema": "https://vega.github.io/schema/vega-lite/v5.json"}
        return {
            "application/vnd.vegalite.v6+json": whole,
            "application/vnd.vegalite.v5+json": older,
            "text/plain": repr(self),
        }


def rows_of(table: Table) -> list[dict[str, CellValue]]:
    """Return columns as rows, as Vega-Lite reads them."""
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
