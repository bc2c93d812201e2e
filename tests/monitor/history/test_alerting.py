"""Alerts that are told once: where the rules stood goes in, where they stand and what is news come out."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from brainalign_monitor.base.cache import Cache
from brainalign_monitor.base.errors import StoreError
from brainalign_monitor.history import timeline
from brainalign_monitor.history.alerts import DEFAULT_RULES, Condition, On, Rule
from brainalign_monitor.history.periods import boards_of_history
from brainalign_monitor.history.timeline import Timeline
from brainalign_monitor.operations.alerting import Evaluated, Reason, backtest, evaluate_alerts, news_json
from brainalign_monitor.store import Store, open_store

# On the simulated past of `shared_past`: the first is beyond from the second board on, the others move with it.
LOW = Rule("rho is low", "mean_rho", Condition.BELOW, 0.9, min_overlap=3)
MOVED = Rule("agreement moved", "sd_neural", Condition.OUTSIDE, 0.0, On.CHANGE, versions=1, min_overlap=3)
MANY = Rule("many models", "models", Condition.ABOVE, 1, versions=3, min_overlap=3)
NEVER = Rule("never", "sd_neural", Condition.ABOVE, 5.0, min_overlap=3)
RULES = (LOW, MOVED, MANY, NEVER)


class Growing:
    """A store of which only the first boards of the history have come yet."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.snapshot, self.snapshots_whole = store.snapshot, store.snapshots_whole
        self._all = boards_of_history(store.snapshots("vision"))
        self.many = len(self._all)
        self.come = self.many

    def snapshots(self, domain: str):
        assert domain == "vision"
        return self._all[: self.come]


@pytest.fixture
def growing(shared_past: Path):
    with open_store(shared_past / "brainalign.sqlite", shared_past / "bodies") as store:
        yield Growing(store)


@pytest.fixture
def cache(shared_past: Path, tmp_path: Path) -> Cache:
    # What an earlier test computed need not be computed again, and what this one does is its own.
    if (shared_past / "cache").exists():
        shutil.copytree(shared_past / "cache", tmp_path / "cache")
    return Cache(tmp_path / "cache")


def evaluated(store, cache, rules, state) -> Evaluated:
    found = evaluate_alerts(Timeline(store, "vision", cache=cache), rules, state)
    # As it is kept: what JSON cannot hold would not come back.
    return Evaluated(json.loads(json.dumps(found.state, allow_nan=False)), found.news)


def test_boards_that_come_one_by_one_are_told_as_the_backtest_tells_them(growing, cache):
    state, news = None, []
    for come in range(1, growing.many + 1):
        growing.come = come
        found = evaluated(growing, cache, RULES, state)
        state = found.state
        news += found.news
        assert evaluated(growing, cache, RULES, state).news == (), "once"
    whole = backtest(Timeline(growing, "vision", cache=cache), RULES)
    assert {(n.rule, n.fired) for n in news} == {
        ("rho is low", True),
        ("agreement moved", True),
        ("agreement moved", False),
        ("many models", True),
    }
    # Boards like the first one make no alarm of what was so before.
    first = [n for n in news if n.reason is Reason.FIRST]
    assert {n.rule for n in first} == {"rho is low", "many models"} & {n.rule for n in first}
    assert {n.reason for n in news} <= {Reason.FIRST, Reason.DATA}
    so = {n.rule for n in first}
    assert [n for n in news if n.rule not in so] == [n for n in whole if n.rule not in so]


def test_the_first_time_tells_what_is_active_and_not_all_that_ever_was(growing, cache):
    found = evaluated(growing, cache, RULES, None)
    assert {(n.rule, n.fired, n.reason) for n in found.news} == {
        ("rho is low", True, Reason.FIRST),
        ("many models", True, Reason.FIRST),
    }
    assert {n.kind for n in found.news} == {"alert held"}
    assert all(n.attribution is None and "holds since the first board: " in n.words for n in found.news)
    assert {n.as_of.date().isoformat() for n in found.news} == {"2021-09-01", "2021-12-01"}
    assert [n.as_of for n in found.news] == sorted(n.as_of for n in found.news)


def test_a_new_board_costs_one_analysis_and_what_is_not_new_nothing(growing, cache, monkeypatch):
    growing.come = growing.many - 1
    levels = tuple(rule for rule in RULES if rule.on is On.LEVEL)
    state = evaluated(growing, cache, levels, None).state
    analysed, attributed, read = [], [], []
    for name, calls in (("panel_figures", analysed), ("attribute", attributed)):
        real = getattr(timeline, name)
        monkeypatch.setattr(timeline, name, lambda *a, real=real, calls=calls: calls.append(1) or real(*a))
    monkeypatch.setattr(growing, "snapshot", lambda number: read.append(number) or growing._store.snapshot(number))
    fresh = Cache(cache.folder.parent / "fresh")
    growing.come = growing.many
    evaluated(growing, fresh, levels, state)
    assert (analysed, attributed, len(read)) == ([1], [], 2), "of the past the board before, for its cells"
    evaluated(growing, fresh, levels, state)
    assert (len(analysed), len(read)) == (1, 2)


def test_an_event_says_what_was_seen_and_what_it_is_due_to(growing, cache):
    fired = next(e for e in backtest(Timeline(growing, "vision", cache=cache), RULES) if e.rule == "agreement moved")
    record = news_json(fired)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert (record["event"], record["reason"], record["figure"]) == ("fired", "data", "sd_neural")
    assert (record["on"], record["condition"], record["bound"]) == ("change", "outside", 0.0)
    low, high = record["interval"]
    assert 0 < low <= record["value"] <= high
    assert record["words"].startswith("agreement moved firing: change of standard deviation of neural scores")
    assert "restated" in record["attribution"]
    many = next(e for e in backtest(Timeline(growing, "vision", cache=cache), RULES) if e.rule == "many models")
    assert many.attribution is None, "it has fewer models than the board before, whose causes would contradict it"


def test_a_rule_that_changed_is_judged_anew_and_only_what_differs_is_told(growing, cache):
    state = evaluated(growing, cache, RULES, None).state
    still = evaluated(growing, cache, (replace(LOW, bound=0.8), *RULES[1:]), state)
    assert still.news == (), "active before and after"
    (ended,) = evaluated(growing, cache, (replace(LOW, bound=-0.9), *RULES[1:]), state).news
    assert (ended.rule, ended.fired, ended.reason, ended.seen) == ("rho is low", False, Reason.CHANGED, None)
    assert ended.words == "rho is low resolved: its rule was changed and does not hold now"
    (fired,) = evaluated(growing, cache, (*RULES[:3], replace(NEVER, bound=0.0)), state).news
    assert (fired.rule, fired.fired, fired.reason) == ("never", True, Reason.CHANGED)
    tested = evaluated(growing, cache, tuple(replace(rule, tests=()) for rule in RULES), state)
    assert (tested.state, tested.news) == (state, ()), "another test of its own does not change a rule"


def test_a_rule_that_went_ends_if_it_was_active_and_one_that_came_starts_afresh(growing, cache):
    state = evaluated(growing, cache, RULES, None).state
    found = evaluated(growing, cache, (MOVED,), state)
    assert {(n.rule, n.fired, n.reason) for n in found.news} == {
        ("rho is low", False, Reason.REMOVED),
        ("many models", False, Reason.REMOVED),
    }
    assert found.state["rules"].keys() == {"agreement moved"}
    (back,) = evaluated(growing, cache, (MOVED, LOW), found.state).news
    assert (back.rule, back.reason) == ("rho is low", Reason.ADDED)


def test_a_board_of_the_past_that_comes_late_is_no_news(growing, cache):
    first, last = growing._all[2], growing._all[-1]
    everything, growing._all, growing.come = growing._all, (first, last), 2
    state = evaluated(growing, cache, RULES, None).state
    growing._all, growing.come = everything, len(everything)
    assert evaluated(growing, cache, RULES, state).news == ()


def test_a_state_of_something_else_is_refused(growing, cache):
    state = evaluated(growing, cache, DEFAULT_RULES, None).state
    for wrong in ({"schema": 2}, {"domain": "language"}):
        with pytest.raises(StoreError, match="the state of the alerts is of schema"):
            evaluate_alerts(Timeline(growing, "vision", cache=cache), DEFAULT_RULES, state | wrong)
