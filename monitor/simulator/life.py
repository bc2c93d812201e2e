"""A simulated leaderboard's whole life: who was submitted when, and which score came when."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .names import invented_names
from .papers import PARTS, Paper
from .parameters import Backfill, NewModels, RemovedModel, SimulationParameters, midnight
from .truth import DECIMALS, Floats, Truth, draw_truth, logistic, stream

Times = NDArray[np.int64]
Flags = NDArray[np.bool_]

DAY = 86_400_000_000
"""Microseconds of a day."""
NEVER = np.iinfo(np.int64).max
"""Time of a cell that never gets a score."""

_FIRST_ID = 546
_LAST_SUBMISSION_BEFORE_END = 45
_ERROR_VARIATION = 0.25


@dataclass(frozen=True, eq=False)
class Life:
    """A simulated leaderboard with its truth. Arrays are read-only; times are microseconds since 1970, UTC."""

    # Its origin.
    seed: int
    parameters: SimulationParameters
    truth: Truth  # Loadings, correlations, moments and errors of the leaves
    # Of the N models, those of `NewModels` events last.
    ids: tuple[int, ...]
    names: tuple[str, ...]
    submitted: Times
    ability: Floats  # General ability, length N
    factors: Floats  # Scores on the K factors of `Truth`, N × K
    noise_free: Floats  # Scores without measurement error, N × L
    scores: Floats  # Scores with measurement error, uncapped, N × L, as of each leaf's first version
    errors: Floats  # Standard deviation of each cell's measurement error, N × L
    failed: Flags  # Cells whose run ends as FAILED, N × L
    times: Times  # When each cell's run ends, N × L; `NEVER` where there is none


@dataclass(frozen=True, eq=False)
class _Cohort:
    """Models that come together: those of the board, or those of one event."""

    key: str
    submitted: Times
    shift: float
    longest_delay: float


class _Draws(NamedTuple):
    """Draws for one cohort, named and shaped as in `Life`."""

    ability: Floats
    factors: Floats
    noise_free: Floats
    scores: Floats
    errors: Floats
    failed: Flags
    times: Times


def simulate(seed: int, parameters: SimulationParameters | None = None) -> Life:
    """Simulate a leaderboard's life; the same seed and parameters give the same.

    Every model has a general ability, which makes up ``part_correlation`` of the variance of its neural,
    behavioural and engineering factor; papers add factors of their own. So the leaves under the average share two
    dimensions plus one for each factor of a paper. Draws come from streams named after what they are for: adding an
    event or a paper leaves everything else as it was. The default parameters give 281 models × 51 leaves under the
    average in the image of the public board.
    """
    parameters = parameters if parameters is not None else SimulationParameters()
    papers = parameters.all_papers()
    truth = draw_truth(seed, papers, parameters.part_correlation)
    cohorts = _cohorts(seed, parameters)
    drawn = [_draw_cohort(seed, parameters, truth, cohort) for cohort in cohorts]
    arrays = _Draws(*(np.concatenate(parts) for parts in zip(*drawn, strict=True)))
    submitted = np.concatenate([cohort.submitted for cohort in cohorts])
    ids = _FIRST_ID + np.cumsum(stream(seed, "ids").integers(1, 11, len(submitted)))
    life = Life(
        seed=seed,
        parameters=parameters,
        truth=truth,
        ids=tuple(ids.tolist()),
        names=_names(seed, parameters, len(submitted)),
        submitted=submitted,
        **arrays._asdict(),
    )
    _backfill(life)
    for array in (submitted, *arrays):
        array.setflags(write=False)
    return life


def _cohorts(seed: int, parameters: SimulationParameters) -> list[_Cohort]:
    generator = stream(seed, "submissions")
    opening = round(parameters.opening_share * parameters.models)
    last = (parameters.end - parameters.start).days - _LAST_SUBMISSION_BEFORE_END
    # A gamma weight per week makes bursts and silences, as deadlines do.
    weight = generator.gamma(0.35, size=max(1, last // 7)) + 1e-9
    week = generator.choice(len(weight), size=parameters.models - opening, p=weight / weight.sum())
    days = np.concatenate([10.0 * generator.random(opening) ** 2, 7.0 * (week + generator.random(len(week)))])
    cohorts = [_Cohort("board", np.sort(midnight(parameters.start) + _microseconds(days, generator)), 0.0, np.inf)]
    for event in parameters.events:
        if isinstance(event, NewModels):
            key = repr(event)
            hours = _microseconds(stream(seed, key, "submissions").random(event.count) / 2.0, stream(seed, key, "µs"))
            cohorts.append(_Cohort(key, np.sort(midnight(event.on) + hours), event.ability, 0.4))
    return cohorts


def _microseconds(days: Floats, generator: np.random.Generator) -> Times:
    """Convert days to microseconds; the last six digits are random, so that no rounding of exponentials shows."""
    seconds = np.floor(days * 86_400.0 + 0.5).astype(np.int64)
    return np.asarray(seconds * 1_000_000 + generator.integers(0, 1_000_000, seconds.shape))


def _draw_cohort(seed: int, parameters: SimulationParameters, truth: Truth, cohort: _Cohort) -> _Draws:
    size = len(cohort.submitted)
    generator = stream(seed, cohort.key, "models")
    ability = generator.standard_normal(size) + cohort.shift
    own = generator.standard_normal((size, len(PARTS)))
    maintained, fragile = generator.standard_normal((2, size))
    # The shift is one of the factors themselves, for any share of the ability in them.
    part = _mix((ability - cohort.shift)[:, None], own, parameters.part_correlation) + cohort.shift
    papers = parameters.all_papers()
    streams = [stream(seed, cohort.key, paper.name) for paper in papers]

    def draw(widths: list[int]) -> Floats:
        return np.hstack([s.standard_normal((size, width)) for s, width in zip(streams, widths, strict=True)])

    leaves = [len(paper.leaves) for paper in papers]
    factors = np.hstack([part, draw([paper.factors for paper in papers])])
    common = np.einsum("ij,jk,ik->i", truth.loadings, truth.factor_correlation, truth.loadings)
    x = factors @ truth.loadings.T + draw(leaves) * np.sqrt(1.0 - common)
    noise_free = logistic(truth.intercept + truth.slope * x) * truth.scale
    share = noise_free / truth.scale
    steepness = truth.scale * share * (1.0 - share) / truth.steepness
    # Steepness and variation have a mean square of one: error_sd is the root mean square of a leaf's errors.
    variation = np.exp(_ERROR_VARIATION * draw(leaves) - _ERROR_VARIATION**2)
    errors = np.round(truth.error_sd * steepness * variation, DECIMALS)
    scores = np.round(noise_free + errors * draw(leaves), DECIMALS)
    runs = [
        _run_paper(parameters, paper, draws, cohort, maintained, fragile)
        for draws, paper in zip(streams, papers, strict=True)
    ]
    times = np.hstack([time for time, _ in runs])
    failed = np.hstack([fail for _, fail in runs])
    return _Draws(ability, factors, noise_free, scores, errors, failed, times)


def _run_paper(
    parameters: SimulationParameters,
    paper: Paper,
    generator: np.random.Generator,
    cohort: _Cohort,
    maintained: Floats,
    fragile: Floats,
) -> tuple[Times, Flags]:
    """Draw times and failures of a cohort's runs on a paper: arrays, models × leaves."""
    size, leaves = len(cohort.submitted), len(paper.leaves)
    arrival = midnight(paper.arrives)
    older = cohort.submitted < arrival
    inclined = _mix(maintained, generator.standard_normal(size), parameters.rerun_correlation)
    run = np.where(older, inclined < _quantile(paper.rerun), inclined < _quantile(paper.first_run))
    delay = parameters.delay_days * np.exp(parameters.delay_spread * generator.standard_normal(size))
    # A model without any score is not on the board at all, so everyone is run on the opening paper, and soon.
    opening = next(p for p in parameters.papers if p.arrives <= parameters.start and p.part != "engineering")
    longest = cohort.longest_delay
    if paper.name == opening.name:
        run = np.ones(size, dtype=np.bool_)
        longest = min(longest, 0.5)
    offset = np.cumsum(generator.uniform(2.0, 120.0, (size, leaves)), axis=1) / 86_400.0
    after = _microseconds(np.minimum(delay, longest)[:, None] + offset, generator)
    times = np.where(run[:, None], np.maximum(cohort.submitted, arrival)[:, None] + after, NEVER)
    frail = _mix(fragile[:, None], generator.standard_normal((size, leaves)), parameters.failure_correlation)
    return times, np.asarray(run[:, None] & (frail < _quantile(paper.failure)))


def _mix(shared: Floats, own: Floats, correlation: float) -> Floats:
    return np.asarray(np.sqrt(correlation) * shared + np.sqrt(1.0 - correlation) * own)


def _quantile(chance: float) -> float:
    if chance in (0.0, 1.0):
        return np.inf if chance else -np.inf
    return NormalDist().inv_cdf(chance)


def _names(seed: int, parameters: SimulationParameters, count: int) -> tuple[str, ...]:
    names = invented_names(stream(seed, "names"), count)
    plain = stream(seed, "repeated names").permutation(parameters.models)
    for first, second in plain[: 2 * parameters.repeated_names].reshape(-1, 2):
        names[second] = names[first]
    return tuple(names)


def _backfill(life: Life) -> None:
    """Give the cells of `Backfill` events their times, in place, before the arrays are closed."""
    events = [event for event in life.parameters.events if isinstance(event, Backfill)]
    for event in sorted(events, key=lambda event: event.on):
        column = life.truth.leaves.index(event.benchmark)
        start = midnight(event.on)
        gone = {e.model for e in life.parameters.events if isinstance(e, RemovedModel) and e.on <= event.on}
        there = (life.submitted < start) & np.array([number not in gone for number in life.ids])
        run = there & (life.times[:, column] < start)
        scored = int((run & ~life.failed[:, column]).sum())
        wanted = int(np.ceil(event.scored * there.sum()))
        free = np.flatnonzero(there & ~run)
        generator = stream(life.seed, repr(event))
        filled = generator.permutation(free)[: wanted - scored]
        life.times[filled, column] = start + _microseconds(generator.random(len(filled)) * 0.9, generator)
        life.failed[filled, column] = False
