"""Intervals of ranks, for every kind of scheme.

A scheme that is a weighted mean of scaled leaves has a posterior of its true scores (`variance_components`), and its
intervals hold a true rank with a stated probability. Of any other scheme, and of a board with missing scores, only the
range of ranks over the boards without one paper is known, which has no probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..arrays import FloatArray, IntArray
from ..data.board import Board
from ..data.tree import paper
from ..errors import BoardError, ConvergenceError, InputError
from ..parallel import each
from ..ranking.boards import aggregated, ranks_of_all
from ..schemes import Convention, Scheme
from .linear import is_linear
from .posterior import DRAWS, LEVEL, Posterior
from .variance_components import NotEstimable, certainty_of

Kind = Literal["posterior", "papers"]


@dataclass(frozen=True, eq=False)
class RankUncertainty:
    """Intervals or ranges of the ranks of ``n`` models."""

    # ``posterior``: interval of the true rank, had all papers measured that could have. ``papers``: lowest and
    # highest rank over the whole board and the boards without one paper.
    kind: Kind
    level: float | None  # Of the intervals; None for ranges over papers
    # Each of the shape (n,)
    low: IntArray
    high: IntArray
    # Shape (n,); probability to be truly the first, and among the first ten; None for ranges over papers.
    first: FloatArray | None = None
    top_ten: FloatArray | None = None
    papers: int = 0  # Number of papers left out, each in turn; 0 for a posterior
    failed: int = 0  # Number of them that the scheme needs
    reason: str = ""  # Why there is no posterior; empty where there is one
    posterior: Posterior | None = None


def rank_uncertainty(
    scheme: Scheme,
    board: Board,
    convention: Convention | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
    jobs: int = 1,
) -> RankUncertainty:
    """Give the ranks of a board under a scheme intervals of the posterior, or ranges over papers left out.

    Raises BoardError if there is neither. `scheme`: bound to its reference. `board`: as it is before missing cells are
    filled. `draws, seed`: of true scores.
    """
    if draws < 1 or not 0 < level < 1:
        raise InputError(
            f"{draws} draws at the level {level}: give at least 1 draw and a level between 0 and 1"
        )
    if not is_linear(scheme):
        reason = f"{scheme.name} is no weighted mean of scaled benchmarks"
    elif not board.complete:
        reason = f"{int(np.isnan(board.scores).sum())} scores of the board are missing"
    else:
        found = certainty_of(scheme, board)
        if not isinstance(found, NotEstimable):
            known = found.posterior
            ranks = known.ranks(draws, seed, level)
            return RankUncertainty(
                "posterior", level, ranks.low, ranks.high, known.first(), ranks.top_ten, posterior=known
            )
        reason = found.reason
    return _over_papers(scheme, board, convention, reason, jobs)


def _over_papers(
    scheme: Scheme, board: Board, convention: Convention | None, reason: str, jobs: int
) -> RankUncertainty:
    papers = np.array([paper(leaf) for leaf in board.leaves])
    names = list(dict.fromkeys(papers.tolist()))

    def ranks(name: str | None) -> IntArray | None:
        rest = board if name is None else board.take(columns=np.flatnonzero(papers != name).tolist())
        try:
            return ranks_of_all(aggregated(scheme, rest, convention))
        except (BoardError, ConvergenceError):
            return None

    found = list(each(ranks, [None, *names] if len(names) > 1 else [None], jobs))
    usable = [one for one in found if one is not None]
    left_out = len(found) - 1
    if found[0] is None or len(usable) < 2:
        raise BoardError(
            f"{scheme.name} has no interval of ranks: {reason}, and of {len(names)} "
            f"{'paper' if len(names) == 1 else 'papers'} none can be left out"
        )
    return RankUncertainty(
        "papers",
        None,
        np.min(usable, axis=0),
        np.max(usable, axis=0),
        papers=left_out,
        failed=len(found) - len(usable),
        reason=reason,
    )
