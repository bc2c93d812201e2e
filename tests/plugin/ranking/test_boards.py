"""The boards that schemes are compared on: the full one is the leaderboard's own."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import assume, given, settings

from brainalign_monitor.sources.payload import parse_payload
from brainalign_plugin.certainty.rank import rank_schemes
from brainalign_plugin.errors import BoardError, InputError
from brainalign_plugin.files.reference import given_board
from brainalign_plugin.ranking.boards import compared_board
from brainalign_plugin.schemes import get_scheme
from brainalign_plugin.schemes.registry import fill_missing
from tests.boards import day, small_tree, snapshot_of, snapshots


@pytest.fixture(scope="module")
def payloads(shared_site):
    return {
        path.name: parse_payload(path.read_bytes(), path.name, day(0)).snapshot
        for path in sorted(shared_site.glob("compare-data-*.json.gz"))
    }


def test_hier_on_the_full_board_is_the_published_aggregate(payloads):
    """Recomputed by the site's rules, with the benchmarks that nobody had a score on at the time."""
    empty = 0
    for name, snapshot in payloads.items():
        full = compared_board(snapshot, "full").board
        empty += int((~full.scored_leaves).sum())
        scores = get_scheme("HIER").scores(fill_missing(full, "zero"))
        official = dict(zip(snapshot.board().ids, snapshot.official().at(snapshot.root), strict=True))
        np.testing.assert_allclose(scores, [official[i] for i in full.ids], atol=1e-12, err_msg=name)
    assert empty > 40


@settings(max_examples=25)
@given(snapshots())
def test_hier_on_any_full_board_is_the_official_aggregate(snapshot):
    """Whatever the tree: empty groups, benchmarks without an instance, benchmarks that all models failed."""
    try:
        full = compared_board(snapshot, "full").board
    except BoardError:
        assume(False)
    official = dict(zip((m.id for m in snapshot.models), snapshot.official().at(snapshot.root), strict=True))
    scores = get_scheme("HIER").scores(fill_missing(full, "zero"))
    np.testing.assert_allclose(scores, [official[i] for i in full.ids], atol=1e-12)


def test_all_schemes_cope_with_benchmarks_that_nobody_has_a_score_on(payloads):
    snapshot = payloads["compare-data-2022-07-01.json.gz"]
    compared, reference = compared_board(snapshot, "full"), given_board(snapshot)
    assert not compared.board.scored_leaves.all()
    dear = ("KEMENY", "BT", "PL", "FACTOR1", "SCHULZE")
    from brainalign_plugin.schemes import scheme_names

    for one in rank_schemes(compared, reference, [n for n in scheme_names() if n not in dear]):
        assert one.ranking is not None, one.problem
        assert np.isfinite(one.ranking.scores).all(), one.scheme.name


def test_boards_that_cannot_be_compared_are_named():
    tree = small_tree()
    one_model = snapshot_of(tree, [[0.5] * len(tree.leaves())])
    for kind in ("cleaned", "full"):
        with pytest.raises(BoardError, match=rf"the {kind} board has 1 model on \d benchmarks, too few"):
            compared_board(one_model, kind)
    with pytest.raises(InputError, match=re.escape("the board is 'clean'; known are cleaned and full")):
        compared_board(one_model, "clean")
