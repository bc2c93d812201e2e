"""Recipients and channels, from the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from ..base.errors import DeliveryError
from ..base.outgoing import Channel, Message
from ..delivery.mail import MailServer, send_mail
from ..delivery.messages import DigestPeriod, Letterhead, Subscriber
from ..delivery.services import Service, post_webhook, send_notification

if TYPE_CHECKING:
    from ..config.sections import Wanted
    from ..config.settings import Settings

# Only mails that can be sent have a sender; the others need one no more than a letterhead.
_NOBODY = "brainalign@localhost"
_KINDS = {Channel.WEBHOOK: "webhook", Channel.NOTIFY: "notification"}


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
        quiet = wanted.when_quiet != "nothing"
        return Subscriber(channel, name, wanted.alerts, DigestPeriod(wanted.digest), wanted.operator, quiet, models)

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
        Service(
            name,
            hook.url.get_secret_value(),
            "" if hook.secret is None else hook.secret.get_secret_value(),
            settings.timeout_seconds,
        )
        for name, hook in settings.webhooks.items()
    ]
    services = [
        Service(name, service.url.get_secret_value(), timeout=settings.timeout_seconds)
        for name, service in settings.notify.items()
    ]
    return make_send(mail_server(settings), webhooks, services, clock)


def make_send(
    server: MailServer | None,
    webhooks: Iterable[Service],
    notifications: Iterable[Service],
    clock: Callable[[], datetime],
) -> Callable[[Message], None]:
    """Make the function that sends a message once, or raises DeliveryError; webhooks are signed at the clock's time."""
    hooks = {one.name: one for one in webhooks}
    services = {one.name: one for one in notifications}

    def send(message: Message) -> None:
        name = message.recipient
        if message.channel is Channel.MAIL and server is not None:
            send_mail(server, message)
        elif message.channel is Channel.WEBHOOK and name in hooks:
            post_webhook(hooks[name], message, clock)
        elif message.channel is Channel.NOTIFY and name in services:
            send_notification(services[name], message)
        else:
            what = "mail server" if message.channel is Channel.MAIL else f"{_KINDS[message.channel]} of this name"
            raise DeliveryError(f"no {what} is configured any more for {name!r}", permanent=True)

    return send
