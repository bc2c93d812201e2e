"""Certainty of a board: reliability, tiers, influence of papers, families, intervals and universe scores at once."""

from __future__ import annotations

from dataclasses import dataclass

from ..data.board import Board
from ..data.cleaning import complete_board
from ..text import brief
from .bootstrap import RESAMPLES, FamilyBootstrap, family_bootstrap
from .families import Families, FamilyTable, Replicates, families, rerun_reliability
from .figures import OFFICIAL
from .influence import LeftOut, leave_one_paper_out
from .posterior import DRAWS, RankIntervals
from .universe_ranks import Universe, universe
from .variance_components import COMPONENTS, Certainty, NotEstimable, certainties, component_table, linear_form


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
    found = schemes[OFFICIAL]
    official = None if isinstance(found, NotEstimable) else found
    form = linear_form(OFFICIAL, cleaned) if usable else None
    grouped = families(cleaned, named)
    return BoardCertainty(
        board=cleaned,
        schemes=schemes,
        components=dict.fromkeys(COMPONENTS) if form is None else component_table(form, cleaned),
        ranks=None if official is None else official.posterior.ranks(draws, seed),
        first={} if official is None else dict(zip(cleaned.ids, official.posterior.first().tolist(), strict=True)),
        tiers=()
        if official is None
        else tuple(tuple(cleaned.ids[i] for i in tier) for tier in official.tiers.positions),
        papers=leave_one_paper_out(cleaned) if usable else (),
        families=grouped,
        bootstrap=family_bootstrap(cleaned, grouped, resamples, seed),
        replicates=rerun_reliability(cleaned, grouped),
        universe=universe(board, max_missing, families(board, named), draws, seed),
    )
