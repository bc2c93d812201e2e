"""A deadline that also reaches what blocks: connections are shut when it comes."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any, Self


class Cut:
    """Ends the connections made within it when the time is up.

    A server that sends a byte now and then never meets a read time-out, and httpx does not return before the last
    header: so the socket is shut from another thread.
    """

    def __init__(self, seconds: float) -> None:
        self.over = False
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for connection in self._sockets:
                connection.close()
            self._sockets.clear()

    def watch(self, event: str, info: dict[str, Any]) -> None:
        """Take note of a new connection; httpx calls it at every step of a request."""
        if event.endswith("connect_tcp.complete"):
            self.take(info["return_value"].get_extra_info("socket"))

    def take(self, connection: socket.socket) -> None:
        """Take note of a connection, before TLS is put over it."""
        # A duplicate, because TLS takes the socket itself away.
        with self._lock:
            self._sockets.append(connection.dup())
        if self.over:
            self._end()

    def _end(self) -> None:
        with self._lock:
            self.over = True
            for connection in self._sockets:
                with suppress(OSError):  # it has ended by itself
                    connection.shutdown(socket.SHUT_RDWR)
