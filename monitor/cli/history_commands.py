"""Commands about the past: ``brainalign diff | backfill | history | drift | eras | alerts``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brainalign_plugin.text import counted

from ..history.periods import Period
from . import options
from .options import command_group, now, opened, print_json, say, settings_from, stage, utc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainalign_plugin.data.snapshot import Snapshot

    from ..config.settings import Settings
    from ..history.alerts import Rule
    from ..history.attribution import Attribution


FigureName = Annotated[
    str | None, typer.Option("--figure", help="Only this headline figure (default: all).", metavar="NAME")
]
Every = Annotated[Period, typer.Option(help="Period; weeks begin on Monday.")]


def backfill(
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First day (default: the first score).", metavar="DATE"),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="Last day (default: that of the snapshot).", metavar="DATE"),
    ] = None,
    every: Every = Period.MONTH,
    home: options.Home = None,
    domain: options.Domain = None,
    as_json: options.AsJson = False,
) -> None:
    """Reconstruct past boards from the newest snapshot.

    One board a period is stored, marked as reconstructed.
    """
    from ..operations import backfill as backfilling

    with (
        opened("latest", home=home, domain=domain, to_write=True) as (settings, store),
        store.exclusive("brainalign backfill"),
    ):
        done = backfilling.backfill(
            store,
            settings.domain,
            every,
            first=None if first is None else first.date(),
            last=None if last is None else last.date(),
            stage=stage,
        )
    if as_json:
        print_json({"schema": 1, "source": done.source.id, "boards": done.dates, "added": done.added})
        return
    span = f", {done.dates[0]} to {done.dates[-1]}" if done.dates else ""
    say(
        f"{counted(len(done.dates), 'board')} reconstructed from snapshot {done.source.id}{span}; "
        f"{len(done.added)} of them new"
    )


Window = Annotated[
    int,
    typer.Option(
        help="Length of the window with the same benchmarks or models, back from the newest board.",
        min=1,
        metavar="MONTHS",
    ),
]


def history(
    figure: FigureName = None,
    window: Window = 24,
    every: Every = Period.MONTH,
    known: options.Known = None,
    home: options.Home = None,
    domain: options.Domain = None,
    max_missing: options.MaxMissing = None,
    as_json: options.AsJson = False,
) -> None:
    """Show the figures over time, and the causes of each change."""
    from ..history.known_events import events_json, known_events
    from ..history.series import history_json
    from ..operations import reporting
    from . import print_history

    check_figure(figure)
    with opened("latest", home=home, domain=domain, max_missing=max_missing) as (settings, store):
        choices = {"every": every, "window_months": window, "known": utc(known)}
        found = reporting.timeline(settings, store, stage, **choices).history
    events = known_events(found.domain, settings.home)
    if as_json:
        print_json(history_json(found, figure) | events_json(events))
    else:
        print_history.history(found, figure)
        print_history.known_events(events)


def drift(
    figure: FigureName = None,
    every: Every = Period.MONTH,
    min_overlap: Annotated[
        int, typer.Option(help="Fewest models that two boards must share.", min=2, metavar="MODELS")
    ] = 20,
    known: options.Known = None,
    home: options.Home = None,
    domain: options.Domain = None,
    max_missing: options.MaxMissing = None,
    as_json: options.AsJson = False,
) -> None:
    """Test changes of the figures on the shared part of boards.

    Verdicts: changed, unchanged, insufficient.
    """
    from ..history.drift import drift_json
    from ..operations import reporting
    from . import print_history

    check_figure(figure)
    with opened("latest", home=home, domain=domain, max_missing=max_missing) as (settings, store):
        found = reporting.timeline(settings, store, stage, every=every, known=utc(known)).drift(min_overlap)
    if as_json:
        print_json(drift_json(found, figure))
    else:
        print_history.drift(found, figure)


def eras(
    top: Annotated[int, typer.Option(help="Number of models at the top.", min=1, metavar="MODELS")] = 10,
    known: options.Known = None,
    home: options.Home = None,
    domain: options.Domain = None,
    as_json: options.AsJson = False,
) -> None:
    """Show the top models of each year, then and today."""
    from ..history.eras import eras_json
    from ..operations import reporting
    from . import print_history

    with opened("latest", home=home, domain=domain) as (settings, store):
        found = reporting.timeline(settings, store, stage, known=utc(known)).eras(top)
    if as_json:
        print_json(eras_json(found))
    else:
        print_history.eras(found)


def check_figure(name: str | None) -> None:
    """Refuse an unknown figure."""
    from ..history.figures import FIGURES

    if name is not None and name not in FIGURES:
        raise typer.BadParameter(f"there is no figure {name!r}; known are {', '.join(FIGURES)}", param_hint="--figure")


def diff(
    earlier: options.Given,
    later: options.Given,
    home: options.Home = None,
    domain: options.Domain = None,
    max_missing: options.MaxMissing = None,
    model: Annotated[
        int | None, typer.Option(help="Explain the rank of the model with this id instead.", metavar="ID")
    ] = None,
    scheme: Annotated[
        str | None, typer.Option(help="Scheme that ranks the model (default HIER).", metavar="NAME")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Show the changes between two snapshots, and their causes.

    Covers each headline figure, or with --model one model's rank.
    """
    from ..history.attribution import attribute, attribution_in_words
    from ..history.changelog import changes_in_words, changes_json
    from ..history.changes import compare
    from ..operations import pull

    settings = settings_from(later, home=home, domain=domain, max_missing=max_missing)
    before, after = (pull.find_snapshot(settings, one, now()).snapshot for one in (earlier, later))
    if model is not None:
        _rank_move(before, after, model, scheme or "HIER", as_json)
        return
    if scheme is not None:
        raise typer.BadParameter("a scheme ranks a model: give --model ID too", param_hint="--scheme")
    changes = compare(before, after)
    found = attribute(before.board(), after.board(), settings.max_missing)
    if as_json:
        print_json(changes_json(changes) | {"figures": attribution_json(found)})
        return
    say(f"{before.domain}: {before.as_of_time:%Y-%m-%d} to {after.as_of_time:%Y-%m-%d}")
    say(*changes_in_words(changes))
    for figure in found.later:
        say(attribution_in_words(found, figure))


def _rank_move(before: Snapshot, after: Snapshot, model: int, scheme: str, as_json: bool) -> None:
    from ..history.changes import check_one_domain
    from ..history.rank_moves import attribute_rank, rank_move_in_words

    check_one_domain(before, after)
    move = attribute_rank(before.board(), after.board(), model, scheme)
    if as_json:
        print_json(
            {
                "schema": 2,
                "model": {"id": move.model.id, "name": move.model.name},
                "scheme": move.scheme,
                **change_record(move.before, move.after, move.parts),
                "words": rank_move_in_words(move),
                "never_ran": move.never_ran,
                "own_cells": move.own_cells,
                "new_above": [{"id": new.id, "name": new.name} for new in move.above],
            }
        )
        return
    say(rank_move_in_words(move))


def attribution_json(found: Attribution) -> dict[str, Any]:
    """Return the change of each figure with its parts and the words for them; None if unknown."""
    from ..history.attribution import attribution_in_words, reasons_of

    return {
        figure: change_record(found.earlier[figure], after, found.parts[figure])
        | {"reasons": reasons_of(found, figure), "words": attribution_in_words(found, figure)}
        for figure, after in found.later.items()
    }


def change_record(before: float | None, after: float | None, parts: Mapping[str, float] | None) -> dict[str, Any]:
    """Return a change with its parts; both boards are analysed by the same version."""
    from ..history.attribution import STEPS
    from ..history.series import ANALYSIS

    return {
        "from": before,
        "to": after,
        "delta": None if before is None or after is None else after - before,
        "attribution": {**{step: None if parts is None else parts[step] for step in STEPS}, ANALYSIS: 0.0},
    }


alerts_app = command_group("List, test and backtest the alert rules.")


@alerts_app.command("list")
def list_rules(home: options.Home = None, as_json: options.AsJson = False) -> None:
    """List the configured rules, or the default ones."""
    from dataclasses import asdict

    rules = _rules(settings_from(home=home))
    if as_json:
        print_json([{name: value for name, value in asdict(rule).items() if name != "tests"} for rule in rules])
        return
    for rule in rules:
        say(
            f"{rule.name}: {rule.on.value} of {rule.figure} {rule.condition.value} {rule.bound:g} for "
            f"{counted(rule.versions, 'data version')}, resolved at {rule.back_at:g}, at least "
            f"{counted(rule.min_overlap, 'model')}, {counted(len(rule.tests), 'test')}"
        )


@alerts_app.command("test")
def run_tests(home: options.Home = None) -> None:
    """Run the rules' own tests; exit code 8 if one fails."""
    from brainalign_plugin.errors import InputError

    from ..history.alerts import failed_tests

    rules = _rules(settings_from(home=home))
    wrong = [sentence for rule in rules for sentence in failed_tests(rule)]
    if wrong:
        raise InputError("; ".join([*wrong, "correct the rule or its test"]))
    say(f"{counted(sum(len(rule.tests) for rule in rules), 'test')} of {counted(len(rules), 'rule')} passed")


@alerts_app.command("backtest")
def backtest_rules(
    home: options.Home = None,
    domain: options.Domain = None,
    max_missing: options.MaxMissing = None,
    as_json: options.AsJson = False,
) -> None:
    """Evaluate the rules over the stored history."""
    from ..operations import alerting, reporting

    with opened("latest", home=home, domain=domain, max_missing=max_missing) as (settings, store):
        rules = _rules(settings)
        with stage("evaluating the alert rules"):
            timeline = reporting.timeline(settings, store)
            events = alerting.backtest(timeline, rules)
    if as_json:
        print_json([alerting.news_json(event) for event in events])
        return
    say(
        f"{counted(len(rules), 'rule')} over {counted(len(timeline.versions), 'data version')}: "
        f"{counted(len(events), 'event')}"
    )
    for event in events:
        say(f"{event.as_of:%Y-%m-%d} {event.words}")
        if event.attribution is not None:
            say(f"           {event.attribution}")


def _rules(settings: Settings) -> tuple[Rule, ...]:
    from ..config.reading import CONFIG_NAME, load_rules

    return load_rules(settings.home / CONFIG_NAME)
