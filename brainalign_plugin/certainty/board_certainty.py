"""Certainty of a board: reliability, tiers, influence of papers, families, intervals and universe scores at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..agreement.correlation import spearman_matrix
from ..data.board import Board
from ..data.cleaning import complete_board
from ..ranking.boards import aggregated, aggregated_or_none, ranks_of_all
from ..schemes import get_scheme
from ..text import brief
from .bootstrap import RESAMPLES, FamilyBootstrap, family_bootstrap
from .families import Families, FamilyTable, Replicates, families, rerun_reliability
from .figures import headline, rank_correlations
from .posterior import DRAWS, RankIntervals
from .universe_ranks import Universe, universe
from .variance_components import (
    COMPONENTS,
    Certainty,
    NotEstimable,
    certainties,
    component_table,
    linear_form,
)

SCHEME = "HIER"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One paper left out of a board."""

    name: str
    figures: dict[str, float | None]  # Headline figures of the rest
    changes: dict[str, float | None]  # Differences from those of the whole board
    # Id of the first model of the rest, the smallest id among equals; None where the scheme cannot rank the rest.
    winner: int | None = None
    mean_shift: float | None = None  # Mean number of places that a model moves
    rho: float | None = None  # Spearman's correlation of the scheme's scores with those on the whole board


def leave_one_paper_out(board: Board, scheme: str = SCHEME) -> tuple[LeftOut, ...]:
    """Leave each paper of a complete board out in turn, in the order of the board."""
    used = get_scheme(scheme)
    rho = rank_correlations(board.scores, np.ones((1, len(board.models)), dtype=np.int64))
    whole, scores = headline(board, rho=rho).first(), aggregated(used, board)
    first, second = np.triu_indices(len(board.leaves), k=1)
    found = []
    for name, columns in board.papers.items():
        kept = np.ones(len(board.leaves), dtype=bool)
        kept[columns] = False
        figures: dict[str, float | None] = dict.fromkeys(whole)
        again = None
        if kept.any():
            rest = board.take(columns=np.flatnonzero(kept).tolist())
            figures = headline(rest, rho=rho[:, kept[first] & kept[second]]).first()
            again = aggregated_or_none(used, rest)
        changes = {
            figure: None if value is None or (before := whole[figure]) is None else value - before
            for figure, value in figures.items()
        }
        if again is None:
            found.append(LeftOut(name, figures, changes))
            continue
        ranks = ranks_of_all(again)
        winner = min(model for model, rank in zip(board.ids, ranks.tolist(), strict=True) if rank == 1)
        shift = float(np.abs(ranks - ranks_of_all(scores)).mean())
        similar = float(spearman_matrix(np.column_stack([scores, again]))[0, 1])
        found.append(LeftOut(name, figures, changes, winner, shift, None if np.isnan(similar) else similar))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class BoardCertainty:
    """Reliability, intervals and influences of the figures and ranks of a board."""

    __repr__ = brief

    board: Board  # The cleaned board, ``n`` models
    # Reliability of each scheme that is a weighted mean of scaled leaves.
    schemes: dict[str, Certainty | NotEstimable]
    # Variance of a leaf of the official average: model, model × stratum, model × paper, model × leaf, in per
    # cent.
    components: dict[str, float | None]
    ranks: RankIntervals | None  # Of the official average; None where its reliability is not estimable
    # Probability of each model id to be truly the first under the official average; empty where not estimable.
    first: dict[int, float]
    tiers: tuple[tuple[int, ...], ...]  # Ids, best tier first; empty where not estimable
    papers: tuple[LeftOut, ...]  # Official average without each paper
    families: Families  # Of the models of the cleaned board
    # Headline figures with intervals over families, and effective numbers of models.
    bootstrap: FamilyBootstrap
    replicates: Replicates | NotEstimable  # Rerun reliability
    universe: Universe | NotEstimable  # Universe scores of all models, on the kept leaves


def certainty(
    board: Board,
    max_missing: float = 0.5,
    resamples: int = RESAMPLES,
    draws: int = DRAWS,
    seed: int = 0,
    named: FamilyTable = (),
) -> BoardCertainty:
    """Estimate how sure the figures and ranks of a board are.

    `board`: all models of a snapshot; it is cleaned for all but the universe score, which ranks models with missing
    scores too. `resamples`: of families of models. `draws`: of true scores. `named`: the user's table of families.
    """
    cleaned = complete_board(board, max_missing)
    usable = bool(cleaned.models and cleaned.leaves)
    schemes = certainties(cleaned)
    found = schemes[SCHEME]
    official = None if isinstance(found, NotEstimable) else found
    form = linear_form(SCHEME, cleaned) if usable else None
    grouped = families(cleaned, named)
    return BoardCertainty(
        board=cleaned,
        schemes=schemes,
        components=dict.fromkeys(COMPONENTS) if form is None else component_table(form, cleaned),
        ranks=None if official is None else official.posterior.ranks(draws, seed),
        first={}
        if official is None
        else dict(zip(cleaned.ids, official.posterior.first().tolist(), strict=True)),
        tiers=()
        if official is None
        else tuple(tuple(cleaned.ids[i] for i in tier) for tier in official.tiers.positions),
        papers=leave_one_paper_out(cleaned, SCHEME) if usable else (),
        families=grouped,
        bootstrap=family_bootstrap(cleaned, grouped, resamples, seed),
        replicates=rerun_reliability(cleaned, grouped),
        universe=universe(board, max_missing, draws=draws, seed=seed),
    )
