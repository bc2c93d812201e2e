"""Verdicts: changed, unchanged or insufficient, with a bounded chance of a false change."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from brainalign_monitor.history.drift import TESTED, Difference, Verdict, paired_differences, spent, verdicts
from brainalign_monitor.history.figures import FIGURES, headline_figures
from tests.boards import board_of_matrix, unrelated
from tests.commands import brainalign


def drawn(models: int, seed: int, shared: float = 0.1):
    random = np.random.default_rng(seed)
    ability = random.normal(size=(models, 1))
    return np.clip(0.5 + shared * ability + 0.1 * random.normal(size=(models, 6)), 0, 1)


def compared(one, other):
    return paired_differences(unrelated(one), unrelated(other), (one.leaves, other.leaves), 200, 0)


def test_differences_are_those_of_the_shared_models_and_leaves():
    scores = drawn(40, 1)
    earlier = board_of_matrix(scores)
    later_scores = np.array(scores)
    later_scores[:, 0] = drawn(40, 2)[:, 0]
    later_scores[3, 2] = np.nan
    later = board_of_matrix(later_scores)
    found = paired_differences(unrelated(earlier), later, (earlier.leaves, later.leaves[:5]), 200, 0)
    rows = [i for i in range(40) if i != 3]
    for name in TESTED:
        before, after = (headline_figures(b.take(rows=rows, columns=range(5)))[name] for b in (earlier, later))
        assert found[name].delta == (None if before is None else pytest.approx(after - before, abs=1e-12))
        assert (found[name].models, found[name].benchmarks) == (39, 5)
    rho = found["mean_rho"]
    assert rho.interval[0] <= rho.delta <= rho.interval[1]


def test_equal_cells_did_not_change_whatever_came_beside_them():
    scores = drawn(40, 1)
    earlier, later = board_of_matrix(scores[:30]), board_of_matrix(scores)
    found = compared(earlier, later)
    assert {difference.p for difference in found.values()} == {1.0}
    assert {difference.delta for difference in found.values()} == {0.0}


def sequence(boards, min_overlap=20):
    once = cache(lambda i, j: compared(boards[i], boards[j]))
    return verdicts(len(boards), once, min_overlap=min_overlap)


def test_a_planted_change_is_found_once_and_at_its_place():
    scores = drawn(80, 3, shared=0.15)
    shuffled = np.array(scores)
    for j in range(6):
        shuffled[:, j] = np.random.default_rng(j).permutation(shuffled[:, j])
    before, after = board_of_matrix(scores), board_of_matrix(shuffled)
    steps = [step for step in sequence([before, before, after, after]) if step.figure == "mean_rho"]
    assert [step.verdict for step in steps] == [Verdict.UNCHANGED, Verdict.CHANGED, Verdict.UNCHANGED]
    assert [(step.earlier, step.later) for step in steps] == [(0, 1), (0, 2), (2, 3)]


def test_too_few_shared_models_are_insufficient():
    boards = [board_of_matrix(drawn(19, seed)) for seed in (1, 2)]
    assert {step.verdict for step in sequence(boards)} == {Verdict.INSUFFICIENT}
    assert {step.verdict for step in sequence(boards, min_overlap=19)} != {Verdict.INSUFFICIENT}


def test_a_small_first_board_is_not_the_reference_for_ever():
    scores = drawn(60, 3)
    boards = [board_of_matrix(scores[:many]) for many in (5, 10, 40, 60)]
    steps = [step for step in sequence(boards) if step.figure == "mean_rho"]
    assert [(step.earlier, step.verdict) for step in steps] == [
        (0, Verdict.INSUFFICIENT),
        (0, Verdict.INSUFFICIENT),
        (2, Verdict.UNCHANGED),
    ]
    # One sparse board between two good ones takes nobody's place.
    steps = [step for step in sequence([boards[2], boards[0], boards[3]]) if step.figure == "mean_rho"]
    assert [(step.earlier, step.later) for step in steps] == [(0, 1), (0, 2)]


def test_a_slow_drift_adds_up():
    values = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]

    def difference(i, j):
        delta = values[j] - values[i]
        p = float(np.exp(-40 * delta))
        return {name: Difference(values[i], values[j], (delta, delta), p, 50, 5) for name in TESTED}

    steps = [step for step in verdicts(len(values), difference) if step.figure == "mean_rho"]
    assert [step.verdict for step in steps].count(Verdict.CHANGED) >= 1
    assert steps[0].verdict is Verdict.UNCHANGED


def test_all_levels_together_stay_below_alpha():
    assert sum(spent(t) for t in range(1, 100_000)) * len(TESTED) == pytest.approx(0.05, abs=1e-5)


def test_noise_is_rarely_called_a_change():
    """Repeated measurements with the same noise on every board: a change would be a false one."""
    wrong = 0
    for seed in range(10):
        truth = drawn(60, seed)
        random = np.random.default_rng(1000 + seed)
        boards = [board_of_matrix(np.clip(truth + 0.03 * random.normal(size=truth.shape), 0, 1)) for _ in range(5)]
        wrong += any(step.verdict is Verdict.CHANGED for step in sequence(boards))
    assert wrong <= 2


def test_drift_names_the_restatement_that_was_seen(shared_past):
    record = brainalign("drift", "--json", home=shared_past).succeeded().json
    changed = [v for v in record["verdicts"] if v["verdict"] == "changed"]
    assert changed
    assert {v["from"][:10] for v in changed} <= {"2021-07-01"}
    assert {v["to"][:10] for v in changed} == {"2022-02-01"}
    assert any("restated" in v["words"] for v in changed)
    for verdict in record["verdicts"]:
        assert verdict["verdict"] != "changed" or verdict["p"] < verdict["alpha"]
    text = brainalign("drift", "--figure", changed[0]["figure"], home=shared_past).succeeded().out
    assert "changed between 2021-07-01 and 2022-02-01" in text
    few = brainalign("drift", "--json", "--min-overlap", "500", home=shared_past).succeeded().json
    assert {v["verdict"] for v in few["verdicts"]} == {"insufficient"}


def test_restated_scores_are_named_whatever_the_test_says(shared_past):
    record = brainalign("drift", "--json", home=shared_past).json["verdicts"]
    last = [v for v in record if v["to"][:10] == "2022-03-15" and v["verdict"] != "changed" and v["delta"]]
    assert last
    text = brainalign("drift", home=shared_past).out
    for verdict in last:
        assert (
            f"{FIGURES[verdict['figure']]} changed by {verdict['delta']:+.4g} on the same {verdict['models']} models"
            in text
        )
