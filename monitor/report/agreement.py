"""Section 3, the poster’s first claim: agreement of the benchmarks."""

from __future__ import annotations

from typing import Any

import numpy as np

from brainalign_plugin.agreement.clustering import clustered_order
from brainalign_plugin.agreement.correlation import agreement
from brainalign_plugin.arrays import FloatArray
from brainalign_plugin.certainty.bootstrap import one_vote_each
from brainalign_plugin.certainty.figures import LARGE, MEDIUM, benchmarks_conflict
from brainalign_plugin.certainty.good_models import family_agreement
from brainalign_plugin.certainty.influence import influence
from brainalign_plugin.certainty.structure import board_drivers, family_dimensions
from brainalign_plugin.files.metadata import described
from brainalign_plugin.plot.chart import Chart
from brainalign_plugin.plot.labels import leaf_labels
from brainalign_plugin.plot.matrices import heatmap, scatter
from brainalign_plugin.text import counted, visible

from ..history.figures import cleaned
from .evidence import Evidence
from .records import Figure, Section
from .wording import CLAIM, day, listed, number, percent, within

# Largest p-value of properties that count as drivers, as in docs/structure.md.
_CHANCE = 0.05


def agreement_section(evidence: Evidence) -> Section:
    """Return the section on the agreement of benchmarks."""
    found, board = evidence.analysis.agreement, evidence.analysis.cleaning.board
    answer = agreement_answer(evidence)
    labels = leaf_labels(board.leaves)
    parts = [part or "" for part in board.leaf_parts] if evidence.has_parts else ()
    chart = heatmap(
        labels,
        found.rho,
        title=answer,
        alt=f"Matrix of Spearman’s rank correlations between {counted(len(labels), 'benchmark')}, clustered. {answer}",
        parts=parts,
        overlap=evidence.analysis.pairwise.overlap,
        order=clustered_order(found.rho).tolist(),
    )
    figures = (Figure("matrix", chart, answer=True), Figure("pair", _pair_chart(evidence)))
    how = (
        f"Spearman’s ρ over the poster’s board; {percent(0.95, 0)} interval from "
        f"{evidence.certainty.bootstrap.resamples:,} draws of {evidence.certainty.families.count} families of models. "
        f"The claim holds if the mean is below {MEDIUM}, is weaker below {LARGE} (Cohen’s medium and large), and fails "
        "above; its probability is the share of the draws that agree. Among good models: the better half by the "
        "benchmarks of other papers."
    )
    verdict = evidence.verdict("1, benchmarks conflict,", benchmarks_conflict, mean_rho=found.all_pairs.mean)
    points = filter(None, (_means(evidence), _influence(evidence), _dimensions(evidence), _drivers(evidence)))
    return Section("agreement", "Do the benchmarks agree?", answer, how, verdict, tuple(points), figures)


def agreement_answer(evidence: Evidence) -> str:
    """Return the mean rank correlation with its interval, in a sentence."""
    pairs = evidence.analysis.agreement.all_pairs
    words, mean = within("mean_rho", evidence.interval("mean_rho")), pairs.mean
    if mean is None:
        return "No pair of benchmarks has a rank correlation on this board."
    level = "they hardly agree" if mean < MEDIUM else "they agree somewhat" if mean < LARGE else "they agree"
    return (
        f"On average two benchmarks rank models alike with ρ = {number(mean)}{words}: {level}; "
        f"{percent(pairs.negative_share)} of {counted(pairs.pairs, 'pair')} are negative."
    )


def _influence(evidence: Evidence) -> str:
    """Return the paper, benchmark and model without which the mean correlation changes most."""
    found = influence(evidence.analysis.cleaning.board)
    paper, leaf, model = (next(iter(found.of(kind)), None) for kind in ("paper", "benchmark", "model"))
    if paper is None or leaf is None or model is None or paper.figures["mean_rho"] is None:
        return ""
    outcome = paper.claims["conflict"] or ""
    verdict = f", and the claim {CLAIM[outcome]}" if outcome not in ("", found.claims["conflict"]) else ""
    text = f"Without the paper {visible(paper.name, 60)} the mean is {number(paper.figures['mean_rho'])}{verdict}"
    of_leaf, of_model = leaf.changes["mean_rho"], model.changes["mean_rho"]
    if of_leaf is None or of_model is None:
        return f"{text}."
    return (
        f"{text}. No single benchmark moves it by more than {number(abs(of_leaf))}, no single model by more than "
        f"{number(abs(of_model))}."
    )


def _means(evidence: Evidence) -> str:
    analysis, second, (most, good, best) = evidence.analysis, evidence.second_panel, evidence.good
    others = f" ({number(most.mean)} among the best three quarters, {number(best.mean)} among the best quarter)"
    families = family_agreement(analysis.cleaning.board, evidence.certainty.families)
    found = (
        (good.mean, f"among the better half of the models{'' if best.mean is None else others}"),
        (
            None if families.within is None else families.between,
            f"between families of models and {number(families.within)} within one",
        ),
        (one_vote_each(analysis.cleaning.board, evidence.certainty.families), "if near-copies count as one model"),
        (analysis.agreement.paper_balanced_mean, "if each pair of papers counts once"),
        (analysis.pairwise.all_pairs.mean, "over all models that have both benchmarks"),
    )
    parts = [f"{number(mean)} {words}" for mean, words in found if mean is not None]
    if second is not None:
        parts.append(
            f"{number(second.figures['mean_rho'])} on the {counted(len(second.ids), 'model')} that have "
            f"{counted(len(second.leaves), 'benchmark')}"
        )
    if not parts:
        return ""
    # Ahlert et al. (2024), arXiv 2407.07530.
    poster = " The poster had 0.198 (80 models × 69 benchmarks, arXiv) and 0.161 (95 × 51, workshop)."
    return f"The mean is {', '.join(parts)}.{poster if evidence.brain_score else ''}"


def _dimensions(evidence: Evidence) -> str:
    found = evidence.analysis.dimensions
    if found.participation_ratio is None or found.pc1_share is None or found.parallel_analysis is None:
        return ""
    alike = family_dimensions(evidence.analysis.cleaning.board, evidence.certainty.families, found.leaves)
    # Its interval is not printed: with many true dimensions it lies below them (docs/structure.md).
    by_family = f" (at least {number(alike.value, 0)} with families of models kept alike)" if alike else ""
    return (
        f"The {counted(len(found.leaves), 'benchmark')} have {counted(found.parallel_analysis, 'dimension')} by "
        f"parallel analysis{by_family}; the first carries {percent(found.pc1_share)} of their variance."
    )


def _drivers(evidence: Evidence) -> str:
    """Return what goes with the agreement of benchmarks of different papers; empty for too few pairs or families."""
    board = evidence.analysis.cleaning.board
    found = board_drivers(board, evidence.certainty.families, described(board), among=("across",))
    across = found.scopes["across"]
    # The smallest of several p-values counts as often as there are of them (Bonferroni).
    tried = [(one.p, one) for one in across.drivers if one.p is not None]
    p, first = min(tried, key=lambda one: one[0], default=(1.0, None))
    p = min(1.0, p * len(tried))
    if first is None or first.coefficient is None or across.r2 is None or found.r2["across"] is None:
        return ""
    if p > _CHANCE:
        return f"Across papers, shared properties explain agreement no better than chance (p = {number(p, 2)})."
    sure = within("drivers", found.coefficient["across", first.properties])
    return (
        f"Across papers, shared properties explain {percent(across.r2)} of how far benchmarks agree, "
        f"{listed(first.properties)} most: where it is shared, ρ is "
        f"{'higher' if first.coefficient > 0 else 'lower'} by {number(abs(first.coefficient))}{sure}, p = {number(p)}."
    )


def _opposite_pair(rho: FloatArray) -> tuple[int, int]:
    """Return the positions of the two benchmarks that disagree most; the first two where nothing is known."""
    first, second = np.triu_indices(len(rho), k=1)
    if np.isnan(rho[first, second]).all():
        return 0, min(1, len(rho) - 1)
    lowest = np.nanargmin(rho[first, second])
    return int(first[lowest]), int(second[lowest])


def _pair_chart(evidence: Evidence) -> Chart:
    """Draw the two benchmarks that disagree most."""
    board, rho = evidence.analysis.cleaning.board, evidence.analysis.agreement.rho
    labels, (first, second) = leaf_labels(board.leaves), _opposite_pair(rho)
    title = f"{labels[first]} and {labels[second]}: ρ = {number(rho[first, second], 2)}."
    return scatter(
        [evidence.names[i] for i in board.ids],
        board.ids,
        board.scores[:, first],
        board.scores[:, second],
        title=title,
        alt=f"Scatter, a point a model: {title}",
        axes=(labels[first], labels[second]),
    )


def pair_data(evidence: Evidence) -> dict[str, Any]:
    """Return scores and correlations from which the page draws any pair of benchmarks."""
    board, found, pairwise = evidence.analysis.cleaning.board, evidence.analysis.agreement, evidence.analysis.pairwise
    labels = leaf_labels(board.leaves)
    data: dict[str, Any] = {
        "labels": labels,
        "order": clustered_order(found.rho).tolist(),
        "chosen": _opposite_pair(found.rho),
        "names": [evidence.names[i] for i in board.ids],
        "ids": [str(i) for i in board.ids],
        "scores": [[round(float(x), 3) for x in column] for column in board.scores.T],
        "rho": _half(found.rho),
        "all": _half(pairwise.rho),
        "n": [int(n) for n in pairwise.overlap[np.triu_indices(len(labels), k=1)]],
    }
    if evidence.since is not None:
        from pandas import DataFrame

        earlier = cleaned(evidence.since.changes.earlier.board(), evidence.analysis.cleaning.max_missing)
        before = DataFrame(agreement(earlier).rho, list(earlier.leaves), list(earlier.leaves))
        data["before"] = _half(before.reindex(index=list(board.leaves), columns=list(board.leaves)).to_numpy())
        data["day"] = day(evidence.since.earlier.as_of_time)
    return data


def _half(rho: FloatArray) -> list[float | None]:
    values = rho[np.triu_indices(len(rho), k=1)]
    return [None if np.isnan(value) else round(float(value), 2) for value in values]
