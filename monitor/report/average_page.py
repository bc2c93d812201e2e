"""The page on which a reader makes an average: its charts and the board that its script reads."""

from __future__ import annotations

from typing import Any

from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.tree import paper
from brainalign_plugin.plot.rows import dots
from brainalign_plugin.schemes.units import stratum_of

from .model_board import ModelBoard
from .records import Column, Figure, Page, Section, Table

_TOP, _HEAVIEST = 20, 15


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
    columns = (Column("model", "name"), Column("rank"), Column("officially"), Column("places up"),
               Column("score"), Column("benchmarks"))  # fmt: skip
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
        Section("ranks", "Which models are first?", "", how,
                figures=(Figure("ranks", ranks, answer=True, wide=True),),
                tables=(Table("own-ranks", "All models that it ranks", columns, (), _TOP),)),
        Section("shares", "What decides it, and would it stand?", "", weights,
                figures=(Figure("shares", shares, answer=True, wide=True),)),
    )  # fmt: skip
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
