"""Commands for what is stored: ``brainalign store check | backup | restore | begin | prune``, ``snapshots``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brainalign_plugin.text import counted

from . import printing
from .options import AsJson, Home, Known, Stored, Where, command_group, now, opened, option, settings_from
from .printing import print_json, print_table, say, stage

if TYPE_CHECKING:
    from ..config.settings import Settings
    from ..operations.boards import Dependents
    from ..store import SnapshotInfo
    from ..store.backup import BackedUp
    from ..store.pruning import Pruned
    from ..store.restoring import Restored

store_app = command_group("Check, back up, restore and prune the store.")

BackupFile = Annotated[Path, typer.Argument(help="The backup.", metavar="FILE")]
_EXIT_DAMAGED = 6


@store_app.command("check")
def check(home: Home = None, as_json: AsJson = False) -> None:
    """Check the database, digests of snapshots, hashes of bodies."""
    with opened(home=home) as (_, store), stage("checking"):
        problems = store.check()
        snapshots = len(store.snapshots())
    if as_json:
        print_json({"snapshots": snapshots, "problems": problems})
    else:
        say(*problems, err=True)
        say(f"{counted(snapshots, 'snapshot')}, {counted(len(problems), 'problem') if problems else 'no problem'}")
    if problems:
        raise typer.Exit(_EXIT_DAMAGED)


Public = Annotated[bool, option("Leave out pending messages, so that the file can be shared.", name="--public")]


@store_app.command("backup")
def backup(output: BackupFile, home: Home = None, public: Public = False) -> None:
    """Write everything into one file; settings without secrets.

    Other processes may write meanwhile; the backup is of one moment.
    """
    from brainalign_plugin import __version__

    with opened(home=home) as (settings, store), stage("backing up"):
        done = store.backup(
            output,
            references=settings.references,
            config=_config_without_secrets(settings),
            made_at=now(),
            software=__version__,
            public=public,
        )
    say(*(f"brainalign: the body {one} is missing, also in the backup" for one in done.missing), err=True)
    say(f"{done.path}: {_held(done)}")


@store_app.command("restore")
def restore(backup: BackupFile, home: Home = None) -> None:
    """Verify and restore a backup; nothing is overwritten."""
    from ..store import open_store, restore_backup

    settings = settings_from(home=home)
    with stage("restoring"):
        done = restore_backup(
            backup, settings.store_address, home=settings.home, bodies=settings.bodies, references=settings.references
        )
    with open_store(settings.store_address, settings.bodies) as store, stage("checking"):
        problems = store.check()
    say(*(f"brainalign: {problem}" for problem in problems), err=True)
    where = str(settings.home) if settings.store is None else f"{settings.home} and {settings.store}"
    say(f"{_held(done)} in {where}")
    if done.config is not None:
        say(f"{done.config} has the settings; secrets were left out: set them again")
    if problems:
        raise typer.Exit(_EXIT_DAMAGED)


def _held(done: BackedUp | Restored) -> str:
    rows = sum(done.rows.values())
    return f"{counted(done.rows['snapshot'], 'snapshot')}, {counted(rows, 'row')}, {counted(done.files, 'file')}"


@store_app.command("begin")
def begin(home: Home = None) -> None:
    """Make a new store in the place of a lost one.

    The bodies of the lost store stay; `brainalign fetch` imports them.
    """
    from ..store import begin_store

    settings = settings_from(home=home)
    with begin_store(settings.store_address, settings.bodies) as store:
        where = settings.home if settings.store is None else settings.store
        say(f"{where} has a new store, {store.id}")
    kept = sum(1 for _ in settings.bodies.glob("*/*.json.gz"))
    if kept:
        say(f"left in place: {counted(kept, 'body', 'bodies')}; `brainalign fetch {settings.bodies}` reads them in")


WeeklyDays = Annotated[
    int, option("Of older snapshots keep the last of each week for so many days, then of each month.", "DAYS", min=0)
]


@store_app.command("prune")
def prune(
    keep_days: Annotated[int, option("Keep all snapshots of so many days.", "DAYS", min=0)] = 90,
    weekly_days: WeeklyDays = 730,
    dry_run: Annotated[bool, option("Print what would be deleted; delete nothing.", name="--dry-run")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Delete old snapshots by a policy, and move unused bodies away."""
    from ..operations.boards import remove_reports, reports_of
    from ..store import prunable

    lock = "brainalign store prune"
    with opened(home=home, to_write=True) as (settings, store), store.exclusive(lock), stage("pruning"):
        infos, at = store.snapshots(), now()
        done = store.prune(prunable(infos, keep_days, weekly_days, at), at, dry_run=dry_run)
        left = [info for info in infos if info not in done.snapshots]
        reports = reports_of(settings, done.snapshots, left)
        if not dry_run:
            remove_reports(reports)
    if done.not_shrunk:
        say(f"brainalign: the file did not shrink: {done.not_shrunk}", err=True)
    if as_json:
        aside, removed = (
            [path.name.partition(".")[0] for path in paths] for paths in (done.orphans.aside, done.orphans.removed)
        )
        record = {"dry_run": dry_run, "snapshots": [info.id for info in done.snapshots], "rows": done.rows}
        bodies = {"bodies_aside": aside, "bodies_removed": removed, "freed_bytes": done.orphans.freed_bytes}
        print_json({**record, "reports": reports, **bodies, "left": len(left)})
    else:
        _print_pruned(done, reports, len(left), dry_run)


def _print_pruned(done: Pruned, reports: Sequence[Path], left: int, dry_run: bool) -> None:
    say(*(f"{one.id}  {one.domain}  {one.as_of_time:%Y-%m-%d}  {one.sha256[:12]}" for one in done.snapshots))
    say(*(f"report {path}" for path in reports))
    found = done.orphans
    say(
        f"{'would delete' if dry_run else 'deleted'} {counted(len(done.snapshots), 'snapshot')}, "
        f"{counted(done.rows, 'row')} and {counted(len(reports), 'report')}; {counted(left, 'snapshot')} left"
    )
    say(
        f"{'would move' if dry_run else 'moved'} {counted(len(found.aside), 'body', 'bodies')} away for 30 days, "
        f"{'would remove' if dry_run else 'removed'} {len(found.removed)} that had been away for longer "
        f"({found.freed_bytes / 1e6:.1f} MB)"
    )
    if found.shared_with:
        others = ", ".join(found.shared_with)
        say(f"the bodies stay: other stores keep theirs in the same folder ({others})")
    elif found.foreign:
        say(f"left in place: {counted(found.foreign, 'body', 'bodies')} that this store never had")


def _config_without_secrets(settings: Settings) -> bytes:
    """Return the settings file without its masked values, and a line that names them."""
    import tomllib

    import tomli_w

    from brainalign_plugin.files.decoding import decode

    from ..config.reading import CONFIG_NAME, without_secrets

    path = settings.home / CONFIG_NAME
    if not path.is_file():
        return b""
    document, left_out = without_secrets(type(settings), tomllib.loads(decode(path.read_bytes())))
    names = ", ".join(left_out)
    head = f"# From a backup. Left out, to be given again: {names}.\n" if left_out else "# From a backup.\n"
    return (head + tomli_w.dumps(document)).encode()


# Width of a terminal from which a list of snapshots shows their sources.
_WIDE = 110
snapshots_app = command_group("List, show, export and remove stored snapshots.")


@snapshots_app.command("list")
def list_snapshots(known: Known = None, *, where: Where, as_json: AsJson = False) -> None:
    """List the snapshots by the date that they describe."""
    from ..operations import pull

    infos, pruned = pull.list_snapshots(settings_from(**where), where["domain"], known)
    if pruned:
        numbers = ", ".join(str(one.info.id) for one in pruned)
        say(f"brainalign: pruned since then, and not listed: {numbers}", err=True)
    if as_json:
        print_json([printing.info_json(info) for info in infos])
    else:
        _print_list(infos)


def _print_list(infos: Sequence[SnapshotInfo]) -> None:
    """List stored snapshots."""
    if not infos:
        say("no snapshots yet; `brainalign fetch` pulls the first")
        return
    columns = ["id", "domain", "as of", "kind", "seen", "models", "benchmarks", "sha256"]
    rows: list[list[object]] = []
    for info in infos:
        kind = "reconstructed" if info.reconstructed else "simulated" if info.simulated else "observed"
        days = (f"{info.as_of_time:%Y-%m-%d}", kind, f"{info.seen_at:%Y-%m-%d}")
        rows.append([info.id, info.domain, *days, info.models, info.benchmarks, info.sha256[:12]])
    # Eighty columns have no room for the source, which `snapshots show` prints.
    if printing.out().width >= _WIDE:
        columns.append("source")
        rows = [[*row, info.source] for row, info in zip(rows, infos, strict=True)]
    print_table(columns, rows, no_wrap=columns, box=None, pad_edge=False, padding=(0, 1, 0, 0))


@snapshots_app.command("show")
def show_snapshot(snapshot: Stored = "latest", *, where: Where, as_json: AsJson = False) -> None:
    """Show one snapshot and its source."""
    with opened(snapshot, **where) as (settings, store):
        info = store.find(snapshot, settings.domain)
        rejected = store.rejected(info.id)
    if as_json:
        print_json({**printing.info_json(info), "rejected": [asdict(cell) for cell in rejected]})
        return
    printing.print_facts(printing.info_json(info))
    say(*printing.rejected_lines(rejected, None))


SnapshotFile = Annotated[Path, option("Snapshot file to write (.snapshot.json.gz).", "FILE", name="--output -o")]


@snapshots_app.command("export")
def export_snapshot(snapshot: Stored, output: SnapshotFile, *, where: Where) -> None:
    """Write one snapshot to a file, for Python."""
    from brainalign_plugin.files.snapshot_file import snapshot_bytes

    from ..base.files import write_atomically

    with opened(snapshot, **where) as (settings, store):
        found = store.snapshot(store.find(snapshot, settings.domain).id)
    write_atomically(output, snapshot_bytes(found))
    say(f"snapshot: {output}")


DryRemoval = Annotated[bool, option("Print what depends on it; remove nothing.", name="--dry-run")]


@snapshots_app.command("remove")
def remove_snapshot(snapshot: Stored, dry_run: DryRemoval = False, *, where: Where, as_json: AsJson = False) -> None:
    """Remove a bad board and what depends on it.

    Its reports and the boards reconstructed from it are removed too. Its alerts stay; its body stays until
    `brainalign store prune` moves it away.
    """
    from ..operations.boards import dependents, remove_board

    with (
        opened(snapshot, to_write=not dry_run, **where) as (settings, store),
        nullcontext() if dry_run else store.exclusive("brainalign snapshots remove"),
    ):
        info = store.find(snapshot, settings.domain)
        found = dependents(settings, store, info)
        if not dry_run:
            remove_board(store, info, found, now())
    if as_json:
        made, alerts = [one.id for one in found.reconstructed], [one.subject for one in found.alerts]
        record = {"dry_run": dry_run, "snapshot": info.id, "reconstructed": made}
        print_json({**record, "reports": found.reports, "alerts": alerts})
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
