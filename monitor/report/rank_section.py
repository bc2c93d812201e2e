"""The section of the page that ranks the models under every scheme."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from brainalign_plugin.analysis import Analysis
from brainalign_plugin.analysis.agreement import spearman_matrix

from .chart_data import RANK_CHART_MODELS, RANK_CHART_TOP
from .records import Column, Figure, RankSection, Table
from .wording import UNKNOWN, count, number, plural, visible

CONTESTED_SHOWN = 12


def rank_section(analysis: Analysis) -> RankSection:
    """Ranks of every cleaned model under every scheme."""
    board = analysis.cleaning.board
    missing = "" if len(board.models) > 1 and analysis.rankings else "Cleaning left no two models to rank."
    chart = Figure(
        "ranks",
        f"Models in the top {RANK_CHART_TOP} under any scheme",
        "Rank of each of these models under each scheme, joined by a line; the table of all ranks holds the numbers.",
        missing,
    )
    return RankSection(chart, _rank_text(analysis), _contested(analysis), _rank_table(analysis))


def _differences(analysis: Analysis) -> dict[int, int]:
    """Largest difference between two schemes' ranks of each model."""
    ranks = [ranking.by_id() for ranking in analysis.rankings.values()]
    if not ranks:
        return {}
    return {i: max(r[i] for r in ranks) - min(r[i] for r in ranks) for i in analysis.cleaning.board.ids}


def _rank_text(analysis: Analysis) -> str:
    rankings = analysis.rankings
    if len(analysis.cleaning.board.models) < 2 or not rankings:
        return ""
    rho = spearman_matrix(np.column_stack([ranking.scores for ranking in rankings.values()]))
    names = list(rankings)
    sentences = []
    if np.isfinite(rho).all():
        i, j = (int(k) for k in np.unravel_index(int(np.argmin(rho)), rho.shape))
        if rho[i, j] < 1:
            sentences.append(
                f"The two schemes that differ most are {names[i]} and {names[j]} (ρ = {number(rho[i, j])})."
            )
    ranks = [ranking.by_id() for ranking in rankings.values()]
    within = [i for i in ranks[0] if any(r[i] <= RANK_CHART_TOP for r in ranks)]
    always = sum(all(r[i] <= RANK_CHART_TOP for r in ranks) for i in within)
    sentences.append(
        f"{plural(len(within), 'model')} {'is' if len(within) == 1 else 'are'} in the top {RANK_CHART_TOP} under some "
        f"scheme, {count(always)} of them under every one."
    )
    if len(within) > RANK_CHART_MODELS:
        sentences.append(f"The chart shows the {RANK_CHART_MODELS} with the best median rank.")
    widest = max(_differences(analysis).values())
    sentences.append(f"The largest difference for one model is {plural(widest, 'place')}.")
    return " ".join(sentences)


def _contested(analysis: Analysis) -> Table:
    apart = _differences(analysis)
    names = {model.id: visible(model.name) for model in analysis.cleaning.board.models}
    widest = sorted((i for i in apart if apart[i] > 0), key=lambda i: (-apart[i], i))[:CONTESTED_SHOWN]
    rows = []
    for i in widest:
        by_scheme = {name: ranking.by_id()[i] for name, ranking in analysis.rankings.items()}
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


def _where(by_scheme: dict[str, int], rank: int) -> str:
    return ", ".join(name for name, r in by_scheme.items() if r == rank)


def _rank_table(analysis: Analysis) -> Table:
    board, official = analysis.cleaning.board, analysis.official
    row_of = analysis.snapshot.rows
    overall = official.at(analysis.snapshot.root)
    by_id = {name: ranking.by_id() for name, ranking in analysis.rankings.items()}
    apart = _differences(analysis)
    first: Callable[[int], int] = next(iter(by_id.values()), {}).__getitem__
    models = sorted(board.models, key=lambda m: (first(m.id), m.id)) if by_id else []
    rows = []
    for model in models:
        place = official.ranks[row_of[model.id]]
        rows.append(
            (
                visible(model.name),
                str(model.id),
                *(str(ranks[model.id]) for ranks in by_id.values()),
                str(apart[model.id]),
                number(overall[row_of[model.id]]),
                UNKNOWN if place is None else str(place),
            )
        )
    columns = (
        Column("model", "name"),
        Column("id"),
        *(Column(name) for name in by_id),
        Column("difference", hint="between its best and its worst rank under these schemes"),
        Column("official score", hint="on the whole board, FAILED and NEVER as 0"),
        Column("official rank", hint=f"among all {len(analysis.snapshot.models)} models, by two decimals"),
    )
    return Table("all-ranks", "Ranks of all models of the cleaned board", columns, tuple(rows))
