"""Checks of the surroundings: settings, source, store, disk, clock, mail, recipients, the site's folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

from brainalign_plugin.errors import BrainAlignError
from brainalign_plugin.text import counted

from ..base.deadline import request
from ..base.errors import DeliveryError, MonitorError
from ..config.reading import CONFIG_NAME
from ..config.settings import Settings, effective_settings, exposed_secrets
from ..delivery.smtp import try_login
from ..notify.channels import mail_server
from ..sources.dispatch import files_of, shown_source
from ..sources.fetching import payload_url, user_agent
from ..store import Outcome, is_made, loss, open_to_read
from ..store.schema import REVISION
from .doctor import Check, Checker, failed

_LITTLE_BYTES = 500_000_000
_TOO_LITTLE_BYTES = 50_000_000
_CLOCK_SECONDS = 5
_SOURCE_SECONDS = 10.0


def check_settings(settings: Settings, _: datetime) -> list[Check]:
    """Check that only the owner of the settings file can read it if it holds secrets."""
    effective = effective_settings(settings)
    changed = sum(one.origin != "default" for one in effective)
    if exposed := exposed_secrets(settings.home, effective):
        path = settings.home / CONFIG_NAME
        message = f"{str(path)!r} holds {', '.join(exposed)}, and others may read it"
        return [Check("settings", "warning", message, f"chmod 600 {path}")]
    return [Check("settings", "ok", f"valid, {changed} not at the default (`brainalign config check`)")]


def check_store(settings: Settings, _: datetime) -> list[Check]:
    """Check that the store can be read and written, without making or migrating one."""
    address = settings.store_address
    try:
        if lost := loss(address, settings.home, settings.bodies, settings.reports):
            message, __, step = lost.partition(". ")
            return [Check("store", "problem", message, step)]
        words = "there is none yet; `brainalign run` makes it"
        if is_made(address):
            with open_to_read(address, settings.bodies) as store:
                words = f"{counted(len(store.snapshots()), 'snapshot')}, schema {REVISION}"
    except MonitorError as failure:
        return [failed("store", "problem", failure)]
    places = (address, address.parent) if isinstance(address, Path) else ()
    if closed := [one for one in map(_nearest, places) if not os.access(one, os.W_OK)]:
        message = f"{str(closed[0])!r} may not be written by this user"
        return [Check("store", "problem", message, "give this user the right to write there")]
    return [Check("store", "ok", words)]


def _nearest(folder: Path) -> Path:
    """Return a folder, or the one above it that this user can see: a folder below a closed one cannot be seen."""
    while not os.path.exists(folder):  # noqa: PTH110 -- of a path it may not look at, Path.exists raises
        folder = folder.parent
    return folder


def check_source(settings: Settings, _: datetime) -> list[Check]:
    """Check that the source answers, reading only the beginning of the answer of an address."""
    where = settings.base_url if settings.source is None else settings.source.get_secret_value()
    name = shown_source(where)
    if not where.lower().startswith(("http://", "https://")):
        try:
            files = files_of(where)
        except BrainAlignError as failure:
            return [failed("source", "problem", failure)]
        if "://" in where or all(os.access(one, os.R_OK) for one in files):
            return [Check("source", "ok", name)]
        return [Check("source", "problem", f"{name!r} cannot be read", "correct the setting source, or the file")]
    step = "check the network and the address; try `brainalign fetch`"
    seconds = min(_SOURCE_SECONDS, settings.deadline_seconds)
    try:
        address, headers = payload_url(where, settings.domain), {"User-Agent": user_agent(settings.contact)}
        answer = request("GET", address, deadline=seconds, timeout=seconds, headers=headers)
    except Exception as cause:  # noqa: BLE001 -- it may name the whole address
        return [Check("source", "warning", f"{name} does not answer ({type(cause).__name__})", step)]
    if answer.status_code >= 400:
        return [Check("source", "warning", f"{name} answers {answer.status_code}", step)]
    return [Check("source", "ok", f"{name} answers")]


def check_last_pull(settings: Settings, _: datetime) -> list[Check]:
    """Check that the last pull did not fail."""
    try:
        if not is_made(settings.store_address):
            return [Check("last pull", "ok", "none is recorded")]
        with open_to_read(settings.store_address, settings.bodies) as store:
            last = store.last_pull(settings.domain)
    except MonitorError:  # reported by the check of the store
        return []
    if last is None:
        return [Check("last pull", "ok", f"there was none of {settings.domain} yet")]
    when = f"{last.at:%Y-%m-%d %H:%M} UTC"
    if last.outcome in (Outcome.FAILED, Outcome.REFUSED):
        message, __, step = last.message.rpartition("; ")
        words = f"{last.outcome.value} at {when}: {message or step}"
        return [Check("last pull", "problem", words, step if message else "`brainalign run` tries again")]
    return [Check("last pull", "ok", f"{last.outcome.value} at {when}")]


def check_recipients(settings: Settings, _: datetime) -> list[Check]:
    """Check that an operator gets messages of failures, and that the User-Agent names a contact."""
    told = [*settings.recipients.values(), *settings.webhooks.values(), *settings.notify.values()]
    operators = sum(one.operator for one in told)
    words = f"{counted(len(told), 'recipient')}, {operators} of them with operator messages"
    if not told:
        words = "none, so that no alert and no failure is sent"
    recipients = Check("recipients", "ok", words)
    if told and not operators:
        recipients = Check("recipients", "warning", words, "set operator = true for one of them")
    contact = Check("contact", "ok", settings.contact)
    if not settings.contact:
        step = "set contact to a mail address or a page, which goes into the User-Agent"
        contact = Check("contact", "warning", "the User-Agent names no contact for the site's operators", step)
    return [recipients, contact]


def check_disk(settings: Settings, _: datetime) -> list[Check]:
    """Check that the disk of the home folder has room."""
    folder = _nearest(settings.home)
    try:
        free = shutil.disk_usage(folder).free
    except OSError as cause:
        message = f"cannot read the free space of {str(folder)!r}: {cause.strerror}"
        return [Check("disk", "problem", message, "check the disk")]
    words = f"{free / 1e9:.1f} GB free at {str(folder)!r}"
    if free < _LITTLE_BYTES:
        step = "free space, or `brainalign store prune` old snapshots"
        return [Check("disk", "problem" if free < _TOO_LITTLE_BYTES else "warning", words, step)]
    return [Check("disk", "ok", words)]


def _last_pull(settings: Settings) -> datetime | None:
    if not is_made(settings.store_address):
        return None
    with open_to_read(settings.store_address, settings.bodies) as store:
        return next((pull.at for pull in store.pulls(limit=1)), None)


def check_clock(settings: Settings, at: datetime) -> list[Check]:
    """Check that the clock is not behind the stored times, and that the system synchronizes it."""
    try:
        newest = _last_pull(settings)
    except MonitorError:  # reported by the check of the store
        newest = None
    if newest is not None and at < newest - timedelta(seconds=_CLOCK_SECONDS):
        message = f"it shows {at:%Y-%m-%d %H:%M:%S} UTC, earlier than the last pull of {newest:%Y-%m-%d %H:%M:%S} UTC"
        return [Check("clock", "problem", message, "set the clock, and synchronise it by NTP")]
    synchronised = _synchronised()
    if synchronised is False:
        message = f"it shows {at:%Y-%m-%d %H:%M} UTC, and is not synchronised"
        return [Check("clock", "warning", message, "switch NTP on: `timedatectl set-ntp true`")]
    how = "synchronised" if synchronised else "synchronisation unknown"
    return [Check("clock", "ok", f"{at:%Y-%m-%d %H:%M} UTC, {how}")]


def _synchronised() -> bool | None:
    """Return systemd's state of the clock; None if systemd does not run or does not know."""
    program = shutil.which("timedatectl")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 -- a fixed command of the system
            [program, "show", "--property=NTPSynchronized", "--value"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_CLOCK_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return {b"yes": True, b"no": False}.get(done.stdout.strip())


def check_mail(settings: Settings, _: datetime) -> list[Check]:
    """Check that the mail server answers and takes the login; send nothing."""
    server = mail_server(settings)
    if server is None:
        if settings.recipients:
            step = "set mail.host, or remove the recipients"
            return [Check("mail server", "warning", "there are recipients, but no mail server", step)]
        return [Check("mail server", "ok", "none is configured")]
    try:
        try_login(server)
    except DeliveryError as failure:
        return [failed("mail server", "problem", failure)]
    how = f"login as {server.user!r}" if server.user else "without a login"
    return [Check("mail server", "ok", f"{server.host}:{server.port} answers, {how}")]


def check_site(settings: Settings, _: datetime) -> list[Check]:
    """Check that the site's folder can be written."""
    if settings.site.folder is None:
        return [Check("site folder", "ok", "none is configured")]
    folder = settings.home / settings.site.folder.expanduser()
    # A new site is swapped in, so that the folder above it is written too.
    for place in (folder, folder.parent):
        there = _nearest(place)
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            message = f"{str(there)!r} may not be written by this user"
            step = f"give this user the right to write {str(folder)!r}"
            return [Check("site folder", "problem", message, step)]
    return [Check("site folder", "ok", f"{str(folder)!r} can be written")]


CHECKERS: tuple[Checker, ...] = (
    check_settings,
    check_store,
    check_source,
    check_last_pull,
    check_disk,
    check_clock,
    check_mail,
    check_recipients,
    check_site,
)
