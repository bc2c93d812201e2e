"""Drivers of agreement against a regression written out, and against what was planted."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from brainalign_plugin.agreement.drivers import SCOPES, drivers
from brainalign_plugin.errors import InputError

METRIC = ["a", "a", "a", "b", "b", "b", "c", "c", "c", "c", "a", "b"]
REGION = ["V1", "V2", "IT", "V1", "V2", "IT", "V1", "V2", "IT", "V1", "V4", "V4"]
PAPERS = [f"P{k}" for k in (1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6)]


def matrix(metric=0.0, region=0.0, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    m = len(METRIC)
    rho = np.eye(m)
    for i, j in itertools.combinations(range(m), 2):
        value = 0.1 + metric * (METRIC[i] == METRIC[j]) + region * (REGION[i] == REGION[j])
        rho[i, j] = rho[j, i] = value + noise * rng.normal()
    return rho


def found(rho, scope="all", **properties):
    return drivers(rho, properties or {"metric": METRIC, "region": REGION}, PAPERS, scope, permutations=199)


def by_hand(rho, columns, pairs):
    """R² and coefficients of a regression on the intercept and these columns, by the normal equations."""
    x = np.array([[1.0, *(float(c[i] == c[j] is not None) for c in columns)] for i, j in pairs])
    y = np.array([rho[i, j] for i, j in pairs])
    slopes = np.linalg.solve(x.T @ x, x.T @ y)
    return 1 - ((y - x @ slopes) ** 2).sum() / ((y - y.mean()) ** 2).sum(), slopes


@pytest.mark.parametrize("scope", ["all", "inside"])
def test_shares_are_those_of_the_regression_with_and_without_a_property(scope):
    rho = matrix(metric=0.2, region=0.1)
    pairs = [p for p in itertools.combinations(range(len(METRIC)), 2) if scope == "all" or PAPERS[p[0]] == PAPERS[p[1]]]
    one = found(rho, scope)
    if scope == "inside":  # no two benchmarks of one paper share a region here
        assert [d.reason for d in one.drivers if d.properties == ("region",)] == ["no two benchmarks share it"]
    both, slopes = by_hand(rho, [METRIC, REGION] if scope == "all" else [METRIC], pairs)
    assert one.pairs == len(pairs)
    assert one.r2 == pytest.approx(both)
    alone = {"metric": by_hand(rho, [METRIC], pairs)[0], "region": 0.0}
    if scope == "all":
        alone["region"] = by_hand(rho, [REGION], pairs)[0]
    for k, (name, other) in enumerate((("metric", "region"), ("region", "metric"))[: len(slopes) - 1]):
        driver = next(d for d in one.drivers if d.properties == (name,))
        assert driver.r2 == pytest.approx(alone[name])
        assert driver.coefficient == pytest.approx(slopes[1 + k])
        assert driver.partial_r2 == pytest.approx((both - alone[other]) / (1 - alone[other]))


def test_the_permutation_test_is_that_of_every_order_of_the_benchmarks():
    # Five benchmarks have 120 orders; the share of those that reach the squared correlation is the p-value.
    metric, papers = ["a", "a", "b", "b", "b"], list("VWXYZ")
    rho = np.eye(5)
    pairs = list(itertools.combinations(range(5), 2))
    values = np.random.default_rng(3).normal(size=10)
    for (i, j), value in zip(pairs, values, strict=True):
        rho[i, j] = rho[j, i] = value + 0.8 * (metric[i] == metric[j])
    observed = by_hand(rho, [metric], pairs)[0]
    reached = [
        by_hand(rho, [[metric[k] for k in order]], pairs)[0] >= observed - 1e-12
        for order in itertools.permutations(range(5))
    ]
    one = drivers(rho, {"metric": metric}, papers, permutations=4999)
    assert one.p == pytest.approx(np.mean(reached), abs=0.02)
    assert one.drivers[0].p == pytest.approx(np.mean(reached), abs=0.02)


def test_the_planted_driver_is_found_and_the_other_is_not():
    one = found(matrix(region=0.4))
    assert one.drivers[0].properties == ("region",)
    assert one.drivers[0].p < 0.01 < one.drivers[1].p
    assert one.drivers[0].coefficient == pytest.approx(0.4, abs=0.08)


@pytest.mark.parametrize("scope", ["all", "across"])
def test_papers_alone_make_no_driver_of_what_their_benchmarks_share(scope):
    # Agreement differs between pairs of papers, and each paper has one metric.
    papers = np.repeat(np.arange(9), (6, 4, 3, 2, 2, 1, 1, 1, 1))
    first, second = np.triu_indices(len(papers), k=1)
    counted = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        between = rng.normal(0.1, 0.2, (9, 9))
        rho = np.eye(len(papers))
        rho[first, second] = between[papers[first], papers[second]] + 0.02 * rng.normal(size=len(first))
        metric, part = rng.integers(0, 3, 9)[papers].astype(str), rng.integers(0, 3, len(papers)).astype(str)
        one = drivers(
            rho, {"metric": metric, "part": part, "paper": papers.astype(str)}, papers.astype(str), scope, 99, seed
        )
        counted.append([d.p is not None and d.p <= 0.05 for d in sorted(one.drivers, key=lambda d: d.properties)][:1])
    assert np.mean(counted) <= 0.15  # 5 % is stated


def test_across_papers_a_paper_has_one_vote_for_each_of_its_properties():
    # Two copies of a benchmark count as one, with the mean of their correlations.
    rho = matrix(metric=0.3)
    twice = [*range(len(METRIC)), 0]
    doubled = rho[np.ix_(twice, twice)]
    wide = drivers(
        doubled,
        {"metric": [METRIC[i] for i in twice], "region": [REGION[i] for i in twice]},
        [PAPERS[i] for i in twice],
        "across",
        permutations=50,
    )
    once = found(rho, "across")
    assert (wide.units, wide.pairs) == (once.units, once.pairs) == (12, 59)
    assert wide.r2 == pytest.approx(once.r2)


def test_properties_of_the_same_pairs_are_one_driver():
    one = found(matrix(metric=0.3), metric=METRIC, kind=[{"a": 1, "b": 2, "c": 3}[x] for x in METRIC])
    assert [d.properties for d in one.drivers] == [("metric", "kind")]
    # One that follows from others has no part of its own, and is named with that reason.
    both = [f"{m}{r}" for m, r in zip(METRIC, REGION, strict=True)]
    assert all(d.reason is None for d in found(matrix(metric=0.3), metric=METRIC, region=REGION, both=both).drivers)


def test_unknown_correlations_are_left_out_and_unknown_properties_are_not_shared():
    rho = matrix(metric=0.3)
    rho[0, :] = rho[:, 0] = np.nan
    rest = list(range(1, len(METRIC)))
    without = drivers(rho[1:, 1:], {"metric": [METRIC[i] for i in rest]}, [PAPERS[i] for i in rest], permutations=99)
    with_it = drivers(rho, {"metric": METRIC}, PAPERS, permutations=99)
    assert with_it.pairs == without.pairs
    assert with_it.r2 == pytest.approx(without.r2)
    unknown = drivers(matrix(metric=0.3), {"metric": [None, *METRIC[1:]]}, PAPERS, permutations=9).drivers[0]
    assert unknown.unknown == 1
    assert unknown.shared == with_it.drivers[0].shared


def test_resamples_are_regressed_alike():
    rho, other = matrix(metric=0.3), matrix(metric=0.1, seed=5)
    first, second = np.triu_indices(len(rho), k=1)
    drawn = np.vstack([rho[first, second], other[first, second]])
    for scope in SCOPES:
        properties = {"metric": METRIC, "region": REGION}
        one = drivers(rho, properties, PAPERS, scope, permutations=9, resampled=drawn)
        two = drivers(other, properties, PAPERS, scope, permutations=9)
        assert one.drawn == pytest.approx([one.r2, two.r2])
        for driver in one.drivers:
            if driver.reason is None:
                same = next(d for d in two.drivers if d.properties == driver.properties)
                expected = [[driver.coefficient, driver.partial_r2], [same.coefficient, same.partial_r2]]
                np.testing.assert_allclose(driver.drawn, expected)


@pytest.mark.parametrize("m", [0, 1, 2, 3])
@pytest.mark.parametrize("scope", SCOPES)
def test_tiny_boards_have_a_reason(m, scope):
    one = drivers(np.eye(m), {"metric": ["a"] * m}, ["P1"] * m, scope, permutations=9)
    assert one.r2 is None
    assert one.p is None
    assert one.reason
    assert all(d.reason and d.partial_r2 is None for d in one.drivers)


def test_one_paper_has_no_pairs_across():
    one = drivers(matrix(), {"metric": METRIC}, ["P1"] * 12, "across", permutations=9)
    assert (one.pairs, one.reason) == (0, "too few pairs of benchmarks have a correlation")


def test_agreement_that_does_not_vary_has_no_driver():
    one = drivers(np.ones((12, 12)), {"metric": METRIC}, PAPERS, permutations=9)
    assert one.r2 is None
    assert "does not vary" in one.drivers[0].reason


def test_wrong_parameters():
    with pytest.raises(InputError, match="0 permutations"):
        drivers(np.eye(3), {}, ["A", "B", "C"], permutations=0)
    with pytest.raises(InputError, match="'outside'"):
        drivers(np.eye(3), {}, ["A", "B", "C"], "outside")
