"""Ranks of a board under every scheme, with intervals of the posterior, or ranges over papers left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from ..arrays import FloatArray, IntArray
from ..data.board import Board
from ..errors import BoardError, ConvergenceError, InputError
from ..files.reference import Reference
from ..parallel import each
from ..ranking.boards import ComparedBoard, aggregated_or_none, ranks_of_all, without
from ..ranking.compare import SchemeComparison, comparison_json
from ..schemes import Convention, Ranking, Scheme, get_scheme, rank_models, scheme_names
from ..schemes.base import Optimum
from ..text import brief, counted
from .posterior import DRAWS, LEVEL, Posterior
from .variance_components import NotEstimable, certainty_of, is_linear

SCHEMA = 1
Kind = Literal["posterior", "papers"]


@dataclass(frozen=True, slots=True)
class Resampling:
    """Settings of the intervals of ranks."""

    level: float = LEVEL  # Of the intervals
    resamples: int = DRAWS  # Draws of true scores
    seed: int = 0  # Of the draws
    thorough: bool = False  # Leave papers out also under schemes that take long
    jobs: int = 1  # Processes; the numbers do not depend on it
    above: tuple[tuple[int, int], ...] = ()  # Pairs of ids: is the first truly above the second?

    def __post_init__(self) -> None:
        if self.resamples < 1:
            raise InputError(f"{self.resamples} draws of true scores were asked for; give at least 1 draw")
        if not 0 < self.level < 1:
            raise InputError(f"the level of the intervals is {self.level}; give a number between 0 and 1, such as 0.95")


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
    scheme: Scheme, board: Board, convention: Convention | None = None, used: Resampling | None = None
) -> RankUncertainty:
    """Give the ranks of a board under a scheme intervals of the posterior, or ranges over papers left out.

    Raises BoardError if there is neither. `scheme`: bound to its reference. `board`: as it is before missing cells are
    filled.
    """
    used = used or Resampling()
    if not is_linear(scheme):
        reason = f"{scheme.name} is no weighted mean of scaled benchmarks"
    elif not board.complete:
        reason = f"{int(np.isnan(board.scores).sum())} scores of the board are missing"
    else:
        found = certainty_of(scheme, board)
        if not isinstance(found, NotEstimable):
            known = found.posterior
            ranks = known.ranks(used.resamples, used.seed, used.level)
            return RankUncertainty(
                "posterior", used.level, ranks.low, ranks.high, known.first(), ranks.top_ten, posterior=known
            )
        reason = found.reason
    return _over_papers(scheme, board, convention, reason, used.jobs)


def _over_papers(
    scheme: Scheme, board: Board, convention: Convention | None, reason: str, jobs: int
) -> RankUncertainty:
    papers = list(board.papers.values())

    def ranks(left_out: Sequence[int]) -> IntArray | None:
        scores = aggregated_or_none(scheme, without(board, left_out), convention)
        return None if scores is None else ranks_of_all(scores)

    found = list(each(ranks, [[], *papers] if len(papers) > 1 else [[]], jobs))
    usable = [one for one in found if one is not None]
    if found[0] is None or len(usable) < 2:
        raise BoardError(
            f"{scheme.name} has no interval of ranks: {reason}, and of {counted(len(papers), 'paper')} "
            "none can be left out"
        )
    low, high, failed = np.min(usable, axis=0), np.max(usable, axis=0), len(found) - len(usable)
    return RankUncertainty("papers", None, low, high, papers=len(found) - 1, failed=failed, reason=reason)


@dataclass(frozen=True, eq=False)
class RankedScheme:
    """One scheme on one board."""

    __repr__ = brief

    scheme: Scheme  # Bound to the reference if it needs one
    ranking: Ranking | None  # None if the scheme cannot be used on this board; `problem` has the reason
    uncertainty: RankUncertainty | None = None  # None if not asked for, or `problem` says why
    above: tuple[tuple[int, int, float], ...] = ()  # Pairs of ids and the probability; empty without a posterior
    problem: str = ""  # Empty if there is none

    @property
    def optimum(self) -> Optimum | None:
        """Objective and proven bound, for a scheme that is an optimisation."""
        return None if self.ranking is None else self.ranking.optimum


def rank_schemes(
    compared: ComparedBoard,
    reference: Reference,
    names: Sequence[str | Scheme] = (),
    convention: Convention | None = None,
    resampling: Resampling | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[RankedScheme, ...]:
    """Rank a board under several schemes, all registered ones if none is named.

    A single unusable scheme raises; of several, each names its problem. `convention`: rule for missing cells; each
    scheme's own if None. `progress`: called with the name of each scheme before it is computed.
    """
    schemes = [get_scheme(name).bind(reference) for name in (names or scheme_names())]
    found = []
    for scheme in schemes:
        progress(scheme.name)
        try:
            found.append(_ranked(compared, scheme, convention, resampling))
        except (InputError, ConvergenceError) as error:
            if len(schemes) == 1:
                raise
            found.append(RankedScheme(scheme, None, problem=str(error)))
    return tuple(found)


def _ranked(
    compared: ComparedBoard, scheme: Scheme, convention: Convention | None, resampling: Resampling | None
) -> RankedScheme:
    board = compared.board
    if board.complete and convention not in scheme.conventions:
        # A complete board has no missing cells, so every rule gives the same.
        convention = None
    ranked = RankedScheme(scheme, rank_models(board, scheme, convention))
    if resampling is None or not (resampling.thorough or scheme.effort in ("formula", "pairs")):
        return ranked
    try:
        found = rank_uncertainty(scheme, board, convention, resampling)
    except BoardError as error:
        return replace(ranked, problem=str(error))
    known = found.posterior
    row = {model: i for i, model in enumerate(board.ids)}
    above = () if known is None else resampling.above
    return replace(
        ranked,
        uncertainty=found,
        above=tuple((a, b, known.above(row[a], row[b])) for a, b in above if known is not None),
    )


def ranking_json(
    compared: ComparedBoard,
    reference: Reference,
    found: Sequence[RankedScheme],
    resampling: Resampling | None = None,
    comparison: SchemeComparison | None = None,
) -> dict[str, Any]:
    """Build the record of rankings; unknown is None."""
    return {
        "schema": SCHEMA,
        "board": board_json(compared),
        "reference": reference_json(reference),
        "resampling": resampling and {name: getattr(resampling, name) for name in ("level", "resamples", "seed")},
        "schemes": {one.scheme.name: _scheme_json(one) for one in found},
        "comparison": comparison and comparison_json(comparison),
    }


def board_json(compared: ComparedBoard) -> dict[str, Any]:
    """Build the record of the compared board."""
    board = compared.board
    return {
        "kind": compared.kind,
        "domain": board.domain,
        "models": len(board.models),
        "benchmarks": len(board.leaves),
        "left_out": [model.id for model in compared.left_out],
        "notes": list(compared.notes),
    }


def reference_json(reference: Reference) -> dict[str, Any]:
    """Build the record of the reference whose norms the REF schemes used."""
    return {
        "name": None if reference.is_given_board else reference.name,
        "sha256": reference.sha256,
        "description": reference.description,
    }


def _scheme_json(one: RankedScheme) -> dict[str, Any]:
    ranking, uncertainty = one.ranking, one.uncertainty
    record: dict[str, Any] = {"claims": asdict(one.scheme.claims)}
    record |= dict.fromkeys(("convention", "scores", "ranks", "intervals", "interval_kind"))
    if ranking is not None:

        def of_models(values: FloatArray | IntArray) -> dict[str, Any]:
            return dict(zip(map(str, ranking.ids), values.tolist(), strict=True))

        record["convention"] = ranking.convention
        record["scores"], record["ranks"] = of_models(ranking.scores), of_models(ranking.ranks)
        if uncertainty is not None:
            record["intervals"] = bounds_json(ranking.ids, uncertainty.low, uncertainty.high)
            record["interval_kind"], record["papers_left_out"] = uncertainty.kind, uncertainty.papers
            if uncertainty.first is not None and uncertainty.top_ten is not None:
                record["first"], record["top_ten"] = of_models(uncertainty.first), of_models(uncertainty.top_ten)
            else:
                record["no_posterior"] = uncertainty.reason
    if one.above:
        record["above"] = [{"one": a, "other": b, "probability": p} for a, b, p in one.above]
    return record | optimum_json(one.optimum) | ({"problem": one.problem} if one.problem else {})


def optimum_json(optimum: Optimum | None) -> dict[str, Any]:
    """Build the record of an optimisation; empty if there was none."""
    if optimum is None:
        return {}
    record: dict[str, Any] = {"objective": optimum.objective, "bound": optimum.bound}
    return record | ({"stopped": optimum.stopped} if optimum.stopped else {})


def bounds_json(ids: Sequence[int], low: IntArray, high: IntArray) -> dict[str, list[int]]:
    """Build the record of intervals of ranks."""
    return {str(i): [a, b] for i, a, b in zip(ids, low.tolist(), high.tolist(), strict=True)}
