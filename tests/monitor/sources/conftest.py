"""A server that answers as told, byte by byte, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

Answer = bytes | Callable[[socket.socket], None]


def reply(status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    """A whole answer with a length, after which the connection ends; a header of None is left out."""
    fields = {"Content-Length": str(len(body)), "Connection": "close"} | (headers or {})
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{k}: {v}" for k, v in fields.items() if v is not None)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunked(*parts: bytes, end: bool = True, headers: str = "") -> bytes:
    """A chunked answer, with its last chunk or without."""
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n{headers}\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + (b"0\r\n\r\n" if end else b"")


def dripping(start: bytes, drop: bytes, every: float = 0.02) -> Answer:
    """First ``start``, then ``drop`` again and again until the other side is gone."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            time.sleep(every)
            connection.sendall(drop)

    return drip


def silent(connection: socket.socket) -> None:
    """Say nothing until the other side is gone."""
    while connection.recv(1024):
        pass


class Server:
    """Answers each connection with the next of `answers`, the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[Answer] = [reply()]
        self.requests: list[str] = []
        self.times: list[float] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for number in count():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        # The other side may go whenever it likes: that is what the tests are about.
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10)
            received = b""
            while b"\r\n\r\n" not in received:
                piece = connection.recv(65536)
                if not piece:
                    return
                received += piece
            self.times.append(time.monotonic())
            self.requests.append(received.decode("latin-1"))
            answer = self.answers[min(number, len(self.answers) - 1)]
            if callable(answer):
                answer(connection)
            else:
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1024):
                    pass

    def close(self) -> None:
        with contextlib.suppress(OSError):  # a test may have closed it already
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """A server on the loopback, asked without the proxies of whoever runs the tests."""
    # Each client reads all certificates that it trusts, some 20 ms: here there are none.
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    running = Server()
    yield running
    running.close()
