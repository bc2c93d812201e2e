"""The poster's claims, each judged on one snapshot by a fixed rule, which the page prints.

The rules are `AGREEMENT_RULE`, `DOMINANCE_RULE` and `SPREAD_RULE`; where the claims are from, `figures` says.
"""

from __future__ import annotations

from typing import Literal

from brainalign_plugin.analysis import Analysis

from ..history.intervals import CONFIDENCE
from .certainty import Certainty, shown_interval
from .figures import ARXIV, WORKSHOP, Figures, figures, known_values, where_spread_comes_from
from .records import Claim, Mark, MarkKind, NumberLine
from .wording import number, percent, plural, times

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
    "Holds if behaviour explains at least 80 % of the variance of the average and its Shapley share is at least two "
    "thirds; does not hold if its Shapley share is half or less; weaker in between."
)
SPREAD_RULE = (
    "Holds if both the standard deviation and the range of the behavioural part are at least twice those of the neural "
    "part; does not hold if either is no larger; weaker in between."
)


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


def claims(analysis: Analysis, certainty: Certainty | None = None) -> tuple[Claim, ...]:
    """The three claims, judged; with the interval of a figure where it is known."""
    found = figures(analysis)
    return (_disagreement(analysis, found, certainty), _dominance(found, certainty), _wider(found))


def _with_interval(caption: str, certainty: Certainty | None, name: str) -> str:
    if certainty is None or certainty.intervals[name] is None:
        return caption
    return f"{caption} ({percent(CONFIDENCE, 0)} interval over models {shown_interval(certainty, name)})"


def _disagreement(analysis: Analysis, found: Figures, certainty: Certainty | None) -> Claim:
    pairs = analysis.agreement.all_pairs
    highest = max(found.means, default=None)
    verdict = agreement_verdict(found.rho, highest)
    if verdict == "cannot be said":
        reason = "The cleaned board has no pair of benchmarks with a rank correlation."
    else:
        reason = (
            f"{percent(pairs.negative_share)} of {plural(pairs.pairs, 'pair')} are negative. However the pairs are "
            f"averaged, the mean lies between {number(min(found.means))} and {number(highest)}."
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
        caption=_with_interval("mean rank correlation ρ between two benchmarks", certainty, "mean_rho"),
        verdict=verdict,
        tone=_TONES[verdict],
        reason=reason,
        line=_line(number(low, 0), "1", marks, "50" if low < 0 else None),
        rule=AGREEMENT_RULE,
    )


def _dominance(found: Figures, certainty: Certainty | None) -> Claim:
    verdict = dominance_verdict(found.behavior.r2, found.behavior.shapley)
    if verdict == "cannot be said":
        reason = "The cleaned board lacks a part, or one of the two does not vary."
    else:
        reason = (
            f"Neural scores explain {percent(found.neural.r2)}. Spread alone would give behaviour "
            f"{percent(found.behavior.null)} if the two parts were unrelated, so read the figure beside that."
        )
    marks = [
        _mark("beside", found.behavior.null, 0, 1, f"by spread alone: {percent(found.behavior.null)}"),
        _mark("arxiv", ARXIV.r2_behavior, 0, 1, f"arXiv: {percent(ARXIV.r2_behavior, 2)}"),
        _mark("workshop", WORKSHOP.r2_behavior, 0, 1, f"workshop: {percent(WORKSHOP.r2_behavior, 2)}"),
        _mark("here", found.behavior.r2, 0, 1, f"this snapshot: {percent(found.behavior.r2)}"),
    ]
    return Claim(
        claim="Behaviour decides the average",
        figure=percent(found.behavior.r2),
        caption=_with_interval("of the average’s variance explained by behaviour", certainty, "r2_behavior"),
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
            f"sd {number(found.behavior.sd)} against {number(found.neural.sd)}, "
            f"range {number(found.behavior.range)} against {number(found.neural.range)}. "
            f"{where_spread_comes_from(found)}"
        ).rstrip()
    top = float(max(4, -(-max(known_values((found.sd_ratio, found.leaf_sd_ratio)), default=0) // 1)))
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


def _mark(kind: MarkKind, value: float | None, low: float, high: float, text: str) -> Mark | None:
    if value is None:
        return None
    place = 100 * (min(max(value, low), high) - low) / (high - low)
    return Mark(kind, f"{place:.2f}", text)


def _line(low: str, high: str, marks: list[Mark | None], zero: str | None = None) -> NumberLine | None:
    drawn = tuple(mark for mark in marks if mark is not None)
    return NumberLine(low, high, zero, drawn) if any(mark.kind == "here" for mark in drawn) else None
