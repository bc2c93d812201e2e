"""The plugin's charts: valid Vega-Lite, whatever the names, in every format that they promise."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET

import jsonschema
import numpy as np
import pytest

from brainalign_plugin import example
from brainalign_plugin.errors import PlotError
from brainalign_plugin.plot.chart import Chart
from brainalign_plugin.plot.curves import agreement_by_share, over_time
from brainalign_plugin.plot.matrices import heatmap, parts_scatter, scatter
from brainalign_plugin.plot.rows import bump, dots
from brainalign_plugin.plot.theme import DARK, LIGHT
from tests.hostile import HOSTILE_NAMES

altair_schema = pytest.importorskip("altair.vegalite.schema")
SAYS = {"title": "A finding", "alt": "A chart of something"}


def charts(names: list[str]) -> dict[str, Chart]:
    rng = np.random.default_rng(0)
    n = len(names)
    ids = list(range(n))
    rho = np.corrcoef(rng.normal(size=(n, 9)))
    rho[0, 1] = rho[1, 0] = np.nan
    ranks = [rng.permutation(n) + 1 for _ in range(3)]
    halves = [("neural", "behaviour")[k % 2] for k in ids]
    values = rng.normal(size=n)
    low, high = {"all": [0, None]}, {"all": [0.3, None]}
    return {
        "heatmap": heatmap(names, rho, parts=halves, overlap=np.full((n, n), 5), **SAYS),
        "good models": agreement_by_share([1.0, 0.5, 0.25], [0.2, 0.1, -0.1], [0.2, 0.18, None]),
        "parts": parts_scatter(
            names, ids, rng.random(n), rng.random(n), ranks[0], official=[1, None, *ids[2:]], **SAYS
        ),
        "scatter": scatter(names, ids, values, rho[0], axes=(names[0], names[1]), **SAYS),
        "dots": dots(
            names,
            values,
            axis="x",
            low=values - 1,
            high=values + 1,
            reference=values * 2,
            groups=halves,
            ids=ids,
            zero=True,
            **SAYS,
        ),
        "bump": bump(names, ids, ["HIER", "RANK", "ZMEAN"], ranks, chosen=[0, 2], **SAYS),
        "time": over_time(
            ["2022-01-01", "2023-01-01"],
            {"all": [0.1, None], "good": [0.2, 0.3]},
            axis="rho",
            low=low,
            high=high,
            notes={"2022-06-01": "a break"},
            **SAYS,
        ),
    }


NAMES = ["alexnet", "resnet-50_v1.5", "vgg", "cornet", "vit_large", "voneresnet"]


@pytest.mark.parametrize("name", charts(NAMES))
def test_every_chart_is_vega_lite(name):
    whole = charts(NAMES)[name].to_dict()
    validator = jsonschema.Draft7Validator(altair_schema.load_schema())
    assert [error.message for error in validator.iter_errors(whole)] == []
    assert "var(--" not in json.dumps(whole)


@pytest.mark.parametrize("name", charts(NAMES))
def test_every_chart_is_drawn_without_a_warning(name, capfd):
    svg = ET.fromstring(charts(NAMES)[name].drawn(".svg"))
    assert svg.tag.endswith("svg")
    assert len(list(svg.iter())) > 20
    assert "WARN" not in capfd.readouterr().err


@pytest.mark.parametrize("name", charts(NAMES))
def test_a_name_adds_no_element(name):
    hostile = charts([*HOSTILE_NAMES][:6])[name]
    plain = {element.tag for element in ET.fromstring(charts(NAMES)[name].drawn(".svg")).iter()}
    assert {element.tag for element in ET.fromstring(hostile.drawn(".svg")).iter()} <= plain


def test_no_two_ticks_of_whole_numbers_have_one_label():
    drawn = over_time(["2025-05-07"], {"a": [1.0], "b": [2.0]}, axis="rank", form="d", reverse=True, **SAYS)
    texts = [one.text for one in ET.fromstring(drawn.drawn(".svg")).iter("{http://www.w3.org/2000/svg}text")]
    assert (texts.count("1"), texts.count("2")) == (1, 1)


def test_a_chart_becomes_every_promised_file(tmp_path):
    chart = charts(NAMES)["dots"]
    heads = {".svg": b"<svg", ".png": b"\x89PNG", ".pdf": b"%PDF", ".html": b"<!DOCTYPE html>", ".json": b"{"}
    for suffix, head in heads.items():
        assert chart.save(tmp_path / f"x{suffix}").read_bytes().lstrip()[: len(head)] == head
    with pytest.raises(PlotError, match=r"'\.gif'.*\.svg"):
        chart.save(tmp_path / "x.gif")


def test_a_notebook_shows_it_and_altair_takes_it():
    chart = charts(NAMES)["bump"]
    bundle = chart._repr_mimebundle_()
    assert {"application/vnd.vegalite.v5+json", "application/vnd.vegalite.v6+json", "text/plain"} == set(bundle)
    assert len(repr(chart)) < 200
    assert chart.to_altair().to_dict()["datasets"]["points"][0]["name"] == "alexnet"
    assert list(chart.to_frame()["scheme"].unique()) == ["HIER", "RANK", "ZMEAN"]


def test_both_themes_name_the_same_colours():
    assert set(LIGHT) == set(DARK)
    assert charts(NAMES)["time"].to_dict(theme="dark")["config"]["background"] == DARK["--paper"]


def test_a_library_that_is_absent_is_named(monkeypatch, tmp_path):
    for name in ("vl_convert", "altair"):
        monkeypatch.setitem(sys.modules, name, None)
    chart = charts(NAMES)["scatter"]
    with pytest.raises(PlotError, match=r"a .svg needs vl-convert-python.*extra `plot`.*or save as .json"):
        chart.save(tmp_path / "x.svg")
    with pytest.raises(PlotError, match=r"install altair, or use .save\(\)"):
        chart.to_altair()
    assert chart.save(tmp_path / "x.json").exists()
    assert "application/vnd.vegalite.v5+json" in chart._repr_mimebundle_()


def test_a_shell_of_jupyter_shows_charts_and_tables():
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell.instance()
    shown = shell.display_formatter.format(charts(NAMES)["scatter"])[0]
    assert "application/vnd.vegalite.v6+json" in shown
    assert "text/html" in shell.display_formatter.format(example())[0]
