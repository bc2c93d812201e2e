"""The command for models outside the leaderboard: ``brainalign place``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brainalign_plugin.text import UNKNOWN, counted, first_few

from ..base.errors import in_shell
from .options import AsJson, Level, Reference, Seed, Where, named_schemes, now, option, settings_from
from .printing import figure, name, print_json, print_table, say, stage

if TYPE_CHECKING:
    from brainalign_plugin.data.board import Model
    from brainalign_plugin.files.model_scores import Cell
    from brainalign_plugin.files.reference import Reference as ReferenceBoard
    from brainalign_plugin.placement.profile import CellPair
    from brainalign_plugin.placement.result import Placement

    from ..config.settings import Settings

Scores = Annotated[Path, typer.Argument(help="Scores file, CSV or JSON: benchmark, score, error.", metavar="SCORES")]
Schemes = Annotated[str, option("Schemes with commas, or 'all' (default: five).", "NAMES", name="--scheme")]
LeaveOut = Annotated[
    list[str] | None,
    option(
        "Models of the reference to leave out, such as earlier entries: ids or names with commas, or "
        "name:NAME for all of that name.",
        "MODELS",
    ),
]
Share = Annotated[float, option("Smallest share of benchmarks that must have a score.", "SHARE", min=0, max=1)]
SHOWN = 5
TOP = 10
_KINDS = {
    "papers": "range of the rank when each paper in turn is left out, which has no probability",
    "benchmarks": "over the benchmarks of one paper; another paper may differ more",
}


def place(
    scores: Scores,
    reference: Reference = "",
    scheme: Schemes = "",
    beside: Annotated[str, option("Compare the scores cell by cell with a model of the board.", "MODEL")] = "",
    leave_out: LeaveOut = None,
    min_constituents: Share = 0.0,
    interval: Level = 0.95,
    resamples: Annotated[int, option("Draws for the intervals; 0 for none.", min=0)] = 1000,
    seed: Seed = 0,
    *,
    where: Where,
    as_json: AsJson = False,
) -> None:
    """Rank a model of your own among the models that have its benchmarks."""
    from brainalign_plugin.errors import CandidateError, InputError
    from brainalign_plugin.files.model_scores import find_models, read_scores
    from brainalign_plugin.placement.place import place as place_model
    from brainalign_plugin.placement.result import placement_json

    settings = settings_from("" if reference else "latest", **where)
    notes: list[str] = []
    cells = read_scores(scores, notes)
    frozen = _reference(settings, reference)
    if beside:
        if scheme or leave_out:
            raise InputError(
                "--beside compares with one model and places none; give no --scheme or --leave-out with it"
            )
        _print_pairs(frozen, cells, beside, as_json)
        return
    models, called = frozen.board.models, frozen.called
    out = {model.id: None for wanted in leave_out or () for model in find_models(models, wanted, called)}
    try:
        with stage("placing"):
            placed = place_model(
                frozen,
                cells,
                (named_schemes(scheme) or ("all",)) if scheme else (),
                leave_out=tuple(out),
                min_constituents=min_constituents,
                resamples=resamples,
                seed=seed,
                level=interval,
            )
    except CandidateError as error:
        smaller = ", or allow a smaller share with --min-constituents" if min_constituents else ""
        error.add_note(f"complete {str(scores)!r}{smaller}")
        raise
    if as_json:
        print_json(placement_json(placed) | {"notes": notes, "reference_named": bool(reference)})
    else:
        _print_placement(placed, notes, named=bool(reference))


def _print_pairs(frozen: ReferenceBoard, cells: Mapping[str, Cell], wanted: str, as_json: bool) -> None:
    """Print the scores cell by cell with those of a model of the reference."""
    from brainalign_plugin.files.model_scores import cells_of_model, find_model
    from brainalign_plugin.placement.place import unused_names
    from brainalign_plugin.placement.profile import beside
    from brainalign_plugin.placement.result import beside_json

    model = find_model(frozen.board.models, wanted, frozen.called)
    pairs = beside(cells, cells_of_model(frozen.snapshot, model, frozen.called))
    if as_json:
        print_json({"model": {"id": model.id, "name": model.name}, "cells": beside_json(pairs)})
    else:
        board = frozen.snapshot.board().leaves
        why = unused_names([name for name in cells if name not in board], board, ())
        _print_cells(pairs, model, why)


def _reference(settings: Settings, wanted: str) -> ReferenceBoard:
    """Return the named reference, or the only one of the domain, or the newest snapshot if there is none."""
    from brainalign_plugin.errors import BrainAlignError, ReferenceBoardError
    from brainalign_plugin.files.reference import given_board
    from brainalign_plugin.files.reference_file import choose_reference, find_reference, list_references

    from ..operations.pull import find_snapshot

    if wanted:
        return find_reference(settings.references, wanted)
    try:
        return choose_reference(settings.references, "", settings.domain)
    except ReferenceBoardError as error:
        references, damaged = list_references(settings.references)
        if any(one.domain == settings.domain for one in references):
            raise
        try:
            return given_board(find_snapshot(settings, "latest", now()).snapshot)
        except BrainAlignError:
            if damaged:
                raise error from None
            raise


def _print_placement(placed: Placement, notes: Sequence[str], *, named: bool) -> None:
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
        rows = []
        for one, sure in shown:
            span = UNKNOWN if sure is None else f"{sure.ranks[0]}–{sure.ranks[1]}{marks[sure.kind]}"
            bounds = UNKNOWN if one.bounds is None else f"{one.bounds[0]} to {one.bounds[1]}"
            rows.append((one.scheme, one.rank, span, f"{one.share:.1%}", f"{one.statistic:.4g}", bounds))
        interval = f"{100 * levels[0]:g} % interval" if levels else "interval"
        # Narrow enough for a terminal of 80 columns.
        print_table(("scheme", "rank", interval, "above", "score", "with all"), rows, no_wrap=("scheme",))
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
    rows = [
        (name(one.benchmark), one.state.name, "{:.3f} to {:.3f}".format(*one.scores), _known(one.narrows, ".1%"))
        for one in placed.missing[:TOP]
    ]
    first = "missing, run the first next"
    print_table((first, "state", "5th to 95th", "narrows by"), rows, fold=first)
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
        print_table(("", "benchmark", "score", "normal score", "models"), rows, fold="benchmark")


def _neighbours(placed: Placement) -> None:
    rows = [
        (name(one.model.name), one.model.id, f"{one.distance:.2f}", _known(one.correlation, "+.2f"), one.shared)
        for one in placed.neighbours[:SHOWN]
    ]
    if rows:
        columns = ("nearest by profile", "id", "distance", "correlation", "shared benchmarks")
        print_table(columns, rows, fold="nearest by profile")


def _print_cells(pairs: Sequence[CellPair], model: Model, why: Mapping[str, str]) -> None:
    """Print a scores file and a model of the board, cell by cell, and why benchmarks of the file are not on it."""
    both = [one for one in pairs if not math.isnan(one.difference)]
    beyond = sum(one.beyond for one in pairs)
    differ = "1 differs" if beyond == 1 else f"{beyond} differ"
    say(f"{counted(len(both), 'benchmark')} shared with {model.name} ({model.id}); {differ} beyond the errors")
    rows = [
        (name(one.benchmark), _cell(one.mine), _cell(one.theirs), _known(one.difference, "+.3f"), one.beyond * "yes")
        for one in pairs
        if one.beyond or not math.isnan(one.difference)
    ]
    print_table(("benchmark", "yours", "board's", "difference", "beyond"), rows, fold="benchmark")
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
