"""Sections of the page that show the analysis: agreement, parts, spread, weights and ranks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brainalign_plugin.agreement.correlation import PairSummary, spearman_matrix
from brainalign_plugin.agreement.spread import Spread
from brainalign_plugin.analysis import Analysis
from brainalign_plugin.data.tree import paper
from brainalign_plugin.text import visible

from .chart_data import PART_NAMES, part_positions
from .dimensions import dimensions_text, related_text
from .figures import figures, where_spread_comes_from
from .records import AgreementSection, Column, Figure, PartsSection, SpreadSection, Table, WeightSection
from .wording import count, known, number, percent, plural, times

PAIRS_SHOWN = 8

MAX_DEPTH = 6


def agreement_section(analysis: Analysis) -> AgreementSection:
    """Heatmap, means by block and by paper, and the pairs at both ends."""
    pairs = analysis.agreement.all_pairs
    missing = "" if pairs.pairs else "No pair of benchmarks on the cleaned board has a rank correlation."
    heatmap = Figure(
        "heatmap",
        "Spearman’s ρ between all benchmarks, clustered",
        f"Heatmap of the rank correlations between {plural(len(analysis.agreement.leaves), 'benchmark')} of the "
        f"cleaned board. Mean {number(pairs.mean)}, median {number(pairs.median)}, {percent(pairs.negative_share)} of "
        "the pairs are negative.",
        missing,
    )
    return AgreementSection(
        heatmap,
        _blocks(analysis),
        _papers(analysis),
        _pair_tables(analysis),
        related_text(analysis),
        dimensions_text(analysis),
    )


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
    return tuple(
        _pair_table(analysis, i, caption, first[o].tolist(), second[o].tolist()) for i, caption, o in chosen
    )


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
        f"Scatter of {plural(len(board.models), 'model')}: neural score across, behavioural score up, on one scale. "
        f"Standard deviation {number(found.neural.sd)} (neural) and {number(found.behavior.sd)} (behavioural).",
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
        f"One row for each of {plural(len(board.leaves), 'benchmark')}: the range of scores, the middle half and the "
        "median. The table of all benchmarks below holds the same numbers.",
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
            text += (
                f" {plural(negative, 'benchmark')} {'has' if negative == 1 else 'have'} a negative effective weight: "
                "models that score higher there tend to have a lower average."
            )
    return WeightSection(chart, text, _part_weights(analysis))


def _part_weights(analysis: Analysis) -> Table:
    found = figures(analysis)
    parts = part_positions(analysis)
    rows = [
        (
            PART_NAMES[k].lower(),
            count(parts.count(k)),
            percent(part.nominal),
            percent(part.effective),
            percent(part.shapley),
            percent(part.r2),
            percent(part.null),
        )
        for k, part in enumerate((found.neural, found.behavior))
    ]
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
