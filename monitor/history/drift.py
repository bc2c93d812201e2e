"""Did a figure change, or only the sample? Paired comparisons of boards, and verdicts over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from math import pi
from typing import Any

import numpy as np

from brainalign_plugin.arrays import FloatArray
from brainalign_plugin.certainty import bootstrap
from brainalign_plugin.certainty.families import FamilyTable
from brainalign_plugin.certainty.figures import headline
from brainalign_plugin.data.board import Board

from ..base.files import fields_of
from .changes import tolerance
from .figures import COUNTS, FIGURES, ends, family_draws, headline_figures
from .panels import common_panel

ALPHA = 0.05
MIN_OVERLAP = 20
TESTED = tuple(name for name in FIGURES if name not in COUNTS)


class Verdict(StrEnum):
    """Verdict on a figure of the shared part of two boards."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure's difference between two boards on the models and benchmarks that both have."""

    before: float | None
    after: float | None
    # 95 %, of the difference, from the same draws of families of models on both boards.
    interval: tuple[float, float] | None
    # Two-sided, of no difference, from the standard error of the resamples; 1 where the shared cells are equal.
    p: float | None
    # On both boards.
    models: int
    benchmarks: int

    @property
    def delta(self) -> float | None:
        """The difference; None where the figure does not exist on both."""
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True, slots=True)
class Step:
    """One verdict in a series: a board against the one since which the figure has not changed."""

    figure: str
    # Positions in the series.
    earlier: int
    later: int
    difference: Difference
    alpha: float  # Level of this test; 0 where none was made
    verdict: Verdict


@dataclass(frozen=True, eq=False)
class Drift:
    """Verdicts over a history, and the reasons of the changes among them."""

    moments: tuple[datetime, ...]  # Those of the boards of distinct content that follow each other
    steps: tuple[Step, ...]  # Positions in them refer to `moments`
    words: Mapping[tuple[str, int, int], str]  # By figure and positions: the attribution of each change


def paired_differences(
    earlier: Board,
    later: Board,
    kept: tuple[Sequence[str], Sequence[str]],
    resamples: int,
    seed: int,
    named: FamilyTable = (),
) -> dict[str, Difference]:
    """Compare each tested figure on the leaves that both cleanings keep and the models with a score on all of these.

    The boards are uncleaned; ``kept`` are the leaves that the cleaning of each keeps.
    """
    one, other = common_panel([earlier, later], kept)
    models, benchmarks = one.scores.shape
    mine = one.scores_on(other.leaves)
    close = np.abs(other.scores - mine) <= tolerance(mine, other.scores)
    # A score that one source gives with fewer decimals is not restated.
    other = replace(other, scores=np.where(close, mine, other.scores))
    before, after = headline_figures(one), headline_figures(other)
    alike = close.all() and all(one.tree.path(leaf) == other.tree.path(leaf) for leaf in one.leaves)
    draws = None if alike else family_draws(one, resamples, seed, named)
    drawn: Mapping[str, FloatArray] = {}
    if draws is not None:
        first, second = (headline(board, draws[0]).values for board in (one, other))
        drawn = {name: second[name] - first[name] for name in TESTED}
    found = {}
    for name in TESTED:
        was, now = before[name], after[name]
        interval, p = ((0.0, 0.0), 1.0) if alike and was is not None else (None, None)
        if draws is not None:
            delta = None if was is None or now is None else now - was
            interval = ends(bootstrap.interval(delta, drawn[name], draws[1]))
            p = _p_value(delta, interval, drawn[name])
        found[name] = Difference(was, now, interval, p, models, benchmarks)
    return found


def _p_value(delta: float | None, interval: tuple[float, float] | None, drawn: FloatArray) -> float | None:
    if delta is None or interval is None:
        return None
    error = float(np.nanstd(drawn, ddof=1))
    if error == 0:
        return 1.0 if delta == 0 else 0.0
    from scipy.special import ndtr

    return float(2 * ndtr(-abs(delta) / error))


def spent(test: int) -> float:
    """Return the level of the ``test``-th test (from 1) of one of the figures: alpha · 6 / (π² t²) / figures.

    The levels of all tests that there will ever be sum to alpha (Bonferroni over an endless series), so that the chance
    of one false alarm in a history stays below it, and a verdict is never taken back by later tests.
    """
    return ALPHA * 6 / (pi * test) ** 2 / len(TESTED)


def verdicts(
    boards: int, difference: Callable[[int, int], dict[str, Difference]], min_overlap: int = MIN_OVERLAP
) -> list[Step]:
    """Decide for each figure at each board of a series whether it changed since its last change.

    A board is compared with the one at which the figure changed last (at first, with the first one), so that a slow
    drift adds up; if they share fewer than ``min_overlap`` models, with the board just before. Where the shared cells
    are equal, or there are too few models, no test is made and no level spent.
    """
    reference = dict.fromkeys(TESTED, 0)
    tests = dict.fromkeys(TESTED, 0)
    steps = []
    for later in range(1, boards):
        for name in TESTED:
            earlier = reference[name]
            found = difference(earlier, later)[name]
            if found.models < min_overlap and earlier < later - 1:
                # A small early board would be the reference for ever: the board just before takes its place.
                nearer = difference(later - 1, later)[name]
                if nearer.models >= min_overlap:
                    earlier, found = later - 1, nearer
                    reference[name] = earlier
            level = 0.0
            if found.p is None or found.models < min_overlap:
                verdict = Verdict.INSUFFICIENT
            elif found.p == 1.0:
                verdict = Verdict.UNCHANGED
            else:
                tests[name] += 1
                level = spent(tests[name])
                verdict = Verdict.CHANGED if found.p < level else Verdict.UNCHANGED
            steps.append(Step(name, earlier, later, found, level, verdict))
            if verdict is Verdict.CHANGED:
                reference[name] = later
    return steps


def drift_json(found: Drift, figure: str | None = None) -> dict[str, Any]:
    """Return the record that ``brainalign drift --json`` prints."""
    return {
        "schema": 1,
        "verdicts": [
            {
                "figure": step.figure,
                "from": found.moments[step.earlier],
                "to": found.moments[step.later],
                **fields_of(step.difference, "delta", "interval", "p", "models", "benchmarks"),
                "alpha": step.alpha,
                "verdict": step.verdict,
                "words": found.words.get((step.figure, step.earlier, step.later)),
            }
            for step in found.steps
            if figure in (None, step.figure)
        ],
    }
