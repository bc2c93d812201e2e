"""The command line. Commands import their modules when they run, so that ``--help`` is fast.

Exit codes: 0 success, with or without news; 1 an unexpected error; 2 wrong usage; 3 configuration; 4 the source
could not be read; 5 its payload was refused; 6 store; 7 a file could not be written; 8 an input cannot be used; 9 a
message could not be delivered; 10 another process is at work on the store.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brainalign_plugin.text import counted

from ..base.process import open_standard_streams, set_up
from . import options
from .config_commands import config_app
from .delivery_commands import deliver, mail_app, publish
from .history_commands import alerts_app, backfill, diff, drift, eras, history
from .link_commands import link, unlink
from .metadata_command import metadata
from .options import help_without_command, now, print_json, say, settings_from, stage, utc, watched
from .place_command import place
from .plot_command import plot
from .reference_commands import reference_app
from .run_commands import run, serve
from .scheme_commands import audit, rank, validity
from .snapshot_commands import snapshots_app
from .status_commands import doctor, status
from .store_commands import store_app

if TYPE_CHECKING:
    from brainalign_plugin.certainty.families import Families
    from brainalign_plugin.data.board import Board

# Plain help, because rich takes longer to load than everything else.
app = typer.Typer(
    name="brainalign",
    cls=options.GroupedCommands,
    help="Watch how far Brain-Score's benchmarks agree, and what an aggregate of them hides.",
    epilog=(
        "Exit codes: 0 success, with or without news; 2 wrong usage; 3 configuration; 4 source not readable; 5 payload "
        "refused; 6 store; 7 output not writable; 8 unusable input; 9 message not delivered; 10 another process at "
        "work; 1 anything else."
    ),
    add_completion=False,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100},
)

# Releases of typer differ in the click that they use, so its errors are found by name.
_UsageError: Any = typer.BadParameter.__base__
_STREAM_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def _print_version(wanted: bool) -> None:
    if wanted:
        from brainalign_plugin import __version__

        say(f"brainalign {__version__}")
        raise typer.Exit


@app.callback()
def _global(
    context: typer.Context,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log all steps to stderr.")] = False,
    log_json: Annotated[bool, typer.Option("--log-json", help="The same, as JSON lines.")] = False,
    home: options.Home = None,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    help_without_command(context)
    options.LOG_LINES.set("json" if log_json else "text" if verbose else "none")
    options.HOME.set(home)


def fetch(
    source: Annotated[
        str | None,
        typer.Argument(help="Address, file or folder (default: the configured source).", metavar="[URL|PATH]"),
    ] = None,
    accept_shrunken: Annotated[
        bool,
        typer.Option(
            "--accept-shrunken", help="Store the board even if more than a third of it is missing or renamed."
        ),
    ] = False,
    home: options.Home = None,
    domain: options.Domain = None,
) -> None:
    """Pull the leaderboard into the store, without a report."""
    from ..operations import pull
    from . import printing

    settings = settings_from(home=home, domain=domain)
    with pull.open_home(settings) as store, store.exclusive("brainalign fetch"):
        for one in watched(settings, source):
            for fetched in pull.fetch_all(one, store, source, now, stage, accept_shrunken=accept_shrunken):
                printing.fetched(fetched, store.info(fetched.stored.id))


def analyze(
    snapshot: options.Given,
    as_of: options.AsOf = None,
    known: options.Known = None,
    home: options.Home = None,
    domain: options.Domain = None,
    max_missing: options.MaxMissing = None,
    as_json: options.AsJson = False,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Add agreement among the best models and validity of schemes; with --json drivers, dimensions, "
            "clusters, new benchmarks, the panel, further papers and agreement testing too.",
        ),
    ] = False,
    metrics: Annotated[
        Path | None,
        typer.Option(
            "--with",
            help="CSV file of external metrics to compare with: a column id or model, and one a metric.",
            metavar="FILE",
        ),
    ] = None,
    aliases: Annotated[
        Path | None, typer.Option(help="CSV file of the names in that file: columns model and id.", metavar="FILE")
    ] = None,
) -> None:
    """Analyse one snapshot: agreement, spread, ranks."""
    from brainalign_plugin.certainty.bootstrap import family_bootstrap
    from brainalign_plugin.certainty.external import external, join_metrics
    from brainalign_plugin.certainty.families import families, unknown_models
    from brainalign_plugin.certainty.record import analysis_json
    from brainalign_plugin.files.metric_table import read_aliases, read_metrics

    from ..operations import pull, reporting
    from . import printing

    settings = settings_from(snapshot, home=home, domain=domain, max_missing=max_missing)
    table = None if metrics is None else read_metrics(metrics, None if aliases is None else read_aliases(aliases))
    found = pull.find_snapshot(settings, snapshot, now(), utc(known))
    with stage("analysing"):
        analysis = reporting.analyse_snapshot(settings, found.snapshot, None if as_of is None else as_of.date())
    named, board = settings.family_table, analysis.cleaning.board
    say(*([f"note: {found.note}"] if found.note else []), *printing.rejected_lines(found.rejected), err=True)
    if absent := unknown_models(settings.own_families, analysis.cleaning.considered):
        say(printing.unknown_family_line(absent), err=True)
    if table is not None:
        say(*printing.unmatched_lines(join_metrics(table, analysis.cleaning.considered)), err=True)
    if as_json:
        sources = settings.metadata_sources if full else ()
        record = analysis_json(analysis, full, named=named, metrics=table, metadata=sources, stage=stage)
        print_json(record)
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
    from brainalign_plugin.certainty.validity import validity as predictive
    from brainalign_plugin.errors import BoardError

    from . import print_schemes, printing

    printing.good_models(agreement_curve(board))
    try:
        with stage("predicting unseen papers"):
            tried = predictive(board, grouped=grouped)
    except BoardError as reason:
        say(str(reason))
    else:
        print_schemes.validity(tried)


def report(
    snapshot: options.Given = "latest",
    output: options.Html = Path("brainalign-report.html"),
    as_of: options.AsOf = None,
    known: options.Known = None,
    home: options.Home = None,
    domain: options.Domain = None,
    max_missing: options.MaxMissing = None,
    title: Annotated[
        str, typer.Option(help="Title of the page (default: the leaderboard, or the name of the table).")
    ] = "",
) -> None:
    """Write the HTML report of one snapshot or table of scores.

    A table is a CSV file with a row a model.
    """
    from ..operations import pull, reporting
    from . import printing

    settings = settings_from(snapshot, home=home, domain=domain, max_missing=max_missing)
    day = None if as_of is None else as_of.date()
    found = pull.find_snapshot(settings, snapshot, now(), utc(known))
    if found.note:
        say(f"note: {found.note}", err=True)
    # The newest board of today is another one tomorrow.
    wanted = snapshot if found.info is None else reporting.snapshot_name(found.info)
    command = reporting.report_command(settings, wanted, output, day, utc(known), title)
    if found.info is None:
        results = reporting.Results(settings, found, as_of=day, title=title)
    else:
        with pull.open_existing(settings, snapshot) as store:
            timeline = reporting.timeline_of(settings, store, found.info, stage, day, utc(known))
            results = reporting.Results(settings, found, timeline, day, title)
            _ = results.past, results.since  # while the store is open
    reporting.write_snapshot_report(results, output, command, stage)
    if output.is_file():  # and not /dev/stdout, where the report itself went
        printing.report(output)


def demo(
    output: options.Html = Path("brainalign-demo.html"),
    seed: Annotated[int, typer.Option(help="Seed of the simulation; the same seed gives the same board.", min=0)] = 1,
    home: options.Home = None,
) -> None:
    """Simulate a leaderboard and report on it, without a network."""
    from ..service.demo import run_demo
    from . import printing

    folder, snapshots = run_demo(settings_from(home=home), seed, output, now, stage)
    say(f"{counted(snapshots, 'simulated snapshot')} in {folder}")
    printing.report(output)
    say(f"open it in a browser: {output.resolve().as_uri()}")


_COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    options.WATCH: (run, serve, fetch, backfill, publish, deliver),
    options.LOOK: (analyze, report, demo, plot, metadata, status),
    options.COMPARE: (diff, history, drift, eras),
    options.MODELS: (rank, validity, audit, place, link, unlink),
    options.OPERATE: (doctor,),
}
for _heading, _commands in _COMMANDS.items():
    for _command in _commands:
        app.command(rich_help_panel=_heading)(_command)
app.add_typer(alerts_app, name="alerts", rich_help_panel=options.COMPARE)
app.add_typer(mail_app, name="mail", rich_help_panel=options.OPERATE)
app.add_typer(config_app, name="config", rich_help_panel=options.OPERATE)
app.add_typer(store_app, name="store", rich_help_panel=options.OPERATE)
app.add_typer(snapshots_app, name="snapshots", rich_help_panel=options.LOOK)
app.add_typer(reference_app, name="reference", rich_help_panel=options.MODELS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, by default that of the process, and return its exit code; a known failure ends as one line."""
    open_standard_streams()
    set_up()
    from brainalign_plugin.errors import BrainAlignError

    for stream in (sys.stdout, sys.stderr):
        # A dash in a result must not end a run in a locale without dashes.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(args=arguments, prog_name="brainalign", standalone_mode=False)
        sys.stdout.flush()
    except BrainAlignError as error:
        from ..base.errors import exit_code, in_shell

        return _failed("; ".join([in_shell(str(error)), *getattr(error, "__notes__", ())]), exit_code(error))
    except _UsageError as error:
        path = error.ctx.command_path if error.ctx else app.info.name
        return _failed(f"{error.format_message().rstrip('.')}; see `{path} --help`", error.exit_code)
    except (KeyboardInterrupt, typer.Abort, ImportError) as error:
        # Ctrl-C while a library in C is loading is an ImportError.
        if isinstance(error, ImportError) and not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        return 130
    except (BrokenPipeError, SystemExit) as error:
        # typer makes an exit of it.
        if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
            raise
        # The reader closed the pipe (`| head`): end as by SIGPIPE, without a message.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 128 + signal.SIGPIPE
    except OSError as error:
        # Without a file name the error is one of standard output.
        if error.filename is not None or error.errno not in _STREAM_ERRORS:
            raise
        return _failed(f"cannot write the output: {error.strerror}; free space, or send it elsewhere", 7)
    return code if isinstance(code, int) else 0


def _failed(message: str, code: int) -> int:
    say(f"brainalign: {' '.join(message.split())}", err=True)
    return code
