"""Pages of single models: ranks with intervals, profile, history, gaps and near-copies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from brainalign_plugin.certainty.universe_ranks import Universe
from brainalign_plugin.certainty.variance_components import NotEstimable
from brainalign_plugin.data.official import CellState
from brainalign_plugin.plot.curves import over_time
from brainalign_plugin.plot.rows import dots
from brainalign_plugin.text import UNKNOWN, counted, visible

from ..base.files import csv_bytes, json_bytes
from ..history.rank_moves import RankHistory
from .benchmark_board import benchmark_paths
from .model_board import ModelBoard, PaperRange
from .model_standing import (
    ModelLink,
    SchemeRanks,
    Standing,
    copies_section,
    neighbours_section,
    over_schemes,
    standings_of,
)
from .records import Column, Figure, Link, Page, Section, Table
from .wording import known, listed, number, percent

_SHOWN = 15
BRAIN_SCORE = "https://www.brain-score.org/"
SCORE_COLUMNS = ("benchmark", "region", "state", "score", "percentile", "models", "median", "best", "weight")


def model_links(board: ModelBoard, universe: Universe | NotEstimable) -> list[ModelLink]:
    """Return all models with the addresses of their pages, the best official rank first."""
    standings, names = standings_of(universe), list(board.names.items())
    return [
        ModelLink(i, name, f"models/{i}.html", _ranks_text(board.ranks[row], standings.get(i)))
        for row in board.order
        for i, name in [names[row]]
    ]


def model_pages(
    board: ModelBoard, universe: Universe | NotEstimable, past: RankHistory, schemes: SchemeRanks | None = None
) -> Iterator[Page]:
    """Yield the page of every model, the best official rank first.

    `universe`: of the same models. `past`: up to the same board. `schemes`: ranks of the models that are on the
    poster's board.
    """
    standings = standings_of(universe)
    links = {link.id: link for link in model_links(board, universe)}
    for row in board.order:
        yield _page(board, row, links, standings, past, schemes or {})


def models_page(board: ModelBoard, universe: Universe | NotEstimable) -> Page:
    """Return the page that lists all models."""
    standings, links = standings_of(universe), model_links(board, universe)
    rows = []
    for link in links:
        row, own, spread = board.rows[link.id], standings.get(link.id), board.paper_ranges.get(link.id)
        rank = board.ranks[row]
        rows.append(
            (
                link.name,
                UNKNOWN if rank is None else str(rank),
                number(float(board.scores[row])),
                f"{own.rank} ({own.low}–{own.high})" if own else UNKNOWN,
                str(own.tier) if own else UNKNOWN,
                f"{spread.best}–{spread.worst}" if spread else UNKNOWN,
                str(int((board.board.states[row] == CellState.SCORED).sum())),
            )
        )
    columns = (Column("model", "name"), Column("official rank"), Column("score"), Column("universe rank"),
               Column("tier"), Column("without a paper"), Column("benchmarks"))  # fmt: skip
    table = Table("all-models", "All models, the best official rank first", columns, tuple(rows), 100,
                  links=tuple(link.page for link in links))  # fmt: skip
    how = (
        "Universe rank: by universe score, with its 95 % interval. Without a paper: best and worst official rank "
        "over the boards that lack one paper, at full precision."
    )
    answer = f"{counted(len(rows), 'model')}; each has a page with its ranks, profile, history and gaps."
    return Page("models", "models.html", "Models", answer,
                (Section("list", "How do all models rank?", "", how, tables=(table,)),))  # fmt: skip


def _ranks_text(official: int | None, standing: Standing | None) -> str:
    first = "no official rank" if official is None else f"official rank {official}"
    if standing is None:
        return first
    return f"{first}, by universe score {standing.rank} ({standing.low}–{standing.high})"


def _page(
    board: ModelBoard,
    row: int,
    links: Mapping[int, ModelLink],
    standings: Mapping[int, Standing],
    past: RankHistory,
    schemes: SchemeRanks,
) -> Page:
    i, snapshot = board.board.ids[row], board.analysis.snapshot
    spread, standing = board.paper_ranges.get(i), standings.get(i)
    scores = _scores(board, row)
    by_scheme = {name: ranks[i] for name, ranks in schemes.items() if i in ranks}
    sections = (
        _profile(board, row, scores),
        _history(i, past),
        neighbours_section(board, row, links, standings),
        _gaps(board, row),
        copies_section(board, i, links),
    )
    found = [
        Link(f"{i}.csv", "scores as CSV"),
        Link(f"{i}.json", "all facts as JSON"),
        Link(f"../compare.html?models={i}", "compare with another model"),
    ]
    if not snapshot.simulated:
        found.append(Link(f"{BRAIN_SCORE}model/{snapshot.domain}/{i}", "its page at Brain-Score"))
    return Page(
        "model",
        links[i].page,
        links[i].name,
        f"{_answer(board, row, standing, spread)}{over_schemes(by_scheme, schemes)}",
        tuple(section for section in sections if section is not None),
        tuple(found),
        {
            f"models/{i}.csv": csv_bytes(SCORE_COLUMNS, scores),
            f"models/{i}.json": json_bytes(
                _record(board, row, standing, spread, past, scores) | {"ranks_by_scheme": by_scheme}
            ),
        },
    )


def _answer(board: ModelBoard, row: int, standing: Standing | None, spread: PaperRange | None) -> str:
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
    labels = [f"{region} ({len(own[region])})" for region in own]
    chart = dots(
        labels,
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
    names = board.labels
    rows = [
        (names[j], one[1], number(one[3]), number(one[4], 0), number(one[6]), number(one[7]), str(one[5]))
        for j, one in enumerate(scores)
        if one[3] is not None
    ]
    pages = benchmark_paths(board.board.leaves)
    columns = (Column("benchmark", "name"), Column("region", "text"), Column("score"), Column("percentile"),
               Column("median"), Column("best"), Column("models"))  # fmt: skip
    links = tuple(f"../{pages[one[0]]}" for one in scores if one[3] is not None)
    table = Table("scores", "Its scores", columns, tuple(rows), _SHOWN, links=links)
    figures = (Figure("profile", chart, answer=True, wide=True),)
    return Section("profile", "Where is it good?", answer, how, figures=figures, tables=(table,))


def _history(i: int, past: RankHistory) -> Section | None:
    """Return its official rank over time with dated reasons; None before it had a rank."""
    known = [(moment, ranks[i]) for moment, ranks in zip(past.moments, past.ranks, strict=True) if i in ranks]
    if not known:
        return None
    (first, before), (last, now) = known[0], known[-1]
    moves = past.moves.get(i, ())
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
    rows = tuple(
        (
            f"{move.later:%Y-%m-%d}",
            f"{move.before} → {move.after}",
            visible(move.reason),
            UNKNOWN if move.places is None else f"{abs(move.places):.0f}",
        )
        for move in reversed(moves)
    )
    tables = (Table("moves", "Its moves, the newest first", columns, rows, _SHOWN),) if rows else ()
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
    names = board.labels
    rows = tuple(
        (
            names[j],
            "failed" if states[j] == CellState.FAILED else "never run",
            percent(float(board.weights[j])),
            number(board.columns[j][1]),
            number(costs.get(j), 4),
        )
        for j in sorted(missing, key=lambda j: (-costs.get(j, -1.0), j))
    )
    columns = (Column("benchmark", "name"), Column("state", "text"), Column("weight"), Column("median"),
               Column("cost"))  # fmt: skip
    table = Table("missing", "Benchmarks without a score, the dearest first", columns, rows, _SHOWN)
    return Section("gaps", question, f"{answer}.", how, tables=(table,))


def _record(
    board: ModelBoard,
    row: int,
    standing: Standing | None,
    spread: PaperRange | None,
    past: RankHistory,
    scores: tuple[tuple[Any, ...], ...],
) -> dict[str, Any]:
    i = board.board.ids[row]
    return {
        "schema": 1,
        "id": i,
        "name": board.board.models[row].name,
        "as_of": board.analysis.snapshot.as_of_time.isoformat(),
        "official": {
            "score": known(board.scores[row]),
            "rank": board.ranks[row],
            "rank_with_medians": board.rank_without_gaps(row),
        },
        "universe": None
        if standing is None
        else asdict(standing),
        "without_one_paper": None
        if spread is None
        else {
            "best": spread.best,
            "without_best": spread.without_best or None,
            "worst": spread.worst,
            "without_worst": spread.without_worst or None,
        },
        "near_copies": list(board.copies.get(i, ())),
        "history": [
            {"as_of": moment.isoformat(), "rank": ranks.get(i)}
            for moment, ranks in zip(past.moments, past.ranks, strict=True)
        ],
        "moves": [
            {"earlier": move.earlier.isoformat(), "later": move.later.isoformat(), "before": move.before,
             "after": move.after, "reason": move.reason, "places": move.places}
            for move in past.moves.get(i, ())
        ],
        "scores": [dict(zip(SCORE_COLUMNS, one, strict=True)) for one in scores],
    }  # fmt: skip
