"""What lies around a monitor, in a process of its own: a leaderboard's site and a mail server on the loopback.

``python -m tests.monitor.faults.world FOLDER`` serves ``FOLDER/board.json`` and writes a line of ``FOLDER/mails`` for
every mail that it took, a line of ``FOLDER/visits`` for every request. Where ``FOLDER/kill`` holds a process id and an
SMTP command (``RCPT``, or ``DATA``: the mail is taken and nobody told), that process is killed at it, once. It ends
with its standard input.
"""

from __future__ import annotations

import email
import json
import os
import signal
import socket
import sys
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from aiosmtpd.controller import Controller

_WRITING = Lock()


def _note(path: Path, line: str) -> None:
    with _WRITING, path.open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")


def _free_port() -> int:
    # The controller connects to the port that it was given, and so cannot be given none.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class _Mailbox:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _kill(self, at: str) -> None:
        order = self._folder / "kill"
        if order.exists() and order.read_text().endswith(at):
            os.kill(int(order.read_text().split()[0]), signal.SIGKILL)
            order.unlink()

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, to: str, _: Any) -> str:  # noqa: N802 (the library's name)
        self._kill("RCPT")
        envelope.rcpt_tos.append(to)
        return "250 ok"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 (the library's name)
        mail = email.message_from_bytes(envelope.content, policy=default)
        _note(self._folder / "mails", f"{mail['Message-ID']}\t{mail['To']}\t{mail['Subject']}")
        self._kill("DATA")
        return "250 taken"


def main(folder: Path) -> None:
    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _note(folder / "visits", self.path)
            body = (folder / "board.json").read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    site = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    Thread(target=site.serve_forever, daemon=True).start()
    mail = Controller(_Mailbox(folder), hostname="127.0.0.1", port=_free_port(), ready_timeout=60)
    mail.start()
    ports = {"site": site.server_address[1], "mail": mail.port}
    print(json.dumps(ports), flush=True)
    sys.stdin.read()
    mail.stop(no_assert=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
