"""Alerts: rules over the figures of a history, each with one event for firing and one for resolved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import isfinite
from typing import ClassVar

from brainalign_plugin.certainty.figures import possible
from brainalign_plugin.errors import InputError

from .figures import FIGURES, MINUS, SHARES, difference_text, figure_text

# Share of a board's cells that must be new for it to confirm what the one before showed.
NEW_SHARE = 0.1
# A rule on a level sees every board, so that its intervals reach further than 95 % ones: in simulated histories that
# keeps false alerts below 5 % (tests/bench/stationary.py).
REACH = 1.75


class On(StrEnum):
    """Figure of a rule."""

    LEVEL = "level"
    CHANGE = "change"


class Condition(StrEnum):
    """On which side of the bound it fires; ``outside`` is beyond the bound or beyond minus the bound."""

    ABOVE = "above"
    BELOW = "below"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Observation:
    """A rule's figure at one data version: value, interval, number of models, share of cells new since the last one."""

    value: float
    low: float
    high: float
    models: int
    new: float = 1.0

    @classmethod
    def of_level(
        cls, figure: str, value: float, interval: Sequence[float], models: int, new: float = 1.0
    ) -> Observation:
        """Return what a rule on a level sees: an interval wider than the 95 % one, within what the figure can be."""
        least, most = possible(figure)
        low, high = (min(max(value + REACH * (end - value), least), most) for end in interval)
        return cls(value, low, high, models, new)


@dataclass(frozen=True)
class RuleTest:
    """A rule's own test: what it sees, and at which positions (from 0) it has to fire and to end."""

    # A number (an interval without width), ``[low, value, high]``, or ``missing``.
    values: tuple[float | tuple[float, float, float] | str, ...]
    fired: tuple[int, ...] = ()
    ended: tuple[int, ...] = ()

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}


@dataclass(frozen=True)
class Rule:
    """A rule for alerts about a figure; InputError if something cannot be meant."""

    name: str
    figure: str  # A headline figure
    condition: Condition
    bound: float  # It fires when the whole interval is beyond it
    # `level`: the figure of the cleaned board; `change`: its difference from the data version before, on the models and
    # benchmarks that both share, for a count the difference of the cleaned boards.
    on: On = On.LEVEL
    resolve: float | None = None  # It ends when the value is back at this bound; None is `bound`
    # For how many distinct data versions in a row the interval has to be beyond the bound. A version that shares
    # nearly all cells with the one before confirms nothing: the next is counted once a tenth of the cells is new.
    versions: int = 2
    min_overlap: int = 20  # With fewer models nothing is seen, and the rule stays as it is
    tests: tuple[RuleTest, ...] = ()  # Run by `brainalign alerts test`

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if self.figure not in FIGURES:
            raise InputError(f"alert {self.name!r} watches {self.figure!r}; figures are {', '.join(FIGURES)}")
        if self.versions < 1 or self.min_overlap < 1:
            raise InputError(f"alert {self.name!r}: versions and min_overlap are at least 1")
        back = self.back_at
        if not isfinite(self.bound) or not isfinite(back):
            raise InputError(f"alert {self.name!r}: bounds are finite numbers")
        if (self.condition is Condition.BELOW and back < self.bound) or (
            self.condition is not Condition.BELOW and back > self.bound
        ):
            raise InputError(
                f"alert {self.name!r} fires {self.condition.value} {self.bound} but would be resolved at {back}, which "
                "is further out; choose a resolve bound on the other side"
            )
        if self.condition is Condition.OUTSIDE and (self.bound < 0 or back < 0):
            raise InputError(f"alert {self.name!r}: the bounds of 'outside' are not negative")

    @property
    def back_at(self) -> float:
        """The bound at which it ends."""
        return self.bound if self.resolve is None else self.resolve

    def clears(self, seen: Observation) -> bool:
        """Return whether the whole interval is beyond the bound."""
        above, below = seen.low > self.bound, seen.high < self.bound
        if self.condition is Condition.OUTSIDE:
            return above or seen.high < -self.bound
        return above if self.condition is Condition.ABOVE else below

    def resolves(self, seen: Observation) -> bool:
        """Return whether the value is back."""
        if self.condition is Condition.OUTSIDE:
            return abs(seen.value) <= self.back_at
        if self.condition is Condition.ABOVE:
            return seen.value <= self.back_at
        return seen.value >= self.back_at


@dataclass(frozen=True, slots=True)
class Standing:
    """State of a rule after the data versions that it has seen; versions are numbers."""

    active: bool = False  # It has fired and not ended
    streak: int = 0  # For how many data versions in a row the interval has been beyond the bound
    gathered: float = 0.0  # Share of cells that are new since the last one that was counted
    since: int | None = None  # At which it fired, while it is active
    # The last one that was seen and was not part of the streak: what happened since then is why it fires.
    before: int | None = None


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """A change of a rule to firing or resolved: data version, value, and the state before (`Standing.before`)."""

    rule: Rule
    fired: bool
    at: int
    seen: Observation
    before: int | None


def follow(
    rule: Rule, observations: Iterable[tuple[int, Observation | None]], start: Standing = Standing()
) -> tuple[Standing, list[AlertEvent]]:
    """Evaluate a rule on the data versions; None, or too few models, leaves it as it is.

    ``observations`` are the numbers of the versions, in order of time, and what is seen of them. Returns the rule's
    state now, the same for a history evaluated in pieces or whole, and its events, fired and ended in turn.
    """
    events: list[AlertEvent] = []
    now = start
    for at, seen in observations:
        if seen is None or seen.models < rule.min_overlap:
            continue
        if now.active:
            if rule.resolves(seen):
                events.append(AlertEvent(rule, False, at, seen, now.before))
                now = Standing()
            now = replace(now, before=at)
            continue
        if not rule.clears(seen):
            now = Standing(before=at)
            continue
        now = replace(now, gathered=now.gathered + seen.new)
        if not now.streak or now.gathered >= NEW_SHARE:
            now = replace(now, streak=now.streak + 1, gathered=0.0)
        if now.streak >= rule.versions:
            events.append(AlertEvent(rule, True, at, seen, now.before))
            now = Standing(active=True, since=at, before=at)
    return now, events


def failed_tests(rule: Rule) -> list[str]:
    """Return the failures of a rule's own tests, a sentence each; empty if they hold."""
    wrong = []
    for number, test in enumerate(rule.tests, start=1):
        _, events = follow(rule, enumerate(_observation(rule, value) for value in test.values))
        for what, expected in (("fires", test.fired), ("ends", test.ended)):
            found = tuple(event.at for event in events if event.fired == (what == "fires"))
            if found != tuple(expected):
                wrong.append(
                    f"{rule.name}, test {number}: {what} at {list(found)}, not at {list(expected)}, "
                    f"of {list(test.values)}"
                )
    return wrong


def _observation(rule: Rule, value: float | tuple[float, float, float] | str) -> Observation | None:
    if isinstance(value, str):
        if value != "missing":
            raise InputError(f"a test of alert {rule.name!r} has the value {value!r}; known is 'missing'")
        return None
    low, middle, high = value if isinstance(value, tuple) else (value, value, value)
    return Observation(middle, low, high, rule.min_overlap)


def event_in_words(event: AlertEvent, *, first: bool = False) -> str:
    """Return one sentence: the rule, what it saw, and the bound; if ``first`` it is so since the first board."""
    rule, seen = event.rule, event.seen
    what = FIGURES[rule.figure] if rule.on is On.LEVEL else f"change of {FIGURES[rule.figure]}"
    bound = _bound_text(rule, rule.bound if event.fired else rule.back_at)
    how = "holds since the first board" if first else "firing"
    state = f"{how}: {what} is {rule.condition.value}" if event.fired else f"resolved: {what} is back at"
    value, low, high = (_seen_text(rule, number) for number in (seen.value, seen.low, seen.high))
    # A count is known exactly.
    interval = "" if low == high else f" [{low}, {high}]"
    return f"{rule.name} {state} {bound} ({value}{interval})"


def _seen_text(rule: Rule, value: float) -> str:
    if rule.on is On.LEVEL:
        return figure_text(rule.figure, value)
    return difference_text(rule.figure, value) or figure_text(rule.figure, 0.0)


def _bound_text(rule: Rule, bound: float) -> str:
    """Return a bound with the digits that it was given, in the unit of the figure."""
    if rule.figure not in SHARES:
        return f"{bound:g}".replace("-", MINUS)
    unit = "%" if rule.on is On.LEVEL else "points"
    return f"{100 * bound:g} {unit}".replace("-", MINUS)


DEFAULT_RULES = (
    Rule(
        "complete models fell",
        "models",
        Condition.BELOW,
        bound=-20,
        resolve=0,
        on=On.CHANGE,
        versions=1,
        tests=(RuleTest((0.0, 3.0, -53.0, -1.0, 2.0), fired=(2,), ended=(4,)),),
    ),
    Rule(
        "behaviour decides the average",
        "r2_behavior",
        Condition.ABOVE,
        bound=0.9,
        resolve=0.85,
        tests=(
            RuleTest(((0.89, 0.95, 0.97), (0.91, 0.95, 0.97), "missing", (0.92, 0.95, 0.97), 0.87, 0.84), (3,), (5,)),
        ),
    ),
    Rule(
        "benchmarks hardly agree",
        "mean_rho",
        Condition.BELOW,
        bound=0.25,
        resolve=0.3,
        tests=(RuleTest(((0.1, 0.2, 0.24), (0.1, 0.2, 0.24), 0.28, 0.31), (1,), (3,)),),
    ),
    Rule(
        "scores were restated and agreement moved",
        "mean_rho",
        Condition.OUTSIDE,
        bound=0.01,
        on=On.CHANGE,
        versions=1,
        tests=(RuleTest((0.0, (-0.1, -0.05, -0.02), 0.0), fired=(1,), ended=(2,)),),
    ),
)
