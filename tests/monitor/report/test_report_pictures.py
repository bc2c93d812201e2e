"""Charts as pictures: the light colours of the page, the same bytes, nothing loaded."""

from __future__ import annotations

import struct

import pytest

from brainalign_monitor.base.errors import ReportError
from brainalign_monitor.report.chart_base import ChartSpec
from brainalign_monitor.report.pictures import chart_png, scatter_png
from brainalign_plugin.analysis import analyse
from brainalign_plugin.plot.vega_lite import field, layer, mark
from tests.monitor.report.conftest import drawn_snapshot, plain_leaves

TABLE = {"t": {"x": (1, 2, 3), "c": ("var(--paper)", "b", "https://127.0.0.1:9/x")}}


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


def bars(color: str = "var(--neural)"):
    chart = layer("t", mark("bar", color=color), x=field("x:Q"), y=field("c:N"))
    return ChartSpec({**chart, "height": 80}, ("t",), "rows", 500)


def test_the_scatter_is_twice_as_fine_as_it_is_shown(drawn):
    figure, png = scatter_png(drawn, 584)
    assert figure.id == "scatter"
    assert size(png) == (1168, 1168)
    assert 5_000 < len(png) < 400_000


def test_equal_charts_give_equal_bytes(drawn):
    assert scatter_png(drawn, 300) == scatter_png(drawn, 300)
    assert chart_png(bars(), TABLE, 300) == chart_png(bars(), TABLE, 300)


def test_colours_are_those_of_the_style_sheet(tmp_path):
    plain = chart_png(bars(), TABLE, 300)
    assert plain == chart_png(bars("#2f5d9b"), TABLE, 300), "neural in the light colours"
    (tmp_path / "report.css").write_text(":root { --paper: #ffffff; --neural: #123456; }")
    assert chart_png(bars(), TABLE, 300, tmp_path) != plain


def test_a_board_without_both_parts_has_no_scatter():
    assert scatter_png(analyse(drawn_snapshot(5, [], plain_leaves(3, "i2n"))), 300) is None


def test_a_chart_that_cannot_be_drawn_is_told():
    broken = ChartSpec({**bars().spec, "mark": {"type": "nothing of this kind"}}, ("t",), "rows", 500)
    with pytest.raises(ReportError, match="cannot be drawn as a picture"):
        chart_png(broken, TABLE, 300)
