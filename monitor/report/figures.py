"""The figures that the poster's claims are about: the published ones, and those of one snapshot.

Source: Ahlert, Klein, Wichmann, Geirhos, *How aligned are different alignment metrics?*, Re-Align workshop at ICLR
2024, arXiv 2407.07530.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from brainalign_plugin.analysis import Analysis

from .wording import known, number, percent, times


@dataclass(frozen=True, slots=True)
class Published:
    """Figures of one version of the paper."""

    models: int
    benchmarks: int
    mean_rho: float
    r2_behavior: float
    r2_neural: float

    @property
    def shapley_behavior(self) -> float:
        """Shapley share of behaviour, by our formula from the published R²."""
        return (self.r2_behavior + 1 - self.r2_neural) / 2


ARXIV = Published(models=80, benchmarks=69, mean_rho=0.198, r2_behavior=0.9525, r2_neural=0.3333)
WORKSHOP = Published(models=95, benchmarks=51, mean_rho=0.161, r2_behavior=0.8124, r2_neural=0.6731)


@dataclass(frozen=True, slots=True)
class PartFigures:
    """Figures of the neural or the behavioural part; None where a board cannot tell.

    `leaf_sd` is the mean of the leaves' standard deviations, weighted like the leaves in the part: what the part's own
    would be if its leaves agreed perfectly.
    """

    r2: float | None
    null: float | None
    shapley: float | None
    nominal: float | None
    effective: float | None
    sd: float | None
    range: float | None
    leaf_sd: float | None

    @property
    def kept(self) -> float | None:
        """Share of the leaves' spread that is left in their mean."""
        return ratio(self.sd, self.leaf_sd)


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures that the claims are judged by; None where a board cannot tell."""

    rho: float | None
    rho_balanced: float | None
    rho_pairwise: float | None
    rho_pairwise_balanced: float | None
    neural: PartFigures
    behavior: PartFigures

    @property
    def means(self) -> tuple[float, ...]:
        """Every known way to average the correlations."""
        return known_values((self.rho, self.rho_balanced, self.rho_pairwise, self.rho_pairwise_balanced))

    @property
    def sd_ratio(self) -> float | None:
        """Standard deviation of the behavioural part over that of the neural part."""
        return ratio(self.behavior.sd, self.neural.sd)

    @property
    def range_ratio(self) -> float | None:
        """Range of the behavioural part over that of the neural part."""
        return ratio(self.behavior.range, self.neural.range)

    @property
    def leaf_sd_ratio(self) -> float | None:
        """Mean standard deviation of a behavioural leaf over that of a neural one."""
        return ratio(self.behavior.leaf_sd, self.neural.leaf_sd)


def ratio(one: float | None, other: float | None) -> float | None:
    """Quotient of two spreads; None if either is unknown or the second is zero."""
    if one is None or other is None or other < 1e-12:
        return None
    return one / other


def known_values(values: Iterable[float | None]) -> tuple[float, ...]:
    """The values that are neither missing nor infinite."""
    return tuple(v for v in map(known, values) if v is not None)


def figures(analysis: Analysis) -> Figures:
    """Gather from an analysis what the claims are about."""
    neural, behavior = analysis.snapshot.parts
    return Figures(
        rho=analysis.agreement.all_pairs.mean,
        rho_balanced=analysis.agreement.paper_balanced_mean,
        rho_pairwise=analysis.pairwise.all_pairs.mean,
        rho_pairwise_balanced=analysis.pairwise.paper_balanced_mean,
        neural=_part_figures(analysis, neural),
        behavior=_part_figures(analysis, behavior),
    )


def _part_figures(analysis: Analysis, part: str) -> PartFigures:
    board, explained = analysis.cleaning.board, analysis.explained.parts[part]
    leaves = [leaf for leaf, own in zip(board.leaves, board.leaf_parts, strict=True) if own == part]
    weights = [analysis.explained.leaves[leaf] for leaf in leaves if leaf in analysis.explained.leaves]
    effective = known_values(weight.effective for weight in weights)
    spread = analysis.spreads.get(part)
    return PartFigures(
        r2=explained.r2,
        null=explained.null,
        shapley=explained.shapley,
        nominal=sum(weight.nominal for weight in weights) if weights else None,
        effective=sum(effective) if effective else None,
        sd=spread.sd if spread else None,
        range=spread.range if spread else None,
        leaf_sd=_mean_sd(analysis, part),
    )


def _mean_sd(analysis: Analysis, part: str) -> float | None:
    board = analysis.cleaning.board
    weights: list[float] = board.tree.nominal_weights(board.leaves, part).tolist()
    pairs = [(w, analysis.spreads[leaf].sd) for leaf, w in zip(board.leaves, weights, strict=True) if w > 0]
    sds = known_values(sd for _, sd in pairs)
    if not sds or len(sds) < len(pairs):
        return None
    total = sum(w for w, _ in pairs)
    return sum(w * sd for (w, _), sd in zip(pairs, sds, strict=True)) / total


def where_spread_comes_from(found: Figures) -> str:
    """Split the ratio of the parts' standard deviations: that of single leaves, times what averaging leaves of it.

    The standard deviation of a mean is at most the mean of standard deviations, and equals it if all agree.
    """
    leaves, kept = found.leaf_sd_ratio, ratio(found.behavior.kept, found.neural.kept)
    if leaves is None or kept is None:
        return ""
    return (
        f"That is {times(leaves)} by single benchmarks (mean sd {number(found.behavior.leaf_sd)} against "
        f"{number(found.neural.leaf_sd)}) times {number(kept, 1)} by averaging: benchmarks that agree keep their "
        f"spread, and behavioural ones keep {percent(found.behavior.kept, 0)} of it, "
        f"neural ones {percent(found.neural.kept, 0)}."
    )
