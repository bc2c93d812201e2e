"""Commands for the state of the monitor: ``brainalign status``, ``doctor``, ``config init | check | show``."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from brainalign_plugin.text import counted, printable

from ..base.files import fields_of, write_atomically
from .options import AsJson, Home, Limits, Where, command_group, now, opened, option, settings_from
from .printing import moments_of, print_json, say, stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..config.settings import Effective
    from ..operations.status import Standing

Check = Annotated[bool, option("Exit code 8 if a check fails: for health checks.", name="--check")]


def status(check: Check = False, *, where: Where, as_json: AsJson = False) -> None:
    """Show last success, last news, jobs, outbox and failures."""
    from ..operations.status import standing, standing_json

    with opened(**where) as (settings, store):
        found = standing(settings, store, now())
    if as_json:
        print_json(standing_json(found))
    else:
        say(*_lines(found))
    if check and not found.healthy:
        raise typer.Exit(8)


def _lines(found: Standing) -> list[str]:
    def moment(record: object) -> str:
        at = getattr(record, "at", None)
        return "never" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"

    rows: list[tuple[str, str]] = []
    for one in found.leaderboards:
        of = f" of {one.domain}" if len(found.leaderboards) > 1 else ""
        last = one.last_pull
        outcome = "" if last is None else f" ({last.outcome.value}{last.message and f'; {last.message}'})"
        rows += [
            (f"last pull{of}", moment(last) + outcome),
            (f"last success{of}", moment(one.last_success)),
            (f"last news{of}", moment(one.last_news)),
            (f"newest board{of}", "none" if one.board is None else f"{one.board.id}, {moments_of(one.board)}"),
        ]
    rows.append(("snapshots", str(found.snapshots)))
    for job, due in found.next_slots.items():
        run = found.last_runs.get(job)
        state = "never run" if run is None else f"{run.state.value} for {run.slot:%Y-%m-%d %H:%M} UTC"
        later = "never again" if due is None else f"next {due:%Y-%m-%d %H:%M} UTC while `brainalign serve` runs"
        rows.append((f"job {job}", f"{state}, {later}"))
    counts = ", ".join(f"{count} {kind.value.replace('_', ' ')}" for kind, count in found.messages.items() if count)
    rows.append(("messages", counts or "none"))
    for alarm in found.alarms:
        often = f"{counted(alarm.failures, 'failure')} in a row since {alarm.since:%Y-%m-%d %H:%M} UTC"
        rows.append((f"failing {alarm.name}", f"{often}: {alarm.message}"))
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {' '.join(value.split())}" for name, value in rows]
    return [*lines, *(f"check: {problem}" for problem in found.problems), *([] if found.problems else ["healthy"])]


_MARKS = {"ok": "✓", "warning": "!", "problem": "✗"}


def doctor(home: Home = None, as_json: AsJson = False) -> None:
    """Check the installation, settings and service.

    Each problem is printed with its next step. Exit code 8 if there is a problem.
    """
    from ..health.doctor import examine

    settings = settings_from(home=home)
    with stage("examining"):
        checks = examine(settings, now())
    counts = {state: sum(check.state == state for check in checks) for state in ("problem", "warning")}
    if as_json:
        print_json({"ok": not counts["problem"], "checks": [asdict(check) for check in checks]})
    else:
        wide = max(len(check.name) for check in checks)
        for check in checks:
            say(f"{_MARKS[check.state]} {check.name:<{wide}}  {check.message}")
            if check.next_step:
                say(f"{'':>{wide + 4}}{check.next_step}")
        found = [counted(count, state) for state, count in counts.items() if count]
        say(", ".join(found) or "everything is in order")
    if counts["problem"]:
        raise typer.Exit(8)


config_app = command_group("Show and check the settings.")


@config_app.command("init")
def init(home: Home = None) -> None:
    """Write an annotated brainalign.toml into the home folder.

    A file that is there stays.
    """
    from importlib.resources import files

    from ..base.errors import ConfigError
    from ..config.reading import CONFIG_NAME
    from ..config.settings import load_home

    path = load_home(home) / CONFIG_NAME
    if os.path.exists(path):  # noqa: PTH110 -- below a closed folder Path.exists raises
        raise ConfigError(f"{str(path)!r} exists already; move it away to get a new one")
    example = files("brainalign_monitor").joinpath("brainalign.example.toml").read_bytes()
    write_atomically(path, example)
    # The file may hold passwords.
    path.chmod(0o600)
    say(f"wrote {path}; every setting in it is commented out; `brainalign config check` validates it")


@config_app.command("check")
def check_settings(*, where: Limits) -> None:
    """Validate settings and rules, and list what is not default."""
    from ..config.reading import CONFIG_NAME, load_rules
    from ..config.settings import effective_settings, exposed_secrets

    settings = settings_from(**where)
    effective = effective_settings(settings, **where)
    path = settings.home / CONFIG_NAME
    rules, named, sources = load_rules(path), settings.own_families, settings.metadata_sources
    there = "is valid" if path.exists() else "does not exist, and is not required"
    say(f"{path} {there}")
    say(*_in_columns([one for one in effective if one.origin != "default"]))
    say(f"{counted(len(rules), 'alert rule')}: {', '.join(rule.name for rule in rules)}")
    if settings.families is not None:
        say(f"table of families: {counted(len(named), 'line')}")
    for one in sources:
        names = f"{counted(len(one.benchmarks), 'benchmark')}, {counted(len(one.models), 'model')}"
        say(f"metadata of {one.source}: {names}", *one.problems)
    if exposed := exposed_secrets(settings.home, effective):
        problem = f"{str(path)!r} holds {', '.join(exposed)} and other users can read it; run `chmod 600` on it"
        say(f"brainalign: {problem}", err=True)


@config_app.command("show")
def show(*, where: Limits, as_json: AsJson = False) -> None:
    """Print every setting in force and its origin; secrets masked."""
    from ..config.settings import effective_settings

    effective = effective_settings(settings_from(**where), **where)
    if as_json:
        print_json({"settings": [fields_of(one, "name", "value", "origin") for one in effective]})
        return
    say(*_in_columns(effective))


def _in_columns(settings: Sequence[Effective]) -> list[str]:
    """Return the settings as lines in columns."""
    values = ["" if one.value is None else json.dumps(one.value, ensure_ascii=False) for one in settings]
    name = max((len(one.name) for one in settings), default=0)
    wide = max(map(len, values), default=0)
    return [
        printable(f"{one.name:<{name}}  {value:<{wide}}  {one.origin}").rstrip()
        for one, value in zip(settings, values, strict=True)
    ]
