"""Checks of the whole installation: a list of functions, each of which returns its finding."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from brainalign_plugin.brainscore import link as linking
from brainalign_plugin.brainscore.link import LinkState, LinkStatus, link_status
from brainalign_plugin.brainscore.registration import identifiers
from brainalign_plugin.errors import BrainAlignError, ReferenceBoardError
from brainalign_plugin.files.reference_file import choose_reference, find_reference, list_references

from ..base.errors import in_shell
from ..config.settings import Settings

State = Literal["ok", "warning", "problem"]


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
    loaded, problem = _probe(package, identifiers()[0] if status.ok else "")
    what = f"version {status.version or 'unknown'}"
    if loaded is None:
        step = f"reinstall it: `pip install --force-reinstall {package.replace('_', '-')}`"
        return [Check(package, "problem", f"{what} cannot be used: {problem}", step), _link(status, domain)]
    return [
        Check(package, "ok", f"{what} in {loaded['place']!r}"),
        _link(status, domain),
        _variables(settings, domain, loaded["wrong"]),
    ]


def _probe(package: str, identifier: str) -> tuple[dict[str, Any] | None, str]:
    """Return Brain-Score's state once loaded, with one of the benchmarks if it is linked; else the reason."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    try:
        done = subprocess.run(  # noqa: S603 -- this interpreter with our own text
            [sys.executable, "-c", _PROBE, package, identifier],
            env=os.environ | {"PYTHONPATH": path, **_PROBE_VARIABLES},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_PROBE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return None, f"loading it took more than {_PROBE_SECONDS} s"
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(said) if line.strip()), "")
        return None, last[:500] or f"loading it ended with code {done.returncode}"
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found, ""


def _link(status: LinkStatus, domain: str) -> Check:
    state: State = "ok" if status.ok else "warning" if status.state is LinkState.ABSENT else "problem"
    name = "link" if domain == "vision" else f"link into {status.package}"
    return Check(name, state, status.message, status.next_step)


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


CHECKERS: tuple[Checker, ...] = (check_brainscore, check_references)


def examine(settings: Settings, at: datetime, checkers: Iterable[Checker] = CHECKERS) -> tuple[Check, ...]:
    """Make all checks, in their order. `at`: now, with time zone."""
    found: list[Check] = []
    for checker in checkers:
        try:
            found += checker(settings, at)
        except (OSError, BrainAlignError) as cause:
            # One that cannot look, such as below a closed folder, keeps no other from looking.
            name = getattr(checker, "__name__", "check").removeprefix("check_").replace("_", " ")
            found.append(failed(name, "problem", f"cannot be checked: {cause}; check the permissions"))
    return tuple(found)
