"""The command for models outside the leaderboard: ``brainalign place``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .options import named_schemes, now, print_json, settings_from, stage

if TYPE_CHECKING:
    from brainalign_plugin.files.model_scores import Cell
    from brainalign_plugin.files.reference import Reference as ReferenceBoard

    from ..config.settings import Settings


LeaveOut = Annotated[
    list[str] | None,
    typer.Option(
        help="Models of the reference to leave out, such as earlier entries: ids or names with commas, or "
        "name:NAME for all of that name.",
        metavar="MODELS",
    ),
]


def place(
    scores: Annotated[
        Path, typer.Argument(help="Scores file, CSV or JSON: benchmark, score, error.", metavar="SCORES")
    ],
    reference: options.Reference = "",
    scheme: Annotated[str, typer.Option(help="Schemes with commas, or 'all' (default: five).", metavar="NAMES")] = "",
    beside: Annotated[
        str, typer.Option(help="Compare the scores cell by cell with a model of the board.", metavar="MODEL")
    ] = "",
    leave_out: LeaveOut = None,
    min_constituents: Annotated[
        float, typer.Option(min=0, max=1, help="Smallest share of benchmarks that must have a score.", metavar="SHARE")
    ] = 0.0,
    interval: options.Level = 0.95,
    resamples: Annotated[int, typer.Option(min=0, help="Draws for the intervals; 0 for none.")] = 1000,
    seed: options.Seed = 0,
    home: options.Home = None,
    domain: options.Domain = None,
    as_json: options.AsJson = False,
) -> None:
    """Rank a model of your own among the models that have its benchmarks."""
    from brainalign_plugin.errors import CandidateError, InputError
    from brainalign_plugin.files.model_scores import find_models, read_scores
    from brainalign_plugin.placement.place import place as place_model
    from brainalign_plugin.placement.result import placement_json

    from . import print_place

    settings = settings_from("" if reference else "latest", home=home, domain=domain)
    notes: list[str] = []
    cells = read_scores(scores, notes)
    frozen = _reference(settings, reference)
    models, where = frozen.board.models, frozen.called
    if beside:
        if scheme or leave_out:
            raise InputError(
                "--beside compares with one model and places none; give no --scheme or --leave-out with it"
            )
        _print_pairs(frozen, cells, beside, as_json)
        return
    out = {model.id: None for wanted in leave_out or () for model in find_models(models, wanted, where)}
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
        print_place.placement(placed, notes, named=bool(reference))


def _print_pairs(frozen: ReferenceBoard, cells: Mapping[str, Cell], wanted: str, as_json: bool) -> None:
    """Print the scores cell by cell with those of a model of the reference."""
    from brainalign_plugin.files.model_scores import cells_of_model, find_model
    from brainalign_plugin.placement.place import unused_names
    from brainalign_plugin.placement.profile import beside
    from brainalign_plugin.placement.result import beside_json

    from . import print_place

    model = find_model(frozen.board.models, wanted, frozen.called)
    pairs = beside(cells, cells_of_model(frozen.snapshot, model, frozen.called))
    if as_json:
        print_json({"model": {"id": model.id, "name": model.name}, "cells": beside_json(pairs)})
    else:
        board = frozen.snapshot.board().leaves
        why = unused_names([name for name in cells if name not in board], board, ())
        print_place.cell_pairs(pairs, model, why)


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
