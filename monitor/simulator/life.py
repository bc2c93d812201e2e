"""A simulated leaderboard's whole life: who was submitted when, and which score came when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from .papers import DEFAULT_PAPERS, OPENING, PARTS, Paper
from .truth import DECIMALS, Floats, Truth, draw_truth, logistic, stream

Times = NDArray[np.int64]
Flags = NDArray[np.bool_]

NEVER = np.iinfo(np.int64).max
"""Time of a cell that never gets a score."""

_FIRST_ID = 546
_LAST_SUBMISSION_BEFORE_END = 45
_ERROR_VARIATION = 0.25
# Reruns, and failures, as a matter of the model: the correlation of the runs within one.
_RERUN_CORRELATION = 0.4
# Of invented names.
_FAMILIES = (
    "foveanet retinax striatron corvix ganglia optix_tectum pulvinet saccadia colliculus glianet amacrine "
    "mulleria conefield rodworks chiasma laminet cuneus orbitron perceptor gaborine"
)
_SIZES = "_s _m _l _xl -18 -34 -50 -101 50x2 _b16_224 _b16_384 _tiny _w24"
_TRAINING = "-in1k -in22k_ft _untrained -contrastive -stylised _noise_std4 -distilled"


@dataclass(frozen=True)
class SimulationParameters:
    """Everything that, together with a seed, determines a simulated life."""

    models: int = 281  # Number of models at the end
    # First day of the board, and the day at which all models are on it. Scores go on arriving after `end`.
    start: date = OPENING
    end: date = date(2024, 1, 1)
    # The benchmarks; at least one paper outside engineering must arrive on `start`.
    papers: tuple[Paper, ...] = DEFAULT_PAPERS
    domain: str = "vision"  # `"vision"` or `"language"`: suffix of the names of the roots
    # Correlation between the factors of any two parts, which is the share of their variance that a model's
    # general ability makes up.
    part_correlation: float = 0.65
    # Share of the models that is submitted in the first ten days. The others come in bursts until six weeks
    # before `end`.
    opening_share: float = 0.34
    failure_correlation: float = 0.6
    # Median, and standard deviation of the logarithm, of the time from the moment at which a model could be run
    # on a paper to its score.
    delay_days: float = 0.35
    delay_spread: float = 2.0
    repeated_names: int = 4  # Number of pairs of models that share a name


@dataclass(frozen=True, eq=False)
class Life:
    """A simulated leaderboard with its truth; times are microseconds since 1970, UTC."""

    # Its origin.
    seed: int
    parameters: SimulationParameters
    truth: Truth  # Loadings, correlations, moments and errors of the leaves
    # Of the N models.
    ids: tuple[int, ...]
    names: tuple[str, ...]
    submitted: Times
    noise_free: Floats  # Scores without measurement error, N × L
    scores: Floats  # Scores with measurement error, uncapped, N × L
    errors: Floats  # Standard deviation of each cell's measurement error, N × L
    failed: Flags  # Cells whose run ends as FAILED, N × L
    times: Times  # When each cell's run ends, N × L; `NEVER` where there is none


def simulate(seed: int, parameters: SimulationParameters | None = None) -> Life:
    """Simulate a leaderboard's life; the same seed and parameters give the same.

    The leaves under the average share two dimensions, plus one for each factor of a paper. Draws come from streams
    named after what they are for: adding a paper leaves everything else as it was. The default is in the image of the
    public board: 281 models × 51 leaves under the average.
    """
    parameters = parameters if parameters is not None else SimulationParameters()
    truth = draw_truth(seed, parameters.papers, parameters.part_correlation)
    return run_models(seed, parameters, truth, _submissions(seed, parameters))


def run_models(seed: int, parameters: SimulationParameters, truth: Truth, submitted: Times) -> Life:
    """Draw models that are submitted at the given times, and run them on all papers."""
    size, papers = len(submitted), parameters.papers
    generator = stream(seed, "board", "models")
    ability = generator.standard_normal(size)
    own = generator.standard_normal((size, len(PARTS)))
    maintained, fragile = generator.standard_normal((2, size))
    part = _mix(ability[:, None], own, parameters.part_correlation)
    streams = [stream(seed, "board", paper.name) for paper in papers]

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
        _run_paper(parameters, paper, draws, submitted, maintained, fragile)
        for draws, paper in zip(streams, papers, strict=True)
    ]
    times, failed = (np.hstack(parts) for parts in zip(*runs, strict=True))
    ids = _FIRST_ID + np.cumsum(stream(seed, "ids").integers(1, 11, size))
    names = _names(seed, size, parameters.repeated_names)
    return Life(
        *(seed, parameters, truth, tuple(ids.tolist()), names), submitted, noise_free, scores, errors, failed, times
    )


def _submissions(seed: int, parameters: SimulationParameters) -> Times:
    generator = stream(seed, "submissions")
    opening = round(parameters.opening_share * parameters.models)
    last = (parameters.end - parameters.start).days - _LAST_SUBMISSION_BEFORE_END
    # A gamma weight per week makes bursts and silences, as deadlines do.
    weight = generator.gamma(0.35, size=max(1, last // 7)) + 1e-9
    week = generator.choice(len(weight), size=parameters.models - opening, p=weight / weight.sum())
    days = np.concatenate([10.0 * generator.random(opening) ** 2, 7.0 * (week + generator.random(len(week)))])
    return np.sort(midnight(parameters.start) + microseconds(days, generator))


def midnight(day: date) -> int:
    """Return the microseconds from 1970 to 00:00 UTC of a day."""
    return (day - date(1970, 1, 1)) // timedelta(microseconds=1)


def microseconds(days: Floats, generator: np.random.Generator) -> Times:
    """Convert days to microseconds; the last six digits are random, so that no rounding of exponentials shows."""
    seconds = np.floor(days * 86_400.0 + 0.5).astype(np.int64)
    return np.asarray(seconds * 1_000_000 + generator.integers(0, 1_000_000, seconds.shape))


def _run_paper(
    parameters: SimulationParameters,
    paper: Paper,
    generator: np.random.Generator,
    submitted: Times,
    maintained: Floats,
    fragile: Floats,
) -> tuple[Times, Flags]:
    """Draw times and failures of the models' runs on a paper: arrays, models × leaves."""
    size, leaves = len(submitted), len(paper.leaves)
    arrival = midnight(paper.arrives)
    inclined = _mix(maintained, generator.standard_normal(size), _RERUN_CORRELATION)
    run = inclined < np.where(submitted < arrival, _quantile(paper.rerun), _quantile(paper.first_run))
    delay = parameters.delay_days * np.exp(parameters.delay_spread * generator.standard_normal(size))
    # A model without any score is not on the board at all, so everyone is run on the opening paper, and soon.
    opening = next(p for p in parameters.papers if p.arrives <= parameters.start and p.part != "engineering")
    if paper.name == opening.name:
        run = np.ones(size, dtype=np.bool_)
        delay = np.minimum(delay, 0.5)
    offset = np.cumsum(generator.uniform(2.0, 120.0, (size, leaves)), axis=1) / 86_400.0
    after = microseconds(delay[:, None] + offset, generator)
    times = np.where(run[:, None], np.maximum(submitted, arrival)[:, None] + after, NEVER)
    frail = _mix(fragile[:, None], generator.standard_normal((size, leaves)), parameters.failure_correlation)
    return times, np.asarray(run[:, None] & (frail < _quantile(paper.failure)))


def _mix(shared: Floats, own: Floats, correlation: float) -> Floats:
    return np.asarray(np.sqrt(correlation) * shared + np.sqrt(1.0 - correlation) * own)


def _quantile(chance: float) -> float:
    if chance in (0.0, 1.0):
        return np.inf if chance else -np.inf
    return NormalDist().inv_cdf(chance)


def _names(seed: int, count: int, repeated: int) -> tuple[str, ...]:
    """Draw plausible names of models that do not exist, and give some of them to two models."""
    generator = stream(seed, "names")
    words = (_FAMILIES.split(), ["", *_SIZES.split()], ["", "", "", *_TRAINING.split()])
    drawn: dict[str, None] = {}
    while len(drawn) < count:
        name = "".join(str(generator.choice(some)) for some in words)
        while name in drawn:
            name = f"{name}_{int(generator.integers(2, 10))}"
        drawn[name] = None
    names = list(drawn)
    plain = stream(seed, "repeated names").permutation(count)
    for first, second in plain[: 2 * repeated].reshape(-1, 2):
        names[second] = names[first]
    return tuple(names)
