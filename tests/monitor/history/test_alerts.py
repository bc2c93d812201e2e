"""Alert rules: when they fire, end, and hold; their configuration; what would have fired."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainalign_monitor.history.alerts import (
    DEFAULT_RULES,
    Condition,
    Observation,
    Rule,
    RuleTest,
    Standing,
    event_in_words,
    failed_tests,
    follow,
)
from brainalign_monitor.history.panels import new_share
from brainalign_plugin.certainty.figures import possible
from brainalign_plugin.data.board import Model
from brainalign_plugin.errors import InputError
from brainalign_plugin.files.snapshot_file import snapshot_bytes
from tests.boards import board_of_matrix, day, small_tree, snapshot_of
from tests.commands import brainalign


def seen(low: float, value: float, high: float, models: int = 50) -> Observation:
    return Observation(value, low, high, models)


def told(rule: Rule, observations) -> list[tuple[str, int]]:
    _, events = follow(rule, enumerate(observations))
    return [("fired" if event.fired else "ended", event.at) for event in events]


ABOVE = Rule("high", "mean_rho", Condition.ABOVE, bound=0.5, resolve=0.4, versions=2)
OUT, TOUCHING, BETWEEN, BACK = (seen(0.51, 0.6, 0.7), seen(0.49, 0.6, 0.7), seen(0.4, 0.45, 0.6), seen(0.3, 0.39, 0.6))


def test_it_fires_once_when_the_interval_clears_the_bound_for_long_enough():
    assert told(ABOVE, [OUT, OUT, OUT, OUT]) == [("fired", 1)]
    assert told(ABOVE, [OUT, TOUCHING, OUT, OUT]) == [("fired", 3)], "a value beyond is not an interval beyond"
    assert told(ABOVE, [OUT]) == []


def test_it_ends_once_at_a_bound_of_its_own_and_may_fire_again():
    assert told(ABOVE, [OUT, OUT, BETWEEN, BETWEEN, BACK, BACK]) == [("fired", 1), ("ended", 4)]
    assert told(ABOVE, [OUT, OUT, BACK, OUT, OUT]) == [("fired", 1), ("ended", 2), ("fired", 4)]


def test_missing_data_change_nothing():
    few = seen(0.1, 0.2, 0.3, models=19)
    assert told(ABOVE, [OUT, None, OUT]) == [("fired", 2)], "the streak is not broken"
    assert told(ABOVE, [OUT, OUT, None, few, None]) == [("fired", 1)], "and what is active stays so"


def test_below_and_outside():
    below = Rule("low", "mean_rho", Condition.BELOW, bound=0.2, resolve=0.3, versions=1)
    assert told(below, [seen(0, 0.1, 0.21), seen(0, 0.1, 0.19), seen(0, 0.25, 1), seen(0, 0.3, 1)]) == [
        ("fired", 1),
        ("ended", 3),
    ]
    outside = Rule("moved", "mean_rho", Condition.OUTSIDE, bound=0.1, versions=1)
    assert told(outside, [seen(-0.3, -0.2, -0.11), seen(-0.1, 0, 0.1), seen(0.11, 0.2, 0.3)]) == [
        ("fired", 0),
        ("ended", 1),
        ("fired", 2),
    ]


@given(st.lists(st.none() | st.sampled_from([OUT, TOUCHING, BETWEEN, BACK])), st.integers(1, 4))
def test_fired_and_ended_take_turns(observations, versions):
    rule = Rule("high", "mean_rho", Condition.ABOVE, bound=0.5, resolve=0.4, versions=versions)
    kinds = [kind for kind, _ in told(rule, observations)]
    assert kinds == ["fired", "ended"] * (len(kinds) // 2) + ["fired"] * (len(kinds) % 2)


@given(st.lists(st.none() | st.sampled_from([OUT, TOUCHING, BETWEEN, BACK])), st.data())
def test_a_history_in_pieces_ends_where_the_whole_does(observations, data):
    versions = list(enumerate(observations))
    at = data.draw(st.integers(0, len(versions)))
    middle, first = follow(ABOVE, versions[:at])
    end, second = follow(ABOVE, versions[at:], middle)
    assert (end, [*first, *second]) == follow(ABOVE, versions)


def test_an_event_knows_what_it_came_after():
    standing, events = follow(ABOVE, enumerate([BETWEEN, OUT, None, OUT, BETWEEN, BACK, OUT]))
    assert [(event.at, event.before) for event in events] == [(3, 0), (5, 4)]
    assert standing == Standing(active=False, streak=1, since=None, before=5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"figure": "rho"}, "figures are models"),
        ({"resolve": 0.6}, "further out"),
        ({"versions": 0}, "at least 1"),
        ({"bound": float("nan")}, "finite"),
        ({"condition": Condition.OUTSIDE, "bound": -1.0, "resolve": -2.0}, "not negative"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(changes, said):
    fields = {"name": "x", "figure": "mean_rho", "condition": Condition.ABOVE, "bound": 0.5}
    with pytest.raises(InputError, match=said):
        Rule(**(fields | changes))


def test_default_rules_hold_their_own_tests():
    assert all(rule.tests for rule in DEFAULT_RULES)
    assert [failed_tests(rule) for rule in DEFAULT_RULES] == [[]] * len(DEFAULT_RULES)


def test_a_rule_that_fails_its_test_says_how():
    rule = Rule("high", "mean_rho", Condition.ABOVE, 0.5, versions=1, tests=(RuleTest((0.4, 0.6), fired=(0,)),))
    assert failed_tests(rule) == ["high, test 1: fires at [1], not at [0], of [0.4, 0.6]"]


RULES = """
max_missing = 0.5

[[alerts]]
name = "rho is low"
figure = "mean_rho"
condition = "below"
bound = 0.9
versions = 2
min_overlap = 3
[[alerts.tests]]
values = [[0.1, 0.2, 0.3], "missing", 0.95, [0.1, 0.2, 0.3], 0.2]
fired = [4]

[[alerts]]
name = "agreement moved"
figure = "sd_neural"
on = "change"
condition = "outside"
bound = 0.0
versions = 1
min_overlap = 3
"""


@pytest.fixture
def configured(shared_past: Path, tmp_path: Path) -> Path:
    home = Path(shutil.copytree(shared_past, tmp_path / "home"))
    (home / "brainalign.toml").write_text(RULES)
    return home


def test_rules_of_the_configuration(configured):
    listed = brainalign("alerts", "list", "--json", home=configured).succeeded().json
    assert [rule["name"] for rule in listed] == ["rho is low", "agreement moved"]
    assert "rho is low: level of mean_rho below 0.9 for 2" in brainalign("alerts", "list", home=configured).out
    assert brainalign("alerts", "test", home=configured).succeeded().out == "1 test of 2 rules passed\n"


def test_what_would_have_fired_over_the_history(configured):
    events = brainalign("alerts", "backtest", "--json", home=configured).succeeded().json
    # The first board has none before it, and the level needs two versions.
    assert [(e["rule"], e["event"], e["as_of"][:10]) for e in events if e["rule"] == "rho is low"] == [
        ("rho is low", "fired", "2021-09-01")
    ]
    moved = [(e["event"], e["as_of"][:10]) for e in events if e["rule"] == "agreement moved"]
    assert moved == [("fired", "2022-02-01"), ("ended", "2022-03-15")], "the restatement, and nothing else"
    text = brainalign("alerts", "backtest", home=configured).succeeded().out
    assert "2 rules over 9 data versions: 3 events" in text
    assert "agreement moved firing: change of standard deviation of neural scores" in text
    moved = next(e for e in events if e["rule"] == "agreement moved")
    assert "restated" in moved["attribution"]
    assert moved["attribution"] in text


@pytest.mark.parametrize("restated", [True, False])
def test_a_restatement_that_moves_the_mean_correlation_fires_a_default_alert(tmp_path, restated):
    random = np.random.default_rng(4)
    scores = 0.5 + 0.08 * random.normal(size=(60, 1)) + 0.05 * random.normal(size=(60, 7))
    models = tuple(Model(i + 1, f"{'abcdefghijklmno'[i // 4]}net_{i}") for i in range(60))
    home = tmp_path / "home"
    for number in (8, 9):
        board = snapshot_of(small_tree(), scores.clip(0, 1).round(3).tolist(), models=models, as_of_time=day(number))
        path = tmp_path / f"{number}.snapshot.json.gz"
        path.write_bytes(snapshot_bytes(replace(board, sha256=f"{number}" * 64)))
        brainalign("fetch", path, home=home).succeeded()
        if restated:
            scores[:, :3] = random.permuted(scores[:, :3], axis=0)
        else:
            scores[:3, 0] += 0.001
    events = brainalign("alerts", "backtest", "--json", home=home).succeeded().json
    found = [event for event in events if event["rule"] == "scores were restated and agreement moved"]
    assert [event["event"] for event in found] == ["fired"] * restated
    assert all("restated" in event["attribution"] for event in found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[alerts]]\nname = "x"\n', "Field required"),
        (RULES.replace('"below"', '"under"'), "'above', 'below' or 'outside'"),
        (RULES.replace("versions = 2", "version = 2"), "alerts.0.version"),
        (RULES.replace("mean_rho", "rho"), "figures are models"),
        (RULES.replace("agreement moved", "rho is low"), "have the name 'rho is low'"),
        ("alerts = 3\n", "alerts"),
    ],
)
def test_wrong_rules_are_refused_by_name(tmp_path, text, said):
    (tmp_path / "brainalign.toml").write_text(text)
    ended = brainalign("alerts", "list", home=tmp_path)
    assert ended.code == 3
    assert said in ended.problem


def test_a_failed_test_of_a_rule_ends_the_command(tmp_path):
    (tmp_path / "brainalign.toml").write_text(RULES.replace("fired = [4]", "fired = [1]"))
    ended = brainalign("alerts", "test", home=tmp_path)
    assert ended.code == 8
    assert "rho is low, test 1: fires at [4], not at [1]" in ended.problem


def test_events_are_told_with_what_was_seen():
    _, (event,) = follow(ABOVE, enumerate([OUT, OUT]))
    assert event_in_words(event) == (
        "high firing: mean rank correlation of two benchmarks is above 0.5 (0.600 [0.510, 0.700])"
    )


def test_rules_on_a_level_see_wider_intervals():
    assert Observation.of_level("mean_rho", 0.2, (0.1, 0.24), 50, 0.5) == Observation(
        0.2, pytest.approx(0.2 - 1.75 * 0.1), pytest.approx(0.2 + 1.75 * 0.04), 50, 0.5
    )


@pytest.mark.parametrize(
    ("figure", "value", "interval", "ends"),
    [
        ("r2_behavior", 0.962, (0.941, 0.985), (0.962 - 1.75 * 0.021, 1.0)),
        ("negative_share", 0.02, (0.0, 0.03), (0.0, 0.02 + 1.75 * 0.01)),
        ("mean_rho", -0.9, (-0.99, -0.5), (-1.0, -0.9 + 1.75 * 0.4)),
        ("cross_rho", 0.9, (0.5, 0.99), (0.9 - 1.75 * 0.4, 1.0)),
        ("sd_neural", 0.02, (0.001, 0.05), (0.0, 0.02 + 1.75 * 0.03)),
        ("models", 200.0, (200.0, 200.0), (200.0, 200.0)),
    ],
)
def test_what_rules_see_stays_within_what_the_figure_can_be(figure, value, interval, ends):
    seen = Observation.of_level(figure, value, interval, 50)
    assert (seen.low, seen.high) == pytest.approx(ends)
    least, most = possible(figure)
    assert least <= seen.low <= seen.value <= seen.high <= most


def test_a_board_that_shares_nearly_all_cells_with_the_one_before_confirms_nothing():
    rule = Rule("low", "mean_rho", Condition.BELOW, bound=0.25, versions=2)

    def fired(*news):
        seen = [(k, Observation(0.1, 0.05, 0.2, 50, new)) for k, new in enumerate(news)]
        return [event.at for event in follow(rule, seen)[1]]

    assert fired(1.0, 0.02, 0.02, 0.0) == []
    assert fired(1.0, 0.02, 0.3) == [2]
    # Small parts add up to a tenth.
    assert fired(1.0, 0.04, 0.04, 0.04) == [3]
    one, _ = follow(rule, [(0, Observation(0.1, 0.05, 0.2, 50)), (1, Observation(0.1, 0.05, 0.2, 50, 0.06))])
    assert [e.at for e in follow(rule, [(2, Observation(0.1, 0.05, 0.2, 50, 0.06))], one)[1]] == [2]


def test_new_cells_are_those_that_the_earlier_board_lacks_or_has_otherwise():
    earlier = board_of_matrix(np.full((4, 6), 0.5))
    scores = np.full((4, 6), 0.5)
    scores[0, 0] = 0.7
    later = board_of_matrix(scores)
    assert new_share(earlier, earlier) == 0
    assert new_share(earlier, later) == pytest.approx(1 / 24)
    assert new_share(earlier.take(rows=[0, 1]), later) == pytest.approx(13 / 24)
    assert new_share(earlier.take(columns=[1]), later) == pytest.approx(20 / 24)
