"""Pages of single benchmarks: paper, coverage, spread, weight, agreement, arrival, and ranks that they decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from brainalign_plugin.certainty.record import plain
from brainalign_plugin.citations import benchmark_citation
from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.tree import names_paper, paper
from brainalign_plugin.plot.curves import over_time
from brainalign_plugin.plot.rows import dots
from brainalign_plugin.text import UNKNOWN, counted, visible

from ..base.files import csv_bytes, json_bytes
from .benchmark_board import BenchmarkBoard
from .records import Column, Figure, Page, Section, Table
from .wording import known, number, percent, span

_SHOWN, _ENDS, _MOVED = 15, 8, 20


def benchmark_pages(board: BenchmarkBoard) -> Iterator[Page]:
    """Yield the page of every benchmark and the list of all of them."""
    for j in range(len(board.leaves)):
        yield _page(board, j)
    yield _list(board)


def _page(board: BenchmarkBoard, j: int) -> Page:
    leaf, models = board.leaves[j], board.models
    path = board.pages[leaf]
    parts = (_identity, _coverage, _spread, _weight, _agreement, _arrival, _decides)
    stem = path.removesuffix(".html")
    name = stem.rpartition("/")[2]
    have = f"{counted(models.columns[j][0], 'model')} of {len(models.board.models)} have a score"
    answer = f"{visible(paper(leaf), 60)}, {models.regions[j]}: {have}"
    if leaf in board.kept:
        answer += f"; it agrees with the others with a mean ρ of {number(board.past.points[-1][leaf].rho)}"
    else:
        answer += "; too few for the poster’s board, which leaves it out"
    links = (
        (f"{name}.csv", "scores as CSV"),
        (f"{name}.json", "all facts as JSON"),
        ("../benchmarks.html", "all benchmarks"),
    )
    files = {
        f"{stem}.csv": csv_bytes(("id", "name", "state", "score", "percentile"), _scores(board, j)),
        f"{stem}.json": json_bytes(_record(board, j)),
    }
    sections = tuple(part(board, j) for part in parts)
    return Page("benchmark", path, visible(leaf, 120), f"{answer}.", sections, links, files)


def _scores(board: BenchmarkBoard, j: int) -> list[tuple[Any, ...]]:
    used = board.models.board
    states = [CellState(int(state)).name for state in used.states[:, j]]
    scores, percentiles = map(known, used.scores[:, j]), map(known, board.models.percentiles[:, j])
    names = [model.name for model in used.models]
    return list(zip(used.ids, names, states, scores, percentiles, strict=True))


def _identity(board: BenchmarkBoard, j: int) -> Section:
    leaf, tree = board.leaves[j], board.models.board.tree
    metric = visible(leaf.rpartition("-")[2], 60) if "-" in leaf else "not named by its identifier"
    groups = " › ".join(visible(group, 40) for group in tree.path(leaf)[:-1])
    known = benchmark_citation(leaf)
    points = (f"Metric: {metric}. Version {tree[leaf].version}. In the tree below {groups}.",)
    unknown = f"The paper {visible(paper(leaf), 60)} is not among those that this site can cite"
    what = str(known) if known else f"{unknown}; see the benchmark’s page at Brain-Score."
    if not known and not names_paper(leaf):
        what = "Its identifier names no paper."
    return Section("identity", "What is it?", what, points=points, code=known.bibtex if known else "")


def _coverage(board: BenchmarkBoard, j: int) -> Section:
    leaf, past = board.leaves[j], board.past
    states = board.models.board.states[:, j]
    failed = int((states == CellState.FAILED).sum())
    have = board.models.columns[j][0]
    answer = f"{counted(have, 'model')} of {len(states)} have a score, {failed} failed"
    times = [f"{moment:%Y-%m-%d}" for moment in past.moments]
    shares = [
        100 * points[leaf].scored / models if leaf in points and models else None
        for points, models in zip(past.points, past.models, strict=True)
    ]
    known = [(time, share) for time, share in zip(times, shares, strict=True) if share is not None]
    figures: tuple[Figure, ...] = ()
    if len(known) > 1:
        answer += f"; {known[0][1]:.0f} % on {known[0][0]}, {known[-1][1]:.0f} % on {known[-1][0]}"
        chart = over_time(
            times,
            {"models with a score": shares},
            title=f"{answer}.",
            alt=f"A line over time. {answer}.",
            axis="% of the models",
            form=".0f",
            extent=(0, 100),
        )
        figures = (Figure("coverage", chart, answer=True, wide=True),)
    return Section("coverage", "How many models have it?", f"{answer}.", figures=figures)


def _spread(board: BenchmarkBoard, j: int) -> Section:
    column = board.models.board.scores[:, j]
    known = column[~np.isnan(column)]
    question = "How far do its scores spread, and do they repeat?"
    how = (
        "Rerun reliability: 1 − variance within groups of near-copies of one model over the variance of all. Errors "
        "that all models share (neurons, stimuli, subjects) are not in it."
    )
    if len(known) < 2:
        return Section("spread", question, "Fewer than two models have a score.", how)
    low, median, high = np.percentile(known, [10, 50, 90])
    answer = (
        f"Standard deviation {number(float(known.std(ddof=1)))}; a tenth of the models is below {number(float(low))}, "
        f"half below {number(float(median))}, a tenth above {number(float(high))}; the best has "
        f"{number(float(known.max()))}."
    )
    found = board.reliability(board.leaves[j])
    repeats = f"Rerun reliability {number(found)}: near-copies of one model get nearly the same score."
    if found is None:
        repeats = "Reliability is not estimable: no model is on it twice."
    return Section("spread", question, answer, how, points=(repeats,))


def _weight(board: BenchmarkBoard, j: int) -> Section:
    leaf = board.leaves[j]
    answer = f"{percent(float(board.models.weights[j]))} of the official average by the tree"
    own = board.models.analysis.explained.leaves.get(leaf)
    if own is not None:
        answer += f"; on the poster’s board {percent(own.nominal)} by the tree and {percent(own.effective)} in effect"
    how = "Effective weight: nominal weight × covariance with the average over its variance; all sum to 100 %."
    panel = len(board.panel)
    several = f"It is one of the {panel} benchmarks" if panel > 1 else "It is the one benchmark"
    points = (f"{several} whose average ranks the models as that of all does.",) if leaf in board.panel else ()
    return Section("weight", "What does it weigh?", f"{answer}.", how, points=points)


def _agreement(board: BenchmarkBoard, j: int) -> Section:
    leaf = board.leaves[j]
    question, rows = "What does it agree with?", board.agreements(leaf)
    how = (
        "Spearman’s ρ over the poster’s board; among good models: the better half by the benchmarks of other papers; "
        "over all models that have both, where at least twenty do."
    )
    ranked = [row for row in rows if row[1] is not None]
    if not ranked:
        return Section("agreement", question, "It is not on the poster’s board.", how)
    labels, first, last = board.labels, ranked[0], ranked[-1]
    answer = (
        f"Most with {labels[first[0]]} (ρ = {number(first[1], 2)}), least with {labels[last[0]]} "
        f"(ρ = {number(last[1], 2)})."
    )
    ends = ranked if len(ranked) <= 2 * _ENDS else [*ranked[:_ENDS], *ranked[-_ENDS:]]
    chart = dots(
        [labels[row[0]] for row in ends],
        [row[1] for row in ends],
        title=answer,
        alt=f"Dots, one row a benchmark: correlation over all models (filled) and among good ones (hollow). {answer}",
        axis="Spearman’s ρ (hollow: among good models)",
        reference=[row[2] for row in ends],
        form=".1f",
        zero=True,
    )
    columns = (Column("benchmark", "name"), *map(Column, ("ρ", "among good models", "all that have both", "models")))
    shown = tuple((labels[other], *(number(one, 2) for one in rhos), str(n)) for other, *rhos, n in rows)
    links = tuple(board.pages[row[0]].rpartition("/")[2] for row in rows)
    table = Table("correlations", "Its rank correlations", columns, shown, _SHOWN, links=links)
    figures = (Figure("agreement", chart, answer=True, wide=True), *_agreement_over_time(board, leaf))
    return Section("agreement", question, answer, how, figures=figures, tables=(table,))


def _agreement_over_time(board: BenchmarkBoard, leaf: str) -> tuple[Figure, ...]:
    points = [found.get(leaf) for found in board.past.points]
    rhos, good = ([getattr(one, name, None) for one in points] for name in ("rho", "good"))
    curves = {"all models": rhos, "good models": good}
    known = [rho for rho in rhos if rho is not None]
    if len(known) < 2:
        return ()
    title = f"Its mean ρ with the other benchmarks: {number(known[0])} at first, {number(known[-1])} now."
    chart = over_time(
        [f"{moment:%Y-%m-%d}" for moment in board.past.moments],
        curves,
        title=title,
        alt=f"Two lines over time. {title}",
        axis="mean ρ",
    )
    return (Figure("agreement-time", chart, wide=True),)


_VERDICTS = {
    "confirmatory": "Confirmatory: it ranks models much as the older benchmarks do",
    "partial": "Partial: it ranks models in part as the older benchmarks do",
    "orthogonal": "Orthogonal: its ranks say nothing about those by the older benchmarks",
    "opposed": "Opposed: it ranks models against the older benchmarks",
    None: "No verdict",
}


def _verdict(board: BenchmarkBoard, leaf: str) -> list[str]:
    """Return what the benchmark adds to those before it, on today's board; nothing for one of the first day."""
    found = board.arrived.get(leaf)
    if found is None:
        return []
    reason = f"; {found.reason}" if found.reason else ""
    rho = "" if found.rho is None else f"; ρ = {number(found.rho, 2)} with their average"
    if found.rho is not None and found.interval is not None:
        rho += f", 95 % interval {span(found.interval)}"
    points = [f"{_VERDICTS[found.verdict]}{rho}, {counted(found.models, 'model')}{reason}."]
    if found.nearest is not None:
        near = f"Nearest older benchmark: {board.labels[found.nearest]}, ρ = {number(found.nearest_rho, 2)}"
        points.append(f"{near}; added to their average it moves a model by {number(found.mean_shift, 1)} places.")
    cost = found.complete_without - found.complete_with
    if found.kept and cost > 0:
        points.append(f"It costs the poster’s board {counted(cost, 'complete model')} of {found.complete_without}.")
    return points


def _arrival(board: BenchmarkBoard, j: int) -> Section:
    how = (
        "Each change of a figure is split along the path of boards between the two dates; what is named here happened "
        "between the last board without the benchmark and the first that kept it. The verdict rests on the interval of "
        "ρ over families of models: above 0 (confirmatory from ρ = 0.5), around 0 and within ±0.5, or below 0."
    )
    answer, changes = _came(board, board.leaves[j])
    points = (*changes, *_verdict(board, board.leaves[j]))
    return Section("arrival", "What did its arrival do?", answer, how, points=points)


def _came(board: BenchmarkBoard, leaf: str) -> tuple[str, list[str]]:
    """Return when a benchmark came, and the changes of headline figures on that day."""
    past = board.past
    kept = next((k for k, points in enumerate(past.points) if leaf in points and points[leaf].kept), None)
    first = next((k for k, points in enumerate(past.points) if leaf in points and points[leaf].scored), None)
    if first is None:
        return "No known board has a score of it.", []
    day = f"{past.moments[first]:%Y-%m-%d}"
    came = f"The first known board with a score of it is of {day}"
    if kept is None:
        return f"{came}; no board had enough for the poster’s cleaning.", []
    if kept == 0:
        return f"It was kept on the first known board, of {day}.", []
    when = past.moments[kept]
    changes = [
        change.sentence
        for change in board.history.changes
        if change.later == when and change.figure in ("models", "mean_rho", "r2_behavior")
    ]
    moved = ". What moved then:" if changes else ", and no headline figure moved then."
    return f"{came}; it counts on the poster’s board since {when:%Y-%m-%d}{moved}", changes


def _decides(board: BenchmarkBoard, j: int) -> Section:
    models = board.models
    with_all, without = models.exact_ranks, models.ranks_without([j])
    moved = sorted(
        ((i, rank, without[i]) for i, rank in with_all.items() if i in without and without[i] != rank),
        key=lambda row: (-abs(row[2] - row[1]), row[1], row[0]),
    )
    question = "Whose ranks does it decide?"
    how = "Ranks by the official average of full precision, missing scores as 0, with and without the benchmark."
    if not moved:
        return Section("decides", question, "Nobody’s: without it every model has the same rank.", how)
    shift = sum(abs(after - before) for _, before, after in moved) / max(len(with_all), 1)
    i, before, after = moved[0]
    answer = (
        f"Without it {counted(len(moved), 'model')} of {len(with_all)} would have another rank, by "
        f"{number(shift, 1)} places on average; most of all {models.names[i]}, {after} instead of {before}."
    )
    rows = tuple(
        (models.names[i], str(before), str(after), number(float(models.board.scores[models.rows[i], j])))
        for i, before, after in moved[:_MOVED]
    )
    columns = (Column("model", "name"), *map(Column, ("rank", "without it", "score on it")))
    ids = tuple(str(i) for i, _, _ in moved[:_MOVED])
    links = tuple(f"../models/{i}.html" for i in ids)
    table = Table("decided", "Models that it moves furthest", columns, rows, _SHOWN, ids, links=links)
    return Section("decides", question, answer, how, tables=(table,))


def _record(board: BenchmarkBoard, j: int) -> dict[str, Any]:
    leaf, models, past = board.leaves[j], board.models, board.past
    have, median, best = models.columns[j]
    fields = ("benchmark", "rho", "good", "pairwise", "models")
    return {
        "schema": 1,
        "benchmark": leaf,
        "paper": paper(leaf),
        "region": models.regions[j],
        "as_of": models.analysis.snapshot.as_of_time.isoformat(),
        "models": have,
        "median": median,
        "best": best,
        "weight": float(models.weights[j]),
        "poster": plain(models.analysis.explained.leaves.get(leaf)),
        "rerun_reliability": board.reliability(leaf),
        "arrival": plain(board.arrived.get(leaf)),
        "agreement": [dict(zip(fields, row, strict=True)) for row in board.agreements(leaf)],
        "history": [
            {"as_of": moment.isoformat(), "models": then, **asdict(points[leaf])}
            for moment, then, points in zip(past.moments, past.models, past.points, strict=True)
            if leaf in points
        ],
    }


def _list(board: BenchmarkBoard) -> Page:
    """Return the page that lists all benchmarks."""
    models, points = board.models, board.past.points[-1]
    weights = models.analysis.explained.leaves
    rows = tuple(
        (
            models.labels[j],
            models.regions[j],
            str(models.columns[j][0]),
            number(models.columns[j][1]),
            percent(float(models.weights[j])),
            percent(weights[leaf].effective) if leaf in weights else UNKNOWN,
            number(points[leaf].rho if leaf in points else None, 2),
        )
        for j, leaf in enumerate(board.leaves)
    )
    numbers = map(Column, ("models", "median", "weight", "effective weight", "mean ρ"))
    columns = (Column("benchmark", "name"), Column("region", "text"), *numbers)
    links = tuple(board.pages[leaf] for leaf in board.leaves)
    table = Table("all-benchmarks", "All benchmarks of the average", columns, rows, len(rows), links=links)
    how = "Weight by the tree of the official average; effective weight and mean ρ on the poster’s board."
    answer = f"{counted(len(rows), 'benchmark')}, {len(board.kept)} of them on the poster’s board; each has a page."
    section = Section("list", "Which benchmarks make the average?", "", how, tables=(table,))
    return Page("benchmarks", "benchmarks.html", "Benchmarks", answer, (section,))
