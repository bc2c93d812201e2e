"""The report's section on a board's past: its records, its figures, and the page in a real browser."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from brainalign_monitor.history.known_events import known_events
from brainalign_monitor.history.periods import midnight
from brainalign_monitor.history.series import Chronicle, HistoryOptions
from brainalign_monitor.history.timeline import Timeline
from brainalign_monitor.report import build_view, render_report, write_report
from brainalign_monitor.report.charts import history_specs
from brainalign_monitor.report.history_panels import signed
from brainalign_monitor.report.history_section import LABELS, NAMES, history_section, history_tables
from brainalign_monitor.simulator import (
    NewModels,
    Restatement,
    SimulationParameters,
    payload_bytes,
    quiet,
    simulate,
)
from brainalign_monitor.sources import parse_payload
from brainalign_monitor.store import open_store
from brainalign_plugin.analysis import analyse
from tests.commands import brainalign
from tests.monitor.history.planted import DENSE
from tests.monitor.report.test_report_browser import DRAWN, marks, open_page, point_at
from tests.monitor.report.vega_lite_schema import faults

LABELLED = [name for group in LABELS.values() for name in group]
WHEN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def home(shared_past: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("told") / "home"
    shutil.copytree(shared_past, folder)
    (folder / "known_events.toml").write_text(
        '[[events]]\nfirst = 2021-10-05\ntext = "A <b>known</b> event."\n'
    )
    return folder


@pytest.fixture(scope="module")
def past(home: Path) -> Chronicle:
    with open_store(home / "brainalign.sqlite", home / "bodies") as store:
        options = HistoryOptions(until=midnight(date(2022, 3, 15)))
        told = Timeline(store, "vision", options).chronicle(known_events("vision", home))
    assert told is not None
    return told


@pytest.fixture(scope="module")
def page(past: Chronicle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert past.changes is not None
    view = build_view(
        analyse(past.changes.later),
        past=past,
        generated_at=WHEN,
        version="0.1.0",
        command="brainalign report",
    )
    return write_report(tmp_path_factory.mktemp("page") / "report.html", render_report(view))


def test_boards_panels_and_origins_are_told(past):
    section = history_section(past)
    assert section.text.startswith("9 boards from 1 July 2021 to 15 March 2022, 7 of them reconstructed")
    assert "over the last 24 months the " in section.panels
    full, same_benchmarks, same_models = section.panel_tables
    assert [row[0] for row in full.rows] == [
        *("2022-03-15", "2022-02-01", "2022-01-20"),
        *(f"2021-{month:02d}-01" for month in range(12, 6, -1)),
    ]
    assert [row[1] for row in full.rows[:3]] == ["observed", "reconstructed", "observed"]
    assert len({row[2].split(" × ")[1] for row in same_benchmarks.rows}) == 1
    assert len({row[2].split(" × ")[0] for row in same_models.rows}) == 1


def test_every_chart_of_the_past_is_valid_vega_lite(past):
    specs = history_specs(history_section(past), history_tables(past))
    assert "history-r2_behavior" in specs
    assert {name: faults(chart) for name, chart in specs.items()} == {name: [] for name in specs}


def test_every_figure_of_the_history_is_in_the_charts_as_it_is_in_the_record(past, home):
    record = brainalign("history", "--json", home=home).succeeded().json["series"]
    tables = history_tables(past)
    assert set(NAMES) == set(record)
    for name, points in record.items():
        columns, known = tables[f"history_{name}"], [p for p in points if p["value"] is not None]
        assert list(columns["value"]) == pytest.approx([p["value"] for p in known], abs=5e-5)
        assert list(columns["panel"]) == [p["panel"] for p in known]
        assert list(columns["origin"]) == [p["origin"] for p in known]
        assert list(columns["at"]) == [
            int(datetime.fromisoformat(p["as_of"]).timestamp() * 1000) for p in known
        ]
        assert list(columns["low"]) == pytest.approx([p["interval"][0] for p in known], abs=5e-5)


def test_each_change_is_told_with_what_it_is_due_to(past):
    section = history_section(past)
    moments = [(change.earlier, change.later) for change in past.history.changes]
    assert len(section.steps) == len(dict.fromkeys(moments))
    assert sum(len(step.table.rows) for step in section.steps) == len(moments)
    assert section.steps[1].when == "20 January 2022 to 1 February 2022", "the newest first"
    rho = next(row for row in section.steps[1].table.rows if row[0] == NAMES["mean_rho"])
    change = next(
        c
        for c in past.history.changes
        if c.figure == "mean_rho" and (c.earlier.month, c.later.month) == (1, 2)
    )
    columns = [column.label for column in section.steps[1].table.columns]
    assert rho[columns.index("restated")] == signed("mean_rho", change.attribution["restated"])
    assert any("scores restated: on " in line for line in section.steps[1].reasons)


def test_breaks_are_lettered_in_order_of_time(past):
    section = history_section(past)
    letters = [one.letter for one in section.breaks]
    assert letters == sorted(letters)
    assert letters[0] == "A"
    texts = {one.when: one.text for one in section.breaks}
    assert texts["5 October 2021"] == "known: A <b>known</b> event."
    assert "scores were restated: " in texts["1 February 2022"]
    assert NAMES["r2_behavior"] in texts["1 February 2022"]
    assert {step.letter for step in section.steps} - {""} <= set(letters)
    assert tuple(history_tables(past)["history_breaks"]["letter"]) == tuple(letters)


def test_what_changed_last_is_between_the_last_two_boards_that_differ(past):
    since = history_section(past).since
    assert since is not None
    assert since.text.startswith(
        "Between the board of 1 February 2022 (reconstructed) and that of 15 March 2022"
    )
    changes = past.changes
    assert changes is not None
    assert len(since.ranks.rows) == min(10, len(changes.rank_moves))
    moved = [(-abs(m.after - m.before), m.model) for m in changes.rank_moves]
    assert moved == sorted(moved)
    assert since.lines
    assert [row[0] for row in since.figures.rows] == [
        row[0] for row in history_section(past).steps[0].table.rows
    ]


def test_the_report_tells_what_came_before_it_and_nothing_later(home, tmp_path):
    out = tmp_path / "report.html"
    listed = brainalign("snapshots", "list", "--json", home=home).json
    oldest = min(listed, key=lambda info: info["as_of"])["id"]
    observed = next(info["id"] for info in listed if info["as_of"].startswith("2022-01-20"))
    for wanted, more, last in (
        (observed, (), "to 20 January 2022"),
        # On this one a benchmark has its first score.
        (oldest, (), None),
        ("latest", ("--as-of", "2021-12-01"), "to 1 December 2021"),
    ):
        brainalign("report", wanted, *more, "-o", out, home=home).succeeded()
        html = out.read_text()
        assert ('id="history"' in html) == (last is not None)
        assert last is None or f"boards from 1 July 2021 {last}, " in html
    body = next((home / "bodies").rglob("*.gz"))
    brainalign("report", body, "-o", out, home=home).succeeded()
    assert 'id="history"' not in out.read_text(), "a file is one board"


def test_a_run_that_finds_a_second_board_tells_of_the_first(tmp_path):
    life = simulate(
        2, quiet(SimulationParameters(models=30, repeated_names=2, events=(NewModels(date(2021, 3, 2), 3),)))
    )
    home = tmp_path / "home"
    reports = []
    for day in (date(2021, 3, 1), date(2021, 3, 8)):
        path = tmp_path / f"compare-data-{day}.json"
        path.write_bytes(payload_bytes(life, day))
        reports.append(brainalign("run", "--source", path, "--json", home=home).succeeded().json["report"])
    assert 'id="history"' not in Path(reports[0]).read_text()
    html = Path(reports[1]).read_text()
    assert "2 boards from 1 March 2021 to 8 March 2021, all of them observed." in html
    assert "3 models came: " in html


@pytest.mark.needs("browser")
@pytest.mark.parametrize("width", [1280, 390])
def test_every_chart_is_drawn_and_the_console_is_silent(browser, page, past, width):
    assert open_page(browser, page, width) == []
    assert browser.execute_script(DRAWN)
    known = [name for name in LABELLED if history_tables(past)[f"history_{name}"]["at"]]
    assert len(known) > 10
    for name in known:
        # A point a board of each panel, and the line between them.
        assert len(marks(browser, f"history-{name}", "g.mark-symbol path")) > 9, name
        letters = [text.text for text in marks(browser, f"history-{name}", "g.mark-text text")]
        assert [letter for letter in letters if len(letter) == 1 and letter.isalpha()][:1] == ["A"]
    widths = browser.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert widths[0] <= widths[1]


@pytest.mark.needs("browser")
def test_pointing_at_a_board_tells_its_value_and_what_moved_it(browser, page, past):
    open_page(browser, page)
    tops = marks(browser, "history-mean_rho", "g.mark-symbol")[-1]
    told = {point_at(browser, mark) for mark in tops.find_elements("css selector", "path")[-4:]}
    points = [p for p in past.history.series["mean_rho"] if p.value is not None]
    assert any(f"{points[-1].value:.3f}" in text and "same" in text for text in told), told


@pytest.mark.needs("browser")
def test_hostile_names_in_the_past_run_nothing(browser, tmp_path):
    events = (
        NewModels(date(2021, 3, 2), 3),
        Restatement(date(2021, 3, 3), DENSE[:6], scale=0.7, new_version=False),
    )
    parameters = quiet(SimulationParameters(models=30, repeated_names=0, hostile_names=True, events=events))
    life, home = simulate(2, parameters), tmp_path / "home"
    bodies = [payload_bytes(life, day) for day in (date(2021, 3, 1), date(2021, 3, 8))]
    with open_store(home / "brainalign.sqlite", home / "bodies") as store:
        for body, day in zip(bodies, (1, 8), strict=True):
            snapshot = parse_payload(body, "simulated", midnight(date(2021, 3, day))).snapshot
            # Every model is new on the later board, and so named as somebody who moved a figure.
            some = snapshot if day == 8 else replace(snapshot, **_without(snapshot, 12))
            store.add(some, body, seen_at=WHEN)
        told = Timeline(store, "vision", HistoryOptions(until=midnight(date(2021, 3, 8)))).chronicle()
    assert told is not None
    assert told.changes is not None
    view = build_view(analyse(told.changes.later), past=told, generated_at=WHEN, version="0", command="x")
    page = write_report(tmp_path / "report.html", render_report(view))
    assert open_page(browser, page) == []
    assert browser.execute_script("return document.scripts.length") == 3
    assert browser.execute_script("return document.images.length") == 0
    assert "<script>alert(document.domain)</script>" in browser.execute_script(
        "return document.querySelector('#history').textContent"
    )


def _without(snapshot, count):
    """Fields of the snapshot without its first models."""
    keep = slice(count, None)
    fields = {name: getattr(snapshot, name)[keep] for name in ("states", "scores", "errors", "scored_at")}
    old = snapshot.superseded
    older = old.take(old.row >= count)
    return fields | {"models": snapshot.models[count:], "superseded": replace(older, row=older.row - count)}
