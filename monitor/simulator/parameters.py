"""The knobs of a simulated leaderboard, and the events that can be planted in its life."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from brainalign_plugin.errors import InputError

from .names import HOSTILE_NAMES
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
    # The first models have names that may break display, parsing or storage.
    hostile_names: bool = False
    events: tuple[Event, ...] = ()  # Planted causes, each taking effect at 00:00 UTC of its day

    def __post_init__(self) -> None:
        if self.domain not in ("vision", "language"):
            raise InputError(f"domain={self.domain!r} is unknown: use 'vision' or 'language'")
        if self.models < 2:
            raise InputError(f"models={self.models!r}: a board needs at least two")
        taken = len(HOSTILE_NAMES) if self.hostile_names else 0
        if not 0 <= 2 * self.repeated_names <= self.models - taken:
            raise InputError(
                f"repeated_names={self.repeated_names!r} pairs and {taken} hostile names do not fit"
                f" {self.models} models"
            )
        for name in ("part_correlation", "opening_share", "rerun_correlation", "failure_correlation"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError(f"{name}={getattr(self, name)!r} lies outside [0, 1]")
        for name in ("delay_days", "delay_spread"):
            if not 0.0 <= getattr(self, name) <= 10.0:
                raise InputError(f"{name}={getattr(self, name)!r} lies outside [0, 10]")
        if (self.end - self.start).days < 60:
            raise InputError(f"end={self.end} lies less than 60 days after start={self.start}")
        if not any(paper.arrives <= self.start and paper.part != "engineering" for paper in self.papers):
            raise InputError(
                f"no neural or behavioural paper arrives by the start ({self.start}): models would have"
                " no score"
            )
        self._check_leaves()
        for event in self.events:
            self._check_event(event)
            # An event's draws follow from what it is, so that another one before it does not disturb them.
            if self.events.count(event) > 1:
                raise InputError(f"{event!r} is planted twice: make one of them differ")

    def all_papers(self) -> tuple[Paper, ...]:
        """Return the papers of the board followed by those of `NewBenchmark` events."""
        return (*self.papers, *(event.paper for event in self.events if isinstance(event, NewBenchmark)))

    def _check_leaves(self) -> None:
        names = [paper.name for paper in self.all_papers()]
        leaves = list(self._leaves())
        groups = {
            level for paper in self.all_papers() for path in paper.leaves for level in path.split("/")[:-1]
        }
        for kind, values in (("papers", names), ("leaves", leaves)):
            repeated = sorted({value for value in values if values.count(value) > 1})
            if repeated:
                raise InputError(f"{kind} occur twice: {', '.join(repeated)}: give each its own identifier")
        both = sorted(groups.intersection(leaves))
        if both:
            raise InputError(f"{', '.join(both)} is a leaf and a group at once: rename one of them")

    def _leaves(self) -> Iterator[str]:
        for paper in self.all_papers():
            for path in paper.leaves:
                yield path.rsplit("/", 1)[-1]

    def _check_event(self, event: Event) -> None:
        if event.on <= self.start:
            raise InputError(f"{event!r} lies before the board's second day: move it after {self.start}")
        named: tuple[str, ...] = ()
        if isinstance(event, Restatement):
            named = event.benchmarks
        elif isinstance(event, Backfill | RemovedBenchmark):
            named = (event.benchmark,)
        unknown = sorted(set(named).difference(self._leaves()))
        if unknown:
            raise InputError(f"{', '.join(unknown)} is not a leaf of the board: {event!r}")
        if isinstance(event, Restatement) and not event.benchmarks:
            raise InputError(f"{event!r} restates nothing: name at least one leaf")
        if isinstance(event, NewModels) and event.count < 1:
            raise InputError(f"count={event.count!r}: {event!r} brings no model")
        for name in ("coverage", "scored"):
            if not 0.0 <= getattr(event, name, 0.0) <= 1.0:
                raise InputError(f"{name}={getattr(event, name)!r} is not a share in [0, 1]: {event!r}")


def quiet(parameters: SimulationParameters) -> SimulationParameters:
    """Return the same board with every paper and model from the opening on, and every run within hours.

    After its first two weeks nothing happens on it but its events, so that a change between two later dates
    has no other cause. Sparse leaves stay sparse.
    """
    opening = parameters.start
    return replace(
        parameters,
        papers=tuple(replace(paper, arrives=opening) for paper in parameters.papers),
        opening_share=1.0,
        delay_days=0.1,
        delay_spread=0.5,
    )


def midnight(day: date) -> int:
    """Return the microseconds from 1970 to 00:00 UTC of a day."""
    return (day - date(1970, 1, 1)) // timedelta(microseconds=1)
