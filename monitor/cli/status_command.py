"""The command for the state of the monitor: ``brainalign status``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from brainalign_plugin.text import counted

from .options import AsJson, Domain, Home, now, print_json, settings_from

if TYPE_CHECKING:
    from ..operations.status import Standing
    from ..store.records import PullRecord

Check = Annotated[bool, typer.Option("--check", help="Exit code 8 if a check fails: for health checks.")]


def status(check: Check = False, home: Home = None, domain: Domain = None, as_json: AsJson = False) -> None:
    """Show last success, last news, jobs, outbox and failures."""
    from brainalign_plugin.text import printable

    from ..operations import pull as pipeline
    from ..operations.status import standing, standing_json

    settings = settings_from(home=home, domain=domain)
    with pipeline.open_existing(settings, "latest") as store:
        found = standing(settings, store, now())
    if as_json:
        print_json(standing_json(found))
    else:
        for line in _lines(found):
            typer.echo(printable(line))
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

    board = found.board
    rows = [
        (
            "last pull",
            moment(found.last_pull) + _outcome(found.last_pull),
        ),
        ("last success", moment(found.last_success)),
        ("last news", moment(found.last_news)),
        (
            "newest board",
            "none" if board is None else f"{board.id}, {moments_of(board)}",
        ),
        ("snapshots", str(found.boards)),
    ]
    for job, due in found.next_slots.items():
        run = found.last_runs.get(job)
        last = "never run" if run is None else f"{run.state.value} for {run.slot:%Y-%m-%d %H:%M} UTC"
        later = (
            "never again" if due is None else f"next {due:%Y-%m-%d %H:%M} UTC while `brainalign serve` runs"
        )
        rows.append((f"job {job}", f"{last}, {later}"))
    counts = ", ".join(
        f"{count} {state.value.replace('_', ' ')}" for state, count in found.messages.items() if count
    )
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
    return [
        *lines,
        *(f"check: {problem}" for problem in found.problems),
        *([] if found.problems else ["healthy"]),
    ]
