"""The command line; errors become exit codes (`app`). Commands import what they need when they run, for ``--help``."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from ..base.process import open_standard_streams, set_up
from . import options
from .board_commands import analyze, demo, fetch, metadata, plot, report
from .delivery_commands import alerts_app, deliver, mail_app, publish, run, serve
from .history_commands import backfill, diff, drift, eras, history
from .options import help_without_command
from .place_command import place
from .printing import say
from .reference_commands import link, reference_app, unlink
from .scheme_commands import audit, rank, validity
from .status_commands import config_app, doctor, status
from .store_commands import snapshots_app, store_app

# Plain help, because rich takes longer to load than everything else.
app = options.Commands(
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
    _home: options.Home = None,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    help_without_command(context)
    options.LOG_LINES.set("json" if log_json else "text" if verbose else "none")


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
        # typer and rich make an exit of it.
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
