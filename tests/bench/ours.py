"""What this package does, one function a task."""

from __future__ import annotations

import numpy as np

from brainalign_plugin.aggregation import get_scheme, scheme_names
from brainalign_plugin.aggregation.kemeny import kemeny_result
from brainalign_plugin.analysis.agreement import pairwise_spearman
from brainalign_plugin.analysis.orders import order_changes
from brainalign_plugin.analysis.removal import closed_form, scores_without_each
from brainalign_plugin.analysis.uncertainty import rank_uncertainty
from brainalign_plugin.board import Board


def copeland(board: Board) -> object:
    return get_scheme("COPELAND").scores(board)


def kemeny(board: Board) -> str:
    found = kemeny_result(board)
    return "optimal" if found.optimal else f"gap {found.gap:.2%}"


def iia(board: Board) -> str:
    names = [
        n for n in scheme_names() if get_scheme(n).bind is None and closed_form(get_scheme(n)) is not None
    ]
    for name in names:
        scheme = get_scheme(name)
        altered = scores_without_each(scheme, board)
        order_changes(scheme.scores(board), altered, removed=np.arange(len(board.models)))
    return f"{len(names)} schemes"


def bootstraps(board: Board) -> str:
    names = [n for n in scheme_names() if get_scheme(n).weights is not None or n == "GEOMETRIC"]
    for name in names:
        rank_uncertainty(get_scheme(name), board, resamples=10_000, seed=0, jobs=2)
    return f"{len(names)} schemes"


def mean_bootstrap(board: Board) -> object:
    return rank_uncertainty(get_scheme("FLAT"), board, resamples=1_000, seed=0)


def plackett_luce(board: Board) -> object:
    return get_scheme("PL").scores(board)


def bradley_terry(board: Board) -> object:
    return get_scheme("BT").scores(board)


def pairwise(board: Board) -> object:
    return pairwise_spearman(board.scores)
