"""Common options of the commands, and the settings that they give.

Settings are imported when a command runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args

import typer

from .printing import rejected_lines, say

if TYPE_CHECKING:
    from brainalign_plugin.data.snapshot import Snapshot

    from ..config.settings import Settings
    from ..store import Store


def _home(context: typer.Context, given: Path | None) -> Path | None:
    # It may be given before the command's name.
    return given or context.find_root().params.get("_home")


def _utc(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=UTC)


def option(text: str, metavar: str | None = None, *, name: str = "", **more: Any) -> Any:
    """Return an option with its help, and the names that are in ``name``: if none is, that of its parameter."""
    return typer.Option(*name.split(), help=text, metavar=metavar, **more)


def day_option(text: str, *names: str) -> Any:
    """Return an option that is a day in UTC."""
    return typer.Option(*names, formats=["%Y-%m-%d"], help=text, metavar="DATE", callback=_utc)


# The environment is read with the other settings, so that an option before a command's name wins over it.
Home = Annotated[
    Path | None,
    option("Folder of all state (or BRAINALIGN_HOME).", "DIR", name="--home", readable=False, callback=_home),
]
Domain = Annotated[str | None, option("Leaderboard: vision or language (default vision).", "NAME")]
MaxMissing = Annotated[
    float | None, option("Drop benchmarks with a larger share of missing scores (default 0.5).", "SHARE", min=0, max=1)
]
Choices = dict[str, Any]
# Options by which the settings are read, in one parameter (`Commands`): those of all commands, and with the threshold.
Where = Annotated[Choices, {"home": Home, "domain": Domain}]
Limits = Annotated[Choices, {"home": Home, "domain": Domain, "max_missing": MaxMissing}]
Scheme = Annotated[str, option("Name of a scheme, several with commas, or 'all'.", name="--scheme")]
AsJson = Annotated[bool, option("Print JSON instead of text.", name="--json")]
AsOf = Annotated[datetime | None, day_option("Reconstruct the board as it was before this day (UTC), YYYY-MM-DD.")]
Known = Annotated[datetime | None, day_option("Use only snapshots seen before this day (UTC), YYYY-MM-DD.")]
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
    option(
        "A frozen reference, or the path of its file (default: the only one; without any, `place` takes the "
        "newest snapshot).",
        "NAME",
        envvar="BRAINALIGN_REFERENCE",
        show_envvar=True,
    ),
]
Html = Annotated[Path, option("HTML file to write.", "FILE", name="--output -o")]
Level = Annotated[float, option("Level of the intervals.", name="--interval", min=0.5, max=0.999)]
Seed = Annotated[int, option("Seed of the draws; the same seed gives the same numbers.", min=0)]


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


Command = TypeVar("Command", bound=Callable[..., None])


class Commands(typer.Typer):
    """A group of commands, in which one parameter can stand for several options: it gets their values by name."""

    def command(self, *args: Any, **choices: Any) -> Callable[[Command], Command]:
        """Return a decorator that adds a command."""
        add = super().command(*args, **choices)

        def decorate(function: Command) -> Command:
            add(_spread(function))
            return function

        return decorate


def _spread(function: Callable[..., None]) -> Callable[..., None]:
    """Return the command with its groups of options one by one."""
    own = inspect.signature(function, eval_str=True)
    kinds = {name: get_args(one.annotation) for name, one in own.parameters.items()}
    groups = {name: kind[1] for name, kind in kinds.items() if kind[:1] == (Choices,)}
    parameters: list[inspect.Parameter] = []
    for name, one in own.parameters.items():
        options = groups.get(name, {}).items()
        parameters += [one.replace(name=option, default=None, annotation=kind) for option, kind in options] or [one]

    @wraps(function)
    def command(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = {option: given.pop(option) for option in group}
        function(**given)

    command.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    return command


def command_group(text: str) -> Commands:
    """Return a group of commands; without a command it prints its help to stderr and fails."""
    group = Commands(help=text, invoke_without_command=True)
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


def day_of(moment: datetime | None) -> date | None:
    """Return the day of an option."""
    return None if moment is None else moment.date()


def settings_from(wanted: str = "", **options: Any) -> Settings:
    """Return the settings with the options applied, and start logging by them.

    `wanted`: snapshot that the command reads; of ``latest`` the leaderboard is named if there are several.
    """
    from ..base.logs import configure_logs
    from ..config.settings import load_settings

    configure_logs(verbose=LOG_LINES.get() != "none", as_json=LOG_LINES.get() == "json")
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


def snapshot_of(settings: Settings, wanted: str, as_of: datetime | None, at: datetime | None = None) -> Snapshot:
    """Read a snapshot, as it stood before a day if one is named; cells that are rejected are printed."""
    from ..operations.pull import find_snapshot

    found = find_snapshot(settings, wanted, at or now())
    say(*rejected_lines(found.rejected), err=True)
    return found.snapshot if as_of is None else found.snapshot.as_of(as_of.date())


def named_schemes(schemes: str) -> tuple[str, ...]:
    """Return the names of the requested schemes; empty for all."""
    from brainalign_plugin.errors import SchemeError
    from brainalign_plugin.schemes import get_scheme

    parts = [part for part in map(str.strip, schemes.split(",")) if part]
    names = [get_scheme(part).name for part in parts if part.lower() != "all"]
    if not parts:
        raise SchemeError(f"no scheme is named in {schemes!r}; name some with commas, or take 'all'")
    return tuple(dict.fromkeys(names)) if len(names) == len(parts) else ()
