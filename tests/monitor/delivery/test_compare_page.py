"""The page that compares two models, driven in a browser and compared with the posterior in Python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from brainalign_monitor.config.settings import load_settings
from brainalign_monitor.operations import pull
from brainalign_monitor.store import open_store
from brainalign_plugin.analysis import analyse
from brainalign_plugin.certainty.board_certainty import universe
from brainalign_plugin.certainty.posterior import Posterior
from tests.charts import opened
from tests.commands import brainalign
from tests.local_site import site_server
from tests.monitor.delivery.conftest import told_home
from tests.monitor.delivery.test_model_pages import HOSTILE
from tests.monitor.report.conftest import drawn_snapshot, plain_leaves

pytestmark = pytest.mark.needs("browser")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    told_home(folder, HOSTILE)
    brainalign("publish", "--output", folder / "site", home=folder).succeeded()
    return folder


@pytest.fixture(scope="module")
def served(home) -> Iterator[str]:
    with site_server(home / "site/current") as address:
        yield address


@pytest.fixture(scope="module")
def posterior(home) -> tuple[tuple[int, ...], Posterior]:
    with open_store(home / "brainalign.sqlite", home / "bodies") as store:
        found = universe(analyse(store.snapshot(store.latest("vision").id)).cleaning.considered)
    return found.ids, Posterior(found.scored.scores, found.sd_widened)


def text(browser, selector: str) -> str:
    return browser.execute_script("return document.querySelector(arguments[0]).textContent", selector)


def choose(browser, place: str, model: int) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.select import Select
    from selenium.webdriver.support.wait import WebDriverWait

    before = text(browser, "#answer")
    Select(browser.find_element(By.ID, f"model-{place}")).select_by_value(str(model))
    WebDriverWait(browser, 10).until(lambda b: text(b, "#answer") != before)


@pytest.mark.parametrize("width", [360, 1280])
def test_the_probability_is_that_of_the_posterior(browser, served, home, posterior, width):
    ids, found = posterior
    assert opened(browser, f"{served}compare.html?models={ids[0]},{ids[3]}", width) == []
    for other in (3, 7, 12):
        if other != 3:
            choose(browser, "second", ids[other])
        shown = float(browser.execute_script("return document.getElementById('answer').dataset.above"))
        assert shown == pytest.approx(found.above(0, other), abs=1e-9)
        assert browser.current_url == f"{served}compare.html?models={ids[0]}%2C{ids[other]}"
        one, two = (json.loads((home / f"site/current/models/{ids[k]}.json").read_text()) for k in (0, other))
        ahead = sum(a["score"] > b["score"] for a, b in zip(one["scores"], two["scores"], strict=True))
        assert f"is ahead on {ahead} and behind on {9 - ahead} of 9 benchmarks" in text(browser, "#profile .says")
        moves = browser.execute_script("return document.querySelectorAll('#moves tbody tr').length")
        assert moves == len(one["moves"]) + len(two["moves"])
        assert browser.execute_script("return document.querySelectorAll('.chart svg').length") == 2


def test_the_chart_has_the_mean_percentiles_of_both(browser, served, home, posterior):
    ids, _ = posterior
    opened(browser, f"{served}compare.html?models={ids[1]},{ids[2]}", 1280)
    rows = browser.execute_script("return window.brainalign.charts.get('profile').tables.rows")
    for name, model in (("value", ids[1]), ("reference", ids[2])):
        record = json.loads((home / f"site/current/models/{model}.json").read_text())
        for region, shown in zip(rows["label"], rows[name], strict=True):
            own = [row["percentile"] for row in record["scores"] if row["region"] == region]
            assert shown == pytest.approx(float(np.mean(own)), abs=0.006)


def test_two_models_are_chosen_by_keyboard_and_from_a_page_of_a_model(browser, served, posterior):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.wait import WebDriverWait

    ids, _ = posterior
    opened(browser, f"{served}models/{ids[4]}.html", 1280)
    browser.find_element(By.LINK_TEXT, "compare with another model").click()
    WebDriverWait(browser, 20).until(lambda b: text(b, "#answer"))
    chosen = browser.find_element(By.ID, "model-first")
    assert chosen.get_attribute("value") == str(ids[4])
    before = text(browser, "#answer")
    for _ in range(40):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        if browser.switch_to.active_element.get_attribute("id") == "model-second":
            break
    ActionChains(browser).send_keys(Keys.ARROW_DOWN).perform()
    WebDriverWait(browser, 10).until(lambda b: text(b, "#answer") != before)


def test_a_followed_model_stays_followed_on_the_next_page(browser, served, posterior):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

    ids, _ = posterior
    opened(browser, f"{served}models/{ids[0]}.html?model={ids[0]}", 1280)
    WebDriverWait(browser, 10).until(lambda b: str(ids[0]) != text(b, "#followed .names").removesuffix(" ×"))
    browser.find_element(By.LINK_TEXT, "Compare models").click()
    assert f"model={ids[0]}" in browser.current_url
    WebDriverWait(browser, 10).until(lambda b: text(b, "#followed .names"))


def test_a_model_without_a_move_has_no_empty_table(browser, tmp_path):
    names = [f"{letter}{letter}net" for letter in "abcdefghij"]
    with pull.open_home(load_settings(home=tmp_path)) as store:
        board = drawn_snapshot(10, plain_leaves(5, "V1-pls"), plain_leaves(4, "i2n"), names=names)
        store.add(board, b"1", seen_at=board.as_of_time)
    brainalign("publish", "--output", tmp_path / "site", home=tmp_path).succeeded()
    with site_server(tmp_path / "site/current") as address:
        assert opened(browser, f"{address}compare.html", 360) == []
        assert "0 moves" in text(browser, "#history .says")
        assert not browser.execute_script("return document.getElementById('moves').checkVisibility()")
