"""Drivers of agreement: the shared properties of two benchmarks that go with a higher correlation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from ..arrays import BoolArray, FloatArray, IntArray
from ..errors import InputError

PERMUTATIONS = 999
SEED = 0
# Pairs of benchmarks that are compared: all of them, those of one paper, those of two papers.
Scope = Literal["all", "inside", "across"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
# Share of a property's variance that the others must leave for it to have a part of its own.
_OWN = 1e-9
_FEW = "too few pairs of benchmarks have a correlation"


@dataclass(frozen=True, slots=True)
class Driver:
    """Agreement of the pairs that share a property, against the others; None where there is no answer."""

    properties: tuple[str, ...]  # Several if they are shared by the same pairs
    shared: int  # Pairs that share it
    mean_shared: float | None  # Mean correlation of these
    mean_other: float | None
    r2: float | None  # Share of the variance of agreement that it explains alone
    coefficient: float | None  # Change of the correlation that goes with sharing it, the other properties held equal
    partial_r2: float | None  # Share of what the other properties leave that it explains
    p: float | None  # By permutation, after the other properties; 1 where none changes what is shared
    reason: str | None  # Why these are None
    unknown: int  # Benchmarks of which it is unknown; they share it with none
    drawn: FloatArray  # Shape (r, 2); coefficient and partial R² in each resample


@dataclass(frozen=True, eq=False)
class Drivers:
    """Regression of the correlations of pairs of benchmarks on the properties that they share."""

    scope: Scope
    units: int  # Benchmarks; with ``across`` groups of one paper and the same properties
    pairs: int
    r2: float | None  # Of all properties together
    p: float | None  # By permutation
    reason: str | None  # Why these are None
    drivers: tuple[Driver, ...]  # Largest partial R² first
    drawn: FloatArray  # Shape (r,); R² in each resample


def drivers(
    rho: FloatArray,
    properties: Mapping[str, Sequence[str | None]],
    papers: Sequence[str],
    scope: Scope = "all",
    permutations: int = PERMUTATIONS,
    seed: int = SEED,
    resampled: FloatArray | None = None,
) -> Drivers:
    """Regress the correlation of each pair of ``m`` benchmarks on the properties that both share.

    Tested by permutation, because pairs with a benchmark in common are not independent. For a property among others its
    residuals on these are permuted (double semi-partialling). Benchmarks of one paper are alike for other reasons too,
    so that whole papers are permuted, each with benchmarks drawn from the paper whose place it takes; single benchmarks
    are where the paper itself is tested, and with ``inside`` those of one paper. With ``across`` the benchmarks of a
    paper with the same properties count as one, so that a paper with many of them has one vote.

    `rho`: shape (m, m), NaN where unknown. `properties`: values of length m. `resampled`: shape (r, m (m - 1) / 2),
    correlations in resamples of models by ``numpy.triu_indices``. Raises InputError without a permutation.

    Dekker, Krackhardt, Snijders (2007), Psychometrika 72, 563-581; Krackhardt (1988), Social Networks 10, 359-381;
    Mantel (1967), Cancer Research 27, 209-220.
    """
    if permutations < 1 or scope not in SCOPES:
        raise InputError(
            f"{permutations} permutations of the pairs {scope!r} were asked for; give at least 1, and one of "
            f"{', '.join(map(repr, SCOPES))}"
        )
    m = len(papers)
    first, second = np.triu_indices(m, k=1)
    drawn = np.zeros((0, len(first))) if resampled is None else resampled
    y = np.vstack([rho[first, second], drawn])
    # A correlation that one resample lacks, as of a leaf that is constant there, is that of all models.
    y = np.where(np.isnan(y), y[0], y)
    unit = _units(properties, papers) if scope == "across" else np.arange(m, dtype=np.int64)
    y = _unit_means(y, unit[first], unit[second])
    names, where = np.unique(unit, return_index=True)
    first, second = np.triu_indices(len(names), k=1)
    groups = np.unique(np.array(papers, dtype=str)[where], return_inverse=True)[1] if m else unit
    together = groups[first] == groups[second]
    used = ~np.isnan(y[0]) & {"all": np.ones(len(first), dtype=bool), "inside": together, "across": ~together}[scope]
    x = {name: _shared([values[i] for i in where], first, second) for name, values in properties.items()}
    unknown = {name: sum(value is None for value in values) for name, values in properties.items()}
    design = _Design(first, second, used, y[:, used], *_merged(x, used))
    singly = _permuted(groups if scope == "inside" else np.zeros_like(groups), permutations, seed)
    orders = singly if scope == "inside" else _papers_permuted(groups, permutations, seed)
    found = [
        _driver(
            design,
            k,
            singly if np.array_equal(design.x[used, k], together[used]) else orders,
            max(unknown[name] for name in design.names[k]),
        )
        for k in range(len(design.names))
    ]
    found += [
        _unanswered((name,), design.y[0], column[used], unknown[name])
        for name, column in x.items()
        if not any(name in names for names in design.names)
    ]
    found.sort(key=lambda one: (one.partial_r2 is None, -(one.partial_r2 or 0.0)))
    r2, p, drawn_r2 = _together(design, orders if scope == "across" else singly)
    reason = None if r2 is not None else _FEW if len(design.y[0]) < 3 else "no property tells pairs apart"
    return Drivers(scope, len(names), int(used.sum()), r2, p, reason, tuple(found), drawn_r2)


@dataclass(frozen=True, eq=False)
class _Design:
    """Pairs of benchmarks and what they share."""

    first: IntArray
    second: IntArray
    used: BoolArray  # Pairs that are compared
    y: FloatArray  # Shape (1 + r, used pairs)
    names: list[tuple[str, ...]]
    x: FloatArray  # Shape (pairs, k); a column for each of the names

    def permuted(self, order: IntArray) -> IntArray:
        """Return the position of each used pair after permuting the benchmarks, shape (permutations, used pairs)."""
        # A benchmark that is drawn twice shares all with itself: the row that is last.
        at = np.full((order.shape[1],) * 2, len(self.first), dtype=np.int64)
        at[self.first, self.second] = at[self.second, self.first] = np.arange(len(self.first))
        return at[order[:, self.first[self.used]], order[:, self.second[self.used]]]


def _driver(design: _Design, k: int, order: IntArray, unknown: int) -> Driver:
    own, y = design.x[:, k], design.y
    plain = _unanswered(design.names[k], y[0], own[design.used], unknown)
    others = np.column_stack([np.ones(len(own)), np.delete(design.x, k, axis=1)])
    basis = _basis(others[design.used])
    slopes = np.linalg.lstsq(others[design.used], own[design.used], rcond=None)[0]
    rest = own - others @ slopes
    left = rest[design.used]
    y_left = y - (y @ basis) @ basis.T
    if left @ left <= _OWN * len(left) or y_left[0] @ y_left[0] <= _OWN or len(left) < others.shape[1] + 2:
        return plain
    e = np.append(rest, 1.0 - slopes.sum())[design.permuted(order)]
    e -= (e @ basis) @ basis.T
    squares = np.einsum("pi,pi->p", e, e)
    null = np.where(squares > _OWN, (e @ y_left[0]) ** 2 / np.where(squares > _OWN, squares, 1.0), 0.0)
    coefficient = y_left @ left / (left @ left)
    norms = np.einsum("ri,ri->r", y_left, y_left)
    partial = coefficient**2 * (left @ left) / np.where(norms > 0, norms, 1.0)
    observed = partial[0] * norms[0]
    return replace(
        plain,
        r2=float(np.corrcoef(own[design.used], y[0])[0, 1] ** 2),
        coefficient=float(coefficient[0]),
        partial_r2=float(partial[0]),
        p=_p(null, observed),
        reason=None,
        drawn=np.column_stack([coefficient, partial])[1:],
    )


def _unanswered(names: tuple[str, ...], y: FloatArray, own: FloatArray, unknown: int) -> Driver:
    """Return a driver with nothing but the means of the pairs that share it and of the others."""
    shared = int(own.sum())
    means = [float(y[own == value].mean()) if (own == value).any() else None for value in (1.0, 0.0)]
    reason = "all pairs share it" if shared else "no two benchmarks share it"
    if 0 < shared < len(y):
        reason = "the other properties leave nothing of it, or agreement does not vary"
    return Driver(names, shared, means[0], means[1], None, None, None, None, reason, unknown, np.zeros((0, 2)))


def _together(design: _Design, order: IntArray) -> tuple[float | None, float | None, FloatArray]:
    """Return R² of all properties, its p-value, and R² in the resamples."""
    y = design.y - design.y.mean(axis=1, keepdims=True) if design.y.size else design.y
    squares = np.einsum("ri,ri->r", y, y)
    if not design.names or y.shape[1] < design.x.shape[1] + 3 or squares[0] <= _OWN:
        return None, None, np.zeros(0)

    def explained(x: FloatArray, of: FloatArray) -> FloatArray:
        return ((of @ _basis(np.column_stack([np.ones(len(x)), x]))) ** 2).sum(axis=1)

    found = explained(design.x[design.used], y)
    x = np.vstack([design.x, np.ones(design.x.shape[1])])
    null = [explained(x[places], y[:1])[0] for places in design.permuted(order)]
    r2 = found / np.where(squares > 0, squares, 1.0)
    return float(r2[0]), _p(np.array(null), float(found[0])), r2[1:]


def _p(null: FloatArray, observed: float) -> float:
    """Return the share of permutations that reach what was observed, itself among them."""
    # Equal values differ by rounding.
    return float((1 + (null >= observed * (1 - 1e-9)).sum()) / (1 + len(null)))


def _basis(x: FloatArray) -> FloatArray:
    """Return an orthonormal basis of the columns of a matrix."""
    left, sizes, _ = np.linalg.svd(x, full_matrices=False)
    return left[:, sizes > 1e-9 * max(float(sizes.max(initial=0.0)), 1e-300)]


def _shared(values: Sequence[str | None], first: IntArray, second: IntArray) -> FloatArray:
    known = {value: i for i, value in enumerate(dict.fromkeys(v for v in values if v is not None))}
    numbers = np.array([-1 if v is None else known[v] for v in values], dtype=np.int64)
    return ((numbers[first] == numbers[second]) & (numbers[first] >= 0)).astype(np.float64)


def _merged(x: Mapping[str, FloatArray], used: BoolArray) -> tuple[list[tuple[str, ...]], FloatArray]:
    """Join the properties that the same pairs share; those that all pairs share, or none, are left out."""
    names: dict[bytes, list[str]] = {}
    for name, column in x.items():
        if column[used].any() and not column[used].all():
            names.setdefault(column[used].tobytes(), []).append(name)
    kept = [tuple(group) for group in names.values()]
    columns = [x[group[0]] for group in kept]
    return kept, np.column_stack(columns) if columns else np.zeros((len(used), 0))


def _units(properties: Mapping[str, Sequence[str | None]], papers: Sequence[str]) -> IntArray:
    """Return the group of each benchmark, those of one paper with the same properties, shape (m,)."""
    keys = list(zip(papers, *properties.values(), strict=True))
    number = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    return np.array([number[key] for key in keys], dtype=np.int64)


def _unit_means(y: FloatArray, one: IntArray, other: IntArray) -> FloatArray:
    """Average the known correlations of each pair of units, shape (rows, pairs of units)."""
    units = int(max(one.max(initial=-1), other.max(initial=-1))) + 1
    low, high = np.minimum(one, other), np.maximum(one, other)
    first, second = np.triu_indices(units, k=1)
    at = np.full((units, units), -1, dtype=np.int64)
    at[first, second] = np.arange(len(first))
    place = at[low, high]
    kept = (place >= 0) & ~np.isnan(y[0])
    counts = np.bincount(place[kept], minlength=len(first))
    sums = np.array([np.bincount(place[kept], row[kept], len(first)) for row in y]).reshape(len(y), len(first))
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _permuted(groups: IntArray, permutations: int, seed: int) -> IntArray:
    """Return random orders of benchmarks, each within its group, shape (permutations, units)."""
    rng = np.random.default_rng(seed)
    found = np.empty((permutations, len(groups)), dtype=np.int64)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        found[:, members] = rng.permuted(np.tile(members, (permutations, 1)), axis=1)
    return found


def _papers_permuted(papers: IntArray, permutations: int, seed: int) -> IntArray:
    """Return draws of benchmarks in which each paper has those of one other paper, shape (permutations, units)."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(papers == paper) for paper in np.unique(papers)]
    found = np.empty((permutations, len(papers)), dtype=np.int64)
    for row in found:
        for own, other in zip(members, rng.permutation(len(members)), strict=True):
            row[own] = np.resize(rng.permutation(members[other]), len(own))
    return found
