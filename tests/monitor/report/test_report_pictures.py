"""Charts as pictures for mails: twice as fine as shown, the same bytes, nothing loaded."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from brainalign_monitor.base.errors import ReportError
from brainalign_monitor.rendering.pictures import chart_png, parts_chart
from brainalign_plugin.analysis import analyse
from tests.monitor.report.conftest import drawn_snapshot, plain_leaves


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


def test_the_parts_are_twice_as_fine_as_they_are_shown(drawn):
    chart = parts_chart(drawn)
    assert chart.title.startswith("Behaviour explains ")
    png = chart_png(chart, 300)
    assert size(png) == (600, 600)
    assert png == chart_png(parts_chart(drawn), 300)


def test_a_board_without_both_parts_has_none():
    assert parts_chart(analyse(drawn_snapshot(5, [], plain_leaves(3, "i2n")))) is None


def test_a_chart_that_cannot_be_drawn_is_an_error(drawn):
    broken = replace(parts_chart(drawn), spec={"mark": {"type": "nothing of this kind"}})
    with pytest.raises(ReportError, match="cannot be drawn"):
        chart_png(broken, 300)
