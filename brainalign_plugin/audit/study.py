"""Study of all schemes on one cleaned board, limited to measurements that take seconds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic

from ..analysis import Analysis
from ..arrays import FloatArray
from ..certainty.rank import RankedScheme, Resampling, rank_schemes
from ..data.board import Board
from ..errors import ConvergenceError, InputError
from ..files.reference import Reference, given_board
from ..ranking.boards import ComparedBoard
from ..ranking.compare import SchemeComparison, compare_schemes
from ..schemes import Scheme, get_scheme, scheme_names
from .audit import SchemeAudit, measured, measures
from .perturb import Case, has_closed_form

# Matrices of models by models that an audit holds at once, and of draws by models that intervals need; both measured.
_AUDIT, _DRAWS = 8, 8
# Largest numbers of models on which a report fits or optimises, aggregates once a model, and fits once a model.
REPORT_MODELS, FIT_MODELS = 300, 100


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a study; what would exceed one is left out, and named."""

    memory: float = 1e9  # Bytes that one scheme may take
    # Time after which no further scheme is begun. The first scheme, a plain mean, is ranked whatever the limits.
    seconds: float = 600.0
    clock: Callable[[], float] = monotonic  # Seconds that have passed since any moment


@dataclass(frozen=True, eq=False)
class SchemeStudy:
    """Rankings, audits and comparison of the aggregation schemes on one board."""

    board: Board  # The cleaned board
    reference: Reference  # With the norms of the REF_ schemes: a named one, or the snapshot itself
    resampling: Resampling  # Level, number and seed of the draws behind intervals of ranks
    # All registered schemes; those of which nothing but the scale is fitted have intervals.
    schemes: tuple[RankedScheme, ...]
    audits: tuple[SchemeAudit, ...]  # Of the schemes that rank the board, without properties that take long
    comparison: SchemeComparison  # Of the schemes that rank the board

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the schemes."""
        return tuple(one.scheme.name for one in self.schemes)


def study_schemes(
    analysis: Analysis,
    reference: Reference | None = None,
    resampling: Resampling | None = None,
    limits: Limits = Limits(),
) -> SchemeStudy | None:
    """Rank, audit and compare all registered schemes on the cleaned board of an analysis.

    None if cleaning left fewer than two models, or no benchmark. The given snapshot itself is frozen for the REF_
    schemes without a reference.
    """
    board = analysis.cleaning.board
    if not _can_be_compared(board):
        return None
    compared = ComparedBoard("cleaned", board, ())
    reference = given_board(analysis.snapshot) if reference is None else reference
    used = Resampling() if resampling is None else resampling
    schemes: list[RankedScheme] = []
    audits, end = [], limits.clock() + limits.seconds
    for name in scheme_names():
        if schemes and limits.clock() >= end:
            problem = f"left out, because the study had reached its limit of {limits.seconds:g} seconds"
            schemes.append(RankedScheme(get_scheme(name).bind(reference), None, problem=problem))
            continue
        one = _ranked(compared, reference, name, used, limits if schemes else replace(limits, memory=math.inf))
        schemes.append(one)
        if one.ranking is not None:
            audits.append(_audit(one, board, one.ranking.scores, limits))
    rankings = [one.ranking for one in schemes if one.ranking is not None]
    return SchemeStudy(
        board=board,
        reference=reference,
        resampling=used,
        schemes=tuple(schemes),
        audits=tuple(audits),
        comparison=compare_schemes(board, rankings),
    )


def _can_be_compared(board: Board) -> bool:
    return len(board.models) > 1 and len(board.leaves) > 0


def _ranked(
    compared: ComparedBoard, reference: Reference, name: str, resampling: Resampling, limits: Limits
) -> RankedScheme:
    scheme = get_scheme(name).bind(reference)
    models, leaves = len(compared.board.models), len(compared.board.leaves)
    needed = scheme.memory(models, leaves)
    if needed > limits.memory:
        return RankedScheme(scheme, None, problem=f"left out, because it {_takes(needed, compared.size, limits)}")
    drawn = needed + 8.0 * _DRAWS * models * resampling.resamples <= limits.memory
    used = resampling if scheme.unfitted and drawn else None
    if scheme.effort in ("fit", "optimum") and models > REPORT_MODELS:
        return RankedScheme(
            scheme, None, problem=f"reports rank and audit it on at most {REPORT_MODELS} models, and there are {models}"
        )
    try:
        (found,) = rank_schemes(compared, reference, [name], resampling=used)
    except (InputError, ConvergenceError) as error:
        return RankedScheme(scheme, None, problem=str(error))
    return found


def _takes(needed: float, size: str, limits: Limits) -> str:
    return f"takes about {needed / 1e9:.1f} GB on {size}, and the limit is {limits.memory / 1e9:g} GB"


def _audit(one: RankedScheme, board: Board, base: FloatArray, limits: Limits) -> SchemeAudit:
    models, leaves = len(board.models), len(board.leaves)
    needed = one.scheme.memory(models, leaves) + 8.0 * _AUDIT * models**2
    if needed > limits.memory:
        size = ComparedBoard("cleaned", board, ()).size
        reason = f"no properties are measured, because that {_takes(needed, size, limits)}"
        return SchemeAudit(one.scheme, optimum=one.optimum, problem=reason)
    ways = measures(Case(one.scheme, board, known=base))
    found = measured(ways, exclude=set(ways) - _quick(one.scheme, models))
    return SchemeAudit(one.scheme, **found, optimum=one.optimum)


def _quick(scheme: Scheme, models: int) -> set[str]:
    """Return the properties that take well under a second on a hundred models, by the scheme and the size."""
    again = models <= REPORT_MODELS
    cheap = again and scheme.effort in ("formula", "pairs")
    # Rows that are fitted take several times as long as other fits, once a model; the universe score, which readers
    # are to compare with the official average, is worth that.
    whole = again and scheme.name == "UNIVERSE"
    fitted = whole or (models <= FIT_MODELS and scheme.effort == "fit" and scheme.rows is None)
    rescaled = scheme.order_only or (again and scheme.effort == "formula")
    quick = {
        "removal": has_closed_form(scheme) or cheap or fitted,
        "affine": rescaled,
        "monotone": rescaled or whole,
        "clone": cheap,
        "pareto": True,
        "monotonicity": again and scheme.linear and scheme.unfitted and not scheme.claims.monotonicity,
        "hierarchy": cheap or fitted,
    }
    return {name for name, affordable in quick.items() if affordable}
