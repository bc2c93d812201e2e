"""Reliability of an average of benchmarks, should other papers have measured the same parts of the tree.

Strata of the tree are fixed, papers are random: generalizability theory (Cronbach, Gleser, Nanda, Rajaratnam 1972;
Brennan 2001, *Generalizability Theory*). Defined for every scheme that is a weighted mean of scaled leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..arrays import BoolArray, FloatArray, IntArray
from ..data.board import Board
from ..errors import BoardError
from ..scales import rounded
from ..schemes import Scheme, get_scheme, scheme_names
from ..schemes.units import Units, not_estimable, paper_variances, units_of, variances_between
from .posterior import LEVEL, Posterior, Tiers, tiers

# Smallest variance of an average whose models differ.
_VARIES = 1e-18
# Sum of squares by rounding of scores that are equal.
_ROUNDING = 1e-15
COMPONENTS = ("model", "model_stratum", "model_paper", "model_leaf")


@dataclass(frozen=True, eq=False)
class LinearForm:
    """A weighted mean of ``m`` scaled leaves of a complete board of ``n`` models: ``scaled @ weights``."""

    scheme: str
    scaled: FloatArray  # Shape (n, m)
    weights: FloatArray  # Shape (m,); sum to one

    @property
    def scores(self) -> FloatArray:
        """The aggregate, shape (n,)."""
        return self.scaled @ self.weights


def is_linear(scheme: Scheme) -> bool:
    """Return whether a scheme, bound to its reference if it needs one, is a weighted mean of scaled leaves."""
    return scheme.weights in ("flat", "tree", "parts")


def linear_form(scheme: str | Scheme, board: Board) -> LinearForm | None:
    """Take a scheme apart on a complete board; None if it is no weighted mean, or lacks the reference it needs."""
    used = get_scheme(scheme)
    if not is_linear(used) or (used.needs_norms and used.norms is None):
        return None
    if not board.complete or not board.leaves:
        raise BoardError(
            f"the certainty of {used.name} was asked on {len(board.leaves)} benchmarks with "
            f"{int(np.isnan(board.scores).sum())} missing cells; give it a cleaned board, of `clean`"
        )
    scaled = used.fitted_scale(board)(board.scores)
    weights = used.linear_combination(scaled, board).cell_weights(np.zeros((1, len(board.leaves))))[0]
    return LinearForm(used.name, scaled, weights)


@dataclass(frozen=True, slots=True)
class NotEstimable:
    """A statement that a board does not allow, and why."""

    scheme: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stratum:
    """A part of the tree: its weight in the average, the papers that measured it, the variance between them."""

    name: str  # Type id of its node
    weight: float
    papers: tuple[str, ...]
    # Of one paper's mean; for a stratum with one paper the pooled share of its variance.
    paper_variance: float


@dataclass(frozen=True, eq=False)
class Certainty:
    """Reliability of an average of ``n`` models, over all papers that could have measured the same strata."""

    scheme: str
    ids: tuple[int, ...]  # Length n
    scores: FloatArray  # Shape (n,); the aggregate
    strata: tuple[Stratum, ...]
    error_variance: float  # Of the aggregate: what other papers in the same strata would change
    variance: float  # Of the aggregate over the models (n - 1)

    @property
    def reliability(self) -> float:
        """Share of the aggregate's variance that is not the papers', in [0, 1]."""
        return max(0.0, 1 - self.error_variance / self.variance)

    @property
    def standard_error(self) -> float:
        """Square root of the error variance."""
        return float(np.sqrt(self.error_variance))

    @property
    def told_apart_from(self) -> float:
        """Smallest difference of two aggregates with a probability of 0.975 of the same sign; infinite at R = 0."""
        from scipy.special import ndtri

        if self.reliability == 0:
            return float("inf")
        quantile = float(ndtri((1 + LEVEL) / 2))
        return quantile * float(np.sqrt(2 * self.error_variance / self.reliability))

    @property
    def told_apart_share(self) -> float:
        """Share of all pairs of models that are distinct."""
        n = len(self.scores)
        ordered = np.sort(self.scores)
        apart = np.searchsorted(ordered, ordered - self.told_apart_from, side="right")
        if self.told_apart_from == 0:
            apart = np.searchsorted(rounded(ordered), rounded(ordered), side="left")
        return float(apart.sum()) / (n * (n - 1) / 2)

    @cached_property
    def posterior(self) -> Posterior:
        """Distribution of each model's aggregate over all papers that could have measured the strata."""
        r, centre = self.reliability, float(self.scores.mean())
        spread = np.sqrt(r * (1 - r) * self.variance)
        return Posterior(centre + r * (self.scores - centre), np.full(len(self.scores), spread))

    @cached_property
    def tiers(self) -> Tiers:
        """Models in order, a new tier where its best is distinct from the next."""
        return tiers(self.scores, self.told_apart_from)


def certainty_of(scheme: str | Scheme, board: Board) -> Certainty | NotEstimable:
    """Estimate the reliability of a scheme's ranking of a complete board, or say why it is not estimable."""
    name = scheme if isinstance(scheme, str) else scheme.name
    form = linear_form(scheme, board)
    if form is None:
        return NotEstimable(name, f"{name} is no weighted mean of scaled benchmarks; leave one paper out instead")
    if len(board.models) < 2:
        return NotEstimable(form.scheme, f"the board has {len(board.models)} models; a variance needs at least 2")
    units = units_of(board.tree, board.leaves, form.weights)
    variances = paper_variances(units.means(form.scaled), units)
    scores = form.scores
    if variances.pooled is None:
        return NotEstimable(form.scheme, not_estimable(units))
    if np.ptp(rounded(scores)) == 0:
        return NotEstimable(form.scheme, f"all {len(scores)} models have the same {form.scheme}")
    spread = np.bincount(units.stratum, units.shares**2, minlength=len(units.strata))
    strata = tuple(
        Stratum(stratum, float(units.weights[r]), units.papers(r), float(variances.values[r]))
        for r, stratum in enumerate(units.strata)
    )
    error = float((units.weights**2 * variances.values * spread).sum())
    return Certainty(form.scheme, board.ids, scores, strata, error, float(scores.var(ddof=1)))


def certainties(board: Board) -> dict[str, Certainty | NotEstimable]:
    """Estimate the reliability of every scheme without norms that is a weighted mean of scaled leaves."""
    found: dict[str, Certainty | NotEstimable] = {}
    for scheme in map(get_scheme, scheme_names()):
        if is_linear(scheme) and not scheme.needs_norms:
            try:
                found[scheme.name] = certainty_of(scheme, board)
            except BoardError as reason:
                found[scheme.name] = NotEstimable(scheme.name, str(reason))
    return found


@dataclass(frozen=True, eq=False)
class Resampled:
    """Components of the variance of an average in each of ``b`` resamples of its models."""

    units: Units
    variance: FloatArray  # Shape (b,); of the aggregate
    paper_variances: FloatArray  # Shape (b, r); by stratum

    @property
    def error_variance(self) -> FloatArray:
        """Change that other papers in the same strata would make, shape (b,)."""
        shares = np.bincount(self.units.stratum, self.units.shares**2, minlength=len(self.units.strata))
        return self.paper_variances @ (self.units.weights**2 * shares)

    @property
    def reliability(self) -> FloatArray:
        """Share of the aggregate's variance that is not the papers', shape (b,); NaN where nothing varies."""
        varies = self.variance > _VARIES
        share = self.error_variance / np.where(varies, self.variance, 1.0)
        return np.where(varies, np.maximum(1 - share, 0.0), np.nan)


def resampled_components(form: LinearForm, board: Board, counts: IntArray) -> Resampled:
    """Estimate the components of the variance when each model counts as often as in counts (b, n)."""
    units = units_of(board.tree, board.leaves, form.weights)
    means = units.means(form.scaled)
    columns = np.column_stack([means, units.sums(means), means @ units.unit_weights])
    columns -= columns.mean(axis=0)
    total = counts.sum(axis=1)[:, None]
    squares = counts @ columns**2 - (counts @ columns) ** 2 / np.maximum(total, 1)
    # Differences of sums leave a rest by rounding where nothing varies.
    variances = np.where(squares > _ROUNDING, squares, 0.0) / np.maximum(total - 1, 1)
    own, together, whole = np.split(variances, [means.shape[1], -1], axis=1)
    return Resampled(units, whole[:, 0], variances_between(own, together, units)[0])


def component_table(form: LinearForm, board: Board) -> dict[str, float | None]:
    """Split the variance of one leaf into the parts of `COMPONENTS`, in per cent.

    What two leaves share on average (covariance over the product of standard deviations, pairs by the product of their
    weights) is the models' own where the strata differ; what two papers in one stratum share beyond that is the
    stratum's, what two leaves of one paper share beyond that is the paper's, and the rest is the leaf's own. Below zero
    counts as 0. None where no pair of leaves shows a part, which is then counted with the next smaller one.
    """
    units = units_of(board.tree, board.leaves, form.weights)
    used = np.flatnonzero(units.within.any(axis=1))
    unit = np.argmax(units.within[used] > 0, axis=1)
    stratum = units.stratum[unit]
    scaled, weights = form.scaled[:, used], form.weights[used]
    if len(scaled) < 2:
        return dict.fromkeys(COMPONENTS)
    centred = scaled - scaled.mean(axis=0)
    covariance = centred.T @ centred / (len(centred) - 1)
    sd = np.sqrt(np.diag(covariance))
    together = np.outer(weights, weights)
    same_unit = unit[:, None] == unit
    same_stratum = stratum[:, None] == stratum
    off = ~np.eye(len(used), dtype=bool)

    def shared(pairs: BoolArray) -> float | None:
        possible = float((together * np.outer(sd, sd))[pairs].sum())
        return float((together * covariance)[pairs].sum()) / possible if possible > 0 else None

    levels = (shared(~same_stratum), shared(same_stratum & ~same_unit), shared(same_unit & off), 1.0)
    below, parts = 0.0, []
    for level in levels:
        parts.append(None if level is None else max(level - below, 0.0))
        below = below if level is None else max(level, below)
    total = sum(part for part in parts if part is not None)
    return {name: None if part is None else 100 * part / total for name, part in zip(COMPONENTS, parts, strict=True)}
