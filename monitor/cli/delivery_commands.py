"""Commands for delivery: ``brainalign publish``, ``deliver``, ``mail preview`` and ``mail test``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from brainalign_plugin.text import counted

from . import options
from .options import command_group, now, opened, print_json, say, settings_from, stage

if TYPE_CHECKING:
    from ..base.errors import DeliveryError
    from ..base.outgoing import Message
    from ..notify.outbox import Drained
    from ..store import Queued

# Most messages of the outbox to print.
_MOST = 1000


def publish(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Folder to publish in (default: site.folder of the settings).", metavar="DIR"
        ),
    ] = None,
    home: options.Home = None,
    domain: options.Domain = None,
    max_missing: options.MaxMissing = None,
) -> None:
    """Publish the site: report, history, archive, feed, data.

    Point the web server at the folder ``current`` in it.
    """
    from ..base.errors import ConfigError
    from ..operations import publish as publishing
    from ..operations import pull

    settings = settings_from(home=home, domain=domain, max_missing=max_missing)
    if output is not None:
        site = settings.site.model_copy(update={"folder": output.absolute()})
        settings = settings.model_copy(update={"site": site})
    if settings.site_folder is None:
        raise ConfigError("there is no folder to publish in; set site.folder, or give --output DIR")
    with pull.open_existing(settings, "latest") as store:
        for one in settings.each():
            folder = one.site_folder or settings.site_folder
            done = publishing.publish(one, store, folder, stage)
            removed = f", {done.removed} removed" if done.removed else ""
            counts = f"{counted(done.written, 'file')} written, {done.kept} unchanged{removed}"
            say(f"site: {done.folder} ({counts if done.new else 'no changes'})")


_QUEUED_BEFORE = "it was queued before for all who get it; each period has one"


def deliver(
    digest: Annotated[
        Literal["weekly", "monthly"] | None,
        typer.Option(help="First queue the digest of the last whole week or month, unless it was queued before."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the messages that would be sent; send nothing.")
    ] = False,
    home: options.Home = None,
    domain: options.Domain = None,
    as_json: options.AsJson = False,
) -> None:
    """Send the messages of the outbox that are due."""
    from ..delivery.messages import DigestPeriod
    from ..notify.digests import digest_messages
    from ..service.run import at_work, monitor_of, send_due
    from ..store import MessageState

    with opened(home=home, domain=domain, to_write=not dry_run) as (settings, store):

        def made() -> tuple[list[Message], str]:
            """Return the messages of the digest, and why there is none."""
            if digest is None:
                return [], ""
            found = [digest_messages(one, store, DigestPeriod(digest), now(), now(), stage) for one in settings.each()]
            return [message for one in found for message in one.messages], found[0].reason or _QUEUED_BEFORE

        drained = None
        if dry_run:
            messages, why = made()
            known = store.known_messages(message.id for message in messages)
            new = [message for message in messages if message.id not in known]
        else:
            monitor = monitor_of(settings, store, now, stage, "brainalign deliver")
            with at_work(monitor):
                messages, why = made()
                new = list(store.enqueue(messages))
                drained = send_due(monitor)
        why = "" if new else why
        waiting = store.messages(MessageState.PENDING, limit=_MOST)
    record = {"no_digest": why or None, "waiting": [_queued_json(one) for one in waiting]}
    if drained is None:
        if as_json:
            print_json({**record, "new": [_message_json(one) for one in new]})
        else:
            _print_waiting(waiting, new, now())
            _print_no_digest(digest, why)
        return
    if as_json:
        print_json({**asdict(drained), **record})
    else:
        say(
            f"{drained.sent} sent, {drained.failed} to be tried again, {drained.given_up} given up, "
            f"{len(waiting)} waiting"
        )
        _print_no_digest(digest, why)
    if drained.failed or drained.given_up:
        raise _undelivered(drained, waiting)


def _undelivered(drained: Drained, waiting: Sequence[Queued]) -> DeliveryError:
    from ..base.errors import DeliveryError

    last = next((one.last_error for one in reversed(waiting) if one.last_error), "see the log")
    failed = f"{counted(drained.failed, 'message')} not delivered and to be tried again"
    return DeliveryError(f"{failed}, {drained.given_up} given up; the last error: {last}", permanent=False)


def _print_waiting(queued: Sequence[Queued], new: Sequence[Message], now: datetime) -> None:
    """Print the messages that would be sent: pending ones, and those that would be queued first."""
    for message in new:
        say(f"new  {message.channel.value} to {message.recipient}: {message.subject}")
    for one in queued:
        at = one.next_try_at
        when = "due" if at is None or at <= now else f"at {at:%Y-%m-%d %H:%M} UTC"
        tried = f" (tried {counted(one.attempts, 'time')}; {one.last_error})" if one.attempts else ""
        say(f"{when}  {one.message.channel.value} to {one.message.recipient}: {one.message.subject}{tried}")
    say(f"{counted(len(new) + len(queued), 'message')}; nothing was sent")


def _print_no_digest(period: str | None, why: str) -> None:
    """Print why no digest was queued, if there is a reason."""
    if why:
        say(f"no {period} digest was queued: {why}")


def _message_json(message: Message) -> dict[str, Any]:
    return {name: value for name, value in asdict(message).items() if name != "body"}


def _queued_json(one: Queued) -> dict[str, Any]:
    return {
        **_message_json(one.message),
        "attempts": one.attempts,
        "next_try_at": one.next_try_at,
        "last_error": one.last_error or None,
    }


mail_app = command_group("Preview and test mails.")


@mail_app.command("preview")
def mail_preview(
    kind: Annotated[Literal["weekly", "monthly", "alert"], typer.Argument(help="Kind of mail.")] = "weekly",
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write: .eml, .html or .txt.", metavar="FILE")
    ] = Path("brainalign-mail.html"),
    home: options.Home = None,
    domain: options.Domain = None,
) -> None:
    """Write a mail as its recipients get it.

    It is the digest of the last week or month, or the last alert.
    """
    from ..base.files import write_atomically
    from ..notify.mail_preview import preview, preview_bytes

    with opened("latest", home=home, domain=domain) as (settings, store):
        message = preview(settings, store, kind, now(), stage)
    write_atomically(output, preview_bytes(message, output.suffix))
    say(message.subject, f"mail: {output}")


@mail_app.command("test")
def mail_test(
    address: Annotated[str, typer.Argument(help="Address of the recipient.", metavar="ADDRESS")],
    digest: Annotated[
        Literal["weekly", "monthly"] | None, typer.Option(help="Send this digest as it would be sent now instead.")
    ] = None,
    home: options.Home = None,
    domain: options.Domain = None,
) -> None:
    """Send a test mail to an address right away."""
    from ..base.errors import ConfigError
    from ..config.sections import is_mail_address
    from ..notify import channels
    from ..notify.mail_preview import test_digest, test_message
    from ..operations import pull

    if not is_mail_address(address):
        raise typer.BadParameter(f"{address!r} is not a plain mail address", param_hint="ADDRESS")
    settings = settings_from("latest" if digest else "", home=home, domain=domain)
    if settings.mail.host is None:
        raise ConfigError("no mail server is configured; set mail.host and mail.sender")
    if digest is None:
        message = test_message(settings, address, now())
    else:
        with pull.open_existing(settings, "latest") as store:
            message = test_digest(settings, store, digest, address, now(), stage)
    with stage(f"sending to {address}"):
        channels.sender(settings, now)(message)
    server = f"{settings.mail.host}:{settings.mail.used_port}"
    say(f"{server} accepted the mail to {message.recipient} (message {message.id})")
