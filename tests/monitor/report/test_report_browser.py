"""The report in a real browser: its budget, what it draws, and how it answers pointer and keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from brainalign_monitor.rendering import render_report, write_report
from brainalign_monitor.rendering.page import vega_runtime
from brainalign_plugin.analysis import analyse
from brainalign_plugin.files.snapshot_file import table_snapshot
from tests.accessibility import violations
from tests.boards import small_tree, snapshot_of
from tests.charts import HEIGHTS, opened
from tests.local_site import site_server
from tests.monitor.conftest import reports_in
from tests.monitor.report.conftest import report_of
from tests.monitor.report.test_report_render import hostile_view

pytestmark = pytest.mark.needs("browser")

# Words that a reader sees without asking for more, outside tables and charts.
WORDS = """
let words = 0;
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const parent = walk.currentNode.parentElement;
  if (parent.closest("table, .chart, script, style, noscript, option")) continue;
  if (parent.closest("details:not([open])") && !parent.closest("summary")) continue;
  if (parent.getClientRects().length) words += (walk.currentNode.textContent.match(/\\S+/g) ?? []).length;
}
return words;
"""


def open_page(browser, path: Path | str, width: int = 1280, dark: bool = False) -> list[str]:
    """Open a page with all its charts; what it wrote to the console."""
    return opened(browser, path if isinstance(path, str) else path.as_uri(), width, dark)


def wait_for(browser, script: str, wanted) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(browser, 20).until(lambda b: wanted(b.execute_script(script)))


def element(browser, selector: str):
    from selenium.webdriver.common.by import By

    return browser.find_element(By.CSS_SELECTOR, selector)


def elements(browser, selector: str) -> list:
    from selenium.webdriver.common.by import By

    return browser.find_elements(By.CSS_SELECTOR, selector)


def point_at(browser, target) -> str:
    """Move the pointer onto an element; the text of the tooltip, empty if it is hidden."""
    from selenium.webdriver import ActionChains

    # Scrolling hides the tooltip, and the event of scrolling comes a frame later.
    browser.execute_async_script(
        """
        const [element, done] = arguments;
        element.scrollIntoView({ block: "center" });
        requestAnimationFrame(() => requestAnimationFrame(done));
        """,
        target,
    )
    ActionChains(browser).move_to_element(target).pause(0.15).perform()
    return browser.execute_script("const tip = document.querySelector('.tip'); return tip.hidden ? '' : tip.innerText")


def marks(browser, chart: str, selector: str = "path") -> list:
    return elements(browser, f"#chart-{chart} svg {selector}")


LIT = (
    "return document.querySelectorAll("
    "\"#chart-{0} [stroke='var(--accent)'], #chart-{0} [fill='var(--accent)']\").length"
)


@pytest.fixture(scope="module")
def real_page(real, tmp_path_factory) -> Path:
    return write_report(tmp_path_factory.mktemp("report") / "report.html", render_report(real))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    return write_report(tmp_path_factory.mktemp("hostile") / "report.html", render_report(hostile_view()))


@pytest.fixture
def served(real_page: Path) -> Iterator[str]:
    with site_server(real_page.parent) as address:
        yield f"{address}report.html"


needs_shared = pytest.mark.needs("shared")


@needs_shared
def test_the_report_of_the_largest_payload_opens_without_a_word(browser, watched):
    page = reports_in(watched.home)[-1]
    assert page.stat().st_size < 2_500_000
    assert open_page(browser, page) == []
    text = element(browser, "body").text
    assert "281" in text
    assert "0.187" in text, "the mean rank correlation"
    assert "http-equiv" in page.read_text(), "under a policy of its own"


@needs_shared
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 768, 360])
def test_every_chart_is_drawn_and_the_console_is_silent(browser, real_page, real, width, dark):
    assert open_page(browser, real_page, width, dark) == []
    for figure in real.figures:
        assert len(marks(browser, figure.id)) > 5, figure.id
    widths = browser.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert widths[0] <= widths[1]


@needs_shared
@pytest.mark.parametrize(("width", "screens"), [(1280, 9), (360, 20)])
def test_the_page_keeps_its_budget(browser, real_page, real, width, screens):
    open_page(browser, real_page, width)
    assert browser.execute_script("return document.documentElement.scrollHeight") <= screens * HEIGHTS[width]
    assert browser.execute_script(WORDS) <= 2_500
    assert browser.execute_script("return document.querySelectorAll('.chart').length") <= 8
    assert browser.execute_script("return document.querySelectorAll('#all-models tbody tr:not([hidden])').length") == 20
    size, runtime = real_page.stat().st_size, len(vega_runtime().encode())
    assert size < 1_500_000
    assert size - runtime < 600_000


@needs_shared
@pytest.mark.parametrize("width", [1280, 360])
def test_the_first_figure_stands_on_the_first_screen(browser, real_page, width):
    open_page(browser, real_page, width)
    answer = element(browser, "#changed .answer")
    assert "ρ = 0.187" in answer.text
    assert answer.rect["y"] + answer.rect["height"] <= HEIGHTS[width]


@needs_shared
def test_the_search_answers_for_every_model_and_a_found_one_is_followed(browser, real_page):
    open_page(browser, real_page)
    field = element(browser, "#find input")
    field.send_keys("CVT_cvt-w24-384-in22k_finetuned-in1k_4")
    said = element(browser, "#find-said").text
    assert said.endswith("official rank 1; not among the 83: never run on Igustibagus2024-ridge")
    field.clear()
    field.send_keys("resnext101_32x8d_wsl")
    assert "official rank 2; among the 83" in element(browser, "#find-said").text
    before = {chart: browser.execute_script(LIT.format(chart)) for chart in ("parts", "best", "bump")}
    button = element(browser, "#find-hits button")
    button.send_keys("\n")
    for chart, count in before.items():
        wait_for(browser, LIT.format(chart), lambda lit, count=count: lit > count)
    assert element(browser, "#followed").text.startswith("Following resnext101_32x8d_wsl")
    assert elements(browser, "#all-models tr.followed")
    element(browser, "#followed button").send_keys("\n")
    for chart, count in before.items():
        wait_for(browser, LIT.format(chart), lambda lit, count=count: lit == count)
    field.clear()
    field.send_keys("no model is called this")
    assert element(browser, "#find-said").text == "0 found"
    assert browser.get_log("browser") == []


@needs_shared
def test_a_followed_model_stands_in_the_address(browser, served):
    assert open_page(browser, served) == []
    row = element(browser, "#all-models tbody tr")
    row.find_element("css selector", "th button").send_keys("\n")
    model = row.get_attribute("data-model")
    assert browser.current_url.endswith(f"?model={model}")
    assert open_page(browser, browser.current_url) == []
    assert element(browser, "#all-models tr.followed").get_attribute("data-model") == model


@needs_shared
def test_a_pair_is_chosen_by_list_and_by_the_matrix(browser, real_page, real):
    from selenium.webdriver.support.ui import Select

    open_page(browser, real_page)
    labels = real.pairs["labels"]
    first, second = labels.index("MajajHong2015.V4-pls"), labels.index("MajajHong2015.IT-pls")
    Select(element(browser, "#pair-first")).select_by_value(str(first))
    Select(element(browser, "#pair-second")).select_by_value(str(second))
    caption = "return document.getElementById('caption-pair').textContent"
    wait_for(browser, caption, lambda text: text.startswith("MajajHong2015.V4-pls and MajajHong2015.IT-pls: ρ = 0."))
    assert "models that have both" in browser.execute_script(caption)
    assert "on 1 October 2023" in browser.execute_script(caption)
    texts = "return [...document.querySelectorAll('#chart-pair svg text')].map((t) => t.textContent)"
    wait_for(browser, texts, lambda found: {"MajajHong2015.V4-pls", "MajajHong2015.IT-pls"} <= set(found))
    cell = marks(browser, "matrix", "g.mark-rect path")[1]
    told = point_at(browser, cell)
    assert "ρ" in told
    cell.click()
    wait_for(browser, caption, lambda text: not text.startswith("MajajHong2015.V4-pls and"))
    assert browser.get_log("browser") == []


@needs_shared
def test_panels_switch_the_table_of_models_and_the_figures(browser, real_page):
    open_page(browser, real_page)
    shown = "return document.querySelectorAll('#all-models tbody tr:not([hidden])').length"
    element(browser, "button[data-table='all-models']").click()
    for key, count, words in (
        ("every", 46, "46 models × 52 benchmarks"),
        ("poster", 83, "83 models × 51"),
        ("all", 281, "281"),
    ):
        element(browser, f"#panels input[value={key}]").click()
        assert browser.execute_script(shown) == count
        assert words in element(browser, "#panels [role=status]").text
    element(browser, "button[data-table='all-models']").click()
    assert browser.execute_script(shown) == 20


@needs_shared
def test_tables_are_sorted_by_number_and_by_keyboard(browser, real_page):
    open_page(browser, real_page)
    heads = elements(browser, "#all-models thead button")
    (head,) = [one for one in heads if one.text == "universe rank"]
    column = (
        "return [...document.querySelectorAll('#all-models tbody tr:not([hidden])')]"
        ".map((r) => r.cells[2].textContent.trim())"
    )
    head.send_keys("\n")
    assert browser.execute_script(column) == [str(k) for k in range(1, 21)]
    states = "return [...document.querySelectorAll('#all-models th[aria-sort]')].map((h) => h.ariaSort)"
    assert browser.execute_script(states) == ["ascending"]


@needs_shared
def test_time_is_cut_and_its_figure_switched(browser, real_page):
    from selenium.webdriver.support.ui import Select

    open_page(browser, real_page)
    Select(element(browser, "#time-figure")).select_by_value("r2_behavior")
    caption = "return document.getElementById('caption-time').textContent"
    wait_for(browser, caption, lambda text: text.startswith("Variance of the average explained by behaviour"))
    texts = "return [...document.querySelectorAll('#chart-time svg text')].map((t) => t.textContent)"
    wait_for(browser, texts, lambda found: "spread alone" in found)
    points = "return document.querySelectorAll('#chart-time g.mark-symbol path').length"
    before = browser.execute_script(points)
    Select(element(browser, "#time-from")).select_by_visible_text("2024-01-01")
    wait_for(browser, points, lambda count: 0 < count < before)
    assert browser.get_log("browser") == []


@needs_shared
def test_a_span_is_drawn_over_the_chart_and_stands_in_the_address(browser, served):
    from selenium.webdriver import ActionChains

    open_page(browser, served)
    points = "return document.querySelectorAll('#chart-time g.mark-symbol path').length"
    days = browser.execute_script("return [...document.getElementById('time-from').options].map((o) => o.value)")
    before = browser.execute_script(points)
    chart = element(browser, "#chart-time svg")
    browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", chart)
    middle = chart.size["width"] // 2
    ActionChains(browser).move_to_element(chart).click_and_hold().move_by_offset(middle - 5, 30).release().perform()
    wait_for(browser, points, lambda count: 0 < count < before)
    first = browser.execute_script("return document.getElementById('time-from').value")
    assert days[0] < first
    assert f"from={first}" in browser.current_url
    open_page(browser, browser.current_url)
    assert browser.execute_script("return document.getElementById('time-from').value") == first
    ActionChains(browser).double_click(element(browser, "#chart-time svg")).perform()
    wait_for(browser, points, lambda count: count == before)


@needs_shared
def test_panel_and_pair_stand_in_the_address(browser, served):
    open_page(browser, f"{served}?panel=all&pair=2,5")
    assert browser.execute_script("return document.querySelector('[name=panel]:checked').value") == "all"
    shown = [browser.execute_script(f"return document.getElementById('pair-{k}').value") for k in ("first", "second")]
    assert shown == ["2", "5"]
    element(browser, "[name=panel][value=poster]").click()
    assert "panel=" not in browser.current_url


@needs_shared
def test_data_and_image_are_files(browser, served, tmp_path):
    browser.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    open_page(browser, served)
    for kind in ("csv", "svg", "png"):
        browser.execute_script(f"document.querySelector('[data-{kind}=parts]').click()")
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(browser, 20).until(
        lambda _: {"parts.csv", "parts.svg", "parts.png"} <= {p.name for p in tmp_path.iterdir()}
    )
    lines = (tmp_path / "parts.csv").read_text().splitlines()
    assert lines[0] == "name,id,first,second,rank,official"
    assert len(lines) == 84
    picture = (tmp_path / "parts.svg").read_text()
    assert picture.startswith("<svg")
    assert "var(--" not in picture
    assert (tmp_path / "parts.png").read_bytes().startswith(b"\x89PNG")
    element(browser, "#figure-parts a[href='#figure-parts'], #average a[href='#figure-parts']").click()
    assert browser.current_url == f"{served}#figure-parts"


@needs_shared
def test_everything_has_a_name_and_one_id(browser, real_page):
    open_page(browser, real_page)
    assert violations(browser) == []
    assert browser.execute_script("return document.querySelectorAll('h1').length") == 1


@needs_shared
def test_print_shows_whole_tables_and_no_controls(browser, real_page):
    open_page(browser, real_page)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        rows = (
            "return [...document.querySelectorAll('#all-models tbody tr')]"
            ".filter((r) => r.getClientRects().length).length"
        )
        assert browser.execute_script(rows) == 281
        assert browser.execute_script("return document.getElementById('find').getClientRects().length") == 0
        cut = """return [...document.querySelectorAll('.scroll, .scrolled, .clip')]
          .filter((e) => getComputedStyle(e).overflowX !== 'visible').length"""
        assert browser.execute_script(cut) == 0
        # A4 within its margins.
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 688, "height": 1000, "deviceScaleFactor": 1, "mobile": False},
        )
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 688
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


@needs_shared
def test_colours_follow_the_scheme_without_drawing_again(browser, real_page):
    colour = (
        "return getComputedStyle(document.querySelector(\"#chart-parts [fill^='var(--rank']\")).fill + ' ' + "
        "getComputedStyle(document.body).backgroundColor"
    )
    open_page(browser, real_page)
    light = browser.execute_script(colour)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    assert light != browser.execute_script(colour)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    assert browser.execute_script(colour) == light
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


@needs_shared
def test_charts_are_drawn_again_when_the_page_becomes_narrow(browser, real_page, real):
    open_page(browser, real_page)
    widths = "return [...document.querySelectorAll('#chart-parts svg')].map((s) => s.clientWidth)"
    wide = browser.execute_script(widths)
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": True}
    )
    wait_for(browser, widths, lambda found: bool(found) and found[0] < wide[0])
    svgs = "return document.querySelectorAll('.chart svg').length"
    wait_for(browser, svgs, lambda count: count == len(real.figures))


# Pieces of names that stand on two lines, and the right end of the first columns of tables.
BROKEN = """
return [...document.querySelectorAll(".clip bdi")].flatMap((name) => [...name.childNodes]).filter((piece) => {
  const range = document.createRange();
  range.selectNode(piece);
  const tops = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
  return tops.size > 1 && !/ /.test(piece.textContent);
}).map((piece) => piece.textContent);
"""
ENDS = """
return ["official-top", "all-models", "moves-table"].map((id, k) =>
  document.getElementById(id).tHead.rows[0].cells[[2, 3, 3][k]].getBoundingClientRect().right);
"""


@needs_shared
def test_tables_are_read_on_a_phone_without_breaking_names_or_scrolling_to_what_counts(browser, real_page):
    open_page(browser, real_page, 360)
    assert browser.execute_script(BROKEN) == []
    assert max(browser.execute_script(ENDS)) <= 345


def test_hostile_names_run_nothing_and_leave_the_page_as_it_is(browser, hostile):
    assert open_page(browser, hostile) == []
    assert browser.title.startswith("[simulated] Brain-Score vision")
    assert browser.execute_script("return document.documentElement.dataset.broken ?? null") is None
    assert browser.execute_script("return document.images.length") == 0
    assert browser.execute_script("return document.scripts.length") == 3
    names = browser.execute_script(
        "return [...document.querySelectorAll('#all-models tbody bdi')].map((b) => b.textContent)"
    )
    assert any(name.startswith("</style><img src=x onerror=alert(1)>") for name in names)
    element(browser, "#find input").send_keys("<")
    assert elements(browser, "#find-hits button")
    inside = "return document.querySelectorAll('.tip *:is(script, img, svg), #find *:is(script, img, svg)').length"
    assert browser.execute_script(inside) == 0
    for width in (1280, 768, 360):
        open_page(browser, hostile, width)
        widths = browser.execute_script(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert widths[0] <= widths[1]


def test_the_policy_stops_what_a_hole_would_let_in(browser, hostile):
    open_page(browser, hostile)
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
    assert browser.execute_script("return getComputedStyle(document.getElementById('styled')).color") != "rgb(1, 2, 3)"
    messages = " ".join(entry["message"] for entry in browser.get_log("browser"))
    assert "Content Security Policy" in messages


@needs_shared
def test_without_a_script_sentences_and_tables_are_there(browser, real_page):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(real_page.as_uri())
        text = element(browser, "body").text
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "Tables, figures and sentences are all here" in text
    assert "All models, by official rank" in text
    assert "Find a model" not in text


def test_a_page_without_charts_is_silent_too(browser, tmp_path):
    empty = render_report(report_of(analyse(snapshot_of(small_tree(), []))))
    assert open_page(browser, write_report(tmp_path / "report.html", empty)) == []


def test_the_report_of_a_table_draws_every_chart(browser, tmp_path):
    text = "model,reading/a,reading/b,speech/c\n" + "".join(
        f"m{i},{i * 37 % 23 / 23:.3f},{i * 31 % 19 / 19:.3f},{i * 29 % 17 / 17:.3f}\n" for i in range(1, 13)
    )
    report = report_of(analyse(table_snapshot(text, "t.csv")), title="Tasks")
    path = write_report(tmp_path / "table.html", render_report(report))
    assert open_page(browser, path) == []
    drawn = browser.execute_script("return document.querySelectorAll('.chart svg').length")
    assert drawn == len(report.figures) > 0


# The test has the browser's idle time in its hand, and knows how many charts stood when the page was read.
BY_HAND = """
window.idle = [];
window.requestIdleCallback = (work) => idle.push(work);
document.addEventListener("DOMContentLoaded", () => { window.read = document.querySelectorAll(".chart svg").length; });
"""


@needs_shared
@pytest.mark.parametrize("width", [1280, 360])
def test_a_chart_is_drawn_when_it_comes_near_the_view_and_one_in_a_task(browser, real_page, real, width):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": HEIGHTS[width], "deviceScaleFactor": 1, "mobile": width < 600},
    )
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": BY_HAND})
    try:
        browser.get(real_page.as_uri())
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
    drawn = "return [...document.querySelectorAll('.chart svg')].map((one) => one.closest('.chart').id)"
    assert browser.execute_script("return read") == 0
    for figure in real.figures:
        chart = f"chart-{figure.id}"
        browser.execute_script("document.getElementById(arguments[0]).scrollIntoView({ block: 'center' })", chart)
        while chart not in (before := browser.execute_script(drawn)):
            wait_for(browser, "return idle.length", lambda count: count == 1)
            assert browser.execute_script(drawn) == before
            browser.execute_script("idle.pop()()")
            wait_for(browser, drawn, lambda now, before=before: len(now) == len(before) + 1)
        if figure is real.figures[0]:
            assert f"chart-{real.figures[-1].id}" not in browser.execute_script(drawn)
    assert len(browser.execute_script(drawn)) == len(real.figures)


@needs_shared
def test_a_chart_that_is_far_away_is_saved_and_printed(browser, real_page, tmp_path):
    browser.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    browser.get(real_page.as_uri())
    browser.execute_script("document.querySelector('[data-svg=time]').click()")
    wait_for(browser, "return document.querySelectorAll('#chart-time svg').length", lambda count: count == 1)
    browser.get(real_page.as_uri())
    browser.execute_cdp_cmd("Page.printToPDF", {})
    missing = "return [...document.querySelectorAll('.chart')].filter((one) => !one.querySelector('svg')).length"
    assert browser.execute_script(missing) == 0


@needs_shared
def test_the_rank_under_a_scheme_replaces_the_range_and_stands_in_the_address(browser, served, real):
    from selenium.webdriver.support.ui import Select

    open_page(browser, served)
    column = "return [...document.querySelectorAll('#all-models tbody tr')].map((r) => r.cells[5].textContent)"
    ranges = browser.execute_script(column)
    name, words, ranks = next(one for one in real.schemes if one[0] == "PL")
    Select(element(browser, "#scheme")).select_by_visible_text(words)
    panels = "return [...document.querySelectorAll('#all-models tbody tr')].map((r) => r.dataset.panels)"
    under = iter(ranks)
    expected = [str(next(under)) if "poster" in where else "–" for where in browser.execute_script(panels)]
    assert browser.execute_script(column) == expected != ranges
    assert browser.current_url.endswith(f"?scheme={name}")
    assert open_page(browser, browser.current_url) == []
    assert browser.execute_script(column) == expected
    Select(element(browser, "#scheme")).select_by_index(0)
    assert browser.execute_script(column) == ranges
    assert "scheme" not in browser.current_url
