"""Raised cells that lower their model, against every board aggregated from the beginning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from brainalign_monitor.cli import print_schemes
from brainalign_plugin.audit import audit
from brainalign_plugin.audit.perturb import Case
from brainalign_plugin.audit.properties import Monotonicity, monotonicity
from brainalign_plugin.errors import BoardError, ConvergenceError
from brainalign_plugin.ranking.boards import ComparedBoard, aggregated, ranks_of_all
from brainalign_plugin.schemes import get_scheme
from tests.boards import board_of_matrix, drawn_board, halves
from tests.schemes import reference_of

NAMES = [
    "HIER_ZMEAN",
    "ROBUST_Z",
    "HIER",
    "SCHULZE",
    "KEMENY",
    "BT",
    "PL",
    "PC1",
    "FACTOR1",
    "DSP_PCA",
    "DSP_PCA_Std",
    "GLS",
    "BORDA",
    "MEDIAN_RANK",
]

ITERATED = {"KEMENY", "BT", "PL", "FACTOR1"}


def violations(name, board):
    return monotonicity(Case(get_scheme(name), board)).violations


def falls_one_by_one(name, board):
    """Number of cells whose raising lowers their model, or None where the scheme cannot be used on a variant."""
    scheme = get_scheme(name)
    before, falls = ranks_of_all(aggregated(scheme, board)), 0
    for i, j in zip(*np.nonzero(~np.isnan(board.scores)), strict=True):
        scores = np.array(board.scores)
        scores[i, j] = min(scores[i, j] + 0.01, 1.0)
        try:
            after = ranks_of_all(aggregated(scheme, replace(board, scores=scores)))
        except (BoardError, ConvergenceError):
            return None
        falls += after[i] > before[i]
    return falls


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("models", "leaves", "missing"), [(9, 7, 0.0), (6, 10, 0.0), (9, 8, 0.25)])
def test_the_count_is_that_of_all_boards(name, models, leaves, missing):
    measured = 0
    for seed in range(3):
        board = drawn_board(seed, models, leaves, 2, missing)
        try:
            expected = falls_one_by_one(name, board)
            found = violations(name, board)
        except (BoardError, ConvergenceError):
            continue
        if expected is not None:
            measured += 1
            assert found == expected, seed
        if measured and name in ITERATED:
            break
    assert measured


def test_models_that_cannot_be_told_apart_are_no_exception():
    """Two models with the same scores share a place under KEMENY, until one of them is raised."""
    board = drawn_board(5, 7, 6, 2)
    scores = np.array(board.scores)
    scores[3] = scores[1]
    scores[6] = scores[2]
    board = replace(board, scores=scores)
    for name in ("KEMENY", "SCHULZE", "BT", "PL"):
        assert violations(name, board) == falls_one_by_one(name, board), name


def test_a_ranking_in_which_a_model_falls():
    """Kemeny is no promise: a vote for the model breaks a circle elsewhere."""
    scores = [
        [0.97, 0.0, 0.05, 0.04, 0.42, 0.85],
        [0.57, 0.22, 0.02, 0.01, 0.28, 0.76],
        [0.41, 0.46, 0.33, 0.53, 0.38, 0.55],
        [1.0, 0.3, 0.0, 0.05, 0.06, 0.99],
        [0.64, 0.22, 0.46, 0.45, 0.33, 0.47],
    ]
    board = board_of_matrix(scores, halves(6))
    assert violations("KEMENY", board) == falls_one_by_one("KEMENY", board) == 1


def test_what_is_too_dear_is_named(monkeypatch, capsys):
    board = drawn_board(3, 5, 4)
    compared = ComparedBoard("cleaned", board, ())
    monkeypatch.setattr(audit, "OPTIMUM_MODELS", 4)
    reference = reference_of(board)
    found = audit.audit_schemes(compared, reference, ["KEMENY", "PL"])
    dear = ("removal", "clone", "monotonicity", "hierarchy", "influence")
    assert [one.left_out for one in found] == [dear, ()]
    record = audit.audit_json(compared, reference, found)["schemes"]
    assert list(record["KEMENY"]["not_measured"]) == ["iia", *dear[1:]]
    assert "not_measured" not in record["PL"]
    print_schemes.audit(compared, reference, found, audit.ConventionMoves((), ()))
    told = " ".join(capsys.readouterr().out.split())
    assert (
        "KEMENY: IIA, clone, monotonicity, hierarchy, benchmarks left out not measured, because it takes long" in told
    )
    assert audit.audit_schemes(compared, reference, ["KEMENY"], thorough=True)[0].left_out == ()


@pytest.mark.parametrize("name", ["GLS", "PC1"])
def test_the_only_leaf_becomes_constant(name):
    board = board_of_matrix([[0.99], [1.0]], halves(1))
    assert violations(name, board) == falls_one_by_one(name, board) == 0


@pytest.mark.parametrize("name", ["PC1", "FACTOR1", "DSP_PCA", "DSP_PCA_Std", "GLS"])
def test_a_leaf_on_which_nobody_can_rise(name):
    board = drawn_board(2, 6, 5)
    scores = np.array(board.scores)
    scores[:, 1] = 1.0
    board = replace(board, scores=scores)
    assert violations(name, board) == falls_one_by_one(name, board)


def test_a_sample_is_drawn_by_the_seed_and_has_a_binomial_interval():
    board = drawn_board(3, 14, 9)
    case = Case(get_scheme("PC1"), board)
    whole = monotonicity(case)
    assert (whole.tried, whole.sampled) == (whole.cells, False)
    one, again, other = (monotonicity(case, sample=40, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert (one.tried, one.cells, one.sampled) == (40, whole.cells, True)
    assert monotonicity(case, sample=whole.cells) == whole
    assert isinstance(other, Monotonicity)
    for found in (one, other, Monotonicity(3, 40, 100)):
        expected = stats.binomtest(found.violations, found.tried).proportion_ci(0.95, "exact")
        assert found.interval == pytest.approx((expected.low, expected.high), abs=1e-12)
    # Sampled again and again, intervals hold the share that all cells have.
    share = whole.violations / whole.cells
    held = [low <= share <= high for low, high in (monotonicity(case, sample=30, seed=s).interval for s in range(40))]
    assert np.mean(held) >= 0.9


def test_what_is_claimed_is_not_measured_unless_asked_for():
    board = drawn_board(3, 5, 4)
    compared, reference = ComparedBoard("cleaned", board, ()), reference_of(board)
    quick, thorough = (
        audit.audit_schemes(compared, reference, ["HIER"], thorough=thorough)[0] for thorough in (False, True)
    )
    assert (quick.monotonicity, quick.proven) == (None, True)
    assert (thorough.monotonicity.violations, thorough.proven) == (0, False)
    record = audit.audit_json(compared, reference, [quick])["schemes"]["HIER"]
    assert record["monotonicity"] is None
    assert record["not_measured"] == {"monotonicity": audit.PROVEN}
