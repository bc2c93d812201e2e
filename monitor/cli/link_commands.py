"""Commands for Brain-Score's plugins: ``brainalign link`` and ``unlink``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import AsJson, Home, print_json, settings_from

if TYPE_CHECKING:
    from brainalign_plugin.brainscore.link import LinkStatus

Check = Annotated[bool, typer.Option("--check", help="Only check the link; exit code 8 if it is missing.")]


def link(check: Check = False, home: Home = None, as_json: AsJson = False) -> None:
    """Make an installed Brain-Score find the meta-benchmarks.

    Links among its benchmarks lead to them.
    """
    from brainalign_plugin.brainscore import link as linking

    record = settings_from(home=home).link_record
    status = linking.link_status(record) if check else linking.link(record)
    _say(status, as_json)
    if check and not status.ok:
        raise typer.Exit(8)


def unlink(home: Home = None, as_json: AsJson = False) -> None:
    """Remove the link into Brain-Score."""
    from brainalign_plugin.brainscore import link as linking

    _say(linking.unlink(settings_from(home=home).link_record), as_json)


def link_json(status: LinkStatus) -> dict[str, Any]:
    """Return the state of the link."""
    return {
        "state": status.state.value,
        "linked": status.ok,
        "folder": None if status.folder is None else str(status.folder),
        "brainscore_vision": status.version,
        "message": status.message,
        "next_step": status.next_step,
    }


def _say(status: LinkStatus, as_json: bool) -> None:
    from brainalign_plugin.text import printable

    if as_json:
        print_json(link_json(status))
    else:
        typer.echo(printable("; ".join(filter(None, (status.message, status.next_step)))))
