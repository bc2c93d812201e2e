"""The commands that compare aggregation schemes: ``rank``, ``validity`` and ``audit``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from . import print_schemes
from .options import AsJson, AsOf, Given, Level, Limits, Scheme, Seed, named_schemes, option, settings_from, snapshot_of
from .printing import print_json, progress, stage

if TYPE_CHECKING:
    from brainalign_plugin.data.snapshot import Snapshot
    from brainalign_plugin.files.reference import Reference
    from brainalign_plugin.ranking.boards import ComparedBoard

    from ..config.settings import Settings


Board = Annotated[
    Literal["cleaned", "full"], option("The cleaned board, or all models with each scheme's rule for gaps.")
]
Missing = Annotated[
    Literal["zero", "attempted", "skip", "worst", "mean"] | None,
    option("Rule for FAILED and NEVER instead of each scheme's own."),
]
SlowIntervals = Annotated[bool, option("Leave papers out also under schemes that take long (BT, PL, FACTOR1, KEMENY).")]
Versus = Annotated[
    list[str] | None,
    option("Two models, by id or name: probability that the first is truly above the second. Repeatable.", "A,B"),
]
ReferenceName = Annotated[
    str | None, option("Frozen reference of the REF schemes (default: the given snapshot).", name="--reference")
]
Jobs = Annotated[int, option("Number of processes; the results do not depend on it.", min=1)]
Backend = Annotated[
    Literal["local", "dask"], option("Backend of boards without a paper: this machine or a Dask cluster.")
]


def rank(
    snapshot: Given,
    scheme: Scheme = "all",
    board: Board = "cleaned",
    missing: Missing = None,
    interval: Level = 0.95,
    resamples: Annotated[int, option("Draws of true scores for the intervals; 0 for no intervals.", min=0)] = 1000,
    thorough: SlowIntervals = False,
    versus: Versus = None,
    seed: Seed = 0,
    reference: ReferenceName = None,
    jobs: Jobs = 1,
    backend: Backend = "local",
    dask_scheduler: Annotated[str | None, option("Address of the Dask scheduler, such as tcp://host:8786.")] = None,
    as_of: AsOf = None,
    *,
    where: Limits,
    as_json: AsJson = False,
    as_csv: Annotated[bool, option("Print one line a model and scheme as CSV.", name="--csv")] = False,
) -> None:
    """Rank the models under aggregation schemes, with intervals."""
    from brainalign_plugin.certainty.rank import Resampling, rank_schemes, ranking_json
    from brainalign_plugin.errors import InputError
    from brainalign_plugin.ranking.compare import compare_schemes

    settings = settings_from(snapshot, **where)
    _, compared, frozen = _prepared(settings, snapshot, board, reference, as_of)
    pairs = tuple(_pair(compared, text) for text in versus or ())
    # A cluster uses all its workers, unless a number is given.
    used_jobs = -1 if backend == "dask" and jobs == 1 else jobs
    resampling = Resampling(interval, resamples, seed, thorough, used_jobs, pairs) if resamples else None
    if pairs and resampling is None:
        raise InputError("--versus asks for a probability, and --resamples is 0; give a number of draws")
    with _computing_on(backend, dask_scheduler), progress("ranking") as advance:
        found = rank_schemes(compared, frozen, named_schemes(scheme), missing, resampling, advance)
    rankings = [one.ranking for one in found if one.ranking is not None]
    comparison = compare_schemes(compared.board, rankings) if len(rankings) > 1 else None
    if as_json:
        print_json(ranking_json(compared, frozen, found, resampling, comparison))
    elif as_csv:
        print_schemes.ranking_csv(compared, frozen, found)
    else:
        print_schemes.ranking(compared, frozen, found, comparison)


FamilyDraws = Annotated[int | None, option("Draws of families of models (default: 1000, above 600 models 200).", min=1)]
Norms = Annotated[str | None, option("Frozen reference; without one 'all' omits REF schemes.", name="--reference")]


def validity(
    snapshot: Given,
    scheme: Scheme = "all",
    resamples: FamilyDraws = None,
    seed: Seed = 0,
    reference: Norms = None,
    as_of: AsOf = None,
    *,
    where: Limits,
    as_json: AsJson = False,
) -> None:
    """Rank the models on papers that no scheme has seen.

    Each scheme is fitted without a paper and then compared with the models' ranks on it.
    """
    from brainalign_plugin.certainty import validity as predictive
    from brainalign_plugin.certainty.families import families
    from brainalign_plugin.certainty.record import validity_json

    settings = settings_from(snapshot, **where)
    _, compared, frozen = _prepared(settings, snapshot, "cleaned", reference, as_of)
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
    scheme: Scheme = "all",
    board: Board = "cleaned",
    reference: ReferenceName = None,
    thorough: Annotated[bool, option("Measure slow properties too.")] = False,
    jobs: Jobs = 1,
    as_of: AsOf = None,
    *,
    where: Limits,
    as_json: AsJson = False,
) -> None:
    """Measure properties of aggregation schemes on a snapshot.

    Each is printed next to the claim of the scheme.
    """
    from brainalign_plugin.audit.audit import audit_json, audit_schemes, convention_moves
    from brainalign_plugin.data.cleaning import complete_board
    from brainalign_plugin.ranking.boards import compared_board

    settings = settings_from(snapshot, **where)
    given, compared, frozen = _prepared(settings, snapshot, board, reference, as_of)
    names = named_schemes(scheme)
    with progress("auditing") as advance:
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
    settings: Settings, wanted: str, board: Literal["cleaned", "full"], reference: str | None, as_of: datetime | None
) -> tuple[Snapshot, ComparedBoard, Reference]:
    from brainalign_plugin.files.reference import given_board
    from brainalign_plugin.files.reference_file import find_reference
    from brainalign_plugin.ranking.boards import compared_board

    given = snapshot_of(settings, wanted, as_of)
    compared = compared_board(given, board, settings.max_missing)
    frozen = given_board(given) if reference is None else find_reference(settings.references, reference)
    return given, compared, frozen


def _pair(compared: ComparedBoard, text: str) -> tuple[int, int]:
    """Return the ids of the two models of ``--versus A,B``."""
    from brainalign_plugin.errors import InputError
    from brainalign_plugin.files.model_scores import find_model

    wanted = [part.strip() for part in text.split(",")]
    if len(wanted) != 2 or not all(wanted):
        raise InputError(f"--versus is {text!r}; give two models with a comma, by id if a name has one: 646,1112")
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


@contextmanager
def _computing_on(backend: str, scheduler: str | None = None) -> Iterator[None]:
    """Send joblib's work to a backend, ``local`` or ``dask`` with a scheduler; the numbers do not depend on it.

    Raises InputError if Dask is not installed, or no scheduler is named or answers.
    """
    from brainalign_plugin.errors import InputError

    if backend == "local":
        if scheduler is not None:
            raise InputError(f"the Dask scheduler {scheduler!r} was named without --backend dask; add it")
        yield
        return
    if scheduler is None:
        raise InputError("--backend dask needs an existing cluster; name it with --dask-scheduler tcp://HOST:PORT")
    try:
        from distributed import Client
    except ImportError as cause:
        raise InputError("Dask is not installed; `pip install 'distributed>=2024.5'` brings it") from cause
    import joblib

    try:
        client = Client(scheduler, timeout="10s", set_as_default=True)
    except (OSError, ValueError) as cause:
        raise InputError(
            f"no Dask scheduler answers at {scheduler!r}; check that the cluster runs ({cause})"
        ) from cause
    with client, joblib.parallel_config(backend="dask"):
        yield
