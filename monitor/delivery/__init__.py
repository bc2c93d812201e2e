"""What goes out to readers and operators: mail, webhooks, notifications, the published site."""

from .composing import compose_alert, compose_digest, compose_operator
from .records import (
    Alert,
    Digest,
    DigestPeriod,
    HeadlineFigure,
    Letterhead,
    OperatorNote,
    Picture,
    Subscriber,
)

__all__ = [
    "Alert",
    "Digest",
    "DigestPeriod",
    "HeadlineFigure",
    "Letterhead",
    "OperatorNote",
    "Picture",
    "Subscriber",
    "compose_alert",
    "compose_digest",
    "compose_operator",
]
