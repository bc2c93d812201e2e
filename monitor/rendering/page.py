"""Records in, one self-contained HTML file out; the same as a page of a site, with the files that pages share."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from markupsafe import Markup

from brainalign_plugin.plot.chart import CellValue, Table
from brainalign_plugin.plot.theme import CONFIG, DARK, LIGHT
from brainalign_plugin.plot.vega_lite import VERSION

from ..base.cache import NOTHING_KEPT, Cache
from ..base.errors import ReportError
from ..base.files import write_atomically
from ..base.templating import asset, hashed, render
from ..report.records import Figure, Report

_PAGE = "report.html.j2"
# These end an inline element, or hide its end, because HTML ignores quotes inside scripts and styles.
_ENDS_ELEMENT = re.compile(r"<!--|</?(script|style)", re.IGNORECASE)
# Neither kind of element contains the end of either (`_inline`).
_INLINE = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)
_META_POLICY = re.compile(r'(<meta http-equiv="Content-Security-Policy" content=")[^"]*(">)')
# Of a page that shares files: only those in the folder of the page.
_SHARED_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"
)


def render_report(report: Report, templates: Path | None = None, cache: Cache = NOTHING_KEPT) -> str:
    """Render a report as one HTML document that needs no network.

    Scripts and styles are inline and named by hash in the page's Content Security Policy, so that nothing else runs or
    loads, whatever a model is called. Equal reports give equal bytes. Raises ReportError if the Vega runtime cannot be
    had from vl-convert. Raises TemplateError if a template of the user's is broken.

    `templates`: folder of the user's own templates. `cache`: where the Vega runtime is kept.
    """
    series = {name: {**one, "tables": _compact(one["tables"])} for name, one in report.series.items()}
    page = page_data(report.figures) | {"pairs": report.pairs, "series": series}
    page |= {"models": report.models, "schemes": report.schemes}
    page["panels"] = {key: text for key, _, text in report.panels}
    style = _inline(stylesheet(templates))
    runtime = [vega_runtime(cache)] if report.figures else []
    scripts = tuple(map(_inline, (*runtime, asset("report.js", templates))))
    return render(
        _PAGE,
        templates,
        report=report,
        policy=_policy(style, scripts),
        style=style,
        scripts=scripts,
        page=embedded_json(page),
    )


def page_data(figures: Sequence[Figure]) -> dict[str, Any]:
    """Return what the script of a page reads to draw its charts (`embedded_json`)."""
    names = ("spec", "layout", "most", "least", "rows", "label", "title", "alt")
    return {
        "config": CONFIG,
        "charts": [
            {"id": figure.id, "tables": _compact(figure.chart.tables)}
            | {name: getattr(figure.chart, name) for name in names}
            for figure in figures
        ],
    }


def _compact(tables: Mapping[str, Table]) -> dict[str, dict[str, Any]]:
    """Return tables with each text of a column once: names that come with every scheme would double the page."""
    return {name: {column: _coded(values) for column, values in table.items()} for name, table in tables.items()}


def _coded(values: Sequence[CellValue]) -> Any:
    texts = {value: place for place, value in enumerate(dict.fromkeys(values)) if isinstance(value, str)}
    if not texts or 2 * len(texts) > len(values) or not all(value in texts for value in values):
        return values
    return {"texts": list(texts), "places": [texts[value] for value in values if isinstance(value, str)]}


def stylesheet(templates: Path | None = None) -> str:
    """Return the style sheet of a page: the colours of charts as variables, then the rules."""
    light, dark = ("".join(f"{name}:{value};" for name, value in colours.items()) for colours in (LIGHT, DARK))
    variables = f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
    return variables + asset("report.css", templates)


def write_report(path: Path, html: str) -> Path:
    """Write a rendered report whole or not at all. Raises ReportError if it cannot be written."""
    return write_atomically(Path(path), html.encode("utf-8"), ReportError)


def embedded_json(value: Any) -> Markup:
    """JSON for a ``<script type="application/json">``: no character of it can end the element or start a comment."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704 -- just escaped


def _inline(text: str) -> Markup:
    """Return a script or a style as it is between its tags; a browser hashes it with normalised line ends."""
    found = _ENDS_ELEMENT.search(text)
    if found:
        raise ReportError(f"{found.group()!r} in an inline script or style would break the page; remove it there")
    return Markup(text.replace("\r\n", "\n").replace("\r", "\n"))  # noqa: S704 -- our own files and Vega's


def _policy(style: str, scripts: tuple[str, ...]) -> str:
    return (
        f"default-src 'none'; script-src {' '.join(map(_source_hash, scripts))}; style-src {_source_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _source_hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"


def share_assets(html: str, assets: str, head: str = "", top: str = "") -> tuple[str, dict[str, bytes]]:
    """Move the styles and scripts of a report into files named by their content; return the page and these files.

    `html`: as `render_report` makes it. `assets`: address of the folder of these files, seen from the page:
    ``../assets/``. `head`: HTML to be put at the end of the head. `top`: HTML to be put at the beginning of the body.
    """
    found: dict[str, bytes] = {}

    def replaced(match: re.Match[str]) -> str:
        kind, text = match.groups()
        name = hashed("style.css" if kind == "style" else "script.js", text.encode())
        found[name] = text.encode()
        link = '<link rel="stylesheet" href="{}">' if kind == "style" else '<script src="{}"></script>'
        return link.format(f"{assets}{name}")

    page = _META_POLICY.sub(rf"\g<1>{_SHARED_POLICY}\2", html, count=1)
    page = _INLINE.sub(replaced, page)
    return page.replace("</head>", f"{head}</head>", 1).replace("<body>", f"<body>{top}", 1), found


def chart_assets(templates: Path | None = None, cache: Cache = NOTHING_KEPT) -> dict[str, bytes]:
    """Files of a page that draws charts as a report does: its style sheet, the Vega runtime, its script."""
    scripts = (vega_runtime(cache), asset("report.js", templates))
    files = [("style.css", stylesheet(templates).encode()), *(("script.js", text.encode()) for text in scripts)]
    return {hashed(name, data): data for name, data in files}


def vega_runtime(cache: Cache = NOTHING_KEPT) -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, in the version that charts are written for if vl-convert has it.

    Raises ReportError if it cannot be had from vl-convert.

    `cache`: bundling takes more than a second, and gives the same for the same vl-convert.
    """
    key = cache.key("vega runtime", version("vl-convert-python"), VERSION)
    kept = cache.get(key)
    if isinstance(kept, str):
        return kept
    runtime = _bundled()
    cache.put(key, runtime)
    return runtime


@functools.cache
def _bundled() -> str:
    import vl_convert

    try:
        versions = (VERSION,) if VERSION in vl_convert.get_vegalite_versions() else ()
        runtime: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", *versions)
    except ValueError as cause:
        raise ReportError(f"vl-convert gave no Vega runtime ({cause}); reinstall vl-convert-python") from cause
    return runtime
