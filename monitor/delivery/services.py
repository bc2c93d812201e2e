"""Services with secret addresses: webhooks, chats through apprise (the extra ``[notify]``), and the heartbeat."""

from __future__ import annotations

import hashlib
import hmac
import importlib.util
import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit, urlunsplit

import structlog

from brainalign_plugin import __version__

from ..base.deadline import OverdueError, request, within
from ..base.errors import DeliveryError
from ..base.outgoing import Message

MISSING = "notifications need apprise; install it with: pip install 'apprise>=2.3'"
# Answers of a server that may take the same message later.
_MAY_PASS = frozenset({408, 425, 429})
# Of Retry-After; a date is what the pauses between tries are good enough for.
_SECONDS = re.compile(r"[0-9]{1,9}")
# Of an answer in apprise's log.
_STATUS = re.compile(r"error=(\d{3})\b")

log = structlog.get_logger("brainalign")


@dataclass(frozen=True, slots=True)
class Service:
    """A webhook, or a chat by its apprise address such as ``slack://…``: it may hold tokens, and is shown nowhere."""

    name: str
    url: str = field(repr=False)
    secret: str = field(default="", repr=False)  # Key of a webhook's signature; empty for none
    timeout: float = 30.0  # Longest wait for a connection and each piece of an answer, in seconds
    deadline: float = 60.0  # Longest time for the whole request


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return ``sha256=`` and the HMAC, in hexadecimal, of the timestamp, a full stop and the body."""
    signed = timestamp.encode("ascii") + b"." + body
    return f"sha256={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def post_webhook(webhook: Service, message: Message, clock: Callable[[], datetime]) -> None:
    """Post a message; any answer of 2xx means that it was accepted.

    A DeliveryError is permanent after a final status of 4xx; a redirect is not followed: its target is not configured.
    """
    import httpx

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
    try:
        limits = {"deadline": webhook.deadline, "timeout": webhook.timeout}
        answer = request("POST", webhook.url, **limits, headers=headers, content=message.body)
    except Exception as cause:  # noqa: BLE001 -- it may name the whole address
        why = type(cause).__name__
        if isinstance(cause, httpx.TimeoutException):
            why = f"no answer within {webhook.timeout:g} s"
        elif isinstance(cause, OverdueError):
            why = str(cause)
        raise DeliveryError(f"{where} cannot be reached: {why}", permanent=False) from None
    if answer.is_success:
        return
    status, asked = answer.status_code, answer.headers.get("Retry-After", "")
    if 300 <= status < 400:
        raise DeliveryError(
            f"{where} answered with a redirect ({status}), which is not followed; configure its target instead",
            permanent=False,
        )
    retry_after = float(asked) if _SECONDS.fullmatch(asked) else None
    refused = 400 <= status < 500 and status not in _MAY_PASS
    raise DeliveryError(f"{where} answered {status}", permanent=refused, retry_after=retry_after)


def apprise_is_there() -> bool:
    """Return whether the extra ``[notify]`` is installed."""
    return importlib.util.find_spec("apprise") is not None


def send_notification(notification: Service, message: Message) -> None:
    """Send a message to a chat; no DeliveryError is permanent, because apprise does not distinguish refusals."""
    if not apprise_is_there():
        raise DeliveryError(MISSING, permanent=False)
    where = f"the service of the notification {notification.name!r}"
    try:
        within(notification.deadline, lambda _: _send(notification, message, where))
    except DeliveryError:
        raise
    except OverdueError as cause:
        raise DeliveryError(f"{where} did not accept it: {cause}", permanent=False) from None
    except Exception as cause:  # noqa: BLE001 -- it may name the whole address
        raise DeliveryError(f"{where} did not accept it: {type(cause).__name__}", permanent=False) from None


def _send(notification: Service, message: Message, where: str) -> None:
    import apprise

    asset = apprise.AppriseAsset(
        app_id="BrainAlign",
        app_desc="BrainAlign",
        async_mode=False,
        secure_logging=True,
        service_timeout=notification.timeout,
    )
    services = apprise.Apprise(asset=asset)
    # apprise logs the cause, possibly with secrets of the answer, so its log is captured.
    with apprise.LogCapture(level=logging.WARNING) as log:  # type: ignore[no-untyped-call]  # theirs
        known = services.add(notification.url)
        sent = known and services.notify(
            title=message.subject, body=message.body.decode(), body_format=apprise.NotifyFormat.TEXT
        )
        said = log.getvalue()
    if not known:
        raise DeliveryError(
            f"the address of the notification {notification.name!r} is none that apprise knows; correct its url",
            permanent=False,
        )
    if not sent:
        status = _STATUS.search(said)
        why = f"answered {status[1]}" if status else "could not be reached"
        raise DeliveryError(f"{where} {why}", permanent=False)


@dataclass
class Heartbeat:
    """The heartbeat of a process: nothing waits for it while a run holds the store's lock."""

    # Address for a success, to which ``/start`` and ``/fail`` are added for the rest; secret. None calls nothing.
    url: str | None = field(repr=False)
    _start: threading.Thread | None = None
    _succeeded: bool | None = None

    def begin(self) -> None:
        """Report that a pull begins, without waiting for the answer."""
        if self.url is not None:
            self._start = threading.Thread(target=beat, args=(self.url, "start"), daemon=True)
            self._start.start()

    def end(self, succeeded: bool) -> None:
        """Note the outcome of the pull for `tell`."""
        self._succeeded = succeeded

    def tell(self) -> None:
        """Send the outcome of the last pull unless it was sent; call it after the lock is released."""
        succeeded, self._succeeded = self._succeeded, None
        if self.url is None or succeeded is None:
            return
        if self._start is not None:
            self._start.join()  # by its deadline
        beat(self.url, "" if succeeded else "fail")


def beat(url: str, signal: str = "", seconds: float = 10.0) -> bool:
    """Call a heartbeat address, and return whether it answered with 2xx.

    ``start`` or ``fail`` is added to its path; a success has no signal. A failure is logged without the address, which
    is secret, and changes nothing: the service's silence is the alarm.
    """
    parts = urlsplit(url)
    address = urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{signal}")) if signal else url
    # A service may know of successes alone, and still does its work.
    say = log.warning if signal else log.error
    try:
        agent = {"User-Agent": f"brainalign/{__version__}"}
        answer = request("GET", address, deadline=seconds, timeout=seconds, headers=agent)
    except Exception as cause:  # noqa: BLE001 -- it may name the whole address
        say("the heartbeat could not be sent", signal=signal, kind=type(cause).__name__)
        return False
    if not answer.is_success:
        say("the heartbeat was refused", signal=signal, status=answer.status_code)
    return answer.is_success
