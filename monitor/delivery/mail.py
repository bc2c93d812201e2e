"""Mails as bytes: a complete text, HTML with its styles inline, figures inside it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..base.errors import TemplateError
from ..base.templating import asset
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
    """Compose a mail in wire form; equal arguments give equal bytes.

    `content`: its HTML shows a picture by ``cid:<its name>@brainalign``. `to`: address of the recipient. `name`: that
    of the message; the Message-ID has the sender's domain in place of ours. `at`: with time zone.
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
