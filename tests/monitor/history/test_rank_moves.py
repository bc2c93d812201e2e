"""Why a model's rank moved: known causes, sums, words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_monitor.history.attribution import STEPS
from brainalign_monitor.history.rank_moves import attribute_rank, rank_move_in_words
from brainalign_plugin.data.board import Board, Model
from brainalign_plugin.errors import InputError, SchemeError
from brainalign_plugin.schemes import rank_models
from tests.boards import board_of, small_tree
from tests.monitor.history.pairs import board_pairs


def lowered(earlier: Board) -> Board:
    """The board with five better models more, and two benchmarks on which its best model was never run."""
    scores = np.array(earlier.scores)
    scores[:, -2:] = 0.9
    scores[0, -2:] = np.nan
    states = np.where(np.isnan(scores), 0, 2)
    newcomers = tuple(Model(5000 + i, f"new{i}") for i in range(5))
    return replace(
        earlier,
        models=(*earlier.models, *newcomers),
        scores=np.vstack([scores, np.full((5, 6), 0.99)]),
        states=np.vstack([states, np.full((5, 6), 2)]),
        errors=np.full((len(scores) + 5, 6), np.nan),
    )


def test_a_fall_is_split_into_what_was_never_run_and_who_came():
    earlier = board_of([[0.6 - 0.01 * i] * 4 + ["", ""] for i in range(8)], small_tree())
    later = lowered(earlier)
    move = attribute_rank(earlier, later, earlier.models[0].id)
    assert (move.before, move.after) == (1, 13)
    assert move.parts == dict(zip(STEPS, (0, 0, 0, 7, 5), strict=True))
    assert set(move.never_ran) == set(later.leaves[-2:])
    words = rank_move_in_words(move)
    assert "fell 12 places under HIER, from 1 to 13: 7 by 2 benchmarks it never ran (" in words
    assert words.endswith("), 5 by 5 new models, above it now new0 (5000), new1 (5001), new2 (5002) and 2 more")


def test_a_rise_by_an_own_score_names_it():
    earlier = board_of([[0.5] * 6, [0.6] * 6, [0.2] * 5 + [""]])
    scores = np.array(earlier.scores)
    scores[2] = 0.9
    later = replace(earlier, scores=scores, states=np.full(scores.shape, 2))
    words = rank_move_in_words(attribute_rank(earlier, later, earlier.models[2].id, "FLAT"))
    assert "rose 2 places under FLAT, from 3 to 1: 2 by scores filled in, restated or removed, its own on" in words
    assert "and 3 more" in words


@given(board_pairs(), st.sampled_from(["HIER", "HIER_attempted", "FLAT", "RANK"]))
@settings(max_examples=25)
def test_places_sum_to_the_move(pair, scheme):
    earlier, later = pair
    for model in sorted(set(earlier.ids) & set(later.ids))[:2]:
        move = attribute_rank(earlier, later, model, scheme)
        before, after, parts = move.before, move.after, move.parts
        for board, rank in ((earlier, before), (later, after)):
            some = ~np.isnan(board.scores)
            if not some[board.ids.index(model)].any():
                assert rank is None
                continue
            scored = board.take(
                rows=np.flatnonzero(some.any(axis=1)).tolist(), columns=np.flatnonzero(some.any(axis=0)).tolist()
            )
            assert rank == rank_models(scored, scheme).by_id()[model]
        if parts is not None:
            assert sum(parts.values()) == pytest.approx(after - before, abs=1e-9)
        assert str(model) in rank_move_in_words(move)


def test_a_model_of_one_board_alone_has_no_move():
    board = board_of([[0.5] * 6, [0.6] * 6])
    with pytest.raises(InputError, match="model 7 is not on the earlier board"):
        attribute_rank(board, board, 7)
    with pytest.raises(SchemeError, match="NO_SUCH"):
        attribute_rank(board, board, board.models[0].id, "NO_SUCH")
