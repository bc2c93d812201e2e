"""Types of the settings, and the sections of the file: a table each, a class each."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from brainalign_plugin.text import masked_address

from .schedule import Schedule, parse_catch_up, parse_schedule, read_zone


class SecretAddress(SecretStr):
    """A path, or an address that may hold a login: all but that is shown."""

    def _display(self) -> str:
        return masked_address(self.get_secret_value())


class Section(BaseModel):
    """A table of the file; an unknown key in it is refused."""

    # Without the input, because a value that was refused may be a secret in the wrong place.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _read_by(parse: Callable[[str], object]) -> AfterValidator:
    """Refuse a text, or a secret one, that cannot be parsed, with the message of the parser."""

    def check(value: Any) -> Any:
        parse(value.get_secret_value() if isinstance(value, SecretStr) else value)
        return value

    return AfterValidator(check)


def _matching(pattern: str, problem: str) -> AfterValidator:
    def check(text: str) -> None:
        if not re.fullmatch(pattern, text):
            raise ValueError(problem)

    return _read_by(check)


_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def _host(text: str) -> None:
    with suppress(ValueError):
        ipaddress.ip_address(text)
        return
    try:
        labels = text.removesuffix(".").encode("idna").decode("ascii").split(".")
    except UnicodeError:
        labels = [""]
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("not the name or the address of a host, such as mail.lab.example or 192.0.2.1")


def _web_address(text: str) -> None:
    try:
        parts = urlsplit(text)
        _host(parts.hostname or "")
        usable = parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("not an address such as https://www.brain-score.org")


def _filled(text: str) -> None:
    if not text.strip():
        raise ValueError("empty; give a path or an address, or leave the line out")


def _usable(text: str) -> None:
    if re.match("https?://", text, re.IGNORECASE):
        _web_address(text)


def absolute(path: Path) -> Path:
    """Return the whole path of a folder; ValueError if it begins with the home of a user that does not exist."""
    # A tilde is expanded by shells; in a crontab or a unit file it would become a folder of that name.
    try:
        return path.expanduser().absolute()
    except RuntimeError as cause:
        raise ValueError("no such user; give the whole path") from cause


Home = Annotated[Path, AfterValidator(absolute)]
WebAddress = Annotated[str, _read_by(_web_address)]
SecretWebAddress = Annotated[SecretStr, _read_by(_web_address)]
StoreAddress = Annotated[SecretAddress, _read_by(_filled)]
SourceAddress = Annotated[StoreAddress, _read_by(_usable)]
DomainName = Annotated[
    str, _matching(r"[a-z][a-z0-9_]{0,63}", "not one lower-case word; the site has vision and language")
]
# Parentheses would end the comment of a User-Agent.
Comment = Annotated[str, _matching(r"[!-'*-~ ]{0,200}", "not up to 200 printable ASCII characters without ()")]
Host = Annotated[str, _read_by(_host)]
Seconds = Annotated[float, Field(ge=0.001, le=86_400, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=1, le=65535)]
# Of a named table, [section.NAME]: what an environment variable can spell, in which two underscores divide.
TableName = Annotated[str, Field(pattern=r"^[a-z0-9]+(_[a-z0-9]+)*$", max_length=64)]


class Health(Section):
    """Signs of life for other monitors, and the age at which silence is a failure."""

    address: Host = "127.0.0.1"  # Address that `brainalign serve` listens on
    port: Port | None = None  # Port of `/healthz` and `/metrics`; None for neither
    heartbeat_url: SecretWebAddress | None = None  # Called after every success
    # Without a successful pull for so long, the monitor is unhealthy.
    late_after_hours: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 50.0
    # A leaderboard whose newest score is older is stale.
    stale_after_days: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60.0


NEVER = "never"


def _due_or_never(text: str) -> object:
    return text == NEVER or parse_schedule(text)


class ScheduleSettings(Section):
    """When ``brainalign serve`` does what."""

    timezone: Annotated[str, _read_by(read_zone)] = "UTC"  # Of the cron lines
    # A cron line, or an interval such as `every 6h`.
    pull: Annotated[str, _read_by(parse_schedule)] = "every 6h"
    # The same, for the digests; or `never`.
    weekly: Annotated[str, _read_by(_due_or_never)] = "0 7 * * mon"
    monthly: Annotated[str, _read_by(_due_or_never)] = "0 7 1 * *"
    # Policy for missed times: `skip`, `latest` or `all(max 10)`.
    catch_up: Annotated[str, _read_by(parse_catch_up)] = "latest"
    # A job that begins later than this was missed.
    grace_seconds: Annotated[float, Field(ge=1, le=86400 * 7, allow_inf_nan=False)] = 3600.0
    # Every time is put off by a random part of this, so that not all monitors ask the site at once.
    jitter_seconds: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 60.0

    @property
    def schedules(self) -> dict[str, Schedule]:
        """When each job is due, by its name."""
        given = {"pull": self.pull, "weekly": self.weekly, "monthly": self.monthly}
        return {job: parse_schedule(text, self.timezone) for job, text in given.items() if text != NEVER}

    @property
    def done_late(self) -> int:
        """Number of missed slots that are done late."""
        return parse_catch_up(self.catch_up)


class Operator(Section):
    """Messages to the operator about failures."""

    # Failures in a row before the message; the recovery is a second one.
    after_failures: Annotated[int, Field(ge=1, le=1000)] = 3


_MAIL_ADDRESS = re.compile(r"[!#-'*+\-./0-9=?A-Z^-~]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_NAMED_ADDRESS = re.compile(r"([!#-&'*-+\-./0-9=?A-Z^-~ ]*)<([^<>]*)>")
_UNSUBSCRIBE = r"(mailto:|https?://)[!-;=?-~]{1,500}"
# With which port, if none is given.
_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_mail_address(text: str) -> bool:
    """Return whether a text is a plain mail address in ASCII, without a name."""
    return len(text) <= 254 and _MAIL_ADDRESS.fullmatch(text) is not None and ".." not in text


def _mail_address(text: str) -> None:
    if not is_mail_address(text):
        raise ValueError("not a plain mail address such as reader@lab.example")


def _sender(text: str) -> None:
    named = _NAMED_ADDRESS.fullmatch(text)
    if not is_mail_address(named[2] if named else text):
        raise ValueError("not a mail address, with or without a name: BrainAlign <monitor@lab.example>")


def _public_address(text: str) -> None:
    if "?" in text or "#" in text:
        raise ValueError("an address with ? or # cannot have pages below it")
    _web_address(text)


def _model_key(text: str) -> str:
    if not text.strip():
        raise ValueError("empty; give the id or the name of a model")
    return text.strip()


ModelKey = Annotated[
    str, BeforeValidator(lambda key: str(key) if type(key) is int else key), AfterValidator(_model_key)
]
MailAddress = Annotated[str, _read_by(_mail_address)]


class MailSettings(Section):
    """The mail server, and what all mails share."""

    host: Host | None = None  # None sends no mail
    port: Port | None = None  # None is the usual one of `security`
    security: Literal["starttls", "tls", "none"] = "starttls"  # `starttls`, `tls` or `none`
    user: str = ""  # Empty for a server without a login
    password: SecretStr | None = None
    sender: Annotated[str, _read_by(_sender)] | None = None  # From, with or without a name
    # Address of List-Unsubscribe, `{address}` standing for the recipient; None asks the sender by mail.
    unsubscribe: Annotated[str, _matching(_UNSUBSCRIBE, "neither mailto:… nor https://…")] | None = None
    certificates: Path | None = None  # Certificates to trust instead of the system's
    timeout_seconds: Seconds = 30.0  # Longest wait for a connection and each answer

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.host is not None and self.sender is None:
            raise ValueError("mail.host needs a mail.sender")
        if self.password is not None and not self.user:
            raise ValueError("mail.password needs a mail.user")
        if self.user and self.password is None:
            raise ValueError("mail.user needs a mail.password")
        if self.password is not None and self.security == "none" and self.host not in _LOOPBACK:
            raise ValueError("a password is not sent without encryption; set mail.security")
        return self

    @property
    def used_port(self) -> int:
        """The port that is given, or the usual one."""
        return self.port or _PORTS[self.security]


class Wanted(Section):
    """Kinds of messages that a recipient gets."""

    alerts: bool = True  # News of alerts, firing and resolved
    digest: Literal["weekly", "monthly", "none"] = "weekly"  # `weekly`, `monthly` or `none`
    # In a period without news: `two lines` or `nothing`.
    when_quiet: Literal["two lines", "nothing"] = "two lines"
    operator: bool = False  # Failures of the monitor itself, and their end


class Recipient(Wanted):
    """Recipient of mail."""

    address: MailAddress
    models: tuple[ModelKey, ...] = ()  # Ids or names of models whose official ranks each digest has


class WebhookSettings(Wanted):
    """A webhook; its address may hold a token, and `secret` signs what is posted."""

    url: SecretWebAddress
    secret: SecretStr | None = None


class NotifySettings(Wanted):
    """A chat service by its apprise address, such as ``slack://…``."""

    url: Annotated[SecretStr, _read_by(_filled)]


class SiteSettings(Section):
    """The published site."""

    # Folder of the site; None publishes none. A relative one is meant from the home folder.
    folder: Path | None = None
    # Public address; links in mails and in the feed lead there.
    address: Annotated[str, _read_by(_public_address)] | None = None

    def of_domain(self, domain: str) -> SiteSettings:
        """Return the site of one of several leaderboards, in a folder of its name."""
        folder = None if self.folder is None else self.folder / domain
        address = None if self.address is None else f"{self.address.rstrip('/')}/{domain}/"
        return self.model_copy(update={"folder": folder, "address": address})
