"""What moved a figure, in words: a sentence a figure, and the main actors of each cause by name."""

from __future__ import annotations

from collections.abc import Sequence

from brainalign_plugin.board import Model

from .attribution import CLEANING, NEW_BENCHMARKS, NEW_MODELS, RESTATED, Actors, Attribution

_NOTHING = 1e-12
_NAMED = 5
UNSPLIT = "the change cannot be split, because a board between has no such figure"


def attribution_in_words(found: Attribution, figure: str, most: int = 3) -> str:
    """Say in one sentence how far a figure moved and what moved it, the largest cause first."""
    before, after, parts = found.earlier[figure], found.later[figure], found.parts[figure]
    if before is None or after is None:
        return f"{figure} does not exist on both boards"
    stayed = abs(after - before) <= _NOTHING
    change = (
        f"{figure} stayed at {after:.4g}" if stayed else f"{figure} went from {before:.4g} to {after:.4g}"
    )
    if parts is None:
        return f"{change}; {UNSPLIT}"
    causes = causes_in_words(found, figure, most)
    return f"{change}: {causes}" if causes else change


def causes_in_words(found: Attribution, figure: str, most: int = 3) -> str:
    """The parts of a change with who is behind them, the largest first; empty if there is none."""
    parts = found.parts[figure] or {}
    causes = sorted((item for item in parts.items() if abs(item[1]) > _NOTHING), key=lambda c: -abs(c[1]))
    return ", ".join(f"{part:+.4g} by {_who(found.actors, cause, most)}" for cause, part in causes)


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
