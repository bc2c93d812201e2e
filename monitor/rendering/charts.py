"""Charts of the past of a board for its page of the site, and pictures for where no script runs: a mail."""

from __future__ import annotations

from typing import Any

from brainalign_plugin.certainty.good_models import agreement_curve
from brainalign_plugin.data.board import Board
from brainalign_plugin.errors import PlotError
from brainalign_plugin.plot.chart import Chart
from brainalign_plugin.plot.curves import agreement_by_share
from brainalign_plugin.plot.rows import dots
from brainalign_plugin.text import counted

from ..base.errors import ReportError
from ..history.figures import FIGURES
from ..history.series import Chronicle
from ..report.over_time import time_chart
from ..report.records import Figure
from .page import page_data


def history_page(past: Chronicle, newest: Board) -> tuple[tuple[Figure, ...], dict[str, Any]]:
    """Return the charts of the page, and what its script reads to draw them. `newest`: the cleaned board."""
    figures = tuple(
        Figure(f"history-{name}", time_chart(past, name))
        for name in FIGURES
        if any(point.value is not None for point in past.history.series[name])
    )
    curve = agreement_curve(newest)
    good = agreement_by_share(
        [one.share for one in curve], [one.mean for one in curve], [one.predicted_mean for one in curve]
    )
    figures = (*figures, *_cohorts(past), *((Figure("history-good", good),) if curve[0].pairs else ()))
    return figures, page_data(figures)


def _cohorts(past: Chronicle) -> tuple[Figure, ...]:
    """Draw the mean rank correlation within the models that were first scored in one year."""
    found = past.history.cohorts
    if not found:
        return ()
    rho = [one.figures["mean_rho"] for one in found]
    title = "Agreement within the models that were first scored in one year, on the newest board."
    chart = dots(
        [f"{one.year} ({counted(one.models, 'model')})" for one in found],
        [one.value for one in rho],
        title=title,
        alt=f"Dots with intervals, one row a year. {title}",
        axis="mean ρ, 95 % interval",
        low=[None if one.interval is None else one.interval[0] for one in rho],
        high=[None if one.interval is None else one.interval[1] for one in rho],
    )
    return (Figure("history-cohorts", chart),)


def chart_png(chart: Chart, width: int) -> bytes:
    """Draw a chart in its light colours, twice as fine as its width in pixels.

    Raises ReportError if it cannot be drawn.
    """
    try:
        return chart.drawn(".png", width)
    except PlotError as cause:
        raise ReportError(f"a chart cannot be drawn as a picture: {cause}") from cause


def history_chart(past: Chronicle, name: str) -> Chart | None:
    """Draw a headline figure over time; None if it has no value on any board."""
    if all(point.value is None for point in past.history.series[name]):
        return None
    return time_chart(past, name, events=False)
