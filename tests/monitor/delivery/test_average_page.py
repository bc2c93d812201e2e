"""One's own average: every figure of the browser equals Python's, on real boards."""

from __future__ import annotations

import itertools
import json
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, rankdata, spearmanr

from brainalign_monitor.report.model_board import ModelBoard
from brainalign_monitor.store import open_store
from brainalign_plugin.analysis import Analysis, analyse
from brainalign_plugin.certainty.variance_components import certainty_of
from brainalign_plugin.data.board import Board
from brainalign_plugin.data.cleaning import complete_board
from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.tree import paper
from brainalign_plugin.schemes import rank_models
from brainalign_plugin.schemes.missing import fill_missing
from tests.charts import opened
from tests.commands import brainalign
from tests.local_site import site_server

pytestmark = [pytest.mark.needs("browser"), pytest.mark.needs("shared")]

BOARDS = ("site/compare-data-2024-01-01.json.gz", "more/compare-data-2025-05-07.json.gz")
EXACT = {"abs": 1e-9, "rel": 0}


@pytest.fixture(scope="module", params=BOARDS, ids=["2024", "2025"])
def real(request, shared_site, tmp_path_factory) -> Iterator[tuple[str, Analysis]]:
    payload = shared_site.parent / request.param
    if not payload.is_file():
        pytest.skip(f"{payload} is not there")
    home = tmp_path_factory.mktemp("average")
    brainalign("fetch", payload, home=home).succeeded()
    brainalign("publish", "--output", home / "site", home=home).succeeded()
    with open_store(home / "brainalign.sqlite", home / "bodies") as store:
        found = analyse(store.snapshot(store.latest("vision").id))
    with site_server(Path(home / "site/current")) as address:
        yield address, found


def computed(browser, address: str, **choice: Any) -> dict[str, Any]:
    from selenium.webdriver.support.wait import WebDriverWait

    query = {name: value if isinstance(value, str) else json.dumps(value) for name, value in choice.items()}
    assert opened(browser, f"{address}average.html?{urllib.parse.urlencode(query)}", 1280) == []
    return WebDriverWait(browser, 20).until(lambda b: b.execute_script("return window.brainalign.result ?? null"))


CHOOSE = """
const form = document.getElementById("choices");
for (const [name, value] of Object.entries(arguments[0])) form.elements[name].value = value;
form.dispatchEvent(new Event("change"));
return window.brainalign.result;
"""


def ranked_board(board: Board, rule: str) -> Board:
    if rule == "complete":
        return complete_board(board)
    return board.take(rows=np.flatnonzero((~np.isnan(board.scores)).any(axis=1)).tolist())


SCHEMES = [
    ("score", "tree", "zero", "HIER"),
    ("score", "tree", "attempted", "HIER_attempted"),
    ("score", "tree", "complete", "HIER"),
    ("z", "tree", "complete", "HIER_ZMEAN"),
    ("rank", "tree", "complete", "HIER_RANK"),
    ("normal", "tree", "complete", "HIER_NORMAL"),
    ("score", "flat", "skip", "FLAT"),
    ("z", "flat", "skip", "ZMEAN"),
    ("z", "flat", "zero", "ZMEAN"),
    ("normal", "flat", "skip", "NORMAL"),
    ("rank", "flat", "complete", "RANK"),
]


def test_schemes_reliability_and_distance_are_those_of_python(browser, real):
    address, analysis = real
    whole = analysis.snapshot.board()
    exact = rank_models(ranked_board(whole, "zero"), "HIER", "zero")
    official = dict(zip(exact.ids, exact.scores.tolist(), strict=True))
    computed(browser, address)
    for scale, mean, rule, scheme in SCHEMES:
        found = browser.execute_script(CHOOSE, {"scale": scale, "mean": mean, "missing": rule})
        board = ranked_board(whole, rule)
        wanted = rank_models(board, scheme, None if rule == "complete" else rule)
        assert found["ids"] == list(wanted.ids), scheme
        sign = -1 if np.corrcoef(wanted.scores, found["scores"])[0, 1] < 0 else 1
        assert found["scores"] == pytest.approx((sign * wanted.scores).tolist(), **EXACT), scheme
        assert found["ranks"] == wanted.ranks.tolist()
        assert sum(found["shares"].values()) == pytest.approx(1, **EXACT)
        used = fill_missing(board, "zero") if rule == "zero" else complete_board(whole)
        assert found["reliability"] == pytest.approx(certainty_of(scheme, used).reliability, **EXACT)
        theirs = [official[i] for i in wanted.ids]
        rho = spearmanr(np.round(theirs, 9), np.round(wanted.scores, 9)).statistic
        assert found["rho"] == pytest.approx(rho, **EXACT)
        ranks = [rankdata([-round(x, 9) for x in values], "min") for values in (theirs, wanted.scores)]
        assert found["places"] == pytest.approx(float(np.abs(ranks[0] - ranks[1]).mean()), **EXACT)


def test_effective_weights_are_those_of_the_poster_s_board(browser, real):
    address, analysis = real
    found = computed(browser, address, missing="complete")
    for leaf, weight in analysis.explained.leaves.items():
        assert found["weights"][leaf] == pytest.approx(weight.nominal, **EXACT)
        assert found["shares"][leaf] == pytest.approx(weight.effective, **EXACT)


def by_hand(board: Board, scores: np.ndarray, weights: np.ndarray, scale: str, flat: bool) -> np.ndarray:
    """Weighted recursive mean over the cells that are there, node by node."""
    scaled = np.full(scores.shape, np.nan)
    for j, column in enumerate(scores.T):
        has = ~np.isnan(column)
        values = column[has]
        ranks = rankdata(np.round(values, 9))
        scaled[has, j] = {
            "score": values,
            "z": (values - values.mean()) / values.std(ddof=1) if len(values) > 1 and np.ptp(values) else 0 * values,
            "rank": ranks,
            "normal": norm.ppf(ranks / (has.sum() + 1)),
        }[scale]
    if flat:
        there = ~np.isnan(scaled) * weights
        return np.nansum(scaled * weights, axis=1) / there.sum(axis=1)

    def value(node: str) -> tuple[float, np.ndarray]:
        if node in board.leaves:
            j = board.leaves.index(node)
            return weights[j], scaled[:, j]
        total, mass, whole = np.zeros(len(scaled)), np.zeros(len(scaled)), 0.0
        for child in board.tree.children(node):
            own, values = value(child)
            known = ~np.isnan(values) & (own > 0)
            total[known] += own * values[known]
            mass[known] += own
            whole += own
        with np.errstate(invalid="ignore"):
            return whole, total / np.where(mass > 0, mass, np.nan)

    return value(board.tree.roots[0])[1]


def test_every_choice_is_that_of_a_computation_by_hand(browser, real):
    address, analysis = real
    whole = analysis.snapshot.board()
    region = dict(zip(whole.leaves, ModelBoard(analysis).regions, strict=True))
    out = [whole.leaves[k] for k in (0, 7, len(whole.leaves) - 1)]
    regions, papers = {"IT": 3, "V1": 0.25}, {paper(whole.leaves[10]): 0, paper(whole.leaves[-3]): 2.5}
    kept = [j for j, leaf in enumerate(whole.leaves) if leaf not in out]
    lacking = np.isnan(whole.scores).mean(axis=0)
    computed(browser, address, region=regions, paper=papers, out=out)
    for scale, mean, rule in itertools.product(
        ("score", "z", "rank", "normal"), ("tree", "flat"), ("zero", "attempted", "skip", "complete")
    ):
        found = browser.execute_script(CHOOSE, {"scale": scale, "mean": mean, "missing": rule})
        board = whole.take(columns=[j for j in kept if rule != "complete" or lacking[j] <= 0.5])
        weights = (
            board.tree.nominal_weights(board.leaves, board.tree.roots[0])
            if mean == "tree"
            else np.full(len(board.leaves), 1 / len(board.leaves))
        ) * [regions.get(region[leaf], 1) * papers.get(paper(leaf), 1) for leaf in board.leaves]
        weights = weights / weights.sum()
        known = ~np.isnan(board.scores[:, weights > 0])
        board = board.take(rows=np.flatnonzero(known.all(axis=1) if rule == "complete" else known.any(axis=1)).tolist())
        zeros = {"zero": board.states != CellState.SCORED, "attempted": board.states == CellState.FAILED}
        scores = np.where(zeros.get(rule, False), 0.0, board.scores)
        assert found["ids"] == list(board.ids)
        wanted = by_hand(board, scores, weights, scale, mean == "flat")
        assert found["scores"] == pytest.approx(wanted.tolist(), **EXACT), (scale, mean, rule)
        assert found["ranks"] == rankdata(-np.round(wanted, 9), "min").tolist()
        for j, leaf in enumerate(board.leaves):
            assert found["weights"].get(leaf, 0) == pytest.approx(weights[j], **EXACT)


def test_a_choice_stands_in_the_address_and_is_undone(browser, real):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.select import Select
    from selenium.webdriver.support.wait import WebDriverWait

    address, analysis = real
    computed(browser, address)
    assert "\u03c1 = 1.000, a model moves 0.0 places" in browser.find_element(By.ID, "answer").text
    Select(browser.find_element(By.NAME, "scale")).select_by_value("normal")
    for summary in browser.find_elements(By.CSS_SELECTOR, "#choices summary"):
        summary.click()
    browser.find_element(By.CSS_SELECTOR, "#benchmarks-in input").click()
    weight = browser.find_element(By.CSS_SELECTOR, "#weights-region input")
    weight.clear()
    weight.send_keys("2\t")
    chosen = browser.current_url
    before = browser.execute_script("return window.brainalign.result")
    leaf = analysis.snapshot.board().leaves[0]
    assert leaf not in before["shares"]
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(chosen).query)
    assert query["scale"] == ["normal"]
    assert json.loads(query["out"][0]) == [leaf]
    assert 2 in json.loads(query["region"][0]).values()
    assert opened(browser, chosen, 360) == []
    assert browser.execute_script("return window.brainalign.result") == before
    wide = browser.execute_script("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide[0] <= wide[1]
    browser.find_element(By.CSS_SELECTOR, "#choices [type=reset]").click()
    WebDriverWait(browser, 10).until(lambda b: "?" not in b.current_url)
    first = computed(browser, address, missing="skip", out=list(analysis.snapshot.board().leaves)[1:])
    assert list(first["shares"]) == [leaf]


@pytest.mark.parametrize(
    "query", ["out=%5B", "region=7", "paper=%7B%22x%22%3A-1%7D", "scale=none&mean=1", "region=%7B%22IT%22%3A1e999%7D"]
)
def test_an_address_that_says_nonsense_gives_the_official_rule(browser, real, query):
    address, _ = real
    assert opened(browser, f"{address}average.html?{query}", 1280) == []
    found = browser.execute_script("return window.brainalign.result")
    assert found["rho"] == pytest.approx(1)
    assert found["places"] == 0
