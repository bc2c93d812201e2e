"""Messages: one to one recipient each, made once and delivered at least once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Channel(StrEnum):
    """Channel of a message."""

    MAIL = "mail"
    WEBHOOK = "webhook"
    NOTIFY = "notify"


class Kind(StrEnum):
    """Why a message was made. Results go to readers, errors to the operator."""

    DIGEST = "digest"
    ALERT = "alert"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one recipient."""

    # Deterministic (`message_id`), so that a message made twice is one message, and a reader's program that
    # gets it twice can tell.
    id: str
    channel: Channel
    kind: Kind
    # Address of a mail; name of a configured webhook or notification, never its secret address.
    recipient: str
    subject: str
    # The whole message as sent: a mail in wire form (RFC 5322), JSON of a webhook, text of a notification.
    body: bytes
    created_at: datetime  # With time zone


def message_id(channel: Channel, kind: Kind, recipient: str, occasion: str) -> str:
    """Return the id of a message by its content, of the form ``<hex>@brainalign``.

    The ``occasion`` is the same in every attempt: ``alert <domain> <rule> firing <digest>``, ``weekly 2026-W48``. The
    Message-ID of a mail has the same digits and the sender's domain.
    """
    told = "\n".join((channel.value, kind.value, recipient, occasion))
    return f"{hashlib.sha256(told.encode()).hexdigest()[:32]}@brainalign"
