"""Profile of a model: its normal scores by benchmark, the models with the nearest profile, one model's cells."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import FloatArray
from ..data.board import Model
from ..data.official import CellState
from ..files.model_scores import Cell
from ..files.reference import Reference
from ..schemes.scaling import NORMAL_SCORE

NEIGHBOURS = 10
# Half a unit of the last published decimal, on either side.
ROUNDING = 0.001
_NEVER = Cell(math.nan, state=CellState.NEVER)


@dataclass(frozen=True, slots=True)
class ProfileScore:
    """Score of the model on one benchmark, compared with the reference's models."""

    benchmark: str
    # As in the model's cell
    score: float
    error: float
    normal_score: float  # Inverse normal of (models below + half of those equal + 1/2) / (models + 1)
    models: int  # Models of the reference with a score on it


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A model of the reference with a similar profile of normal scores."""

    model: Model
    distance: float  # Root mean square difference of normal scores over the shared benchmarks
    correlation: float  # Pearson correlation of the two profiles; NaN if one of them is flat
    shared: int  # Benchmarks on which both have a score


@dataclass(frozen=True, slots=True)
class CellPair:
    """Cells of two models on one benchmark."""

    benchmark: str
    mine: Cell
    theirs: Cell
    difference: float  # Of the scores; NaN unless both are SCORED
    # True if the difference exceeds the sum of the errors and of rounding, or state or version differ.
    beyond: bool


def profile_of(reference: Reference, cells: Mapping[str, Cell]) -> tuple[ProfileScore, ...]:
    """Compare scored cells with the reference's models, the highest normal score first."""
    leaves = tuple(cells)
    normal = NORMAL_SCORE.fit(reference.scores_on(leaves))(np.clip([[cell.score for cell in cells.values()]], 0.0, 1.0))
    found = [
        ProfileScore(leaf, cells[leaf].score, cells[leaf].error, value, reference.norms[leaf].count)
        for leaf, value in zip(leaves, normal[0].tolist(), strict=True)
    ]
    return tuple(sorted(found, key=lambda one: (-one.normal_score, one.benchmark)))


def neighbours_of(
    reference: Reference, leaves: Sequence[str], profile: Sequence[ProfileScore], leave_out: Collection[int]
) -> tuple[Neighbour, ...]:
    """Find the reference's models with the nearest profile on the given leaves."""
    board = reference.board
    scores = reference.scores_on(leaves)
    normals = NORMAL_SCORE.fit(scores)(scores)
    mine = {one.benchmark: one.normal_score for one in profile}
    own = np.array([mine.get(leaf, np.nan) for leaf in leaves])
    needed = max(2, math.ceil(len(mine) / 2))
    found = []
    for model, row in zip(board.models, normals, strict=True):
        both = ~np.isnan(own) & ~np.isnan(row)
        shared = int(both.sum())
        if shared >= needed and model.id not in leave_out:
            distance = math.sqrt(float(np.mean((own[both] - row[both]) ** 2)))
            found.append(Neighbour(model, distance, _correlation(own[both], row[both]), shared))
    # Rounded, so that equal distances do not depend on the order of a sum.
    return tuple(sorted(found, key=lambda one: (round(one.distance, 9), one.model.id))[:NEIGHBOURS])


def beside(mine: Mapping[str, Cell], theirs: Mapping[str, Cell]) -> tuple[CellPair, ...]:
    """Pair the cells of two models on each benchmark that either has, the largest difference first."""
    found = []
    for name in dict.fromkeys((*mine, *theirs)):
        one, other = mine.get(name, _NEVER), theirs.get(name, _NEVER)
        difference = one.score - other.score
        allowed = ROUNDING + sum(0.0 if math.isnan(e) else e for e in (one.error, other.error))
        versions = {cell.version for cell in (one, other)} - {None}
        both = CellState.NEVER not in (one.state, other.state)
        beyond = both and (one.state != other.state or len(versions) > 1 or abs(difference) > allowed + 1e-12)
        found.append(CellPair(name, one, other, difference, beyond))
    return tuple(sorted(found, key=lambda one: (math.isnan(one.difference), -abs(one.difference), one.benchmark)))


def _correlation(one: FloatArray, other: FloatArray) -> float:
    one, other = one - one.mean(), other - other.mean()
    scale = math.sqrt(float((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / scale if scale > 1e-12 else math.nan
