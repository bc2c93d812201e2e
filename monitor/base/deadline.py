"""Deadlines for blocking work: it runs in another thread, and its connections are shut when time is up."""

from __future__ import annotations

import contextvars
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import httpx

Result = TypeVar("Result")

# A shut connection ends by itself.
_ENDING_SECONDS = 1.0


class OverdueError(Exception):
    """Time was up, and the work did not end by itself: a name or an address is still being tried."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"not finished within {seconds:g} s")


class Cut:
    """The connections of some work; once it is over they are shut, and so is every further one."""

    def __init__(self) -> None:
        self.over = False
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []

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
            self.end()

    def end(self) -> None:
        """Shut all connections."""
        with self._lock:
            self.over = True
            for connection in self._sockets:
                with suppress(OSError):  # it has ended by itself
                    connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Forget all connections."""
        with self._lock:
            for connection in self._sockets:
                connection.close()
            self._sockets.clear()


def within(seconds: float, work: Callable[[Cut], Result]) -> Result:
    """Return what some work returns, or raise what it raises, as long as that takes no longer than allowed.

    A server that sends a byte now and then never meets a read time-out, a host with many dead addresses meets one for
    each, and the resolver has none: so the work is done in a thread of its own, which is left to end by itself where
    shutting its connections, of which its `Cut` knows, does not end it. Raises OverdueError.
    """
    cut, future = Cut(), Future[Result]()

    def do() -> None:
        try:
            # Closed before the result is known: the caller may count its sockets.
            with closing(cut):
                result = work(cut)
        except BaseException as failure:  # noqa: BLE001 -- raised where it is waited for
            future.set_exception(failure)
        else:
            future.set_result(result)

    threading.Thread(target=contextvars.copy_context().run, args=(do,), daemon=True).start()
    try:
        if not wait([future], seconds).done:
            cut.end()
            if not wait([future], _ENDING_SECONDS).done:
                raise OverdueError(seconds)
    except KeyboardInterrupt:
        cut.end()
        raise
    return future.result()


def request(
    method: str, url: str, *, deadline: float, timeout: float, headers: dict[str, str], content: bytes | None = None
) -> httpx.Response:
    """Make a request, and return its answer without the body, which may be endless; redirects are not followed."""
    import httpx

    def work(cut: Cut) -> httpx.Response:
        told = {"trace": cut.watch}
        try:
            with (
                httpx.Client(timeout=min(timeout, deadline), follow_redirects=False) as client,
                client.stream(method, url, content=content, headers=headers, extensions=told) as answer,
            ):
                return answer
        except httpx.HTTPError as cause:
            if cut.over:
                raise OverdueError(deadline) from cause
            raise

    return within(deadline, work)
