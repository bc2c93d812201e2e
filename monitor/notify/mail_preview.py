"""Mails for the setup: previews of each kind, and a test mail."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import TYPE_CHECKING, Any

from brainalign_plugin.errors import InputError

from ..base.errors import StoreError
from ..base.outgoing import Channel, Kind, Message, message_id
from ..base.progress import Stage, silent
from ..delivery.composing import compose_alerts, compose_digest, compose_operator
from ..delivery.messages import DigestPeriod, OperatorNote, Subscriber
from ..operations.kept_alerts import alert_record, last_alerts
from .channels import letterhead, subscribers
from .digests import digest_of

if TYPE_CHECKING:
    from ..config.settings import Settings
    from ..store import Store

_READER = "reader@example.org"


def preview(settings: Settings, store: Store, kind: str, at: datetime, stage: Stage = silent) -> Message:
    """Return the ``weekly``, ``monthly`` or ``alert`` mail to the first recipient who wants it, sent or as of now.

    Raises StoreError if there is no news yet.
    """
    alert = kind == "alert"
    made = _alert_preview(settings, store) if alert else _digest_preview(settings, store, kind, at, stage)
    # Byte for byte: its Date is that of the moment at which it was made.
    queued = store.message(made.id)
    return queued.message if queued is not None and queued.message.body else made


def _digest_preview(
    settings: Settings, store: Store, kind: str, at: datetime, stage: Stage, reader: Subscriber | None = None
) -> Message:
    period = DigestPeriod(kind)
    # Of the period that is not over yet, if nothing had been seen before it: what will be sent at its end.
    for slot in (at, at + timedelta(days=7 if period is DigestPeriod.WEEKLY else 31)):
        digest = digest_of(settings, store, period, slot, stage)
        if digest is not None:
            reader = reader or _reader(
                settings, lambda one: one.digest is period, Subscriber(Channel.MAIL, _READER, digest=period)
            )
            # Shown also to a reader who gets none in a quiet period.
            shown = replace(reader, when_quiet=True)
            (message,) = compose_digest(digest, [shown], letterhead(settings), at)
            return message
    raise StoreError("there is no board yet; `brainalign run` pulls one")


def _alert_preview(settings: Settings, store: Store) -> Message:
    found = last_alerts(store, settings.domain)
    if not found:
        raise StoreError(
            "no alert has been firing yet; `brainalign alerts backtest` lists those of the history, `brainalign mail "
            "preview weekly` shows another mail"
        )
    info = store.described(found[0].snapshot_id)
    alerts = [alert_record(one.data, info) for one in found]
    reader = _reader(settings, lambda one: one.alerts, Subscriber(Channel.MAIL, _READER))
    (message,) = compose_alerts(alerts, [reader], letterhead(settings), found[0].found_at)
    return message


def _reader(settings: Settings, wants: Callable[[Subscriber], bool], example: Subscriber) -> Subscriber:
    """Return the first configured recipient who wants a mail, or the example if there is none."""
    mails = (one for one in subscribers(settings) if one.channel is Channel.MAIL and wants(one))
    return next(mails, example)


def test_message(settings: Settings, address: str, at: datetime) -> Message:
    """Return a test mail."""
    note = OperatorNote(
        occasion=f"test {at.isoformat()}",
        subject="test mail",
        words="This is the test mail of `brainalign mail test`. No action is needed.",
        facts=(("Mail server", f"{settings.mail.host}:{settings.mail.used_port}"),),
    )
    reader = Subscriber(Channel.MAIL, address, operator=True)
    (message,) = compose_operator(note, [reader], letterhead(settings), at)
    return message


def test_digest(settings: Settings, store: Store, kind: str, address: str, at: datetime, stage: Stage) -> Message:
    """Return the digest as it would be sent now to an address, with a Message-ID of its own."""
    reader = Subscriber(Channel.MAIL, address, digest=DigestPeriod(kind))
    made = _digest_preview(settings, store, kind, at, stage, reader)
    # Of two mails with one Message-ID, mail programs show the first alone.
    own = message_id(Channel.MAIL, Kind.DIGEST, address, f"test {at.isoformat()}")
    digits, new = (name.partition("@")[0].encode() for name in (made.id, own))
    return replace(made, id=own, body=made.body.replace(digits, new))


def preview_bytes(message: Message, suffix: str) -> bytes:
    """Return a mail as a file: whole (``.eml``), its text (``.txt``), or HTML with pictures (``.html``)."""
    if suffix == ".eml":
        return message.body
    mail: Any = message_from_bytes(message.body, policy=default)
    text, html = mail.iter_parts()
    if suffix == ".txt":
        return _content(text).encode()
    if suffix == ".html":
        return _with_pictures(html).encode()
    raise InputError(f"a mail cannot be written as {suffix!r}; name a file that ends in .eml, .html or .txt")


def _with_pictures(part: EmailMessage) -> str:
    if not part.is_multipart():
        return _content(part)
    parts: list[Any] = list(part.iter_parts())
    pictures = {one["Content-ID"].strip("<>"): base64.b64encode(one.get_content()).decode() for one in parts[1:]}
    return re.sub(
        r'src="cid:([^"]+)"', lambda use: f'src="data:image/png;base64,{pictures[use[1]]}"', _content(parts[0])
    )


def _content(part: EmailMessage) -> str:
    return str(part.get_content()).replace("\r\n", "\n")
