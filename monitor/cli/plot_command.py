"""Draw one chart of a snapshot: ``brainalign plot NAME SNAPSHOT --output FILE``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .options import AsOf, Domain, Given, Home, now, say, settings_from

if TYPE_CHECKING:
    from brainalign_plugin.data.snapshot import Snapshot
    from brainalign_plugin.plot.chart import Chart


# Named as in the library.
ChartName = Literal["heatmap", "good-models", "bump", "intervals", "tiers", "components", "influence"]


def plot(
    name: Annotated[ChartName, typer.Argument(help="Chart to draw.")],
    snapshot: Given = "latest",
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write: .svg, .png, .pdf, .html or .json.")
    ] = Path("chart.svg"),
    as_of: AsOf = None,
    home: Home = None,
    domain: Domain = None,
) -> None:
    """Draw one chart of a snapshot."""
    from brainalign_plugin.errors import PlotError

    from ..base.errors import ReportError
    from ..operations.pull import find_snapshot

    found = find_snapshot(settings_from(snapshot, home=home, domain=domain), snapshot, now()).snapshot
    board = found if as_of is None else found.as_of(as_of.date())
    chart = _chart(name, board)
    try:
        chart.save(output)
    except PlotError as cause:
        if isinstance(cause.__cause__, OSError):
            raise ReportError(str(cause)) from cause
        raise
    say(f"chart: {output}")


def _chart(name: ChartName, snapshot: Snapshot) -> Chart:
    import brainalign_plugin as ba

    if name == "heatmap":
        return ba.agreement(snapshot).plot.heatmap()
    if name == "good-models":
        return ba.agreement(snapshot).plot.good_models()
    if name == "bump":
        return ba.rank(snapshot, ["HIER", "ZMEAN", "RANK", "COPELAND"], resamples=0).plot.bump()
    if name == "intervals":
        return ba.rank(snapshot, ["HIER"]).plot.intervals()
    chart: Chart = getattr(ba.certainty(snapshot).plot, name)()
    return chart
