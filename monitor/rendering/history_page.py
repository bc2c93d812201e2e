"""The past of a board as a page of the site: every headline figure over time."""

from __future__ import annotations

from typing import Any

from brainalign_plugin.plot.rows import dots
from brainalign_plugin.text import counted

from ..history.series import Chronicle
from ..report.over_time import time_chart
from ..report.records import Figure
from ..report.wording import LABELS
from .page import page_data


def history_page(past: Chronicle) -> tuple[tuple[Figure, ...], dict[str, Any]]:
    """Return the charts of the page, and what its script reads to draw them."""
    figures = tuple(
        Figure(f"history-{name}", time_chart(past, name))
        for name in LABELS
        if any(point.value is not None for point in past.history.series[name])
    )
    figures = (*figures, *_cohorts(past))
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
