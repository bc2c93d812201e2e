"""All schemes on one cleaned board, with what can be measured in seconds: what a report says of aggregation.

`brainalign rank` and `brainalign audit` measure everything, however long it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..aggregation import Scheme, get_scheme, scheme_names
from ..arrays import FloatArray
from ..board import Board
from ..errors import ConvergenceError, InputError
from ..references import Reference, given_board
from .audit import ConventionMoves, SchemeAudit, convention_moves
from .boards import ComparedBoard, compared_board
from .comparison import SchemeComparison, compare_schemes
from .monotonicity import in_one_go, monotonicity_violations
from .rank_sets import RankSets, scheme_rank_sets
from .ranking import RankedScheme, Resampling, bound_scheme, rank_schemes
from .record import Analysis
from .removal import closed_form
from .resampling import vectorised
from .stability import audit_removal, clone_rate, pareto_violations, respects_hierarchy, scale_rate
from .structure import sees_order_only
from .subject import Subject, halved, squared

# How many models a board may have for a report to fit or to optimise on it once, and to aggregate it once a model; to
# do that with a fit; and for rank sets, which compare all pairs of models in every resample.
REPORT_MODELS, FIT_MODELS, RANK_SET_MODELS = 200, 100, 400


@dataclass(frozen=True, eq=False)
class SchemeStudy:
    """What a report says of the aggregation schemes.

    Attributes
    ----------
    board : Board
        The cleaned board.
    reference : Reference
        The given snapshot, frozen for want of a named reference.
    resampling : Resampling
        How ranks were resampled.
    schemes : tuple of RankedScheme
        All registered schemes; those that are resampled all at once have intervals.
    rank_sets : dict of str to RankSets
        By scheme, where they exist: on more than a hundred models only of the first scheme that has them, on more
        than 400 of none.
    audits : tuple of SchemeAudit
        Of the schemes that rank the board; what takes long is not measured.
    comparison : SchemeComparison
        Of the schemes that rank the board.
    """

    board: Board
    reference: Reference
    resampling: Resampling
    schemes: tuple[RankedScheme, ...]
    rank_sets: dict[str, RankSets]
    audits: tuple[SchemeAudit, ...]
    comparison: SchemeComparison

    @property
    def names(self) -> tuple[str, ...]:
        """Of the schemes."""
        return tuple(one.scheme.name for one in self.schemes)


def study_schemes(
    analysis: Analysis,
    resampling: Resampling | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> SchemeStudy | None:
    """Rank, resample, audit and compare all registered schemes on the cleaned board of an analysis.

    Parameters
    ----------
    resampling : Resampling, optional
        Level, number and seed of the resamples of benchmarks; by default 95 %, 1,000 and 0.
    progress : callable
        Called with the name of each scheme before it is worked on.

    Returns
    -------
    SchemeStudy or None
        None if cleaning left fewer than two models, or no benchmark.
    """
    board = analysis.cleaning.board
    if not _can_be_compared(board):
        return None
    compared = ComparedBoard("cleaned", board, ())
    reference = given_board(analysis.snapshot)
    used = Resampling() if resampling is None else resampling
    schemes, audits = [], []
    for name in scheme_names():
        progress(name)
        one = _ranked(compared, reference, name, used)
        schemes.append(one)
        if one.ranking is not None:
            audits.append(_audit(one, reference, board, one.ranking.scores))
    rankings = [one.ranking for one in schemes if one.ranking is not None]
    return SchemeStudy(
        board=board,
        reference=reference,
        resampling=used,
        schemes=tuple(schemes),
        rank_sets=_rank_sets(schemes, board, used),
        audits=tuple(audits),
        comparison=compare_schemes(board, rankings),
    )


def moves_of_conventions(analysis: Analysis) -> ConventionMoves | None:
    """What rules for missing cells move on the full board of an analysis; None where `study_schemes` has no answer."""
    if not _can_be_compared(analysis.cleaning.board):
        return None
    full = compared_board(analysis.snapshot, "full").board
    return convention_moves(full, given_board(analysis.snapshot), cleaned=analysis.cleaning.board)


def _can_be_compared(board: Board) -> bool:
    return len(board.models) > 1 and len(board.leaves) > 0


def _slow(scheme: Scheme) -> bool:
    """Whether the scheme is an optimisation or a fit, done anew for each change of the board."""
    return scheme.costly and not in_one_go(scheme)


def _ranked(compared: ComparedBoard, reference: Reference, name: str, resampling: Resampling) -> RankedScheme:
    scheme = bound_scheme(name, reference)
    models = len(compared.board.models)
    if _slow(scheme) and models > REPORT_MODELS:
        return RankedScheme(
            scheme,
            None,
            problem=f"takes long on {models} models, so that reports leave it out; brainalign rank SNAPSHOT "
            f"--scheme {scheme.name} computes it",
        )
    try:
        (found,) = rank_schemes(
            compared, reference, [name], resampling=resampling if vectorised(scheme) else None
        )
    except (InputError, ConvergenceError) as error:
        return RankedScheme(scheme, None, problem=str(error))
    return found


def _rank_sets(schemes: list[RankedScheme], board: Board, used: Resampling) -> dict[str, RankSets]:
    models = len(board.models)
    most = 0 if models > RANK_SET_MODELS else 1 if models > FIT_MODELS else len(schemes)
    means = [one.scheme for one in schemes if one.uncertainty is not None and one.scheme.weights is not None]
    # On a complete board, all that tells weighted means apart; a rule for missing cells does not.
    distinct = {(scheme.scale, scheme.weights): scheme for scheme in means[:most]}
    of_mean = {
        key: scheme_rank_sets(scheme, board, used.resamples, used.seed, used.level)
        for key, scheme in distinct.items()
    }
    found = {scheme.name: of_mean[scheme.scale, scheme.weights] for scheme in means[:most]}
    return {name: one for name, one in found.items() if one is not None}


def _audit(one: RankedScheme, reference: Reference, board: Board, base: FloatArray) -> SchemeAudit:
    template = get_scheme(one.scheme.name)
    subject = Subject(template, reference if template.bind is not None else None)
    scheme = one.scheme
    measures: dict[str, Callable[[], Any]] = {
        "removal": lambda: audit_removal(scheme, board, base=base),
        "affine": lambda: scale_rate(subject, board, halved, base=base),
        "monotone": lambda: scale_rate(subject, board, squared, base=base),
        "clone": lambda: clone_rate(subject, board),
        "pareto": lambda: pareto_violations(scheme, board, base=base),
        "monotonicity": lambda: monotonicity_violations(scheme, board),
        "hierarchy": lambda: respects_hierarchy(subject, board),
    }
    measured: dict[str, Any] = {}
    problems: list[str] = []
    for name in _quick(one, len(board.models)):
        try:
            measured[name] = measures[name]()
        except (InputError, ConvergenceError) as error:
            problems.append(f"{name}: {error}")
    return SchemeAudit(scheme, **measured, kemeny=one.kemeny, problem="; ".join(problems))


def _quick(one: RankedScheme, models: int) -> tuple[str, ...]:
    """Properties that take well under a second on a hundred models; told by the scheme and the size, never by a clock.

    Of an optimum that is proven anew for every removal none is measured that has no short way.
    """
    scheme = one.scheme
    slow = _slow(scheme)
    again = models <= (FIT_MODELS if slow else REPORT_MODELS)
    in_short = closed_form(scheme) is not None
    quick = {
        "removal": in_short or (again and one.kemeny is None),
        "affine": sees_order_only(scheme) or (again and not slow),
        "monotone": sees_order_only(scheme) or (again and not slow),
        "clone": again and not slow,
        "pareto": True,
        "monotonicity": again and in_one_go(scheme),
        "hierarchy": again and one.kemeny is None,
    }
    return tuple(name for name, measured in quick.items() if measured)
