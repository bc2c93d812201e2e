"""Commands for what goes out: ``brainalign publish``, ``deliver``, ``mail preview`` and ``mail test``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .cli_options import Domain, Home, MaxMissing, command_group, now, settings_from, stage


def publish(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder to publish in (default: site.folder of the settings).",
            metavar="DIR",
        ),
    ] = None,
    home: Home = None,
    domain: Domain = None,
    max_missing: MaxMissing = None,
) -> None:
    """Publish the site: latest report, history, archive, feed, data; serve the folder ``current`` in it."""
    from . import console, pipeline, publishing
    from .errors import ConfigError

    settings = settings_from(home=home, domain=domain, max_missing=max_missing)
    folder = output or settings.site_folder
    if folder is None:
        raise ConfigError("there is no folder to publish in; set site.folder, or give --output DIR")
    with pipeline.open_existing(settings, "latest") as store:
        done = publishing.publish(settings, store, folder, stage)
    console.published(done)


mail_app = command_group("Look at mails before anybody gets them.")


class Previewed(StrEnum):
    """Which mail is shown."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"
    ALERT = "alert"


@mail_app.command("preview")
def mail_preview(
    kind: Annotated[Previewed, typer.Argument(help="Which mail.")] = Previewed.WEEKLY,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="File to write: .eml, .html or .txt.", metavar="FILE"),
    ] = Path("brainalign-mail.html"),
    home: Home = None,
    domain: Domain = None,
) -> None:
    """Write a mail as its recipients would get it: the digest of the last week or month, or the last alert."""
    from . import console, pipeline
    from .files import write_atomically
    from .mail_preview import preview, preview_bytes

    settings = settings_from(home=home, domain=domain)
    with pipeline.open_existing(settings, "latest") as store:
        message = preview(settings, store, kind.value, now(), stage)
    write_atomically(output, preview_bytes(message, output.suffix))
    console.previewed(message, output)


@mail_app.command("test")
def mail_test(
    address: Annotated[str, typer.Argument(help="Who gets it.", metavar="ADDRESS")],
    home: Home = None,
) -> None:
    """Send a mail to an address right away, to see that the settings work."""
    from . import channels, console
    from .config_sections import is_mail_address
    from .errors import ConfigError
    from .mail_preview import test_message

    if not is_mail_address(address):
        raise typer.BadParameter(f"{address!r} is not a plain mail address", param_hint="ADDRESS")
    settings = settings_from(home=home)
    if settings.mail.host is None:
        raise ConfigError("no mail server is configured; set mail.host and mail.sender")
    message = test_message(settings, address, now())
    with stage(f"sending to {address}"):
        channels.sender(settings, now)(message)
    console.tested(settings.mail.host, settings.mail.used_port, message)


def add_commands(app: typer.Typer) -> None:
    """Put the commands on the command line."""
    app.command()(publish)
    app.add_typer(mail_app, name="mail")
