"""Types of the settings, and the sections of the file: a table each, a class each."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from .slots import CatchUp, Schedule, parse_catch_up, parse_schedule, read_zone


def masked_address(text: str) -> str:
    """An address as it may be shown: without its password, and with the values of its query masked."""
    beginning, _, query = text.partition("?")
    # A password may hold a slash or an @ that nobody escaped: all before the last @ is taken for a login.
    scheme, mark, rest = beginning.partition("://")
    if not mark:
        return text
    login, at, host = rest.rpartition("@")
    user, colon, _ = login.partition(":")
    shown = f"{scheme}://{user}{':***' if colon else ''}{at}{host}"
    pairs = [f"{key}=***" if sign else "***" for key, sign, _ in (p.partition("=") for p in query.split("&"))]
    return f"{shown}?{'&'.join(pairs)}" if query else shown


class SecretAddress(SecretStr):
    """A path, or an address that may hold a password: all but that is shown."""

    def _display(self) -> str:
        return masked_address(self.get_secret_value())


class Section(BaseModel):
    """A table of the file; an unknown key in it is refused."""

    # Without the input, because a value that was refused may be a secret in the wrong place.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("not an address such as https://www.brain-score.org")
    return text


def _secret_web_address(secret: SecretStr) -> SecretStr:
    _web_address(secret.get_secret_value())
    return secret


def _word(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", text):
        raise ValueError("not one lower-case word; the site has vision and language")
    return text


def _comment(text: str) -> str:
    # Parentheses would end the comment of a User-Agent.
    if not re.fullmatch(r"[!-'*-~ ]{0,200}", text):
        raise ValueError("not up to 200 printable ASCII characters without ()")
    return text


def _filled(secret: Any) -> Any:
    if not secret.get_secret_value().strip():
        raise ValueError("empty; give a path or an address, or leave the line out")
    return secret


WebAddress = Annotated[str, AfterValidator(_web_address)]
SecretWebAddress = Annotated[SecretStr, AfterValidator(_secret_web_address)]
StoreAddress = Annotated[SecretAddress, AfterValidator(_filled)]
DomainName = Annotated[str, AfterValidator(_word)]
Comment = Annotated[str, AfterValidator(_comment)]
Seconds = Annotated[float, Field(ge=0.001, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=1, le=65535)]
# Of a named table, [section.NAME]: what an environment variable can spell, in which two underscores divide.
TableName = Annotated[str, Field(pattern=r"^[a-z0-9]+(_[a-z0-9]+)*$", max_length=64)]


class Health(Section):
    """How others see that the monitor lives, and when its silence is a failure.

    Attributes
    ----------
    address : str
        Where ``brainalign serve`` listens.
    port : int or None
        Port of ``/healthz`` and ``/metrics``; None serves neither.
    heartbeat_url : SecretStr or None
        Called after every success.
    late_after_hours : float
        Without a successful pull for so long, the monitor is unhealthy.
    stale_after_days : float
        A leaderboard whose newest score is older is stale.
    """

    address: str = "127.0.0.1"
    port: Port | None = None
    heartbeat_url: SecretWebAddress | None = None
    late_after_hours: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 50.0
    stale_after_days: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60.0


NEVER = "never"


def _zone(name: str) -> str:
    read_zone(name)
    return name


def _due(text: str) -> str:
    parse_schedule(text)
    return text


def _due_or_never(text: str) -> str:
    return text if text == NEVER else _due(text)


def _catch_up(text: str) -> str:
    parse_catch_up(text)
    return text


class ScheduleSettings(Section):
    """When ``brainalign serve`` does what.

    Attributes
    ----------
    timezone : str
        Of the cron lines.
    pull : str
        A cron line, or an interval such as ``every 6h``.
    weekly, monthly : str
        The same, for the digests; or ``never``.
    catch_up : str
        What is done about missed times: ``skip``, ``latest`` or ``all(max 10)``.
    grace_seconds : float
        What is done later than this was missed.
    jitter_seconds : float
        Every time is put off by a random part of this, so that not all monitors ask the site at once.
    """

    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    pull: Annotated[str, AfterValidator(_due)] = "every 6h"
    weekly: Annotated[str, AfterValidator(_due_or_never)] = "0 7 * * mon"
    monthly: Annotated[str, AfterValidator(_due_or_never)] = "0 7 1 * *"
    catch_up: Annotated[str, AfterValidator(_catch_up)] = "latest"
    grace_seconds: Annotated[float, Field(ge=1, le=86400 * 7, allow_inf_nan=False)] = 3600.0
    jitter_seconds: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 60.0

    @property
    def schedules(self) -> dict[str, Schedule]:
        """When each job is due, by its name."""
        given = {"pull": self.pull, "weekly": self.weekly, "monthly": self.monthly}
        return {job: parse_schedule(text, self.timezone) for job, text in given.items() if text != NEVER}

    @property
    def catching_up(self) -> CatchUp:
        """What is done about missed slots."""
        return parse_catch_up(self.catch_up)


class Operator(Section):
    """When whoever runs the monitor is told of failures.

    Attributes
    ----------
    after_failures : int
        Told once when something failed so often in a row, and once when it works again.
    """

    after_failures: Annotated[int, Field(ge=1, le=1000)] = 3
