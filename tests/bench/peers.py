"""What others do, one function a task. Their packages come with the extra ``[bench]``."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable

import numpy as np
from scipy import stats

from brainalign_plugin.audit.properties import order_changes
from brainalign_plugin.data.board import Board
from brainalign_plugin.schemes import get_scheme


def _profile(board: Board):
    from pref_voting.profiles_with_ties import ProfileWithTies
    from pref_voting.rankings import Ranking

    ranks = stats.rankdata(-board.scores, method="dense", axis=0, nan_policy="omit")
    rankings = [Ranking({i: int(r) for i, r in enumerate(column.tolist()) if not np.isnan(r)}) for column in ranks.T]
    return ProfileWithTies(rankings, candidates=list(range(len(board.models))))


def pref_voting_copeland(board: Board) -> object:
    from pref_voting.c1_methods import copeland

    profile = _profile(board)
    profile.use_extended_strict_preference()
    return copeland(profile)


def pref_voting_kemeny(board: Board) -> object:
    from pref_voting.other_methods import kemeny_young

    return kemeny_young(_profile(board))


def _buckets(board: Board):
    from corankco.dataset import Dataset

    ranks = stats.rankdata(-board.scores, method="dense", axis=0, nan_policy="omit")
    return Dataset.from_raw_list(
        [[set(np.flatnonzero(c == r).tolist()) for r in np.unique(c[~np.isnan(c)])] for c in ranks.T]
    )


def corankco_copeland(board: Board) -> object:
    from corankco.algorithms.copeland.copeland import CopelandMethod
    from corankco.scoringscheme import ScoringScheme

    # Of its measures the one under which a benchmark that lacks one of two models says nothing about the pair.
    measure = ScoringScheme.get_induced_measure_scoring_scheme()
    return CopelandMethod().compute_consensus_rankings(_buckets(board), measure)


def corankco_kemeny(board: Board) -> object:
    # Its choice of a solver takes cplex, whether that is installed or not.
    from corankco.algorithms.exact.exactalgorithmpulp import ExactAlgorithmPulp
    from corankco.scoringscheme import ScoringScheme

    measure = ScoringScheme.get_induced_measure_scoring_scheme()
    return ExactAlgorithmPulp().compute_consensus_rankings(_buckets(board), measure)


def recomputed_iia(names: Callable[[], list[str]], board: Board) -> str:
    """Our schemes, aggregated again without each model."""
    models = len(board.models)
    for name in names():
        scheme = get_scheme(name)
        altered = np.zeros((models, models))
        for k in range(models):
            others = [i for i in range(models) if i != k]
            altered[k, others] = scheme.scores(board.take(rows=others))
        order_changes(scheme.scores(board), altered, removed=np.arange(models))
    return f"{len(names())} schemes"


def pref_voting_iia(board: Board) -> str:
    """Copeland's winner without each model, the nearest that it has."""
    from pref_voting.c1_methods import copeland

    profile = _profile(board)
    profile.use_extended_strict_preference()
    candidates = profile.candidates
    for gone in candidates:
        copeland(profile, curr_cands=[c for c in candidates if c != gone])
    return "Copeland's winner alone"


def pymcdm_iia(board: Board) -> str:
    """Ranks of one scheme without each model."""
    from pymcdm.correlations import spearman
    from pymcdm.helpers import leave_one_out_rr
    from pymcdm.methods import WSM
    from pymcdm.normalizations import minmax_normalization

    leaves = len(board.leaves)
    leave_one_out_rr(WSM(minmax_normalization), board.scores, np.full(leaves, 1 / leaves), np.ones(leaves), spearman)
    return "MINMAX alone"


def benchbench_iia(board: Board) -> str:
    """A stochastic search for models whose removal makes a fifth change places by win rate, one step a model."""
    from benchbench.measures.ordinal import get_sensitivity

    table = board.to_frame()
    fifth = np.arange(max(2, len(table) // 5))
    # It prints a line a step.
    with contextlib.redirect_stdout(io.StringIO()):
        get_sensitivity(table, list(table.columns), fifth, num_step=len(table))
    return "WIN_RATE alone, sampled"


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


def bencheval_bradley_terry(board: Board) -> object:
    from bencheval.evaluator import BenchmarkEvaluator

    table = board.to_frame().rename_axis("method").melt(ignore_index=False, var_name="task", value_name="score")
    results = table.dropna().reset_index().assign(metric_error=lambda found: 1 - found["score"])
    return BenchmarkEvaluator(columns_to_agg_extra=None).compute_elo(
        results, BOOTSTRAP_ROUNDS=1, include_quantiles=False, round_decimals=None
    )


def horns_parallel_analysis(board: Board) -> object:
    import horns

    # The first run compiles it, for close to a minute.
    return horns.parallel_analysis(np.array(board.scores), 1_000, randomisation_method="shuffle")


def parallel_analysis(board: Board) -> object:
    rng = np.random.default_rng(0)
    values = [
        np.linalg.eigvalsh(np.corrcoef([rng.permutation(column) for column in board.scores.T])) for _ in range(1_000)
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
