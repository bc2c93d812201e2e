"""Notifications to chat services through apprise, the extra ``[notify]``."""

from __future__ import annotations

import importlib.util
import logging
import re
from dataclasses import dataclass, field

from ..base.deadline import OverdueError, within
from ..base.errors import DeliveryError
from ..base.outgoing import Message

MISSING = "notifications need apprise; install it with: pip install 'apprise>=2.3'"
_STATUS = re.compile(r"error=(\d{3})\b")


@dataclass(frozen=True, slots=True)
class Notification:
    """A chat service by its apprise address, such as ``slack://…``, which holds its tokens and is shown nowhere."""

    name: str
    url: str = field(repr=False)
    timeout: float = 30.0
    deadline: float = 60.0


def apprise_is_there() -> bool:
    """Return whether the extra ``[notify]`` is installed."""
    return importlib.util.find_spec("apprise") is not None


def send_notification(notification: Notification, message: Message) -> None:
    """Send a message to a chat service.

    Raises DeliveryError: Never permanent: apprise does not distinguish refusals from temporary failures.
    """
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


def _send(notification: Notification, message: Message, where: str) -> None:
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
