"""A mail server on the loopback: aiosmtpd over real sockets, that can be told to misbehave at any step."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = "monitor", "the planted secret"


@dataclass(frozen=True)
class Certificates:
    """A certificate of a server, and the file that makes a client trust it."""

    server: ssl.SSLContext
    trusted: Path


def make_certificates(folder: Path, *names: str) -> Certificates:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("localhost", "127.0.0.1"))).configure_cert(server)
    trusted = folder / "trusted.pem"
    authority.cert_pem.write_to_path(str(trusted))
    return Certificates(server, trusted)


@dataclass
class MailHost:
    """What the server was told and what it took; `answers` replaces its answer to a step, or ``drop``s, or ``stall``s.

    Steps are CONNECT, EHLO, STARTTLS, AUTH, MAIL, RCPT (or RCPT <address>), DATA (the mail itself) and QUIT.
    """

    answers: dict[str, str] = field(default_factory=dict)
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(body, policy=default) for _, body in self.taken]  # type: ignore[misc]

    async def step(self, server: SMTP, name: str, *more: str) -> str | None:
        self.steps.append(name)
        answer = next((self.answers[key] for key in (*more, name) if key in self.answers), None)
        if answer == "drop":
            server.transport.abort()
            await asyncio.sleep(0.05)
        if answer == "stall":
            while not server.transport.is_closing():
                await asyncio.sleep(0.02)
        return answer

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        answer = await self.step(server, "EHLO")
        return [answer] if answer else responses

    async def handle_MAIL(self, server, session, envelope, address, options):
        answer = await self.step(server, "MAIL")
        envelope.mail_from = address
        return answer or "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = await self.step(server, "RCPT", f"RCPT {address}")
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.answers.get("DATA", "drop") == "drop":
            self.taken += [(to, envelope.content) for to in envelope.rcpt_tos]
        return await self.step(server, "DATA") or "250 OK"


class _Server(SMTP):
    """Steps that aiosmtpd has no hook for."""

    async def smtp_STARTTLS(self, arg: str) -> Any:
        answer = await self.event_handler.step(self, "STARTTLS")
        if answer:
            return await self.push(answer)
        return await super().smtp_STARTTLS(arg)

    async def smtp_QUIT(self, arg: str) -> Any:
        await self.event_handler.step(self, "QUIT")
        return await super().smtp_QUIT(arg)

    async def smtp_AUTH(self, arg: str) -> Any:
        answer = await self.event_handler.step(self, "AUTH")
        if answer:
            return await self.push(answer)
        return await super().smtp_AUTH(arg)


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Server(self.handler, hostname="localhost", **self.SMTP_kwargs)

    def _trigger_server(self) -> None:
        # The system chose the port.
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


def _authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    good = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=good, handled=False)


@contextmanager
def mail_host(certificates: Certificates | None = None, *, tls: bool = False, login: bool = True) -> Iterator[MailHost]:
    host = MailHost()
    secured: dict[str, Any] = {}
    if certificates is not None:
        secured = {"ssl_context" if tls else "tls_context": certificates.server}
        if not tls:
            secured["require_starttls"] = True
    if login:
        # Over TLS from the first byte aiosmtpd does not know that the connection is encrypted.
        secured |= {"authenticator": _authenticate, "auth_require_tls": certificates is not None and not tls}
    controller = _Controller(host, hostname="127.0.0.1", port=0, ready_timeout=20, **secured)
    controller.start()
    try:
        host.port = controller.port
        yield host
    finally:
        controller.stop()
