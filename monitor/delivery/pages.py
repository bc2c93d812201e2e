"""The pages, data files and feed of the site, out of plain records."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from brainalign_plugin.text import BRAIN_SCORE

from ..base.files import csv_bytes
from ..base.templating import asset, hashed, render
from ..history.figures import FIGURES
from ..history.series import FULL, History
from ..report.records import Page
from .composing import day_text, one_line, shown_figure
from .messages import HeadlineFigure

MOST_ENTRIES = 50
_NEWEST_NEWS = 3


@dataclass(frozen=True, slots=True)
class Topic:
    """Lines under a heading."""

    heading: str
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One piece of news."""

    key: str  # Key of the entry, from which its id is made
    title: str
    # Moment of the board, and when we had it
    as_of: datetime
    updated: datetime
    topics: Sequence[Topic]
    page: str = ""  # Path of the page that shows it, below the site; empty if there is none


@dataclass(frozen=True, slots=True)
class ArchivedBoard:
    """One observed board in the archive; `report` is the path of its report below the site, if there is one."""

    as_of: datetime
    seen_at: datetime
    models: int
    benchmarks: int
    scored: int
    sha256: str
    report: str = ""


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file for programs, and what is in it."""

    path: str
    words: str
    data: bytes


@dataclass(frozen=True, eq=False)
class SiteView:
    """Content of the site."""

    domain: str
    simulated: bool
    address: str  # Address of the site for readers, with a slash at its end; empty if unknown
    # Of the newest board
    as_of: datetime
    seen_at: datetime
    models: int
    benchmarks: int
    figures: Sequence[HeadlineFigure]  # Of the newest board and the one before it with another content
    before: datetime | None  # Moment of that one
    active: Sequence[str]  # Alerts that fired and have not ended, in words
    entries: Sequence[FeedEntry]  # Changes, the newest first
    news: Sequence[FeedEntry]  # The observed ones among them, for the feed
    boards: Sequence[ArchivedBoard]  # The newest first
    history: Sequence[object]  # Charts of the past of the newest board; none if there is no other board
    chart_data: str  # JSON that is fit to stand in an element, for the script that draws them
    chart_assets: Mapping[str, bytes]  # Style sheets and scripts of the pages, by name
    data: Sequence[DataFile]
    answer: str = ""  # The agreement of the newest board in a sentence
    front: object = None  # The chart of the first page; None if there is no other board
    # Data for the script of the first page: its chart, and all models for the search.
    front_data: str = "{}"
    pages: Iterable[tuple[Page, str]] = ()  # Further pages, and JSON for the scripts of each; taken once
    templates: Path | None = None  # Folder of the user's own templates

    @property
    def brain_score(self) -> bool:
        """True for a leaderboard of Brain-Score, and not of another field."""
        return self.domain in BRAIN_SCORE


def site_files(view: SiteView) -> Iterator[tuple[str, bytes]]:
    """Yield every file of the site but the reports, as path and content; equal views give equal bytes."""
    site_style = asset("site.css", view.templates).encode()
    scripts = [name for name in view.chart_assets if name.endswith(".js")]
    assets = {**view.chart_assets, hashed("site.css", site_style): site_style}
    shared: dict[str, Any] = {
        "site": view,
        "root": "",
        "styles": [name for name in assets if name.endswith(".css")],
        "day_text": day_text,
        "latest": next((board.report for board in view.boards if board.report), ""),
    }
    pages: dict[str, dict[str, Any]] = {
        "index": {
            "figures": [shown_figure(figure) for figure in view.figures],
            "newest": view.news[:_NEWEST_NEWS],
            "scripts": scripts,
        },
        "history": {"scripts": scripts, "figures": [shown_figure(figure) for figure in view.figures]},
        "archive": {},
        "data": {"files": [(file, file_fields(file)) for file in view.data]},
    }
    for name, values in pages.items():
        text = render(f"site_{name}.html.j2", view.templates, page=name, **shared, **values)
        yield f"{name}.html", text.encode()
    for page, chart_data in view.pages:
        values = {"shown": page, "page": page.kind, "chart_data": chart_data, "scripts": scripts}
        values["root"] = "../" * page.path.count("/")
        if page.script:
            name = hashed(page.script, own := asset(page.script, view.templates).encode())
            assets[name] = own
            values["scripts"] = [*scripts, name]
        yield page.path, render("site_page.html.j2", view.templates, **{**shared, **values}).encode()
        yield from page.files.items()
    yield "feed.xml", _feed(view)
    for name, data in sorted(assets.items()):
        yield f"assets/{name}", data
    for file in view.data:
        yield file.path, file.data


def _feed(view: SiteView) -> bytes:
    """Write the feed, an Atom document (RFC 4287): the newest changes first; relative links without an address."""
    # Without the address: readers know an entry by its id, wherever the site moves to.
    feed = uuid.uuid5(uuid.NAMESPACE_URL, f"brainalign:{view.domain}")
    newest = sorted(view.news, key=lambda entry: (entry.updated, entry.as_of, entry.key), reverse=True)
    shown = [
        {
            "id": uuid.uuid5(feed, entry.key).urn,
            "title": entry.title,
            "updated": _time(entry.updated),
            "topics": entry.topics,
            # The causes come last, and are the news in short.
            "summary": next((line for topic in entry.topics[::-1] for line in topic.lines), entry.title),
            "link": f"{view.address}{entry.page or 'history.html'}",
        }
        for entry in newest[:MOST_ENTRIES]
    ]
    title = f"{'[simulated] ' if view.simulated else ''}Brain-Score {view.domain}: do its benchmarks agree?"
    updated = _time(newest[0].updated if newest else view.seen_at)
    values = {"id": feed.urn, "title": title, "address": view.address, "updated": updated, "entries": shown}
    return render("feed.xml.j2", view.templates, **values).encode()


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def file_fields(file: DataFile) -> str:
    """Return the columns of a CSV file, or the keys of a JSON file."""
    if file.path.endswith(".csv"):
        return file.data.decode().splitlines()[0].replace(",", ", ")
    record = json.loads(file.data)
    return ", ".join(record) if isinstance(record, dict) else "a list, one entry a model"


def report_frame(templates: Path | None = None) -> tuple[str, str]:
    """Return the additions to a report as a page of the site: the end of its head, and the top of its body."""
    name = hashed("site.css", asset("site.css", templates).encode())
    head = render("site_report_head.html.j2", templates, style=name)
    return head, render("site_report_top.html.j2", templates)


def history_csv(record: History) -> bytes:
    """Return the headline figures over time as CSV, one line per board, the newest first."""
    ends = ("", "_low", "_high")
    header = ["as_of", "origin", *(f"{name}{end}" for name in FIGURES for end in ends)]
    rows: list[list[object]] = []
    for number, point in enumerate(record.series["models"]):
        if point.panel == FULL:
            own = [record.series[name][number] for name in FIGURES]
            figures = [cell for one in own for cell in (one.value, *(one.interval or (None, None)))]
            rows.append([point.as_of.isoformat(), point.origin, *figures])
    return csv_bytes(header, rows[::-1])


def archive_csv(boards: Iterable[ArchivedBoard]) -> bytes:
    """Return the observed boards as CSV, one line each."""
    header = ["as_of", "seen_at", "models", "benchmarks", "scored_cells", "sha256", "report"]
    rows = (
        [b.as_of.isoformat(), b.seen_at.isoformat(), b.models, b.benchmarks, b.scored, b.sha256, b.report]
        for b in boards
    )
    return csv_bytes(header, rows)


def lines_shown(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the lines of an entry, fit to be shown."""
    return tuple(one_line(line) for line in lines)
