"""Placement of one model on a frozen reference board: statistic, share, rank and their intervals.

The reference determines the norms, and its models keep their statistics: a placed model changes nothing for the
others, and two models that are placed one after the other can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import FloatArray, StateArray
from ..data.official import CellState
from ..errors import CandidateError, InputError
from ..files.model_scores import Cell, nearest_names
from ..files.reference import Reference
from ..schemes import CONVENTIONS, Convention, Scheme
from .frozen_schemes import FrozenScheme, constituents, freeze_scheme
from .intervals import Uncertainty, placement_interval, standing

MIN_CONSTITUENTS = 0.5
RESAMPLES = 1000
LEVEL = 0.95
NEVER = Cell(math.nan, state=CellState.NEVER)


@dataclass(frozen=True, slots=True)
class Component:
    """One constituent of a placement.

    Attributes
    ----------
    benchmark : str
    cell : Cell
        Cell of the model.
    scaled : float or None
        The cell on the scheme's scale, after the scheme's rule for missing cells; None if it is left out.
    """

    benchmark: str
    cell: Cell
    scaled: float | None


@dataclass(frozen=True, eq=False)
class Placement:
    """Place of one model on a reference board under a scheme.

    Attributes
    ----------
    scheme : str
    convention : str
        The scheme's rule for FAILED and NEVER; `meaning` has it in words.
    statistic : float
        The scheme's own score of the model.
    share : float
        Share of the reference's models whose statistic is below, plus half of those equal to nine decimals; in [0, 1].
    rank : int
        Competition rank (1 is best) among the reference's models and this one.
    population : int
        Number of models of the reference that it is compared with.
    uncertainty : Uncertainty or None
        None if it was not asked for, or fewer than two benchmarks or papers have a score.
    components : tuple of Component
        In the order of the reference's board.
    reference : Reference
    left_out : int or None
        Id of the reference's model that was left out.
    unused : tuple of str
        Benchmarks of the model that are no constituents.
    """

    scheme: str
    convention: Convention
    statistic: float
    share: float
    rank: int
    population: int
    uncertainty: Uncertainty | None
    components: tuple[Component, ...]
    reference: Reference
    left_out: int | None
    unused: tuple[str, ...]

    @property
    def meaning(self) -> str:
        """Meaning of FAILED and NEVER under the scheme's rule."""
        return CONVENTIONS[self.convention]

    @property
    def missing(self) -> tuple[str, ...]:
        """Constituents without a score."""
        return tuple(c.benchmark for c in self.components if c.cell.state != CellState.SCORED)

    @property
    def failed(self) -> tuple[str, ...]:
        """Constituents of `missing` that were run."""
        return tuple(c.benchmark for c in self.components if c.cell.state == CellState.FAILED)


def place(
    reference: Reference,
    scheme: str | Scheme,
    cells: Mapping[str, Cell],
    *,
    leave_out: int | None = None,
    min_constituents: float = MIN_CONSTITUENTS,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> Placement:
    """Place one model on a reference board.

    Parameters
    ----------
    scheme : str or Scheme
        One of `placeable_schemes`.
    cells : mapping of str to Cell
        The model's cell on each benchmark; absent ones count as never run, and only constituents are used.
    leave_out : int, optional
        Id of a model of the reference that is not compared with, for example an earlier entry of the same model.
    min_constituents : float
        Smallest share of the reference's benchmarks that must be scored, in [0, 1].
    resamples : int
        Draws of true scores for the interval; 0 for none. The reference's cells and norms stay as they are.
    seed : int
    level : float
        Of the intervals, in (0, 1).

    Returns
    -------
    Placement

    Raises
    ------
    CandidateError
        If too few benchmarks are scored.
    SchemeError, ReferenceBoardError, BoardError
        As from `freeze_scheme`.
    InputError
        If a parameter is out of range.
    """
    check_parameters(min_constituents, resamples, level)
    # Checked before fitting, because this error is the most frequent.
    check_enough(reference, cells, min_constituents)
    frozen = freeze_scheme(reference, scheme, leave_out)
    return place_frozen(frozen, reference, cells, leave_out, (resamples, seed, level))


def check_parameters(min_constituents: float, resamples: int, level: float) -> None:
    """Check the parameters of `place`.

    Raises
    ------
    InputError
        If one is out of range.
    """
    if not 0 <= min_constituents <= 1:
        raise InputError(
            f"the smallest share of constituents is {min_constituents}; give a number from 0 to 1"
        )
    if not 0 < level < 1:
        raise InputError(
            f"the level of the intervals is {level}; give a number between 0 and 1, such as 0.95"
        )
    if resamples < 0:
        raise InputError(f"{resamples} resamples were asked for; give 0 for none, or a positive number")


def place_frozen(
    frozen: FrozenScheme,
    reference: Reference,
    cells: Mapping[str, Cell],
    leave_out: int | None,
    resampling: tuple[int, int, float],
) -> Placement:
    """Place one model under a scheme that is frozen already; ``resampling`` holds resamples, seed and level.

    Raises
    ------
    CandidateError
        If there is no cell that the scheme aggregates.
    """
    leaves = frozen.board.leaves
    own, scores, states = candidate_row(leaves, cells)
    known = set(leaves)
    scaled = frozen.scale(frozen.resolved(scores, states))
    once = np.ones((1, len(leaves)))
    statistic = float(frozen.statistics(scaled[None, :], once)[0])
    if math.isnan(statistic):
        raise CandidateError(
            f"{frozen.scheme.name} has nothing to aggregate under {frozen.convention!r}; give scores on others"
        )
    shares, ranks = standing(np.array([statistic]), frozen.population(once))
    return Placement(
        scheme=frozen.scheme.name,
        convention=frozen.convention,
        statistic=statistic,
        share=float(shares[0]),
        rank=int(ranks[0]),
        population=len(frozen.board.models),
        uncertainty=placement_interval(frozen, scaled, states, *resampling),
        components=tuple(
            Component(leaf, cell, None if math.isnan(value) else value)
            for leaf, cell, value in zip(leaves, own, scaled.tolist(), strict=True)
        ),
        reference=reference,
        left_out=leave_out,
        unused=tuple(name for name in cells if name not in known),
    )


def candidate_row(
    leaves: Sequence[str], cells: Mapping[str, Cell]
) -> tuple[list[Cell], FloatArray, StateArray]:
    """Return a model's cells, their scores capped to [0, 1] and their states, in the order of the leaves."""
    own = [cells.get(leaf, NEVER) for leaf in leaves]
    scores = np.clip(np.array([cell.score for cell in own], dtype=np.float64), 0.0, 1.0)
    return own, scores, np.array([cell.state for cell in own], dtype=np.int8)


def check_enough(reference: Reference, cells: Mapping[str, Cell], min_constituents: float) -> None:
    """Check that a model is scored on enough of the reference's benchmarks.

    Raises
    ------
    CandidateError
        If it is not; the message names the missing benchmarks and near misses among the names.
    """
    leaves = constituents(reference)
    scored = [leaf for leaf in leaves if leaf in cells and cells[leaf].state == CellState.SCORED]
    if scored and len(scored) >= min_constituents * len(leaves):
        return
    missing = [leaf for leaf in leaves if leaf not in scored]
    near = nearest_names([name for name in cells if name not in leaves], missing)
    meant = next((f"; did {name[:80]!r} mean {found!r}?" for name, found in near.items() if found), "")
    raise CandidateError(
        f"{len(scored)} of the {len(leaves)} benchmarks of the reference {reference.name!r} have a score, fewer than "
        f"the share of {min_constituents:g} that is asked for; missing are {_some(missing)}{meant}"
    )


def of_versions(
    reference: Reference, cells: Mapping[str, Cell]
) -> tuple[dict[str, Cell], dict[str, tuple[int, int]]]:
    """Select a model's cells on the versions of benchmarks that the reference has.

    A cell or a reference without a version matches every version.

    Returns
    -------
    cells : dict of str to Cell
    others : dict of str to tuple of int
        For each benchmark that is left out, the cell's version and the reference's.
    """
    kept, others = dict(cells), {}
    for leaf in constituents(reference):
        wanted, cell = reference.board.tree[leaf].version, cells.get(leaf)
        if cell is not None and wanted and cell.version is not None and cell.version != wanted:
            others[leaf] = (cell.version, wanted)
            del kept[leaf]
    return kept, others


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(map(repr, names[:3]))}{more}"


def placement_json(placed: Placement) -> dict[str, Any]:
    """Build the record of a placement; unknown is None.

    Parameters
    ----------
    placed : Placement

    Returns
    -------
    dict
    """
    known = placed.uncertainty
    return {
        "scheme": placed.scheme,
        "statistic": placed.statistic,
        "share": placed.share,
        "rank": placed.rank,
        "population": placed.population,
        "interval": None if known is None else list(known.ranks),
        "share_interval": None if known is None else list(known.shares),
        "level": None if known is None else known.level,
        "error": None if known is None else known.error,
        "error_over": None if known is None else ["paper"],
        "interval_kind": None if known is None else known.kind,
        "resamples": None if known is None else known.resamples,
        "seed": None if known is None else known.seed,
        "components": {c.benchmark: _component_json(c) for c in placed.components},
        "missing": list(placed.missing),
        "failed": list(placed.failed),
        "convention": placed.convention,
        "missing_meant": placed.meaning,
        "reference": reference_json(placed.reference),
        "left_out": placed.left_out,
        "unused": list(placed.unused),
    }


def reference_json(reference: Reference) -> dict[str, Any]:
    """Build the record of a reference, with the hash because names can be reused."""
    return {
        "name": reference.name,
        "sha256": reference.sha256,
        "date": f"{reference.as_of:%Y-%m-%d}",
        "frozen_at": reference.frozen_at.isoformat(),
        "domain": reference.domain,
        "reconstructed": reference.snapshot.reconstructed,
        "simulated": reference.snapshot.simulated,
    }


def _component_json(component: Component) -> dict[str, Any]:
    cell = component.cell
    return {
        "score": cell.score if cell.state == CellState.SCORED else None,
        "error": None if math.isnan(cell.error) else cell.error,
        "scaled": component.scaled,
        "state": CellState(cell.state).name,
        "origin": cell.origin,
    }
