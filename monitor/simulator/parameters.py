"""The knobs of a simulated leaderboard, and the events that can be planted in its life."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from .papers import DEFAULT_PAPERS, OPENING, Paper


@dataclass(frozen=True)
class NewBenchmark:
    """A paper whose leaves are not in the tree at all before its arrival."""

    paper: Paper

    @property
    def on(self) -> date:
        """Day from whose 00:00 UTC on the leaves exist."""
        return self.paper.arrives


@dataclass(frozen=True)
class NewModels:
    """``count`` models submitted within one day, ``ability`` standard deviations above the others."""

    on: date
    count: int
    ability: float = 0.0


@dataclass(frozen=True)
class Restatement:
    """Scores of some leaves become ``scale * old + shift + noise * N(0, 1)``.

    With ``new_version`` the leaf's version rises and a share ``coverage`` of the models scored before is run
    again in the course of the day; the others become NEVER, and the older scores stay as history. Without it
    the values change in place and keep their times, as when a ceiling is corrected.
    """

    on: date
    benchmarks: tuple[str, ...]
    scale: float = 1.0
    shift: float = 0.0
    noise: float = 0.0
    new_version: bool = True
    coverage: float = 1.0


@dataclass(frozen=True)
class Backfill:
    """Within one day an existing leaf is run on older models until a share ``scored`` of all has a score.

    On a leaf that most models lack this flips the decision of the cleaning and, with it, the sample.
    """

    on: date
    benchmark: str
    scored: float


@dataclass(frozen=True)
class RemovedModel:
    """A model that is no longer published."""

    on: date
    model: int


@dataclass(frozen=True)
class RenamedModel:
    """A model that is published under another name; its id stays."""

    on: date
    model: int
    name: str


@dataclass(frozen=True)
class RemovedBenchmark:
    """A leaf that is no longer published."""

    on: date
    benchmark: str


Event = NewBenchmark | NewModels | Restatement | Backfill | RemovedModel | RenamedModel | RemovedBenchmark


@dataclass(frozen=True)
class SimulationParameters:
    """Everything that, together with a seed, determines a simulated life."""

    models: int = 281  # Number of models at the end, those of `NewModels` events not counted
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
    # Reruns, and failures, as a matter of the model: the correlation within a model of the underlying
    # normal variables.
    rerun_correlation: float = 0.4
    failure_correlation: float = 0.6
    # Median, and standard deviation of the logarithm, of the time from the moment at which a model could be run
    # on a paper to its score.
    delay_days: float = 0.35
    delay_spread: float = 2.0
    repeated_names: int = 4  # Number of pairs of models that share a name
    events: tuple[Event, ...] = ()  # Planted causes, each taking effect at 00:00 UTC of its day

    def all_papers(self) -> tuple[Paper, ...]:
        """Return the papers of the board followed by those of `NewBenchmark` events."""
        return (*self.papers, *(event.paper for event in self.events if isinstance(event, NewBenchmark)))


def midnight(day: date) -> int:
    """Return the microseconds from 1970 to 00:00 UTC of a day."""
    return (day - date(1970, 1, 1)) // timedelta(microseconds=1)
