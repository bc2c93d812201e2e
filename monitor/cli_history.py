"""Commands that look back: ``brainalign diff``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from .cli_options import AsJson, Domain, Given, Home, MaxMissing, print_json, settings_from

if TYPE_CHECKING:
    from .history.attribution import Attribution


def diff(
    earlier: Given,
    later: Given,
    home: Home = None,
    domain: Domain = None,
    max_missing: MaxMissing = None,
    as_json: AsJson = False,
) -> None:
    """Say what changed between two snapshots, and what moved each headline figure."""
    from . import console, pipeline
    from .history.attribution import attribute, attribution_in_words
    from .history.changes import changes_in_words, changes_json, compare

    settings = settings_from(home=home, domain=domain, max_missing=max_missing)
    now = datetime.now(UTC)
    before = pipeline.find_snapshot(settings, earlier, now).snapshot
    after = pipeline.find_snapshot(settings, later, now).snapshot
    changes = compare(before, after)
    found = attribute(before.board(), after.board(), settings.max_missing)
    if as_json:
        print_json(changes_json(changes) | {"figures": attribution_json(found)})
        return
    to = console.out()
    to.print(f"{before.domain}: {before.as_of_time:%Y-%m-%d} to {after.as_of_time:%Y-%m-%d}")
    for line in changes_in_words(changes):
        to.print(console.printable(line))
    for figure in found.later:
        to.print(console.printable(attribution_in_words(found, figure)))


def attribution_json(found: Attribution) -> dict[str, Any]:
    """The change of each figure and its parts; unknown is None."""
    record: dict[str, Any] = {}
    for figure, after in found.later.items():
        before, parts = found.earlier[figure], found.parts[figure]
        record[figure] = {
            "from": before,
            "to": after,
            "delta": None if before is None or after is None else after - before,
            "attribution": None if parts is None else dict(parts),
        }
    return record


def add_commands(app: typer.Typer) -> None:
    """Put the commands on the command line."""
    app.command()(diff)
