"""Sections 1 and 7: changes since the last observed board, and models that moved in the official ranking."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from brainalign_plugin.certainty.bootstrap import FamilyBootstrap
from brainalign_plugin.data.board import Board, Model
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.errors import BrainAlignError
from brainalign_plugin.text import UNKNOWN, counted, visible

from ..history.changes import official_ranks
from ..history.figures import FIGURES
from ..history.rank_moves import attribute_rank, main_cause
from ..history.series import Change, Since
from .evidence import Evidence
from .records import Column, Section, Table, Verdict
from .wording import count, day, figure, number, rank_words, sentence, whole_names, within

_MOST = 5
# Models that moved furthest.
_MOVED = 10
# Sentences on models of one name that are followed.
_ALIKE = 2
# A sentence, and the anchor of the section that says more.
_Point: TypeAlias = tuple[str, str]
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
    points = [*_restated(since), *_once(_moved(bootstrap, since)[: _MOST - 1]), *_came(since)][:_MOST]
    texts, links = zip(*points, strict=True) if points else ((), ())
    verdict = Verdict("Nothing restated", "holds")
    if since.restated:
        verdict = Verdict("Scores changed", "fails")
    elif {"models", "benchmarks"} & since.causes.keys():
        verdict = Verdict("The sample changed", "weaker")
    return Section("changed", question, _answer(since, board, bootstrap, when), how, verdict, texts, links=links)


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
    moved = "unchanged" if agreement is None else figure("mean_rho", agreement.before)
    return (
        f"Two benchmarks agree with ρ = {figure('mean_rho', rho)}"
        f"{within('mean_rho', bootstrap.intervals['mean_rho'])}, {moved} on {when}, on {sample}; "
        f"{_scores(since.restated)}."
    )


def _scores(restated: int) -> str:
    if not restated:
        return "no score was restated"
    return f"{counted(restated, 'score')} {'was' if restated == 1 else 'were'} restated"


def _once(points: Iterable[_Point]) -> Iterator[_Point]:
    """Yield the points; the reason that the one before has is not given again."""
    last = ""
    for text, link in points:
        words, _, reason = text.partition("; mostly as ")
        yield (f"{words}, for the same reason." if reason and reason == last else text), link
        last = reason


def _moved(bootstrap: FamilyBootstrap, since: Since) -> list[_Point]:
    """Return the figures that changed as shown, the one furthest out of the ordinary first."""
    changes = [since.causes[name] for name in _TOLD if name in since.causes]
    moved = [one for one in changes if figure(one.figure, one.before) != figure(one.figure, one.after)]
    moved.sort(key=lambda change: -_weight(bootstrap, change))
    return [(_sentence(bootstrap, one), f"#{_SECTION_OF.get(one.figure, 'agreement')}") for one in moved]


def _weight(bootstrap: FamilyBootstrap, change: Change) -> float:
    """Return a change in halves of its interval, or in shares of a count: how far it is out of the ordinary."""
    if change.figure in ("models", "benchmarks"):
        return 10 * abs(change.delta) / max(change.before, 1)
    interval = bootstrap.intervals[change.figure]
    return abs(change.delta) / max((interval.high - interval.low) / 2, 1e-9) if interval else abs(change.delta)


def _sentence(bootstrap: FamilyBootstrap, change: Change) -> str:
    name, now = change.figure, figure(change.figure, change.after)
    if name not in ("models", "benchmarks"):
        now += within(name, bootstrap.intervals[name])
    reason = f"; mostly as {whole_names(change.reasons[0])}" if change.reasons else ""
    return sentence(f"{FIGURES[name]}: {now}, {figure(name, change.before)} before{reason}")


def _restated(since: Since) -> Iterator[_Point]:
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
    yield sentence(text), "#time"


def _came(since: Since) -> Iterator[_Point]:
    added, removed = since.changes.models_added, since.changes.models_removed
    parts = [f"{counted(len(of), 'model')} {word}" for of, word in ((added, "came"), (removed, "went")) if of]
    moves = since.changes.rank_moves
    if moves:
        first = max(moves, key=lambda move: abs(move.after - move.before))
        parts.append(
            f"{counted(len(moves), 'model')} moved in the official ranking, {visible(first.name, 40) or UNKNOWN} "
            f"furthest, from {first.before} to {first.after}"
        )
    if parts:
        yield sentence("; ".join(parts)), "#moves"


def moves_section(evidence: Evidence, since: Since) -> Section:
    """Return the section on the ten models that moved furthest since the last observed board."""
    moves = sorted(since.changes.rank_moves, key=lambda move: (-abs(move.after - move.before), move.model))
    question = "Who moved, and why?"
    when = day(since.earlier.as_of_time)
    how = (
        "The ten that moved furthest in the official ranking. Each move is split along the path of boards between the "
        "two dates, on ranks of full precision with missing scores as 0; models are grouped by the largest part. "
        "brainalign diff --model ID says it of any other model."
    )
    if not moves:
        return Section("moves", question, f"Nobody: no model moved in the official ranking since {when}.", how)
    furthest = [(move, *_reason(since, move.model)) for move in moves[:_MOVED]]
    many = Counter(reason for _, reason, _ in furthest)
    furthest.sort(key=lambda row: (-many[row[1]], row[1]))
    largest = furthest[0][1]
    answer = sentence(
        f"{counted(len(moves), 'model')} moved in the official ranking since {when}; for {many[largest]} "
        f"of the {len(furthest)} that moved furthest the largest reason is {largest}"
    )
    columns = (Column("model", "name"), Column("rank"), Column("largest reason", "prose"), Column("its places"))
    rows = tuple(
        (evidence.names.get(move.model, visible(move.name, 60)), f"{move.before} → {move.after}", reason, places)
        for move, reason, places in furthest
    )
    ids = tuple(str(move.model) for move, _, _ in furthest)
    table = Table("moves-table", "The moves, by reason", columns, rows, models=ids)
    return Section("moves", question, answer, how, tables=(table,))


def followed_models(
    wanted: str, snapshot: Snapshot, ranks: Sequence[int | None], since: Since | None
) -> tuple[str, ...]:
    """Return a sentence on each model of an id or name: its official ranks before and now, and the reason.

    `wanted`: an id, or a name in any case; a name may be that of several models. `snapshot`: the board now. `ranks`:
    official rank of each of its models.
    """
    now = {model.id: rank for model, rank in zip(snapshot.models, ranks, strict=True)}
    gone = () if since is None else since.changes.models_removed
    found = [
        model
        for model in (*snapshot.models, *gone)
        if str(model.id) == wanted.strip() or model.name.casefold() == wanted.strip().casefold()
    ]
    if not found:
        return (f"{visible(wanted, 60)}: no model of this id or name is on the board",)
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    for model in found:
        name = visible(model.name, 60) or UNKNOWN
        told[name, _followed(model, now, since)].append(str(model.id))
    lines = [f"{name} ({', '.join(ids[:6])}{', …' * (len(ids) > 6)}): {text}" for (name, text), ids in told.items()]
    more = sum(map(len, list(told.values())[_ALIKE:]))
    return (*lines[:_ALIKE], *([f"{visible(wanted, 60)}: {counted(more, 'more model')} of this name"] if more else ()))


def _followed(model: Model, now: Mapping[int, int | None], since: Since | None) -> str:
    if model.id not in now:
        return "went from the board"
    rank = now[model.id]
    shown = rank_words(rank)
    if since is None:
        return shown
    if model in since.changes.models_added:
        return f"new, {shown}"
    move = next((move for move in since.changes.rank_moves if move.model == model.id), None)
    if move is not None:
        return f"{shown}, {move.before} before; mostly {_reason(since, model.id, 70)[0]}"
    before = official_ranks(since.changes.earlier).get(model.id)
    if (rank is None) != (before is None):
        return f"{shown}, {'none' if before is None else before} before"
    return f"{shown}, as before"


def _reason(since: Since, model: int, limit: int = 120) -> tuple[str, str]:
    """Return the largest cause of a move, and its places on ranks of full precision."""
    try:
        found = attribute_rank(since.changes.earlier.board(), since.changes.later.board(), model)
    except BrainAlignError as failure:
        return f"a reason that cannot be found ({visible(str(failure), 120)})", UNKNOWN
    why, places = main_cause(found) or ("rounding to the two decimals of the official rank", None)
    return whole_names(why, limit), UNKNOWN if places is None else f"{abs(places):.0f}"
