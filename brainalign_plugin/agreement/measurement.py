"""Meaning of the ``error`` of a cell, and the reliability of a benchmark with a measurement error.

Brain-Score stores one number named error with a score; its meaning differs by metric. The kinds below
were read in the metrics' code in brainscore_vision 2.4.2 (see each entry). Only a standard error of the score itself
is used as measurement error; everything else is "not estimable".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from ..arrays import BoolArray, FloatArray
from ..data.board import Board
from .correlation import Agreement

MIN_RELIABILITY = 0.5


class ErrorKind(StrEnum):
    """Kind of error that a metric stores."""

    STANDARD_ERROR = "standard error of the score"
    RAW_STANDARD_ERROR = (
        "standard error over splits of the raw correlation, beside a score that is squared and ceiled"
    )
    CONDITIONS = "standard deviation over conditions and subjects"
    SUBJECTS = "standard deviation over subjects"
    SPLITS = "standard deviation over splits"
    TRIALS = "standard deviation of single trials"
    UNKNOWN = "not known"


# The first pattern that a type id matches applies; user tables are searched before these.
ERROR_KINDS: Mapping[str, ErrorKind] = {
    # metrics/distribution_similarity: standard deviation over bootstrap samples of the model's neurons
    r"^Marques2020_": ErrorKind.STANDARD_ERROR,
    # metrics/regression_correlation through metric_helpers/transformations: standard error over splits
    r"-(reverse_)?(pls|ridge|ridgecv|linear|neuron_to_neuron|correlation)$": ErrorKind.RAW_STANDARD_ERROR,
    # metrics/error_consistency: scores.std(['condition', 'subject'])
    r"-error_consistency$": ErrorKind.CONDITIONS,
    # metrics/i1i2: scores.std('split')
    r"-(i1|i1n|i2|i2n|o1|o2)$": ErrorKind.SPLITS,
    # metrics/accuracy_distance: scores.std('subject')
    r"-accuracy_distance$": ErrorKind.SUBJECTS,
    # metrics/accuracy: np.std of right and wrong answers
    r"-(top1|accuracy)$": ErrorKind.TRIALS,
}


def error_kind(type_id: str, table: Mapping[str, ErrorKind] = ERROR_KINDS) -> ErrorKind:
    """Look up the kind of error of a benchmark's cells."""
    return next((kind for pattern, kind in table.items() if re.search(pattern, type_id)), ErrorKind.UNKNOWN)


def measured_leaves(board: Board, table: Mapping[str, ErrorKind] = ERROR_KINDS) -> BoolArray:
    """Mark the leaves whose cells' error is a measurement error, shape (m,)."""
    return np.array(
        [error_kind(leaf, table) is ErrorKind.STANDARD_ERROR for leaf in board.leaves], dtype=bool
    )


@dataclass(frozen=True, slots=True)
class Reliability:
    """Reliability of one leaf.

    Attributes
    ----------
    kind : ErrorKind
    value : float or None
        1 - mean(error²) / var(scores), n - 1, over the models with both; None where the error is no measurement error
        or the scores do not vary. It can be negative.
    models : int
        Number of models with a score and an error.

    """

    kind: ErrorKind
    value: float | None
    models: int


def reliabilities(board: Board, table: Mapping[str, ErrorKind] = ERROR_KINDS) -> dict[str, Reliability]:
    """Estimate the reliability of each leaf of a board, missing cells left out."""
    found = {}
    for j, leaf in enumerate(board.leaves):
        both = ~np.isnan(board.scores[:, j]) & ~np.isnan(board.errors[:, j])
        kind = error_kind(leaf, table)
        value = None
        if kind is ErrorKind.STANDARD_ERROR and both.sum() > 1:
            variance = float(board.scores[both, j].var(ddof=1))
            value = 1 - float((board.errors[both, j] ** 2).mean()) / variance if variance > 1e-18 else None
        found[leaf] = Reliability(kind, value, int(both.sum()))
    return found


@dataclass(frozen=True, slots=True)
class Attenuation:
    """Mean rank correlation with and without correction for measurement error, over the same pairs."""

    pairs: int
    observed: float | None
    corrected: float | None


def attenuation(agreement: Agreement, found: Mapping[str, Reliability]) -> Attenuation:
    """Correct rank correlations for attenuation: rho / sqrt(r_i r_j), unclipped.

    Only pairs in which both reliabilities are known and at least 0.5 count.

    Source: Spearman (1904), Am. J. Psychol. 15, 72-101.
    """
    values: FloatArray = np.array(
        [
            np.nan if (r := found[leaf].value) is None or r < MIN_RELIABILITY else r
            for leaf in agreement.leaves
        ]
    )
    first, second = np.triu_indices(len(values), k=1)
    rho = agreement.rho[first, second]
    scale = np.sqrt(values[first] * values[second])
    known = ~np.isnan(rho) & ~np.isnan(scale)
    if not known.any():
        return Attenuation(0, None, None)
    return Attenuation(int(known.sum()), float(rho[known].mean()), float((rho[known] / scale[known]).mean()))
