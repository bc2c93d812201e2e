"""The short ways to what raised cells change, against every board aggregated from the beginning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brainalign_monitor import console_schemes
from brainalign_plugin.aggregation import get_scheme
from brainalign_plugin.analysis import audit, monotonicity
from brainalign_plugin.analysis.boards import ComparedBoard, aggregated, ranks_of_all
from brainalign_plugin.analysis.monotonicity import monotonicity_violations
from brainalign_plugin.analysis.raising import cells, kemeny
from brainalign_plugin.errors import BoardError, ConvergenceError
from tests.boards import board_of_matrix, drawn_board, halves
from tests.schemes import reference_of

SHORT = [
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


@pytest.fixture
def from_cold(monkeypatch):
    """What was aggregated from cold: a list of one entry a board."""
    found, whole, ranked = [], cells.falls_from_cold, kemeny.kemeny

    def spied(case, i, columns):
        found.extend(columns.tolist())
        return whole(case, i, columns)

    def spied_ranking(*arguments):
        found.append(None)
        return ranked(*arguments)

    for module in (cells, monotonicity):
        monkeypatch.setattr(module, "falls_from_cold", spied)
    monkeypatch.setattr(kemeny, "kemeny", spied_ranking)
    return found


@pytest.mark.parametrize("name", SHORT)
@pytest.mark.parametrize(
    ("models", "leaves", "digits", "missing"),
    [(9, 7, 2, 0.0), (14, 9, 3, 0.0), (6, 10, 2, 0.0), (9, 8, 2, 0.25)],
)
def test_the_short_way_counts_what_all_boards_say(name, models, leaves, digits, missing):
    measured = 0
    for seed in range(4):
        board = drawn_board(seed, models, leaves, digits, missing)
        try:
            expected = falls_one_by_one(name, board)
            found = monotonicity_violations(get_scheme(name), board)
        except (BoardError, ConvergenceError):
            continue
        if expected is not None:
            measured += 1
            assert found == expected, seed
    assert measured


@pytest.mark.parametrize("name", SHORT)
def test_most_cells_need_no_board_of_their_own(name, from_cold):
    board = drawn_board(3, 14, 9)
    monotonicity_violations(get_scheme(name), board)
    assert len(from_cold) < board.scores.size / 3


def test_a_scheme_that_nobody_knows_is_aggregated_for_each_cell(from_cold):
    board = drawn_board(3, 5, 4)
    stranger = replace(get_scheme("PC1"), combine=lambda board: board.scores.max(axis=1))
    assert monotonicity_violations(stranger, board) == 0
    assert len(from_cold) == board.scores.size
    assert not monotonicity.has_short_way(stranger)


def test_models_that_cannot_be_told_apart_are_no_exception():
    """Two models with the same scores share a place under KEMENY, until one of them is raised."""
    board = drawn_board(5, 7, 6, 2)
    scores = np.array(board.scores)
    scores[3] = scores[1]
    scores[6] = scores[2]
    board = replace(board, scores=scores)
    for name in ("KEMENY", "SCHULZE", "BT", "PL"):
        assert monotonicity_violations(get_scheme(name), board) == falls_one_by_one(name, board), name


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
    assert monotonicity_violations(get_scheme("KEMENY"), board) == falls_one_by_one("KEMENY", board) == 1


@pytest.mark.parametrize(("seed", "models", "leaves", "digits"), [(100, 12, 11, 2), (101, 7, 12, 3)])
def test_of_several_optima_of_a_factor_the_one_is_taken_that_the_search_from_cold_leads_to(
    seed, models, leaves, digits
):
    """A raised score may send the search to another optimum than the one next to where it ended before."""
    board = drawn_board(seed, models, leaves, digits)
    assert monotonicity_violations(get_scheme("FACTOR1"), board) == falls_one_by_one("FACTOR1", board)


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
    console_schemes.audit(compared, reference, found, audit.ConventionMoves((), ()))
    told = " ".join(capsys.readouterr().out.split())
    assert (
        "KEMENY: IIA, clone, monotonicity, hierarchy, benchmarks left out not measured, because it takes long"
        in told
    )
    assert audit.audit_schemes(compared, reference, ["KEMENY"], thorough=True)[0].left_out == ()


@pytest.mark.parametrize("name", ["GLS", "PC1"])
def test_the_only_leaf_becomes_constant(name):
    board = board_of_matrix([[0.99], [1.0]], halves(1))
    assert monotonicity_violations(get_scheme(name), board) == falls_one_by_one(name, board) == 0


@pytest.mark.parametrize("name", ["PC1", "FACTOR1", "DSP_PCA", "DSP_PCA_Std", "GLS"])
def test_a_leaf_on_which_nobody_can_rise(name):
    board = drawn_board(2, 6, 5)
    scores = np.array(board.scores)
    scores[:, 1] = 1.0
    board = replace(board, scores=scores)
    assert monotonicity_violations(get_scheme(name), board) == falls_one_by_one(name, board)
