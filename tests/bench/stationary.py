"""False alarms: ``python -m tests.bench.stationary`` follows the default alert rules while nothing changes.

A history has 24 boards. Models come in families (sizes, shares of variance and leaves as in `tests.bench.coverage`).
The first board has half of them, and every board after it a few more, family by family; every month one per cent of
the cells is restated by rounding noise. The bounds of rules on a level are set to the figure of the population of
models, so that every alert is false.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np

from brainalign_monitor.history.alerts import DEFAULT_RULES, Observation, On, Rule, follow
from brainalign_monitor.history.drift import paired_differences
from brainalign_monitor.history.figures import COUNTS, RESAMPLES, family_draws, figure_intervals, headline_figures
from brainalign_monitor.history.panels import new_share
from brainalign_plugin.arrays import FloatArray
from brainalign_plugin.certainty.figures import headline
from brainalign_plugin.data.board import Board
from tests.bench.coverage import LEAVES, SHRUNK, SIZES, SPREAD, WORLDS, World, board_of, correlations, named

BOARDS, RESTATED, NOISE, POPULATION = 24, 0.01, 0.002, 4000


def history(world: World, random: np.random.Generator) -> tuple[list[Board], dict[str, float | None]]:
    """Draw the boards of one history, and the figures of its population."""
    root = np.linalg.cholesky(correlations(world, random) + 1e-9 * np.eye(len(LEAVES)))

    def draw(count: int) -> FloatArray:
        return random.normal(size=(count, len(LEAVES))) @ root.T

    truth = headline(board_of(SPREAD * world.mixed(draw, np.arange(POPULATION), random))).first()
    # Families come in a random order; the members of one come together.
    sizes = random.permutation(np.array(SIZES))
    labels = np.repeat(np.arange(len(sizes)), sizes)
    whole = named(board_of(SPREAD * world.mixed(draw, labels, random)), labels)
    many = np.linspace(len(labels) // 2, len(labels), BOARDS).astype(int)
    boards, scores = [], np.array(whole.scores)
    for n in many.tolist():
        restated = random.random(scores.shape) < RESTATED
        scores = np.clip(scores + restated * NOISE / SHRUNK * random.normal(size=scores.shape), 0, 1)
        boards.append(replace(whole, scores=scores).take(rows=list(range(n))))
    return boards, truth


def observations(rules: list[Rule], boards: list[Board], seed: int) -> list[list[Observation | None]]:
    """Return what each rule sees of each board.

    Intervals hold their figure, so that they are computed where the figure itself is beyond the bound of a rule.
    """
    found: list[list[Observation | None]] = [[] for _ in rules]
    for before, board in pairwise([boards[0], *boards]):
        values, models, new = headline_figures(board), len(board.models), new_share(before, board)
        joined = models - len(before.models)
        known, intervals = family_draws(board, 1, seed) is not None, {}
        for rule, seen in zip(rules, found, strict=True):
            value = values[rule.figure]
            one = Observation(value, value, value, models, new if seen else 1.0)
            if rule.figure in COUNTS:
                one = Observation(joined, joined, joined, models)
            elif rule.on is On.CHANGE:
                one = _change(rule, before, board, seed)
            elif known and rule.clears(one):
                intervals = intervals or figure_intervals(board, values, RESAMPLES, seed)
                one = Observation.of_level(rule.figure, value, intervals[rule.figure], models, one.new)
            seen.append(one if known or rule.on is On.CHANGE else None)
    return found


def _change(rule: Rule, before: Board, board: Board, seed: int) -> Observation | None:
    for resamples in (2, RESAMPLES):
        one = paired_differences(before, board, (LEAVES, LEAVES), resamples, seed)[rule.figure]
        if one.interval is None:
            return None
        ends = (one.delta, one.delta) if resamples == 2 else one.interval
        if not rule.clears(seen := Observation(one.delta, *ends, one.models)):
            break
    return seen


def at_the_truth(rule: Rule, truth: dict[str, float | None]) -> Rule:
    """Set the bound of a rule on a level to the population's figure: the hardest case in which no alert is right."""
    value = None if rule.on is On.CHANGE else truth[rule.figure]
    return rule if value is None else replace(rule, bound=value, resolve=None, tests=())


def main(arguments: list[str] | None = None) -> int:
    """Print for each kind of families how many histories had a false alert."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--histories", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=300.0, help="CPU time, after which no other is begun")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    random, rules, done = np.random.default_rng(given.seed), Counter[str](), 0
    false = 0
    world = next(one for one in WORLDS if one.name == "families")
    while done < given.histories and time.process_time() < given.seconds:
        boards, truth = history(world, random)
        at = [at_the_truth(rule, truth) for rule in DEFAULT_RULES]
        fired = [
            rule.name
            for rule, seen in zip(at, observations(at, boards, done), strict=True)
            if any(event.fired for event in follow(rule, enumerate(seen))[1])
        ]
        rules.update(fired)
        false += bool(fired)
        done += 1
        if done % 5 == 0:
            print(f"{false} of {done}", flush=True)
    print(f"{false} of {done} histories of {BOARDS} boards with a false alert: {false / max(done, 1):.3f}")
    for rule in DEFAULT_RULES:
        print(f"{rule.name}: {rules[rule.name]}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
