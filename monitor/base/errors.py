"""Errors of the monitor, each with the exit code of the commands that end with it."""

from __future__ import annotations

import re

from brainalign_plugin.errors import BrainAlignError, InputError


class MonitorError(BrainAlignError):
    """Root of the monitor's errors."""

    exit_code = 1


class ConfigError(MonitorError):
    """A setting is missing or wrong."""

    exit_code = 3


class TemplateError(ConfigError):
    """A template cannot be used; the message names its file and line."""


class SourceError(MonitorError):
    """The leaderboard could not be read."""

    exit_code = 4

    def __init__(self, message: str, body: bytes = b"") -> None:
        super().__init__(message)
        self.body = body  # As far as it was received, to be kept for inspection


class UnreachableError(SourceError):
    """No answer, or one that stopped coming."""


class DeadlineError(UnreachableError):
    """Part of the answer was missing at the deadline of a pull."""


class HttpStatusError(SourceError):
    """The server answered with a status other than 200."""

    def __init__(self, message: str, status: int, body: bytes = b"", retry_after: float | None = None) -> None:
        super().__init__(message, body)
        self.status = status
        self.retry_after = retry_after  # Seconds to wait by the server's request; None if it made none


class RateLimitedError(HttpStatusError):
    """The server refuses too many requests."""


class ServerError(HttpStatusError):
    """The server failed."""


class RedirectError(SourceError):
    """The server pointed to another host."""


class PrivateRedirectError(RedirectError):
    """The server pointed into a private network, where its answer could be anybody's."""


class BodyTooLargeError(SourceError):
    """The body exceeds the cap, as sent or unpacked."""


class PayloadError(SourceError):
    """The body is not a leaderboard, and is refused whole."""

    exit_code = 5


class EmptyPayloadError(PayloadError):
    """The body holds nothing, or no models."""


class TruncatedPayloadError(PayloadError):
    """The body ends too early."""


class NotJsonError(PayloadError):
    """The body is not JSON."""


class PayloadShapeError(PayloadError):
    """The body is JSON, but not of the shape that the site publishes."""


class ShrunkenBoardError(PayloadError):
    """The board lost more than a third of its models since the last good one."""


class StoreError(MonitorError):
    """The store could not be read or written."""

    exit_code = 6


class NoBoardError(StoreError):
    """The store holds no board of a domain, or none that had been seen by a moment."""


class BusyError(MonitorError):
    """Another process is at work on the store."""

    exit_code = 10


class OutputError(MonitorError):
    """A requested file could not be written."""

    exit_code = 7


class ReportError(OutputError):
    """The report could not be made or written."""


class DeliveryError(MonitorError):
    """A message could not be delivered."""

    exit_code = 9

    def __init__(self, message: str, *, permanent: bool, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent  # Trying again is in vain: the other side refused for good
        self.retry_after = retry_after  # Seconds to wait by the receiver's request; None if it made none


def exit_code(error: BrainAlignError) -> int:
    """Exit code of a command that ends with this error."""
    if isinstance(error, MonitorError):
        return error.exit_code
    return 8 if isinstance(error, InputError) else 1


# Next steps of the library, and of the shell.
_IN_SHELL = (
    ("audit(…, thorough=True)", "`brainalign audit --thorough`"),
    ("pull the leaderboard and", "pull the leaderboard with `brainalign fetch` and"),
    ("freeze(board, name)", "`brainalign reference freeze NAME SNAPSHOT`"),
    ("write_reference", "`brainalign reference freeze`"),
    ("replace_existing=True", "--replace"),
    ("missing='skip'", "`--missing skip`"),
    ("reference.board.ids lists", "`brainalign reference show` lists"),
    ("pass a reference of that domain", "`brainalign reference list` shows the references"),
    ("pass a reference that has it", "name a reference that has it: `brainalign reference list` shows them"),
)
_RANKED = re.compile(r"rank\(board, '(\w+)'\)")


def in_shell(message: str) -> str:
    """Return a message of the library with its next step as a command."""
    for call, command in _IN_SHELL:
        message = message.replace(call, command)
    return _RANKED.sub(r"`brainalign rank SNAPSHOT --scheme \1`", message)
