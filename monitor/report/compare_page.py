"""The page that compares two models: its charts, which the browser fills with the records of the chosen two."""

from __future__ import annotations

from collections.abc import Sequence

from brainalign_plugin.plot.curves import over_time
from brainalign_plugin.plot.rows import dots

from .model_board import ModelBoard
from .model_standing import ModelLink
from .records import Column, ColumnKind, Figure, Page, Section, Table

# Stand for the names of the two models in the charts, until a reader has chosen them.
FIRST, SECOND = "the first model", "the second model"


def compare_page(board: ModelBoard, links: Sequence[ModelLink]) -> Page:
    """Return the page that compares two models by their records, ``models/ID.json``.

    `links`: of all models, the best official rank first: the first two are compared at first.
    """
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
    days = ["2020-01-01", "2021-01-01"]
    ranks = over_time(
        days,
        {FIRST: [1.0, 2.0], SECOND: [2.0, 1.0]},
        title="Official ranks over time",
        alt="Two lines over time, small ranks at the top",
        axis="official rank",
        form="d",
        reverse=True,
    )
    sections = (
        Section(
            "profile",
            "Where does each win?",
            "",
            "A percentile is among the models that have the benchmark: 0 is the lowest score, 100 the best. A dot is "
            "the mean over the benchmarks of a region that the model has.",
            figures=(Figure("profile", profile, answer=True, wide=True),),
            tables=(
                _table("both", "Benchmarks that both have, the widest gap first",
                       ("benchmark", "region", "first", "second", "percentiles ahead")),
            ),
        ),
        Section(
            "history",
            "How did their ranks move, and why?",
            "",
            "Official ranks at each known board. The reason is the largest part of a move, split along the path of "
            "boards between the two dates on ranks of full precision, with missing scores as 0.",
            figures=(Figure("rank", ranks, answer=True, wide=True),),
            tables=(
                _table("moves", "Their moves, the newest first",
                       ("date", "model", "rank", "largest reason", "its places")),
            ),
        ),
    )  # fmt: skip
    return Page(
        "compare",
        "compare.html",
        "Compare two models",
        "",
        sections,
        script="compare.js",
        data={"choices": [[link.id, link.name] for link in links], "named": [FIRST, SECOND]},
    )


def _table(name: str, caption: str, labels: Sequence[str]) -> Table:
    """Return an empty table."""
    kinds: dict[str, ColumnKind] = {"region": "text", "date": "text"}
    kinds |= dict.fromkeys(("benchmark", "model", "largest reason"), "prose")
    columns = tuple(Column(label, kinds.get(label, "number")) for label in labels)
    return Table(name, caption, columns, (), 15)
