"""Commands for the store: ``brainalign store check``, ``backup``, ``restore`` and ``prune``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .cli_options import AsJson, Home, command_group, now, print_json, settings_from, stage

if TYPE_CHECKING:
    from .config import Settings

store_app = command_group("Check, back up, restore and prune the store.")

BackupFile = Annotated[Path, typer.Argument(help="The backup.", metavar="FILE")]
_EXIT_DAMAGED = 6


@store_app.command("check")
def check(home: Home = None, as_json: AsJson = False) -> None:
    """Check the database, digests of snapshots, hashes of bodies."""
    from . import pipeline
    from .logs import printable

    settings = settings_from(home=home)
    with pipeline.open_existing(settings, "latest") as store, stage("checking"):
        problems = store.check()
        snapshots = len(store.snapshots())
    if as_json:
        print_json({"snapshots": snapshots, "problems": problems})
    else:
        for problem in problems:
            typer.echo(printable(problem), err=True)
        typer.echo(
            f"{snapshots} snapshots, {len(problems)} problems"
            if problems
            else f"{snapshots} snapshots, no problem"
        )
    if problems:
        raise typer.Exit(_EXIT_DAMAGED)


@store_app.command("backup")
def backup(output: BackupFile, home: Home = None) -> None:
    """Write everything into one file; settings without secrets.

    Others may write meanwhile; the backup is of one moment.
    """
    from brainalign_plugin import __version__

    from . import pipeline
    from .logs import printable

    settings = settings_from(home=home)
    with pipeline.open_existing(settings, "latest") as store, stage("backing up"):
        done = store.backup(
            output,
            references=settings.references,
            config=_config_without_secrets(settings),
            made_at=now(),
            software=__version__,
        )
    for sha256 in done.missing:
        typer.echo(f"brainalign: the body {sha256} is not there, and not in the backup", err=True)
    typer.echo(
        printable(
            f"{done.path}: {done.rows['snapshot']} snapshots, {sum(done.rows.values())} rows, {done.files} files"
        )
    )


@store_app.command("restore")
def restore(backup: BackupFile, home: Home = None) -> None:
    """Verify and restore a backup; nothing is overwritten."""
    from .logs import printable
    from .store import open_store, restore_backup

    settings = settings_from(home=home)
    with stage("restoring"):
        done = restore_backup(
            backup,
            settings.store_address,
            home=settings.home,
            bodies=settings.bodies,
            references=settings.references,
        )
    with open_store(settings.store_address, settings.bodies) as store, stage("checking"):
        problems = store.check()
    for problem in problems:
        typer.echo(f"brainalign: {printable(problem)}", err=True)
    where = str(settings.home) if settings.store is None else f"{settings.home} and {settings.store}"
    typer.echo(
        printable(
            f"{done.rows['snapshot']} snapshots, {sum(done.rows.values())} rows, {done.files} files in {where}"
        )
    )
    if done.config is not None:
        typer.echo(
            printable(f"{done.config} has the settings; secrets were left out and have to be given again")
        )
    if problems:
        raise typer.Exit(_EXIT_DAMAGED)


@store_app.command("prune")
def prune(
    keep_days: Annotated[
        int, typer.Option(help="Keep all snapshots of so many days.", min=0, metavar="DAYS")
    ] = 90,
    weekly_days: Annotated[
        int,
        typer.Option(
            help="Of what is older, keep the last of each week of so many days, and before that of each month.",
            min=0,
            metavar="DAYS",
        ),
    ] = 730,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Delete old snapshots by a policy, and unused bodies."""
    from . import pipeline
    from .logs import printable
    from .store import Policy, prunable

    settings = settings_from(home=home)
    with pipeline.open_existing(settings, "latest") as store, store.exclusive("brainalign store prune"):
        with stage("pruning"):
            done = store.prune(
                prunable(store.snapshots(), Policy(keep_days, weekly_days), now()), dry_run=dry_run
            )
        left = len(store.snapshots()) - (len(done.snapshots) if dry_run else 0)
    if as_json:
        print_json(
            {
                "dry_run": dry_run,
                "snapshots": [info.id for info in done.snapshots],
                "rows": done.rows,
                "bodies": [path.name.partition(".")[0] for path in done.bodies],
                "freed_bytes": done.freed_bytes,
                "left": left,
            }
        )
        return
    for info in done.snapshots:
        typer.echo(printable(f"{info.id}  {info.domain}  {info.as_of_time:%Y-%m-%d}  {info.sha256[:12]}"))
    typer.echo(
        f"{'would delete' if dry_run else 'deleted'} {len(done.snapshots)} snapshots, {done.rows} rows and "
        f"{len(done.bodies)} bodies ({done.freed_bytes / 1e6:.1f} MB); {left} snapshots stay"
    )


def _config_without_secrets(settings: Settings) -> bytes:
    """The settings file without its secrets, with a line that names them."""
    import tomllib

    import tomli_w

    from brainalign_plugin.decoding import decode

    from .config import Settings as Model
    from .config_reading import CONFIG_NAME, is_secret, setting_fields
    from .store.backup import config_without

    path = settings.home / CONFIG_NAME
    if not path.is_file():
        return b""
    document = tomllib.loads(decode(path.read_bytes()))
    secrets = [found for found, field in setting_fields(Model) if is_secret(field.annotation)]
    names = ", ".join(".".join(found) for found in secrets)
    head = f"# From a backup. Secrets were left out: give {names} again, where you use them.\n"
    return (head + tomli_w.dumps(config_without(document, secrets))).encode()
