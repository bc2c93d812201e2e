"""One function that sends any message the way it has to go."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from ..base.errors import DeliveryError
from ..base.messages import Channel, Message
from .notify import Notification, send_notification
from .smtp import MailServer, send_mail
from .webhook import Webhook, post_webhook


def make_send(
    server: MailServer | None,
    webhooks: Iterable[Webhook],
    notifications: Iterable[Notification],
    clock: Callable[[], datetime],
) -> Callable[[Message], None]:
    """Make the function that sends a message once, or raises DeliveryError; webhooks are signed at the clock's time."""
    hooks = {one.name: one for one in webhooks}
    services = {one.name: one for one in notifications}

    def send(message: Message) -> None:
        if message.channel is Channel.MAIL:
            if server is None:
                raise _nobody("mail server is", message)
            send_mail(server, message)
        elif message.channel is Channel.WEBHOOK:
            if message.recipient not in hooks:
                raise _nobody("webhook of this name is", message)
            post_webhook(hooks[message.recipient], message, clock)
        else:
            if message.recipient not in services:
                raise _nobody("notification of this name is", message)
            send_notification(services[message.recipient], message)

    return send


def _nobody(what: str, message: Message) -> DeliveryError:
    return DeliveryError(f"no {what} configured any more for {message.recipient!r}", permanent=True)
