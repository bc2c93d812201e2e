"""Checks of the whole installation and its surroundings: a list of functions, each of which returns its findings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from brainalign_plugin.brainscore import link as linking
from brainalign_plugin.brainscore.link import LinkState, link_status
from brainalign_plugin.brainscore.registration import identifiers
from brainalign_plugin.errors import BrainAlignError, ReferenceBoardError
from brainalign_plugin.files.reference_file import choose_reference, find_reference, list_references
from brainalign_plugin.text import counted

from ..base.deadline import request
from ..base.errors import MonitorError, in_shell
from ..config.reading import CONFIG_NAME
from ..config.settings import Settings, effective_settings, exposed_secrets
from ..delivery.mail import try_login
from ..notify.channels import mail_server
from ..sources.dispatch import files_of, shown_source
from ..sources.fetching import payload_url, user_agent
from ..store import Outcome, Store, is_made, loss, open_to_read
from ..store.schema import REVISION

State = Literal["ok", "warning", "problem"]
Result = TypeVar("Result")

_LITTLE_BYTES = 500_000_000
_TOO_LITTLE_BYTES = 50_000_000
_CLOCK_SECONDS = 5
_SOURCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Check:
    """A check and its finding."""

    name: str  # Subject, in a word or two
    # ``ok``; ``warning``, where something is likely to be missed; ``problem``, where something does not work.
    state: State
    message: str  # Finding
    next_step: str = ""  # Action for the user; empty if none


# Looks at something, given the settings and the moment of the check.
Checker = Callable[[Settings, datetime], Iterable[Check]]

# Loading Brain-Score takes seconds and may fail in any way, so another process does it. Its last line is for us.
_PROBE = """
import importlib, json, os, sys
package = importlib.import_module(sys.argv[1])
if sys.argv[2]:
    package.load_benchmark(sys.argv[2])
from brainalign_plugin.errors import CandidateError
from brainalign_plugin.brainscore.settings import settings_from
wrong = ""
try:
    settings_from()
except CandidateError as error:
    wrong = str(error)
print()
print(json.dumps({
    "place": os.path.dirname(package.__file__),
    "wrong": wrong,
}))
"""
# Looking changes nothing: neither compiled modules among the benchmarks, nor packages that a plugin would install.
_PROBE_VARIABLES = {"PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1", "BS_INSTALL_DEPENDENCIES": "no"}
_PROBE_SECONDS = 300


def check_settings(settings: Settings, _: datetime) -> list[Check]:
    """Check that only the owner of the settings file can read it if it holds secrets."""
    effective = effective_settings(settings)
    if exposed := exposed_secrets(settings.home, effective):
        path = settings.home / CONFIG_NAME
        message = f"{str(path)!r} holds {', '.join(exposed)}, and others may read it"
        return [Check("settings", "warning", message, f"chmod 600 {path}")]
    changed = sum(one.origin != "default" for one in effective)
    return [Check("settings", "ok", f"valid, {changed} not at the default (`brainalign config check`)")]


def check_store(settings: Settings, _: datetime) -> list[Check]:
    """Check that the store can be read and written, without making or migrating one."""
    address = settings.store_address
    if lost := loss(address, settings.home, settings.bodies, settings.reports):
        message, __, step = lost.partition(". ")
        return [Check("store", "problem", message, step)]
    count = _stored(settings, lambda store: len(store.snapshots()))
    places = (address, address.parent) if isinstance(address, Path) else ()
    if closed := [one for one in map(_nearest, places) if not os.access(one, os.W_OK)]:
        message = f"{str(closed[0])!r} may not be written by this user"
        return [Check("store", "problem", message, "give this user the right to write there")]
    none = "there is none yet; `brainalign run` makes it"
    return [Check("store", "ok", none if count is None else f"{counted(count, 'snapshot')}, schema {REVISION}")]


def _stored(settings: Settings, ask: Callable[[Store], Result]) -> Result | None:
    """Return an answer of the store; None if there is no store yet."""
    if not is_made(settings.store_address):
        return None
    with open_to_read(settings.store_address, settings.bodies) as store:
        return ask(store)


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
        if all("://" in where or os.access(one, os.R_OK) for one in files_of(where)):
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
    with suppress(MonitorError):  # reported by the check of the store
        found = _stored(settings, lambda store: (store.last_pull(settings.domain),))
        if found is None:
            return [Check("last pull", "ok", "none is recorded")]
        (last,) = found
        if last is None:
            return [Check("last pull", "ok", f"there was none of {settings.domain} yet")]
        when = f"{last.outcome.value} at {last.at:%Y-%m-%d %H:%M} UTC"
        if last.outcome not in (Outcome.FAILED, Outcome.REFUSED):
            return [Check("last pull", "ok", when)]
        message, __, step = last.message.rpartition("; ")
        next_step = step if message else "`brainalign run` tries again"
        return [Check("last pull", "problem", f"{when}: {message or step}", next_step)]
    return []


def check_recipients(settings: Settings, _: datetime) -> list[Check]:
    """Check that an operator gets messages of failures, and that the User-Agent names a contact."""
    told = [*settings.recipients.values(), *settings.webhooks.values(), *settings.notify.values()]
    operators = sum(one.operator for one in told)
    words = f"{counted(len(told), 'recipient')}, {operators} of them with operator messages"
    if not told:
        words = "none, so that no alert and no failure is sent"
    recipients, contact = Check("recipients", "ok", words), Check("contact", "ok", settings.contact)
    if told and not operators:
        recipients = Check("recipients", "warning", words, "set operator = true for one of them")
    if not settings.contact:
        step = "set contact to a mail address or a page, which goes into the User-Agent"
        contact = Check("contact", "warning", "the User-Agent names no contact for the site's operators", step)
    return [recipients, contact]


def check_disk(settings: Settings, _: datetime) -> list[Check]:
    """Check that the disk of the home folder has room."""
    folder = _nearest(settings.home)
    free = shutil.disk_usage(folder).free
    words = f"{free / 1e9:.1f} GB free at {str(folder)!r}"
    if free < _LITTLE_BYTES:
        step = "free space, or `brainalign store prune` old snapshots"
        return [Check("disk", "problem" if free < _TOO_LITTLE_BYTES else "warning", words, step)]
    return [Check("disk", "ok", words)]


def check_clock(settings: Settings, at: datetime) -> list[Check]:
    """Check that the clock is not behind the stored times, and that the system synchronizes it."""
    newest = None
    with suppress(MonitorError):  # reported by the check of the store
        newest = _stored(settings, lambda store: next((pull.at for pull in store.pulls(limit=1)), None))
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
        done = _run([program, "show", "--property=NTPSynchronized", "--value"], _CLOCK_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return {b"yes": True, b"no": False}.get(done.stdout.strip())


def _run(command: list[str], seconds: float, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run a command that is fixed here, without input."""
    return subprocess.run(  # noqa: S603
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=seconds
    )


def check_mail_server(settings: Settings, _: datetime) -> list[Check]:
    """Check that the mail server answers and takes the login; send nothing."""
    server = mail_server(settings)
    if server is None:
        if settings.recipients:
            step = "set mail.host, or remove the recipients"
            return [Check("mail server", "warning", "there are recipients, but no mail server", step)]
        return [Check("mail server", "ok", "none is configured")]
    try_login(server)
    how = f"login as {server.user!r}" if server.user else "without a login"
    return [Check("mail server", "ok", f"{server.host}:{server.port} answers, {how}")]


def check_site_folder(settings: Settings, _: datetime) -> list[Check]:
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


def check_brainscore(settings: Settings, _: datetime) -> list[Check]:
    """Check Brain-Score's packages, the link into each, and the variables of the plugin."""
    return [check for domain in linking.domains_here() for check in _of_domain(settings, domain)]


def _of_domain(settings: Settings, domain: str) -> list[Check]:
    status = link_status(settings.link_record, domain)
    package = status.package
    if status.state is LinkState.NO_BRAINSCORE:
        if linking.importable(package):
            return [Check(package, "problem", status.message, status.next_step)]
        message = "not installed; only the meta-benchmarks need it"
        return [Check(package, "ok", message, status.next_step)]
    state: State = "ok" if status.ok else "warning" if status.state is LinkState.ABSENT else "problem"
    name = "link" if domain == "vision" else f"link into {package}"
    link = Check(name, state, status.message, status.next_step)
    loaded, problem = _probe(package, identifiers()[0] if status.ok else "")
    what = f"version {status.version or 'unknown'}"
    if loaded is None:
        step = f"reinstall it: `pip install --force-reinstall {package.replace('_', '-')}`"
        return [Check(package, "problem", f"{what} cannot be used: {problem}", step), link]
    return [Check(package, "ok", f"{what} in {loaded['place']!r}"), link, _variables(settings, domain, loaded["wrong"])]


def _probe(package: str, identifier: str) -> tuple[dict[str, Any] | None, str]:
    """Return Brain-Score's state once loaded, with one of the benchmarks if it is linked; else the reason."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    try:
        variables = os.environ | {"PYTHONPATH": path, **_PROBE_VARIABLES}
        done = _run([sys.executable, "-c", _PROBE, package, identifier], _PROBE_SECONDS, variables)
    except subprocess.TimeoutExpired:
        return None, f"loading it took more than {_PROBE_SECONDS} s"
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(said) if line.strip()), "")
        return None, last[:500] or f"loading it ended with code {done.returncode}"
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found, ""


def _variables(settings: Settings, domain: str, wrong: str) -> Check:
    """Check the environment variables of the plugin, of which only the reference is required."""
    name = "reference to place on" if domain == "vision" else f"reference of {domain}"
    if wrong:
        return failed(name, "problem", wrong)
    wanted = os.environ.get("BRAINALIGN_REFERENCE", "").strip()
    try:
        return Check(name, "ok", choose_reference(settings.references, wanted, domain).description)
    except ReferenceBoardError as error:
        return failed(name, "problem" if wanted else "warning", error)


def check_references(settings: Settings, _: datetime) -> list[Check]:
    """Check that the frozen references in the home folder can be read."""
    found, wrong = list_references(settings.references)
    if settings.reference:
        try:
            find_reference(settings.references, settings.reference)
        except ReferenceBoardError as error:
            wrong = (*wrong, error)
    if wrong:
        return [failed("references", "problem", error) for error in wrong]
    names = ", ".join(reference.name for reference in found)
    return [Check("references", "ok", names or "none is frozen yet")]


def failed(name: str, state: State, error: BrainAlignError | str) -> Check:
    """Return an error as a check: the message ends in the next step, after a semicolon."""
    message, _, step = in_shell(str(error)).rpartition("; ")
    return Check(name, state, message or step, step if message else "")


CHECKERS: tuple[Checker, ...] = (
    check_settings,
    check_store,
    check_source,
    check_last_pull,
    check_disk,
    check_clock,
    check_mail_server,
    check_recipients,
    check_site_folder,
    check_brainscore,
    check_references,
)


def examine(settings: Settings, at: datetime, checkers: Iterable[Checker] = CHECKERS) -> tuple[Check, ...]:
    """Make all checks, in their order; one that fails keeps no other from being made. `at`: now, with time zone."""
    found: list[Check] = []
    for checker in checkers:
        name = getattr(checker, "__name__", "check").removeprefix("check_").replace("_", " ")
        try:
            found += checker(settings, at)
        except BrainAlignError as cause:
            found.append(failed(name, "problem", cause))
        except OSError as cause:  # such as below a closed folder
            found.append(failed(name, "problem", f"cannot be checked: {cause}; check the permissions"))
    return tuple(found)
