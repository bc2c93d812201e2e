"""``brainalign history``: series on three panels, changes with their causes, computed once."""

from __future__ import annotations

import gzip
import json
import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from brainalign_monitor.base.cache import Cache
from brainalign_monitor.history import attribution, series, timeline
from brainalign_monitor.history.figures import ANALYSIS_VERSION, COUNTS, FIGURES, headline_figures
from brainalign_monitor.history.panels import common_panel
from brainalign_monitor.history.series import FULL, SAME_BENCHMARKS, SAME_MODELS, HistoryOptions, panel_figures
from brainalign_monitor.store import open_store
from brainalign_plugin.data.cleaning import clean
from tests.boards import board_of, board_of_matrix, turned, unrelated
from tests.commands import brainalign
from tests.conftest import ROOT
from tests.monitor.history.conftest import OBSERVED, observe

CAUSES = {*("models_left", "benchmarks_dropped", "restated", "benchmarks_added", "models_joined", "analysis")}
MONTHS = [f"2021-{month:02d}-01" for month in range(7, 13)]
# January is observed, February and March are not begun with an observed board: the 15th of March stands for March.
DAYS = [*MONTHS, "2022-01-20", "2022-02-01", "2022-03-15"]


def test_the_record_is_what_was_promised(shared_past):
    record = brainalign("history", "--json", home=shared_past).succeeded().json
    assert record["schema"] == 2
    assert list(record["series"]) == list(FIGURES)
    for points in record["series"].values():
        full = [point for point in points if point["panel"] == "full"]
        assert [point["as_of"][:10] for point in full] == DAYS
        assert [point["origin"] for point in full] == ["reconstructed"] * 6 + ["observed", "reconstructed", "observed"]
        assert {point["panel"] for point in points} == {FULL, SAME_BENCHMARKS, SAME_MODELS}
        for point in points:
            assert point.keys() >= {"as_of", "value", "interval", "panel", "models", "benchmarks"}
            assert point["interval"] is None or point["value"] is not None
            low, high = point["interval"] or (0, 0)
            assert low <= high
    assert record["changes"]
    for change in record["changes"]:
        assert change["attribution"].keys() == CAUSES
        assert sum(change["attribution"].values()) == pytest.approx(change["delta"], abs=1e-9)
        assert change["after"] - change["before"] == change["delta"]
        assert change["attribution"]["analysis"] == 0


def test_every_value_is_that_of_the_board(shared_past):
    record = brainalign("history", "--json", home=shared_past).succeeded().json
    with open_store(shared_past / "brainalign.sqlite", shared_past / "bodies") as store:
        for number in (0, 5, 8):
            points = {name: series[number] for name, series in record["series"].items()}
            board = clean(store.snapshot(points["models"]["snapshot"]).board()).board
            for name, value in headline_figures(board).items():
                assert points[name]["value"] == (None if value is None else pytest.approx(value, abs=1e-12))
                assert (points[name]["models"], points[name]["benchmarks"]) == board.scores.shape


def test_a_restatement_is_seen_between_what_was_observed(shared_past):
    record = brainalign("history", "--json", "--figure", "mean_rho", home=shared_past).succeeded().json
    assert list(record["series"]) == ["mean_rho"]
    last = record["changes"][-2:]
    # Reconstructed from the later board, February already has the restated scores: the change is dated into its month.
    assert last[0]["from"][:10] == "2022-01-20"
    parts = last[0]["attribution"]
    assert max(parts, key=lambda cause: abs(parts[cause])) == "restated"
    assert last[0]["reasons"][0].startswith("360 scores restated: on 22 benchmarks of ")
    assert "restated" in last[0]["words"]


def points_of(record, figure: str, panel: str) -> dict[str, dict]:
    return {p["as_of"][:10]: p for p in record["series"][figure] if p["panel"] == panel}


def test_each_panel_holds_what_it_says(shared_past):
    record = brainalign("history", "--json", home=shared_past).json
    for panel, held, free in (("same_benchmarks", "benchmarks", "models"), ("same_models", "models", "benchmarks")):
        points = points_of(record, "models", panel)
        assert len({point[held] for point in points.values()}) == 1
        assert len({point[free] for point in points.values()}) > 1
        # Scores were restated in February, which every panel sees.
        rho = points_of(record, "mean_rho", panel)
        assert rho["2022-03-15"]["value"] != pytest.approx(rho["2022-01-20"]["value"], abs=1e-6)
    with open_store(shared_past / "brainalign.sqlite", shared_past / "bodies") as store:
        boards = {
            day: store.snapshot(point["snapshot"]).board() for day, point in points_of(record, "models", "full").items()
        }
    cleaned = {day: clean(board).board for day, board in boards.items()}
    leaves = set.intersection(*(set(board.leaves) for board in cleaned.values()))
    models = set.intersection(*(set(board.ids) for board in cleaned.values()))
    for day, board in boards.items():
        frame = board.to_frame()
        had = frame[sorted(leaves)].dropna()
        assert points_of(record, "models", "same_benchmarks")[day]["models"] == len(had)
        some = frame.loc[sorted(models)].dropna(axis=1)
        assert points_of(record, "models", "same_models")[day]["benchmarks"] == some.shape[1]


def test_what_the_first_and_last_board_share_is_a_check(shared_past):
    record = brainalign("history", "--json", home=shared_past).json
    shared = record["shared"]
    assert (shared["from"][:10], shared["to"][:10]) == ("2021-07-01", "2022-03-15")
    assert abs(shared["deltas"]["mean_rho"]) > 0.01
    told = brainalign("history", "--figure", "mean_rho", home=shared_past).out
    assert f"  changed by {shared['deltas']['mean_rho']:+.4f} by restated scores" in told
    short = brainalign("history", "--json", "--window", "1", home=shared_past).json["shared"]
    assert set(short["deltas"].values()) <= {0.0, None}


def test_cohorts_are_the_models_first_scored_in_a_year(shared_site, tmp_path):
    path = shared_site / "compare-data-2024-01-01.json.gz"
    brainalign("fetch", path, home=tmp_path).succeeded()
    found = brainalign("history", "--json", home=tmp_path).json["cohorts"]
    # Counted from the payload alone: the first time of any score of a model.
    document = json.loads(gzip.decompress(path.read_bytes()))
    first = {}
    for model in document["models"]:
        times = [
            cell["timestamp"]
            for cells in model["scores"].values()
            for cell in cells
            if cell["timestamp"] and cell["value"] not in ("", "X", None)
        ]
        if times:
            first[model["id"]] = min(times)[:4]
    with open_store(tmp_path / "brainalign.sqlite", tmp_path / "bodies") as store:
        board = clean(store.snapshot(1).board()).board
    years = [first[i] for i in board.ids]
    expected = {year: years.count(year) for year in sorted(set(years)) if years.count(year) >= 20}
    assert {str(one["year"]): one["models"] for one in found} == expected == {"2020": 32, "2022": 20}
    rows = [k for k, year in enumerate(years) if year == "2020"]
    assert found[0]["figures"]["mean_rho"]["value"] == pytest.approx(
        headline_figures(board.take(rows=rows))["mean_rho"], abs=1e-12
    )
    # Too few families for an interval.
    assert found[0]["figures"]["mean_rho"]["interval"] is None


def test_the_window_bounds_the_panels_that_hold_something(shared_past):
    record = brainalign("history", "--json", "--window", "3", home=shared_past).json
    days = ["2022-01-20", "2022-02-01", "2022-03-15"]
    assert list(points_of(record, "models", "same_models")) == days
    assert list(points_of(record, "models", "same_benchmarks")) == days


def test_as_known_on_a_day(shared_past):
    record = brainalign("history", "--json", "--known", "2022-02-01", home=shared_past).succeeded().json
    full = [point for point in record["series"]["mean_rho"] if point["panel"] == "full"]
    assert [point["as_of"][:10] for point in full] == [*MONTHS, "2022-01-20"]
    # The restatement that was seen later rewrites nothing.
    today = brainalign("history", "--json", home=shared_past).json["series"]["mean_rho"]
    assert [point for point in today if point["panel"] == "full"][: len(full)] == full
    ended = brainalign("history", "--known", "2021-01-01", home=shared_past)
    assert ended.code == 6
    assert "known on 2021-01-01" in ended.problem


def test_as_of_one_day_as_known_on_another(shared_past, tmp_path):
    """Scores of a leaf were changed in place between the two boards that were seen: only the second knows."""

    def mean(*arguments):
        return brainalign("analyze", "latest", "--json", *arguments, home=shared_past).succeeded().json

    # The same day of the past, before and after the restatement was seen.
    then, now = (mean("--as-of", "2021-12-01", "--known", day) for day in ("2022-02-01", "2022-04-01"))
    assert then["snapshot"]["as_of"] == now["snapshot"]["as_of"] == "2021-12-01T00:00:00+00:00"
    assert then["cleaning"] == now["cleaning"]
    assert then["agreement"]["mean"] != now["agreement"]["mean"]
    with open_store(shared_past / "brainalign.sqlite", shared_past / "bodies") as store:
        (first,) = [i for i in store.snapshots("vision") if i.as_of_time.date() == OBSERVED[0]]
        board = clean(store.snapshot(first.id).as_of(date(2021, 12, 1)).board()).board
    assert then["agreement"]["mean"] == headline_figures(board)["mean_rho"]
    assert mean("--known", "2022-02-01")["snapshot"]["as_of"][:10] == "2022-01-20"
    listed = brainalign("snapshots", "list", "--json", "--known", "2022-02-01", home=shared_past).json
    assert {info["as_of"][:10] for info in listed} == {*MONTHS, "2022-01-01", "2022-01-20"}
    out = tmp_path / "report.html"
    brainalign("report", "latest", "--known", "2022-02-01", "-o", out, home=shared_past).succeeded()
    assert "20 January 2022" in out.read_text()
    assert "--known 2022-02-01" in out.read_text()
    too_early = brainalign("analyze", "latest", "--known", "2022-01-01", home=shared_past)
    assert too_early.code == 6
    assert "no snapshot had been seen before 2022-01-01" in too_early.problem
    file = brainalign("analyze", out, "--known", "2022-02-01", home=shared_past)
    assert file.code == 8
    assert "--known is for stored snapshots" in file.problem


def test_nothing_is_computed_twice(past, monkeypatch):
    computed: list[object] = []
    real = series.headline_figures
    monkeypatch.setattr(series, "headline_figures", lambda board: computed.append(board) or real(board))
    first = brainalign("history", "--json", home=past).succeeded()
    assert len(computed) >= len(DAYS)
    computed.clear()
    attributed: list[object] = []
    attribute = timeline.attribute
    monkeypatch.setattr(timeline, "attribute", lambda *a: attributed.append(a) or attribute(*a))
    assert brainalign("history", "--json", home=past).out == first.out
    assert (computed, attributed) == ([], [])
    # One more board costs one analysis, and one or two of the common panel, of which each content is analysed once.
    observe(past, date(2022, 4, 10))
    brainalign("history", "--json", home=past).succeeded()
    assert 1 <= len(computed) <= 3
    assert len(attributed) == 1


def test_boards_that_cannot_be_compared_are_left_out_with_the_reason(past, monkeypatch):
    def broken(*_):
        raise ValueError("no such thing")

    for name in ("attribute", "paired_differences"):
        monkeypatch.setattr(timeline, name, broken)
    changes = brainalign("history", "--json", home=past).succeeded().json["changes"]
    for change in changes:
        assert change["attribution"] == {**dict.fromkeys(CAUSES), "analysis": 0}
        assert change["reasons"] == ["the change cannot be split (ValueError: no such thing)"]
    verdicts = brainalign("drift", "--json", home=past).succeeded().json["verdicts"]
    assert {verdict["verdict"] for verdict in verdicts} == {"insufficient"}
    brainalign("report", "latest", "-o", past / "r.html", home=past).succeeded()
    brainalign("publish", "-o", past / "site", home=past).succeeded()


def test_a_damaged_cache_is_made_again(past):
    first = brainalign("history", "--json", home=past).out
    files = sorted((past / "cache").rglob("*.json"))
    for number, path in enumerate(files):
        path.write_bytes([b"", b"[]", b'{"key": "x", "value": 1}', path.read_bytes()[:50]][number % 4])
    assert brainalign("history", "--json", home=past).out == first


def test_an_older_analysis_is_a_cause_of_its_own(past, monkeypatch):
    brainalign("history", "--json", home=past).succeeded()
    real = series.headline_figures
    # The attribution of today's version uses today's definition too.
    for module in (series, attribution):
        monkeypatch.setattr(
            module,
            "headline_figures",
            lambda board: {k: v + 0.125 if k == "mean_rho" else v for k, v in real(board).items()},
        )
    for module in (series, timeline):
        monkeypatch.setattr(module, "ANALYSIS_VERSION", ANALYSIS_VERSION + 1)
    observe(past, date(2022, 4, 10))
    changes = brainalign("history", "--json", "--figure", "mean_rho", home=past).succeeded().json["changes"]
    last = changes[-1]
    assert last["to"][:10] == "2022-04-10"
    assert last["attribution"]["analysis"] == pytest.approx(0.125)
    assert sum(last["attribution"].values()) == pytest.approx(last["delta"], abs=1e-9)
    assert "by the analysis of the time" in last["words"]
    assert all(change["attribution"]["analysis"] == 0 for change in changes[:-1])


def test_the_order_of_import_does_not_matter(past, tmp_path):
    home = tmp_path / "other"
    for day in (date(2022, 3, 15), date(2022, 1, 20)):
        observe(home, day)
    brainalign("backfill", "--from", "2021-07-01", "--to", "2021-12-01", home=home).succeeded()
    straight = tmp_path / "straight"
    for day in (date(2022, 1, 20), date(2022, 3, 15)):
        observe(straight, day)
    brainalign("backfill", "--from", "2021-07-01", "--to", "2021-12-01", home=straight).succeeded()

    def told(folder: Path) -> str:
        record = brainalign("history", "--json", home=folder).succeeded().json
        for points in record["series"].values():
            for point in points:
                del point["snapshot"]
        return json.dumps(record)

    assert told(home) == told(straight)


def test_text_for_people(shared_past):
    out = brainalign("history", home=shared_past).succeeded().out
    assert out.startswith("vision: 9 boards, 2021-07-01 to 2022-03-15, 7 of them reconstructed\n")
    assert "same_benchmarks: the same benchmarks, all models that have them, over 24 months; now " in out
    one = brainalign("history", "--figure", "models", home=shared_past).succeeded().out
    assert one.count(" full ") == 9
    assert "Models with a score on every kept benchmark went from" in one


def test_the_snippet_of_the_page_prints_the_changes(shared_past, tmp_path, monkeypatch, capsys):
    (snippet,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs/history.md").read_text(), re.DOTALL | re.MULTILINE)
    (tmp_path / "brainalign").symlink_to(shared_past)
    monkeypatch.setenv("HOME", str(tmp_path))
    exec(snippet, {})
    said = capsys.readouterr().out.splitlines()
    record = brainalign("history", "--json", home=shared_past).json
    assert said == [f"{c['to'][:10]} {c['words']}" for c in record["changes"]]


def test_an_unknown_figure_is_refused(shared_past):
    ended = brainalign("history", "--figure", "rho", home=shared_past)
    assert ended.code == 2
    assert "mean_rho" in ended.problem


def test_figures_do_not_depend_on_the_order_of_models_and_leaves():
    board = unrelated(board_of_matrix(np.random.default_rng(3).random((12, 6))))
    options = HistoryOptions(resamples=50, seed=7)
    mixed = turned(board.take(rows=[5, 3, 11, 0, 1, 2, 4, 10, 9, 8, 7, 6]))
    assert mixed.leaves != board.leaves
    assert panel_figures(board, options) == panel_figures(mixed, options)
    assert (
        panel_figures(board, options)["mean_rho"]
        != panel_figures(board, HistoryOptions(resamples=50, seed=8))["mean_rho"]
    )
    assert {
        name for name, figure in panel_figures(board, options).items() if figure.interval[0] == figure.interval[1]
    } == (COUNTS)


def test_the_common_panel_is_there_throughout():
    one = board_of([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.6, "X", 0.4, 0.3, 0.2, 0.1], [0.5] * 6])
    other = board_of([["", 0.2, 0.3, 0.4, 0.5, 0.7], [0.6, 0.5, 0.4, 0.3, 0.2, 0.1], [0.5] * 6])
    panels = common_panel([one, other], [one.leaves[1:], other.leaves[:5]])
    assert [set(panel.leaves) for panel in panels] == [set(one.leaves[1:5])] * 2
    assert [panel.ids for panel in panels] == [tuple(sorted((one.ids[0], one.ids[2])))] * 2
    assert common_panel([], []) == []


def test_a_result_in_the_cache_is_found_by_all_that_it_depends_on(tmp_path):
    cache = Cache(tmp_path)
    cache.put(cache.key("a", 1), {"x": [1, None]})
    assert cache.get(cache.key("a", 1)) == {"x": [1, None]}
    assert cache.get(cache.key("a", 2)) is None
