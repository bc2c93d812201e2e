"""Calls to a service that notices when they stop: that a pull has begun, and how it ended."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

import structlog

from brainalign_plugin import __version__

from ..base.deadline import request

log = structlog.get_logger("brainalign")

_SECONDS = 10.0


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


def beat(url: str, signal: str = "", seconds: float = _SECONDS) -> bool:
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
