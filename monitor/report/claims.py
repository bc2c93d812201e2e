"""The poster's claims, each judged on one snapshot beside the published figures.

Source: Ahlert, Klein, Wichmann, Geirhos, *How aligned are different alignment metrics?*, Re-Align workshop at ICLR 2024,
arXiv 2407.07530. The verdicts follow fixed rules (`AGREEMENT_RULE`, `DOMINANCE_RULE`, `SPREAD_RULE`), which the page prints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from brainalign_plugin.analysis import Analysis
from brainalign_plugin.tree import paper

from .records import Claim, Comparison, ComparisonGroup, Mark, MarkKind, NumberLine
from .wording import UNKNOWN, count, known, listed, number, percent, plural, times, visible

Verdict = Literal["holds here", "weaker here", "does not hold here", "cannot be said"]
_TONES: dict[Verdict, str] = {
    "holds here": "holds",
    "weaker here": "weaker",
    "does not hold here": "fails",
    "cannot be said": "unknown",
}

# Cohen's (1988) conventions for correlations: 0.3 is medium, 0.5 is large.
MEDIUM, LARGE = 0.3, 0.5
AGREEMENT_RULE = (
    "Holds if the mean ρ over complete cases is below 0.3 and none of the four ways to average exceeds 0.5; "
    "does not hold if the mean over complete cases is 0.5 or more; weaker in between "
    "(0.3 and 0.5 are Cohen’s conventions for a medium and a large correlation)."
)
DOMINANCE_RULE = (
    "Holds if behaviour explains at least 80 % of the variance of the average and its Shapley share is at least two thirds; "
    "does not hold if its Shapley share is half or less; weaker in between."
)
SPREAD_RULE = (
    "Holds if both the standard deviation and the range of the behavioural part are at least twice those of the neural part; "
    "does not hold if either is no larger; weaker in between."
)


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
class Figures:
    """The figures that the claims are judged by; None where a board cannot tell.

    `leaf_sd_behavior` and `leaf_sd_neural` are means of the leaves' standard deviations, weighted like the leaves in the
    part: what the part's own would be if its leaves agreed perfectly.
    """

    rho: float | None
    rho_balanced: float | None
    rho_pairwise: float | None
    rho_pairwise_balanced: float | None
    r2_behavior: float | None
    r2_neural: float | None
    null_behavior: float | None
    null_neural: float | None
    shapley_behavior: float | None
    shapley_neural: float | None
    effective_behavior: float | None
    effective_neural: float | None
    sd_behavior: float | None
    sd_neural: float | None
    range_behavior: float | None
    range_neural: float | None
    leaf_sd_behavior: float | None
    leaf_sd_neural: float | None

    @property
    def means(self) -> tuple[float, ...]:
        """Every known way to average the correlations."""
        return _known((self.rho, self.rho_balanced, self.rho_pairwise, self.rho_pairwise_balanced))

    @property
    def sd_ratio(self) -> float | None:
        """Standard deviation of the behavioural part over that of the neural part."""
        return ratio(self.sd_behavior, self.sd_neural)

    @property
    def range_ratio(self) -> float | None:
        """Range of the behavioural part over that of the neural part."""
        return ratio(self.range_behavior, self.range_neural)

    @property
    def leaf_sd_ratio(self) -> float | None:
        """Mean standard deviation of a behavioural benchmark over that of a neural one."""
        return ratio(self.leaf_sd_behavior, self.leaf_sd_neural)

    @property
    def kept_behavior(self) -> float | None:
        """Share of the behavioural benchmarks' spread that is left in their mean."""
        return ratio(self.sd_behavior, self.leaf_sd_behavior)

    @property
    def kept_neural(self) -> float | None:
        """Share of the neural benchmarks' spread that is left in their mean."""
        return ratio(self.sd_neural, self.leaf_sd_neural)


def ratio(one: float | None, other: float | None) -> float | None:
    """Quotient of two spreads; None if either is unknown or the second is zero."""
    if one is None or other is None or other < 1e-12:
        return None
    return one / other


def _known(values: Iterable[float | None]) -> tuple[float, ...]:
    return tuple(v for v in map(known, values) if v is not None)


def figures(analysis: Analysis) -> Figures:
    """Gather from an analysis what the claims are about."""
    neural, behavior = analysis.snapshot.parts
    board = analysis.cleaning.board
    spreads, parts = analysis.spreads, analysis.explained.parts
    effective: dict[str, float | None] = {}
    leaf_sd: dict[str, float | None] = {}
    for part in (neural, behavior):
        leaves = [leaf for leaf, own in zip(board.leaves, board.leaf_parts, strict=True) if own == part]
        weights = [
            analysis.explained.leaves[leaf].effective for leaf in leaves if leaf in analysis.explained.leaves
        ]
        effective[part] = sum(_known(weights)) if weights and None not in weights else None
        leaf_sd[part] = _mean_sd(analysis, part)
    spread = {part: spreads.get(part) for part in (neural, behavior)}
    return Figures(
        rho=analysis.agreement.all_pairs.mean,
        rho_balanced=analysis.agreement.paper_balanced_mean,
        rho_pairwise=analysis.pairwise.all_pairs.mean,
        rho_pairwise_balanced=analysis.pairwise.paper_balanced_mean,
        r2_behavior=parts[behavior].r2,
        r2_neural=parts[neural].r2,
        null_behavior=parts[behavior].null,
        null_neural=parts[neural].null,
        shapley_behavior=parts[behavior].shapley,
        shapley_neural=parts[neural].shapley,
        effective_behavior=effective[behavior],
        effective_neural=effective[neural],
        sd_behavior=spread[behavior].sd if spread[behavior] else None,
        sd_neural=spread[neural].sd if spread[neural] else None,
        range_behavior=spread[behavior].range if spread[behavior] else None,
        range_neural=spread[neural].range if spread[neural] else None,
        leaf_sd_behavior=leaf_sd[behavior],
        leaf_sd_neural=leaf_sd[neural],
    )


def _mean_sd(analysis: Analysis, part: str) -> float | None:
    board = analysis.cleaning.board
    weights = board.tree.nominal_weights(board.leaves, part).tolist()
    weighted = [
        (w, analysis.spreads[leaf].sd) for leaf, w in zip(board.leaves, weights, strict=True) if w > 0
    ]
    if not weighted or any(sd is None for _, sd in weighted):
        return None
    return sum(w * sd for w, sd in weighted if sd is not None) / sum(w for w, _ in weighted)


def agreement_verdict(mean: float | None, highest: float | None) -> Verdict:
    """Judge by `AGREEMENT_RULE`, from the mean over complete cases and the highest of all ways to average."""
    if mean is None or highest is None:
        return "cannot be said"
    if mean >= LARGE:
        return "does not hold here"
    return "holds here" if mean < MEDIUM and highest <= LARGE else "weaker here"


def dominance_verdict(r2_behavior: float | None, shapley_behavior: float | None) -> Verdict:
    """Judge by `DOMINANCE_RULE`."""
    if r2_behavior is None or shapley_behavior is None:
        return "cannot be said"
    if shapley_behavior <= 0.5:
        return "does not hold here"
    return "holds here" if r2_behavior >= 0.8 and shapley_behavior >= 2 / 3 else "weaker here"


def spread_verdict(sd_ratio: float | None, range_ratio: float | None) -> Verdict:
    """Judge by `SPREAD_RULE`, from the ratios of behaviour to neural."""
    if sd_ratio is None or range_ratio is None:
        return "cannot be said"
    if sd_ratio <= 1 or range_ratio <= 1:
        return "does not hold here"
    return "holds here" if sd_ratio >= 2 and range_ratio >= 2 else "weaker here"


def claims(analysis: Analysis) -> tuple[Claim, ...]:
    """The three claims, judged."""
    found = figures(analysis)
    return (_disagreement(analysis, found), _dominance(found), _wider(found))


def _disagreement(analysis: Analysis, found: Figures) -> Claim:
    pairs = analysis.agreement.all_pairs
    highest = max(found.means, default=None)
    verdict = agreement_verdict(found.rho, highest)
    if verdict == "cannot be said":
        reason = "The cleaned board has no pair of benchmarks with a rank correlation."
    else:
        reason = (
            f"{percent(pairs.negative_share)} of {plural(pairs.pairs, 'pair')} are negative. However the pairs are averaged, "
            f"the mean lies between {number(min(found.means))} and {number(highest)}."
        )
    low = -1.0 if min(found.means, default=0.0) < 0 else 0.0
    beside = (
        (found.rho_balanced, "paper-balanced"),
        (found.rho_pairwise, "all models that have both"),
        (found.rho_pairwise_balanced, "all models that have both, paper-balanced"),
    )
    marks = [_mark("beside", value, low, 1.0, f"{text}: {number(value)}") for value, text in beside]
    marks += [
        _mark("arxiv", ARXIV.mean_rho, low, 1.0, f"arXiv: {ARXIV.mean_rho}"),
        _mark("workshop", WORKSHOP.mean_rho, low, 1.0, f"workshop: {WORKSHOP.mean_rho}"),
        _mark("here", found.rho, low, 1.0, f"this snapshot: {number(found.rho)}"),
    ]
    return Claim(
        claim="Benchmarks rank the same models differently",
        figure=number(found.rho),
        caption="mean rank correlation ρ between two benchmarks",
        verdict=verdict,
        tone=_TONES[verdict],
        reason=reason,
        line=_line(number(low, 0), "1", marks, "50" if low < 0 else None),
        rule=AGREEMENT_RULE,
    )


def _dominance(found: Figures) -> Claim:
    verdict = dominance_verdict(found.r2_behavior, found.shapley_behavior)
    if verdict == "cannot be said":
        reason = "The cleaned board lacks a part, or one of the two does not vary."
    else:
        reason = (
            f"Neural scores explain {percent(found.r2_neural)}. Spread alone would give behaviour "
            f"{percent(found.null_behavior)} if the two parts were unrelated, so read the figure beside that."
        )
    marks = [
        _mark("beside", found.null_behavior, 0, 1, f"by spread alone: {percent(found.null_behavior)}"),
        _mark("arxiv", ARXIV.r2_behavior, 0, 1, f"arXiv: {percent(ARXIV.r2_behavior, 2)}"),
        _mark("workshop", WORKSHOP.r2_behavior, 0, 1, f"workshop: {percent(WORKSHOP.r2_behavior, 2)}"),
        _mark("here", found.r2_behavior, 0, 1, f"this snapshot: {percent(found.r2_behavior)}"),
    ]
    return Claim(
        claim="Behaviour decides the average",
        figure=percent(found.r2_behavior),
        caption="of the average’s variance explained by behaviour",
        verdict=verdict,
        tone=_TONES[verdict],
        reason=reason,
        line=_line("0", percent(1.0, 0), marks),
        rule=DOMINANCE_RULE,
    )


def _wider(found: Figures) -> Claim:
    verdict = spread_verdict(found.sd_ratio, found.range_ratio)
    if verdict == "cannot be said":
        reason = "The cleaned board lacks a part, or the neural one does not vary."
    else:
        reason = (
            f"sd {number(found.sd_behavior)} against {number(found.sd_neural)}, "
            f"range {number(found.range_behavior)} against {number(found.range_neural)}. {where_spread_comes_from(found)}"
        ).rstrip()
    top = float(max(4, -(-max(_known((found.sd_ratio, found.leaf_sd_ratio)), default=0) // 1)))
    marks = [
        _mark("beside", found.leaf_sd_ratio, 0, top, f"single benchmarks: {times(found.leaf_sd_ratio)}"),
        _mark("here", found.sd_ratio, 0, top, f"this snapshot: {times(found.sd_ratio)}"),
    ]
    return Claim(
        claim="Behavioural scores spread wider than neural ones",
        figure=times(found.sd_ratio),
        caption="behavioural over neural standard deviation",
        verdict=verdict,
        tone=_TONES[verdict],
        reason=reason,
        line=_line("0", f"{top:.0f}\N{NARROW NO-BREAK SPACE}×", marks),
        rule=SPREAD_RULE,
    )


def where_spread_comes_from(found: Figures) -> str:
    """Split the ratio of the parts' standard deviations: that of single benchmarks, times what averaging leaves of it.

    The standard deviation of a mean is at most the mean of standard deviations, and equals it if all benchmarks agree.
    """
    leaves, kept = found.leaf_sd_ratio, ratio(found.kept_behavior, found.kept_neural)
    if leaves is None or kept is None:
        return ""
    return (
        f"That is {times(leaves)} by single benchmarks (mean sd {number(found.leaf_sd_behavior)} against "
        f"{number(found.leaf_sd_neural)}) and {times(kept)} by averaging: benchmarks that agree keep their spread, and "
        f"behavioural ones keep {percent(found.kept_behavior, 0)} of it, neural ones {percent(found.kept_neural, 0)}."
    )


def _mark(kind: MarkKind, value: float | None, low: float, high: float, text: str) -> Mark | None:
    if value is None:
        return None
    place = 100 * (min(max(value, low), high) - low) / (high - low)
    return Mark(kind, f"{place:.2f}", text)


def _line(low: str, high: str, marks: list[Mark | None], zero: str | None = None) -> NumberLine | None:
    drawn = tuple(mark for mark in marks if mark is not None)
    return NumberLine(low, high, zero, drawn) if any(mark.kind == "here" for mark in drawn) else None


def comparison_size(analysis: Analysis) -> Comparison:
    """How many models and benchmarks each column of the comparison rests on."""
    board = analysis.cleaning.board
    return Comparison(
        "models × benchmarks",
        f"{len(board.models)} × {len(board.leaves)}",
        f"{ARXIV.models} × {ARXIV.benchmarks}",
        f"{WORKSHOP.models} × {WORKSHOP.benchmarks}",
    )


def comparison(analysis: Analysis) -> tuple[ComparisonGroup, ...]:
    """Every figure of the claims beside the published ones."""
    found = figures(analysis)
    return (
        ComparisonGroup("Agreement", _agreement_rows(analysis, found)),
        ComparisonGroup("What decides the average", _dominance_rows(found)),
        ComparisonGroup("Spread", _spread_rows(found)),
    )


def _agreement_rows(analysis: Analysis, found: Figures) -> tuple[Comparison, ...]:
    complete, pairwise = analysis.agreement.all_pairs, analysis.pairwise.all_pairs
    cleaning = analysis.cleaning
    board, considered = cleaning.board, cleaning.considered
    return (
        Comparison("Mean ρ, complete cases", number(found.rho), number(ARXIV.mean_rho), number(WORKSHOP.mean_rho),
                   "every pair of benchmarks counts once"),
        Comparison("Mean ρ, paper-balanced", number(found.rho_balanced), UNKNOWN, UNKNOWN, _papers_note(board.leaves)),
        Comparison("Median ρ", number(complete.median), UNKNOWN, UNKNOWN),
        Comparison("Negative pairs", percent(complete.negative_share), UNKNOWN, UNKNOWN, f"of {count(complete.pairs)}"),
        Comparison("Mean ρ, pairwise-complete", number(found.rho_pairwise), UNKNOWN, UNKNOWN,
                   f"complete cases are a selection, {len(board.models)} of {plural(len(considered.models), 'model')}; here each "
                   f"pair rests on all models that have both (at least {analysis.pairwise.min_overlap})"),
        Comparison("Mean ρ, pairwise-complete and paper-balanced", number(found.rho_pairwise_balanced), UNKNOWN, UNKNOWN),
        Comparison("Negative pairs, pairwise-complete", percent(pairwise.negative_share), UNKNOWN, UNKNOWN,
                   f"of {count(pairwise.pairs)}"),
    )  # fmt: skip


def _papers_note(leaves: tuple[str, ...]) -> str:
    """Why paper-balanced: how many leaves the two largest papers hold."""
    largest = Counter(paper(leaf) for leaf in leaves).most_common(2)
    text = "every pair of papers counts once"
    held = sum(n for _, n in largest)
    if len(largest) == 2 and held > len(leaves) / 3:
        names = listed(tuple(visible(name, 60) for name, _ in largest))
        text += f": {names} are {held} of {plural(len(leaves), 'benchmark')}"
    return text


def _dominance_rows(found: Figures) -> tuple[Comparison, ...]:
    derived = "the published columns are computed here from the published R²"
    return (
        Comparison("R², behaviour", percent(found.r2_behavior, 2), percent(ARXIV.r2_behavior, 2),
                   percent(WORKSHOP.r2_behavior, 2), "squared correlation of the part with the average"),
        Comparison("R², neural", percent(found.r2_neural, 2), percent(ARXIV.r2_neural, 2), percent(WORKSHOP.r2_neural, 2)),
        Comparison("R² by spread alone, behaviour", percent(found.null_behavior), UNKNOWN, UNKNOWN,
                   "a part correlates with the whole that it is half of: this is what two unrelated parts of this spread give"),
        Comparison("R² by spread alone, neural", percent(found.null_neural), UNKNOWN, UNKNOWN),
        Comparison("Shapley share, behaviour", percent(found.shapley_behavior), percent(ARXIV.shapley_behavior),
                   percent(WORKSHOP.shapley_behavior), f"shares of the two parts sum to one; {derived}"),
        Comparison("Shapley share, neural", percent(found.shapley_neural), percent(1 - ARXIV.shapley_behavior),
                   percent(1 - WORKSHOP.shapley_behavior)),
        Comparison("Effective weight, behaviour", percent(found.effective_behavior), UNKNOWN, UNKNOWN,
                   f"the nominal weight of each part is {percent(0.5, 0)}"),
        Comparison("Effective weight, neural", percent(found.effective_neural), UNKNOWN, UNKNOWN),
    )  # fmt: skip


def _spread_rows(found: Figures) -> tuple[Comparison, ...]:
    def row(
        name: str,
        behavior: float | None,
        neural: float | None,
        note: str = "",
        form: Callable[[float | None], str] = number,
    ) -> Comparison:
        values = f"{form(behavior)} / {form(neural)}" if (behavior, neural) != (None, None) else UNKNOWN
        return Comparison(name, values, UNKNOWN, UNKNOWN, note)

    return (
        row("Standard deviation, behaviour / neural", found.sd_behavior, found.sd_neural, "over models, of the part’s tree mean; the poster shows the spread and gives no figure"),
        row("Range, behaviour / neural", found.range_behavior, found.range_neural),
        row("Mean sd of single benchmarks, behaviour / neural", found.leaf_sd_behavior, found.leaf_sd_neural,
            "weighted like the benchmarks in the part: the part’s sd if they all agreed"),
        row("Left of it after averaging, behaviour / neural", found.kept_behavior, found.kept_neural, form=percent),
    )  # fmt: skip
