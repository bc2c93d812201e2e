"""The commands that compare aggregation schemes: ``rank``, ``validity`` and ``audit``."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from .options import (
    AsJson,
    AsOf,
    Domain,
    Given,
    Home,
    MaxMissing,
    SchemeName,
    named_schemes,
    now,
    print_json,
    say,
    settings_from,
    stage,
)

if TYPE_CHECKING:
    from brainalign_plugin.data.snapshot import Snapshot
    from brainalign_plugin.files.reference import Reference
    from brainalign_plugin.ranking.boards import ComparedBoard
    from brainalign_plugin.schemes import Convention

    from ..config.settings import Settings


class BoardChoice(StrEnum):
    """Board that schemes are compared on."""

    CLEANED = "cleaned"
    FULL = "full"


class ConventionChoice(StrEnum):
    """Rule for FAILED and NEVER on the full board."""

    ZERO = "zero"
    ATTEMPTED = "attempted"
    SKIP = "skip"
    WORST = "worst"
    MEAN = "mean"


class Backend(StrEnum):
    """Backend of boards without a paper."""

    LOCAL = "local"
    DASK = "dask"


Board = Annotated[
    BoardChoice, typer.Option(help="The cleaned board, or all models with each scheme's rule for gaps.")
]
ReferenceName = Annotated[
    str | None,
    typer.Option("--reference", help="Frozen reference of the REF schemes (default: the given snapshot)."),
]
Jobs = Annotated[int, typer.Option(min=1, help="Number of processes; the results do not depend on it.")]


def rank(
    snapshot: Given,
    scheme: SchemeName = "all",
    board: Board = BoardChoice.CLEANED,
    missing: Annotated[
        ConventionChoice | None, typer.Option(help="Rule for FAILED and NEVER instead of each scheme's own.")
    ] = None,
    interval: Annotated[float, typer.Option(min=0.5, max=0.999, help="Level of the rank intervals.")] = 0.95,
    resamples: Annotated[
        int, typer.Option(min=0, help="Draws of true scores for the intervals; 0 for no intervals.")
    ] = 1000,
    thorough: Annotated[
        bool,
        typer.Option(help="Leave papers out also under schemes that take long (BT, PL, FACTOR1, KEMENY)."),
    ] = False,
    versus: Annotated[
        list[str] | None,
        typer.Option(
            help="Two models, by id or name: probability that the first is truly above the second. Repeatable.",
            metavar="A,B",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the draws; the same seed gives the same numbers.")
    ] = 0,
    reference: ReferenceName = None,
    jobs: Jobs = 1,
    backend: Annotated[
        Backend, typer.Option(help="Backend of boards without a paper: this machine or a Dask cluster.")
    ] = Backend.LOCAL,
    dask_scheduler: Annotated[
        str | None, typer.Option(help="Address of the Dask scheduler, such as tcp://host:8786.")
    ] = None,
    as_of: AsOf = None,
    home: Home = None,
    domain: Domain = None,
    max_missing: MaxMissing = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print one line a model and scheme as CSV.")] = False,
) -> None:
    """Rank the models under aggregation schemes, with intervals."""
    from brainalign_plugin.certainty.rank import Resampling, rank_schemes, ranking_json
    from brainalign_plugin.errors import InputError
    from brainalign_plugin.ranking.compare import compare_schemes

    from ..base.distributed import computing_on
    from . import print_schemes

    settings = settings_from(snapshot, home=home, domain=domain, max_missing=max_missing)
    _, compared, frozen = _prepared(settings, snapshot, board, reference, as_of)
    rule: Convention | None = None if missing is None else missing.value
    pairs = tuple(_pair(compared, text) for text in versus or ())
    # A cluster uses all its workers, unless a number is given.
    used_jobs = -1 if backend is Backend.DASK and jobs == 1 else jobs
    resampling = Resampling(interval, resamples, seed, thorough, used_jobs, pairs) if resamples else None
    if pairs and resampling is None:
        raise InputError("--versus asks for a probability, and --resamples is 0; give a number of draws")
    with computing_on(backend.value, dask_scheduler), print_schemes.progress("ranking") as advance:
        found = rank_schemes(compared, frozen, named_schemes(scheme), rule, resampling, advance)
    rankings = [one.ranking for one in found if one.ranking is not None]
    comparison = compare_schemes(compared.board, rankings) if len(rankings) > 1 else None
    if as_json:
        print_json(ranking_json(compared, frozen, found, resampling, comparison))
    elif as_csv:
        print_schemes.ranking_csv(compared, frozen, found)
    else:
        print_schemes.ranking(compared, frozen, found, comparison)


def validity(
    snapshot: Given,
    scheme: SchemeName = "all",
    resamples: Annotated[
        int | None,
        typer.Option(min=1, help="Draws of families of models (default: 1000, above 600 models 200)."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the draws; the same seed gives the same numbers.")
    ] = 0,
    reference: Annotated[
        str | None, typer.Option("--reference", help="Frozen reference; without one 'all' omits REF schemes.")
    ] = None,
    as_of: AsOf = None,
    home: Home = None,
    domain: Domain = None,
    max_missing: MaxMissing = None,
    as_json: AsJson = False,
) -> None:
    """Rank the models on papers that no scheme has seen.

    Each scheme is fitted without a paper and then compared with the models' ranks on it.
    """
    from brainalign_plugin.certainty import validity as predictive
    from brainalign_plugin.certainty.families import families
    from brainalign_plugin.certainty.record import validity_json

    from . import print_schemes

    settings = settings_from(snapshot, home=home, domain=domain, max_missing=max_missing)
    _, compared, frozen = _prepared(settings, snapshot, BoardChoice.CLEANED, reference, as_of)
    names = named_schemes(scheme) or None
    norms = frozen if names or reference else None
    grouped = families(compared.board, settings.family_table)
    with stage("predicting unseen papers"):
        found = predictive.validity(compared.board, names, norms, grouped, resamples, seed)
    if as_json:
        print_json(validity_json(found))
    else:
        print_schemes.validity(found)


def audit(
    snapshot: Given,
    scheme: SchemeName = "all",
    board: Board = BoardChoice.CLEANED,
    reference: ReferenceName = None,
    thorough: Annotated[bool, typer.Option(help="Measure slow properties too.")] = False,
    jobs: Jobs = 1,
    as_of: AsOf = None,
    home: Home = None,
    domain: Domain = None,
    max_missing: MaxMissing = None,
    as_json: AsJson = False,
) -> None:
    """Measure properties of aggregation schemes on a snapshot.

    Each is printed next to the claim of the scheme.
    """
    from brainalign_plugin.audit.audit import audit_json, audit_schemes, convention_moves
    from brainalign_plugin.data.cleaning import complete_board
    from brainalign_plugin.ranking.boards import compared_board

    from . import print_schemes

    settings = settings_from(snapshot, home=home, domain=domain, max_missing=max_missing)
    given, compared, frozen = _prepared(settings, snapshot, board, reference, as_of)
    names = named_schemes(scheme)
    with print_schemes.progress("auditing") as advance:
        found = audit_schemes(compared, frozen, names, thorough, jobs, advance)
        advance("rules for missing cells")
        full = compared_board(given, "full").board
        cleaned = complete_board(given.board(), settings.max_missing)
        moves = convention_moves(full, frozen, names, cleaned, thorough)
    if as_json:
        print_json(audit_json(compared, frozen, found, moves))
    else:
        print_schemes.audit(compared, frozen, found, moves)


def _prepared(
    settings: Settings, wanted: str, board: BoardChoice, reference: str | None, as_of: datetime | None
) -> tuple[Snapshot, ComparedBoard, Reference]:
    from brainalign_plugin.files.reference import given_board
    from brainalign_plugin.files.reference_file import find_reference
    from brainalign_plugin.ranking.boards import compared_board

    from ..operations.pull import find_snapshot
    from .printing import rejected_lines

    found = find_snapshot(settings, wanted, now())
    say(*rejected_lines(found.rejected), err=True)
    given = found.snapshot if as_of is None else found.snapshot.as_of(as_of.date())
    compared = compared_board(given, board.value, settings.max_missing)
    frozen = given_board(given) if reference is None else find_reference(settings.references, reference)
    return given, compared, frozen


def _pair(compared: ComparedBoard, text: str) -> tuple[int, int]:
    """Return the ids of the two models of ``--versus A,B``."""
    from brainalign_plugin.errors import InputError
    from brainalign_plugin.files.model_scores import find_model

    wanted = [part.strip() for part in text.split(",")]
    if len(wanted) != 2 or not all(wanted):
        raise InputError(
            f"--versus is {text!r}; give two models with a comma, by id if a name has one: 646,1112"
        )
    everyone = (*compared.board.models, *compared.left_out)
    one, other = (find_model(everyone, part, "this snapshot") for part in wanted)
    if one == other:
        raise InputError(f"--versus {text!r} names the model {one.id} twice; give two different ones")
    for model in (one, other):
        if model in compared.left_out:
            raise InputError(
                f"model {model.id} ({model.name!r}) is not on the {compared.kind} board, because it lacks scores; "
                "name another, or rank the full board with --board full"
            )
    return one.id, other.id
