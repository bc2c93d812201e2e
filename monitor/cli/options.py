"""Common options, settings, JSON output and progress of the commands.

Only typer is imported here; everything else when a command runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from brainalign_plugin.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..config.settings import Settings
    from ..store import Store

# The environment is read with the other settings, so that an option before a command's name wins over it.
Home = Annotated[
    Path | None, typer.Option("--home", help="Folder of all state (or BRAINALIGN_HOME).", metavar="DIR", readable=False)
]
Domain = Annotated[str | None, typer.Option(help="Leaderboard: vision or language (default vision).", metavar="NAME")]
SchemeName = Annotated[str, typer.Option("--scheme", help="Name of a scheme, several with commas, or 'all'.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
MaxMissing = Annotated[
    float | None,
    typer.Option(
        help="Drop benchmarks with a larger share of missing scores (default 0.5).", min=0, max=1, metavar="SHARE"
    ),
]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"], help="Reconstruct the board as it was before this day (UTC), YYYY-MM-DD.", metavar="DATE"
    ),
]
Known = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"], help="Use only snapshots seen before this day (UTC), YYYY-MM-DD.", metavar="DATE"
    ),
]
Given = Annotated[
    str,
    typer.Argument(
        help="A payload or snapshot file, or a stored snapshot: its number, the first digits of its hash, or "
        "'latest' of the domain.",
        metavar="PATH|ID",
    ),
]
Stored = Annotated[
    str,
    typer.Argument(
        help="A stored snapshot: its number, the first digits of its hash, or 'latest' of the domain.", metavar="ID"
    ),
]
Reference = Annotated[
    str,
    typer.Option(
        help="A frozen reference, or the path of its file (default: the only one; without any, `place` takes the "
        "newest snapshot).",
        envvar="BRAINALIGN_REFERENCE",
        show_envvar=True,
        metavar="NAME",
    ),
]
Html = Annotated[Path, typer.Option("--output", "-o", help="HTML file to write.", metavar="FILE")]
Level = Annotated[float, typer.Option("--interval", min=0.5, max=0.999, help="Level of the intervals.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the draws; the same seed gives the same numbers.")]


# Log format of the options before a command's name: none, text or json. Kept until the command runs, because setting
# up the logs takes longer than printing help.
LOG_LINES: ContextVar[Literal["none", "text", "json"]] = ContextVar("log_lines", default="none")
# Headings of the list of commands.
WATCH, LOOK, COMPARE, MODELS, OPERATE = (
    "Watch a leaderboard",
    "Look at one board",
    "Compare boards over time",
    "Rank and place models",
    "Operate the monitor",
)
HOME: ContextVar[Path | None] = ContextVar("home", default=None)


class GroupedCommands(typer.core.TyperGroup):
    """A group of commands that lists them under headings."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a list of commands for each heading, all in one column."""
        commands = {name: self.commands[name] for name in self.list_commands(ctx)}
        wide = max(map(len, commands))
        for heading in (WATCH, LOOK, COMPARE, MODELS, OPERATE):
            rows = [
                (f"{name:<{wide}}", command.get_short_help_str(formatter.width))
                for name, command in commands.items()
                if getattr(command, "rich_help_panel", None) == heading
            ]
            with formatter.section(heading):
                formatter.write_dl(rows)


def command_group(text: str) -> typer.Typer:
    """Return a group of commands; without a command it prints its help to stderr and fails."""
    group = typer.Typer(help=text, invoke_without_command=True)
    group.callback()(help_without_command)
    return group


def help_without_command(context: typer.Context) -> None:
    """Print the help of a group if no command is named."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


def now() -> datetime:
    """Return the time of the commands' clock."""
    return datetime.now(UTC)


def utc(day: datetime | None) -> datetime | None:
    """Return a day of the command line in UTC."""
    return None if day is None else day.replace(tzinfo=UTC)


def settings_from(wanted: str = "", **options: Any) -> Settings:
    """Return the settings with the options applied, and start logging by them.

    `wanted`: snapshot that the command reads; of ``latest`` the leaderboard is named if there are several.
    """
    from ..base.logs import configure_logs
    from ..config.settings import load_settings

    configure_logs(verbose=LOG_LINES.get() != "none", as_json=LOG_LINES.get() == "json")

    if options.get("home") is None:
        options["home"] = HOME.get()
    settings = load_settings(**options)
    others = [name for name in settings.domains if name != settings.domain]
    if wanted == "latest" and others:
        say(f"note: this is {settings.domain}; --domain {others[0]} names another leaderboard", err=True)
    return settings


@contextmanager
def opened(wanted: str = "", *, to_write: bool = False, **options: Any) -> Iterator[tuple[Settings, Store]]:
    """Give the settings (`settings_from`), and the store that is there: to read it, or to write."""
    from ..operations.pull import open_existing

    settings = settings_from(wanted, **options)
    with open_existing(settings, wanted or "latest", to_write=to_write) as store:
        yield settings, store


def watched(settings: Settings, source: str | None) -> tuple[Settings, ...]:
    """Return the settings of each leaderboard; a named source is of one."""
    return settings.each() if source is None else (settings,)


def named_schemes(schemes: str) -> tuple[str, ...]:
    """Return the names of the requested schemes; empty for all."""
    from brainalign_plugin.errors import SchemeError
    from brainalign_plugin.schemes import get_scheme

    parts = [part for part in map(str.strip, schemes.split(",")) if part]
    names = [get_scheme(part).name for part in parts if part.lower() != "all"]
    if not parts:
        raise SchemeError(f"no scheme is named in {schemes!r}; name some with commas, or take 'all'")
    return tuple(dict.fromkeys(names)) if len(names) == len(parts) else ()


def say(*lines: str, err: bool = False) -> None:
    """Print lines without control characters of foreign text."""
    stream = sys.stderr if err else sys.stdout
    stream.write("".join(f"{printable(line)}\n" for line in lines))
    stream.flush()


def print_json(record: Any) -> None:
    """Print a record in ASCII: a foreign string in it cannot drive a terminal, and every locale can encode it."""
    from ..base.files import json_text

    typer.echo(json_text(record, 2))


def stage(text: str) -> AbstractContextManager[object]:
    """Show the current stage and its duration, on a terminal only."""
    from ..base.progress import silent

    return _bar(text) if sys.stderr.isatty() else silent(text)


@contextmanager
def _bar(text: str) -> Iterator[None]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(printable(text), total=None)
        yield
