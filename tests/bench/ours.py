"""What this package does, one function a task."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from brainalign_plugin.agreement.correlation import pairwise_correlation
from brainalign_plugin.agreement.dimensionality import PERCENTILE, SEED, shuffled_eigenvalues
from brainalign_plugin.audit.perturb import Case, has_closed_form
from brainalign_plugin.audit.properties import audit_removal
from brainalign_plugin.certainty.rank import rank_uncertainty
from brainalign_plugin.data.board import Board
from brainalign_plugin.scales import z_scores
from brainalign_plugin.schemes import get_scheme, scheme_names
from brainalign_plugin.schemes.kemeny import kemeny as kemeny_ranking
from brainalign_plugin.schemes.pairwise import pairwise_wins


def copeland(board: Board) -> object:
    return get_scheme("COPELAND").scores(board)


def kemeny(board: Board) -> str:
    found = kemeny_ranking(pairwise_wins(board.scores))
    gap = 1 - found.objective / max(found.bound, 1)
    return f"gap {gap:.2%}" if gap else "optimal"


def closed_forms() -> list[str]:
    """Schemes that are audited for independence without aggregating again, those with frozen norms aside."""
    return [n for n in scheme_names() if not get_scheme(n).needs_norms and has_closed_form(get_scheme(n))]


def iia(names: Callable[[], list[str]], board: Board) -> str:
    for name in names():
        audit_removal(Case(get_scheme(name), board))
    return f"{len(names())} schemes"


def rank_intervals(board: Board) -> str:
    names = [n for n in scheme_names() if not get_scheme(n).needs_norms and get_scheme(n).effort == "formula"]
    for name in names:
        rank_uncertainty(get_scheme(name), board)
    return f"{len(names)} schemes"


def parallel_analysis(board: Board) -> object:
    return np.percentile(shuffled_eigenvalues(z_scores(board.scores), 1_000, SEED), PERCENTILE, axis=0)


def plackett_luce(board: Board) -> object:
    return get_scheme("PL").scores(board)


def bradley_terry(board: Board) -> object:
    return get_scheme("BT").scores(board)


def pairwise(board: Board) -> object:
    return pairwise_correlation(board.scores)
