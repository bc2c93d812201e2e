"""Messages to readers and operators: mail, webhooks, notifications, the published site."""

from .messages import (
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
]
