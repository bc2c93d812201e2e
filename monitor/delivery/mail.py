"""Mails as bytes, and their way to a mail server, whose refusals are distinguished from temporary failures."""

from __future__ import annotations

import hashlib
import platform
import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from brainalign_plugin.text import printable

from ..base.deadline import Cut, OverdueError, within
from ..base.errors import DeliveryError, TemplateError
from ..base.outgoing import Message
from .messages import Letterhead, Picture

# Gmail cuts a mail whose HTML is larger than about 102 kB, and hides the rest.
MOST_HTML_BYTES = 80_000


@dataclass(frozen=True, slots=True)
class Content:
    """Parts that all recipients of a mail get."""

    subject: str
    text: str
    html: str
    pictures: tuple[Picture, ...] = ()


def inlined(html: str, templates: Path | None = None) -> str:
    """Return HTML with the styles of ``mail.css`` in each element, as mail programs that drop style sheets need it.

    Rules under an ``@media``, such as those of dark colours, stay a style sheet. Raises TemplateError if the result is
    larger than `MOST_HTML_BYTES`.
    """
    # Loading it takes a while, and few commands make a mail.
    import css_inline

    from ..base.templating import asset

    # Nothing is loaded from anywhere: a template that names a style sheet elsewhere gets none.
    inliner = css_inline.CSSInliner(
        load_remote_stylesheets=False, keep_at_rules=True, extra_css=asset("mail.css", templates)
    )
    page = inliner.inline(html)
    if len(page.encode()) > MOST_HTML_BYTES:
        raise TemplateError(
            f"the mail has {len(page.encode()):,} bytes of HTML, of which mail programs show {MOST_HTML_BYTES:,}; "
            "shorten the mail templates in the configured folder"
        )
    return page


def mail_bytes(content: Content, letterhead: Letterhead, to: str, name: str, at: datetime) -> bytes:
    """Compose a mail to an address in wire form; equal arguments give equal bytes.

    The HTML shows a picture by ``cid:<its name>@brainalign``. The Message-ID is the name of the message with the
    sender's domain in place of ours.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = letterhead.sender
    mail["To"] = Address(addr_spec=to)
    mail["Subject"] = content.subject
    mail["Date"] = format_datetime(at.astimezone(UTC))
    domain = parseaddr(letterhead.sender)[1].rpartition("@")[2]
    mail["Message-ID"] = f"<{name.partition('@')[0]}@{domain}>"
    ask_sender = f"mailto:{parseaddr(letterhead.sender)[1]}?subject=unsubscribe"
    unsubscribe = letterhead.unsubscribe.replace("{address}", quote(to, safe="")) or ask_sender
    mail["List-Unsubscribe"] = f"<{unsubscribe}>"
    # One click is a POST, which RFC 8058 allows to an https address alone.
    if unsubscribe.startswith("https://"):
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    # Keeps out-of-office replies away (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    # Encoded so that lines stay short and ASCII for every name and server.
    mail.set_content(content.text, cte="quoted-printable")
    mail.add_alternative(content.html, subtype="html", cte="quoted-printable")
    html: Any = list(mail.iter_parts())[1]
    for picture in content.pictures:
        html.add_related(
            picture.png,
            maintype="image",
            subtype="png",
            cid=f"<{picture.name}@brainalign>",
            filename=f"{picture.name}.png",
            disposition="inline",
        )
    # By what all recipients get, so that all below the headers is the same for them.
    mark = hashlib.sha256(f"{content.text}{content.html}".encode()).hexdigest()[:24]
    for number, part in enumerate(part for part in mail.walk() if part.is_multipart()):
        # An equals sign before an underscore occurs neither in quoted-printable nor in base64, so in no part.
        part.set_boundary(f"=_{mark}_{number}")
    return mail.as_bytes()


@dataclass(frozen=True, slots=True)
class MailServer:
    """A mail server and the account on it."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    user: str = ""  # Empty for a server that takes mail without a login
    password: str = field(default="", repr=False)
    sender: str = ""  # Sender for the server, with or without a name before it
    timeout: float = 30.0  # Longest wait for a connection and each answer, in seconds
    deadline: float = 300.0  # Longest time for a whole mail
    certificates: Path | None = None  # Certificates to trust instead of the system's

    def __str__(self) -> str:
        return f"the mail server {self.host}:{self.port}"


def send_mail(server: MailServer, message: Message) -> None:
    """Send a mail to the server.

    A mail of which it is not known whether the server took it counts as failed: it is sent again with the same
    Message-ID, by which mail programs recognize it. Raises DeliveryError: Permanent if the server refused this mail or
    recipient with a 5xx; else what failed may pass, or can be put right in the settings.
    """

    def send(connection: smtplib.SMTP) -> None:
        connection.sendmail(parseaddr(server.sender)[1], [message.recipient], message.body)
        # The mail is taken; how the connection ends changes nothing.
        with suppress(smtplib.SMTPException, OSError):
            connection.quit()

    _connected(server, message.recipient, send)


def try_login(server: MailServer) -> None:
    """Connect and log in as for a mail, and leave without one. Raises DeliveryError: As `send_mail` does."""
    _connected(server, "", lambda _: None)


def _connected(server: MailServer, recipient: str, use: Callable[[smtplib.SMTP], None]) -> None:
    late = DeliveryError(f"{server} did not finish within {server.deadline:g} s", permanent=False)

    def work(cut: Cut) -> None:
        try:
            connection = _Connection(server, cut)
            try:
                _secure(connection, server)
                use(connection)
            finally:
                connection.close()
        except smtplib.SMTPAuthenticationError as cause:
            # The answer may repeat what was sent, so that neither it nor the cause is shown.
            raise DeliveryError(
                f"{server} refused the login of {server.user!r} ({cause.smtp_code}); correct mail.user and "
                "mail.password",
                permanent=False,
            ) from None
        except (smtplib.SMTPException, OSError) as cause:
            raise late if cut.over else _translated(server, recipient, cause) from cause

    try:
        within(server.deadline, work)
    except OverdueError as cause:
        raise late from cause


class _Connection(smtplib.SMTP):
    """A connection that the deadline reaches from its first byte on."""

    def __init__(self, server: MailServer, cut: Cut) -> None:
        self._server, self._cut = server, cut
        # Asking the resolver for one's own name, which is smtplib's way, takes seconds where there is none.
        super().__init__(server.host, server.port, platform.node() or "localhost", timeout=server.timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = socket.create_connection((host, port), timeout)
        self._cut.take(plain)
        if self._server.security != "tls":
            return plain
        return _context(self._server).wrap_socket(plain, server_hostname=host)


def _secure(connection: smtplib.SMTP, server: MailServer) -> None:
    connection.ehlo_or_helo_if_needed()
    if server.security == "starttls":
        connection.starttls(context=_context(server))
        connection.ehlo()
    if server.user:
        if not (server.user.isascii() and server.password.isascii()):
            raise DeliveryError(
                "smtplib can log in with ASCII only; choose a mail.user and a mail.password in ASCII", permanent=False
            )
        connection.login(server.user, server.password)


def _context(server: MailServer) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=server.certificates)
    except (OSError, ssl.SSLError) as cause:
        raise DeliveryError(
            f"the certificates {str(server.certificates)!r} cannot be read: {cause.strerror or cause}; correct "
            "mail.certificates",
            permanent=False,
        ) from cause


def _translated(server: MailServer, recipient: str, cause: smtplib.SMTPException | OSError) -> DeliveryError:
    said: bytes | str
    match cause:
        case smtplib.SMTPRecipientsRefused():
            what, (code, said) = f"recipient {recipient}", cause.recipients[recipient]
        case smtplib.SMTPSenderRefused():
            what, code, said = f"sender {cause.sender}", cause.smtp_code, cause.smtp_error
        case smtplib.SMTPDataError():
            what, code, said = f"mail to {recipient}", cause.smtp_code, cause.smtp_error
        case _:
            return DeliveryError(f"{server} {_why(server, cause)}", permanent=False)
    return DeliveryError(f"{server} refused the {what}: {code} {_said(said)}".rstrip(), permanent=code >= 500)


def _why(server: MailServer, cause: smtplib.SMTPException | OSError) -> str:
    # smtplib reports a time-out as a closed connection.
    if isinstance(cause, TimeoutError) or "timed out" in str(cause):
        return f"did not answer within {server.timeout:g} s"
    match cause:
        case smtplib.SMTPNotSupportedError():
            what = "STARTTLS" if "STARTTLS" in str(cause) else "login"
            return f"offers no {what}; correct mail.security or mail.user"
        case smtplib.SMTPServerDisconnected():
            return "closed the connection"
        case smtplib.SMTPResponseException():
            return f"answered {cause.smtp_code} {_said(cause.smtp_error)}".rstrip()
        case ssl.SSLCertVerificationError():
            return f"has a certificate that is not trusted: {cause.verify_message}; correct it or mail.certificates"
    return f"cannot be reached: {printable(cause.strerror or str(cause))}"


def _said(answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return printable(" ".join(text.split()))[:200]
