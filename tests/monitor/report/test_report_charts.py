from __future__ import annotations

import copy
import json
import re
from dataclasses import replace
from itertools import pairwise

import altair as alt
import pytest

from brainalign_monitor.report.charts import RANK_STEPS, RHO_STEPS, chart_specs
from brainalign_plugin.analysis import analyse
from brainalign_plugin.plot.vega_lite import VERSION
from tests.boards import small_tree, snapshot_of, tree_of
from tests.conftest import ROOT
from tests.monitor.report.conftest import drawn_snapshot, view_of, whole_view
from tests.monitor.report.vega_lite_schema import faults

BASIC = {"heatmap", "scatter", "spread", "weights", "ranks"}
ALL = BASIC | {"intervals", "scheme-heatmap"}


def nodes(value):
    yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(child)


def test_every_specification_of_a_real_report_is_valid_vega_lite(real, real_study):
    specs = chart_specs(view_of(real, study=real_study))
    assert set(specs) == ALL
    assert {name: faults(chart) for name, chart in specs.items()} == {name: [] for name in ALL}
    major = VERSION.partition(".")[0]
    assert alt.SCHEMA_VERSION.startswith(f"v{major}."), "of the version that the charts are written for"


def objects(value, path=()):
    """The objects of a specification by the path to them, without those that hold what is not checked."""
    if isinstance(value, dict):
        yield path
    for key, child in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(child, dict | list):
            yield from objects(child, (*path, key))


def test_a_misspelt_property_is_no_vega_lite_wherever_it_is(whole):
    chart = chart_specs(whole)["heatmap"]
    places = list(objects(chart.spec))
    assert {("layer", 0, "mark"), ("layer", 0, "encoding", "x", "axis"), ("params", 0)} < set(places)
    for place in places:
        spec = copy.deepcopy(dict(chart.spec))
        inner = spec
        for key in place:
            inner = inner[key]
        inner["labelAngel"] = 0
        assert any("labelAngel" in fault for fault in faults(replace(chart, spec=spec))), place


def test_a_specification_names_tables_that_the_page_has_and_holds_no_data(whole):
    view = whole
    for chart in chart_specs(view).values():
        named = {
            n["data"]["name"]
            for n in nodes(chart.spec)
            if isinstance(n, dict) and "name" in n.get("data", {})
        }
        looked_up = {
            n["from"]["data"]["name"]
            for n in nodes(chart.spec)
            if isinstance(n, dict) and "from" in n and "data" in n["from"]
        }
        assert named | looked_up == set(chart.tables)
        assert set(chart.tables) <= set(view.charts.tables)
        assert "datasets" not in chart.spec
        assert not any(
            "values" in n for n in nodes(chart.spec) if isinstance(n, dict) and "name" in n.get("data", {})
        )


def test_fields_exist_in_the_tables(whole):
    view = whole
    derived = {"one", "other", "scheme", "rank", "key", "row", "hit", "interval", "set"}
    for chart in chart_specs(view).values():
        columns = {name for table in chart.tables for name in view.charts.tables[table]} | derived
        fields = {n["field"] for n in nodes(chart.spec) if isinstance(n, dict) and "field" in n}
        assert fields <= columns


def test_foreign_text_is_in_no_specification():
    marker = "Zq9"
    leaves = [f"{marker}Author{2000 + i}.V1-pls" for i in range(6)]
    snapshot = drawn_snapshot(20, leaves[:4], leaves[4:], names=[f"{marker}'); alert(1)//"])
    view = whole_view(analyse(snapshot))
    assert marker in json.dumps(dict(view.charts.tables))
    assert marker not in json.dumps({name: dict(chart.spec) for name, chart in chart_specs(view).items()})


def test_the_same_view_gives_the_same_specifications(whole):
    first, second = (
        json.dumps({name: dict(chart.spec) for name, chart in chart_specs(whole).items()}) for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize(
    ("rows", "drawn_charts"),
    [
        ([], set()),
        ([["X"] * 7] * 3, set()),
        ([[0.5] * 7] * 5, {"scatter", "spread", "ranks"}),
        ([[0.1 * i, 0.5, 1 - 0.1 * i, "", "X", "", 0.5] for i in range(6)], {"heatmap", "spread", "ranks"}),
    ],
)
def test_charts_without_data_are_left_out(rows, drawn_charts):
    view = view_of(analyse(snapshot_of(small_tree(), rows)))
    assert set(chart_specs(view)) == drawn_charts


def test_every_colour_is_one_of_the_style_sheet(whole):
    style = (ROOT / "templates" / "report.css").read_text(encoding="utf-8")
    light, dark = style.split("@media screen and (prefers-color-scheme: dark)")
    dark = dark.split("\n}\n")[0]
    text = json.dumps({name: dict(chart.spec) for name, chart in chart_specs(whole).items()})
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", text))
    assert used >= {f"--rho-{k}" for k in range(RHO_STEPS)} | {f"--rank-{k}" for k in range(RANK_STEPS)}
    for name in used:
        assert f"{name}:" in light
        assert f"{name}:" in dark
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b", text)


def luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_has_the_contrast_that_wcag_asks_for(mode):
    style = (ROOT / "templates" / "report.css").read_text(encoding="utf-8")
    light, dark = style.split("@media screen and (prefers-color-scheme: dark)")
    colors = dict(
        re.findall(r"(--[a-z0-9-]+): (#[0-9a-f]{6});", light if mode == "light" else dark.split("\n}\n")[0])
    )
    paper = luminance(colors["--paper"])
    for name in ("--ink", "--ink-soft", "--neural", "--behavior", "--accent"):
        low, high = sorted((paper, luminance(colors[name])))
        assert (high + 0.05) / (low + 0.05) >= 4.5, name
    # The scale of correlations: equal steps of the same sign never fold back.
    scale = [luminance(colors[f"--rho-{k}"]) for k in range(RHO_STEPS)]
    middle = RHO_STEPS // 2
    outwards = (scale[middle::-1], scale[middle:])
    for half in outwards:
        steps = [b - a for a, b in pairwise(half)]
        assert all(s < 0 for s in steps) if mode == "light" else all(s > 0 for s in steps)


def test_a_leaf_of_neither_part_has_a_heading_of_its_own():
    tree = tree_of(
        {"average_vision": {"neural_vision": {"A2020.V1-pls": None, "B2020.V1-pls": None}, "C2020-i2n": None}}
    )
    view = view_of(analyse(snapshot_of(tree, [[0.1 * i, 0.9 - 0.1 * i, 0.05 * i] for i in range(8)])))
    assert view.charts.tables["leaves"]["part"] == ("Neural", "Neural", "Other")
    assert [k for k in view.charts.spread_order if k < 0] == [-1, -3]
    assert view.charts.part_names[2] == "Other"
