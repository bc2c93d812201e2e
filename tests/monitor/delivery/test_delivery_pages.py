"""The published site: its pages, its feed, its data, and what a reader's browser makes of them."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import urllib.parse
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import feedparser
import numpy as np
import pytest

from brainalign_monitor.base.errors import TemplateError
from brainalign_monitor.config.settings import load_settings
from brainalign_monitor.delivery.composing import interval_text
from brainalign_monitor.history.timeline import Timeline
from brainalign_monitor.operations import publish as publishing
from brainalign_monitor.operations import pull, reporting
from brainalign_monitor.operations.reporting import headline_intervals
from brainalign_monitor.rendering import render_report
from brainalign_monitor.rendering.page import share_assets
from brainalign_monitor.store import open_store
from brainalign_plugin.analysis import analyse
from brainalign_plugin.certainty.bootstrap import family_bootstrap
from brainalign_plugin.certainty.families import families
from brainalign_plugin.files.snapshot_file import table_snapshot
from brainalign_plugin.schemes import scheme_names
from tests.charts import opened
from tests.commands import brainalign
from tests.hostile import HOSTILE_NAMES
from tests.local_site import site_server
from tests.monitor.delivery.conftest import SEEN, told_home
from tests.monitor.report.conftest import drawn_snapshot, plain_leaves, report_of

ATOM = "{http://www.w3.org/2005/Atom}"
HOSTILE = [name for name in HOSTILE_NAMES if "\x00" not in name]


@pytest.fixture(scope="module")
def report() -> str:
    board = drawn_snapshot(20, plain_leaves(4, "V1-pls"), plain_leaves(3, "i2n"), names=HOSTILE)
    return render_report(report_of(analyse(board)))


@pytest.fixture(scope="module")
def home(tmp_path_factory, report) -> Path:
    folder = tmp_path_factory.mktemp("told")
    told_home(folder, HOSTILE, report)
    return folder


@pytest.fixture(scope="module")
def site(home) -> Path:
    out = (
        brainalign("publish", "--output", home / "site", home=home, site__address="https://lab.test/b").succeeded().out
    )
    folder = home / "site/current"
    written = sum(path.is_file() for path in folder.rglob("*"))
    assert out == f"site: {folder} ({written} files written, 0 unchanged)\n"
    return folder


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_all_that_is_promised_is_there(site):
    names = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert {"index.html", "history.html", "archive.html", "feed.xml", "reports/latest.html"} <= names
    data = ("analysis.json", "board.json", "models.json", "models.csv", "pairs.csv", "history.json", "history.csv")
    assert {f"latest/{name}" for name in (*data, "archive.csv")} <= names


def test_it_is_published_again_without_a_change(site, home):
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in site.rglob("*")}
    said = (
        brainalign("publish", "--output", home / "site", home=home, site__address="https://lab.test/b").succeeded().out
    )
    assert "(no changes)" in said
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in site.rglob("*")} == before


def test_another_home_with_the_same_boards_publishes_the_same_bytes(site, report, tmp_path):
    told_home(tmp_path, HOSTILE, report)
    again = tmp_path / "site/current"
    brainalign("publish", "--output", again.parent, home=tmp_path, site__address="https://lab.test/b").succeeded()
    first, second = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (site, again)
    )
    assert first.keys() == second.keys()
    assert [path for path in first if first[path] != second[path]] == []


def test_the_site_of_another_field_speaks_of_no_neural_half_and_not_of_brain_score(tmp_path):
    settings = load_settings(home=tmp_path, domain="table")
    rows = "\n".join(f"m{i},{i * 37 % 23 / 23:.3f},{i * 31 % 19 / 19:.3f},{i * 29 % 17 / 17:.3f}" for i in range(12))
    board = table_snapshot(f"model,Wang2018-sst,Socher2013-mr,Joshi2017-qa\n{rows}\n", "t.csv")
    with pull.open_home(settings) as store:
        for day in (18, 20):
            moment = datetime(2024, 11, day, tzinfo=UTC)
            store.add(replace(board, as_of_time=moment, sha256=f"{day}" * 32), b"", seen_at=moment)
    brainalign("publish", "--domain", "table", "--output", tmp_path / "site", home=tmp_path).succeeded()
    pages = {path.name: text_of(path) for path in (tmp_path / "site/current").rglob("*.html")}
    assert {"index.html", "history.html", "methods.html", "Wang2018-sst.html", "1.html"} <= pages.keys()
    for name, text in pages.items():
        assert "affiliated" not in text, name
        assert "at Brain-Score" not in text, name
        assert "Made by BrainAlign from tables of scores" in text, name
    for name in ("index.html", "history.html"):
        assert "neural" not in pages[name]
        assert "behaviour" not in pages[name]


def test_reports_that_were_published_are_not_read_again(tmp_path, report):
    settings = told_home(tmp_path, report=report)
    with pull.open_home(settings) as store:
        old = reporting.report_path(settings, store.info(1))
    old.write_text(report)
    page = tmp_path / "site/current/reports" / old.name

    def published(address: str) -> os.stat_result:
        brainalign("publish", "--output", tmp_path / "site", home=tmp_path, site__address=address).succeeded()
        return page.stat()

    first = published("https://lab.test/one")
    # Other content of the same size and time: it would show, were it read.
    stat = old.stat()
    old.write_text(report.replace("benchmark", "BENCHMARK"))
    os.utime(old, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    second = published("https://lab.test/two")
    assert (second.st_ino, second.st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    assert "BENCHMARK" not in text_of(page)
    # It is read where the published page is not the one that was published, and where the report is another.
    page.write_text("changed by hand")
    published("https://lab.test/three")
    assert "BENCHMARK" in text_of(page)
    old.write_text(report)
    published("https://lab.test/four")
    assert "BENCHMARK" not in text_of(page)


def test_shared_assets_are_there_once(site, report):
    page = text_of(site / "reports/latest.html")
    assert len(page) < len(report) - 800_000
    assert "<style>" not in page
    scripts = re.findall(r'<script src="\.\./(assets/[\w.-]+)">', page)
    assert len(scripts) == 2
    assert all((site / name).is_file() for name in scripts)
    # The page of the history draws with the same runtime.
    assert set(re.findall(r'<script src="(assets/[\w.-]+)">', text_of(site / "history.html"))) == set(scripts)
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in page


def test_a_report_of_its_own_stays_a_single_file(report):
    assert "<style>" in report
    assert "../assets/" not in report


def test_shared_pages_are_the_report_again(report):
    back, assets = share_assets(report, "../assets/")
    assert [name.split("-")[0] for name in assets] == ["style", "script", "script"]
    for name, data in assets.items():
        kind = name.split("-")[0]
        link = (
            f'<link rel="stylesheet" href="../assets/{name}">'
            if kind == "style"
            else f'<script src="../assets/{name}"></script>'
        )
        assert back.count(link) == 1
        back = back.replace(link, f"<{kind}>{data.decode()}</{kind}>")
    policy = re.compile(r'(http-equiv="Content-Security-Policy" content=")[^"]*')
    assert policy.sub(r"\1", back) == policy.sub(r"\1", report)


def test_the_feed_is_valid_and_says_what_changed(site):
    data = (site / "feed.xml").read_bytes()
    feed = feedparser.parse(data)
    assert not feed.bozo, feed.get("bozo_exception")
    assert feed.version == "atom10"
    assert feed.feed.link == "https://lab.test/b/"
    assert [entry.updated for entry in feed.entries] == ["2024-11-26T06:30:00Z", "2024-11-21T06:30:00Z"]
    newest = feed.entries[0]
    assert newest.title.startswith("Board of 25 November 2024: ")
    assert "complete models 27 (−3)" in newest.title
    content = newest.content[0].value
    for said in (
        "few models fired: 27",
        "3 models went",
        "Models with a score on every kept benchmark went from 30 to 27",
    ):
        assert said in content, said
    assert newest.link.startswith("https://lab.test/b/reports/2024-11-25-cccccccccccc")
    assert feed.entries[1].link == "https://lab.test/b/history.html"


def test_the_feed_keeps_the_rules_of_atom(site):
    root = ET.fromstring((site / "feed.xml").read_bytes())
    assert root.tag == f"{ATOM}feed"
    entries = root.findall(f"{ATOM}entry")
    for element in (root, *entries):
        for name in ("id", "title", "updated"):
            (found,) = element.findall(f"{ATOM}{name}")
            assert found.text
        assert element.find(f"{ATOM}id").text.startswith("urn:uuid:")
        assert datetime.fromisoformat(element.find(f"{ATOM}updated").text).tzinfo is not None
        rels = [(link.get("rel"), link.get("type")) for link in element.findall(f"{ATOM}link")]
        assert len(rels) == len(set(rels))
    assert root.find(f"{ATOM}author/{ATOM}name").text
    assert {link.get("rel") for link in root.findall(f"{ATOM}link")} == {"self", "alternate"}
    assert len({entry.find(f"{ATOM}id").text for entry in entries}) == len(entries)
    assert root.find(f"{ATOM}updated").text == max(entry.find(f"{ATOM}updated").text for entry in entries)
    for entry in entries:
        content = entry.find(f"{ATOM}content")
        assert content.get("type") == "xhtml"
        assert [child.tag for child in content] == ["{http://www.w3.org/1999/xhtml}div"]


def test_without_an_address_the_feed_links_relatively(home, tmp_path):
    brainalign("publish", "--output", tmp_path, home=home).succeeded()
    feed = feedparser.parse((tmp_path / "current/feed.xml").read_bytes())
    assert not feed.bozo
    assert feed.feed.link == "index.html"
    assert feed.entries[0].link.startswith("reports/")
    assert [link.href for link in feed.feed.links if link.rel == "self"] == ["feed.xml"]
    assert all(entry.summary and entry.published == entry.updated for entry in feed.entries)


def test_data_say_what_the_pages_show(site):
    latest = json.loads(text_of(site / "latest/analysis.json"))
    assert latest["cleaning"]["models"] == 27
    history = json.loads(text_of(site / "latest/history.json"))
    assert {point["models"] for point in history["series"]["mean_rho"]} == {27, 30}
    rows = list(csv.DictReader(io.StringIO(text_of(site / "latest/history.csv"))))
    assert [row["as_of"][:10] for row in rows] == ["2024-11-25", "2024-11-20", "2024-11-18"]
    assert float(rows[0]["mean_rho"]) == pytest.approx(latest["agreement"]["mean"])
    assert float(rows[0]["mean_rho_low"]) < float(rows[0]["mean_rho"]) < float(rows[0]["mean_rho_high"])
    models = list(csv.DictReader(io.StringIO((site / "latest/models.csv").read_bytes().decode())))
    assert len(models) == 27
    for row in models:
        assert int(row["official_rank"]) == latest["official"][row["id"]]["rank"]
        assert int(row["RANK"]) == latest["schemes"]["RANK"][row["id"]]
    assert set(scheme_names()) <= set(models[0])
    assert all(row["KEMENY"] and row["REF_ZMEAN"] for row in models if row["HIER"])
    pairs = list(csv.DictReader(io.StringIO(text_of(site / "latest/pairs.csv"))))
    assert len(pairs) == 9 * 8 // 2
    assert np.mean([float(row["rho"]) for row in pairs]) == pytest.approx(latest["agreement"]["mean"])
    described = text_of(site / "data.html")
    for path in sorted((site / "latest").iterdir()):
        assert f'href="latest/{path.name}"' in described
    archive = list(csv.DictReader(io.StringIO(text_of(site / "latest/archive.csv"))))
    assert [row["sha256"][0] for row in archive] == ["c", "b", "a"]
    assert (site / archive[0]["report"]).is_file()
    assert archive[1]["report"] == ""
    page = text_of(site / "archive.html")
    assert f'<a href="{archive[0]["report"]}">25 November 2024</a>' in page
    assert '<th scope="row" class="text">20 November 2024</th>' in page


def test_ids_of_the_feed_do_not_depend_on_the_address(site, home, tmp_path):
    brainalign("publish", "--output", tmp_path, home=home, site__address="https://moved.test").succeeded()
    there, here = (feedparser.parse((root / "feed.xml").read_bytes()) for root in (site, tmp_path / "current"))
    assert there.feed.id == here.feed.id
    assert [entry.id for entry in there.entries] == [entry.id for entry in here.entries]
    assert there.entries[0].link != here.entries[0].link


def test_the_first_page_has_the_intervals_of_the_report(site, home):
    with open_store(home / "brainalign.sqlite", home / "bodies") as store:
        analysis = analyse(store.snapshot(store.latest("vision").id))
    board = analysis.cleaning.board
    intervals = headline_intervals(family_bootstrap(board, families(board)))
    for page, names in (("index", ("mean_rho", "r2_behavior")), ("history", ("mean_rho", "sd_neural"))):
        for name in names:
            assert interval_text(name, intervals[name]) in text_of(site / f"{page}.html")


def test_alerts_that_are_active_are_on_the_first_page(site):
    page = text_of(site / "index.html")
    assert "few models fired: 27" in page
    assert "<b>low</b>" not in page
    assert "agreement fell fired: &lt;b&gt;low" in page


def test_a_broken_template_publishes_nothing(site, home, tmp_path):
    before = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
    (tmp_path / "site_archive.html.j2").write_text("one\n{{ nothing }}\n")
    ended = brainalign("publish", "--output", home / "site", home=home, templates=tmp_path)
    assert ended.code == 3
    assert f"{str(tmp_path / 'site_archive.html.j2')!r} is broken in line 2" in ended.problem
    assert {path: path.read_bytes() for path in site.rglob("*") if path.is_file()} == before
    with pytest.raises(TemplateError), pull.open_home(told_settings := _settings(home, tmp_path)) as store:
        publishing.publish(told_settings, store, tmp_path / "new")
    assert not (tmp_path / "new/current").exists()


def _settings(home: Path, templates: Path):
    from brainalign_monitor.config.settings import load_settings

    return load_settings(home=home, templates=templates)


def test_templates_of_ones_own_change_the_site_and_the_feed(home, tmp_path):
    (tmp_path / "site_archive.html.j2").write_text(
        '{% extends "brainalign/site_archive.html.j2" %}{% block heading %}Our archive{% endblock %}'
    )
    (tmp_path / "feed.xml.j2").write_text("<feed>{{ entries | length }}</feed>")
    (tmp_path / "site.css").write_text("body { color: teal }")
    brainalign("publish", "--output", tmp_path / "site", home=home, templates=tmp_path).succeeded()
    current = tmp_path / "site/current"
    assert "<h1>Our archive</h1>" in text_of(current / "archive.html")
    assert text_of(current / "feed.xml") == "<feed>2</feed>"
    assert [text_of(path) for path in (current / "assets").glob("site-*.css")] == ["body { color: teal }"]


def test_without_a_folder_or_a_board_it_says_what_to_do(home, tmp_path):
    assert "set site.folder, or give --output DIR" in brainalign("publish", home=home).problem
    ended = brainalign("publish", "--output", tmp_path / "site", home=tmp_path / "empty")
    assert ended.code == 6
    assert not (tmp_path / "site").exists()


# In a browser, from a server.


@pytest.fixture(scope="module")
def served(site) -> Iterator[str]:
    with site_server(site) as address:
        yield address


PAGES = (
    "index.html",
    "compare.html",
    "benchmarks.html",
    "models.html",
    "methods.html",
    "data.html",
    "average.html",
    "history.html",
    "archive.html",
    "reports/latest.html",
)


@pytest.mark.needs("browser")
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("page", PAGES)
def test_pages_open_without_a_word_in_the_console(browser, served, page, width):
    assert opened(browser, served + page, width) == []
    wide = browser.execute_script("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide[0] <= wide[1], "nothing makes the page scroll sideways"
    styled = browser.execute_script("return getComputedStyle(document.querySelector('nav.site')).fontSize")
    assert styled == "14px", "the style sheets came"
    assert browser.execute_script("return document.querySelectorAll('img').length") == 0


@pytest.mark.needs("browser")
def test_every_link_leads_somewhere(browser, served, site):
    todo, seen = [served], set()
    while todo:
        address = todo.pop()
        seen.add(address)
        opened(browser, address)
        for link in browser.execute_script("return [...document.querySelectorAll('[href]')].map((a) => a.href)"):
            page = link.partition("#")[0].partition("?")[0]
            if not page.startswith(served):
                outside = ("data:,", "https://arxiv.org/abs/2407.07530", "https://www.brain-score.org/model/")
                assert page.startswith(outside), page
                continue
            path = urllib.parse.unquote(page.removeprefix(served)) or "index.html"
            assert (site / path).is_file(), page
            if path.endswith(".html") and page not in seen | set(todo) and path != "index.html":
                todo.append(page)
    assert {served + page for page in PAGES[1:]} <= seen


@pytest.mark.needs("browser")
def test_a_reader_clicks_from_the_first_page_to_the_report_and_back(browser, served):
    from selenium.webdriver.common.by import By

    opened(browser, served)
    browser.find_element(By.LINK_TEXT, "the latest report").click()
    assert browser.current_url == f"{served}reports/latest.html"
    browser.find_element(By.LINK_TEXT, "History").click()
    assert browser.current_url == f"{served}history.html"
    browser.find_element(By.LINK_TEXT, "Archive").click()
    browser.find_element(By.CSS_SELECTOR, "#archive tbody a").click()
    assert browser.current_url.startswith(f"{served}reports/2024-11-25-")
    browser.find_element(By.LINK_TEXT, "Overview").click()
    assert browser.find_element(By.TAG_NAME, "h1").text == "Do its benchmarks agree?"
    kinds = "return document.querySelector('link[rel=alternate][type=\"application/atom+xml\"]').href"
    assert browser.execute_script(kinds) == f"{served}feed.xml"


@pytest.mark.needs("browser")
def test_the_history_draws_and_tells_each_point(browser, served):
    assert opened(browser, f"{served}history.html") == []
    drawn = (
        "return [...document.querySelectorAll('.chart')]"
        ".map((chart) => chart.querySelectorAll('g.mark-symbol path').length)"
    )
    points = browser.execute_script(drawn)
    assert len(points) == 14
    assert min(points) >= 3
    ticks = browser.execute_script(
        "return [...document.querySelectorAll('#chart-history-models text')].map((t) => t.textContent)"
    )
    assert not [tick for tick in ticks if "e+" in tick]
    caption = browser.execute_script("return document.querySelector('#caption-history-good').textContent")
    assert re.fullmatch(r"Mean ρ of benchmarks: \S+ among all models, \S+ among the best 25 %\.", caption)


@pytest.mark.needs("browser")
def test_known_breaks_in_the_span_are_drawn(browser, home, tmp_path):
    event = 'first = 2024-11-22\ntext = "Ceilings were <b>mended</b>."\n'
    (home / "known_events.toml").write_text(f"[[events]]\n{event}")
    try:
        brainalign("publish", "--output", tmp_path, home=home).succeeded()
    finally:
        (home / "known_events.toml").unlink()
    assert "Ceilings were \\u003cb\\u003emended" in text_of(tmp_path / "current/history.html")
    with site_server(tmp_path / "current") as address:
        assert opened(browser, f"{address}history.html") == []
        drawn = "return document.querySelectorAll('#chart-history-mean_rho g.mark-rule line').length"
        assert browser.execute_script(drawn) >= 1


@pytest.mark.needs("browser")
def test_no_name_breaks_out_of_its_place(browser, served):
    for page in PAGES:
        assert opened(browser, served + page) == []
        assert "broken out" not in browser.title
        assert browser.execute_script("return document.querySelectorAll('script:not([src]):not([type])').length") == 0


def test_news_are_those_that_were_seen(home):
    settings = _settings(home, home).model_copy(update={"templates": None})
    with pull.open_home(settings) as store:
        view = publishing.site_view(settings, store, Timeline(store, "vision"))
    assert [entry.updated for entry in view.news] == SEEN[:0:-1]
