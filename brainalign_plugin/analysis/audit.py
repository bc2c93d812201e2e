"""Every scheme's properties measured on one board: what ``brainalign audit`` prints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from ..aggregation import CONVENTIONS, Claims, Convention, Scheme, get_scheme, rank_models, scheme_names
from ..aggregation.kemeny import KemenyResult, kemeny_result
from ..board import Board
from ..errors import BoardError, ConvergenceError
from ..references import Reference
from .boards import ComparedBoard, resolved_board
from .ranking import SCHEMA, board_json, reference_json
from .removal import closed_form
from .stability import (
    BenchmarkInfluence,
    RemovalAudit,
    Subject,
    audit_removal,
    benchmark_influence,
    clone_rate,
    halved,
    monotonicity_violations,
    pareto_violations,
    respects_hierarchy,
    scale_rate,
    squared,
)

# Schemes that are aggregated again for each change are audited in full up to this many models.
MANY_MODELS = 300


@dataclass(frozen=True, eq=False)
class SchemeAudit:
    """Measured properties of one scheme on one board; None where it was too dear to measure or cannot be.

    Attributes
    ----------
    scheme : Scheme
    removal : RemovalAudit or None
        Independence of irrelevant alternatives.
    affine, monotone, clone : float or None
        Share of pairs whose order changes, averaged over the leaves.
    pareto, monotonicity : int or None
        Number of violations.
    hierarchy : bool or None
    influence : tuple of BenchmarkInfluence
        Each benchmark left out.
    kemeny : KemenyResult or None
    problem : str
        Why nothing was measured; empty otherwise.
    """

    scheme: Scheme
    removal: RemovalAudit | None = None
    affine: float | None = None
    monotone: float | None = None
    clone: float | None = None
    pareto: int | None = None
    monotonicity: int | None = None
    hierarchy: bool | None = None
    influence: tuple[BenchmarkInfluence, ...] = ()
    kemeny: KemenyResult | None = None
    problem: str = ""

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
            "monotonicity": bool(self.monotonicity),
            "hierarchy": self.hierarchy is False,
        }
        return tuple(f.name for f in fields(Claims) if getattr(self.scheme.claims, f.name) and broken[f.name])


@dataclass(frozen=True, slots=True)
class ConventionMove:
    """The model (id) that another rule for missing cells moves furthest under a scheme, and the mean shift of all."""

    scheme: str
    own: Convention
    other: Convention
    model: int
    rank: int
    other_rank: int
    mean_shift: float


def audit_schemes(
    compared: ComparedBoard,
    reference: Reference,
    names: Sequence[str] = (),
    thorough: bool = False,
    jobs: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[SchemeAudit, ...]:
    """Measure the properties of several schemes on a board, exactly.

    Parameters
    ----------
    names : sequence of str
        All registered schemes if empty.
    thorough : bool
        Measure what is left out by default because it takes long: monotonicity of schemes too dear to resample, and
        schemes without a closed form on more than 300 models.
    jobs : int
        Processes.
    progress : callable
        Called with the name of each scheme before it is measured.
    """
    found = []
    for name in names or scheme_names():
        template = get_scheme(name)
        progress(template.name)
        subject = Subject(template, reference if template.bind is not None else None)
        try:
            found.append(_audit(subject, compared.board, thorough, jobs))
        except (BoardError, ConvergenceError) as error:
            if len(names) == 1:
                raise
            found.append(SchemeAudit(subject.scheme, problem=str(error)))
    return tuple(found)


def _audit(subject: Subject, board: Board, thorough: bool, jobs: int) -> SchemeAudit:
    scheme = subject.scheme
    resolved = resolved_board(scheme, board)
    complete = board.complete
    cheap = not scheme.costly or len(board.models) <= MANY_MODELS or thorough
    quick_removal = closed_form(scheme) is not None and complete
    # Pareto dominance and monotonicity speak of complete boards: what a missing score would have been, nobody knows.
    return SchemeAudit(
        scheme=scheme,
        removal=audit_removal(scheme, board, jobs=jobs)
        if quick_removal or len(board.models) <= MANY_MODELS or thorough
        else None,
        affine=scale_rate(subject, resolved, halved, jobs) if cheap else None,
        monotone=scale_rate(subject, resolved, squared, jobs) if cheap else None,
        clone=clone_rate(subject, resolved, jobs) if cheap else None,
        pareto=pareto_violations(scheme, resolved) if complete else None,
        monotonicity=monotonicity_violations(scheme, resolved, jobs=jobs)
        if complete and (thorough or not scheme.costly)
        else None,
        hierarchy=respects_hierarchy(subject, resolved) if cheap else None,
        influence=benchmark_influence(scheme, resolved) if cheap else (),
        kemeny=kemeny_result(resolved) if scheme.name == "KEMENY" else None,
    )


def convention_moves(
    board: Board, reference: Reference, names: Sequence[str] = ()
) -> tuple[ConventionMove, ...]:
    """Which rule for missing cells moves whom: each scheme's own rule against the others that it supports.

    Parameters
    ----------
    board : Board
        The full board. A complete one has no missing cells, and the answer is empty.
    """
    found: list[ConventionMove] = []
    if board.complete:
        return ()
    for name in names or scheme_names():
        template = get_scheme(name)
        if template.costly:
            continue
        scheme = template.bind(reference) if template.bind is not None else template
        own = scheme.conventions[0]
        try:
            base = rank_models(board, scheme, own)
            for other in scheme.conventions[1:]:
                ranks = rank_models(board, scheme, other).ranks
                shift = np.abs(ranks - base.ranks)
                i = int(np.flatnonzero(shift == shift.max())[0])
                found.append(
                    ConventionMove(
                        scheme.name,
                        own,
                        other,
                        base.ids[i],
                        int(base.ranks[i]),
                        int(ranks[i]),
                        float(shift.mean()),
                    )
                )
        except (BoardError, ConvergenceError):
            # The ranking itself says why; there is nothing to compare.
            continue
    return tuple(found)


def audit_json(
    compared: ComparedBoard,
    reference: Reference,
    found: Sequence[SchemeAudit],
    moves: Sequence[ConventionMove] = (),
) -> dict[str, Any]:
    """The record that ``brainalign audit --json`` prints; unknown is None."""
    return {
        "schema": SCHEMA,
        "board": board_json(compared),
        "reference": reference_json(reference),
        "schemes": {one.scheme.name: _audit_scheme_json(one) for one in found},
        "conventions": [asdict(move) for move in moves],
        "convention_rules": dict(CONVENTIONS),
    }


def _audit_scheme_json(one: SchemeAudit) -> dict[str, Any]:
    removal = one.removal
    record: dict[str, Any] = {
        "iia": {
            "rate": None if removal is None else removal.rate,
            "worst_spoiler": None if removal is None else removal.worst_spoiler,
        },
        "affine": one.affine,
        "monotone": one.monotone,
        "clone": one.clone,
        "pareto": one.pareto,
        "monotonicity": one.monotonicity,
        "hierarchy": one.hierarchy,
        "claims": asdict(one.scheme.claims),
        "violated_claims": list(one.violated),
        "fragile_pairs": [] if removal is None else [[p.one, p.other, p.removals] for p in removal.fragile],
        "influence": {item.leaf: item.mean_shift for item in one.influence},
    }
    if one.kemeny is not None:
        record["objective"], record["bound"] = one.kemeny.objective, one.kemeny.bound
    if one.problem:
        record["problem"] = one.problem
    return record
