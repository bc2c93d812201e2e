"""Output of ``place``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.table import Column, Table

from brainalign_plugin.text import UNKNOWN, counted

from ..base.errors import in_shell
from .printing import figure, name, out, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainalign_plugin.data.board import Model
    from brainalign_plugin.files.model_scores import Cell
    from brainalign_plugin.placement.profile import CellPair
    from brainalign_plugin.placement.result import Placement

SHOWN = 5
TOP = 10
_KINDS = {
    "papers": "range of the rank when each paper in turn is left out, which has no probability",
    "benchmarks": "over the benchmarks of one paper; another paper may differ more",
}


def placement(placed: Placement, notes: Sequence[str], *, named: bool) -> None:
    """Print a model's rank, what its missing scores could change, its strengths and its neighbours."""
    to = out()
    to.print(printable(placed.answer))
    _given(placed, named)
    for note in notes:
        to.print(printable(note))
    _schemes(placed)
    _missing(placed)
    _benchmarks(placed)
    _neighbours(placed)


def _given(placed: Placement, named: bool) -> None:
    to, reference = out(), placed.reference
    if reference.is_given_board:
        board = reference.description.partition("(")[2].rstrip(")")
        line = f"the newest snapshot ({board}); `brainalign reference freeze NAME` keeps it for later models"
    else:
        line = f"{'' if named else 'the only reference: '}{reference.description}"
    to.print(printable(line))
    if placed.left_out:
        models = {model.id: model.name for model in reference.board.models}
        to.print(printable(f"left out: {', '.join(f'{models[i]} ({i})' for i in placed.left_out)}"))
    scored, missing = len(placed.benchmarks), len(placed.missing)
    failed = sum(one.state.name == "FAILED" for one in placed.missing)
    to.print(
        f"{scored} of its {scored + missing} benchmarks {'has' if scored == 1 else 'have'} a score; {failed} failed, "
        f"{missing - failed} never run"
    )
    for side, beyond in (("above", placed.above_all), ("below", placed.below_all)):
        if beyond:
            names = ", ".join(beyond[:TOP]) + (", …" if len(beyond) > TOP else "")
            to.print(
                printable(
                    f"{side} all models of the reference on {counted(len(beyond), 'benchmark')}, where normal scores "
                    f"and ranks go no further: {names}"
                )
            )
    for benchmark, (version, wanted) in placed.other_versions.items():
        to.print(printable(f"not used, of version {version} where the reference has {wanted}: {benchmark}"))
    for benchmark, why in list(placed.unused.items())[:TOP]:
        to.print(printable(f"not used: {benchmark[:80]}; {why or 'the reference has no such benchmark'}"))
    if len(placed.unused) > TOP:
        to.print(f"not used: {len(placed.unused) - TOP} more")


def _schemes(placed: Placement) -> None:
    to = out()
    shown = [(one, one.uncertainty) for one in placed.placed]
    kinds = {sure.kind for _, sure in shown if sure is not None}
    levels = [sure.level for _, sure in shown if sure is not None and sure.level is not None]
    # Narrow enough for a terminal of 80 columns.
    table = Table(
        Column("scheme", no_wrap=True),
        "rank",
        f"{100 * levels[0]:g} % interval" if levels else "interval",
        "above",
        "score",
        "with all",
    )
    for one, sure in shown:
        mark = "" if sure is None or sure.kind == "posterior" else "*" if sure.kind == "papers" else "+"
        table.add_row(
            one.scheme,
            str(one.rank),
            UNKNOWN if sure is None else f"{sure.ranks[0]}–{sure.ranks[1]}{mark}",
            f"{one.share:.1%}",
            f"{one.statistic:.4g}",
            UNKNOWN if one.bounds is None else f"{one.bounds[0]} to {one.bounds[1]}",
        )
    if table.row_count:
        to.print(table)
        others = {one.population for one, _ in shown} - {placed.population}
        among = f", by universe score among {max(others)} models" if others else ""
        to.print(
            f"rank among the {counted(placed.population, 'model')} that have these benchmarks and this one{among}; "
            "above: share of them below, plus half of those equal; score: the scheme's own; with all: see below"
        )
        for kind, mark in (("papers", "*"), ("benchmarks", "+")):
            if kind in kinds:
                to.print(f"{mark}: {_KINDS[kind]}")
        if len(placed.benchmarks) == 1 and not kinds:
            to.print("one benchmark gives no interval")
    for one in placed.schemes:
        if one.problem:
            to.print(printable(in_shell(f"{one.scheme}: {one.problem}")))
    if placed.not_placed:
        to.print(
            f"left out: {', '.join(placed.not_placed)}, which count a missing score as a low one, so that their rank "
            "on all benchmarks would be one of coverage; --scheme NAME places by one on these benchmarks alone"
        )


def _missing(placed: Placement) -> None:
    if not placed.missing:
        return
    to = out()
    bounds = next((one for one in placed.placed if one.bounds is not None), None)
    if bounds is None or bounds.bounds is None:
        to.print("no bounds: fewer than two models of the reference have all benchmarks")
    else:
        best, worst = sorted(bounds.bounds)
        to.print(
            f"with all {len(placed.benchmarks) + len(placed.missing)} benchmarks: rank {best} to {worst} of "
            f"{placed.complete + 1} ({bounds.scheme}), if every missing score lay at the 95th or the 5th percentile of "
            f"the reference; run next: {printable(placed.missing[0].benchmark)}"
        )
    table = Table(
        Column("missing, run the first next", overflow="fold"), "state", "5th to 95th", "narrows by"
    )
    for one in placed.missing[:TOP]:
        low, high = one.scores
        narrows = UNKNOWN if math.isnan(one.narrows) else f"{one.narrows:.1%}"
        table.add_row(name(one.benchmark), one.state.name, f"{low:.3f} to {high:.3f}", narrows)
    to.print(table)
    to.print("narrows by: share of the distance between the bounds, once its score is known to be the median")
    if len(placed.missing) > TOP:
        to.print(f"{len(placed.missing) - TOP} more are missing")


def _benchmarks(placed: Placement) -> None:
    table = Table("", Column("benchmark", overflow="fold"), "score", "normal score", "models")
    count = min(SHOWN, len(placed.benchmarks) // 2)
    for kind, found in (("strongest", placed.benchmarks), ("weakest", placed.benchmarks[::-1])):
        for one in found[:count]:
            table.add_row(
                kind, name(one.benchmark), figure(one.score), f"{one.normal_score:+.2f}", str(one.models)
            )
    if table.row_count:
        out().print(table)


def _neighbours(placed: Placement) -> None:
    table = Table(
        Column("nearest by profile", overflow="fold"), "id", "distance", "correlation", "shared benchmarks"
    )
    for one in placed.neighbours[:SHOWN]:
        correlation = UNKNOWN if math.isnan(one.correlation) else f"{one.correlation:+.2f}"
        table.add_row(
            name(one.model.name), str(one.model.id), f"{one.distance:.2f}", correlation, str(one.shared)
        )
    if table.row_count:
        out().print(table)


def cell_pairs(pairs: Sequence[CellPair], model: Model) -> None:
    """Print a scores file and a model of the board, cell by cell."""
    to = out()
    both = [one for one in pairs if not math.isnan(one.difference)]
    beyond = sum(one.beyond for one in pairs)
    to.print(
        printable(
            f"{counted(len(both), 'benchmark')} shared with {model.name} ({model.id}); {beyond} differ beyond "
            "the errors"
        )
    )
    table = Table(Column("benchmark", overflow="fold"), "yours", "board's", "difference", "beyond")
    for one in pairs:
        if one.beyond or not math.isnan(one.difference):
            difference = UNKNOWN if math.isnan(one.difference) else f"{one.difference:+.3f}"
            table.add_row(
                name(one.benchmark),
                _cell(one.mine),
                _cell(one.theirs),
                difference,
                "yes" if one.beyond else "",
            )
    to.print(table)
    to.print(
        "beyond: by more than both errors and the rounding of published scores together, or another state or version"
    )
    for side, lacking in (
        ("only in your file", [one.benchmark for one in pairs if one.theirs.state.name == "NEVER"]),
        ("only on the board", [one.benchmark for one in pairs if one.mine.state.name == "NEVER"]),
    ):
        if lacking:
            more = f" and {len(lacking) - TOP} more" if len(lacking) > TOP else ""
            to.print(printable(f"{side}: {', '.join(lacking[:TOP])}{more}"))


def _cell(cell: Cell) -> str:
    if math.isnan(cell.score):
        return cell.state.name
    error = "" if math.isnan(cell.error) else f" ± {cell.error:.3f}"
    version = "" if cell.version is None else f" (v{cell.version})"
    return f"{cell.score:.3f}{error}{version}"
