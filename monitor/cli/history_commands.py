"""Commands about the past: ``brainalign diff | backfill | history | drift | eras``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brainalign_plugin.text import UNKNOWN, counted

from ..base.files import fields_of
from ..history.periods import Period
from .options import AsJson, Given, Known, Limits, Where, day_of, day_option, now, opened, option, settings_from
from .printing import board_size, print_json, say, stage

if TYPE_CHECKING:
    from brainalign_plugin.data.snapshot import Snapshot

    from ..history.attribution import Attribution
    from ..history.changes import Era
    from ..history.drift import Drift
    from ..history.known_events import KnownEvent
    from ..history.series import Figure, History, Point

FigureName = Annotated[str | None, option("Only this headline figure (default: all).", "NAME", name="--figure")]
Every = Annotated[Period, option("Period; weeks begin on Monday.")]
First = Annotated[datetime | None, day_option("First day (default: the first score).", "--from")]
Last = Annotated[datetime | None, day_option("Last day (default: that of the snapshot).", "--to")]
Window = Annotated[
    int, option("Length of the window with the same benchmarks or models, back from the newest board.", "MONTHS", min=1)
]
Top = Annotated[int, option("Number of models at the top.", "MODELS", min=1)]


def backfill(
    first: First = None, last: Last = None, every: Every = Period.MONTH, *, where: Where, as_json: AsJson = False
) -> None:
    """Reconstruct past boards from the newest snapshot.

    One board a period is stored, marked as reconstructed.
    """
    from ..operations.boards import backfill

    with opened("latest", to_write=True, **where) as (settings, store), store.exclusive("brainalign backfill"):
        done = backfill(store, settings.domain, every, day_of(first), day_of(last), stage)
    if as_json:
        print_json({"schema": 1, "source": done.source.id, "boards": done.dates, "added": done.added})
        return
    span = f", {done.dates[0]} to {done.dates[-1]}" if done.dates else ""
    say(
        f"{counted(len(done.dates), 'board')} reconstructed from snapshot {done.source.id}{span}; "
        f"{len(done.added)} of them new"
    )


def history(
    figure: FigureName = None,
    window: Window = 24,
    every: Every = Period.MONTH,
    known: Known = None,
    *,
    where: Limits,
    as_json: AsJson = False,
) -> None:
    """Show the figures over time, and the causes of each change."""
    from ..history.known_events import events_json, known_events
    from ..history.series import history_json
    from ..operations import reporting

    _check_figure(figure)
    with opened("latest", **where) as (settings, store):
        choices = {"every": every, "window_months": window, "known": known}
        found = reporting.timeline(settings, store, stage, **choices).history
    events = known_events(found.domain, settings.home)
    if as_json:
        print_json(history_json(found, figure) | events_json(events))
    else:
        _print_history(found, figure, events)


def drift(
    figure: FigureName = None,
    every: Every = Period.MONTH,
    min_overlap: Annotated[int, option("Fewest models that two boards must share.", "MODELS", min=2)] = 20,
    known: Known = None,
    *,
    where: Limits,
    as_json: AsJson = False,
) -> None:
    """Test changes of the figures on the shared part of boards.

    Verdicts: changed, unchanged, insufficient.
    """
    from ..history.drift import drift_json
    from ..operations import reporting

    _check_figure(figure)
    with opened("latest", **where) as (settings, store):
        found = reporting.timeline(settings, store, stage, every=every, known=known).drift(min_overlap)
    if as_json:
        print_json(drift_json(found, figure))
    else:
        _print_drift(found, figure)


def eras(top: Top = 10, known: Known = None, *, where: Where, as_json: AsJson = False) -> None:
    """Show the top models of each year, then and today."""
    from ..history.changes import eras_json
    from ..operations import reporting

    with opened("latest", **where) as (settings, store):
        found = reporting.timeline(settings, store, stage, known=known).eras(top)
    if as_json:
        print_json(eras_json(found))
    else:
        _print_eras(found)


def _check_figure(name: str | None) -> None:
    """Refuse an unknown figure."""
    from ..history.figures import FIGURES

    if name is not None and name not in FIGURES:
        raise typer.BadParameter(f"there is no figure {name!r}; known are {', '.join(FIGURES)}", param_hint="--figure")


def diff(
    earlier: Given,
    later: Given,
    *,
    where: Limits,
    model: Annotated[int | None, option("Explain the rank of the model with this id instead.", "ID")] = None,
    scheme: Annotated[str | None, option("Scheme that ranks the model (default HIER).", "NAME")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the changes between two snapshots, and their causes.

    Covers each headline figure, or with --model one model's rank.
    """
    from ..history.attribution import attribute, attribution_in_words
    from ..history.changelog import changes_in_words, changes_json
    from ..history.changes import compare
    from ..operations import pull

    settings = settings_from(later, **where)
    before, after = (pull.find_snapshot(settings, one, now()).snapshot for one in (earlier, later))
    if model is not None:
        _rank_move(before, after, model, scheme or "HIER", as_json)
        return
    if scheme is not None:
        raise typer.BadParameter("a scheme ranks a model: give --model ID too", param_hint="--scheme")
    changes = compare(before, after)
    found = attribute(before.board(), after.board(), settings.max_missing)
    if as_json:
        print_json(changes_json(changes) | {"figures": _attribution_json(found)})
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
    words = rank_move_in_words(move)
    if not as_json:
        say(words)
        return
    record = {"schema": 2, "model": fields_of(move.model, "id", "name"), "scheme": move.scheme}
    record |= _change_json(move.before, move.after, move.parts)
    record |= {"words": words, **fields_of(move, "never_ran", "own_cells")}
    print_json({**record, "new_above": [fields_of(new, "id", "name") for new in move.above]})


def _attribution_json(found: Attribution) -> dict[str, Any]:
    """Return the change of each figure with its parts and the words for them; None if unknown."""
    from ..history.attribution import attribution_in_words, reasons_of

    record = {}
    for figure, after in found.later.items():
        words = {"reasons": reasons_of(found, figure), "words": attribution_in_words(found, figure)}
        record[figure] = _change_json(found.earlier[figure], after, found.parts[figure]) | words
    return record


def _change_json(before: float | None, after: float | None, parts: Mapping[str, float] | None) -> dict[str, Any]:
    """Return a change with its parts; both boards are analysed by the same version."""
    from ..history.attribution import STEPS
    from ..history.series import ANALYSIS

    return {
        "from": before,
        "to": after,
        "delta": None if before is None or after is None else after - before,
        "attribution": {**{step: None if parts is None else parts[step] for step in STEPS}, ANALYSIS: 0.0},
    }


def _print_history(found: History, figure: str | None, events: Sequence[KnownEvent]) -> None:
    """Print the first and the last figures, all of a named one; its changes, or the latest of each; known breaks."""
    from ..history.figures import FIGURES
    from ..history.series import FULL, SAME_BENCHMARKS, SAME_MODELS

    points = found.series["models"]
    full = [point for point in points if point.panel == FULL]
    made = sum(point.origin == "reconstructed" for point in full)
    say(
        f"{found.domain}: {counted(len(full), 'board')}, {full[0].as_of:%Y-%m-%d} to {full[-1].as_of:%Y-%m-%d}, "
        f"{made} of them reconstructed"
    )
    held = found.options.window_months
    for panel, words in (
        (SAME_BENCHMARKS, "the same benchmarks, all models that have them"),
        (SAME_MODELS, "the same models, all benchmarks that they have"),
    ):
        now = [point for point in points if point.panel == panel][-1]
        say(f"{panel}: {words}, over {counted(held, 'month')}; now {board_size(now.models, now.benchmarks)}")
    shared = found.shared
    say(
        f"{board_size(shared.models, shared.benchmarks)} are on the boards of {shared.first:%Y-%m-%d} and "
        f"{shared.last:%Y-%m-%d}; only restated scores change a figure on them"
    )
    for name in FIGURES if figure is None else (figure,):
        say(f"{name}: {FIGURES[name]}")
        _print_series(found.series[name], name, whole=figure is not None)
        if delta := shared.deltas.get(name):
            say(f"  changed by {delta:+.4f} by restated scores")
        for cohort in found.cohorts if figure is not None or name == "mean_rho" else ():
            one = cohort.figures[name]
            say(f"  first scored in {cohort.year}: {_shown(one, name)} ({counted(cohort.models, 'model')})")
    for change in found.changes:
        last = change.later == full[-1].as_of
        if change.figure == figure or (figure is None and last):
            say(f"{change.earlier:%Y-%m-%d} to {change.later:%Y-%m-%d}: {change.sentence}")
    say(*(f"known: {event.first} to {event.last}: {event.text}" for event in events))


def _print_drift(found: Drift, figure: str | None) -> None:
    """Print the number of each verdict, then every change."""
    from ..history.drift import Verdict
    from ..history.figures import FIGURES

    steps = [step for step in found.steps if figure in (None, step.figure)]
    verdicts = ", ".join(f"{sum(step.verdict is verdict for step in steps)} {verdict.value}" for verdict in Verdict)
    say(f"{counted(len(found.moments), 'board')}, {counted(len(steps), 'verdict')} on their shared parts: {verdicts}")
    for step in steps:
        if step.verdict is Verdict.CHANGED:
            before, after = (found.moments[i] for i in (step.earlier, step.later))
            low, high = step.difference.interval or (0.0, 0.0)
            say(
                f"{FIGURES[step.figure]} changed between {before:%Y-%m-%d} and {after:%Y-%m-%d} by "
                f"{step.difference.delta or 0:+.4g} [{low:.4g}, {high:.4g}] on "
                f"{counted(step.difference.models, 'shared model')}; "
                f"on the whole boards: {found.words[step.figure, step.earlier, step.later]}"
            )
    for step in steps:
        # Restated scores are printed at the last board also if the test finds no change.
        last = step.later == len(found.moments) - 1
        if last and step.verdict is not Verdict.CHANGED and step.difference.delta:
            say(
                f"{FIGURES[step.figure]} changed by {step.difference.delta:+.4g} on the same "
                f"{counted(step.difference.models, 'model')} "
                f"since {found.moments[step.earlier]:%Y-%m-%d}, by restated scores: {step.verdict.value} by the test"
            )


def _print_eras(found: Mapping[date, Sequence[Era]]) -> None:
    """Print the models of each year's top and of today's, with both ranks."""
    for day, models in found.items():
        say(f"{day}: rank then, rank today")
        for era in models:
            then, now = (UNKNOWN if rank is None else str(rank) for rank in (era.then, era.now))
            say(f"  {then:>4} {now:>4}  {era.name} ({era.model})")


def _print_series(points: Sequence[Point], name: str, whole: bool) -> None:
    for panel in dict.fromkeys(point.panel for point in points):
        of_panel = [point for point in points if point.panel == panel]
        shown = of_panel if whole else dict.fromkeys((of_panel[0], of_panel[-1]))
        for point in shown:
            mark = ", reconstructed" if point.origin == "reconstructed" else ""
            say(
                f"  {point.as_of:%Y-%m-%d} {panel:15} {_shown(point, name)} ({point.models} × {point.benchmarks}{mark})"
            )


def _shown(point: Point | Figure, name: str) -> str:
    from ..history.figures import COUNTS

    if point.value is None:
        return "none"
    if name in COUNTS:
        return f"{point.value:.0f}"
    interval = "" if point.interval is None else f" [{point.interval[0]:.4f}, {point.interval[1]:.4f}]"
    return f"{point.value:.4f}{interval}"
