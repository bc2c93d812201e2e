"""What others do, one function a task. Their packages come with the extra ``[bench]``."""

from __future__ import annotations

import numpy as np
from scipy import stats

from brainalign_plugin.aggregation import get_scheme
from brainalign_plugin.analysis.orders import order_changes
from brainalign_plugin.board import Board

from . import ours


def _profile(board: Board):
    from pref_voting.profiles_with_ties import ProfileWithTies
    from pref_voting.rankings import Ranking

    ranks = stats.rankdata(-board.scores, method="dense", axis=0, nan_policy="omit")
    rankings = [
        Ranking({i: int(r) for i, r in enumerate(column.tolist()) if not np.isnan(r)}) for column in ranks.T
    ]
    return ProfileWithTies(rankings, candidates=list(range(len(board.models))))


def pref_voting_copeland(board: Board) -> object:
    from pref_voting.c1_methods import copeland

    profile = _profile(board)
    profile.use_extended_strict_preference()
    return copeland(profile)


def pref_voting_kemeny(board: Board) -> object:
    from pref_voting.other_methods import kemeny_young

    return kemeny_young(_profile(board))


def recomputed_iia(board: Board) -> str:
    """Our schemes, aggregated again without each model."""
    models = len(board.models)
    for name in ours.closed_forms():
        scheme = get_scheme(name)
        altered = np.zeros((models, models))
        for k in range(models):
            others = [i for i in range(models) if i != k]
            altered[k, others] = scheme.scores(board.take(rows=others))
        order_changes(scheme.scores(board), altered, removed=np.arange(models))
    return f"{len(ours.closed_forms())} schemes"


def pref_voting_iia(board: Board) -> str:
    """Copeland's winner without each model, the nearest that it has."""
    from pref_voting.c1_methods import copeland

    profile = _profile(board)
    profile.use_extended_strict_preference()
    candidates = profile.candidates
    for gone in candidates:
        copeland(profile, curr_cands=[c for c in candidates if c != gone])
    return "Copeland's winner alone"


def mean_bootstrap(board: Board) -> object:
    rng = np.random.default_rng(0)
    leaves = len(board.leaves)
    return [
        stats.rankdata(-board.scores[:, rng.integers(0, leaves, leaves)].mean(axis=1), method="min")
        for _ in range(1_000)
    ]


def _rankings(board: Board) -> list[list[int]]:
    return [[int(i) for i in np.argsort(-c, kind="stable") if not np.isnan(c[i])] for c in board.scores.T]


def choix_plackett_luce(board: Board) -> object:
    import choix

    return choix.opt_rankings(len(board.models), _rankings(board), alpha=1e-6)


def choix_bradley_terry(board: Board) -> object:
    import choix

    pairs = [
        (one, other)
        for ranking in _rankings(board)
        for place, one in enumerate(ranking)
        for other in ranking[place + 1 :]
    ]
    return choix.ilsr_pairwise(len(board.models), pairs, alpha=1e-6)


def parallel_analysis(board: Board) -> object:
    rng = np.random.default_rng(0)
    values = [
        np.linalg.eigvalsh(np.corrcoef([rng.permutation(column) for column in board.scores.T]))
        for _ in range(1_000)
    ]
    return np.percentile(values, 95, axis=0)


def pairwise(board: Board) -> object:
    scores, found = board.scores, {}
    for i in range(scores.shape[1]):
        for j in range(i):
            both = ~np.isnan(scores[:, i]) & ~np.isnan(scores[:, j])
            if both.sum() >= 20:
                found[i, j] = stats.spearmanr(scores[both, i], scores[both, j]).statistic
    return found
