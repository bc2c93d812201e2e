"""Commands for stored snapshots: ``brainalign snapshots list | show | export | remove``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brainalign_plugin.text import counted

from .options import (
    AsJson,
    Domain,
    Home,
    Known,
    Stored,
    command_group,
    now,
    print_json,
    settings_from,
    utc,
)

if TYPE_CHECKING:
    from ..operations.remove import Dependents
    from ..store import SnapshotInfo

snapshots_app = command_group("List, show, export and remove stored snapshots.")


@snapshots_app.command("list")
def list_snapshots(
    known: Known = None, home: Home = None, domain: Domain = None, as_json: AsJson = False
) -> None:
    """List the snapshots by the date that they describe."""
    from ..operations import pull
    from . import printing

    infos, pruned = pull.list_snapshots(settings_from(home=home, domain=domain), domain, utc(known))
    if pruned:
        numbers = ", ".join(str(one.info.id) for one in pruned)
        typer.echo(f"brainalign: pruned since then, and not listed: {numbers}", err=True)
    if as_json:
        print_json([printing.info_json(info) for info in infos])
    else:
        printing.snapshot_list(infos)


@snapshots_app.command("show")
def show_snapshot(
    snapshot: Stored = "latest", home: Home = None, domain: Domain = None, as_json: AsJson = False
) -> None:
    """Show one snapshot and its source."""
    from ..operations import pull
    from . import printing

    settings = settings_from(home=home, domain=domain)
    with pull.open_existing(settings, snapshot) as store:
        info = store.find(snapshot, settings.domain)
        aside = store.rejected(info.id)
    if as_json:
        print_json(
            {**printing.info_json(info), "set_aside": [printing.rejected_json(cell) for cell in aside]}
        )
    else:
        printing.snapshot_details(info, aside)


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
    from brainalign_plugin.files.snapshot_file import snapshot_bytes

    from ..base.files import write_atomically
    from ..operations import pull
    from . import printing

    settings = settings_from(home=home, domain=domain)
    with pull.open_existing(settings, snapshot) as store:
        found = store.snapshot(store.find(snapshot, settings.domain).id)
    write_atomically(output, snapshot_bytes(found))
    printing.exported(output)


@snapshots_app.command("remove")
def remove_snapshot(
    snapshot: Stored,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what depends on it; remove nothing.")
    ] = False,
    home: Home = None,
    domain: Domain = None,
    as_json: AsJson = False,
) -> None:
    """Remove a bad board and what depends on it.

    Its reports, its changes and the boards reconstructed from it are removed too. Alert messages stay; its body stays
    until `brainalign store prune` moves it away.
    """
    from contextlib import nullcontext

    from ..operations import pull
    from ..operations.remove import dependents, remove_board

    settings = settings_from(home=home, domain=domain)
    with (
        pull.open_existing(settings, snapshot, to_write=not dry_run) as store,
        nullcontext() if dry_run else store.exclusive("brainalign snapshots remove"),
    ):
        info = store.find(snapshot, settings.domain)
        found = dependents(settings, store, info)
        if not dry_run:
            remove_board(store, info, found, now())
    if as_json:
        print_json(
            {
                "dry_run": dry_run,
                "snapshot": info.id,
                "reconstructed": [one.id for one in found.reconstructed],
                "reports": [str(path) for path in found.reports],
                "findings": [one.words for one in found.findings],
                "alerts": [one.subject for one in found.alerts],
            }
        )
    else:
        _print_removed(info, found, dry_run)


def _print_removed(info: SnapshotInfo, found: Dependents, dry_run: bool) -> None:
    from brainalign_plugin.text import printable

    lines = [
        *(f"reconstructed  {one.id}, as of {one.as_of_time:%Y-%m-%d}" for one in found.reconstructed),
        *(f"report         {path}" for path in found.reports),
        *(f"finding        {one.kind}: {one.words}" for one in found.findings),
        *(
            f"active alert   {one.subject}: keeps firing until the next board resolves it"
            for one in found.alerts
        ),
    ]
    done = f"{'would remove' if dry_run else 'removed'} snapshot {info.id} ({info.sha256[:12]}, as of "
    boards, reports = (
        counted(len(found.reconstructed), "reconstructed board"),
        counted(len(found.reports), "report"),
    )
    for line in [*lines, f"{done}{info.as_of_time:%Y-%m-%d}), {boards} and {reports}"]:
        typer.echo(printable(line))
