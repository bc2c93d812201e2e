"""The section of the page that ranks the models under every scheme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from brainalign_plugin.agreement.correlation import spearman_matrix
from brainalign_plugin.analysis import Analysis
from brainalign_plugin.audit.study import SchemeStudy
from brainalign_plugin.text import visible

from .records import Column, Figure, RankSection, Table
from .scheme_data import NAMED_MODELS, TOP, ShownScheme, scheme_name, shown_schemes
from .wording import UNKNOWN, count, listed, number, plural

CONTESTED_SHOWN = 12
SCHEMES_LISTED = 3


def rank_section(analysis: Analysis, study: SchemeStudy | None = None) -> RankSection:
    """Ranks of every cleaned model under every scheme of the study, or of the analysis if there is none."""
    schemes = shown_schemes(analysis, study)
    models = len(analysis.cleaning.board.models)
    missing = "" if models > 1 and schemes else "Cleaning left no two models to rank."
    chart = Figure(
        "ranks",
        f"Rank of {plural(models, 'model')} under {plural(len(schemes), 'scheme')}",
        "One line a model, one column a scheme, the best rank at the top; the table of all ranks holds the numbers.",
        missing,
    )
    return RankSection(
        chart, _rank_text(analysis, schemes), _contested(analysis, schemes), _rank_table(analysis, schemes)
    )


def _differences(schemes: Sequence[ShownScheme]) -> dict[int, int]:
    """Largest difference between two schemes' ranks of each model."""
    if not schemes:
        return {}
    found = {i: [scheme.ranks[i] for scheme in schemes] for i in schemes[0].ranks}
    return {i: max(ranks) - min(ranks) for i, ranks in found.items()}


def _rank_text(analysis: Analysis, schemes: Sequence[ShownScheme]) -> str:
    ids = analysis.cleaning.board.ids
    if len(ids) < 2 or not schemes:
        return ""
    sentences = []
    rho = spearman_matrix(np.array([[-scheme.ranks[i] for scheme in schemes] for i in ids], dtype=float))
    if np.isfinite(rho).all():
        i, j = (int(k) for k in np.unravel_index(int(np.argmin(rho)), rho.shape))
        if rho[i, j] < 1:
            sentences.append(
                f"The two schemes that differ most are {scheme_name(schemes[i].name)} and "
                f"{scheme_name(schemes[j].name)} (ρ = {number(rho[i, j])})."
            )
    within = [i for i in ids if any(scheme.ranks[i] <= TOP for scheme in schemes)]
    always = sum(all(scheme.ranks[i] <= TOP for scheme in schemes) for i in within)
    sentences.append(
        f"{plural(len(within), 'model')} {'is' if len(within) == 1 else 'are'} in the top {TOP} under some "
        f"scheme, {count(always)} of them under every one."
    )
    sentences.append(
        f"The largest difference for one model is {plural(max(_differences(schemes).values()), 'place')}."
    )
    if len(ids) > NAMED_MODELS:
        sentences.append(f"The chart names the {NAMED_MODELS} models with the best median rank.")
    return " ".join(sentences)


def _contested(analysis: Analysis, schemes: Sequence[ShownScheme]) -> Table:
    apart = _differences(schemes)
    names = {model.id: visible(model.name) for model in analysis.cleaning.board.models}
    widest = sorted((i for i in apart if apart[i] > 0), key=lambda i: (-apart[i], i))[:CONTESTED_SHOWN]
    rows = []
    for i in widest:
        by_scheme = {scheme_name(scheme.name): scheme.ranks[i] for scheme in schemes}
        best, worst = min(by_scheme.values()), max(by_scheme.values())
        rows.append(
            (
                names[i],
                str(i),
                str(best),
                _where(by_scheme, best),
                str(worst),
                _where(by_scheme, worst),
                str(apart[i]),
            )
        )
    columns = (
        Column("model", "name"),
        Column("id"),
        Column("best"),
        Column("under", "text"),
        Column("worst"),
        Column("under", "text"),
        Column("difference"),
    )
    return Table("contested", "Most contested models", columns, tuple(rows))


def _where(by_scheme: Mapping[str, int], rank: int) -> str:
    names = tuple(name for name, r in by_scheme.items() if r == rank)
    if len(names) <= SCHEMES_LISTED:
        return ", ".join(names)
    return listed((*names[:SCHEMES_LISTED], f"{len(names) - SCHEMES_LISTED} more"))


def _rank_table(analysis: Analysis, schemes: Sequence[ShownScheme]) -> Table:
    board, official = analysis.cleaning.board, analysis.official
    row_of = analysis.snapshot.rows
    overall = official.at(analysis.snapshot.root)
    apart = _differences(schemes)
    models = sorted(board.models, key=lambda m: (schemes[0].ranks[m.id], m.id)) if schemes else []
    rows = []
    for model in models:
        place = official.ranks[row_of[model.id]]
        rows.append(
            (
                visible(model.name),
                str(model.id),
                str(apart[model.id]),
                number(overall[row_of[model.id]]),
                UNKNOWN if place is None else str(place),
                *(str(scheme.ranks[model.id]) for scheme in schemes),
            )
        )
    columns = (
        Column("model", "name"),
        Column("id"),
        Column("difference", hint="between its best and its worst rank under these schemes"),
        Column("official score", hint="on the whole board, FAILED and NEVER as 0"),
        Column("official rank", hint=f"among all {len(analysis.snapshot.models)} models, by two decimals"),
        *(Column(scheme_name(scheme.name), hint=scheme.family) for scheme in schemes),
    )
    return Table("all-ranks", "Ranks of all models of the cleaned board", columns, tuple(rows))
