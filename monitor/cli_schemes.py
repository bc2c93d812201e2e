"""The commands that compare aggregation schemes: ``rank`` and ``audit``."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from .cli_options import (
    AsJson,
    Given,
    Home,
    MaxMissing,
    SchemeName,
    named_schemes,
    now,
    print_json,
    settings_from,
)

if TYPE_CHECKING:
    from brainalign_plugin.aggregation import Convention
    from brainalign_plugin.analysis.boards import ComparedBoard
    from brainalign_plugin.references import Reference
    from brainalign_plugin.snapshot import Snapshot

    from .config import Settings


class BoardChoice(StrEnum):
    """Board that schemes are compared on."""

    CLEANED = "cleaned"
    FULL = "full"


class UncertaintyChoice(StrEnum):
    """What is resampled for the intervals of ranks."""

    BENCHMARKS = "benchmarks"
    MEASUREMENT = "measurement"
    BOTH = "both"


class ConventionChoice(StrEnum):
    """Rule for FAILED and NEVER on the full board."""

    ZERO = "zero"
    ATTEMPTED = "attempted"
    SKIP = "skip"
    WORST = "worst"
    MEAN = "mean"


class Backend(StrEnum):
    """Where resamples are computed."""

    LOCAL = "local"
    DASK = "dask"


Board = Annotated[
    BoardChoice, typer.Option(help="The cleaned board, or all models with each scheme's rule for gaps.")
]
ReferenceName = Annotated[
    str | None,
    typer.Option(
        "--reference", help="Frozen reference of the REF schemes; the given snapshot itself if none."
    ),
]
Jobs = Annotated[int, typer.Option(min=1, help="Processes; the numbers do not depend on it.")]


def rank(
    snapshot: Given,
    scheme: SchemeName = "all",
    board: Board = BoardChoice.CLEANED,
    missing: Annotated[
        ConventionChoice | None, typer.Option(help="Rule for FAILED and NEVER instead of each scheme's own.")
    ] = None,
    interval: Annotated[float, typer.Option(min=0.5, max=0.999, help="Level of the rank intervals.")] = 0.95,
    uncertainty: Annotated[
        UncertaintyChoice, typer.Option(help="What the intervals resample.")
    ] = UncertaintyChoice.BENCHMARKS,
    resamples: Annotated[int, typer.Option(min=0, help="Resamples for the intervals; 0 for none.")] = 1000,
    costly_resamples: Annotated[
        int, typer.Option(min=0, help="Resamples for schemes too dear to resample often; none by default.")
    ] = 0,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the resamples; the same seed gives the same numbers.")
    ] = 0,
    reference: ReferenceName = None,
    jobs: Jobs = 1,
    backend: Annotated[
        Backend, typer.Option(help="Where to resample: here, or on a Dask cluster.")
    ] = Backend.LOCAL,
    dask_scheduler: Annotated[
        str | None, typer.Option(help="Address of the Dask scheduler, such as tcp://host:8786.")
    ] = None,
    home: Home = None,
    max_missing: MaxMissing = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print one line a model and scheme as CSV.")] = False,
) -> None:
    """Rank the models of a snapshot under aggregation schemes, with intervals and what each scheme claims."""
    from brainalign_plugin.analysis.ranking import Resampling, rank_schemes, ranking_json

    from . import console_schemes
    from .distributed import computing_on

    settings = settings_from(home=home, max_missing=max_missing)
    _, compared, frozen = _prepared(settings, snapshot, board, reference)
    rule: Convention | None = None if missing is None else missing.value
    resampling = (
        Resampling(interval, resamples, costly_resamples, seed, uncertainty.value, jobs)
        if resamples or costly_resamples
        else None
    )
    with computing_on(backend.value, dask_scheduler), console_schemes.progress("ranking") as advance:
        found = rank_schemes(compared, frozen, named_schemes(scheme), rule, resampling, advance)
    if as_json:
        print_json(ranking_json(compared, frozen, found))
    elif as_csv:
        console_schemes.ranking_csv(compared, found)
    else:
        console_schemes.ranking(compared, frozen, found)


def audit(
    snapshot: Given,
    scheme: SchemeName = "all",
    board: Board = BoardChoice.CLEANED,
    reference: ReferenceName = None,
    thorough: Annotated[bool, typer.Option(help="Measure also what takes long.")] = False,
    jobs: Jobs = 1,
    home: Home = None,
    max_missing: MaxMissing = None,
    as_json: AsJson = False,
) -> None:
    """Measure the properties of aggregation schemes on a snapshot, beside what each scheme claims."""
    from brainalign_plugin.analysis.audit import audit_json, audit_schemes, convention_moves
    from brainalign_plugin.analysis.boards import compared_board

    from . import console_schemes

    settings = settings_from(home=home, max_missing=max_missing)
    given, compared, frozen = _prepared(settings, snapshot, board, reference)
    names = named_schemes(scheme)
    with console_schemes.progress("auditing") as advance:
        found = audit_schemes(compared, frozen, names, thorough, jobs, advance)
        advance("rules for missing cells")
        moves = convention_moves(compared_board(given, "full").board, frozen, names)
    if as_json:
        print_json(audit_json(compared, frozen, found, moves))
    else:
        console_schemes.audit(compared, frozen, found, moves)


def _prepared(
    settings: Settings, wanted: str, board: BoardChoice, reference: str | None
) -> tuple[Snapshot, ComparedBoard, Reference]:
    from brainalign_plugin.analysis.boards import compared_board
    from brainalign_plugin.reference_file import find_reference
    from brainalign_plugin.references import given_board

    from .console import set_aside_lines
    from .pipeline import find_snapshot

    found = find_snapshot(settings, wanted, now())
    for line in set_aside_lines(found.set_aside):
        typer.echo(line, err=True)
    compared = compared_board(found.snapshot, board.value, settings.max_missing)
    frozen = (
        given_board(found.snapshot) if reference is None else find_reference(settings.references, reference)
    )
    return found.snapshot, compared, frozen
