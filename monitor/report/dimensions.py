"""What the report says of pairs that agree beyond chance, and of how many dimensions the benchmarks have."""

from __future__ import annotations

from brainalign_plugin.agreement.dimensionality import PERCENTILE, PERMUTATIONS
from brainalign_plugin.analysis import Analysis

from .wording import count, number, percent, plural


def related_text(analysis: Analysis) -> str:
    """How many pairs of benchmarks are related beyond chance; empty if no pair could be tested."""
    found = analysis.significance
    if not found.tested:
        return ""
    related = found.positive + found.negative
    text = (
        f"Of {plural(found.tested, 'pair')}, {count(related)} ({percent(related / found.tested)}) are related beyond "
        f"chance: {count(found.positive)} in the same direction, {count(found.negative)} in opposite ones "
        f"(Spearman’s ρ, two-sided; false discovery rate {percent(found.level, 0)}, Benjamini and Hochberg). With the "
        f"correction that holds whatever the dependence of the tests (Benjamini and Yekutieli) it is "
        f"{count(found.surely_positive + found.surely_negative)}."
    )
    if found.untested:
        text += f" {plural(found.untested, 'pair')} could not be tested."
    return text


def dimensions_text(analysis: Analysis) -> str:
    """How many dimensions the benchmarks have, by each way of counting; empty if there is no answer."""
    found = analysis.dimensions
    if found.participation_ratio is None or found.pc1_share is None:
        return ""
    leaves = len(found.leaves)
    first = (
        f"The poster asks how many dimensions there are. Of the correlations between {plural(leaves, 'benchmark')}, "
        f"the first principal component carries {percent(found.pc1_share)}; the participation ratio, from 1 (all say "
        f"the same) to {count(leaves)} (none are related), is {number(found.participation_ratio, 1)}."
    )
    parts = [first]
    if found.parallel_analysis is not None:
        parts.append(
            f"Parallel analysis keeps {plural(found.parallel_analysis, 'component')}: so many stand out from "
            f"{count(PERMUTATIONS)} boards whose scores were shuffled within each benchmark "
            f"({PERCENTILE:.0f}th percentile)."
        )
    if found.map is not None:
        parts.append(f"Velicer’s minimum average partial is at {count(found.map)}.")
    return " ".join(parts)
