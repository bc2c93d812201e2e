"""A board under every scheme, with intervals: what ``brainalign rank`` prints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..aggregation import Convention, Ranking, Scheme, get_scheme, rank_models, scheme_names
from ..aggregation.kemeny import KemenyResult, kemeny_result
from ..errors import BoardError, ConvergenceError
from ..references import Reference
from .boards import ComparedBoard, resolved_board
from .measurement import measured_leaves
from .uncertainty import Kind, RankUncertainty, rank_uncertainty

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Resampling:
    """How ranks are resampled: the level of the intervals, how often, from which seed, and what."""

    level: float = 0.95
    resamples: int = 1000
    costly_resamples: int = 0
    seed: int = 0
    kind: Kind = "benchmarks"
    jobs: int = 1


@dataclass(frozen=True, eq=False)
class RankedScheme:
    """One scheme on one board.

    Attributes
    ----------
    scheme : Scheme
        Bound to the reference if it needs one.
    ranking : Ranking or None
        None if the scheme cannot be used on this board; then `problem` says why.
    uncertainty : RankUncertainty or None
        None if it was not asked for, or the scheme is too dear to resample.
    kemeny : KemenyResult or None
        Objective and proven bound, for KEMENY.
    problem : str
        Empty if there is none.
    """

    scheme: Scheme
    ranking: Ranking | None
    uncertainty: RankUncertainty | None = None
    kemeny: KemenyResult | None = None
    problem: str = ""


def bound_scheme(name: str, reference: Reference) -> Scheme:
    """Look up a scheme, bound to the reference if it needs one."""
    scheme = get_scheme(name)
    return scheme.bind(reference) if scheme.bind is not None else scheme


def rank_schemes(
    compared: ComparedBoard,
    reference: Reference,
    names: Sequence[str] = (),
    convention: Convention | None = None,
    resampling: Resampling | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[RankedScheme, ...]:
    """Rank a board under several schemes.

    Parameters
    ----------
    names : sequence of str
        All registered schemes if empty. A single scheme that cannot be used raises; of several, each says so.
    convention : str, optional
        Rule for missing cells; each scheme's own if None.
    resampling : Resampling, optional
        No intervals if None.
    progress : callable
        Called with the name of each scheme before it is computed.

    Raises
    ------
    SchemeError
        If a name is unknown, or a single scheme does not support the convention.
    """
    schemes = [bound_scheme(name, reference) for name in (names or scheme_names())]
    found = []
    for scheme in schemes:
        progress(scheme.name)
        try:
            found.append(_ranked(compared, scheme, convention, resampling))
        except (BoardError, ConvergenceError) as error:
            if len(schemes) == 1:
                raise
            found.append(RankedScheme(scheme, None, problem=str(error)))
    return tuple(found)


def _ranked(
    compared: ComparedBoard, scheme: Scheme, convention: Convention | None, resampling: Resampling | None
) -> RankedScheme:
    rule = convention if convention in scheme.conventions or compared.board.complete else None
    if convention is not None and rule is None:
        raise BoardError(
            f"{scheme.name} does not support {convention!r} for missing cells; it has {', '.join(scheme.conventions)}"
        )
    usable = rule if rule in scheme.conventions else None
    ranking = rank_models(compared.board, scheme, usable)
    board = resolved_board(scheme, compared.board, usable)
    uncertainty = None
    if resampling is not None:
        resamples = resampling.costly_resamples if scheme.costly else resampling.resamples
        if resamples:
            uncertainty = rank_uncertainty(
                scheme,
                board,
                resamples,
                resampling.seed,
                resampling.level,
                resampling.kind,
                measured_leaves(board),
                resampling.jobs,
            )
    return RankedScheme(
        scheme, ranking, uncertainty, kemeny_result(board) if scheme.name == "KEMENY" else None
    )


def ranking_json(
    compared: ComparedBoard, reference: Reference, found: Sequence[RankedScheme]
) -> dict[str, Any]:
    """The record that ``brainalign rank --json`` prints; unknown is None."""
    return {
        "schema": SCHEMA,
        "board": board_json(compared),
        "reference": reference_json(reference),
        "schemes": {one.scheme.name: _scheme_json(one) for one in found},
    }


def board_json(compared: ComparedBoard) -> dict[str, Any]:
    """Which board was used."""
    board = compared.board
    return {
        "kind": compared.kind,
        "domain": board.domain,
        "models": len(board.models),
        "benchmarks": len(board.leaves),
        "left_out": [model.id for model in compared.left_out],
    }


def reference_json(reference: Reference) -> dict[str, Any]:
    """Which frozen norms the REF schemes used."""
    return {
        "name": None if reference.is_given_board else reference.name,
        "sha256": reference.sha256,
        "description": reference.description,
    }


def _scheme_json(one: RankedScheme) -> dict[str, Any]:
    ranking, uncertainty = one.ranking, one.uncertainty
    record: dict[str, Any] = {
        "claims": asdict(one.scheme.claims),
        "convention": None,
        "scores": None,
        "ranks": None,
        "intervals": None,
    }
    if ranking is not None:
        ids = [str(i) for i in ranking.ids]
        record["convention"] = ranking.convention
        record["scores"] = dict(zip(ids, ranking.scores.tolist(), strict=True))
        record["ranks"] = dict(zip(ids, ranking.ranks.tolist(), strict=True))
        if uncertainty is not None:
            bounds = zip(uncertainty.low.tolist(), uncertainty.high.tolist(), strict=True)
            record["intervals"] = {i: list(pair) for i, pair in zip(ids, bounds, strict=True)}
            record["first"] = dict(zip(ids, uncertainty.first.tolist(), strict=True))
            record["top_ten"] = dict(zip(ids, uncertainty.top_ten.tolist(), strict=True))
    if one.kemeny is not None:
        record["objective"], record["bound"] = one.kemeny.objective, one.kemeny.bound
    if one.problem:
        record["problem"] = one.problem
    return record
