"""The leaderboard's site on the loopback: serves bodies at ``/<domain>/compare/data/`` and remembers its visitors."""

from __future__ import annotations

import functools
import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """What the site answers to one request."""

    body: bytes
    status: int = 200
    encoding: str | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def sent(self) -> bytes:
        return gzip.compress(self.body, 6, mtime=0) if self.encoding == "gzip" else self.body


class LocalSite:
    """Answers with `answer`, which a test sets; anything but a payload's path is not found."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.other_domains: dict[str, bytes] = {}
        self.visits: list[tuple[str, dict[str, str]]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.visits.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                found = self.path.partition("?")[0].endswith("/compare/data/")
                domain = self.path.split("/")[1]
                answer = Answer(site.other_domains[domain]) if domain in site.other_domains else site.answer
                given = answer if found else Answer(b"<h1>Not Found</h1>", 404, content_type="text/html")
                self.send_response(given.status)
                self.send_header("Content-Type", given.content_type)
                self.send_header("Content-Length", str(len(given.sent)))
                if given.encoding:
                    self.send_header("Content-Encoding", given.encoding)
                for name, value in given.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(given.sent)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def serve(self, body: bytes, **how: object) -> None:
        """Answer with this body from now on."""
        self.answer = Answer(body, **how)  # type: ignore[arg-type]

    def close(self) -> None:
        """Refuse connections from now on."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def local_site(body: bytes = b"{}") -> Iterator[LocalSite]:
    site = LocalSite(Answer(body))
    try:
        yield site
    finally:
        site.close()


@contextmanager
def site_server(folder: Path) -> Iterator[str]:
    """Serve the files of a folder; the address."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    handler.log_message = lambda *_: None
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
