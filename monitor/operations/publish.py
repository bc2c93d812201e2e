"""The published site, out of the store: its pages, the reports that were written, the same as data."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import entry_points, version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brainalign_plugin.analysis import analysis_fields
from brainalign_plugin.certainty.benchmarks import new_benchmarks
from brainalign_plugin.certainty.families import families
from brainalign_plugin.certainty.good_models import good_correlations
from brainalign_plugin.certainty.record import analysis_json
from brainalign_plugin.errors import InputError
from brainalign_plugin.schemes.registry import GROUP
from brainalign_plugin.text import BRAIN_SCORE

from ..base.errors import OutputError
from ..base.files import csv_bytes, json_bytes
from ..base.progress import Stage, silent
from ..delivery import pages
from ..delivery.composing import change_text, day_text, figures_at
from ..delivery.pages import MOST_ENTRIES, FeedEntry, Topic
from ..delivery.site import CURRENT, Published, Unchanged, publish_site
from ..history.board_history import benchmark_history, rank_history
from ..history.board_reader import BoardReader
from ..history.figures import figure_text
from ..history.known_events import FILE_NAME as EVENTS
from ..history.known_events import events_json, known_events
from ..history.series import BoardChange, History, history_json
from ..history.timeline import Timeline
from ..rendering.charts import history_page
from ..rendering.page import chart_assets, embedded_json, page_data, share_assets
from ..report.agreement import agreement_answer
from ..report.benchmark_board import BenchmarkBoard
from ..report.benchmark_page import benchmark_pages
from ..report.board_pages import average_page, board_record, compare_page, methods_page
from ..report.evidence import Evidence
from ..report.model_board import ModelBoard, SchemeRanks
from ..report.model_page import model_pages, models_page
from ..report.over_time import time_chart
from ..report.records import Figure, Page
from ..report.report import reworded_page
from . import reporting
from .kept_alerts import active_alerts, told_alerts

if TYPE_CHECKING:
    from ..config.settings import Settings
    from ..store import Finding, SnapshotInfo, Store

# Of the intervals of verdicts on new benchmarks.
_ARRIVAL_RESAMPLES = 200
_PACKAGES = ("brainalign_plugin", "brainalign_monitor", "brainalign_monitor.templates")
# Data files, at addresses that stay, and their contents.
_DATA = {
    "latest/analysis.json": "the analysis of the newest board: the record of brainalign analyze --json",
    "latest/models.csv": "every model of the newest board: official score and rank, rank under each scheme",
    "latest/pairs.csv": (
        "every pair of benchmarks: Spearman’s ρ on the poster’s board, among good models, over all that have both"
    ),
    "latest/board.json": (
        "every score under the average: a number, X for a failed run, null for none; with regions and papers"
    ),
    "latest/models.json": "id, name, and ranks in words of every model, the best official rank first",
    "latest/history.json": (
        "the headline figures over time, with intervals and causes: the record of brainalign history --json"
    ),
    "latest/history.csv": "the headline figures over time, one line per board",
    "latest/archive.csv": "the observed boards",
}
_PAIR = ("first", "second", "rho", "rho_good_models", "rho_pairwise", "models_pairwise")


def publish(
    settings: Settings, store: Store, folder: Path, stage: Stage = silent, results: reporting.Results | None = None
) -> Published:
    """Publish the site of the configured domain (`publish_site`); the same store and settings give the same bytes.

    ``results`` are of the board that was reported on: what the site shows of it is not computed again. Raises
    StoreError if there is no board yet, TemplateError if a template of the user's is broken, OutputError if the site
    cannot be written; the old version stays published.
    """
    timeline = reporting.timeline(settings, store, stage)
    key = _inputs(settings, store, timeline, folder)
    view = site_view(settings, store, timeline, stage, results)
    reports = _Reports(settings, folder)
    published = publish_site(folder, _files(settings, view, timeline.observed, reports), stage)
    reports.remember()
    settings.cache.put(key, _state(published.folder.resolve()))
    return published


def is_published(settings: Settings, store: Store, folder: Path) -> bool:
    """Return whether `publish` would change nothing: the site is as it was left, made from what is there now."""
    timeline = reporting.timeline(settings, store)
    noted = settings.cache.get(_inputs(settings, store, timeline, folder))
    return bool(noted == _state((folder / CURRENT).resolve()))


def _inputs(settings: Settings, store: Store, timeline: Timeline, folder: Path) -> str:
    """Return the hash of all that the site depends on: boards, alerts, files and software."""
    reports = [reporting.report_path(settings, info) for info in timeline.observed]
    own = [settings.home / EVENTS, settings.references, *(Path(str(files(name))) for name in _PACKAGES)]
    return settings.cache.key(
        "site",
        str(folder.resolve()),
        settings.model_dump_json(),
        [repr(replace(info, seen_until=None)) for info in (*timeline.boards, *timeline.observed)],
        [repr(one) for one in store.findings(settings.domain)],
        [one.subject for one in active_alerts(store, settings.domain)],
        [_state(path) for path in (*reports, *own, *filter(None, [settings.templates_folder]))],
        {name: version(name) for name in ("numpy", "scipy", "pandas", "jinja2")},
        [f"{one.name} {one.value} {one.dist and one.dist.version}" for one in entry_points(group=GROUP)],
    )


def _state(path: Path) -> str:
    """Return the hash of names, sizes and times of a file, or of all files in a folder."""
    found = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    listed = ((one, one.stat()) for one in found if one.suffix != ".pyc")
    text = "".join(f"{one} {stat.st_size} {stat.st_mtime_ns}\n" for one, stat in listed)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


class _Reports:
    """Pages of the reports and their shared files; those that were published before are not read again."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.cache, self.current = settings.cache, folder / CURRENT
        self.frame = pages.report_frame(settings.templates_folder)
        self.read: dict[str, dict[str, str]] = {}  # Hash of each file by name, by key of the report

    def files(self, path: Path) -> Mapping[str, bytes | Unchanged]:
        """Return the page of a report and the files that it shares, by name."""
        key = self.cache.key("report page", str(self.current.absolute()), _state(path), self.frame)
        before = self.cache.get(key) or {}
        if before and all(self._now(name) == state for name, (_, *state) in before.items()):
            return {name: Unchanged(digest) for name, (digest, *_) in before.items()}
        html, assets = share_assets(_read(path), "../assets/", *self.frame)
        found = {f"assets/{name}": data for name, data in assets.items()}
        found[_report_page(path)] = html.encode()
        self.read[key] = {name: hashlib.sha256(data).hexdigest() for name, data in found.items()}
        return found

    def remember(self) -> None:
        """Keep what was read, once it is published."""
        for key, digests in self.read.items():
            self.cache.put(key, {name: [digest, *self._now(name)] for name, digest in digests.items()})

    def _now(self, name: str) -> list[int]:
        try:
            stat = (self.current / name).stat()
        except OSError:
            return []
        return [stat.st_size, stat.st_mtime_ns]


def _files(
    settings: Settings, view: pages.SiteView, observed: Sequence[SnapshotInfo], reports: _Reports
) -> Iterator[tuple[str, bytes | Unchanged]]:
    shared = dict(pages.site_files(view))
    yield from shared.items()
    seen = set(shared)
    paths = [reporting.report_path(settings, info) for info in observed]
    paths = [path for path in paths if path.is_file()]
    for path in paths:
        for name, data in reports.files(path).items():
            if name not in seen:
                seen.add(name)
                yield name, data
    if paths:
        html, _ = share_assets(_read(paths[-1]), "../assets/", *reports.frame)
        yield "reports/latest.html", html.encode()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        raise OutputError(
            f"cannot read the report {str(path)!r}: {cause}; remove it, and `brainalign run` writes it again"
        ) from cause


def _report_page(path: Path) -> str:
    return f"reports/{path.name}"


def _archived(info: SnapshotInfo, report: str) -> pages.ArchivedBoard:
    scored = info.states["SCORED"]
    return pages.ArchivedBoard(info.as_of_time, info.seen_at, info.models, info.benchmarks, scored, info.sha256, report)


def site_view(
    settings: Settings,
    store: Store,
    timeline: Timeline,
    stage: Stage = silent,
    results: reporting.Results | None = None,
) -> pages.SiteView:
    """Gather the contents of the site; ``results`` are used if they are of the same boards."""
    newest = timeline.boards[-1]
    if results is None or results.timeline is None or results.timeline.boards != timeline.boards:
        read = reporting.Found(store.snapshot(newest.id), store.rejected(newest.id), newest)
        results = reporting.Results(settings, read, timeline)
    else:
        timeline = results.timeline
    record = timeline.history
    before = timeline.versions[-2] if len(timeline.versions) > 1 else None
    changes = timeline.board_changes(most=MOST_ENTRIES)
    observed = timeline.observed
    reports = {
        info.id: _report_page(path) for info in observed if (path := reporting.report_path(settings, info)).is_file()
    }
    told = told_alerts(store, settings.domain)
    entries = {change.later.id: _entry(record, change, told, reports) for change in changes}
    boards = [_archived(info, reports.get(info.id, "")) for info in reversed(observed)]
    intervals = reporting.headline_intervals(results.certainty.bootstrap)
    found = figures_at(record, newest.id, None if before is None else before.id, intervals)
    # A board without a neural part has none of its figures.
    figures = [one for one in found if (one.now, one.before) != (None, None)]
    drawn = None if results.past is None else history_page(results.past, results.analysis.cleaning.board)
    charts, chart_data = drawn or ((), None)
    ranks = _scheme_ranks(results)
    board, own_pages = _pages(settings, store, timeline, results, ranks, [one.name for one in figures], stage)
    front = None if results.past is None else Figure("front", time_chart(results.past, "mean_rho"), wide=True)
    front_data = page_data([] if front is None else [front])
    searched = [[str(i), link.name, link.text, link.page] for i, link in board.links.items()]
    return pages.SiteView(
        domain=settings.domain,
        simulated=newest.simulated,
        address=settings.site_address,
        as_of=newest.as_of_time,
        seen_at=newest.seen_at,
        models=newest.models,
        benchmarks=newest.benchmarks,
        figures=figures,
        before=None if before is None else before.as_of_time,
        active=pages.lines_shown(one.words for one in active_alerts(store, settings.domain)),
        entries=tuple(entries.values()),
        news=tuple(entries[change.later.id] for change in changes if not change.later.reconstructed),
        boards=boards,
        answer=agreement_answer(Evidence(results.analysis, results.certainty)),
        front=front,
        front_data=embedded_json({**front_data, "models": searched}),
        history=charts,
        chart_data="" if chart_data is None else embedded_json(chart_data),
        chart_assets=chart_assets(settings.templates_folder, settings.cache),
        data=_data_files(settings, record, results, boards, board, ranks),
        pages=((page, embedded_json({**page_data(page.figures), **page.data})) for page in own_pages),
        templates=settings.templates_folder,
    )


def _pages(
    settings: Settings,
    store: Store,
    timeline: Timeline,
    results: reporting.Results,
    ranks: SchemeRanks,
    figures: Sequence[str],
    stage: Stage,
) -> tuple[ModelBoard, Iterator[Page]]:
    """Return the board by its models, and pages of models, of benchmarks and of the whole board."""
    with stage("analysing"):
        board = ModelBoard(results.analysis, results.certainty.universe)
    reader = BoardReader(store, settings.cache)
    with stage("describing the benchmarks"):
        grouped = families(results.analysis.cleaning.considered, settings.family_table)
        arrived = new_benchmarks(results.analysis.snapshot, (), settings.max_missing, grouped, _ARRIVAL_RESAMPLES).found
        past = benchmark_history(reader, timeline.versions, settings.max_missing)
        found = {one.benchmark: one for one in arrived}
        benchmarks = BenchmarkBoard(board, results.certainty.replicates, past, timeline.history, found)
    made: Iterator[Page] = itertools.chain(
        model_pages(board, rank_history(reader, timeline.versions), ranks),
        benchmark_pages(benchmarks),
        [models_page(board), compare_page(board), average_page(board), methods_page(figures)],
    )
    if settings.domain not in BRAIN_SCORE:
        made = map(reworded_page, made)
    return board, made


def _entry(record: History, change: BoardChange, told: Sequence[Finding], reports: dict[int, str]) -> FeedEntry:
    earlier, later = change.earlier, change.later
    topics = [
        Topic("Alerts", pages.lines_shown(one.words for one in told if one.snapshot_id == later.id)),
        Topic("On the board", pages.lines_shown(change.changelog)),
        Topic("Causes of the changes", pages.lines_shown(one.sentence for one in change.causes)),
    ]
    figures = {figure.name: figure for figure in figures_at(record, later.id, earlier.id)}
    moved = [
        f"{words} {figure_text(name, figures[name].now)} ({change_text(figures[name])})"
        for name, words in (("mean_rho", "mean correlation"), ("models", "complete models"))
        if change_text(figures[name])
    ]
    what = ", ".join(moved) or "no headline figure moved"
    mark = ", reconstructed" if later.reconstructed else ""
    return FeedEntry(
        key=f"{earlier.digest} {later.digest} {later.as_of_time.isoformat()}",
        title=f"Board of {day_text(later.as_of_time)}{mark}: {what}",
        as_of=later.as_of_time,
        # A reconstructed board was not seen at its time; the history has it at the moment that it describes.
        updated=later.as_of_time if later.reconstructed else later.seen_at,
        topics=[topic for topic in topics if topic.lines],
        page=reports.get(later.id, ""),
    )


def _data_files(
    settings: Settings,
    record: History,
    results: reporting.Results,
    boards: Sequence[pages.ArchivedBoard],
    board: ModelBoard,
    ranks: SchemeRanks,
) -> tuple[pages.DataFile, ...]:
    """Return the data files of the site; equal results give equal bytes."""
    events = known_events(settings.domain, settings.home)
    of_history = history_json(record) | events_json(events)
    contents = (
        json_bytes(analysis_json(results.analysis, found=results.certainty)),
        csv_bytes(*_models(results, ranks)),
        csv_bytes(_PAIR, _pairs(results)),
        json_bytes(board_record(board), indent=None),
        json_bytes([[link.id, link.name, link.text] for link in board.links.values()]),
        json_bytes(of_history),
        pages.history_csv(record),
        pages.archive_csv(boards),
    )
    return tuple(pages.DataFile(path, words, data) for (path, words), data in zip(_DATA.items(), contents, strict=True))


def _pairs(results: reporting.Results) -> list[list[Any]]:
    found, pairwise = results.analysis.agreement, results.analysis.pairwise
    tables = (found.rho, good_correlations(results.analysis.cleaning.board), pairwise.rho)
    rows = []
    for i, j in zip(*(index.tolist() for index in np.triu_indices(len(found.leaves), k=1)), strict=True):
        values = (None if np.isnan(rho[i, j]) else float(rho[i, j]) for rho in tables)
        rows.append([found.leaves[i], found.leaves[j], *values, int(pairwise.overlap[i, j])])
    return rows


def _scheme_ranks(results: reporting.Results) -> SchemeRanks:
    """Return the ranks on the poster's board under every registered scheme, by its name and the model's id."""
    from brainalign_plugin.certainty.rank import rank_schemes
    from brainalign_plugin.ranking.boards import compared_board

    analysis = results.analysis
    try:
        board = compared_board(analysis.snapshot, max_missing=analysis.cleaning.max_missing)
        ranked = rank_schemes(board, results.reference)
    except InputError:  # too small a board for any scheme
        ranked = ()
    return {one.scheme.name: {} if one.ranking is None else one.ranking.by_id() for one in ranked}


def _models(results: reporting.Results, ranks: SchemeRanks) -> tuple[list[str], list[list[Any]]]:
    """Return the header and a row a model: official score and rank, and its rank under every scheme."""
    analysis, rows = results.analysis, []
    record = analysis_fields(analysis)
    for model in analysis.snapshot.models:
        official = record["official"][str(model.id)]
        own = [by_id.get(model.id) for by_id in ranks.values()]
        rows.append([model.id, model.name, official["score"], official["rank"], *own])
    rows.sort(key=lambda row: (row[3] is None, row[3], row[0]))
    return ["id", "name", "official_score", "official_rank", *ranks], rows
