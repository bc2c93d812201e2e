"""Output of ``place``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.table import Column

from brainalign_plugin.text import UNKNOWN, counted, first_few

from ..base.errors import in_shell
from .options import say
from .printing import figure, name, print_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    say(placed.answer)
    _given(placed, named)
    say(*notes)
    _schemes(placed)
    _missing(placed)
    _benchmarks(placed)
    _neighbours(placed)


def _given(placed: Placement, named: bool) -> None:
    reference = placed.reference
    if reference.is_given_board:
        board = reference.description.partition("(")[2].rstrip(")")
        say(f"the newest snapshot ({board}); `brainalign reference freeze NAME` keeps it for later models")
    else:
        say(f"{'' if named else 'the only reference: '}{reference.description}")
    if placed.left_out:
        models = {model.id: model.name for model in reference.board.models}
        say(f"left out: {', '.join(f'{models[i]} ({i})' for i in placed.left_out)}")
    scored, missing = len(placed.benchmarks), len(placed.missing)
    failed = sum(one.state.name == "FAILED" for one in placed.missing)
    say(
        f"{scored} of its {scored + missing} benchmarks {'has' if scored == 1 else 'have'} a score; {failed} failed, "
        f"{missing - failed} never run"
    )
    for side, beyond in (("above", placed.above_all), ("below", placed.below_all)):
        if beyond:
            names = ", ".join(beyond[:TOP]) + (", …" if len(beyond) > TOP else "")
            say(
                f"{side} all models of the reference on {counted(len(beyond), 'benchmark')}, where normal scores and "
                f"ranks go no further: {names}"
            )
    for benchmark, (version, wanted) in placed.other_versions.items():
        say(f"not used, of version {version} where the reference has {wanted}: {benchmark}")
    for benchmark, why in list(placed.unused.items())[:TOP]:
        say(f"not used: {benchmark[:80]}; {why or 'the reference has no such benchmark'}")
    if len(placed.unused) > TOP:
        say(f"not used: {len(placed.unused) - TOP} more")


def _schemes(placed: Placement) -> None:
    shown = [(one, one.uncertainty) for one in placed.placed]
    kinds = {sure.kind for _, sure in shown if sure is not None}
    levels = [sure.level for _, sure in shown if sure is not None and sure.level is not None]
    marks = {"posterior": "", "papers": "*", "benchmarks": "+"}
    if shown:
        interval = f"{100 * levels[0]:g} % interval" if levels else "interval"
        print_table(
            # Narrow enough for a terminal of 80 columns.
            (Column("scheme", no_wrap=True), "rank", interval, "above", "score", "with all"),
            (
                (
                    one.scheme,
                    one.rank,
                    UNKNOWN if sure is None else f"{sure.ranks[0]}–{sure.ranks[1]}{marks[sure.kind]}",
                    f"{one.share:.1%}",
                    f"{one.statistic:.4g}",
                    UNKNOWN if one.bounds is None else f"{one.bounds[0]} to {one.bounds[1]}",
                )
                for one, sure in shown
            ),
        )
        others = {one.population for one, _ in shown} - {placed.population}
        among = f", by universe score among {max(others)} models" if others else ""
        these = "this benchmark" if len(placed.benchmarks) == 1 else "these benchmarks"
        say(
            f"rank among the {counted(placed.population, 'model')} that have {these} and this one{among}; "
            "above: share of them below, plus half of those equal; score: the scheme's own; with all: see below"
        )
        say(*(f"{marks[kind]}: {words}" for kind, words in _KINDS.items() if kind in kinds))
        if len(placed.benchmarks) == 1 and not kinds:
            say("one benchmark gives no interval")
    for one in placed.schemes:
        if one.problem:
            say(in_shell(f"{one.scheme}: {one.problem}"))
    if placed.not_placed:
        say(
            f"left out: {', '.join(placed.not_placed)}, which count a missing score as a low one, so that their rank "
            "on all benchmarks would be one of coverage; --scheme NAME places by one on these benchmarks alone"
        )


def _missing(placed: Placement) -> None:
    if not placed.missing:
        return
    bounds = next((one for one in placed.placed if one.bounds is not None), None)
    if bounds is None or bounds.bounds is None:
        say("no bounds: fewer than two models of the reference have all benchmarks")
    else:
        best, worst = sorted(bounds.bounds)
        say(
            f"with all {len(placed.benchmarks) + len(placed.missing)} benchmarks: rank {best} to {worst} of "
            f"{placed.complete + 1} ({bounds.scheme}), if every missing score lay at the 95th or the 5th percentile of "
            f"the reference; run next: {placed.missing[0].benchmark}"
        )
    print_table(
        (Column("missing, run the first next", overflow="fold"), "state", "5th to 95th", "narrows by"),
        (
            (
                name(one.benchmark),
                one.state.name,
                f"{one.scores[0]:.3f} to {one.scores[1]:.3f}",
                _known(one.narrows, ".1%"),
            )
            for one in placed.missing[:TOP]
        ),
    )
    say("narrows by: share of the distance between the bounds, once its score is known to be the median")
    if len(placed.missing) > TOP:
        say(f"{len(placed.missing) - TOP} more are missing")


def _benchmarks(placed: Placement) -> None:
    count = min(SHOWN, len(placed.benchmarks) // 2)
    rows = [
        (kind, name(one.benchmark), figure(one.score), f"{one.normal_score:+.2f}", one.models)
        for kind, found in (("strongest", placed.benchmarks), ("weakest", placed.benchmarks[::-1]))
        for one in found[:count]
    ]
    if rows:
        print_table(("", Column("benchmark", overflow="fold"), "score", "normal score", "models"), rows)


def _neighbours(placed: Placement) -> None:
    rows = [
        (name(one.model.name), one.model.id, f"{one.distance:.2f}", _known(one.correlation, "+.2f"), one.shared)
        for one in placed.neighbours[:SHOWN]
    ]
    if rows:
        nearest = Column("nearest by profile", overflow="fold")
        print_table((nearest, "id", "distance", "correlation", "shared benchmarks"), rows)


def cell_pairs(pairs: Sequence[CellPair], model: Model, why: Mapping[str, str]) -> None:
    """Print a scores file and a model of the board, cell by cell, and why benchmarks of the file are not on it."""
    both = [one for one in pairs if not math.isnan(one.difference)]
    beyond = sum(one.beyond for one in pairs)
    differ = "1 differs" if beyond == 1 else f"{beyond} differ"
    say(f"{counted(len(both), 'benchmark')} shared with {model.name} ({model.id}); {differ} beyond the errors")
    print_table(
        (Column("benchmark", overflow="fold"), "yours", "board's", "difference", "beyond"),
        (
            (
                name(one.benchmark),
                _cell(one.mine),
                _cell(one.theirs),
                _known(one.difference, "+.3f"),
                "yes" if one.beyond else "",
            )
            for one in pairs
            if one.beyond or not math.isnan(one.difference)
        ),
    )
    say("beyond: by more than both errors and the rounding of published scores together, or another state or version")
    for side, lacking in (
        ("only in your file", [one.benchmark for one in pairs if one.theirs.state.name == "NEVER"]),
        ("only on the board", [one.benchmark for one in pairs if one.mine.state.name == "NEVER"]),
    ):
        if lacking:
            names = [f"{name} ({why[name]})" if why.get(name) else name for name in lacking]
            say(f"{side}: {first_few(names, TOP)}")


def _known(value: float, form: str) -> str:
    return UNKNOWN if math.isnan(value) else format(value, form)


def _cell(cell: Cell) -> str:
    if math.isnan(cell.score):
        return cell.state.name
    error = "" if math.isnan(cell.error) else f" ± {cell.error:.3f}"
    version = "" if cell.version is None else f" (v{cell.version})"
    return f"{cell.score:.3f}{error}{version}"
