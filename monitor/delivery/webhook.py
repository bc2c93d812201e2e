"""JSON to webhooks, signed with sender and time."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from brainalign_plugin import __version__

from ..base.deadline import OverdueError, request
from ..base.errors import DeliveryError
from ..base.outgoing import Message

# Answers of a server that may take the same message later.
_MAY_PASS = frozenset({408, 425, 429})
# Of Retry-After; a date is what the pauses between tries are good enough for.
_SECONDS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Webhook:
    """Address that JSON is posted to; only its host is shown, because it may hold a token."""

    name: str
    url: str = field(repr=False)
    secret: str = field(default="", repr=False)  # Key of the signature; empty for none
    timeout: float = 30.0  # Longest wait for a connection and each piece of an answer, in seconds
    deadline: float = 60.0  # Longest time for the whole request


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return ``sha256=`` and the HMAC, in hexadecimal, of the timestamp, a full stop and the body."""
    signed = timestamp.encode("ascii") + b"." + body
    return f"sha256={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def post_webhook(webhook: Webhook, message: Message, clock: Callable[[], datetime]) -> None:
    """Post a message; any answer of 2xx means that it was accepted.

    Raises DeliveryError: Permanent if the server refused it with a final status of 4xx; a redirect is not followed,
    because its target was not configured.
    """
    timestamp = str(int(clock().timestamp()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"brainalign/{__version__}",
        "X-BrainAlign-Id": message.id,
        "X-BrainAlign-Timestamp": timestamp,
    }
    if webhook.secret:
        headers["X-BrainAlign-Signature"] = signature(webhook.secret, timestamp, message.body)
    where = f"the webhook {webhook.name!r} at {urlsplit(webhook.url).hostname}"
    status, retry_after = _post(webhook, message.body, headers, where)
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise DeliveryError(
            f"{where} answered with a redirect ({status}), which is not followed; configure its target instead",
            permanent=False,
        )
    refused = 400 <= status < 500 and status not in _MAY_PASS
    raise DeliveryError(f"{where} answered {status}", permanent=refused, retry_after=retry_after)


def _post(webhook: Webhook, body: bytes, headers: dict[str, str], where: str) -> tuple[int, float | None]:
    """Return the status, and the seconds of ``Retry-After``."""
    import httpx

    try:
        limits = {"deadline": webhook.deadline, "timeout": webhook.timeout}
        answer = request("POST", webhook.url, **limits, headers=headers, content=body)
    except Exception as cause:  # noqa: BLE001 -- it may name the whole address
        why = type(cause).__name__
        if isinstance(cause, httpx.TimeoutException):
            why = f"no answer within {webhook.timeout:g} s"
        elif isinstance(cause, OverdueError):
            why = str(cause)
        raise DeliveryError(f"{where} cannot be reached: {why}", permanent=False) from None
    asked = answer.headers.get("Retry-After", "")
    return answer.status_code, float(asked) if _SECONDS.fullmatch(asked) else None
