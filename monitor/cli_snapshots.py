"""Commands for what is in the store: ``brainalign snapshots list | show | export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .cli_options import AsJson, Domain, Home, Known, Stored, command_group, print_json, settings_from, utc

snapshots_app = command_group("List, show and export stored snapshots.")


@snapshots_app.command("list")
def list_snapshots(
    known: Known = None, home: Home = None, domain: Domain = None, as_json: AsJson = False
) -> None:
    """List the snapshots by the date that they describe."""
    from . import console, pipeline

    infos = pipeline.list_snapshots(settings_from(home=home, domain=domain), domain, utc(known))
    if as_json:
        print_json([console.info_json(info) for info in infos])
    else:
        console.snapshot_list(infos)


@snapshots_app.command("show")
def show_snapshot(
    snapshot: Stored = "latest", home: Home = None, domain: Domain = None, as_json: AsJson = False
) -> None:
    """Show one snapshot and its source."""
    from . import console, pipeline

    settings = settings_from(home=home, domain=domain)
    with pipeline.open_existing(settings, snapshot) as store:
        info = store.find(snapshot, settings.domain)
        aside = store.set_aside(info.id)
    if as_json:
        print_json({**console.info_json(info), "set_aside": [console.set_aside_json(cell) for cell in aside]})
    else:
        console.snapshot_details(info, aside)


@snapshots_app.command("export")
def export_snapshot(
    snapshot: Stored,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Snapshot file to write (.snapshot.json.gz).", metavar="FILE"),
    ],
    home: Home = None,
    domain: Domain = None,
) -> None:
    """Write one snapshot to a file, for Python."""
    from brainalign_plugin.snapshot_file import snapshot_bytes

    from . import console, pipeline
    from .files import write_atomically

    settings = settings_from(home=home, domain=domain)
    with pipeline.open_existing(settings, snapshot) as store:
        found = store.snapshot(store.find(snapshot, settings.domain).id)
    write_atomically(output, snapshot_bytes(found))
    console.exported(output)
