"""Pages of single models: figures equal to an independent computation, links, names, and a reader's browser."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from brainalign_monitor.base.cache import NOTHING_KEPT
from brainalign_monitor.history.board_history import RankHistory, rank_history
from brainalign_monitor.history.board_reader import BoardReader
from brainalign_monitor.report.model_board import ModelBoard
from brainalign_monitor.report.model_page import model_pages
from brainalign_monitor.store import open_store
from brainalign_plugin.analysis import Analysis, analyse
from brainalign_plugin.certainty.board_certainty import universe
from brainalign_plugin.certainty.posterior import Posterior
from tests.charts import opened
from tests.commands import brainalign
from tests.hostile import HOSTILE_NAMES
from tests.local_site import site_server
from tests.monitor.delivery.conftest import told_home
from tests.monitor.report.conftest import drawn_snapshot, plain_leaves

HOSTILE = [name for name in HOSTILE_NAMES if "\x00" not in name]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    told_home(folder, HOSTILE)
    return folder


@pytest.fixture(scope="module")
def site(home) -> Path:
    brainalign("publish", "--output", home / "site", home=home).succeeded()
    return home / "site/current"


@pytest.fixture(scope="module")
def analysis(home) -> Analysis:
    with open_store(home / "brainalign.sqlite", home / "bodies") as store:
        return analyse(store.snapshot(store.latest("vision").id))


def record_of(site: Path, model: int) -> dict:
    return json.loads((site / f"models/{model}.json").read_text())


def test_every_model_has_a_page_a_table_and_a_record(site, analysis):
    for model in analysis.snapshot.models:
        for kind in ("html", "csv", "json"):
            assert (site / f"models/{model.id}.{kind}").is_file()
        assert f'href="models/{model.id}.html"' in (site / "models.html").read_text(encoding="utf-8")
    assert len(list((site / "models").iterdir())) == 3 * len(analysis.snapshot.models)


def test_ranks_and_scores_are_those_of_the_board(site, analysis):
    official, board = analysis.official, analysis.snapshot.board()
    for row, model in enumerate(analysis.snapshot.models):
        found = record_of(site, model.id)
        assert found["official"]["rank"] == official.ranks[row]
        assert found["official"]["score"] == pytest.approx(official.at(official.root)[row])
        # The parts of the average are its weights times its scores, a missing one being 0.
        parts = [one["weight"] * (one["score"] or 0) for one in found["scores"]]
        assert sum(parts) == pytest.approx(official.at(official.root)[row])
        rows = list(csv.DictReader(io.StringIO((site / f"models/{model.id}.csv").read_bytes().decode())))
        assert [line["benchmark"] for line in rows] == list(board.leaves)
        spread = found["without_one_paper"]
        assert spread["best"] <= spread["worst"]


def test_percentiles_count_the_models_that_are_below(analysis):
    board = ModelBoard(analysis)
    for j, column in enumerate(board.board.scores.T):
        for i, value in enumerate(column):
            others = np.delete(column, i)
            others = others[~np.isnan(others)]
            if np.isnan(value):
                assert np.isnan(board.percentiles[i, j])
            else:
                below = (others < value).sum() + (others == value).sum() / 2
                assert board.percentiles[i, j] == pytest.approx(100 * below / len(others))


def test_ranks_under_schemes_are_those_of_the_table_and_the_page_has_their_range(site, analysis):
    table = {row["id"]: row for row in csv.DictReader((site / "latest/models.csv").read_text().splitlines())}
    for model in analysis.snapshot.models:
        found = record_of(site, model.id)["ranks_by_scheme"]
        assert found == {name: int(table[str(model.id)][name]) for name in found}
        counted = [rank for name, rank in found.items() if name != "GLS"]
        assert len(counted) > 20
        page = (site / f"models/{model.id}.html").read_text(encoding="utf-8")
        assert f"Under {len(counted)} schemes its rank" in page
        assert re.search(rf"lies between {min(counted)} \(\w+\) and {max(counted)} \(\w+\)\.", page)


def test_neighbours_are_those_of_the_official_ranking_with_their_probabilities(analysis):
    found = universe(analysis.cleaning.considered)
    board = ModelBoard(analysis, found)
    posterior = Posterior(found.scored.scores, found.sd_widened)
    pages = {page.path: page for page in model_pages(board, RankHistory((), (), {}))}
    order = [board.board.ids[row] for row in board.order]
    for at, model in enumerate(order):
        (near,) = [one for one in pages[f"models/{model}.html"].sections if one.id == "near"]
        others = [i for i in order[max(at - 3, 0) : at + 4] if i != model]
        assert near.tables[0].models == tuple(map(str, others))
        first, *rest = (found.ids.index(i) for i in (model, *others))
        expected = [posterior.above(first, other) for other in rest]
        assert [float(row[2]) for row in near.tables[0].rows] == pytest.approx(expected, abs=0.006)
        assert near.answer.startswith(f"It is told apart from {sum(max(p, 1 - p) >= 0.975 for p in expected)} of")


def test_universe_ranks_are_those_of_the_certainty(site, analysis):
    found = universe(analysis.cleaning.considered)
    for i, rank, low, high in zip(found.ids, found.ranks, found.low, found.high, strict=True):
        own = record_of(site, i)["universe"]
        assert (own["rank"], own["low"], own["high"]) == (rank, low, high)


def test_history_has_dated_moves_with_reasons(home, site):
    with open_store(home / "brainalign.sqlite", home / "bodies") as store:
        infos = list(store.snapshots("vision"))
        past = rank_history(BoardReader(store, NOTHING_KEPT), infos)
        ranks = [store.snapshot(info.id) for info in infos]
    assert past.moves
    for model, moves in past.moves.items():
        for move in moves:
            k = past.moments.index(move.later)
            assert move.before == ranks[k - 1].official().ranks[ranks[k - 1].rows[model]]
            assert move.after == ranks[k].official().ranks[ranks[k].rows[model]]
            assert move.reason
    model = next(m.id for m in ranks[-1].models if m.id in past.moves)
    page = (site / f"models/{model}.html").read_text(encoding="utf-8")
    assert "2024-11-20" in page
    assert len(record_of(site, model)["history"]) == 3


def test_a_missing_score_is_named_with_its_cost(analysis):
    snapshot = analysis.snapshot
    leaf = snapshot.board().leaves[0]
    at = snapshot.tree.index[leaf]
    scores, states, errors = (np.array(getattr(snapshot, name)) for name in ("scores", "states", "errors"))
    scores[0, at], states[0, at], errors[0, at] = np.nan, 0, np.nan
    found = analyse(replace(snapshot, scores=scores, states=states, errors=errors))
    board = ModelBoard(found, universe(found.cleaning.considered))
    weight = found.snapshot.board().tree.nominal_weights([leaf], found.snapshot.root)[0]
    assert board.costs(0) == {0: pytest.approx(weight * np.median(snapshot.board().scores[1:, 0]))}
    with_median = np.array(scores)
    with_median[0, at] = np.median(snapshot.board().scores[1:, 0])
    states[0, at] = 2
    filled = replace(snapshot, scores=with_median, states=states, errors=errors).official()
    assert board.rank_without_gaps(0) == filled.ranks[0]
    past = RankHistory((), (), {})
    pages = {page.path: page for page in model_pages(board, past)}
    gaps = pages[f"models/{snapshot.models[0].id}.html"].sections[-2]
    assert "was never run on 1 of 9 benchmarks" in gaps.answer.lower()
    assert [row[1] for row in gaps.tables[0].rows] == ["never run"]


def test_copies_link_to_each_other():
    drawn = drawn_snapshot(20, plain_leaves(7, "V1-pls"), plain_leaves(6, "i2n"))
    scores = np.array(drawn.scores)
    scores[1] = scores[0]
    found = analyse(replace(drawn, scores=scores))
    first, second = (model.id for model in drawn.models[:2])
    pages = model_pages(ModelBoard(found, universe(found.cleaning.considered)), RankHistory((), (), {}))
    copies = {page.path: [table.links for table in page.sections[-1].tables] for page in pages}
    assert copies.pop(f"models/{first}.html") == [(f"{second}.html",)]
    assert copies.pop(f"models/{second}.html") == [(f"{first}.html",)]
    assert not any(copies.values())


def test_the_same_store_gives_the_same_bytes_and_rewrites_nothing(site, home):
    before = {path: (path.stat().st_ino, path.read_bytes()) for path in (site / "models").iterdir()}
    assert "(no changes)" in brainalign("publish", "--output", home / "site", home=home).succeeded().out
    assert {path: (path.stat().st_ino, path.read_bytes()) for path in (site / "models").iterdir()} == before


@pytest.fixture(scope="module")
def served(site) -> Iterator[str]:
    with site_server(site) as address:
        yield address


@pytest.mark.needs("browser")
@pytest.mark.parametrize("width", [360, 1280])
def test_every_page_opens_without_overflow_and_no_name_adds_an_element(browser, served, analysis, width):
    counts = set()
    for model in analysis.snapshot.models:
        assert opened(browser, f"{served}models/{model.id}.html", width) == []
        wide, room, added = browser.execute_script(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth,"
            " document.querySelectorAll('h1 *, img, iframe, script:not([src]):not([type])').length]"
        )
        assert wide <= room
        counts.add(added)
        assert browser.execute_script("return document.querySelectorAll('.chart svg').length") == 2
    assert counts == {1}, "the heading has its bdi alone"


@pytest.mark.needs("browser")
@pytest.mark.parametrize("width", [360, 1280])
def test_a_reader_finds_a_model_on_the_first_page(browser, served, analysis, width):
    from selenium.webdriver.common.by import By

    assert opened(browser, served, width) == []
    model = analysis.snapshot.models[4]
    field = browser.find_element(By.CSS_SELECTOR, "#find input")
    assert not browser.find_elements(By.CSS_SELECTOR, "#find-hits li")
    field.send_keys(str(model.id))
    (line, *_) = browser.find_elements(By.CSS_SELECTOR, "#find-hits a")
    line.click()
    assert browser.current_url == f"{served}models/{model.id}.html"
    browser.find_element(By.LINK_TEXT, "Overview").click()
    assert browser.current_url == f"{served}index.html"
