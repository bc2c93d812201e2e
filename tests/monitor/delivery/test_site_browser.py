"""Every kind of page of the site in a real browser: silent, inside its width, reachable by all, whole on paper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from brainalign_monitor.config.settings import load_settings
from brainalign_monitor.operations import pull
from brainalign_monitor.rendering import render_report
from tests.accessibility import violations
from tests.charts import opened
from tests.commands import brainalign
from tests.local_site import site_server
from tests.monitor.delivery.conftest import told_home
from tests.monitor.delivery.test_model_pages import HOSTILE
from tests.monitor.report.conftest import drawn_snapshot, plain_leaves
from tests.monitor.report.test_report_render import hostile_view

pytestmark = pytest.mark.needs("browser")

LEAF = "Author2000.V1-pls"
PAGES = (
    "index", "models", "models/3", "compare", "benchmarks", f"benchmarks/{LEAF}", "average", "history", "archive",
    "methods", "data", "reports/latest",
)  # fmt: skip
OUTSIDE = """
return performance.getEntriesByType("resource").map((one) => one.name)
  .filter((name) => !name.startsWith(location.origin) && !name.startsWith("data:"));
"""
# Charts whose description is not that of the page, with the finding in it.
UNDESCRIBED = """
return [...document.querySelectorAll(".chart")]
  .map((one) => [one.role, one.ariaLabel, window.brainalign.charts.get(one.id.replace("chart-", "")).alt])
  .filter(([role, said, alt]) => role !== "img" || said !== alt || !/\\d/.test(said));
"""
# On paper: a table wider than its page, and a header without a row.
CUT = """
return [...document.querySelectorAll("table")].filter((table) => table.getClientRects().length)
  .filter((table) => table.scrollWidth > document.documentElement.clientWidth + 1 || !table.tBodies[0].rows.length)
  .map((table) => table.id);
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("site")
    told_home(folder, HOSTILE, render_report(hostile_view()))
    brainalign("publish", "--output", folder / "site", home=folder).succeeded()
    with site_server(folder / "site/current") as address:
        yield address


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_every_page_is_silent_inside_its_width_and_accessible(browser, served, width, dark):
    scheme = "dark" if dark else "light"
    for page in PAGES:
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        assert opened(browser, f"{served}{page}.html", width) == [], page
        wide = browser.execute_script(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide[0] <= wide[1], page
        assert browser.execute_script(OUTSIDE) == [], page
        assert browser.execute_script(UNDESCRIBED) == [], page
        if width == 360:
            assert violations(browser) == [], page
        assert browser.execute_script("return document.querySelectorAll('h1, img, iframe').length") == 1, page


def test_print_cuts_no_table_and_shows_no_empty_one(browser, served):
    for page in PAGES:
        opened(browser, f"{served}{page}.html", 1000)
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": []})
        # A4 within its margins.
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 688, "height": 1000, "deviceScaleFactor": 1, "mobile": False},
        )
        assert browser.execute_script(CUT) == [], page
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "screen", "features": []})


# Cells of a table whose text lies over that of the next cell.
COVERED = """
return [...document.querySelectorAll("th, td")].filter((cell) => cell.getClientRects().length)
  .filter((cell) => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    const shown = cell.querySelector(".clip") ?? range;
    return shown.getBoundingClientRect().right > cell.getBoundingClientRect().right + 1;
  }).map((cell) => cell.textContent.slice(0, 40));
"""


def test_no_cell_of_a_table_covers_the_next_on_a_phone(browser, served):
    for page in PAGES:
        opened(browser, f"{served}{page}.html", 360)
        assert browser.execute_script(COVERED) == [], page


def test_a_long_history_is_twelve_screens_of_a_phone_and_unfolds_to_all_of_it(browser, tmp_path):
    leaves = plain_leaves(5, "V1-pls"), plain_leaves(4, "i2n")
    names = [f"{letter}{letter}net" for letter in "abcdefghijklmnopqrstuvwxyz"]
    with pull.open_home(load_settings(home=tmp_path)) as store:
        for day in range(1, 18):
            drawn = drawn_snapshot(26 - day % 3, *leaves, names=names, seed=day, sha256=f"{day:02}" * 32)
            moment = datetime(2024, 11, day, tzinfo=UTC)
            store.add(replace(drawn, as_of_time=moment), b"%d" % day, seen_at=moment)
    brainalign("publish", "--output", tmp_path / "site", home=tmp_path).succeeded()
    with site_server(tmp_path / "site/current") as address:
        assert opened(browser, f"{address}history.html", 360) == []
        assert browser.execute_script("return document.documentElement.scrollHeight") <= 12.5 * 740
        titles = "return [...document.querySelectorAll('#changes h3')].map((one) => one.checkVisibility())"
        assert browser.execute_script(titles) == [True] * 12 + [False] * 4
        lines = "return [...document.querySelectorAll('#changes li')].filter((one) => one.checkVisibility()).length"
        assert browser.execute_script(lines) == 0
        browser.execute_script("document.querySelectorAll('#changes summary').forEach((one) => one.click())")
        assert browser.execute_script(titles) == [True] * 16
        assert browser.execute_script(lines) >= 16
