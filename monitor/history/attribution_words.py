"""Attributions in words: a sentence a figure, and the reasons of each step of the path."""

from __future__ import annotations

from brainalign_plugin.text import counted

from .attribution import RESTATED, Attribution
from .figure_words import MINUS
from .figures import COUNTS
from .reasons import Reason

_NOTHING = 1e-12
_MOST = 2


def attribution_in_words(found: Attribution, figure: str) -> str:
    """Return one sentence: how far a figure moved and what moved it, the largest part first."""
    before, after = found.earlier[figure], found.later[figure]
    if before is None or after is None:
        boards = {(True, True): "either", (True, False): "the earlier", (False, True): "the later"}
        return f"{figure} does not exist on {boards[before is None, after is None]} board"
    old, new = _number(figure, before), _number(figure, after)
    if abs(after - before) <= _NOTHING:
        change = f"{figure} stayed at {new}"
    elif old == new:
        change = f"{figure} hardly moved from {new}"
    else:
        change = f"{figure} went from {old} to {new}"
    causes = causes_in_words(found, figure)
    return f"{change}: {causes}" if causes else change


def causes_in_words(found: Attribution, figure: str) -> str:
    """Return the parts of a change with their reasons, the largest first.

    Parts that round to nothing are left out, but for that of restated scores.
    """
    parts = found.parts[figure]
    if parts is None:
        return unsplit(found)
    nothing = _number(figure, 0.0)
    shown = [
        (step, part)
        for step, part in parts.items()
        if _number(figure, abs(part)) != nothing or (step == RESTATED and abs(part) > _NOTHING)
    ]
    shown.sort(key=lambda item: -abs(item[1]))
    return ", ".join(
        f"{'+' if part > 0 else ''}{_number(figure, part)} as {_told(found.reasons[step])}"
        for step, part in shown
    )


def reasons_of(found: Attribution, figure: str) -> list[str]:
    """Return the reasons of the steps that moved a figure, the largest first; of all steps if it cannot be split."""
    parts = found.parts[figure]
    if parts is None:
        return [unsplit(found), *(one.text for reasons in found.reasons.values() for one in reasons)]
    steps = sorted(
        (step for step in parts if abs(parts[step]) > _NOTHING), key=lambda step: -abs(parts[step])
    )
    return [one.text for step in steps for one in found.reasons[step]]


def unsplit(found: Attribution) -> str:
    """Return why a change cannot be split: the boards have too little in common."""
    models, benchmarks = found.shared
    return (
        "the change cannot be split, because the figure does not exist on the "
        f"{counted(models, 'model')} × {counted(benchmarks, 'benchmark')} that both boards have"
    )


def _number(figure: str, value: float) -> str:
    text = f"{value:,.0f}" if figure in COUNTS else f"{value:.3f}"
    return text.replace("-", MINUS)


def _told(reasons: tuple[Reason, ...]) -> str:
    """Return the reasons of a step as one clause: 60 models left (45 never run on ..., 15 removed ...)."""
    kinds: dict[tuple[str, str], list[Reason]] = {}
    for one in reasons:
        kinds.setdefault((one.noun, one.verb), []).append(one)
    return " and ".join(_clause(*kind, some) for kind, some in kinds.items())


def _clause(noun: str, verb: str, reasons: list[Reason]) -> str:
    count = sum(one.count for one in reasons)
    # Models leave and join; all else is done to.
    auxiliary = "" if noun == "model" else "was " if count == 1 else "were "
    counts = noun == "model" and len(reasons) > 1
    why = [f"{one.count} {one.why}" if counts else one.why for one in reasons[:_MOST]]
    if len(reasons) > _MOST:
        why.append(f"{sum(one.count for one in reasons[_MOST:])} for other reasons")
    return f"{counted(count, noun)} {auxiliary}{verb} ({'; '.join(why)})"
