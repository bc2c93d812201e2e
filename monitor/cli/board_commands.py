"""Commands that look at one board: ``brainalign fetch | analyze | report | demo | plot | metadata``."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from brainalign_plugin.text import counted, first_few

from . import print_schemes, printing
from .options import AsJson, AsOf, Given, Home, Html, Known, Limits, Where, day_of, now, option, settings_from
from .printing import print_json, say, stage

if TYPE_CHECKING:
    from brainalign_plugin.certainty.families import Families
    from brainalign_plugin.data.board import Board
    from brainalign_plugin.data.snapshot import Snapshot
    from brainalign_plugin.plot.chart import Chart

Source = Annotated[
    str | None, typer.Argument(help="Address, file or folder (default: the configured source).", metavar="[URL|PATH]")
]
Shrunken = Annotated[
    bool, option("Store the board even if more than a third of it is missing or renamed.", name="--accept-shrunken")
]


def fetch(source: Source = None, accept_shrunken: Shrunken = False, *, where: Where) -> None:
    """Pull the leaderboard into the store, without a report."""
    from ..operations import pull

    settings = settings_from(**where)
    with pull.open_home(settings) as store, store.exclusive("brainalign fetch"):
        for one in settings.each() if source is None else (settings,):
            for fetched in pull.fetch_all(one, store, source, now, stage, accept_shrunken=accept_shrunken):
                printing.fetched(fetched, store.info(fetched.stored.id))


Full = Annotated[
    bool,
    option(
        "Add agreement among the best models and validity of schemes; with --json drivers, dimensions, "
        "clusters, new benchmarks, the panel, further papers and agreement testing too.",
        name="--full",
    ),
]
Metrics = Annotated[
    Path | None,
    option(
        "CSV file of external metrics to compare with: a column id or model, and one a metric.", "FILE", name="--with"
    ),
]


def analyze(
    snapshot: Given,
    as_of: AsOf = None,
    known: Known = None,
    *,
    where: Limits,
    as_json: AsJson = False,
    full: Full = False,
    metrics: Metrics = None,
    aliases: Annotated[Path | None, option("CSV file of the names in that file: columns model and id.", "FILE")] = None,
) -> None:
    """Analyse one snapshot: agreement, spread, ranks."""
    from brainalign_plugin.certainty.bootstrap import family_bootstrap
    from brainalign_plugin.certainty.external import external, join_metrics
    from brainalign_plugin.certainty.families import families, unknown_models
    from brainalign_plugin.certainty.record import analysis_json
    from brainalign_plugin.files.metric_table import read_aliases, read_metrics

    from ..operations import pull, reporting

    settings = settings_from(snapshot, **where)
    table = None if metrics is None else read_metrics(metrics, None if aliases is None else read_aliases(aliases))
    found = pull.find_snapshot(settings, snapshot, now(), known)
    with stage("analysing"):
        analysis = reporting.analyse_snapshot(settings, found.snapshot, day_of(as_of))
    named, board = settings.family_table, analysis.cleaning.board
    say(*([f"note: {found.note}"] if found.note else []), *printing.rejected_lines(found.rejected), err=True)
    if absent := unknown_models(settings.own_families, analysis.cleaning.considered):
        models = f"{counted(len(absent), 'model')} that this board lacks: {first_few(absent)}"
        say(f"the table of families names {models}", err=True)
    if table is not None:
        say(*printing.unmatched_lines(join_metrics(table, analysis.cleaning.considered)), err=True)
    if as_json:
        sources = settings.metadata_sources if full else ()
        print_json(analysis_json(analysis, full, named=named, metrics=table, metadata=sources, stage=stage))
        return
    with stage("computing intervals"):
        grouped = families(board, named)
        sure = family_bootstrap(board, grouped)
        joined = None if table is None else external(analysis.cleaning.considered, board, table, named)
    printing.analysis(analysis, grouped, sure)
    if full:
        _unseen(board, grouped)
    if joined is not None:
        printing.external(joined)


def _unseen(board: Board, grouped: Families) -> None:
    """Print the agreement among the best models, and how well schemes rank the models on unseen papers."""
    from brainalign_plugin.certainty.good_models import agreement_curve
    from brainalign_plugin.certainty.validity import validity
    from brainalign_plugin.errors import BoardError

    printing.good_models(agreement_curve(board))
    try:
        with stage("predicting unseen papers"):
            tried = validity(board, grouped=grouped)
    except BoardError as reason:
        say(str(reason))
    else:
        print_schemes.validity(tried)


Title = Annotated[str, option("Title of the page (default: the leaderboard, or the name of the table).")]


def report(
    snapshot: Given = "latest",
    output: Html = Path("brainalign-report.html"),
    as_of: AsOf = None,
    known: Known = None,
    *,
    where: Limits,
    title: Title = "",
) -> None:
    """Write the HTML report of one snapshot or table of scores.

    A table is a CSV file with a row a model.
    """
    from ..operations import pull, reporting

    settings = settings_from(snapshot, **where)
    day = day_of(as_of)
    found = pull.find_snapshot(settings, snapshot, now(), known)
    if found.note:
        say(f"note: {found.note}", err=True)
    # The newest board of today is another one tomorrow.
    wanted = snapshot if found.info is None else reporting.snapshot_name(found.info)
    command = reporting.report_command(settings, wanted, output, day, known, title)
    if found.info is None:
        results = reporting.Results(settings, found, as_of=day, title=title)
    else:
        with pull.open_existing(settings, snapshot) as store:
            timeline = reporting.timeline_of(settings, store, found.info, stage, day, known)
            results = reporting.Results(settings, found, timeline, day, title)
            _ = results.past, results.since  # while the store is open
    reporting.write_snapshot_report(results, output, command, stage)
    if output.is_file():  # and not /dev/stdout, where the report itself went
        printing.report(output)


SimulationSeed = Annotated[int, option("Seed of the simulation; the same seed gives the same board.", min=0)]


def demo(output: Html = Path("brainalign-demo.html"), seed: SimulationSeed = 1, home: Home = None) -> None:
    """Simulate a leaderboard and report on it, without a network."""
    from ..service.demo import run_demo

    folder, snapshots = run_demo(settings_from(home=home), seed, output, now, stage)
    say(f"{counted(snapshots, 'simulated snapshot')} in {folder}")
    printing.report(output)
    say(f"open it in a browser: {output.resolve().as_uri()}")


# Named as in the library.
ChartName = Literal["heatmap", "good-models", "bump", "intervals", "tiers", "components", "influence"]
ChartFile = Annotated[Path, option("File to write: .svg, .png, .pdf, .html or .json.", name="--output -o")]


def plot(
    name: Annotated[ChartName, typer.Argument(help="Chart to draw.")],
    snapshot: Given = "latest",
    output: ChartFile = Path("chart.svg"),
    as_of: AsOf = None,
    *,
    where: Where,
) -> None:
    """Draw one chart of a snapshot."""
    from brainalign_plugin.errors import PlotError

    from ..base.errors import ReportError
    from ..operations.pull import find_snapshot

    found = find_snapshot(settings_from(snapshot, **where), snapshot, now()).snapshot
    chart = _chart(name, found if as_of is None else found.as_of(as_of.date()))
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


Sources = Annotated[
    list[str] | None,
    option("A TOML table, a saved page, a folder or 'installed', before those of the settings.", "SOURCE"),
]
Save = Annotated[
    Path | None, option("Pull the leaderboard's page, write it to this file, and read it after these.", "FILE")
]


def metadata(
    snapshot: Given = "latest", source: Sources = None, save: Save = None, as_json: AsJson = False, *, where: Where
) -> None:
    """List what sources say of a board's benchmarks, and where they contradict."""
    from brainalign_plugin.certainty.record import metadata_json
    from brainalign_plugin.files.metadata import absent, described, page, read_metadata

    from ..base.files import write_atomically
    from ..operations.pull import find_snapshot
    from ..sources.fetching import fetch_body, user_agent
    from ..sources.payload import FetchLimits

    settings = settings_from(**where)
    sources = [read_metadata(one) for one in source or ()]
    if save is not None:
        limits = FetchLimits(**settings.limits)
        url = f"{settings.base_url.rstrip('/')}/{settings.domain}/leaderboard/content/"
        with stage("pulling the leaderboard's page"):
            body = fetch_body(url, received_at=now(), agent=user_agent(settings.contact), limits=limits)
        sources.append(page(body.decode("utf-8", "replace"), save.name))
        write_atomically(save, gzip.compress(body, mtime=0) if save.suffix == ".gz" else body)
    board = find_snapshot(settings, snapshot, now()).snapshot.board()
    # A table of the user's is to set right what a page has wrong.
    sources = sorted([*sources, *settings.metadata_sources], key=lambda one: not one.source.endswith(".toml"))
    found = described(board, sources)
    if as_json:
        print_json(metadata_json(found))
        return
    for field, leaves in found.gaps.items():
        known = len(board.leaves) - len(leaves)
        say(f"{field}: {known} of {counted(len(board.leaves), 'benchmark')}")
    families = sum(facts["family"] is not None for facts in found.models.values())
    say(f"family: {families} of {counted(len(board.models), 'model')}")
    for one in found.contradictions:
        say(f"contradiction: {one}; set it in a table of your own, which comes first")
    for table in sources:
        if table.source.endswith(".toml") and (missing := absent(table, board)):
            say(f"{table.source} names {', '.join(missing)}, which this board lacks", err=True)
    say(*found.problems, err=True)
