"""Charts for where no script runs: a mail."""

from __future__ import annotations

from brainalign_plugin.analysis import Analysis
from brainalign_plugin.plot.chart import Chart
from brainalign_plugin.plot.matrices import parts_scatter
from brainalign_plugin.scales import competition_ranks
from brainalign_plugin.text import distinct_names

from ..base.errors import ReportError
from ..base.text import counted
from ..history.series import Chronicle
from ..report.over_time import time_chart
from ..report.wording import number, percent


def chart_png(chart: Chart, width: int) -> bytes:
    """Draw a chart in its light colours, twice as fine as its width in pixels.

    Raises
    ------
    ReportError
        If it cannot be drawn.
    """
    from brainalign_plugin.errors import PlotError

    try:
        return chart.drawn(".png", width)
    except PlotError as cause:
        raise ReportError(f"a chart cannot be drawn as a picture: {cause}") from cause


def parts_chart(analysis: Analysis) -> Chart | None:
    """Draw the two halves of the average; None where the board does not have both, or no model."""
    board = analysis.cleaning.board
    scores = board.part_scores() if board.models else {}
    if "average" not in scores:
        return None
    neural, behavior = board.parts
    found = analysis.explained.parts
    title = (
        f"Behaviour explains {percent(found[behavior].r2)} of the variance of the average, the neural half "
        f"{percent(found[neural].r2)}."
    )
    sds = [analysis.spreads[part].sd for part in board.parts]
    return parts_scatter(
        distinct_names([model.name for model in board.models], board.ids, 60),
        board.ids,
        scores[neural],
        scores[behavior],
        competition_ranks(scores["average"]).tolist(),
        title=title,
        alt=f"Scatter of {counted(len(board.models), 'model')}: neural score across, behavioural score up. {title} "
        f"Standard deviations {number(sds[0])} and {number(sds[1])}.",
    )


def history_chart(past: Chronicle, name: str) -> Chart | None:
    """Draw a headline figure over time; None if it has no value on any board."""
    if all(point.value is None for point in past.history.series[name]):
        return None
    return time_chart(past, name, events=False)
