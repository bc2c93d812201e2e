"""The report in a real browser: it draws, it answers pointer and keyboard, no name breaks out of its place."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from brainalign_monitor.report import render_report, write_report
from brainalign_plugin.analysis import analyse
from tests.boards import small_tree, snapshot_of
from tests.monitor.report.conftest import drawn_snapshot, plain_leaves, view_of
from tests.monitor.report.test_report_render import hostile_view

pytestmark = pytest.mark.needs("browser")

CHARTS = ("heatmap", "scatter", "spread", "weights", "ranks", "intervals", "scheme-heatmap")
DRAWN = "return document.documentElement.dataset.charts === 'drawn'"


def open_page(browser, path: Path | str, width: int = 1280, dark: bool = False) -> list[str]:
    """Open a page and wait for its charts; what it wrote to the console."""
    from selenium.webdriver.support.wait import WebDriverWait

    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    scheme = "dark" if dark else "light"
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    browser.get_log("browser")
    browser.get(path if isinstance(path, str) else path.as_uri())
    WebDriverWait(browser, 30).until(lambda b: b.execute_script(DRAWN))
    return [entry["message"] for entry in browser.get_log("browser")]


def point_at(browser, element) -> str:
    """Move the pointer onto an element; the text of the tooltip, empty if it is hidden."""
    from selenium.webdriver import ActionChains

    # Scrolling hides the tooltip, and the event of scrolling comes a frame later.
    browser.execute_async_script(
        """
        const [element, done] = arguments;
        element.scrollIntoView({ block: "center" });
        requestAnimationFrame(() => requestAnimationFrame(done));
        """,
        element,
    )
    ActionChains(browser).move_to_element(element).pause(0.15).perform()
    return browser.execute_script(
        "const tip = document.querySelector('.tip'); return tip.hidden ? '' : tip.innerText"
    )


def marks(browser, chart: str, selector: str = "path") -> list:
    from selenium.webdriver.common.by import By

    return browser.find_elements(By.CSS_SELECTOR, f"#chart-{chart} svg {selector}")


@pytest.fixture(scope="module")
def report(whole, tmp_path_factory) -> Path:
    return write_report(tmp_path_factory.mktemp("report") / "report.html", render_report(whole))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    return write_report(tmp_path_factory.mktemp("hostile") / "report.html", render_report(hostile_view()))


@pytest.fixture
def served(report: Path) -> Iterator[str]:
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(report.parent))
    handler.log_message = lambda *_: None
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/report.html"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("width", "dark"), [(1280, False), (360, True)], ids=["wide and light", "narrow and dark"]
)
def test_every_chart_is_drawn_and_the_console_is_silent(browser, report, width, dark):
    assert open_page(browser, report, width, dark) == []
    for chart in CHARTS:
        assert len(marks(browser, chart)) > 8, chart


def test_it_is_as_good_from_a_server(browser, served):
    assert open_page(browser, served) == []


@pytest.mark.parametrize("width", [1280, 768, 360])
def test_the_page_never_scrolls_sideways(browser, hostile, width):
    open_page(browser, hostile, width)
    widths = browser.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert widths[0] <= widths[1]


@pytest.mark.parametrize("width", [1280, 360])
def test_no_label_is_cut_off_by_the_edge_of_its_chart(browser, report, width):
    open_page(browser, report, width)
    outside = browser.execute_script(
        """
        const outside = [];
        for (const svg of document.querySelectorAll(".chart svg")) {
          const frame = svg.getBoundingClientRect();
          for (const text of svg.querySelectorAll("text")) {
            const box = text.getBoundingClientRect();
            if (box.width && getComputedStyle(text).opacity !== "0" &&
                (box.left < frame.left - 1 || box.right > frame.right + 1 ||
                 box.top < frame.top - 1 || box.bottom > frame.bottom + 1))
              outside.push([svg.closest(".chart").id, text.textContent, box.right - frame.right]);
          }
        }
        return outside;
        """
    )
    assert outside == []


def test_pointing_at_a_cell_tells_both_names_and_the_correlation(browser, report, drawn):
    open_page(browser, report)
    cells = marks(browser, "heatmap", "g.mark-rect path")
    told = point_at(browser, cells[3])
    assert "ρ, all models" in told
    assert sum(leaf in told for leaf in drawn.agreement.leaves) == 2


def test_pointing_at_a_model_tells_its_name_scores_and_rank(browser, report, drawn):
    open_page(browser, report)
    told = point_at(browser, marks(browser, "scatter", "g.mark-symbol path")[-1])
    for word in ("model", "id", "neural", "behavioural", "rank, HIER", "official rank"):
        assert word in told
    assert any(model.name in told for model in drawn.snapshot.models)


@pytest.mark.parametrize(("chart", "word"), [("spread", "third quartile"), ("weights", "effective weight")])
def test_pointing_anywhere_in_a_row_tells_its_benchmark(browser, report, chart, word):
    open_page(browser, report)
    told = point_at(browser, marks(browser, chart, "g.mark-rect path")[-1])
    assert word in told
    assert ".V1-pls" in told or ".i2n" in told


def test_pointing_at_a_line_of_ranks_lights_it_up(browser, report):
    open_page(browser, report)
    accent = browser.execute_script(
        "return getComputedStyle(document.documentElement).getPropertyValue('--accent')"
    )
    assert accent
    points = marks(browser, "ranks", "g.mark-symbol path")
    lit = "return document.querySelectorAll(\"#chart-ranks [stroke='var(--accent)']\").length"
    assert browser.execute_script(lit) == 0
    told = point_at(browser, points[0])
    for word in ("scheme", "rank", "best of all schemes", "worst"):
        assert word in told
    assert browser.execute_script(lit) >= 1


def test_colours_follow_the_scheme_without_drawing_again(browser, report):
    colour = (
        "return getComputedStyle(document.querySelector(\"#chart-scatter [fill^='var(--rank']\")).fill + ' ' + "
        "getComputedStyle(document.body).backgroundColor"
    )
    open_page(browser, report)
    light = browser.execute_script(colour)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    dark = browser.execute_script(colour)
    assert light.split(" ")[:3] != dark.split(" ")[:3]
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    assert browser.execute_script(colour) == light
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def test_charts_are_drawn_again_when_the_page_becomes_narrow(browser, report):
    from selenium.webdriver.support.wait import WebDriverWait

    open_page(browser, report)
    labels = "return [...document.querySelectorAll('#chart-ranks svg')].map((s) => s.clientWidth)"
    wide = browser.execute_script(labels)
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": True},
    )
    WebDriverWait(browser, 10).until(lambda b: (found := b.execute_script(labels)) and found[0] < wide[0])
    assert browser.execute_script("return document.querySelectorAll('.chart svg').length") == len(CHARTS)


def column(browser, label: str) -> list[str]:
    return browser.execute_script(
        """
        const table = document.getElementById("all-ranks");
        const heads = [...table.tHead.rows[0].cells];
        const k = heads.findIndex((head) => head.textContent === arguments[0]);
        return [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[k].textContent);
        """,
        label,
    )


def test_the_table_of_ranks_is_sorted_by_number_and_by_keyboard(browser, report):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    open_page(browser, report)
    heads = browser.find_elements(By.CSS_SELECTOR, "#all-ranks thead button")
    rank = next(head for head in heads if head.text.startswith("RANK"))
    rank.send_keys(Keys.ENTER)
    numbers = [int(text) for text in column(browser, "RANK")]
    assert numbers == sorted(numbers)
    assert numbers[-1] > 9
    rank.send_keys(Keys.SPACE)
    assert [int(text) for text in column(browser, "RANK")] == sorted(numbers, reverse=True)
    states = browser.execute_script(
        "return [...document.querySelectorAll('#all-ranks th[aria-sort]')].map((h) => h.getAttribute('aria-sort'))"
    )
    assert states == ["descending"]


def test_a_model_is_found_by_name_or_id(browser, report, drawn):
    from selenium.webdriver.common.by import By

    open_page(browser, report)
    model = drawn.cleaning.board.models[4]
    field = browser.find_element(By.CSS_SELECTOR, ".controls input")
    field.send_keys(model.name.upper())
    assert set(column(browser, "model")) == {model.name}
    field.clear()
    field.send_keys(str(model.id))
    assert str(model.id) in column(browser, "id")
    assert browser.find_element(By.CSS_SELECTOR, ".controls [role=status]").text.endswith("found")


LIT = (
    "return document.querySelectorAll("
    "\"#chart-{0} [stroke='var(--accent)'], #chart-{0} [fill='var(--accent)']\").length"
)
TEXTS = "return [...document.querySelectorAll('#chart-{} svg text')].map((t) => t.textContent)"


def wait_for(browser, script: str, wanted) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(browser, 10).until(lambda b: wanted(b.execute_script(script)))


def test_a_model_that_is_looked_for_is_lit_up_in_both_charts(browser, report, drawn):
    from selenium.webdriver.common.by import By

    open_page(browser, report)
    model = drawn.cleaning.board.models[7]
    # As the charts name a model whose name is another's too.
    name = f"{model.name} · id {model.id}"
    fields = browser.find_elements(By.CSS_SELECTOR, ".controls input")
    assert len(fields) == 2
    assert browser.execute_script(LIT.format("ranks")) == 0
    fields[0].send_keys(f"  {name.upper()} ")
    wait_for(browser, LIT.format("ranks"), lambda count: count > 3)
    wait_for(browser, LIT.format("intervals"), lambda count: count == 2)
    # Found models are named at the edge of one chart, and come first in the other.
    assert name in browser.execute_script(TEXTS.format("ranks"))
    assert name in browser.execute_script(TEXTS.format("intervals"))
    assert column(browser, "id") == [str(model.id)]
    assert fields[1].get_attribute("value").strip() == name.upper()
    statuses = browser.find_elements(By.CSS_SELECTOR, ".controls [role=status]")
    assert {status.text for status in statuses} == {"1 found"}
    fields[1].clear()
    fields[1].send_keys("no model is called this")
    wait_for(browser, LIT.format("ranks"), lambda count: count == 0)
    assert browser.get_log("browser") == []


def test_a_search_outlives_a_change_of_width(browser, report, drawn):
    from selenium.webdriver.common.by import By

    open_page(browser, report)
    browser.find_element(By.CSS_SELECTOR, ".controls input").send_keys(drawn.cleaning.board.models[7].name)
    wait_for(browser, LIT.format("ranks"), lambda count: count > 3)
    browser.execute_script(
        "document.querySelectorAll('.chart svg').forEach((svg) => { svg.dataset.old = 1; })"
    )
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": True},
    )
    old = "return document.querySelectorAll('.chart svg[data-old]').length"
    wait_for(browser, old, lambda count: count == 0)
    wait_for(browser, LIT.format("ranks"), lambda count: count > 3)


def test_intervals_are_those_of_the_chosen_scheme(browser, report, drawn, drawn_study):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    open_page(browser, report)
    choice = Select(browser.find_element(By.CSS_SELECTOR, ".controls select"))
    by_name = {one.scheme.name: one for one in drawn_study.schemes if one.uncertainty is not None}
    assert [option.text for option in choice.options] == list(by_name)
    last = list(by_name)[-1]
    choice.select_by_visible_text(last)
    best = int(by_name[last].ranking.ranks.argmin())
    model = drawn.cleaning.board.models[best]
    name = f"{model.name} · id {model.id}"
    first = (
        "const names = [...document.querySelectorAll('#chart-intervals svg text')]"
        ".filter((t) => t.textContent.startsWith('model')); return names[0].textContent"
    )
    wait_for(browser, first, lambda text: text == name)
    bars = marks(browser, "intervals", "g.mark-rect path")
    told = point_at(browser, bars[0])
    found = by_name[last].uncertainty
    assert name in told
    assert f"{found.low[best]}–{found.high[best]}" in told


def test_pointing_at_two_schemes_tells_how_far_they_agree(browser, report, drawn_study):
    open_page(browser, report)
    told = point_at(browser, marks(browser, "scheme-heatmap", "g.mark-rect path")[1])
    for word in ("scheme", "Spearman’s ρ", "Kendall’s τ-b", "κ of quartiles", "top ten in common"):
        assert word in told


def test_hostile_names_run_nothing_and_leave_the_page_as_it_is(browser, hostile):
    assert open_page(browser, hostile) == []
    assert browser.title.startswith("[simulated] Brain-Score vision")
    assert browser.execute_script("return document.documentElement.dataset.broken ?? null") is None
    assert browser.execute_script("return document.images.length") == 0
    assert browser.execute_script("return document.scripts.length") == 3
    names = browser.execute_script(
        "return [...document.querySelectorAll('#all-ranks tbody bdi')].map((b) => b.textContent)"
    )
    assert "</style><img src=x onerror=alert(1)>" in names
    told = {point_at(browser, mark) for mark in marks(browser, "scatter", "g.mark-symbol path")[:6]}
    assert any("<" in text or "{{" in text for text in told)
    assert (
        browser.execute_script("return document.querySelectorAll('.tip script, .tip img, .tip svg').length")
        == 0
    )


def test_the_policy_stops_what_a_hole_would_let_in(browser, report):
    open_page(browser, report)
    browser.execute_script(
        """
        const script = document.createElement("script");
        script.textContent = "document.documentElement.dataset.broken = 1";
        document.body.append(script);
        const image = document.createElement("img");
        image.src = "http://127.0.0.1:9/x.png";
        document.body.append(image);
        document.body.insertAdjacentHTML("beforeend", "<p id='styled' style='color: rgb(1, 2, 3)' onclick='1'>x</p>");
        """
    )
    assert browser.execute_script("return document.documentElement.dataset.broken ?? null") is None
    assert (
        browser.execute_script("return getComputedStyle(document.getElementById('styled')).color")
        != "rgb(1, 2, 3)"
    )
    messages = " ".join(entry["message"] for entry in browser.get_log("browser"))
    assert "Content Security Policy" in messages


def test_without_a_script_the_tables_are_there(browser, report):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(report.as_uri())
        text = browser.find_element("tag name", "body").text
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "Every number is in the tables as well" in text
    assert "Ranks of all models of the cleaned board" in text
    assert "Find a model" not in text


def test_a_page_without_charts_is_silent_too(browser, tmp_path):
    empty = render_report(view_of(analyse(snapshot_of(small_tree(), []))))
    assert open_page(browser, write_report(tmp_path / "report.html", empty)) == []


def test_charts_of_a_hundred_benchmarks_are_drawn_in_time(browser, tmp_path):
    names = [f"model_{i}" for i in range(150)]
    snapshot = drawn_snapshot(150, plain_leaves(60, "V1-pls"), plain_leaves(40, "i2n"), names=names)
    path = write_report(tmp_path / "report.html", render_report(view_of(analyse(snapshot))))
    assert open_page(browser, path) == []
    drawn_after = browser.execute_script("return performance.now()")
    assert drawn_after < 20_000
    assert len(marks(browser, "heatmap", "g.mark-rect path")) >= 100 * 99


@pytest.mark.needs("shared")
def test_the_real_report_is_silent(browser, real, real_study, tmp_path):
    path = write_report(tmp_path / "report.html", render_report(view_of(real, study=real_study)))
    assert open_page(browser, path) == []
    assert len(marks(browser, "scatter", "g.mark-symbol path")) >= 83
