"""What moved a figure, in words: a sentence a figure, and the main actors of each cause by name."""

from __future__ import annotations

from collections.abc import Sequence

from brainalign_plugin.board import Model

from .attribution import CLEANING, NEW_BENCHMARKS, NEW_MODELS, RESTATED, Actors, Attribution
from .figure_words import MINUS
from .figures import COUNTS

_NOTHING = 1e-12
_NAMED = 5
UNSPLIT = "the change cannot be split, because a board between has no such figure"


def attribution_in_words(found: Attribution, figure: str, most: int = 3) -> str:
    """Say in one sentence how far a figure moved and what moved it, the largest cause first."""
    before, after, parts = found.earlier[figure], found.later[figure], found.parts[figure]
    if before is None or after is None:
        return f"{figure} does not exist on both boards"
    old, new = _number(figure, before), _number(figure, after)
    if abs(after - before) <= _NOTHING:
        change = f"{figure} stayed at {new}"
    elif old == new:
        change = f"{figure} hardly moved from {new}"
    else:
        change = f"{figure} went from {old} to {new}"
    if parts is None:
        return f"{change}; {UNSPLIT}"
    causes = causes_in_words(found, figure, most)
    return f"{change}: {causes}" if causes else change


def causes_in_words(found: Attribution, figure: str, most: int = 3) -> str:
    """The parts of a change with who is behind them, the largest first; empty if none shows at three decimals."""
    parts = found.parts[figure] or {}
    nothing = _number(figure, 0.0)
    shown = [item for item in parts.items() if _number(figure, abs(item[1])) != nothing]
    causes = sorted(shown, key=lambda cause: -abs(cause[1]))
    return ", ".join(
        f"{'+' if part > 0 else ''}{_number(figure, part)} by {_who(found.actors, cause, most)}"
        for cause, part in causes
    )


def _number(figure: str, value: float) -> str:
    """A figure or a part of its change, rounded as in the tables; a part of a count need not be whole."""
    text = f"{value:,.1f}".removesuffix(".0") if figure in COUNTS else f"{value:.3f}"
    return text.replace("-", MINUS)


def main_actors(found: Attribution) -> dict[str, tuple[str, ...]]:
    """Who stands behind each cause, a few by name, the most important first."""
    actors = found.actors
    restated = [leaf for leaf, _ in actors.restated_benchmarks]
    gone = [*actors.removed_benchmarks, *_named(actors.removed_models)]
    return {
        NEW_BENCHMARKS: actors.new_benchmarks[:_NAMED],
        NEW_MODELS: tuple(_named(actors.new_models[:_NAMED])),
        RESTATED: tuple([*gone, *actors.moved_benchmarks, *restated][:_NAMED]),
        CLEANING: actors.flipped[:_NAMED],
    }


def listed(names: Sequence[str], most: int) -> str:
    """The first few of some names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def counted(number: int, noun: str) -> str:
    """A number and its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _named(models: Sequence[Model]) -> list[str]:
    return [f"{model.name} ({model.id})" for model in models]


def _who(actors: Actors, cause: str, most: int) -> str:
    if cause == NEW_BENCHMARKS:
        new = actors.new_benchmarks
        return f"{counted(len(new), 'new benchmark')} ({listed(new, most)})"
    if cause == NEW_MODELS:
        return f"{counted(len(actors.new_models), 'new model')} ({listed(_named(actors.new_models), most)})"
    if cause == CLEANING:
        crossed = actors.flipped
        many = counted(len(crossed), "benchmark")
        return f"{many} that crossed the threshold of the cleaning ({listed(crossed, most)})"
    told = []
    if actors.removed_benchmarks:
        many = counted(len(actors.removed_benchmarks), "benchmark")
        told.append(f"{many} that went ({listed(actors.removed_benchmarks, most)})")
    if actors.removed_models:
        many = counted(len(actors.removed_models), "model")
        told.append(f"{many} that went ({listed(_named(actors.removed_models), most)})")
    if actors.moved_benchmarks:
        many = counted(len(actors.moved_benchmarks), "benchmark")
        told.append(f"{many} moved in the tree ({listed(actors.moved_benchmarks, most)})")
    if actors.restated_benchmarks:
        cells = counted(sum(n for _, n in actors.restated_benchmarks), "score")
        leaves = listed([leaf for leaf, _ in actors.restated_benchmarks], most)
        told.append(f"{cells} filled in, restated or withdrawn ({leaves})")
    return " and ".join(told)
