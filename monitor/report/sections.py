"""Sections of the page that show the analysis: agreement, parts, spread, weights and ranks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from brainalign_plugin.analysis import Analysis
from brainalign_plugin.analysis.agreement import PairSummary, spearman_matrix
from brainalign_plugin.analysis.spread import Spread
from brainalign_plugin.tree import paper

from .chart_data import PART_NAMES, RANK_CHART_MODELS, RANK_CHART_TOP, model_names, part_positions
from .claims import figures, where_spread_comes_from
from .records import (
    AgreementSection,
    Column,
    Figure,
    PartsSection,
    RankSection,
    SpreadSection,
    Table,
    WeightSection,
)
from .wording import UNKNOWN, count, known, number, percent, plural, times, visible

PAIRS_SHOWN = 8
CONTESTED_SHOWN = 12
MAX_DEPTH = 6


def agreement_section(analysis: Analysis) -> AgreementSection:
    """Heatmap, means by block and by paper, and the pairs at both ends."""
    pairs = analysis.agreement.all_pairs
    missing = "" if pairs.pairs else "No pair of benchmarks on the cleaned board has a rank correlation."
    heatmap = Figure(
        "heatmap",
        "Spearman’s ρ between all benchmarks, clustered",
        f"Heatmap of the rank correlations between {plural(len(analysis.agreement.leaves), 'benchmark')} on the cleaned board. "
        f"Mean {number(pairs.mean)}, median {number(pairs.median)}, {percent(pairs.negative_share)} of the pairs are negative.",
        missing,
    )
    return AgreementSection(heatmap, _blocks(analysis), _papers(analysis), _pair_tables(analysis))


def _summary_cells(complete: PairSummary, pairwise: PairSummary) -> tuple[str, ...]:
    return (
        number(complete.mean),
        number(complete.median),
        percent(complete.negative_share),
        count(complete.pairs),
        number(pairwise.mean),
        percent(pairwise.negative_share),
    )


def _summary_columns(first: str) -> tuple[Column, ...]:
    return (
        Column(first, "name"),
        Column("mean ρ"),
        Column("median ρ"),
        Column("negative"),
        Column("pairs"),
        Column("mean ρ, all models", hint="each pair over all models that have both"),
        Column("negative, all models"),
    )


def _blocks(analysis: Analysis) -> Table:
    names = dict(zip(analysis.snapshot.parts, PART_NAMES, strict=False))
    rows = [
        (
            f"{names[one]} – {names[other]}".lower(),
            *_summary_cells(summary, analysis.pairwise.blocks[one, other]),
        )
        for (one, other), summary in analysis.agreement.blocks.items()
    ]
    rows.append(("all", *_summary_cells(analysis.agreement.all_pairs, analysis.pairwise.all_pairs)))
    return Table("blocks", "Within and between the two parts", _summary_columns("pairs of"), tuple(rows))


def _papers(analysis: Analysis) -> Table:
    empty = PairSummary(None, None, None, 0)
    within = sorted(analysis.agreement.within_paper.items(), key=lambda item: (-item[1].pairs, item[0]))
    rows = [
        (visible(name, 80), *_summary_cells(summary, analysis.pairwise.within_paper.get(name, empty)))
        for name, summary in within
    ]
    return Table("papers", "Within one paper", _summary_columns("paper"), tuple(rows))


def _pair_tables(analysis: Analysis) -> tuple[Table, ...]:
    leaves, rho = analysis.agreement.leaves, analysis.agreement.rho
    first, second = np.triu_indices(len(leaves), k=1)
    found = ~np.isnan(rho[first, second])
    first, second = first[found], second[found]
    papers = np.array([paper(leaf) for leaf in leaves])
    apart = papers[first] != papers[second] if len(leaves) else np.zeros(0, dtype=bool)
    # Equal correlations keep the order of the board, so that the same board gives the same table.
    rising = np.argsort(rho[first, second], kind="stable")
    falling = np.argsort(-rho[first, second], kind="stable")
    chosen = (
        ("agreeing", "Agree most", falling),
        ("agreeing-apart", "Agree most across papers", falling[apart[falling]]),
        ("disagreeing", "Disagree most", rising),
    )
    return tuple(_pair_table(analysis, i, caption, first[o], second[o]) for i, caption, o in chosen)


def _pair_table(
    analysis: Analysis, table_id: str, caption: str, first: Sequence[int], second: Sequence[int]
) -> Table:
    leaves, rho = analysis.agreement.leaves, analysis.agreement.rho
    columns = (
        Column("benchmark", "name"),
        Column("benchmark", "name"),
        Column("ρ"),
        Column("ρ, all", hint="over all models that have both"),
        Column("n, all", hint="models that have both"),
    )
    rows = tuple(
        (
            visible(leaves[i]),
            visible(leaves[j]),
            number(rho[i, j], 2),
            number(analysis.pairwise.rho[i, j], 2),
            count(int(analysis.pairwise.overlap[i, j])),
        )
        for i, j in zip(first[:PAIRS_SHOWN], second[:PAIRS_SHOWN], strict=True)
    )
    return Table(table_id, caption, columns, rows)


def parts_section(analysis: Analysis) -> PartsSection:
    """Scatter of the two parts."""
    found = figures(analysis)
    board = analysis.cleaning.board
    both = len(board.part_scores()) == 3
    missing = (
        "" if both and board.models else "The cleaned board does not have both parts, so there is no scatter."
    )
    scatter = Figure(
        "scatter",
        "Neural against behavioural score of every model, coloured by rank",
        f"Scatter of {plural(len(board.models), 'model')}: neural score across, behavioural score up, on the same scale. Standard "
        f"deviation {number(found.sd_neural)} (neural) and {number(found.sd_behavior)} (behavioural).",
        missing,
    )
    text = ""
    if not missing and len(board.models) > 1:
        neural, behavior = (board.part_scores()[part] for part in board.parts)
        rho = known(spearman_matrix(np.column_stack([neural, behavior]))[0, 1])
        text = f"The two parts correlate with ρ = {number(rho)} over {plural(len(board.models), 'model')}."
    return PartsSection(scatter, text)


def spread_section(analysis: Analysis) -> SpreadSection:
    """Spread of each benchmark and each node of the tree."""
    board = analysis.cleaning.board
    missing = (
        ""
        if board.leaves and len(board.models) > 1
        else "Spread needs at least two models on the cleaned board."
    )
    chart = Figure(
        "spread",
        "Scores on every benchmark: range, middle half and median",
        f"One row for each of {plural(len(board.leaves), 'benchmark')}: the range of scores, the middle half and the median. "
        "The table of all benchmarks below holds the same numbers.",
        missing,
    )
    found = figures(analysis)
    text = ""
    if found.sd_ratio is not None:
        text = (
            f"Over models the behavioural part has {times(found.sd_ratio)} the standard deviation of the neural part. "
            f"{where_spread_comes_from(found)}"
        ).rstrip()
    return SpreadSection(chart, text, _node_table(analysis), _leaf_table(analysis))


_SPREAD_COLUMNS = (
    Column("sd", hint="standard deviation, n − 1"),
    Column("range"),
    Column("IQR"),
    Column("median"),
)


def _spread_cells(spread: Spread) -> tuple[str, ...]:
    return number(spread.sd), number(spread.range), number(spread.iqr), number(spread.median)


def _node_table(analysis: Analysis) -> Table:
    tree = analysis.cleaning.board.tree
    rows: list[tuple[str, ...]] = []
    depths: list[int] = []
    stack = list(reversed(tree.roots))
    while stack:
        node = tree[stack.pop()]
        if node.is_leaf:
            continue
        depths.append(min(len(tree.path(node.type_id)) - 1, MAX_DEPTH))
        rows.append(
            (
                visible(node.type_id),
                count(len(tree.leaves(node.type_id))),
                *_spread_cells(analysis.spreads[node.type_id]),
            )
        )
        stack.extend(reversed(tree.children(node.type_id)))
    columns = (Column("group", "name"), Column("benchmarks"), *_SPREAD_COLUMNS)
    return Table("nodes", "Spread of the groups of the tree", columns, tuple(rows), tuple(depths))


def _leaf_table(analysis: Analysis) -> Table:
    board = analysis.cleaning.board
    rows = []
    for leaf, part in zip(board.leaves, part_positions(analysis), strict=True):
        weight = analysis.explained.leaves.get(leaf)
        rows.append(
            (
                visible(leaf),
                PART_NAMES[part].lower(),
                *_spread_cells(analysis.spreads[leaf]),
                number(analysis.spreads[leaf].low),
                number(analysis.spreads[leaf].high),
                percent(weight.nominal if weight else None, 2),
                percent(weight.effective if weight else None, 2),
            )
        )
    columns = (
        Column("benchmark", "name"),
        Column("part", "text"),
        *_SPREAD_COLUMNS,
        Column("lowest"),
        Column("highest"),
        Column("nominal weight"),
        Column("effective weight"),
    )
    return Table("leaves", "All benchmarks of the cleaned board", columns, tuple(rows))


def weight_section(analysis: Analysis) -> WeightSection:
    """Nominal and effective weights of leaves and parts."""
    weights = analysis.explained.leaves
    enough = any(weight.effective is not None for weight in weights.values())
    missing = "" if enough else "Effective weights need both parts, and an average that varies."
    chart = Figure(
        "weights",
        "Weight of every benchmark in the average: meant and effective",
        "One row for each benchmark: its nominal weight by the tree and its effective weight. "
        "The table of all benchmarks holds the same numbers.",
        missing,
    )
    text = ""
    if enough:
        negative = sum((weight.effective or 0) < 0 for weight in weights.values())
        heaviest = max(weights, key=lambda leaf: weights[leaf].effective or 0.0)
        text = (
            f"The heaviest benchmark in effect is {visible(heaviest)} with {percent(weights[heaviest].effective)} "
            f"(nominally {percent(weights[heaviest].nominal)})."
        )
        if negative:
            text += f" {plural(negative, 'benchmark')} {'has' if negative == 1 else 'have'} a negative effective weight: "
            text += "models that score higher there tend to have a lower average."
    return WeightSection(chart, text, _part_weights(analysis))


def _part_weights(analysis: Analysis) -> Table:
    found = figures(analysis)
    explained = [analysis.explained.parts[part] for part in analysis.snapshot.parts]
    board, weights = analysis.cleaning.board, analysis.explained.leaves
    rows = []
    for k, effective in enumerate((found.effective_neural, found.effective_behavior)):
        leaves = [
            leaf for leaf, own in zip(board.leaves, board.leaf_parts, strict=True) if own == board.parts[k]
        ]
        nominal = sum(weights[leaf].nominal for leaf in leaves if leaf in weights) if weights else None
        rows.append(
            (
                PART_NAMES[k].lower(),
                count(len(leaves)),
                percent(nominal),
                percent(effective),
                percent(explained[k].shapley),
                percent(explained[k].r2),
                percent(explained[k].null),
            )
        )
    columns = (
        Column("part", "text"),
        Column("benchmarks"),
        Column("nominal weight"),
        Column("effective weight"),
        Column("Shapley share of R²"),
        Column("R²"),
        Column("R² by spread alone"),
    )
    return Table("part-weights", "What each part should count, and does", columns, tuple(rows))


def rank_section(analysis: Analysis) -> RankSection:
    """Ranks of every cleaned model under every scheme."""
    board = analysis.cleaning.board
    missing = "" if len(board.models) > 1 and analysis.rankings else "Cleaning left no two models to rank."
    chart = Figure(
        "ranks",
        f"Models in the top {RANK_CHART_TOP} under any scheme",
        "Rank of each of these models under each scheme, joined by a line. The table of all ranks below holds the same numbers.",
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
        f"{plural(len(within), 'model')} {'is' if len(within) == 1 else 'are'} in the top {RANK_CHART_TOP} under some scheme, "
        f"{count(always)} of them under every one."
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
