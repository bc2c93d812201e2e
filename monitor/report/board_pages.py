"""Pages of the whole board: two models compared, one's own average, methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.tree import paper
from brainalign_plugin.plot.chart import Chart
from brainalign_plugin.plot.curves import over_time
from brainalign_plugin.plot.rows import dots
from brainalign_plugin.schemes import get_scheme, scheme_names
from brainalign_plugin.schemes.base import Claims
from brainalign_plugin.schemes.missing import CONVENTIONS
from brainalign_plugin.schemes.units import stratum_of
from brainalign_plugin.text import UNKNOWN

from ..history.figures import FIGURES
from .model_board import ModelBoard
from .records import Column, ColumnKind, Figure, Page, Section, Table

# Stand for the names of the two models in the charts, until a reader has chosen them.
FIRST, SECOND = "the first model", "the second model"
_TOP, _HEAVIEST = 20, 15
_WORDS = (
    ("the poster", "Ahlert, Klein, Wichmann, Geirhos: How aligned are different alignment metrics? (arXiv 2407.07530)"),
    ("the poster’s board", "benchmarks that at most half of the models lack, then models that lack none of these"),
    ("official rank", "by Brain-Score’s tree mean, missing scores as 0, rounded to two decimals; ties share a rank"),
    ("ρ", "Spearman’s rank correlation: 1 is the same order of models, 0 no relation, −1 the opposite order"),
    ("good models", "for two benchmarks, the better half of the models by the benchmarks of all other papers"),
    ("papers balanced", "each pair of distinct papers counts once, whatever the number of their benchmarks"),
    ("95 % interval", "from redrawing families of models with all their members; near-copies are one family"),
    ("universe score", "a model’s expected score over all papers that could have measured the same parts of the tree"),
    ("tier", "models in order; a new tier begins where its first is told apart from the first of the one before"),
    ("told apart", "one model is above the other with a probability of at least 0.975"),
    ("reliability", "share of the variance of an average that would stay if other papers had measured the same parts"),
    ("one more paper", "the reliability that the official average would have, did it disagree as the papers there do"),
    ("dimensions", "of parallel analysis: components of the benchmarks that are larger than those of shuffled scores"),
    ("kept alike", "shuffled as whole families, so that members of one family add no dimension of their own"),
    ("shared properties", "metric, region, species, acquisition; p by permuting benchmarks"),
    ("effective weight", "weight × covariance of a benchmark with the average over the average’s variance"),
    ("reconstructed", "a board of the past, made of the newest scores by the times at which they were scored"),
    ("restated", "a score of the same model, benchmark and version that changed"),
)  # fmt: skip
_PROPERTIES = {
    "iia": "removing a model never changes the order of two others",
    "affine": "stretching or shifting one benchmark changes nothing",
    "monotone": "any increasing change of one benchmark changes nothing",
    "clone": "a copy of a benchmark beside it changes no order",
    "monotonicity": "a higher score never lowers a rank",
    "pareto": "a model at least as good everywhere is never ranked below",
    "hierarchy": "more benchmarks in a group leave the group’s weight",
}


def compare_page(board: ModelBoard) -> Page:
    """Return the page that compares two models by their records, ``models/ID.json``: its browser fills the charts."""
    regions = list(dict.fromkeys(board.regions))
    profile = dots(
        regions,
        [50.0] * len(regions),
        title="Mean percentile by region",
        alt="Dots, one row a region: mean percentile of both models",
        axis="percentile (filled: first, hollow: second)",
        reference=[0.0, *([100.0] * (len(regions) - 1))],
        form=".0f",
    )
    ranks = over_time(
        ["2020-01-01", "2021-01-01"],
        {FIRST: [1.0, 2.0], SECOND: [2.0, 1.0]},
        title="Official ranks over time",
        alt="Two lines over time, small ranks at the top",
        axis="official rank",
        form="d",
        reverse=True,
    )
    of_scores = (
        "A percentile is among the models that have the benchmark: 0 is the lowest score, 100 the best. A dot is "
        "the mean over the benchmarks of a region that the model has."
    )
    of_ranks = (
        "Official ranks at each known board. The reason is the largest part of a move, split along the path of "
        "boards between the two dates on ranks of full precision, with missing scores as 0."
    )
    numbers = map(Column, ("first", "second", "percentiles ahead"))
    columns = (Column("benchmark", "prose"), Column("region", "text"), *numbers)
    both = Table("both", "Benchmarks that both have, the widest gap first", columns, (), 15)
    columns = (Column("date", "text"), Column("model", "prose"), Column("rank"), Column("largest reason", "prose"),
               Column("its places"))  # fmt: skip
    moves = Table("moves", "Their moves, the newest first", columns, (), 15)
    question, figure = "How did their ranks move, and why?", _first("rank", ranks)
    sections = (
        Section("profile", "Where does each win?", "", of_scores, None, (), (_first("profile", profile),), (both,)),
        Section("history", question, "", of_ranks, None, (), (figure,), (moves,)),
    )
    data = {"choices": [[i, link.name] for i, link in board.links.items()], "named": [FIRST, SECOND]}
    return Page("compare", "compare.html", "Compare two models", "", sections, script="compare.js", data=data)


def _first(name: str, chart: Chart) -> Figure:
    """Return the chart that answers a section."""
    return Figure(name, chart, answer=True, wide=True)


def average_page(board: ModelBoard) -> Page:
    """Return the page of one's own average; its script computes all figures from `board_record`."""
    top = min(_TOP, len(board.names))
    ranks = dots(
        list(board.names.values())[:top],
        [float(k + 1) for k in range(top)],
        title="The first of your average",
        alt="Dots, one row a model: its rank",
        axis="rank (hollow: official)",
        reference=[float(k + 1) for k in range(top)],
        ids=list(board.names)[:top],
        form="d",
        reverse=True,
    )
    heaviest = min(_HEAVIEST, len(board.board.leaves))
    shares = dots(
        board.labels[:heaviest],
        [float(k) for k in range(heaviest)],
        title="The heaviest benchmarks",
        alt="Dots, one row a benchmark: its share of the variance",
        axis="% of variance (hollow: weight)",
        reference=[float(k) for k in range(heaviest)],
        form=".1f",
    )
    columns = (Column("model", "name"), *map(Column, ("rank", "officially", "places up", "score", "benchmarks")))
    table = Table("own-ranks", "All models that it ranks", columns, (), _TOP)
    how = (
        "Gaps are filled first, then every benchmark is put on the scale over the ranked models, then averaged. The "
        "official rank is here that of the unrounded average; places are counted among the models that both rank. "
        "With gaps left out the weights of the rest of a group grow in its place. A weight of 2 for a region or a "
        "paper doubles those of its benchmarks; all then sum to 1."
    )
    weights = (
        "Share of a benchmark: covariance of its part of the average with the average, over the average’s variance. "
        "Reliability: the share of the variance that would stay if other papers had measured the same parts of the "
        "tree, on the models without a gap unless gaps count as 0."
    )
    sections = (
        Section("ranks", "Which models are first?", "", how, None, (), (_first("ranks", ranks),), (table,)),
        Section("shares", "What decides it, and would it stand?", "", weights, figures=(_first("shares", shares),)),
    )
    return Page("average", "average.html", "Your own average", "", sections, script="average.js")


def board_record(board: ModelBoard) -> dict[str, Any]:
    """Return the board as the page of one's own average reads it.

    Columns by leaf: a number is SCORED, "X" is FAILED, null is NEVER run.
    """
    used = board.board
    return {
        "schema": 1,
        "as_of": board.analysis.snapshot.as_of_time.isoformat(),
        "max_missing": board.analysis.cleaning.max_missing,
        "leaves": [
            {
                "id": leaf,
                "label": board.labels[j],
                "region": board.regions[j],
                "paper": paper(leaf),
                "stratum": stratum_of(used.tree, leaf),
                "path": list(used.tree.path(leaf)[:-1]),
            }
            for j, leaf in enumerate(used.leaves)
        ],
        "models": [[i, name, rank] for (i, name), rank in zip(board.names.items(), board.ranks, strict=True)],
        "cells": [
            [
                float(score) if state == CellState.SCORED else "X" if state == CellState.FAILED else None
                for score, state in zip(used.scores[:, j], used.states[:, j], strict=True)
            ]
            for j in range(len(used.leaves))
        ],
    }


def methods_page(figures: Sequence[str] = tuple(FIGURES)) -> Page:
    """Return the page on methods; `figures`: names of the headline figures that the board has."""
    claims = [one.name for one in fields(Claims)]
    schemes = [get_scheme(name) for name in scheme_names()]
    rows = tuple(
        (
            one.name,
            one.family,
            one.scale.description,
            one.combination,
            one.conventions[0],
            ", ".join(claim for claim in claims if getattr(one.claims, claim)) or UNKNOWN,
            one.source,
        )
        for one in schemes
    )
    kinds: dict[str, ColumnKind] = {
        "scheme": "text", "family": "text", "scale": "prose", "how scores become one": "prose", "missing": "text",
        "properties": "prose", "source": "prose",
    }  # fmt: skip
    columns = tuple(Column(label, kind) for label, kind in kinds.items())
    sections = (
        Section("words", "What do the words mean?", "In the order in which a reader meets them.",
                tables=(_glossary("glossary", "Words", _WORDS),)),
        Section("figures", "What are the headline figures?", "All are on the poster’s board.",
                tables=(_glossary("headline", "Headline figures",
                                  tuple((name, FIGURES[name]) for name in figures)),)),
        Section("missing", "What becomes of missing scores?",
                "FAILED: it was run and gave no number. NEVER: it was not run.",
                tables=(_glossary("rules", "Rules for missing scores", tuple(CONVENTIONS.items())),)),
        Section("schemes", "Which schemes are there?",
                f"{len(schemes)}; the properties are those that a proof gives on every complete board; those "
                "measured on a board are in its report.",
                tables=(Table("scheme-list", "All schemes", columns, rows),
                        _glossary("properties", "Properties", tuple(_PROPERTIES.items())))),
    )  # fmt: skip
    answer = "Every figure of this site, its definition and its source."
    return Page("methods", "methods.html", "Methods", answer, sections)


def _glossary(name: str, caption: str, rows: tuple[tuple[str, str], ...]) -> Table:
    return Table(name, caption, (Column("word", "text"), Column("meaning", "prose")), rows)
