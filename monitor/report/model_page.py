"""Pages of single models: ranks with intervals, profile, history, gaps and near-copies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from brainalign_plugin.certainty.record import plain
from brainalign_plugin.data.official import CellState
from brainalign_plugin.plot.curves import over_time
from brainalign_plugin.plot.rows import dots
from brainalign_plugin.text import UNKNOWN, counted, visible

from ..base.files import csv_bytes, json_bytes
from ..history.board_history import RankHistory
from .benchmark_board import benchmark_paths
from .model_board import APART, ModelBoard, ModelLink, SchemeRanks
from .records import Column, Figure, Page, Section, Table
from .wording import known, listed, number, percent

_SHOWN = 15
# Official neighbours above and below.
_NEAR = 3
BRAIN_SCORE = "https://www.brain-score.org/"
SCORE_COLUMNS = ("benchmark", "region", "state", "score", "percentile", "models", "median", "best", "weight")


def model_pages(board: ModelBoard, past: RankHistory, schemes: SchemeRanks | None = None) -> Iterator[Page]:
    """Yield the page of every model, the best official rank first.

    `past`: up to the same board. `schemes`: ranks of the models that are on the poster's board.
    """
    for row in board.order:
        yield _page(board, row, past, schemes or {})


def models_page(board: ModelBoard) -> Page:
    """Return the page that lists all models."""
    rows = []
    for i, link in board.links.items():
        own, spread, row = board.standings.get(i), board.paper_ranges.get(i), board.rows[i]
        universe = (f"{own.rank} ({own.low}–{own.high})", str(own.tier)) if own else (UNKNOWN, UNKNOWN)
        rows.append(
            (
                link.name,
                number(board.ranks[row], 0),
                number(float(board.scores[row])),
                *universe,
                f"{spread.best}–{spread.worst}" if spread else UNKNOWN,
                str(int((board.board.states[row] == CellState.SCORED).sum())),
            )
        )
    numbers = ("official rank", "score", "universe rank", "tier", "without a paper", "benchmarks")
    columns, links = (Column("model", "name"), *map(Column, numbers)), tuple(link.page for link in board.links.values())
    table = Table("all-models", "All models, the best official rank first", columns, tuple(rows), 100, links=links)
    how = (
        "Universe rank: by universe score, with its 95 % interval. Without a paper: best and worst official rank "
        "over the boards that lack one paper, at full precision."
    )
    answer = f"{counted(len(rows), 'model')}; each has a page with its ranks, profile, history and gaps."
    section = Section("list", "How do all models rank?", "", how, tables=(table,))
    return Page("models", "models.html", "Models", answer, (section,))


def _page(board: ModelBoard, row: int, past: RankHistory, schemes: SchemeRanks) -> Page:
    i, snapshot = board.board.ids[row], board.analysis.snapshot
    scores = _scores(board, row)
    by_scheme = {name: ranks[i] for name, ranks in schemes.items() if i in ranks}
    sections = (
        _profile(board, row, scores),
        _history(i, past),
        _neighbours(board, row),
        _gaps(board, row),
        _copies(board, i),
    )
    found = [
        (f"{i}.csv", "scores as CSV"),
        (f"{i}.json", "all facts as JSON"),
        (f"../compare.html?models={i}", "compare with another model"),
    ]
    if not snapshot.simulated:
        found.append((f"{BRAIN_SCORE}model/{snapshot.domain}/{i}", "its page at Brain-Score"))
    files = {
        f"models/{i}.csv": csv_bytes(SCORE_COLUMNS, scores),
        f"models/{i}.json": json_bytes(_record(board, row, past, scores) | {"ranks_by_scheme": by_scheme}),
    }
    answer = f"{_answer(board, row)}{_over_schemes(by_scheme, schemes)}"
    shown = tuple(section for section in sections if section is not None)
    return Page("model", board.links[i].page, board.links[i].name, answer, shown, tuple(found), files)


def _answer(board: ModelBoard, row: int) -> str:
    i = board.board.ids[row]
    standing, spread = board.standings.get(i), board.paper_ranges.get(i)
    official, ranked = board.ranks[row], sum(rank is not None for rank in board.ranks)
    score = board.scores[row]
    text = (
        "It has no official rank, because it was never run"
        if official is None
        else f"Official rank {official} of {ranked}{'' if np.isnan(score) else f' (score {number(float(score))})'}"
    )
    text += (
        f". By universe score rank {standing.rank} of {standing.ranked}, 95 % interval {standing.low} to "
        f"{standing.high}, tier {standing.tier} of {standing.tiers}"
        if standing
        else ". It has no rank by universe score: it lacks half of the weight, or the board is too small"
    )
    if spread is None:
        return f"{text}."
    if spread.best == spread.worst:
        return f"{text}. No single paper, left out, moves its official rank."
    best, worst = (
        f"{rank}{f' (without {name})' if name else ' (with all)'}"
        for rank, name in ((spread.best, spread.without_best), (spread.worst, spread.without_worst))
    )
    return f"{text}. Leave one paper out, and its official rank lies between {best} and {worst}."


def _scores(board: ModelBoard, row: int) -> tuple[tuple[Any, ...], ...]:
    used = board.board
    return tuple(
        (
            leaf,
            board.regions[j],
            CellState(int(used.states[row, j])).name,
            known(used.scores[row, j]),
            known(board.percentiles[row, j]),
            *board.columns[j],
            float(board.weights[j]),
        )
        for j, leaf in enumerate(used.leaves)
    )


def _profile(board: ModelBoard, row: int, scores: tuple[tuple[Any, ...], ...]) -> Section | None:
    """Return its percentiles by region, compared with the median model and the officially first."""
    own = board.profile(row)
    if not own:
        return None
    first = board.order[0]
    best = board.profile(first)
    means = {region: float(np.mean(values)) for region, values in own.items()}
    order = sorted(means, key=lambda region: -means[region])
    answer = f"In {order[0]} it is at percentile {number(means[order[0]], 0)} on average"
    if len(order) > 1:
        answer += f", in {order[-1]} at {number(means[order[-1]], 0)}"
    answer += "; the median model is at 50."
    chart = dots(
        [f"{region} ({len(values)})" for region, values in own.items()],
        list(means.values()),
        title=answer,
        alt=f"Dots with bars, one row a region: mean percentile of its benchmarks. {answer}",
        axis="percentile (hollow: official first)",
        low=[float(values.min()) for values in own.values()],
        high=[float(values.max()) for values in own.values()],
        reference=[float(np.mean(best[region])) if region in best else None for region in own],
        form=".0f",
    )
    how = (
        "A percentile is among the models that have the benchmark: 0 is the lowest score, 50 the median, 100 the "
        "best. A dot is the mean over the benchmarks of a region that the model has (their number in brackets), a bar "
        f"their range; hollow is the officially first model, {board.names[board.board.ids[first]]}."
    )
    rows = [
        (board.labels[j], one[1], number(one[3]), number(one[4], 0), number(one[6]), number(one[7]), str(one[5]))
        for j, one in enumerate(scores)
        if one[3] is not None
    ]
    pages = benchmark_paths(board.board.leaves)
    numbers = map(Column, ("score", "percentile", "median", "best", "models"))
    columns = (Column("benchmark", "name"), Column("region", "text"), *numbers)
    links = tuple(f"../{pages[one[0]]}" for one in scores if one[3] is not None)
    table = Table("scores", "Its scores", columns, tuple(rows), _SHOWN, links=links)
    figures = (Figure("profile", chart, answer=True, wide=True),)
    return Section("profile", "Where is it good?", answer, how, figures=figures, tables=(table,))


def _history(i: int, past: RankHistory) -> Section | None:
    """Return its official rank over time with dated reasons; None before it had a rank."""
    known = [(moment, ranks[i]) for moment, ranks in zip(past.moments, past.ranks, strict=True) if i in ranks]
    if not known:
        return None
    (first, before), (last, now), moves = known[0], known[-1], past.moves.get(i, ())
    answer = f"Official rank {now} on {last:%Y-%m-%d}"
    if len(known) > 1:
        answer += f", {before} on {first:%Y-%m-%d}; it moved {counted(len(moves), 'time')} in {len(known)} boards"
    answer += "."
    how = (
        "Official ranks at each known board. The reason is the largest part of a move, split along the path of boards "
        "between the two dates on ranks of full precision, with missing scores as 0."
    )
    figures: tuple[Figure, ...] = ()
    if len(known) > 1:
        chart = over_time(
            [f"{moment:%Y-%m-%d}" for moment, _ in known],
            {"official rank": [float(rank) for _, rank in known]},
            title=answer,
            alt=f"A line over time, small ranks at the top. {answer}",
            axis="official rank",
            form="d",
            reverse=True,
        )
        figures = (Figure("rank", chart, answer=True, wide=True),)
    columns = (Column("date", "text"), Column("rank"), Column("largest reason", "prose"), Column("its places"))
    rows = []
    for one in reversed(moves):
        places = UNKNOWN if one.places is None else f"{abs(one.places):.0f}"
        rows.append((f"{one.later:%Y-%m-%d}", f"{one.before} → {one.after}", visible(one.reason), places))
    tables = (Table("moves", "Its moves, the newest first", columns, tuple(rows), _SHOWN),) if rows else ()
    return Section("history", "How did its rank move, and why?", answer, how, figures=figures, tables=tables)


def _gaps(board: ModelBoard, row: int) -> Section:
    """Return the benchmarks without a score, and what they cost."""
    question, states = "What was it never run on, and what does that cost?", board.board.states[row]
    missing = [j for j, state in enumerate(states) if state != CellState.SCORED]
    how = (
        "A missing score counts as 0 in the official average. It costs the benchmark’s weight times the median score "
        "of the models that have it."
    )
    if not missing:
        return Section("gaps", question, "Nothing: it has a score on every benchmark of the average.", how)
    failed = sum(states[j] == CellState.FAILED for j in missing)
    never, costs = len(missing) - failed, board.costs(row)
    counts = ((never, "it was never run on"), (failed, "its run failed on"))
    parts = tuple(f"{words} {many} of {counted(len(states), 'benchmark')}" for many, words in counts if many)
    answer = f"{listed(parts)}; the zeros cost {number(sum(costs.values()))} of the average"
    answer = f"{answer[:1].upper()}{answer[1:]}"
    if (rank := board.rank_without_gaps(row)) is not None:
        answer += f", and with the median score on each its official rank would be {rank}"
        answer += " as it is" if rank == board.ranks[row] else f" instead of {board.ranks[row]}"
    rows = tuple(
        (
            board.labels[j],
            "failed" if states[j] == CellState.FAILED else "never run",
            percent(float(board.weights[j])),
            number(board.columns[j][1]),
            number(costs.get(j), 4),
        )
        for j in sorted(missing, key=lambda j: (-costs.get(j, -1.0), j))
    )
    columns = (Column("benchmark", "name"), Column("state", "text"), *map(Column, ("weight", "median", "cost")))
    table = Table("missing", "Benchmarks without a score, the dearest first", columns, rows, _SHOWN)
    return Section("gaps", question, f"{answer}.", how, tables=(table,))


def _over_schemes(ranks: Mapping[str, int], schemes: SchemeRanks) -> str:
    """Return its range over schemes as a further sentence; GLS counts in no range, because it rewards noise."""
    if not any(schemes.values()):
        return ""
    counted_in = {name: rank for name, rank in ranks.items() if name != "GLS"}
    if not counted_in:
        return " It is not on the poster’s board, on which the schemes are compared."
    best, worst = min(counted_in, key=lambda name: counted_in[name]), max(counted_in, key=lambda name: counted_in[name])
    return (
        f" Under {counted(len(counted_in), 'scheme')} its rank among {counted(len(schemes[best]), 'model')} of the "
        f"poster’s board lies between {counted_in[best]} ({best}) and {counted_in[worst]} ({worst})."
    )


def _neighbours(board: ModelBoard, row: int) -> Section | None:
    """Return the models next to it in the official ranking, each with its probability; None without a rank."""
    ranked = [one for one in board.order if board.ranks[one] is not None]
    if row not in ranked or len(ranked) < 2:
        return None
    at, own = ranked.index(row), board.standings.get(board.board.ids[row])
    near = [board.links[board.board.ids[one]] for one in ranked[max(at - _NEAR, 0) : at + _NEAR + 1] if one != row]
    others = [board.standings.get(link.id) for link in near]
    above = [None if own is None or other is None else own.above(other) for other in others]
    apart = [max(one, 1 - one) >= APART for one in above if one is not None]
    answer = f"It is told apart from {sum(apart)} of its {counted(len(apart), 'neighbour')} in the official ranking."
    if not apart:
        answer = "Nothing tells it apart from its neighbours: they, or it, have no universe score."
    how = (
        f"Neighbours are up to {_NEAR} models above and below it by official rank. The probability that it is above "
        "each is by universe score; two models are told apart where it is at least 0.975 for one of them."
    )
    table = _linked("neighbours", "Its neighbours by official rank", near, "probability that it is above", above)
    return Section("near", "Is it told apart from its neighbours?", answer, how, tables=(table,))


def _linked(
    name: str, caption: str, links: Sequence[ModelLink], label: str = "", values: Sequence[float | None] = ()
) -> Table:
    """Return a table of models with their ranks, and a number of each if there are any."""
    columns = (Column("model", "name"), Column("ranks", "prose"), *([Column(label)] if label else []))
    rows = tuple((link.name, link.text, *(number(one, 2) for one in values[k : k + 1])) for k, link in enumerate(links))
    ids = tuple(str(link.id) for link in links)
    return Table(name, caption, columns, rows, models=ids, links=tuple(f"{i}.html" for i in ids))


def _copies(board: ModelBoard, i: int) -> Section:
    """Return its near-copies with their pages."""
    question, others = "Which models are near-copies of it?", [board.links[k] for k in board.copies.get(i, ())]
    how = "Near-copies share ten scores or more, half of them equal to three decimals and none further apart than 0.01."
    if not others:
        return Section("copies", question, "None.", how)
    table = _linked("near-copies", "Its near-copies", others)
    return Section("copies", question, f"{counted(len(others), 'other model')}.", how, tables=(table,))


def _record(board: ModelBoard, row: int, past: RankHistory, scores: tuple[tuple[Any, ...], ...]) -> dict[str, Any]:
    i, rank = board.board.ids[row], board.ranks[row]
    standing, spread = board.standings.get(i), board.paper_ranges.get(i)
    official = {"score": known(board.scores[row]), "rank": rank, "rank_with_medians": board.rank_without_gaps(row)}
    return {
        "schema": 1,
        "id": i,
        "name": board.board.models[row].name,
        "as_of": board.analysis.snapshot.as_of_time.isoformat(),
        "official": official,
        "universe": plain(standing),
        "without_one_paper": spread and {name: value or None for name, value in asdict(spread).items()},
        "near_copies": list(board.copies.get(i, ())),
        "history": [
            {"as_of": moment.isoformat(), "rank": ranks.get(i)}
            for moment, ranks in zip(past.moments, past.ranks, strict=True)
        ],
        "moves": plain(past.moves.get(i, ())),
        "scores": [dict(zip(SCORE_COLUMNS, one, strict=True)) for one in scores],
    }
