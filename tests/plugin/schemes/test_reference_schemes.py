"""Schemes on frozen norms: agreement with naive loops, and every claimed property on drawn boards."""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist, fmean, stdev

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_plugin.errors import BoardError, ReferenceBoardError, SchemeError
from brainalign_plugin.files.reference import given_board, restore
from brainalign_plugin.schemes import get_scheme, rank_models
from brainalign_plugin.schemes.registry import fill_missing
from tests.boards import board_of, board_of_matrix, day, score_matrices, small_tree, snapshot_of, tree_of

NAMES = ("REF_ZMEAN", "REF_NORMAL", "HIER_REF_NORMAL")
TREE = small_tree()
LEAVES = TREE.leaves("average_vision")


def reference_of(scores, tree=TREE):
    """Reference whose board has these scores; any other leaf of the tree is empty."""
    rest = len(tree.leaves()) - len(tree.leaves("average_vision"))
    rows = [["" if np.isnan(x) else x for x in row] + [""] * rest for row in np.asarray(scores).tolist()]
    return restore(snapshot_of(tree, rows), "base", day(9))


@st.composite
def references(draw):
    """Each leaf has at least two scores; ties, constant leaves and missing cells are frequent."""
    scores = draw(score_matrices((3, 7), (6, 6)))
    scores[:2] = np.where(np.isnan(scores[:2]), 0.25, scores[:2])
    return reference_of(scores)


def complete(rows=(1, 6)):
    return score_matrices(rows, (6, 6), missing=False).map(board_of_matrix)


incomplete = score_matrices((1, 6), (6, 6)).map(board_of_matrix)


def naive_scaled(name, values, x):
    if name == "REF_ZMEAN":
        return 0.0 if len(set(np.round(values, 9))) == 1 else (x - fmean(values)) / stdev(values)
    below = sum(v < np.round(x, 9) for v in np.round(values, 9))
    equal = sum(v == np.round(x, 9) for v in np.round(values, 9))
    return NormalDist().inv_cdf((below + 0.5 * equal + 0.5) / (len(values) + 1))


def naive_mean(name, scaled, type_id="average_vision"):
    if name != "HIER_REF_NORMAL":
        known = [x for x in scaled.values() if x is not None]
    elif type_id in scaled:
        return scaled[type_id]
    else:
        below = [naive_mean(name, scaled, n.type_id) for n in TREE.nodes if n.parent == type_id]
        known = [x for x in below if x is not None]
    return fmean(known) if known else None


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20)
@given(reference=references(), board=incomplete, convention=st.sampled_from(["skip", "zero", "attempted"]))
def test_a_scheme_agrees_with_a_naive_loop(name, reference, board, convention):
    cells = fill_missing(board, convention).scores
    expected = []
    for row in cells.tolist():
        scaled = {}
        for j, (leaf, x) in enumerate(zip(LEAVES, row, strict=True)):
            values = [v for v in reference.board.scores[:, j].tolist() if not np.isnan(v)]
            scaled[leaf] = None if np.isnan(x) else naive_scaled(name, values, x)
        expected.append(naive_mean(name, scaled))
    if None in expected:
        with pytest.raises(BoardError, match="no score under"):
            rank_models(board, name, convention, reference)
        return
    ranking = rank_models(board, name, convention, reference)
    np.testing.assert_allclose(ranking.scores, expected, rtol=1e-6, atol=1e-9)
    assert ranking.scheme == name


@pytest.mark.parametrize("name", NAMES)
@given(reference=references(), board=incomplete, data=st.data())
def test_a_models_score_does_not_depend_on_the_others(name, reference, board, data):
    convention = data.draw(st.sampled_from(get_scheme(name).conventions))
    scheme = get_scheme(name).bind(reference)
    together = scheme.scores(fill_missing(board, convention))
    rows = data.draw(st.lists(st.integers(0, len(board.models) - 1), min_size=1, unique=True))
    apart = scheme.scores(fill_missing(board.take(rows), convention))
    np.testing.assert_allclose(apart, together[rows], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@given(reference=references(), board=complete(), data=st.data())
def test_raising_a_score_never_lowers_the_model(name, reference, board, data):
    scheme = get_scheme(name).bind(reference)
    before = scheme.scores(board)
    i = data.draw(st.integers(0, len(board.models) - 1))
    raised = np.array(board.scores)
    raised[i] += data.draw(st.lists(st.sampled_from([0.0, 0.01, 0.3]), min_size=6, max_size=6))
    raised = np.minimum(raised, 1.0)
    after = scheme.scores(replace(board, scores=raised))
    assert after[i] >= before[i]
    others = np.arange(len(board.models)) != i
    assert after[others].tolist() == before[others].tolist()


@pytest.mark.parametrize("name", NAMES)
@given(board=complete((2, 6)), leaf=st.sampled_from(LEAVES))
def test_a_leaf_on_another_scale_changes_nothing(name, board, leaf):
    """Halved: affine. Squared: monotone, claimed by the ordinal ones only. The reference is transformed alike."""
    # Coarser than a tie, so that no rescaling makes or breaks one.
    board = replace(board, scores=np.round(board.scores, 2))
    reference = reference_of(board.scores)
    scheme, j = get_scheme(name), LEAVES.index(leaf)
    expected = scheme.bind(reference).scores(board)
    functions = [lambda x: x / 2] + ([np.square] if scheme.claims.monotone else [])
    for function in functions:
        scores = np.array(board.scores)
        scores[:, j] = function(scores[:, j])
        found = scheme.bind(reference.transformed(leaf, function)).scores(replace(board, scores=scores))
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_a_z_score_feels_a_bent_scale():
    board = board_of([[0.1] * 6, [0.5, *[0.1] * 5], [0.9, *[0.1] * 5]])
    reference = reference_of(board.scores)
    scheme = get_scheme("REF_ZMEAN")
    bent = replace(board, scores=board.scores ** [2, 1, 1, 1, 1, 1])
    moved = scheme.bind(reference.transformed(LEAVES[0], np.square)).scores(bent)
    assert abs(moved - scheme.bind(reference).scores(board)).max() > 0.01
    assert not scheme.claims.monotone


@given(reference=references(), board=complete())
def test_doubling_a_group_leaves_its_weight_on_the_tree(reference, board):
    group = ("FreemanZiemba2013.V1-pls", "Marques2020-size")
    tree = tree_of(
        {
            "average_vision": {
                "neural_vision": {
                    "V1": dict.fromkeys([*group, *(f"{leaf}#2" for leaf in group)]),
                    "IT": {"MajajHong2015.IT-pls": None},
                },
                "behavior_vision": {
                    "Rajalingham2018-i2n": None,
                    "Geirhos2021-error_consistency": dict.fromkeys(LEAVES[4:]),
                },
            }
        }
    )
    doubled = board_of_matrix(np.column_stack([board.scores[:, :2], board.scores]), tree)
    wider = reference
    for leaf in group:
        wider = wider.with_clone(leaf, f"{leaf}#2")
    for name in NAMES:
        scheme = get_scheme(name)
        before, after = scheme.bind(reference).scores(board), scheme.bind(wider).scores(doubled)
        if scheme.claims.hierarchy:
            np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-9)
    assert [get_scheme(name).claims.hierarchy for name in NAMES] == [False, False, True]


@given(reference=references(), board=complete((2, 6)))
def test_a_dominated_model_is_never_above(reference, board):
    at_least = (board.scores[:, None] >= board.scores[None]).all(axis=2)
    for name in NAMES:
        scores = get_scheme(name).bind(reference).scores(board)
        assert (scores[:, None] >= scores[None])[at_least].all()


def test_claims_are_those_that_hold():
    claims = {name: get_scheme(name).claims for name in NAMES}
    for name in NAMES:
        assert (claims[name].iia, claims[name].affine, claims[name].monotonicity, claims[name].pareto) == (True,) * 4
        assert not claims[name].clone
    assert [claims[name].monotone for name in NAMES] == [False, True, True]


# Binding


@pytest.mark.parametrize("name", NAMES)
def test_without_a_reference_a_scheme_says_what_it_needs(name):
    board = board_of([[0.5] * 6] * 2)
    message = f"{name} needs a reference board; freeze one and bind the scheme to it"
    with pytest.raises(SchemeError, match=message):
        rank_models(board, name)
    with pytest.raises(ReferenceBoardError, match=f"{name} was given 'base' for a reference; read one with"):
        rank_models(board, name, reference="base")


@pytest.mark.parametrize("name", NAMES)
def test_a_bound_scheme_ranks_as_with_the_reference_given(name):
    reference = reference_of(np.linspace(0, 1, 24).reshape(4, 6))
    scheme = get_scheme(name).bind(reference)
    assert scheme.independent
    assert not get_scheme(name).independent
    board = board_of_matrix(np.linspace(0, 1, 18).reshape(3, 6)[:, ::-1])
    # Columns are looked up by name, not by position.
    few = board.take(columns=[1, 4])
    np.testing.assert_array_equal(
        scheme.fitted_scale(few)(few.scores), scheme.fitted_scale(board)(board.scores)[:, [1, 4]]
    )
    assert rank_models(board, scheme).ranks.tolist() == rank_models(board, name, reference=reference).ranks.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_rules_that_look_at_the_other_models_are_not_offered(name):
    reference = reference_of(np.linspace(0, 1, 24).reshape(4, 6))
    for convention in ("worst", "mean"):
        with pytest.raises(
            SchemeError, match=f"{name} does not support '{convention}' .*; it has skip, zero, attempted"
        ):
            rank_models(board_of([["X", *[0.5] * 5]]), name, convention, reference)


@pytest.mark.parametrize("name", NAMES)
def test_an_unfitting_reference_is_refused(name):
    reference = reference_of(np.linspace(0, 1, 24).reshape(4, 6))
    other = tree_of({"average_vision": {"neural_vision": {"A2020-x": None}, "behavior_vision": {"B2020-y": None}}})
    with pytest.raises(ReferenceBoardError, match="'base' lacks 'A2020-x', 'B2020-y'; freeze a board that has it"):
        rank_models(board_of([[0.1, 0.2]], other), name, reference=reference)
    with pytest.raises(ReferenceBoardError, match="of the domain 'vision' and the board of 'language'"):
        rank_models(replace(board_of([[0.5] * 6]), domain="language"), name, reference=reference)


@pytest.mark.parametrize("name", NAMES)
def test_a_leaf_that_nobody_has_run_needs_no_norms_unless_it_counts(name):
    scores = np.linspace(0, 1, 24).reshape(4, 6)
    scores[:, 1] = np.nan
    board = board_of_matrix(scores)
    rank_models(board, name, reference=reference_of(scores))
    found = r"'base' has too few scores on 'Marques2020-size' \(0\), .*freeze\(board.*; or leave out .*missing='skip'"
    with pytest.raises(ReferenceBoardError, match=found):
        rank_models(board, name, "zero", reference_of(scores))
    # A single score has no norms either, but then it is one to lose.
    scores[0, 1] = 0.5
    with pytest.raises(ReferenceBoardError, match=r"'Marques2020-size' \(1\)") as refused:
        rank_models(board_of_matrix(scores), name, "zero", reference_of(scores))
    assert "--missing" not in str(refused.value)


def test_a_constant_leaf_of_the_reference_has_no_z():
    scores = np.linspace(0, 1, 24).reshape(4, 6)
    scores[:, 0] = 0.5
    scheme = get_scheme("REF_ZMEAN").bind(reference_of(scores))
    one, other = scheme.scores(board_of([[0.0, *[0.5] * 5], [1.0, *[0.5] * 5]]))
    assert one == other


# The real board


@pytest.mark.parametrize("name", NAMES)
def test_on_its_own_cells_a_frozen_board_ranks_as_the_board_does(real_snapshots, name):
    snapshot = real_snapshots["2024-01-01"]
    twin = {"REF_ZMEAN": "ZMEAN", "REF_NORMAL": "NORMAL", "HIER_REF_NORMAL": "HIER_NORMAL"}[name]
    frozen = rank_models(snapshot.board(), name, reference=given_board(snapshot))
    np.testing.assert_allclose(frozen.scores, rank_models(snapshot.board(), twin).scores, atol=1e-9)


def test_norms_of_another_year_rank_the_real_board(real_snapshots):
    old = restore(real_snapshots["2023-07-01"], "vision-2023", day(0))
    board = real_snapshots["2024-01-01"].board()
    with pytest.raises(ReferenceBoardError, match="'vision-2023' has too few scores on 'Igustibagus2024-ridge'"):
        rank_models(board, "REF_ZMEAN", reference=old)
    rest = board.take(columns=[j for j, leaf in enumerate(board.leaves) if leaf != "Igustibagus2024-ridge"])
    ranking = rank_models(rest, "HIER_REF_NORMAL", reference=old)
    assert len(set(ranking.ranks.tolist())) > 250
