"""What rules for missing cells move, against two rankings compared by pandas."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from brainalign_plugin.analysis import analyse
from brainalign_plugin.audit.audit import COMPLETE, convention_moves
from brainalign_plugin.audit.study import Limits, study_schemes
from brainalign_plugin.certainty.rank import Resampling
from brainalign_plugin.files.reference import given_board
from brainalign_plugin.ranking.boards import compared_board
from brainalign_plugin.schemes import get_scheme, rank_models, scheme_names
from tests.boards import Cell, drawn_board, small_tree, snapshot_of


def test_a_move_is_that_between_two_rankings():
    rng = np.random.default_rng(0)
    seen = set()
    for digits in (1, 2):
        rows: list[list[Cell]] = np.round(rng.random((8, 7)), digits).tolist()
        rows[int(rng.integers(8))][int(rng.integers(6))] = "X"
        rows[int(rng.integers(8))][int(rng.integers(6))] = ""
        analysis = analyse(snapshot_of(small_tree(), rows))
        full, reference = compared_board(analysis.snapshot, "full").board, given_board(analysis.snapshot)
        found = convention_moves(full, reference, cleaned=analysis.cleaning.board)
        for move in found.moves:
            base = rank_models(full, move.scheme, reference=reference)
            board, rule = (analysis.cleaning.board, None) if move.other == COMPLETE else (full, move.other)
            other = rank_models(board, move.scheme, rule, reference=reference)
            scores = pd.Series(np.round(base.scores, 9), index=list(base.ids)).loc[list(other.ids)]
            before = scores.rank(ascending=False, method="min")
            after = pd.Series(other.ranks, index=list(other.ids))
            shift = (after - before).abs()
            assert move.mean_shift == shift.mean()
            assert move.model == min(shift.index[shift == shift.max()])
            assert (move.rank, move.other_rank) == (before[move.model], after[move.model])
            seen.add((move.scheme, move.other))
    assert {scheme for scheme, other in seen if other == COMPLETE} > {"HIER", "RANK", "COPELAND", "REF_NORMAL"}


LARGE = drawn_board(4, 40, 6)


def studied(**limits):
    analysis = analyse(snapshot_of(LARGE.tree, LARGE.scores.tolist()))
    return study_schemes(analysis, resampling=Resampling(resamples=20), limits=Limits(**limits))


def test_what_takes_more_memory_than_the_limit_is_left_out_by_name():
    whole, small, none = studied(), studied(memory=60_000), studied(memory=1)
    assert all(one.ranking is not None for one in whole.schemes)
    assert whole.names == small.names
    missing = {one.scheme.name: one.problem for one in small.schemes if one.ranking is None}
    assert {"BT", "KEMENY", "SCHULZE"} <= set(missing)
    assert "HIER" not in missing
    assert missing["BT"].startswith("left out, because it takes about 0.0 GB on 40 models × 6 benchmarks")
    # What is ranked is not audited, because that takes matrices of models by models.
    hier = next(audit for audit in small.audits if audit.scheme.name == "HIER")
    assert (hier.removal, hier.pareto) == (None, None)
    assert hier.problem.startswith("no properties are measured, because that takes about")
    assert [one.scheme.name for one in none.schemes if one.ranking is not None] == ["HIER"]


def test_after_its_time_a_study_names_what_is_missing():
    ticks = itertools.count()
    some = studied(seconds=4, clock=lambda: float(next(ticks)))
    ranked = [one.scheme.name for one in some.schemes if one.ranking is not None]
    assert ranked == list(some.names[: len(ranked)])
    assert 1 < len(ranked) < 6
    assert {one.problem for one in some.schemes[len(ranked) :]} == {
        "left out, because the study had reached its limit of 4 seconds"
    }
    assert [audit.scheme.name for audit in some.audits] == ranked
    never = studied(seconds=0)
    assert [one.scheme.name for one in never.schemes if one.ranking is not None] == ["HIER"]


@pytest.mark.parametrize("name", scheme_names())
def test_a_scheme_takes_no_more_memory_than_it_says(name):
    scheme = get_scheme(name)
    for models, leaves in ((40 if scheme.effort == "optimum" else 120, 12), (20, 60)):
        board = drawn_board(1, models, leaves)
        if scheme.needs_norms:
            continue
        scheme.scores(drawn_board(1, 20, 6))  # what is loaded on first use is no part of it
        tracemalloc.start()
        scheme.scores(board)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= scheme.memory(models, leaves) + 200_000
