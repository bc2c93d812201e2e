"""Properties of schemes, measured on one board."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from ..certainty.rank import SCHEMA, board_json, optimum_json, reference_json
from ..data.board import Board
from ..errors import ConvergenceError, InputError
from ..files.reference import Reference
from ..ranking.boards import ComparedBoard, resolved_board
from ..scales import competition_ranks
from ..schemes import CONVENTIONS, Claims, Convention, Ranking, Scheme, get_scheme, rank_models, scheme_names
from ..schemes.base import Optimum
from .perturb import Case, halved, has_closed_form, squared
from .properties import (
    SAMPLE,
    BenchmarkInfluence,
    Monotonicity,
    RemovalAudit,
    audit_removal,
    benchmark_influence,
    clone_rate,
    monotonicity,
    pareto_violations,
    respects_hierarchy,
    scale_shares,
)

# Complete cases only: the models without a missing cell.
COMPLETE = "complete"
RULES = {str(name): text for name, text in CONVENTIONS.items()} | {
    COMPLETE: "only the benchmarks and models of the cleaned board, which are ranked among themselves"
}
# Largest numbers of models for properties that aggregate the board repeatedly, that optimise repeatedly,
# and for raising every cell where each raise aggregates the board again.
MANY_MODELS, OPTIMUM_MODELS, CELL_MODELS = 300, 150, 100
PROVEN = "claimed, by proof; audit(…, thorough=True) measures it all the same"

# Names of properties in the record that differ from the attribute's name.
_IN_JSON = {"removal": "iia"}


@dataclass(frozen=True, eq=False)
class SchemeAudit:
    """Measured properties of one scheme on one board; None where it is too costly or cannot be measured."""

    scheme: Scheme
    removal: RemovalAudit | None = None  # Independence of irrelevant alternatives
    # Share of pairs whose order changes, averaged over the leaves
    affine: float | None = None
    monotone: float | None = None
    clone: float | None = None
    pareto: int | None = None  # Number of violations
    monotonicity: Monotonicity | None = None  # Also None where it is claimed
    hierarchy: bool | None = None
    influence: tuple[BenchmarkInfluence, ...] = ()  # Each benchmark left out
    optimum: Optimum | None = None
    left_out: tuple[str, ...] = ()  # Properties that were not measured because it takes long
    problem: str = ""  # Reason why a property could not be measured; empty otherwise

    @property
    def proven(self) -> bool:
        """True if monotonicity is claimed, and for that reason not measured."""
        return self.scheme.claims.monotonicity and self.monotonicity is None and not self.problem

    @property
    def violated(self) -> tuple[str, ...]:
        """Claims that the measurement contradicts."""
        rate = None if self.removal is None else self.removal.rate
        broken = {
            "iia": bool(rate),
            "affine": bool(self.affine),
            "monotone": bool(self.monotone),
            "clone": bool(self.clone),
            "pareto": bool(self.pareto),
            "monotonicity": self.monotonicity is not None and self.monotonicity.violations > 0,
            "hierarchy": self.hierarchy is False,
        }
        return tuple(f.name for f in fields(Claims) if getattr(self.scheme.claims, f.name) and broken[f.name])


@dataclass(frozen=True, slots=True)
class ConventionMove:
    """The model (id) that another rule for missing cells moves furthest under a scheme, and the mean shift of all."""

    scheme: str
    own: str
    other: str
    model: int
    rank: int
    other_rank: int
    mean_shift: float


@dataclass(frozen=True, slots=True)
class ConventionMoves:
    """Rank shifts between rules for missing cells, the largest mean shift first, and unusable rules or schemes."""

    moves: tuple[ConventionMove, ...]
    problems: tuple[str, ...]

    @property
    def largest(self) -> tuple[ConventionMove, ...]:
        """Move with the largest mean shift of each scheme."""
        first: dict[str, ConventionMove] = {}
        for move in self.moves:
            first.setdefault(move.scheme, move)
        return tuple(first.values())


def audit_schemes(
    compared: ComparedBoard,
    reference: Reference,
    names: Sequence[str | Scheme] = (),
    thorough: bool = False,
    jobs: int = 1,
    progress: Callable[[str], None] = lambda _: None,
    properties: Collection[str] | None = None,
) -> tuple[SchemeAudit, ...]:
    """Measure the properties of several schemes on a board, exactly unless `Monotonicity` is sampled.

    All registered schemes if none is named. A single unusable scheme raises; of several, each names its problem.
    `thorough`: measure also what takes long, see `too_dear`. `properties`: fields of `SchemeAudit`; all if None.
    """
    found = []
    for name in names or scheme_names():
        template = get_scheme(name)
        progress(template.name)
        scheme = template.bind(reference)
        try:
            found.append(_audit(scheme, compared.board, thorough, jobs, properties))
        except (InputError, ConvergenceError) as error:
            if len(names) == 1:
                raise
            found.append(SchemeAudit(scheme, problem=str(error)))
    return tuple(found)


def audit_case(scheme: Scheme, board: Board) -> tuple[Case, Optimum | None]:
    """Score a board under a scheme once, for all properties that compare with these scores."""
    resolved = resolved_board(scheme, board)
    scores, optimum = scheme.outcome(resolved)
    return Case(scheme, board, known=scores), optimum


def measures(case: Case, jobs: int = 1, exact: bool = False) -> dict[str, Callable[[], Any]]:
    """Return the function that measures each property; ``exact`` tries every cell for monotonicity."""
    few = case.scheme.effort in ("formula", "pairs") and len(case.board.models) <= CELL_MODELS
    sample = None if exact or few or case.scheme.fixed_weights else SAMPLE
    return {
        "removal": lambda: audit_removal(case, jobs),
        "affine": lambda: float(scale_shares(case, halved).mean()),
        "monotone": lambda: float(scale_shares(case, squared).mean()),
        "clone": lambda: clone_rate(case, jobs),
        "pareto": lambda: pareto_violations(case),
        "monotonicity": lambda: monotonicity(case, jobs, sample),
        "hierarchy": lambda: respects_hierarchy(case),
        "influence": lambda: benchmark_influence(case),
    }


def _audit(
    scheme: Scheme, board: Board, thorough: bool, jobs: int, properties: Collection[str] | None = None
) -> SchemeAudit:
    case, optimum = audit_case(scheme, board)
    ways = measures(case, jobs, exact=thorough)
    unasked = set() if properties is None else set(ways) - set(properties)
    left_out = () if thorough else tuple(name for name in too_dear(scheme, board) if name not in unasked)
    proven = {"monotonicity"} if scheme.claims.monotonicity and not thorough else set()
    found = measured(ways, exclude={*left_out, *proven, *unasked})
    return SchemeAudit(scheme, **found, optimum=optimum, left_out=left_out)


def measured(ways: Mapping[str, Callable[[], Any]], exclude: Collection[str]) -> dict[str, Any]:
    """Measure the properties that are not excluded; name in ``problem`` those that cannot be measured."""
    found: dict[str, Any] = {}
    problems: list[str] = []
    for name, measure in ways.items():
        if name in exclude:
            continue
        try:
            found[name] = measure()
        except (InputError, ConvergenceError) as error:
            problems.append(f"{name}: {error}")
    return found | {"problem": "; ".join(problems)}


def too_dear(scheme: Scheme, board: Board) -> tuple[str, ...]:
    """Return the properties that are measured on request only: those that aggregate a large board again and again."""
    if len(board.models) <= (OPTIMUM_MODELS if scheme.effort == "optimum" else MANY_MODELS):
        return ()
    affordable = {
        "removal": board.complete and has_closed_form(scheme),
        "affine": not scheme.costly or scheme.order_only,
        "monotone": not scheme.costly or scheme.order_only,
        "clone": not scheme.costly,
        "monotonicity": scheme.fixed_weights or scheme.claims.monotonicity,
        "hierarchy": not scheme.costly,
        "influence": not scheme.costly,
    }
    return tuple(name for name, affords in affordable.items() if not affords)


def convention_moves(
    full: Board, reference: Reference, names: Sequence[str] = (), cleaned: Board | None = None, thorough: bool = False
) -> ConventionMoves:
    """Compare each scheme's rule for missing cells with the others that it supports, by the ranks that they move.

    `cleaned`: the complete cases of ``full``, one more rule: ranks among these models are compared, on the full board
    and when they and their benchmarks are all there is. `thorough`: also schemes that take long.
    """
    moves: list[ConventionMove] = []
    problems: list[str] = []
    if full.complete:
        return ConventionMoves((), ())

    def ranked(scheme: Scheme, board: Board, rule: str, convention: Convention | None) -> Ranking | None:
        try:
            return rank_models(board, scheme, convention)
        except (InputError, ConvergenceError) as error:
            problems.append(f"{scheme.name} under {rule}: {error}")
            return None

    for name in names or scheme_names():
        scheme = get_scheme(name).bind(reference)
        slow = scheme.effort == "optimum" or (scheme.costly and len(full.models) > MANY_MODELS)
        if slow and not thorough:
            problems.append(f"{scheme.name}: {_long(full)}")
            continue
        own = scheme.conventions[0]
        base = ranked(scheme, full, own, own)
        others: list[tuple[str, Board, Convention | None]] = [(rule, full, rule) for rule in scheme.conventions[1:]]
        if cleaned is not None and len(cleaned.models) > 1:
            others.append((COMPLETE, cleaned, None))
        for rule, board, convention in others if base is not None else ():
            other = ranked(scheme, board, rule, convention)
            if base is not None and other is not None:
                moves.append(_move(base, other, own, rule))
    moves.sort(key=lambda move: -move.mean_shift)
    return ConventionMoves(tuple(moves), tuple(problems))


def _long(board: Board) -> str:
    return f"not measured, because it takes long on {len(board.models)} models; audit(…, thorough=True) measures it"


def _move(base: Ranking, other: Ranking, own: str, rule: str) -> ConventionMove:
    """Return the model that moves furthest between two rankings of common models; of equals the smallest id."""
    row = {model: i for i, model in enumerate(base.ids)}
    before = competition_ranks(base.scores[[row[model] for model in other.ids]])
    shift = np.abs(other.ranks - before)
    i = min(np.flatnonzero(shift == shift.max()).tolist(), key=lambda k: other.ids[k])
    return ConventionMove(
        base.scheme, own, rule, other.ids[i], int(before[i]), int(other.ranks[i]), float(shift.mean())
    )


def audit_json(
    compared: ComparedBoard,
    reference: Reference,
    found: Sequence[SchemeAudit],
    conventions: ConventionMoves | None = None,
) -> dict[str, Any]:
    """Build the record of an audit; unknown is None."""
    return {
        "schema": SCHEMA,
        "board": board_json(compared),
        "reference": reference_json(reference),
        "schemes": {one.scheme.name: _audit_scheme_json(one, compared.board) for one in found},
        "conventions": None if conventions is None else [asdict(move) for move in conventions.moves],
        "convention_problems": [] if conventions is None else list(conventions.problems),
        "convention_rules": RULES,
    }


def _audit_scheme_json(one: SchemeAudit, board: Board) -> dict[str, Any]:
    removal, tried = one.removal, one.monotonicity
    record: dict[str, Any] = {
        "iia": {name: getattr(removal, name, None) for name in ("rate", "worst_spoiler")},
        **{name: getattr(one, name) for name in ("affine", "monotone", "clone", "pareto")},
        "monotonicity": None if tried is None or tried.sampled else tried.violations,
        "hierarchy": one.hierarchy,
        "claims": asdict(one.scheme.claims),
        "violated_claims": list(one.violated),
        "fragile_pairs": [] if removal is None else [[p.one, p.other, p.removals] for p in removal.fragile],
        "influence": {
            item.leaf: {name: value for name, value in asdict(item).items() if name != "leaf"} for item in one.influence
        },
    }
    record |= optimum_json(one.optimum)
    if tried is not None and tried.sampled:
        record["monotonicity_sample"] = {
            **{name: getattr(tried, name) for name in ("violations", "tried", "cells")},
            "interval": list(tried.interval),
        }
    not_measured = {_IN_JSON.get(name, name): _long(board) for name in one.left_out}
    if one.proven:
        not_measured["monotonicity"] = PROVEN
    if not_measured:
        record["not_measured"] = not_measured
    if one.problem:
        record["problem"] = one.problem
    return record
