"""The section on intervals of ranks: how sure the rank of a model is."""

from __future__ import annotations

from brainalign_plugin.analysis import Analysis
from brainalign_plugin.audit.study import SchemeStudy
from brainalign_plugin.ranking.resampling import strata
from brainalign_plugin.text import visible

from .chart_data import model_names
from .records import Column, Figure, IntervalSection, Table
from .scheme_data import INTERVAL_MODELS, TOP, interval_schemes, scheme_name
from .wording import count, percent, plural


def interval_section(analysis: Analysis, study: SchemeStudy) -> IntervalSection:
    """Chart, words and table of the intervals."""
    resampled = interval_schemes(study)
    used = study.resampling
    level = percent(used.level, 0)
    chart = Figure(
        "intervals",
        f"How sure a rank is: {level} intervals over benchmarks",
        f"Dot and range for each of the {INTERVAL_MODELS} best models: its rank, the {level} interval, and "
        "how often it is first and in the top ten. The table below holds the numbers.",
        "" if resampled else "No scheme of this board has intervals.",
    )
    text = ""
    if resampled:
        text = (
            f"Had other benchmarks of the same groups been chosen, ranks would be others. Each of "
            f"{count(used.resamples)} resamples draws the benchmarks of every group of the tree again, with "
            f"replacement, and ranks the models anew. {_tied_with_first(study, resampled[0])} {_alone(study)}"
        ).rstrip()
    return IntervalSection(
        chart,
        text,
        tuple(map(scheme_name, resampled)),
        _interval_table(analysis, study, resampled[0]) if resampled else Table("rank-intervals", "", (), ()),
    )


def _tied_with_first(study: SchemeStudy, name: str) -> str:
    """How many models may be the best one after all."""
    one = next(one for one in study.schemes if one.scheme.name == name)
    found = one.uncertainty
    if found is None or one.ranking is None:
        return ""
    models = len(study.board.models)
    able = int((found.low == 1).sum())
    return (
        f"Under {scheme_name(name)}, {plural(able, 'model')} of {count(models)} {'has' if able == 1 else 'have'} the "
        "first place inside the interval."
    )


def _alone(study: SchemeStudy) -> str:
    """What the intervals cannot see: benchmarks that are drawn every time."""
    board = study.board
    weights = board.tree.nominal_weights(board.leaves, board.tree.roots[0])
    alone = [int(columns[0]) for columns in strata(board.tree, board.leaves) if len(columns) == 1]
    if not alone:
        return ""
    if len(alone) == len(board.leaves):
        return "On this board every benchmark is alone in its group and drawn every time, so that no rank can move."
    heaviest = max(alone, key=lambda j: (weights[j], -j))
    return (
        f"An interval takes the tree as given: {plural(len(alone), 'benchmark')} {'is' if len(alone) == 1 else 'are'} "
        f"alone in a group and drawn every time, with {percent(float(weights[alone].sum()), 0)} of the weight in the "
        f"tree ({visible(board.leaves[heaviest])} has {percent(float(weights[heaviest]), 0)})."
    )


def _interval_table(analysis: Analysis, study: SchemeStudy, name: str) -> Table:
    one = next(one for one in study.schemes if one.scheme.name == name)
    names = model_names(analysis.snapshot.models)
    rows = []
    if one.ranking is not None and one.uncertainty is not None:
        ranks, found, ids = one.ranking.ranks, one.uncertainty, one.ranking.ids
        best = sorted(range(len(ids)), key=lambda i: (int(ranks[i]), ids[i]))[:INTERVAL_MODELS]
        rows = [
            (
                names[ids[i]],
                str(ranks[i]),
                _range(int(found.low[i]), int(found.high[i])),
                percent(float(found.first[i])),
                percent(float(found.top_ten[i])),
            )
            for i in best
        ]
    level = percent(study.resampling.level, 0)
    columns = (
        Column("model", "name"),
        Column("rank"),
        Column(f"{level} interval"),
        Column("is first"),
        Column(f"in the top {TOP}"),
    )
    return Table("rank-intervals", f"The best models under {scheme_name(name)}", columns, tuple(rows))


def _range(low: int, high: int) -> str:
    return f"{low}–{high}"
