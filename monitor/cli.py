"""The command line. Commands import what they need when they run, so that ``--help`` answers at once.

Exit codes: 0 success, with or without news; 1 an unexpected error; 2 wrong usage; 3 configuration; 4 the source
could not be read; 5 its payload was refused; 6 store; 7 report; 8 an input cannot be used.
"""

from __future__ import annotations

import json
import shlex
import sys
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .cli_reference import reference_app
from .cli_schemes import audit, rank

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .config import Settings
    from .pipeline import Found

app = typer.Typer(
    name="brainalign",
    help="Watch how far Brain-Score's benchmarks agree, and what an aggregate of them hides.",
    epilog=(
        "Exit codes: 0 success, with or without news · 2 wrong usage · 3 configuration · 4 source unreachable · "
        "5 payload refused · 6 store · 7 report · 8 unusable input."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
snapshots_app = typer.Typer(help="Look at the stored snapshots.", no_args_is_help=True)
app.add_typer(snapshots_app, name="snapshots")
app.add_typer(reference_app, name="reference")
app.command()(rank)
app.command()(audit)

Home = Annotated[
    Path | None,
    typer.Option("--home", help="Folder of all state.", envvar="BRAINALIGN_HOME", show_envvar=True),
]
Domain = Annotated[str | None, typer.Option(help="Leaderboard to read: vision or language.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
MaxMissing = Annotated[
    float | None, typer.Option(help="Drop benchmarks with a larger share of missing scores (default 0.5).")
]
AsOf = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Reconstruct the board as it stood before this day (UTC)."),
]


@app.callback()
def _global(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens to stderr.")] = False,
    log_json: Annotated[bool, typer.Option(help="Log JSON lines instead of text.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        from brainalign_plugin import __version__

        typer.echo(f"brainalign {__version__}")
        raise typer.Exit
    from .logs import configure_logs

    configure_logs(verbose=verbose, as_json=log_json)


@app.command()
def run(
    source: Annotated[
        str | None, typer.Option(help="Address or file to read instead of the configured site.")
    ] = None,
    home: Home = None,
    domain: Domain = None,
    max_missing: MaxMissing = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the leaderboard, store it, analyse it and write the report: the command for cron."""
    from . import pipeline

    settings = _settings(home=home, domain=domain, max_missing=max_missing)
    with pipeline.open_home(settings) as store:
        result = pipeline.run(settings, store, source, _now, _command(), _stage)
        info = store.info(result.fetched.stored.id)
    if as_json:
        _print_json(
            {
                "news": result.fetched.stored.new,
                "snapshot": info.id,
                "as_of": info.as_of_time.isoformat(),
                "sha256": info.sha256,
                "set_aside": len(result.fetched.pull.set_aside),
                "report": str(result.report),
            }
        )
        return
    from . import console

    console.fetched(result.fetched, info)
    typer.echo(f"report: {result.report}" + ("" if result.wrote_report else " (as it was)"))


@app.command()
def fetch(
    source: Annotated[
        str | None, typer.Argument(help="Address or file; the configured site if left out.")
    ] = None,
    home: Home = None,
    domain: Domain = None,
) -> None:
    """Pull one snapshot into the store, without a report."""
    from . import console, pipeline

    settings = _settings(home=home, domain=domain)
    with pipeline.open_home(settings) as store:
        fetched = pipeline.fetch(settings, store, source, _now, _stage)
        console.fetched(fetched, store.info(fetched.stored.id))


@app.command()
def analyze(
    snapshot: Annotated[
        str,
        typer.Argument(help="A payload or snapshot file, or a stored snapshot: number, hash or 'latest'."),
    ],
    as_of: AsOf = None,
    home: Home = None,
    max_missing: MaxMissing = None,
    as_json: AsJson = False,
) -> None:
    """Analyse one snapshot: agreement, spread, explained variance, ranks under each scheme."""
    from brainalign_plugin.analysis import analysis_json

    from . import console, pipeline

    settings = _settings(home=home, max_missing=max_missing)
    found = _find(settings, snapshot)
    with _stage("analysing"):
        analysis = pipeline.analyse_snapshot(
            settings, found.snapshot, None if as_of is None else as_of.date()
        )
    for cell in found.set_aside:
        typer.echo(console.set_aside_line(cell), err=True)
    if as_json:
        _print_json(analysis_json(analysis))
    else:
        console.analysis(analysis)


@app.command()
def report(
    snapshot: Annotated[
        str, typer.Argument(help="A file, or a stored snapshot: number, hash or 'latest'.")
    ] = "latest",
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write.")] = Path(
        "brainalign-report.html"
    ),
    as_of: AsOf = None,
    home: Home = None,
    max_missing: MaxMissing = None,
) -> None:
    """Write the HTML report of one snapshot."""
    from . import pipeline

    settings = _settings(home=home, max_missing=max_missing)
    found = _find(settings, snapshot)
    board = found.snapshot if as_of is None else found.snapshot.as_of(as_of.date())
    written = pipeline.write_snapshot_report(
        settings, board, found.set_aside, output, _now, _command(), _stage
    )
    typer.echo(f"report: {written}")


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write.")] = Path(
        "brainalign-demo.html"
    ),
    seed: Annotated[
        int, typer.Option(help="Seed of the simulation; the same seed gives the same board.", min=0)
    ] = 1,
    home: Home = None,
) -> None:
    """Simulate a leaderboard's life, send it through the whole pipeline, and write its report. Needs no network."""
    from . import console
    from .demo import run_demo

    settings = _settings(home=home)
    result = run_demo(settings, seed, output, _now, _command(), _stage)
    console.demo(result)


@snapshots_app.command("list")
def list_snapshots(home: Home = None, domain: Domain = None, as_json: AsJson = False) -> None:
    """List the stored snapshots by the date that they describe."""
    from . import console, pipeline

    settings = _settings(home=home)
    with pipeline.open_home(settings) as store:
        infos = store.snapshots(domain)
    if as_json:
        _print_json([console.info_json(info) for info in infos])
    else:
        console.snapshot_list(infos)


@snapshots_app.command("show")
def show_snapshot(
    snapshot: Annotated[str, typer.Argument(help="A stored snapshot: number, hash or 'latest'.")] = "latest",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show one stored snapshot: what is in it, where it came from, what was set aside."""
    from . import console, pipeline

    settings = _settings(home=home)
    with pipeline.open_home(settings) as store:
        info = store.find(snapshot)
        aside = store.set_aside(info.id)
    if as_json:
        _print_json(
            {**console.info_json(info), "set_aside": [console.set_aside_json(cell) for cell in aside]}
        )
    else:
        console.snapshot_details(info, aside)


@snapshots_app.command("export")
def export_snapshot(
    snapshot: Annotated[str, typer.Argument(help="A stored snapshot: number, hash or 'latest'.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Snapshot file to write (.snapshot.json.gz).")
    ],
    home: Home = None,
) -> None:
    """Write a stored snapshot to a file that Python and the plugin can read."""
    from brainalign_plugin.snapshot_file import snapshot_bytes

    from . import pipeline
    from .files import write_atomically

    settings = _settings(home=home)
    with pipeline.open_home(settings) as store:
        found = store.snapshot(store.find(snapshot).id)
    write_atomically(output, snapshot_bytes(found))
    typer.echo(f"snapshot: {output}")


def main() -> None:
    """Entry point: errors that we raise on purpose end as one line on stderr and their exit code."""
    from brainalign_plugin.errors import BrainAlignError

    try:
        app()
    except BrainAlignError as error:
        from .errors import exit_code

        typer.echo(f"brainalign: {' '.join(str(error).split())}", err=True)
        sys.exit(exit_code(error))


def _now() -> datetime:
    return datetime.now(UTC)


def _command() -> str:
    return shlex.join(["brainalign", *sys.argv[1:]])


def _settings(**overrides: Any) -> Settings:
    from .config import load_settings

    return load_settings(**overrides)


def _find(settings: Settings, wanted: str) -> Found:
    """A snapshot from a file if there is one of that name, else from the store."""
    from .pipeline import find_snapshot

    return find_snapshot(settings, wanted, _now())


def _print_json(record: Any) -> None:
    typer.echo(json.dumps(record, allow_nan=False, ensure_ascii=False, indent=2))


@contextmanager
def _spinner(text: str) -> Iterator[None]:
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status(escape(text)):
        yield


def _stage(text: str) -> AbstractContextManager[object]:
    """Show a stage that may take longer than a second, on a terminal only."""
    from .pipeline import silent

    return _spinner(text) if sys.stderr.isatty() else silent(text)
