"""Commands for the state of the monitor: ``brainalign status`` and ``brainalign doctor``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from brainalign_plugin.text import counted

from .options import AsJson, Domain, Home, now, opened, print_json, say, settings_from, stage

if TYPE_CHECKING:
    from ..operations.status import Standing
    from ..store.stored import PullRecord

Check = Annotated[bool, typer.Option("--check", help="Exit code 8 if a check fails: for health checks.")]


def status(check: Check = False, home: Home = None, domain: Domain = None, as_json: AsJson = False) -> None:
    """Show last success, last news, jobs, outbox and failures."""
    from ..operations.status import standing, standing_json

    with opened(home=home, domain=domain) as (settings, store):
        found = standing(settings, store, now())
    if as_json:
        print_json(standing_json(found))
    else:
        say(*_lines(found))
    if check and not found.healthy:
        raise typer.Exit(8)


def _outcome(pull: PullRecord | None) -> str:
    if pull is None:
        return ""
    return f" ({pull.outcome.value}{f'; {pull.message}' if pull.message else ''})"


def _lines(found: Standing) -> list[str]:
    from .printing import moments_of

    def moment(record: object) -> str:
        at = getattr(record, "at", None)
        return "never" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"

    rows: list[tuple[str, str]] = []
    for one in found.leaderboards:
        of = f" of {one.domain}" if len(found.leaderboards) > 1 else ""
        rows += [
            (f"last pull{of}", moment(one.last_pull) + _outcome(one.last_pull)),
            (f"last success{of}", moment(one.last_success)),
            (f"last news{of}", moment(one.last_news)),
            (f"newest board{of}", "none" if one.board is None else f"{one.board.id}, {moments_of(one.board)}"),
        ]
    rows.append(("snapshots", str(found.snapshots)))
    for job, due in found.next_slots.items():
        run = found.last_runs.get(job)
        last = "never run" if run is None else f"{run.state.value} for {run.slot:%Y-%m-%d %H:%M} UTC"
        later = "never again" if due is None else f"next {due:%Y-%m-%d %H:%M} UTC while `brainalign serve` runs"
        rows.append((f"job {job}", f"{last}, {later}"))
    counts = ", ".join(f"{count} {state.value.replace('_', ' ')}" for state, count in found.messages.items() if count)
    rows.append(("messages", counts or "none"))
    rows += [
        (
            f"failing {alarm.name}",
            f"{counted(alarm.failures, 'failure')} in a row since {alarm.since:%Y-%m-%d %H:%M} UTC: {alarm.message}",
        )
        for alarm in found.alarms
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {' '.join(value.split())}" for name, value in rows]
    return [*lines, *(f"check: {problem}" for problem in found.problems), *([] if found.problems else ["healthy"])]


_MARKS = {"ok": "✓", "warning": "!", "problem": "✗"}


def doctor(home: Home = None, as_json: AsJson = False) -> None:
    """Check the installation, settings and service.

    Each problem is printed with its next step. Exit code 8 if there is a problem.
    """
    from ..health.doctor import CHECKERS, examine
    from ..health.surroundings import CHECKERS as SURROUNDINGS

    settings = settings_from(home=home)
    with stage("examining"):
        checks = examine(settings, now(), (*SURROUNDINGS, *CHECKERS))
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
