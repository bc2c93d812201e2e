"""The site's CSV export as a source: read by the plugin, or refused with its body kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from brainalign_plugin.errors import ArchiveError
from brainalign_plugin.files.site_csv import site_csv_document, zip_members

from ..base.errors import (
    BodyTooLargeError,
    NotJsonError,
    PayloadError,
    PayloadShapeError,
    TruncatedPayloadError,
)
from .payload import Pull, read_document

_KINDS: dict[str, type[PayloadError | BodyTooLargeError]] = {
    "other": NotJsonError,
    "torn": TruncatedPayloadError,
    "shape": PayloadShapeError,
    "large": BodyTooLargeError,
}


def pull_csv(leaderboard: str, plugins: bytes, body: bytes, source: str, received_at: datetime) -> Pull:
    """Read a CSV export; see `site_csv_document`.

    Raises a PayloadError of a named kind: it is refused whole.

    Parameters
    ----------
    leaderboard : str
        Text of ``leaderboard.csv``.
    plugins : bytes
        ``plugin-info.csv``, empty if there is none.
    body : bytes
        As received.
    source : str
        Name in messages.
    received_at : datetime
        As-of time where the export names none.
    """
    try:
        document, notes = site_csv_document(leaderboard, plugins)
    except ValueError as cause:
        message = f"{source} is no CSV export of the leaderboard: {cause}; the body was kept for inspection"
        raise PayloadShapeError(message, body) from cause
    pull = read_document(document, body, source, received_at)
    return replace(pull, set_aside=(*notes, *pull.set_aside)) if notes else pull


def members_of(text: bytes, body: bytes, source: str, max_bytes: int) -> tuple[bytes, bytes]:
    """Return the board in a zip and its ``plugin-info.csv``; see `zip_members`."""
    try:
        return zip_members(text, source, max_bytes)
    except ArchiveError as cause:
        raise _KINDS[cause.kind](str(cause), body) from cause
