"""What this package does, one function a task."""

from __future__ import annotations

from collections.abc import Callable

from brainalign_plugin.aggregation import get_scheme, scheme_names
from brainalign_plugin.aggregation.kemeny import kemeny_result
from brainalign_plugin.aggregation.votes import SCHULZE
from brainalign_plugin.analysis.agreement import pairwise_spearman
from brainalign_plugin.analysis.dimensions import parallel_thresholds
from brainalign_plugin.analysis.removal import closed_form
from brainalign_plugin.analysis.removing.components import OF_COMPONENTS
from brainalign_plugin.analysis.removing.worths import OF_WORTHS
from brainalign_plugin.analysis.resampling import vectorised
from brainalign_plugin.analysis.stability import audit_removal
from brainalign_plugin.analysis.uncertainty import Resampled, rank_uncertainty
from brainalign_plugin.board import Board
from brainalign_plugin.scales import z_scores


def copeland(board: Board) -> object:
    return get_scheme("COPELAND").scores(board)


def kemeny(board: Board) -> str:
    found = kemeny_result(board)
    return "optimal" if found.optimal else f"gap {found.gap:.2%}"


def closed_forms() -> list[str]:
    """Schemes that are audited for independence without aggregating again, those with frozen norms aside."""
    return [
        n for n in scheme_names() if get_scheme(n).bind is None and closed_form(get_scheme(n)) is not None
    ]


def short_ways() -> list[str]:
    """Schemes without a closed form that are audited for independence from what the whole board says."""
    known = (*OF_COMPONENTS, *OF_WORTHS, SCHULZE.combine)
    return [n for n in scheme_names() if get_scheme(n).combine in known]


def iia(names: Callable[[], list[str]], board: Board) -> str:
    for name in names():
        audit_removal(get_scheme(name), board)
    return f"{len(names())} schemes"


def flat_and_tree() -> list[str]:
    """Schemes whose resamples are aggregated all at once."""
    return [n for n in scheme_names() if get_scheme(n).bind is None and vectorised(get_scheme(n))]


def bootstraps(board: Board, resamples: int = 10_000) -> str:
    names = flat_and_tree()
    for name in names:
        rank_uncertainty(Resampled(get_scheme(name), board), resamples, seed=0, jobs=2)
    return f"{len(names)} schemes"


def mean_bootstrap(board: Board) -> object:
    return rank_uncertainty(Resampled(get_scheme("FLAT"), board), 1_000, seed=0)


def parallel_analysis(board: Board) -> object:
    return parallel_thresholds(z_scores(board.scores), 1_000)


def plackett_luce(board: Board) -> object:
    return get_scheme("PL").scores(board)


def bradley_terry(board: Board) -> object:
    return get_scheme("BT").scores(board)


def pairwise(board: Board) -> object:
    return pairwise_spearman(board.scores)
