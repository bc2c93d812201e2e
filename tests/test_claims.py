"""What schemes claim: on many boards no claimed property is violated, and what is not claimed fails somewhere.

A claim is meant for every complete board, so no number of boards proves it; one board refutes it.
"""

from __future__ import annotations

from dataclasses import asdict, fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_monitor.sources.payload import parse_payload
from brainalign_plugin.audit.perturb import Case, halved, squared
from brainalign_plugin.audit.properties import (
    audit_removal,
    clone_rate,
    monotonicity,
    order_changes,
    pareto_violations,
    respects_hierarchy,
    scale_shares,
)
from brainalign_plugin.errors import BoardError, ConvergenceError
from brainalign_plugin.files.reference import given_board
from brainalign_plugin.ranking.boards import aggregated, compared_board, ranks_of_all
from brainalign_plugin.schemes import Claims, get_scheme
from tests.boards import board_of, day, tree_of
from tests.schemes import SCHEMES, case_of, cloned_scores, complete_boards, rescaled_scores

PROPERTIES = tuple(field.name for field in fields(Claims))
CLAIMED = [(name, p) for name in SCHEMES for p in PROPERTIES if asdict(get_scheme(name).claims)[p]]
NOT_CLAIMED = [(name, p) for name in SCHEMES for p in PROPERTIES if not asdict(get_scheme(name).claims)[p]]

# Increasing on [0, 1]; none brings scores that differ within 1e-9, or takes those apart that tie.
AFFINE = [lambda x: x / 2, lambda x: 0.3 * x + 0.6, lambda x: 0.9 * x + 0.05]
MONOTONE = [lambda x: x**2, lambda x: x / (2 - x), lambda x: (x + x**2) / 2]


def usable(name, board):
    """The scheme on a board, and its scores; None where it cannot be used."""
    case = case_of(name, board)
    try:
        return case, case.base
    except (BoardError, ConvergenceError):
        return None


def changes(before, after):
    return int(order_changes(before, after[None, :]).per_alteration[0])


@settings(max_examples=20)
@given(board=complete_boards((3, 6)))
def test_a_model_that_goes_changes_nothing_between_others(board):
    for name, claimed in CLAIMED:
        if claimed != "iia" or (found := usable(name, board)) is None:
            continue
        case, before = found
        for k in range(len(board.models)):
            others = [i for i in range(len(board.models)) if i != k]
            assert changes(before[others], aggregated(case.scheme, board.take(rows=others))) == 0, (name, k)


@settings(max_examples=12)
@given(board=complete_boards((2, 6)), data=st.data())
def test_another_scale_on_a_benchmark_changes_no_order(board, data):
    leaf = data.draw(st.sampled_from(board.leaves))
    which = data.draw(st.integers(0, 2))
    for name, claimed in CLAIMED:
        functions = {"affine": AFFINE, "monotone": MONOTONE}.get(claimed)
        if functions is None or (found := usable(name, board)) is None:
            continue
        case, before = found
        after = rescaled_scores(case, leaf, functions[which])
        assert changes(before, after) == 0, (name, claimed, leaf, which)


@settings(max_examples=20)
@given(board=complete_boards((2, 6)), data=st.data())
def test_a_score_that_rises_never_lowers_its_model(board, data):
    i = data.draw(st.integers(0, len(board.models) - 1))
    j = data.draw(st.integers(0, len(board.leaves) - 1))
    scores = np.array(board.scores)
    scores[i, j] = data.draw(st.sampled_from([x for x in (*scores[:, j], 1.0) if x >= scores[i, j]]))
    scores[i, j] = min(scores[i, j] + data.draw(st.sampled_from([0.0, 0.01, 1e-4])), 1.0)
    for name, claimed in CLAIMED:
        if claimed != "monotonicity" or (found := usable(name, board)) is None:
            continue
        case, before = found
        try:
            after = aggregated(case.scheme, replace(board, scores=scores))
        except BoardError:
            # Who now wins everywhere has no finite worth.
            continue
        assert ranks_of_all(after)[i] <= ranks_of_all(before)[i], name


@settings(max_examples=20)
@given(board=complete_boards((2, 6)), data=st.data())
def test_a_model_that_is_nowhere_worse_is_not_below(board, data):
    # Dominance is rare among drawn models, so one is made: a copy of another, raised here and there.
    i, k = (data.draw(st.integers(0, len(board.models) - 1)) for _ in range(2))
    scores = np.array(board.scores)
    more = data.draw(
        st.lists(st.sampled_from([0.0, 0.0, 0.001, 0.4]), min_size=scores.shape[1], max_size=scores.shape[1])
    )
    scores[i] = np.minimum(scores[k] + more, 1.0)
    board = replace(board, scores=scores)
    for name, claimed in CLAIMED:
        if claimed == "pareto" and usable(name, board) is not None:
            assert pareto_violations(case_of(name, board)) == 0, name


@settings(max_examples=20)
@given(board=complete_boards((1, 5)))
def test_a_doubled_group_keeps_its_weight(board):
    for name, claimed in CLAIMED:
        if claimed == "hierarchy" and usable(name, board) is not None:
            assert respects_hierarchy(case_of(name, board)), name


@settings(max_examples=20)
@given(board=complete_boards((2, 5)), data=st.data())
def test_a_copied_benchmark_changes_no_order(board, data):
    leaf = data.draw(st.sampled_from(board.leaves))
    for name, claimed in CLAIMED:
        if claimed == "clone" and (found := usable(name, board)) is not None:
            case, before = found
            assert changes(before, cloned_scores(case, [leaf])) == 0, name


HOLDS = {
    "iia": lambda case: audit_removal(case).rate == 0,
    "affine": lambda case: all(scale_shares(case, function).mean() == 0 for function in (halved, AFFINE[1])),
    "monotone": lambda case: scale_shares(case, squared).mean() == 0,
    "clone": lambda case: clone_rate(case) == 0,
    "monotonicity": lambda case: monotonicity(case).violations == 0,
    "pareto": lambda case: pareto_violations(case) == 0,
    "hierarchy": respects_hierarchy,
}


@pytest.fixture(scope="module")
def real_snapshot(shared_site):
    body = (shared_site / "compare-data-2024-01-01.json.gz").read_bytes()
    return parse_payload(body, "the last payload", day(0)).snapshot


@pytest.mark.parametrize("name", SCHEMES)
def test_claims_on_the_real_board(name, real_snapshot):
    # Each raised cell and each removal is another board: fourteen models have hundreds of them.
    board = compared_board(real_snapshot).board.take(rows=range(0, 83, 6))
    scheme = get_scheme(name).bind(given_board(real_snapshot))
    for claim in (p for n, p in CLAIMED if n == name):
        assert HOLDS[claim](Case(scheme, board)), claim


PARTS = tree_of(
    {
        "average_vision": {
            "neural_vision": {"A2020.V1-pls": None, "A2020.V4-pls": None, "A2020.IT-pls": None},
            "behavior_vision": {"B2021-i2n": None, "C2022a-top1": None, "C2022b-top1": None},
        }
    }
)
UNEVEN = tree_of(
    {
        "average_vision": {
            "neural_vision": {"A2020.V1-pls": None, "A2020.V4-pls": None},
            "behavior_vision": {"B2021-i2n": None, "C2022": {"C2022a-top1": None, "C2022b-top1": None}},
        }
    }
)
PAIRS = tree_of(
    {
        "average_vision": {
            "neural_vision": {"A2020.V1-pls": None, "A2020.V4-pls": None},
            "behavior_vision": {"B2021-i2n": None, "C2022-top1": None},
        }
    }
)
TWO = tree_of({"average_vision": {"neural_vision": {"A2020-pls": None}, "behavior_vision": {"B2021-i2n": None}}})

# Found by search. Between them they refute whatever no scheme claims, and more than one property of most schemes.
COUNTEREXAMPLES = [
    board_of(
        [
            [1.0, 0.2, 0.7, 0.7, 0.0, 0.8],
            [0.6, 0.9, 0.5, 1.0, 0.9, 0.6],
            [0.1, 0.9, 0.4, 0.9, 0.5, 0.5],
            [0.9, 1.0, 0.8, 0.3, 0.5, 0.2],
            [0.1, 0.9, 0.8, 0.6, 0.2, 0.9],
        ],
        PARTS,
    ),
    board_of(
        [
            [0.2, 0.35, 0.41, 0.56, 0.19, 0.59],
            [0.08, 0.35, 0.49, 0.66, 0.34, 0.63],
            [0.36, 0.44, 0.42, 0.62, 0.43, 0.68],
            [0.18, 0.08, 0.26, 0.85, 0.07, 0.74],
            [0.19, 0.53, 0.43, 0.74, 0.44, 0.51],
        ],
        PARTS,
    ),
    board_of(
        [
            [0.56, 0.39, 0.59, 0.16, 0.35, 0.02],
            [0.64, 0.47, 0.63, 0.63, 0.36, 0.27],
            [0.35, 0.35, 0.0, 0.83, 0.48, 0.93],
        ],
        PARTS,
    ),
    board_of(
        [
            [0.51, 0.63, 0.43, 0.57, 0.62, 0.45],
            [0.69, 0.64, 0.47, 0.6, 0.78, 0.31],
            [0.55, 0.54, 0.47, 0.64, 0.38, 0.36],
        ],
        PARTS,
    ),
    board_of(
        [
            [0.8, 0.3, 0.4, 0.1, 0.3, 1.0],
            [0.3, 0.9, 0.5, 0.2, 0.8, 0.6],
            [0.9, 0.2, 0.1, 1.0, 0.4, 0.0],
            [0.7, 1.0, 1.0, 0.6, 0.9, 0.8],
        ],
        PARTS,
    ),
    board_of(
        [
            [0.97, 0.0, 0.05, 0.04, 0.42, 0.85],
            [0.57, 0.22, 0.02, 0.01, 0.28, 0.76],
            [0.41, 0.46, 0.33, 0.53, 0.38, 0.55],
            [1.0, 0.3, 0.0, 0.05, 0.06, 0.99],
            [0.64, 0.22, 0.46, 0.45, 0.33, 0.47],
        ],
        PARTS,
    ),
    # Where leaves and groups are siblings, even the means of both parts shift.
    board_of(
        [[0.9, 0.7, 0.5, 0.2, 0.3], [0.0, 0.0, 0.0, 0.1, 0.8], [0.7, 1.0, 0.5, 0.6, 1.0], [0.8, 0.6, 0.5, 0.6, 1.0]],
        UNEVEN,
    ),
    # The first model is far above all on the first benchmark. Raising it further widens the spread there, and makes
    # its lead over the second, who lies below the mean, smaller in units of that spread.
    board_of([[0.9, 0.06], [0.2, 0.9], [0.45, 0.5], [0.45, 0.35]], TWO),
    # Schulze's winner never loses by a vote in its favour; a place further down is no such promise.
    board_of(
        [
            [0.14, 0.12, 0.15, 0.1, 0.11, 0.11],
            [0.12, 0.1, 0.11, 0.13, 0.1, 0.12],
            [0.15, 0.12, 0.11, 0.12, 0.15, 0.1],
            [0.11, 0.16, 0.11, 0.11, 0.16, 0.11],
            [0.15, 0.12, 0.11, 0.14, 0.14, 0.15],
            [0.12, 0.11, 0.11, 0.11, 0.12, 0.13],
            [0.12, 0.13, 0.14, 0.15, 0.15, 0.1],
        ],
        PARTS,
    ),
    # The parts contradict each other, and what is good on the surer one is expected to be bad on the other.
    board_of(
        [
            [0.59, 0.57, 0.63, 0.01],
            [0.59, 0.57, 0.635, 0.01],
            [0.63, 0.61, 0.63, 0.01],
            [0.52, 0.51, 0.26, 0.0],
            [0.52, 0.51, 0.89, 0.06],
            [0.59, 0.58, 0.3, 0.54],
            [0.57, 0.57, 0.0, 0.33],
            [0.42, 0.42, 0.1, 0.75],
            [0.48, 0.48, 0.44, 0.57],
            [0.35, 0.34, 1.0, 0.76],
            [0.37, 0.39, 0.44, 0.66],
        ],
        PAIRS,
    ),
    board_of(
        [
            [0.4, 0.4, 0.09, 1.0],
            [0.44, 0.44, 0.09, 1.0],
            [0.39, 0.39, 0.75, 0.51],
            [0.53, 0.53, 0.67, 0.0],
            [0.49, 0.49, 0.55, 0.13],
            [0.4, 0.4, 0.47, 0.4],
            [0.5, 0.5, 0.16, 0.0],
            [0.4, 0.41, 0.57, 0.02],
            [0.53, 0.54, 0.51, 0.09],
            [0.41, 0.42, 0.34, 0.73],
            [0.44, 0.45, 0.24, 0.63],
        ],
        PAIRS,
    ),
    board_of(
        [
            [0.34, 0.33, 0.93, 0.62],
            [0.38, 0.37, 0.93, 0.62],
            [0.54, 0.53, 0.75, 0.1],
            [0.43, 0.4, 0.51, 0.41],
            [0.54, 0.54, 0.16, 0.27],
            [0.38, 0.37, 0.63, 0.41],
            [0.48, 0.47, 0.15, 0.45],
            [0.4, 0.38, 0.08, 0.7],
            [0.49, 0.49, 0.17, 0.25],
        ],
        PAIRS,
    ),
    board_of(
        [
            [0.5, 0.49, 0.59, 0.6],
            [0.52, 0.52, 0.59, 0.6],
            [0.49, 0.5, 0.46, 0.49],
            [0.52, 0.52, 0.41, 0.3],
            [0.5, 0.5, 0.65, 0.45],
            [0.51, 0.51, 0.52, 0.53],
        ],
        PAIRS,
    ),
]

# Neither proven nor refuted: thousands of drawn boards showed no violation.
# FACTOR1 is moved by a line only where two factors explain the same to the last digit.
OPEN = {("PL", "monotonicity"), ("FACTOR1", "affine")}


@pytest.mark.parametrize(("name", "claim"), NOT_CLAIMED, ids=lambda value: value)
def test_what_is_not_claimed_fails_somewhere(name, claim):
    refuted = False
    for board in COUNTEREXAMPLES:
        try:
            refuted = not HOLDS[claim](case_of(name, board))
        except (BoardError, ConvergenceError):
            continue
        if refuted:
            break
    assert refuted != ((name, claim) in OPEN)


def test_few_schemes_have_two_or_more_of_the_posters_properties():
    """Independence, a scale of any shape, the hierarchy: one scheme has all three, and needs a frozen reference."""
    posters = {name: get_scheme(name).claims for name in SCHEMES}
    assert [n for n, c in posters.items() if c.iia and c.monotone and c.hierarchy] == ["HIER_REF_NORMAL"]
    assert [n for n, c in posters.items() if c.iia and c.monotone] == [
        "REF_NORMAL",
        "HIER_REF_NORMAL",
        "REF_NORMAL_UNIVERSE",
    ]
    assert {n for n, c in posters.items() if c.iia and c.hierarchy} == {"HIER", "HIER_attempted", "HIER_REF_NORMAL"}
