"""The command for models outside the leaderboard: ``brainalign place``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import AsJson, Domain, Home, SchemeName, named_schemes, print_json, settings_from, stage


def place(
    scores: Annotated[
        Path, typer.Argument(help="Scores file, CSV or JSON: benchmark, score, error.", metavar="SCORES")
    ],
    reference: Annotated[
        str,
        typer.Option(
            help="A frozen reference, or the path of its file (default: the only one).",
            envvar="BRAINALIGN_REFERENCE",
            show_envvar=True,
            metavar="NAME",
        ),
    ] = "",
    scheme: SchemeName = "all",
    leave_out: Annotated[
        str,
        typer.Option(
            help="Id or name of a model of the reference to leave out, such as an earlier entry.",
            metavar="MODEL",
        ),
    ] = "",
    min_constituents: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Smallest share of benchmarks that must have a score.", metavar="SHARE"
        ),
    ] = 0.5,
    interval: Annotated[float, typer.Option(min=0.5, max=0.999, help="Level of the intervals.")] = 0.95,
    resamples: Annotated[int, typer.Option(min=0, help="Draws of true scores; 0 for no intervals.")] = 1000,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the draws; the same seed gives the same numbers.")
    ] = 0,
    home: Home = None,
    domain: Domain = None,
    as_json: AsJson = False,
) -> None:
    """Rank a model of your own on a frozen reference board."""
    from brainalign_plugin.errors import CandidateError
    from brainalign_plugin.files.model_scores import find_model, read_scores
    from brainalign_plugin.files.reference_file import choose_reference, find_reference
    from brainalign_plugin.placement.profile import model_placement_json, place_model

    from . import print_place

    settings = settings_from(home=home, domain=domain)
    cells = read_scores(scores)
    reference = reference or settings.reference
    frozen = (
        find_reference(settings.references, reference)
        if reference
        else choose_reference(settings.references, "", settings.domain)
    )
    out = None
    if leave_out:
        out = find_model(frozen.board.models, leave_out, f"the reference {frozen.name!r}").id
    try:
        with stage("placing"):
            placed = place_model(
                frozen,
                cells,
                named_schemes(scheme),
                leave_out=out,
                min_constituents=min_constituents,
                resamples=resamples,
                seed=seed,
                level=interval,
            )
    except CandidateError as error:
        error.add_note(f"complete {str(scores)!r}, or allow a smaller share with --min-constituents")
        raise
    if as_json:
        print_json(model_placement_json(placed) | {"reference_named": bool(reference)})
    else:
        print_place.model_placement(placed, named=bool(reference))
