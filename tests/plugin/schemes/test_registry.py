"""The registry, and the five schemes of every report against naive loops."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from brainalign_plugin.analysis import REPORTED_SCHEMES
from brainalign_plugin.errors import BoardError, SchemeError
from brainalign_plugin.schemes import CONVENTIONS, get_scheme, rank_models, register, registry, scheme_names
from brainalign_plugin.schemes.scaling import Scale
from tests.boards import FAILED, board_of, boards, small_tree, snapshot_of, tree_of

OWN_CONVENTION = {"HIER": "zero", "HIER_attempted": "attempted", "FLAT": "skip", "ZMEAN": "skip", "RANK": "worst"}


def filled(board, convention):
    """Columns as lists, with each missing cell filled or None, by the words of the convention."""
    columns = []
    for j in range(len(board.leaves)):
        column = [None if math.isnan(x) else x for x in board.scores[:, j].tolist()]
        known = [x for x in column if x is not None]
        for i, x in enumerate(column):
            if x is None:
                failed = board.states[i, j] == FAILED
                column[i] = {
                    "zero": 0.0,
                    "attempted": 0.0 if failed else None,
                    "skip": None,
                    "worst": min(known) - 1e-6 if known else None,
                    "mean": sum(known) / len(known) if known else None,
                }[convention]
        columns.append(column)
    return columns


def unchanged(column):
    return column


def z_column(column):
    known = [x for x in column if x is not None]
    if len({np.round(x, 9) for x in known}) < 2:
        return [None if x is None else 0.0 for x in column]
    mean = sum(known) / len(known)
    sd = math.sqrt(sum((x - mean) ** 2 for x in known) / (len(known) - 1))
    return [None if x is None else (x - mean) / sd for x in column]


def rank_column(column):
    keys = [None if x is None else np.round(x, 9) for x in column]
    known = [k for k in keys if k is not None]
    below = {k: sum(other < k for other in known) for k in known}
    same = {k: sum(other == k for other in known) for k in known}
    return [None if k is None else below[k] + (same[k] + 1) / 2 for k in keys]


def flat_mean(board, columns, row):
    known = [column[row] for column in columns if column[row] is not None]
    return sum(known) / len(known) if known else None


def tree_mean(board, columns, row, type_id="average_vision"):
    if type_id in board.leaves:
        return columns[board.leaves.index(type_id)][row]
    below = [tree_mean(board, columns, row, n.type_id) for n in board.tree.nodes if n.parent == type_id]
    known = [x for x in below if x is not None]
    return sum(known) / len(known) if known else None


NAIVE = {
    "HIER": (unchanged, tree_mean),
    "HIER_attempted": (unchanged, tree_mean),
    "FLAT": (unchanged, flat_mean),
    "ZMEAN": (z_column, flat_mean),
    "RANK": (rank_column, flat_mean),
}


def naive_scores(board, name, convention):
    scale, combine = NAIVE[name]
    columns = [scale(column) for column in filled(board, convention)]
    return [combine(board, columns, row) for row in range(len(board.models))]


def test_every_reported_scheme_has_a_naive_twin():
    assert set(NAIVE) == set(OWN_CONVENTION) == set(REPORTED_SCHEMES)


@pytest.mark.parametrize("name", NAIVE)
@given(board=boards(models=(1, 7)), convention=st.sampled_from(sorted(CONVENTIONS)))
def test_a_scheme_agrees_with_a_naive_loop(name, board, convention):
    assume(board.leaves)
    expected = naive_scores(board, name, convention)
    if None in expected:
        nameless = board.models[expected.index(None)]
        with pytest.raises(BoardError, match=re.escape(f"model {nameless.id} ({nameless.name!r}) no score")):
            rank_models(board, name, convention)
        return
    ranking = rank_models(board, name, convention)
    np.testing.assert_allclose(ranking.scores, expected, rtol=1e-9, atol=1e-9)
    assert ranking.scheme == name
    assert ranking.convention == ("complete" if board.complete else convention)
    assert ranking.ids == board.ids
    # On the scheme's own scores, because two sums of the same numbers may differ by more than a tie allows.
    keys = np.round(ranking.scores, 9).tolist()
    assert ranking.ranks.tolist() == [1 + sum(other > key for other in keys) for key in keys]
    assert ranking.by_id() == dict(zip(board.ids, ranking.ranks.tolist(), strict=True))


@pytest.mark.parametrize("name", NAIVE)
@settings(max_examples=15)
@given(board=boards(models=(1, 5)))
def test_a_schemes_own_convention_is_the_default(name, board):
    assume(board.leaves)
    if None in naive_scores(board, name, OWN_CONVENTION[name]):
        with pytest.raises(BoardError):
            rank_models(board, name)
    else:
        default, named = rank_models(board, name), rank_models(board, name, OWN_CONVENTION[name])
        assert default.scores.tolist() == named.scores.tolist()
        assert default.convention == named.convention


@pytest.mark.parametrize("name", NAIVE)
@settings(max_examples=15)
@given(board=boards(models=(1, 6), missing=False), data=st.data())
def test_the_order_of_models_does_not_matter(name, board, data):
    assume(board.leaves)
    order = data.draw(st.permutations(range(len(board.models))))
    one, other = rank_models(board, name), rank_models(board.take(order), name)
    scores = dict(zip(other.ids, other.scores, strict=True))
    np.testing.assert_allclose([scores[i] for i in one.ids], one.scores, rtol=1e-9, atol=1e-9)


CELLS = st.floats(0, 1) | st.sampled_from(["X", "", 0.0, 1.0, 0.5])


@given(st.lists(st.lists(CELLS, min_size=7, max_size=7), min_size=1, max_size=5))
def test_hier_is_the_official_aggregate(rows):
    snapshot = snapshot_of(small_tree(), rows)
    official = snapshot.official().at("average_vision")
    ranking = rank_models(snapshot.board(), "HIER")
    # What is FAILED or NEVER as a whole has no official score, and 0 under HIER.
    np.testing.assert_allclose(ranking.scores, np.nan_to_num(official, nan=0.0), atol=1e-12)


def test_a_board_worked_out_by_hand():
    tree = tree_of({"average_vision": {"neural_vision": {"n1": None, "n2": None}, "behavior_vision": {"b": None}}})
    board = board_of([[0.2, 0.4, 0.9], [0.4, 0.4, "X"], [0.6, "", 0.1]], tree)
    third = 1 / 3
    expected = {
        ("HIER", "zero"): [0.6, 0.2, 0.2],
        ("HIER_attempted", "attempted"): [0.6, 0.2, 0.35],
        ("HIER", "skip"): [0.6, 0.4, 0.35],
        ("FLAT", "skip"): [0.5, 0.4, 0.35],
        ("FLAT", "zero"): [0.5, 0.8 * third, 0.7 * third],
        ("FLAT", "attempted"): [0.5, 0.8 * third, 0.35],
        ("FLAT", "mean"): [0.5, 1.3 * third, 1.1 * third],
        # Two scored on b: z = ±sqrt(1/2); n1: -1, 0, 1; n2 is constant.
        ("ZMEAN", "skip"): [(-1 + 0 + math.sqrt(0.5)) * third, 0.0, (1 - math.sqrt(0.5)) / 2],
        # A missing score ranks below every score, whether FAILED or NEVER.
        ("RANK", "worst"): [(1 + 2.5 + 3) * third, (2 + 2.5 + 1) * third, (3 + 1 + 2) * third],
        ("RANK", "skip"): [(1 + 1.5 + 2) * third, (2 + 1.5) / 2, (3 + 1) / 2],
    }
    for (name, convention), scores in expected.items():
        assert rank_models(board, name, convention).scores == pytest.approx(scores), (name, convention)
    assert rank_models(board, "HIER").ranks.tolist() == [1, 2, 2]
    assert rank_models(board, "RANK").ranks.tolist() == [1, 3, 2]


def test_a_model_that_was_never_run():
    board = board_of([[0.5] * 6, [""] * 6, [0.25] * 6])
    assert rank_models(board, "HIER").scores.tolist() == [0.5, 0, 0.25]
    assert rank_models(board, "RANK").ranks.tolist() == [1, 3, 2]
    for name in ("HIER_attempted", "FLAT", "ZMEAN"):
        with pytest.raises(BoardError, match=r"model 713 \('model0'\) no score under '(attempted|skip)'"):
            rank_models(board, name)
    failed = board_of([[0.5] * 6, ["X"] * 6])
    assert rank_models(failed, "HIER_attempted").scores.tolist() == [0.5, 0]


@pytest.mark.parametrize("name", NAIVE)
def test_a_board_without_models_or_leaves_is_refused(name):
    with pytest.raises(BoardError, match=f"{name} was asked to rank 0 models on 6 benchmarks"):
        rank_models(board_of([]), name)
    with pytest.raises(BoardError, match=f"{name} was asked to rank 1 models on 0 benchmarks"):
        rank_models(board_of([[0.5] * 6]).take(columns=[]), name)


@pytest.mark.parametrize("name", NAIVE)
def test_all_tied_models_share_the_first_rank(name):
    assert rank_models(board_of([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]] * 4), name).ranks.tolist() == [1] * 4


def test_tree_schemes_need_one_root():
    board = board_of([[0.5] * 6])
    board = replace(board, tree=tree_of({"average_vision": dict.fromkeys(board.leaves), "other": {}}))
    with pytest.raises(BoardError, match="roots average_vision, other"):
        rank_models(board, "HIER")


# The registry


@pytest.mark.parametrize(
    ("asked", "suggested"),
    [("ZMEN", "ZMEAN"), ("hier_atempted", "HIER_attempted"), ("Flatt", "FLAT"), ("RANKS", "RANK")],
)
def test_an_unknown_scheme_suggests_the_nearest(asked, suggested):
    message = rf"no aggregation scheme '{asked}'; did you mean ([A-Za-z_0-9]+, )*{suggested}(, [A-Za-z_0-9]+)*\?"
    for ask in (get_scheme, lambda name: rank_models(board_of([[0.5] * 6]), name)):
        with pytest.raises(SchemeError, match=message):
            ask(asked)


def test_a_name_unlike_any_lists_them_all():
    with pytest.raises(SchemeError) as caught:
        get_scheme("@@@")
    assert str(caught.value).endswith(f"known are {', '.join(scheme_names())}")


def test_names_are_found_whatever_their_case():
    assert get_scheme("hier_ATTEMPTED") is get_scheme("HIER_attempted")
    assert get_scheme("zmean").name == "ZMEAN"


def test_registered_schemes_are_complete():
    assert set(REPORTED_SCHEMES) <= set(scheme_names())
    assert len(set(scheme_names())) == len(scheme_names())
    for name in scheme_names():
        scheme = get_scheme(name)
        assert scheme.name == name
        assert scheme.combination
        assert scheme.source
    for name, convention in OWN_CONVENTION.items():
        assert get_scheme(name).conventions[0] == convention
        assert set(get_scheme(name).conventions) == set(CONVENTIONS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "a scheme is named ''"),
        ({"name": "A B"}, "a scheme is named 'A B'"),
        ({"name": "A/../B"}, "a scheme is named 'A/../B'"),
        ({"family": "magic"}, "scheme FLAT has the family 'magic'; known are tree, cardinal, ordinal"),
        ({"combination": " "}, "scheme FLAT has no combination"),
        ({"source": ""}, "scheme FLAT has no source"),
        ({"conventions": ()}, "at least one is needed"),
        ({"conventions": ("skip", "guess")}, "('skip', 'guess'); known are zero, attempted, skip, worst, mean"),
        ({"weights": None}, "scheme FLAT has 0 of weights, rows, wins, combine; it needs exactly one"),
        ({"combine": sum}, "scheme FLAT has 2 of weights, rows, wins, combine"),
        ({"weights": lambda scaled: scaled}, "a function for weights that cannot be called with 2 arguments"),
        ({"weights": None, "combine": lambda _: 0}, "combine that cannot be called with 2 arguments"),
        ({"weights": None, "wins": lambda: 0}, "wins that cannot be called with 1 argument ("),
        ({"own_cells": True}, "scheme FLAT sets own_cells, which is for a scheme with rows"),
        ({"effort": "none"}, "scheme FLAT has the effort 'none'; known are formula, pairs, fit, optimum"),
        ({"weights": "heavy"}, "scheme FLAT has the weights 'heavy'"),
        ({"weights": None, "combine": "mean"}, "scheme FLAT has the combine 'mean'"),
        ({"scale": Scale("s", "d", None)}, "scheme FLAT has the scale None, which cannot be called"),
        ({"scale": Scale("s", "d", lambda scores: scores)}, "a scale whose fit returns ndarray"),
        ({"scale": "none"}, "scheme FLAT has the scale 'none'; it must be a Scale"),
    ],
)
def test_a_malformed_scheme_is_refused_when_it_is_defined(changes, message):
    with pytest.raises(SchemeError, match=re.escape(message)):
        replace(get_scheme("FLAT"), **changes)


def test_a_scheme_of_ones_own(monkeypatch):
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))
    best = replace(
        get_scheme("FLAT"),
        name="BEST",
        weights=None,
        combine=lambda scaled, _: np.nanmax(scaled, axis=1),
        conventions=("zero",),
    )
    board = board_of([[0.1] * 6, [0.2, "X", "", 0.7, 0.1, 0.1], [0.3] * 6])
    for asked in (best, "best"):
        register(best) if asked == "best" else None
        ranking = rank_models(board, asked)
        assert ranking.scores.tolist() == [0.1, 0.7, 0.3]
        assert ranking.ranks.tolist() == [3, 1, 2]
        assert (ranking.scheme, ranking.convention) == ("BEST", "zero")
    assert scheme_names()[-1] == "BEST"
    assert register(best) is best
    with pytest.raises(SchemeError, match="already a scheme BEST; choose another name than 'best'"):
        register(replace(best, name="best"))
    with pytest.raises(SchemeError, match="BEST does not support 'skip' for missing cells; it has zero"):
        rank_models(board, best, "skip")
    # On a complete board no rule has anything to do.
    complete = board.take([0, 2])
    assert rank_models(complete, best, "skip").scores.tolist() == [0.1, 0.3]
    assert rank_models(complete, best, "skip").convention == "complete"
    with pytest.raises(SchemeError, match="there is no rule 'guess' for missing cells; known are zero, attempted"):
        rank_models(complete, best, "guess")


def test_a_scheme_with_a_scale_and_a_combination_applies_both():
    board = board_of([[0.1, 0.9, 0.4, 0.4, 0.2, 0.3], [0.6] * 6, [0.3] * 6])
    zmean = get_scheme("ZMEAN")
    combined = replace(zmean, name="OWN", weights=None, combine=lambda scaled, _: scaled.mean(axis=1))
    np.testing.assert_allclose(rank_models(board, combined).scores, rank_models(board, zmean).scores)
