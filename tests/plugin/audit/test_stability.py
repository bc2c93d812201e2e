"""Measured properties against slow loops written from their definitions, and against worked examples."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_plugin.audit.perturb import Case, halved, squared
from brainalign_plugin.audit.properties import (
    audit_removal,
    benchmark_influence,
    clone_rate,
    monotonicity,
    pareto_violations,
    raised,
    respects_hierarchy,
    scale_shares,
)
from brainalign_plugin.data.board import Board
from brainalign_plugin.data.tree import BenchmarkTree
from brainalign_plugin.errors import BoardError, ConvergenceError
from brainalign_plugin.files.reference import given_board
from brainalign_plugin.ranking.boards import compared_board
from brainalign_plugin.ranking.compare import dominance
from brainalign_plugin.schemes import Claims, Scale, Scheme, get_scheme
from brainalign_plugin.schemes.missing import fill_missing
from tests.boards import board_of, board_of_matrix, tree_of
from tests.schemes import by_turns, case_of, complete_boards, incomplete_boards, reference_of

# Too slow for every cell of every drawn board: see test_monotonicity.
SLOW = {"FACTOR1", "KEMENY", "BT", "PL"}
EITHER_BOARD = complete_boards((1, 6)) | incomplete_boards((2, 6))


def naive_scores(case, board, reference=None):
    scheme = case.scheme
    if scheme.needs_norms and reference is not None:
        scheme = scheme.bind(reference)
    return scheme.scores(board if not np.isnan(board.scores).any() else fill_missing(board, case.rule))


def sign(scores, i, j):
    one, other = (-np.inf if np.isnan(scores[k]) else np.round(scores[k], 9) for k in (i, j))
    return 0 if one == other else (1 if one > other else -1)


def changed_pairs(before, after, models):
    return [(i, j) for i, j in itertools.combinations(models, 2) if sign(before, i, j) != sign(after, i, j)]


def rank_of(scores, i):
    return 1 + sum(sign(scores, k, i) > 0 for k in range(len(scores)))


def naive_removal(case, board):
    """Rate and worst spoiler."""
    n, base, changes = len(board.models), naive_scores(case, board), []
    for k in range(n):
        others = [i for i in range(n) if i != k]
        after = np.full(n, np.nan)
        after[others] = naive_scores(case, board.take(rows=others))
        changes.append(len(changed_pairs(base, after, others)))
    worst = min(i for i, count in zip(board.ids, changes, strict=True) if count == max(changes))
    return sum(changes) / (n * ((n - 1) * (n - 2) // 2)), worst


def naive_rescaled(case, board, function):
    base, shares = naive_scores(case, board), []
    for j in range(len(board.leaves)):
        scores = np.array(board.scores)
        scores[:, j] = [function(x) for x in scores[:, j]]
        reference = case.scheme.norms
        if reference is not None:
            known = np.array(reference.board.scores)
            known[:, j] = [function(x) for x in known[:, j]]
            reference = replace(reference, board=replace(reference.board, scores=known))
        after = naive_scores(case, replace(board, scores=scores), reference)
        shares.append(_share(base, after))
    return np.mean(shares)


def _share(before, after):
    n = len(before)
    pairs = n * (n - 1) // 2
    return len(changed_pairs(before, after, range(n))) / pairs if pairs else 0.0


def doubled(board, leaves, reference):
    """The board with a sibling of each leaf, and the reference likewise."""
    return _doubled(board, leaves), replace(reference, board=_doubled(reference.board, leaves))


def _doubled(board, leaves):
    nodes, columns, names = [], [], []
    for node in board.tree.nodes:
        nodes += [node, replace(node, type_id=f"again {node.type_id}")] if node.type_id in leaves else [node]
    for j, leaf in enumerate(board.leaves):
        columns += [j, j] if leaf in leaves else [j]
        names += [leaf, f"again {leaf}"] if leaf in leaves else [leaf]
    return Board(
        domain=board.domain,
        models=board.models,
        tree=BenchmarkTree(tuple(nodes)),
        leaves=tuple(names),
        scores=board.scores[:, columns],
        states=board.states[:, columns],
        errors=board.errors[:, columns],
    )


def naive_clone(case, board):
    base, reference = naive_scores(case, board), reference_of(board)
    return np.mean([_share(base, naive_scores(case, *doubled(board, [leaf], reference))) for leaf in board.leaves])


def naive_pareto(case, board):
    cells = fill_missing(board, case.rule).scores.round(9).tolist()
    base, count = naive_scores(case, board), 0
    for i, k in itertools.permutations(range(len(cells)), 2):
        if np.isnan([*cells[i], *cells[k]]).any():
            continue
        pairs = list(zip(cells[i], cells[k], strict=True))
        count += all(a >= b for a, b in pairs) and any(a > b for a, b in pairs) and sign(base, i, k) < 0
    return count


def naive_monotonicity(case, board):
    base, count = naive_scores(case, board), 0
    for i, j in itertools.product(range(len(board.models)), range(len(board.leaves))):
        if np.isnan(board.scores[i, j]):
            continue
        scores = np.array(board.scores)
        scores[i, j] = min(scores[i, j] + 0.01, 1.0)
        after = naive_scores(case, replace(board, scores=scores))
        count += rank_of(after, i) > rank_of(base, i)
    return count


def naive_hierarchy(case, board):
    """Doubling the leaves of a group that holds leaves only moves no score, because the group's weight stays."""
    base, reference = naive_scores(case, board), reference_of(board)
    for group in board.tree.nodes:
        below = [node for node in board.tree.nodes if node.parent == group.type_id]
        if group.is_leaf or not all(node.is_leaf for node in below) or len(below) == len(board.leaves):
            continue
        after = naive_scores(case, *doubled(board, [node.type_id for node in below], reference))
        both = np.isnan(base) & np.isnan(after)
        if not (both | (np.abs(after - base) <= 1e-9)).all():
            return False
    return True


def cases(board, names, choice):
    """Each scheme with one of its rules that can be used on the board."""
    for name in names:
        case = case_of(name, board, choice)
        try:
            case.base  # noqa: B018 computed here, so that what follows can rely on it
        except (BoardError, ConvergenceError):
            continue
        yield case


@settings(max_examples=10)
@given(board=EITHER_BOARD, choice=st.integers(0, 4))
def test_what_a_removed_model_changes(board, choice):
    for case in cases(board, by_turns(choice), choice):
        try:
            expected = naive_removal(case, board) if len(board.models) > 2 else (None, None)
        except (BoardError, ConvergenceError):
            continue
        found = audit_removal(case)
        assert (found.rate, found.worst_spoiler) == expected, (case.scheme.name, case.rule)


@settings(max_examples=8)
@given(board=EITHER_BOARD, choice=st.integers(0, 4))
def test_what_another_scale_or_a_copy_changes(board, choice):
    for case in cases(board, by_turns(choice, SLOW), choice):
        try:
            expected = [
                naive_rescaled(case, board, lambda x: x / 2),
                naive_rescaled(case, board, lambda x: x * x),
                naive_clone(case, board),
            ]
        except (BoardError, ConvergenceError):
            continue
        found = [scale_shares(case, halved).mean(), scale_shares(case, squared).mean(), clone_rate(case)]
        np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=f"{case.scheme.name} {case.rule}")


@settings(max_examples=8)
@given(board=EITHER_BOARD, choice=st.integers(0, 4))
def test_dominated_models_raised_cells_and_doubled_groups(board, choice):
    for case in cases(board, by_turns(choice, SLOW), choice):
        which = case.scheme.name, case.rule
        assert pareto_violations(case) == naive_pareto(case, board), which
        assert monotonicity(case).violations == naive_monotonicity(case, board), which
        try:
            expected = naive_hierarchy(case, board)
        except (BoardError, ConvergenceError):
            continue
        assert respects_hierarchy(case) == expected, which


@pytest.mark.parametrize("name", ["HIER_ZMEAN", "MINMAX", "PC1", "SIMPSON", "COPELAND", "HIER_REF_NORMAL"])
def test_some_cells_of_the_real_board(name, real_snapshots):
    """Twelve models on all benchmarks: 612 cells are raised one by one."""
    snapshot = real_snapshots["2024-01-01"]
    board = compared_board(snapshot).board.take(rows=range(0, 83, 7))
    case = Case(get_scheme(name).bind(given_board(snapshot)), board)
    assert monotonicity(case).violations == naive_monotonicity(case, board)
    found = audit_removal(case)
    assert (found.rate, found.worst_spoiler) == naive_removal(case, board)


TWO = tree_of({"average_vision": {"neural_vision": {"A2020-pls": None}, "behavior_vision": {"B2020-i2n": None}}})


def test_a_spoiler_by_hand():
    """Two benchmarks, three models, ranks added up."""
    board = board_of([[0.9, 0.1], [0.2, 0.5], [0.5, 0.3]], TWO)
    found = audit_removal(Case(get_scheme("RANK"), board))
    # c sits between the two on both leaves: without it all pairs tie as before.
    assert found.changes.tolist() == [0, 0, 0]
    assert found.worst_changes == 0
    assert found.worst_spoiler == min(board.ids)
    # Now c is best on the second leaf: only against it is b behind a, and without b it ties with a.
    board = board_of([[0.9, 0.1], [0.2, 0.5], [0.5, 0.6]], TWO)
    found = audit_removal(Case(get_scheme("RANK"), board))
    a, b, c = board.ids
    assert found.changes.tolist() == [0, 1, 1]
    assert (found.rate, found.worst_spoiler) == (2 / 3, min(b, c))
    assert [(pair.one, pair.other, pair.removals) for pair in found.fragile] == [(a, b, 1), (a, c, 1)]


def test_two_models_have_no_rate():
    found = audit_removal(Case(get_scheme("ZMEAN"), board_of([[0.9, 0.1], [0.2, 0.5]], TWO)))
    assert (found.rate, found.worst_spoiler, found.changes.tolist()) == (None, None, [0, 0])


def test_a_rule_that_looks_at_others_is_applied_after_the_rescaling():
    """The mean of x² is not the square of the mean: model 2, filled in, must get the former."""
    board = board_of_matrix([[0.9, 0.0], [0.1, 0.0], [np.nan, 0.0], [0.6, 0.0]], TWO)
    case = Case(get_scheme("FLAT"), board, "mean")
    # 1.6/3 = 0.533 is below 0.6; (0.81 + 0.01 + 0.36)/3 = 0.393 is above 0.36.
    assert scale_shares(case, squared).mean() == pytest.approx(1 / 6 / 2)
    assert scale_shares(case, halved).mean() == pytest.approx(naive_rescaled(case, board, lambda x: x / 2))


def test_a_family_is_no_proof_of_seeing_the_order_only():
    liar = Scheme(
        name="LIAR",
        family="ordinal",
        scale=Scale.fixed("rank", "itself", lambda x: x),
        combination="mean of cubes",
        source="nobody",
        conventions=("skip",),
        claims=Claims(affine=True, monotone=True),
        combine=lambda scaled, _: (scaled**3).mean(axis=1),
    )
    board = board_of([[0.9, 0.1], [0.5, 0.8]], TWO)
    assert scale_shares(Case(liar, board), halved).mean() == 0.5


def test_a_copy_has_a_name_of_its_own():
    tree = tree_of({"average_vision": {"neural_vision": {"A2020-pls": None, "A2020-pls#copy": None}}})
    board = board_of([[0.9, 0.1], [0.5, 0.8]], tree)
    case = Case(get_scheme("PC1"), board)
    assert clone_rate(case) == naive_clone(case, board)
    wider = board.with_copies({"A2020-pls": ("B",)})
    assert wider.leaves == ("A2020-pls", "B", "A2020-pls#copy")
    assert wider.tree["B"].parent == "neural_vision"
    assert wider.scores[:, 1].tolist() == board.scores[:, 0].tolist()


def test_without_an_own_group_there_is_no_other_weight():
    """One group of leaves: doubling it doubles everything."""
    tree = tree_of({"average_vision": {"A2020-pls": None, "B2020-i2n": None}})
    assert respects_hierarchy(Case(get_scheme("FLAT"), board_of([[0.9, 0.1], [0.5, 0.8]], tree)))
    assert respects_hierarchy(Case(get_scheme("HIER"), board_of([[0.9, 0.1], [0.5, 0.8]], TWO)))
    uneven = tree_of({"average_vision": {"A": {"A2020-pls": None, "A2021-pls": None}, "B": {"B2020-i2n": None}}})
    board = board_of([[0.9, 0.1, 0.3], [0.5, 0.8, 0.2]], uneven)
    assert respects_hierarchy(Case(get_scheme("HIER"), board))
    assert not respects_hierarchy(Case(get_scheme("FLAT"), board))


def test_dominance_needs_both_models_whole():
    scores = np.array([[0.9, 0.5], [0.9, 0.4], [0.9, np.nan], [0.1, 0.9], [0.9, 0.5 + 1e-10]])
    assert dominance(scores).astype(int).tolist() == [
        [0, 1, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 1, 0, 0, 0],
    ]


def test_a_raised_score_is_capped_and_never_lowered():
    found = raised(np.array([0.0, 0.995, 1.0, 1.2, np.nan]))
    np.testing.assert_allclose(found, [0.01, 1.0, 1.0, 1.2, np.nan])


def naive_influence(case, board):
    found = []
    before = [rank_of(naive_scores(case, board), i) for i in range(len(board.models))]
    for j, leaf in enumerate(board.leaves):
        rest = board.take(columns=[c for c in range(len(board.leaves)) if c != j])
        after = case.scheme.scores(fill_missing(rest, case.rule))
        shift = [abs(rank_of(after, i) - before[i]) for i in range(len(before))]
        most = min(i for i, s in zip(board.ids, shift, strict=True) if s == max(shift))
        found.append((leaf, np.mean(shift), max(shift), most))
    return found


@settings(max_examples=15)
@given(board=EITHER_BOARD.filter(lambda b: len(b.leaves) > 1), choice=st.integers(0, 4))
def test_what_each_benchmark_does_to_the_ranks(board, choice):
    names = ["HIER", "ZMEAN", "WIN_RATE", "MEDIAN_RANK", "COPELAND", "REF_NORMAL"]
    for case in cases(board, names, choice):
        found = benchmark_influence(case)
        assert [(i.leaf, i.mean_shift, i.max_shift, i.most_moved) for i in found] == naive_influence(case, board)


def test_a_benchmark_that_a_scheme_cannot_do_without_is_passed_over():
    board = board_of([[0.9, 0.1, 0.4], [0.5, 0.8, 0.2]], _two_and_one())
    assert [item.leaf for item in benchmark_influence(Case(get_scheme("DSEP"), board))] == ["A2020-pls", "A2021-pls"]
    alone = board.take(columns=[0])
    assert benchmark_influence(Case(get_scheme("FLAT"), alone)) == ()


def _two_and_one():
    neural = {"A2020-pls": None, "A2021-pls": None}
    return tree_of({"average_vision": {"neural_vision": neural, "behavior_vision": {"B2020-i2n": None}}})


@settings(max_examples=30)
@given(board=incomplete_boards())
def test_weights_of_cells_make_the_scores(board):
    for name in ("FLAT", "HIER", "HIER_attempted", "DSEP"):
        scheme = get_scheme(name)
        resolved = fill_missing(board, "skip")
        try:
            expected = scheme.scores(resolved)
        except BoardError:
            # DSEP needs both parts.
            continue
        weights = scheme.linear_combination(resolved.scores, resolved).cell_weights(resolved.scores)
        # Under DSEP a model may have no score but on leaves of neither part.
        found = np.where(weights.any(axis=1), np.nansum(weights * resolved.scores, axis=1), np.nan)
        np.testing.assert_allclose(found, expected, atol=1e-12)
        assert (weights[np.isnan(resolved.scores)] == 0).all()
        if board.complete and name == "HIER":
            nominal = board.tree.nominal_weights(board.leaves, board.tree.roots[0])
            np.testing.assert_allclose(weights, np.tile(nominal, (len(weights), 1)))
