"""Commands for the store: ``brainalign store check``, ``backup``, ``restore``, ``begin`` and ``prune``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brainalign_plugin.text import counted

from .options import AsJson, Home, command_group, now, opened, print_json, say, settings_from, stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..config.settings import Settings
    from ..store.pruning import Pruned

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


@store_app.command("backup")
def backup(
    output: BackupFile,
    home: Home = None,
    public: Annotated[
        bool, typer.Option("--public", help="Leave out pending messages, so that the file can be shared.")
    ] = False,
) -> None:
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
    held = counted(done.rows["snapshot"], "snapshot")
    say(f"{done.path}: {held}, {counted(sum(done.rows.values()), 'row')}, {counted(done.files, 'file')}")


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
    say(
        f"{counted(done.rows['snapshot'], 'snapshot')}, {counted(sum(done.rows.values()), 'row')}, "
        f"{counted(done.files, 'file')} in {where}"
    )
    if done.config is not None:
        say(f"{done.config} has the settings; secrets were left out: set them again")
    if problems:
        raise typer.Exit(_EXIT_DAMAGED)


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


@store_app.command("prune")
def prune(
    keep_days: Annotated[int, typer.Option(help="Keep all snapshots of so many days.", min=0, metavar="DAYS")] = 90,
    weekly_days: Annotated[
        int,
        typer.Option(
            help="Of older snapshots keep the last of each week for so many days, then of each month.",
            min=0,
            metavar="DAYS",
        ),
    ] = 730,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be deleted; delete nothing.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Delete old snapshots by a policy, and move unused bodies away."""
    from ..operations.remove import remove_reports, reports_of
    from ..store import prunable

    with (
        opened(home=home, to_write=True) as (settings, store),
        store.exclusive("brainalign store prune"),
        stage("pruning"),
    ):
        infos, at = store.snapshots(), now()
        done = store.prune(prunable(infos, keep_days, weekly_days, at), at, dry_run=dry_run)
        left = [info for info in infos if info not in done.snapshots]
        reports = reports_of(settings, done.snapshots, left)
        if not dry_run:
            remove_reports(reports)
    if done.not_shrunk:
        say(f"brainalign: the file did not shrink: {done.not_shrunk}", err=True)
    if as_json:
        print_json(
            {
                "dry_run": dry_run,
                "snapshots": [info.id for info in done.snapshots],
                "rows": done.rows,
                "reports": reports,
                "bodies_aside": [path.name.partition(".")[0] for path in done.orphans.aside],
                "bodies_removed": [path.name.partition(".")[0] for path in done.orphans.removed],
                "freed_bytes": done.orphans.freed_bytes,
                "left": len(left),
            }
        )
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
