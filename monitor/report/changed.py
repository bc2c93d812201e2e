"""Section 1: changes since the last observed board."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from brainalign_plugin.certainty.bootstrap import FamilyBootstrap
from brainalign_plugin.data.board import Board
from brainalign_plugin.text import UNKNOWN, counted, visible

from ..history.figures import FIGURES
from ..history.series import Change, Since
from .records import Point, Section, Verdict
from .wording import count, day, figure, number, sentence, whole_names, within

_MOST = 5
_SECTION_OF = {
    "models": "sample",
    "benchmarks": "sample",
    "r2_behavior": "average",
    "r2_neural": "average",
    "sd_behavior": "average",
    "sd_neural": "average",
}
# Figures whose change is news; the others follow from them.
_TOLD = ("models", "benchmarks", "mean_rho", "paper_balanced_rho", "negative_share", "r2_behavior", "r2_neural")


def changed_section(since: Since | None, board: Board, bootstrap: FamilyBootstrap) -> Section:
    """Return the section on the last observed board and this one.

    `since`: none if no board was observed before. `board`: the board after cleaning. `bootstrap`: its figures, with
    intervals.
    """
    question = "What changed since the last report, and does it matter?"
    how = (
        "The baseline is the last board that was observed. Each change is split along a path of real boards: models "
        "and benchmarks that went, scores that both boards share, benchmarks and models that came. Intervals are over "
        "families of models."
    )
    if since is None:
        answer = (
            f"This is the first observed board, so nothing can have changed: {counted(len(board.models), 'model')} × "
            f"{counted(len(board.leaves), 'benchmark')} without a gap are its baseline."
        )
        return Section("changed", question, answer, how, Verdict("First report", "unknown"))
    when = day(since.earlier.as_of_time)
    if since.changes.empty:
        answer = f"Nothing: all scores, models and benchmarks are those of {when}."
        return Section("changed", question, answer, how, Verdict("Nothing restated", "holds"))
    moved = sorted(_moved(bootstrap, since), key=lambda one: -one.weight)
    points = [*_restated(since), *_once(one.point for one in moved[: _MOST - 1]), *_came(since)]
    return Section("changed", question, _answer(since, board, bootstrap, when), how, _verdict(since),
                   tuple(points[:_MOST]))  # fmt: skip


def news_in_words(since: Since, board: Board, bootstrap: FamilyBootstrap, complete: Iterable[int]) -> str:
    """Return the news since a board in a few words: the first three of benchmarks, models and scores; agreement.

    `board`: the board after cleaning. `complete`: ids of the models of the earlier board after cleaning.
    """
    changes = since.changes
    incomplete = set(complete) & {model.id for model in changes.later.models} - set(board.ids)
    counts = (
        (len(changes.benchmarks_started), "new benchmark", ""),
        (len(incomplete), "model", " incomplete"),
        (len(changes.benchmarks_removed), "benchmark", " gone"),
        (since.restated, "score", " restated"),
        (len(changes.models_added), "new model", ""),
        (len(changes.models_removed), "model", " gone"),
    )
    # More would be cut from the subject of a mail.
    parts = [f"{_few(number, noun)}{state}" for number, noun, state in counts if number][:3]
    if not parts:
        parts = ["nothing changed" if changes.empty else "scores filled in" if changes.cells else "labels changed"]
    return "; ".join([*parts, _agreement(since, bootstrap)])


def _few(number: int, noun: str) -> str:
    return f"one {noun}" if number == 1 else counted(number, noun)


def _agreement(since: Since, bootstrap: FamilyBootstrap) -> str:
    """Return the agreement now and before: unchanged where its interval holds the one before and no score moved it."""
    value, cause = bootstrap.figures["mean_rho"], since.causes.get("mean_rho")
    if value is None:
        return "agreement unknown"
    before = value if cause is None else cause.before
    now, then = number(value, 2), number(before, 2)
    interval, paired = bootstrap.intervals["mean_rho"], since.differences["mean_rho"].interval
    moved = paired is not None and not paired[0] <= 0 <= paired[1]
    if now == then or (interval is not None and interval.low <= before <= interval.high and not moved):
        return f"agreement unchanged at {now}"
    return f"agreement {now}, {then} before"


def _answer(since: Since, board: Board, bootstrap: FamilyBootstrap, when: str) -> str:
    change, rho = since.causes.get("models"), bootstrap.figures["mean_rho"]
    sample = f"{counted(len(board.models), 'model')} without a gap"
    if change is not None:
        sample += f", {count(round(change.before))} before"
    agreement = since.causes.get("mean_rho")
    moved = "unchanged" if agreement is None else f"{figure('mean_rho', agreement.before)}"
    return (
        f"Two benchmarks agree with ρ = {figure('mean_rho', rho)}"
        f"{within('mean_rho', bootstrap.intervals['mean_rho'])}, {moved} on {when}, on {sample}; "
        f"{_scores(since.restated)}."
    )


def _scores(restated: int) -> str:
    if not restated:
        return "no score was restated"
    return f"{counted(restated, 'score')} {'was' if restated == 1 else 'were'} restated"


def _verdict(since: Since) -> Verdict:
    if since.restated:
        return Verdict("Scores changed", "fails")
    if {"models", "benchmarks"} & since.causes.keys():
        return Verdict("The sample changed", "weaker")
    return Verdict("Nothing restated", "holds")


def _once(points: Iterable[Point]) -> Iterator[Point]:
    """Yield the points; the reason that the one before has is not given again."""
    last = ""
    for point in points:
        words, _, reason = point.text.partition("; mostly as ")
        yield replace(point, text=f"{words}, for the same reason.") if reason and reason == last else point
        last = reason


@dataclass(frozen=True, slots=True)
class _Moved:
    point: Point
    weight: float


def _moved(bootstrap: FamilyBootstrap, since: Since) -> Iterator[_Moved]:
    for name in _TOLD:
        change = since.causes.get(name)
        if change is None or figure(name, change.before) == figure(name, change.after):
            continue
        yield _Moved(Point(_sentence(bootstrap, change), f"#{_SECTION_OF.get(name, 'agreement')}"),
                     _weight(bootstrap, change))  # fmt: skip


def _weight(bootstrap: FamilyBootstrap, change: Change) -> float:
    """Return a change in halves of its interval, or in shares of a count: how far it is out of the ordinary."""
    if change.figure in ("models", "benchmarks"):
        return 10 * abs(change.delta) / max(change.before, 1)
    interval = bootstrap.intervals[change.figure]
    return abs(change.delta) / max((interval.high - interval.low) / 2, 1e-9) if interval else abs(change.delta)


def _sentence(bootstrap: FamilyBootstrap, change: Change) -> str:
    name = change.figure
    now = f"{figure(name, change.after)}"
    if name not in ("models", "benchmarks"):
        now += within(name, bootstrap.intervals[name])
    reason = f"; mostly as {whole_names(change.reasons[0])}" if change.reasons else ""
    return sentence(f"{FIGURES[name]}: {now}, {figure(name, change.before)} before{reason}")


def _restated(since: Since) -> Iterator[Point]:
    if not since.restated:
        return
    rho = since.differences["mean_rho"]
    text = _scores(since.restated)
    if rho.delta is not None:
        text += (
            f"; on the {counted(rho.models, 'model')} × {counted(rho.benchmarks, 'benchmark')} that both boards have "
            f"they move the mean rank correlation by {figure('mean_rho', rho.delta)}"
        )
        if rho.interval is not None:
            text += f" (95 % interval {figure('mean_rho', rho.interval[0])} to {figure('mean_rho', rho.interval[1])})"
    yield Point(sentence(text), "#time")


def _came(since: Since) -> Iterator[Point]:
    added, removed = since.changes.models_added, since.changes.models_removed
    parts = [
        f"{counted(len(models), 'model')} {word}" for models, word in ((added, "came"), (removed, "went")) if models
    ]
    moves = since.changes.rank_moves
    if moves:
        first = max(moves, key=lambda move: abs(move.after - move.before))
        parts.append(
            f"{counted(len(moves), 'model')} moved in the official ranking, {visible(first.name, 40) or UNKNOWN} "
            f"furthest, from {first.before} to {first.after}"
        )
    if parts:
        yield Point(sentence("; ".join(parts)), "#moves")
