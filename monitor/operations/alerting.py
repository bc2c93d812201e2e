"""Alert rules over the stored history: news since the last evaluation, and the events of a backtest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ..base.errors import StoreError
from ..base.files import fields_of
from ..history.alerts import AlertEvent, Condition, Observation, On, Rule, Standing, event_in_words, follow
from ..history.figures import COUNTS
from ..history.timeline import Timeline
from .kept_alerts import FIRING, HELD, RESOLVED

if TYPE_CHECKING:
    from ..store import SnapshotInfo

STATE_SCHEMA = 1
# Names of the kinds of findings in records (`news_json`).
_EVENTS = {FIRING: "fired", RESOLVED: "ended", HELD: "held"}


class Reason(StrEnum):
    """Reason of an alert's change: the data, or a new, changed or removed rule.

    FIRST is none of them: the condition held on the first board.
    """

    DATA = "data"
    FIRST = "first board"
    ADDED = "rule added"
    CHANGED = "rule changed"
    REMOVED = "rule removed"


@dataclass(frozen=True, slots=True)
class AlertNews:
    """An event to report once: an alert is firing or resolved."""

    rule: str  # Its name
    # Figure or benchmark that it watches
    figure: str
    on: str
    condition: str
    fired: bool  # True if it fired; otherwise it ended
    bound: float  # Bound at which it fired, or ended
    reason: Reason
    as_of: datetime  # The moment of the board
    snapshot: int  # Its number in the store
    seen: Observation | None  # Observation; None if the rule ended because it was changed or removed
    words: str  # One sentence
    # Causes of the change, in words: for a level since the last board that was not yet (or no
    # longer) beyond the bound, for a change since the board that it is a change from. None without such a board.
    attribution: str | None

    @property
    def kind(self) -> str:
        """Kind of its stored finding."""
        return HELD if self.reason is Reason.FIRST else FIRING if self.fired else RESOLVED


@dataclass(frozen=True, eq=False)
class Evaluated:
    """States of the rules for the next run, and the events since the last one."""

    state: dict[str, Any]  # Only what JSON can hold
    news: tuple[AlertNews, ...]  # In order of time


def evaluate_alerts(timeline: Timeline, rules: Sequence[Rule], state: Mapping[str, Any] | None) -> Evaluated:
    """Evaluate the rules, of distinct names, on the data versions since the last evaluation, which left the ``state``.

    A board that is older than the newest one seen is no news, because a sent alert is not withdrawn. The first
    evaluation (no state) raises no alarm: rules whose condition holds are reported as such (`Reason.FIRST`), also those
    that fire only after more boards like it. A new or changed rule is evaluated over the whole history without news;
    then the difference is reported: that it is firing (as of the board on which it fired), or that it is resolved. An
    active rule that was removed from the configuration is resolved. Raises StoreError if the state is not one.
    """
    known, last = _read_state(state, timeline.domain)
    last = _placed(last, timeline.versions)
    watch = _Watch(timeline)
    newest = timeline.versions[-1]
    news: list[AlertNews] = []
    now: dict[str, Any] = {}
    for rule in rules:
        entry = known.pop(rule.name, None)
        was = Standing() if entry is None else Standing(**entry["standing"])
        if entry is not None and entry["rule"] == _definition(rule):
            standing, events = follow(rule, watch.observed(rule, last), was)
            news += [watch.told(event, Reason.DATA) for event in events]
        else:
            reason = Reason.ADDED if entry is None else Reason.CHANGED
            boards = list(watch.observed(rule))
            standing, events = follow(rule, boards)
            if state is None:
                held = _held(rule, standing, events, boards)
                if held is not None:
                    standing = replace(standing, active=True, streak=0, since=held.at, before=boards[-1][0])
                    news.append(watch.told(held, Reason.FIRST))
            elif standing.active and not was.active:
                news.append(watch.told(events[-1], reason))
            elif was.active and not standing.active:
                news.append(_ended_with_rule(_definition(rule), reason, newest))
        now[rule.name] = {"rule": _definition(rule), "standing": asdict(standing)}
    news += [
        _ended_with_rule(entry["rule"], Reason.REMOVED, newest)
        for entry in known.values()
        if entry["standing"]["active"]
    ]
    if last is None or newest.as_of_time >= last[0]:
        last = (newest.as_of_time, newest.digest)
    seen = {"as_of": last[0].isoformat(), "digest": last[1]}
    told = {"schema": STATE_SCHEMA, "domain": timeline.domain, "seen": seen, "rules": now}
    return Evaluated(told, tuple(sorted(news, key=lambda item: item.as_of)))


def backtest(timeline: Timeline, rules: Sequence[Rule]) -> list[AlertNews]:
    """Return the events of a stored history, in order of time, as if the rules had been in force from its beginning."""
    watch = _Watch(timeline)
    events = (watch.told(event, Reason.DATA) for rule in rules for event in follow(rule, watch.observed(rule))[1])
    return sorted(events, key=lambda event: event.as_of)


def news_json(news: AlertNews) -> dict[str, Any]:
    """Return the record of one event."""
    seen = news.seen
    return {
        "rule": news.rule,
        "event": _EVENTS[news.kind],
        "reason": news.reason.value,
        "as_of": news.as_of.isoformat(),
        **fields_of(news, "snapshot", "figure", "on", "condition", "bound"),
        "value": None if seen is None else seen.value,
        "interval": None if seen is None else [seen.low, seen.high],
        "models": None if seen is None else seen.models,
        **fields_of(news, "words", "attribution"),
    }


def unseen(state: Mapping[str, Any], removed: SnapshotInfo, newest: SnapshotInfo | None) -> dict[str, Any]:
    """Return the state of the rules after the removal of a board; ``newest`` is the newest one that is left."""
    seen = {"as_of": removed.as_of_time.isoformat(), "digest": removed.digest}
    if state["seen"] != seen:
        return dict(state)
    left = datetime.min.replace(tzinfo=UTC) if newest is None else newest.as_of_time
    return {**state, "seen": {"as_of": left.isoformat(), "digest": "" if newest is None else newest.digest}}


_Seen = tuple[datetime, str]


class _Watch:
    """Observations of the boards of a timeline, as rules take them."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._before = dict(zip((v.id for v in timeline.versions[1:]), timeline.versions, strict=False))

    def observed(self, rule: Rule, last: _Seen | None = None) -> Iterator[tuple[int, Observation | None]]:
        """Return the values of a rule's figure at each data version, or at those after the last one seen."""
        see = self._level if rule.on is On.LEVEL else self._change
        for info in self._timeline.versions:
            # A moment observed again with another board is a new version of it.
            if last is None or (info.as_of_time, info.digest != last[1]) > (last[0], False):
                seen, before = see(rule.figure, info), self._before.get(info.id)
                again = rule.on is On.LEVEL and rule.versions > 1
                if again and seen is not None and before is not None and rule.clears(seen):
                    seen = replace(seen, new=self._timeline.new_share((before, info)))
                yield info.id, seen

    def _level(self, figure: str, info: SnapshotInfo) -> Observation | None:
        record = self._timeline.figures(info)
        found = record["figures"][figure]
        if found["value"] is None or found["interval"] is None:
            return None
        return Observation.of_level(figure, found["value"], found["interval"], record["models"])

    def _change(self, figure: str, info: SnapshotInfo) -> Observation | None:
        before = self._before.get(info.id)
        if before is None:
            return None
        if figure in COUNTS:
            was, now = self._level(figure, before), self._level(figure, info)
            if was is None or now is None:
                return None
            delta = now.value - was.value
            return Observation(delta, delta, delta, models=max(was.models, now.models))
        found = self._timeline.differences((before, info))[figure]
        if found.delta is None or found.interval is None:
            return None
        low, high = found.interval
        return Observation(found.delta, low, high, found.models)

    def told(self, event: AlertEvent, reason: Reason) -> AlertNews:
        """Return an event with its reason."""
        # An observed board can have replaced the board of a rule's state since.
        rule, known = event.rule, self._timeline.known
        info = known[event.at]
        before = self._before.get(info.id)
        if rule.on is On.LEVEL and event.before is not None:
            before = known.get(event.before, before)
        attribution = None
        if before is not None and reason is not Reason.FIRST and self._moved_so(event, before, info):
            attribution = self._timeline.attribution((before, info))["words"][rule.figure]
        words = event_in_words(event, first=reason is Reason.FIRST)
        return _news(_definition(rule), event.fired, reason, info, event.seen, words, attribution)

    def _moved_so(self, event: AlertEvent, before: SnapshotInfo, info: SnapshotInfo) -> bool:
        """Return whether the figure moved in the direction of the event: else its causes would contradict it.

        A figure may be beyond its bound only now because its interval became narrower, while its value came nearer; and
        a difference on what two boards share may have another sign than that of the whole boards.
        """
        rule = event.rule
        was, now = self._level(rule.figure, before), self._level(rule.figure, info)
        if was is None or now is None:
            return False
        moved = now.value - was.value
        if rule.on is On.CHANGE:
            return moved * event.seen.value > 0
        if rule.condition is Condition.OUTSIDE:
            return (abs(now.value) > abs(was.value)) == event.fired
        return moved != 0 and (moved > 0) == (event.fired == (rule.condition is Condition.ABOVE))


def _placed(last: _Seen | None, versions: Sequence[SnapshotInfo]) -> _Seen | None:
    """Return the newest board that was seen, as the store has it now.

    Its moment may have been corrected; if it was removed, the newest board is the unseen one.
    """
    if last is None or last[0] <= versions[-1].as_of_time:
        return last
    same = [info for info in versions if info.digest == last[1]]
    before = same[-1:] or versions[-2:-1]
    return (before[0].as_of_time, before[0].digest) if before else None


def _held(
    rule: Rule, standing: Standing, events: Sequence[AlertEvent], seen: Sequence[tuple[int, Observation | None]]
) -> AlertEvent | None:
    """Return the event of a rule whose condition holds at its first evaluation; None if it does not."""
    if standing.active:
        return events[-1]
    if not standing.streak:
        return None
    at, last = next((at, one) for at, one in reversed(seen) if one is not None and one.models >= rule.min_overlap)
    return AlertEvent(rule, True, at, last, None)


def _definition(rule: Rule) -> dict[str, Any]:
    """Return a rule without its tests, as JSON holds it."""
    fields = {name: value for name, value in asdict(rule).items() if name != "tests"}
    return {**fields, "on": rule.on.value, "condition": rule.condition.value, "resolve": rule.back_at}


def _ended_with_rule(rule: Mapping[str, Any], reason: Reason, newest: SnapshotInfo) -> AlertNews:
    how = "its rule was removed" if reason is Reason.REMOVED else "its rule was changed and does not hold now"
    return _news(rule, False, reason, newest, None, f"{rule['name']} resolved: {how}", None)


def _news(
    rule: Mapping[str, Any],
    fired: bool,
    reason: Reason,
    info: SnapshotInfo,
    seen: Observation | None,
    words: str,
    attribution: str | None,
) -> AlertNews:
    """Return the news about a rule (`_definition`) at a board."""
    watches = (rule["name"], rule["figure"], rule["on"], rule["condition"])
    bound = rule["bound" if fired else "resolve"]
    return AlertNews(*watches, fired, bound, reason, info.as_of_time, info.id, seen, words, attribution)


def _read_state(state: Mapping[str, Any] | None, domain: str) -> tuple[dict[str, Any], _Seen | None]:
    """Return the entries by rule, and the moment and digest of the newest board seen."""
    if state is None:
        return {}, None
    if state.get("schema") != STATE_SCHEMA or state.get("domain") != domain:
        raise StoreError(
            f"the state of the alerts is of schema {state.get('schema')!r} and domain {state.get('domain')!r}; "
            f"expected were {STATE_SCHEMA} and {domain!r}: remove it to start again, or use the release that wrote it"
        )
    seen = state["seen"]
    return dict(state["rules"]), (datetime.fromisoformat(seen["as_of"]), seen["digest"])
