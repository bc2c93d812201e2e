"""A single-file report as a page of a site: styles and scripts in files that all pages share."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..base.cache import NOTHING_KEPT, Cache
from ..base.templating import asset
from .page import stylesheet
from .vega import vega_runtime

# Only files in the folder of the page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"
)
# Neither kind of element contains the end of either (`page._inline`).
_INLINE = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)
_META_POLICY = re.compile(r'(<meta http-equiv="Content-Security-Policy" content=")[^"]*(">)')


@dataclass(frozen=True, slots=True)
class SharedPage:
    """A page, and the files that it shares with others, by their names."""

    html: str
    assets: Mapping[str, bytes]


def share_assets(html: str, assets: str, head: str = "", top: str = "") -> SharedPage:
    """Move the styles and scripts of a report into files named by their content.

    `html`: as `render_report` makes it. `assets`: address of the folder of these files, seen from the page:
    ``../assets/``. `head`: HTML to be put at the end of the head. `top`: HTML to be put at the beginning of the body.
    """
    found: dict[str, bytes] = {}

    def replaced(match: re.Match[str]) -> str:
        kind, text = match.groups()
        name = _named(kind, text)
        found[name] = text.encode()
        if kind == "style":
            return f'<link rel="stylesheet" href="{assets}{name}">'
        return f'<script src="{assets}{name}"></script>'

    page = _META_POLICY.sub(rf"\g<1>{POLICY}\2", html, count=1)
    page = _INLINE.sub(replaced, page)
    page = page.replace("</head>", f"{head}</head>", 1).replace("<body>", f"<body>{top}", 1)
    return SharedPage(page, found)


def chart_assets(templates: Path | None = None, cache: Cache = NOTHING_KEPT) -> dict[str, bytes]:
    """Files of a page that draws charts as a report does: its style sheet, the Vega runtime, its script."""
    texts = (
        ("style", stylesheet(templates)),
        ("script", vega_runtime(cache)),
        ("script", asset("report.js", templates)),
    )
    return {_named(kind, text): text.encode() for kind, text in texts}


def _named(kind: str, text: str) -> str:
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.{'css' if kind == 'style' else 'js'}"
