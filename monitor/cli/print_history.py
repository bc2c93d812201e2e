"""Output of the commands about the past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from brainalign_plugin.text import UNKNOWN, counted

from ..history.drift import Verdict
from ..history.figures import COUNTS, FIGURES
from ..history.series import FULL, SAME_BENCHMARKS, SAME_MODELS
from . import printing
from .options import say

if TYPE_CHECKING:
    from ..history.drift import Drift
    from ..history.eras import Era
    from ..history.known_events import KnownEvent
    from ..history.series import Figure, History, Point


def history(found: History, figure: str | None) -> None:
    """Print the first and the last figures, all of a named one; then its changes, or the latest of each."""
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
        say(f"{panel}: {words}, over {counted(held, 'month')}; now {printing.board_size(now.models, now.benchmarks)}")
    shared = found.shared
    say(
        f"{printing.board_size(shared.models, shared.benchmarks)} are on the boards of {shared.first:%Y-%m-%d} and "
        f"{shared.last:%Y-%m-%d}; only restated scores change a figure on them"
    )
    for name in FIGURES if figure is None else (figure,):
        _series(found.series[name], name, whole=figure is not None)
        if delta := shared.deltas.get(name):
            say(f"  changed by {delta:+.4f} by restated scores")
        for cohort in found.cohorts if figure is not None or name == "mean_rho" else ():
            one = cohort.figures[name]
            say(f"  first scored in {cohort.year}: {_shown(one, name)} ({counted(cohort.models, 'model')})")
    for change in found.changes:
        last = change.later == full[-1].as_of
        if change.figure == figure or (figure is None and last):
            say(f"{change.earlier:%Y-%m-%d} to {change.later:%Y-%m-%d}: {change.sentence}")


def drift(found: Drift, figure: str | None) -> None:
    """Print the number of each verdict, then every change."""
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


def known_events(events: Sequence[KnownEvent]) -> None:
    """Print the known structural breaks of the leaderboard."""
    for event in events:
        say(f"known: {event.first} to {event.last}: {event.text}")


def eras(found: Mapping[date, Sequence[Era]]) -> None:
    """Print the models of each year's top and of today's, with both ranks."""
    for day, models in found.items():
        say(f"{day}: rank then, rank today")
        for era in models:
            then, now = (UNKNOWN if rank is None else str(rank) for rank in (era.then, era.now))
            say(f"  {then:>4} {now:>4}  {era.name} ({era.model})")


def _series(points: Sequence[Point], name: str, whole: bool) -> None:
    say(f"{name}: {FIGURES[name]}")
    for panel in dict.fromkeys(point.panel for point in points):
        of_panel = [point for point in points if point.panel == panel]
        shown = of_panel if whole else dict.fromkeys((of_panel[0], of_panel[-1]))
        for point in shown:
            mark = ", reconstructed" if point.origin == "reconstructed" else ""
            say(
                f"  {point.as_of:%Y-%m-%d} {panel:15} {_shown(point, name)} ({point.models} × {point.benchmarks}{mark})"
            )


def _shown(point: Point | Figure, name: str) -> str:
    if point.value is None:
        return "none"
    if name in COUNTS:
        return f"{point.value:.0f}"
    interval = "" if point.interval is None else f" [{point.interval[0]:.4f}, {point.interval[1]:.4f}]"
    return f"{point.value:.4f}{interval}"
