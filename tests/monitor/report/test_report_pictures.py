"""Charts as pictures for mails: twice as fine as shown, the same bytes, nothing loaded."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from brainalign_monitor.base.errors import ReportError
from brainalign_monitor.rendering.charts import chart_png
from brainalign_plugin.plot.curves import over_time


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


@pytest.fixture
def chart():
    return over_time(["2024-01-01", "2024-02-01"], {"all": [0.1, 0.2]}, title="It rose.", alt="A line.", axis="rho")


def test_a_chart_is_twice_as_fine_as_it_is_shown(chart):
    png = chart_png(chart, 300)
    assert size(png)[0] == 600
    assert png == chart_png(chart, 300)


def test_a_chart_that_cannot_be_drawn_is_an_error(chart):
    broken = replace(chart, spec={"mark": {"type": "nothing of this kind"}})
    with pytest.raises(ReportError, match="cannot be drawn"):
        chart_png(broken, 300)
