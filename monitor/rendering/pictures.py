"""Charts for where no script runs: a mail."""

from __future__ import annotations

from brainalign_plugin.plot.chart import Chart

from ..base.errors import ReportError
from ..history.series import Chronicle
from ..report.over_time import time_chart


def chart_png(chart: Chart, width: int) -> bytes:
    """Draw a chart in its light colours, twice as fine as its width in pixels.

    Raises ReportError if it cannot be drawn.
    """
    from brainalign_plugin.errors import PlotError

    try:
        return chart.drawn(".png", width)
    except PlotError as cause:
        raise ReportError(f"a chart cannot be drawn as a picture: {cause}") from cause


def history_chart(past: Chronicle, name: str) -> Chart | None:
    """Draw a headline figure over time; None if it has no value on any board."""
    if all(point.value is None for point in past.history.series[name]):
        return None
    return time_chart(past, name, events=False)
