"""Output of the commands that deliver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainalign_plugin.text import counted

from .printing import out, printable

if TYPE_CHECKING:
    from ..base.messages import Message
    from ..delivery.site import Published
    from ..notify.outbox import Drained
    from ..store import Queued


def published(result: Published) -> None:
    """Print the site's folder and its changes."""
    if not result.new:
        _print(f"site: {result.folder} (no changes)")
        return
    removed = f", {result.removed} removed" if result.removed else ""
    _print(
        f"site: {result.folder} ({counted(result.written, 'file')} written, {result.kept} unchanged{removed})"
    )


def previewed(message: Message, path: Path) -> None:
    """Print the path and the content of a mail."""
    _print(message.subject)
    _print(f"mail: {path}")


def tested(host: str, port: int, message: Message) -> None:
    """Print that the mail server took a mail."""
    _print(f"{host}:{port} accepted the mail to {message.recipient} (message {message.id})")


def waiting(queued: Sequence[Queued], new: Sequence[Message], now: datetime) -> None:
    """Print the messages that would be sent: pending ones, and those that would be queued first."""
    for message in new:
        _print(f"new  {message.channel.value} to {message.recipient}: {message.subject}")
    for one in queued:
        at = one.next_try_at
        when = "due" if at is None or at <= now else f"at {at:%Y-%m-%d %H:%M} UTC"
        tried = f" (tried {counted(one.attempts, 'time')}; {one.last_error})" if one.attempts else ""
        _print(
            f"{when}  {one.message.channel.value} to {one.message.recipient}: {one.message.subject}{tried}"
        )
    _print(f"{counted(len(new) + len(queued), 'message')}; nothing was sent")


def no_digest(period: str | None, why: str) -> None:
    """Print why no digest was queued, if there is a reason."""
    if why:
        _print(f"no {period} digest was queued: {why}")


def waiting_json(queued: Sequence[Queued], new: Sequence[Message], why: str) -> dict[str, Any]:
    """Return the messages that would be sent, for JSON."""
    return {
        "no_digest": why or None,
        "waiting": [_queued(one) for one in queued],
        "new": [_message(one) for one in new],
    }


def drained(result: Drained, left: Sequence[Queued]) -> None:
    """Print the outcome of the messages."""
    _print(
        f"{result.sent} sent, {result.failed} to be tried again, {result.given_up} given up, {len(left)} waiting"
    )


def drained_json(result: Drained, left: Sequence[Queued], why: str) -> dict[str, Any]:
    """Return the outcome of the messages, for JSON."""
    return {**asdict(result), "no_digest": why or None, "waiting": [_queued(one) for one in left]}


def _message(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "channel": message.channel.value,
        "kind": message.kind.value,
        "recipient": message.recipient,
        "subject": message.subject,
        "created_at": message.created_at.isoformat(),
    }


def _queued(one: Queued) -> dict[str, Any]:
    return {
        **_message(one.message),
        "attempts": one.attempts,
        "next_try_at": None if one.next_try_at is None else one.next_try_at.isoformat(),
        "last_error": one.last_error or None,
    }


def _print(text: str) -> None:
    out().print(printable(text))
