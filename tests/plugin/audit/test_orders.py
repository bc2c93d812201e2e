"""Changed orders, against a loop over all pairs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_plugin.audit.properties import order_changes, sign_change_share

# Gaps around the 1e-9 within which scores tie, large numbers, and scores that do not exist.
TINY = [k * 1e-10 for k in (0, 1, 4, 5, 6, 9, 10, 11, 15, 20)]
SCORES = st.sampled_from([*TINY, 0.1, 0.1 + 6e-10, 0.5, 1.0, -1.0, 1e5, 1e5 + 1e-9, 73840.5, np.nan])
SHIFTS = st.sampled_from([0.0, 0.0, 1e-10, 5e-10, 1e-9, -1e-9, 0.1, -0.4, 1.0, 1e5])


def sign(one, other):
    one, other = (-1e9 if np.isnan(x) else np.round(x, 9) for x in (one, other))
    return int(np.sign(one - other)) if one != other else 0


def by_all_pairs(base, altered, removed=None):
    """Changes in each row, and in how many rows each pair changes."""
    per_row, pairs = [], {}
    for k, row in enumerate(altered):
        count = 0
        for i, j in itertools.combinations(range(len(base)), 2):
            if removed is not None and removed[k] in (i, j):
                continue
            if sign(base[i], base[j]) != sign(row[i], row[j]):
                count += 1
                pairs[i, j] = pairs.get((i, j), 0) + 1
        per_row.append(count)
    return per_row, pairs


@st.composite
def alterations(draw, models=(1, 9), rows=(0, 6)):
    n, k = draw(st.integers(*models)), draw(st.integers(*rows))
    base = np.array(draw(st.lists(SCORES, min_size=n, max_size=n)))
    moves = draw(st.lists(st.lists(SHIFTS, min_size=n, max_size=n), min_size=k, max_size=k))
    altered = np.array(base + np.array(moves).reshape(k, n))
    if k and draw(st.booleans()):
        altered[draw(st.integers(0, k - 1)), draw(st.integers(0, n - 1))] = draw(SCORES)
    removed = draw(st.none() | st.lists(st.integers(0, n - 1), min_size=k, max_size=k))
    return base, altered, None if removed is None else np.array(removed, dtype=np.int64)


@settings(max_examples=150)
@given(alterations(), st.integers(0, 40))
def test_the_count_is_that_of_a_loop_over_all_pairs(case, named):
    base, altered, removed = case
    found = order_changes(base, altered, removed, fragile=named)
    per_row, pairs = by_all_pairs(base, altered, removed)
    assert found.per_alteration.tolist() == per_row
    expected = sorted(((*pair, times) for pair, times in pairs.items()), key=lambda p: (-p[2], p[0], p[1]))
    assert list(found.fragile) == expected[:named]


@pytest.mark.parametrize("seed", range(4))
def test_the_most_fragile_pairs_are_exact_among_many(seed):
    """Hundreds of pairs that change equally often, over many lags: positions decide, and none is lost."""
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 12, 40) / 10
    altered = base + rng.integers(-3, 4, (25, 40)) / 10
    removed = np.arange(25)
    per_row, pairs = by_all_pairs(base, altered, removed)
    expected = sorted(((*pair, times) for pair, times in pairs.items()), key=lambda p: (-p[2], p[0], p[1]))
    assert len({times for *_, times in expected[:10]}) < 10  # ties, or the order among them is not tested
    for named in (1, 3, 10, 200, 10_000):
        found = order_changes(base, altered, removed, fragile=named)
        assert list(found.fragile) == expected[:named]
        assert found.per_alteration.tolist() == per_row


def test_a_far_pair_changes_when_one_model_jumps_over_all():
    base = np.arange(50.0)
    altered = np.array([[*base[:-1], -1.0]])
    assert order_changes(base, altered).per_alteration.tolist() == [49]


def test_the_score_of_a_removed_model_counts_for_nothing():
    base = np.array([0.1, 0.2, 0.3])
    altered = np.array([[0.1, 99.0, 0.3], [0.1, np.nan, 0.3]])
    found = order_changes(base, altered, removed=np.array([1, 1]))
    assert found.per_alteration.tolist() == [0, 0]
    assert found.fragile == ()


def test_all_ties_stay_ties_and_a_broken_one_is_a_change():
    base = np.full(4, 0.5)
    altered = np.array([np.full(4, 0.2), [0.2, 0.2, 0.2, 0.3], [0.2, 0.2, 0.2, 0.2 + 4e-10]])
    assert order_changes(base, altered).per_alteration.tolist() == [0, 3, 0]


def test_no_alteration_and_no_pair():
    assert order_changes(np.array([1.0, 2.0]), np.empty((0, 2))).per_alteration.tolist() == []
    assert order_changes(np.array([1.0]), np.array([[2.0]])).per_alteration.tolist() == [0]
    assert order_changes(np.array([]), np.empty((3, 0))).per_alteration.tolist() == [0, 0, 0]
    assert sign_change_share(np.array([1.0]), np.array([[2.0], [3.0]])).tolist() == [0.0, 0.0]


@given(alterations(rows=(1, 5)))
def test_the_share_is_of_all_pairs(case):
    base, altered, _ = case
    pairs = len(base) * (len(base) - 1) // 2
    expected = [count / pairs if pairs else 0.0 for count in by_all_pairs(base, altered)[0]]
    assert sign_change_share(base, altered).tolist() == expected
