"""Recipients and channels, from the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from ..base.errors import DeliveryError
from ..base.outgoing import Channel, Message
from ..delivery.messages import DigestPeriod, Letterhead, Subscriber
from ..delivery.notify import Notification, send_notification
from ..delivery.smtp import MailServer, send_mail
from ..delivery.webhook import Webhook, post_webhook

if TYPE_CHECKING:
    from ..config.sections import Wanted
    from ..config.settings import Settings

# Only mails that can be sent have a sender; the others need one no more than a letterhead.
_NOBODY = "brainalign@localhost"


def letterhead(settings: Settings) -> Letterhead:
    """Return the defaults that all messages share."""
    return Letterhead(
        sender=settings.mail.sender or _NOBODY,
        link=settings.site_address,
        unsubscribe=settings.mail.unsubscribe or "",
        templates=settings.templates_folder,
    )


def subscribers(settings: Settings) -> tuple[Subscriber, ...]:
    """Return all subscribers; an address under two names occurs once, because its messages have one id."""

    def subscriber(channel: Channel, name: str, wanted: Wanted, models: tuple[str, ...] = ()) -> Subscriber:
        return Subscriber(
            channel,
            name,
            wanted.alerts,
            DigestPeriod(wanted.digest),
            wanted.operator,
            wanted.when_quiet != "nothing",
            models,
        )

    return (
        *(subscriber(Channel.MAIL, one.address, one, one.models) for one in settings.recipients.values()),
        *(subscriber(Channel.WEBHOOK, name, hook) for name, hook in settings.webhooks.items()),
        *(subscriber(Channel.NOTIFY, name, service) for name, service in settings.notify.items()),
    )


def mail_server(settings: Settings) -> MailServer | None:
    """Return the configured mail server; None if there is none."""
    mail = settings.mail
    if mail.host is None:
        return None
    return MailServer(
        host=mail.host,
        port=mail.used_port,
        security=mail.security,
        user=mail.user,
        password="" if mail.password is None else mail.password.get_secret_value(),
        sender=mail.sender or _NOBODY,
        timeout=mail.timeout_seconds,
        certificates=None if mail.certificates is None else settings.home / mail.certificates.expanduser(),
    )


def sender(settings: Settings, clock: Callable[[], datetime]) -> Callable[[Message], None]:
    """Return the function that sends a message once, or raises DeliveryError."""
    webhooks = [
        Webhook(
            name,
            hook.url.get_secret_value(),
            "" if hook.secret is None else hook.secret.get_secret_value(),
            settings.timeout_seconds,
        )
        for name, hook in settings.webhooks.items()
    ]
    services = [
        Notification(name, service.url.get_secret_value(), settings.timeout_seconds)
        for name, service in settings.notify.items()
    ]
    return make_send(mail_server(settings), webhooks, services, clock)


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
