"""Commands for stored snapshots: ``brainalign snapshots list | show | export | remove``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brainalign_plugin.text import counted

from . import options
from .options import command_group, now, opened, print_json, say, settings_from, utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..operations.remove import Dependents
    from ..store import SnapshotInfo

# Width of a terminal from which a list of snapshots shows their sources.
_WIDE = 110
snapshots_app = command_group("List, show, export and remove stored snapshots.")


@snapshots_app.command("list")
def list_snapshots(
    known: options.Known = None,
    home: options.Home = None,
    domain: options.Domain = None,
    as_json: options.AsJson = False,
) -> None:
    """List the snapshots by the date that they describe."""
    from ..operations import pull
    from . import printing

    infos, pruned = pull.list_snapshots(settings_from(home=home, domain=domain), domain, utc(known))
    if pruned:
        numbers = ", ".join(str(one.info.id) for one in pruned)
        say(f"brainalign: pruned since then, and not listed: {numbers}", err=True)
    if as_json:
        print_json([printing.info_json(info) for info in infos])
    else:
        _print_list(infos)


def _print_list(infos: Sequence[SnapshotInfo]) -> None:
    """List stored snapshots."""
    from rich.table import Table

    from .printing import out, printable

    if not infos:
        say("no snapshots yet; `brainalign fetch` pulls the first")
        return
    to = out()
    # Eighty columns have no room for the source, which `snapshots show` prints.
    wide = to.width >= _WIDE
    columns = ("id", "domain", "as of", "kind", "seen", "models", "benchmarks", "sha256")
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for column in (*columns, *(("source",) if wide else ())):
        table.add_column(column, no_wrap=True)
    for info in infos:
        table.add_row(
            str(info.id),
            info.domain,
            f"{info.as_of_time:%Y-%m-%d}",
            "reconstructed" if info.reconstructed else "simulated" if info.simulated else "observed",
            f"{info.seen_at:%Y-%m-%d}",
            str(info.models),
            str(info.benchmarks),
            info.sha256[:12],
            *((printable(info.source),) if wide else ()),
        )
    to.print(table)


@snapshots_app.command("show")
def show_snapshot(
    snapshot: options.Stored = "latest",
    home: options.Home = None,
    domain: options.Domain = None,
    as_json: options.AsJson = False,
) -> None:
    """Show one snapshot and its source."""
    from dataclasses import asdict

    from . import printing

    with opened(snapshot, home=home, domain=domain) as (settings, store):
        info = store.find(snapshot, settings.domain)
        rejected = store.rejected(info.id)
    if as_json:
        print_json({**printing.info_json(info), "rejected": [asdict(cell) for cell in rejected]})
        return
    printing.print_facts(printing.info_json(info))
    say(*printing.rejected_lines(rejected, None))


@snapshots_app.command("export")
def export_snapshot(
    snapshot: options.Stored,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Snapshot file to write (.snapshot.json.gz).", metavar="FILE")
    ],
    home: options.Home = None,
    domain: options.Domain = None,
) -> None:
    """Write one snapshot to a file, for Python."""
    from brainalign_plugin.files.snapshot_file import snapshot_bytes

    from ..base.files import write_atomically

    with opened(snapshot, home=home, domain=domain) as (settings, store):
        found = store.snapshot(store.find(snapshot, settings.domain).id)
    write_atomically(output, snapshot_bytes(found))
    say(f"snapshot: {output}")


@snapshots_app.command("remove")
def remove_snapshot(
    snapshot: options.Stored,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what depends on it; remove nothing.")] = False,
    home: options.Home = None,
    domain: options.Domain = None,
    as_json: options.AsJson = False,
) -> None:
    """Remove a bad board and what depends on it.

    Its reports and the boards reconstructed from it are removed too. Its alerts stay; its body stays until
    `brainalign store prune` moves it away.
    """
    from contextlib import nullcontext

    from ..operations.remove import dependents, remove_board

    with (
        opened(snapshot, home=home, domain=domain, to_write=not dry_run) as (settings, store),
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
                "reports": found.reports,
                "alerts": [one.subject for one in found.alerts],
            }
        )
    else:
        _print_removed(info, found, dry_run)


def _print_removed(info: SnapshotInfo, found: Dependents, dry_run: bool) -> None:
    say(*(f"reconstructed  {one.id}, as of {one.as_of_time:%Y-%m-%d}" for one in found.reconstructed))
    say(*(f"report         {path}" for path in found.reports))
    say(*(f"active alert   {one.subject}: keeps firing until the next board resolves it" for one in found.alerts))
    say(
        f"{'would remove' if dry_run else 'removed'} snapshot {info.id} ({info.sha256[:12]}, as of "
        f"{info.as_of_time:%Y-%m-%d}), {counted(len(found.reconstructed), 'reconstructed board')} and "
        f"{counted(len(found.reports), 'report')}"
    )
