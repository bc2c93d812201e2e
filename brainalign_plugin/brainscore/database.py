"""Scores of a model from a Brain-Score result database, read only, and the site's rules for its rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, column, create_engine, make_url, or_, select, table
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from ..data.board import Model
from ..data.official import CellState
from ..errors import CandidateError
from ..files.model_scores import Cell, find_model
from ..text import masked_address

_MODEL = table("brainscore_model", column("id"), column("name"))
_INSTANCE = table("brainscore_benchmarkinstance", column("id"), column("benchmark_type_id"), column("version"))
_SCORE = table(
    "brainscore_score",
    *map(column, ("id", "benchmark_id", "model_id", "score_raw", "score_ceiled", "error", "comment", "end_timestamp")),
)


def read_database(address: str, wanted: str, versions: Mapping[str, int]) -> dict[str, Cell] | None:
    """Read the cells of one model, by id or name, or None without it; CandidateError if they cannot be read.

    Of several rows the one of the version that counts does (0: the latest), and of these the highest raw score.
    """
    url = _url(address)
    shown = masked_address(address)
    try:
        # Only PostgreSQL has this option; SQLAlchemy ignores it for others.
        engine = create_engine(_read_only(url), execution_options={"postgresql_readonly": True})
        try:
            with engine.connect() as connection:
                model = _model(connection, wanted, f"the database {shown}")
                if model is None:
                    return None
                return _cells(connection, model.id, versions, f"database {shown} (model {model.id})")
        finally:
            engine.dispose()
    except (SQLAlchemyError, ImportError) as cause:
        reason = str(getattr(cause, "orig", None) or cause).splitlines()[0]
        raise CandidateError(
            f"cannot read the Brain-Score database {shown}: {reason}; check BRAINALIGN_DATABASE"
        ) from cause


def _url(address: str) -> URL:
    try:
        return make_url(address)
    except ArgumentError as cause:
        # The text of the error may contain a password.
        raise CandidateError(
            "BRAINALIGN_DATABASE is no SQLAlchemy URL, such as sqlite:////path/to/brainscore.sqlite3 or "
            "postgresql+psycopg://user:password@host/name"
        ) from cause


def _read_only(url: URL) -> URL:
    """Return the address for reading only, because SQLite creates a missing file and may write a journal."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith("file:"):
        return url
    path = Path(url.database).absolute()
    if not path.is_file():
        raise CandidateError(f"there is no database file {str(path)!r}; check BRAINALIGN_DATABASE")
    return url.set(database=f"file:{quote(str(path))}").update_query_dict({"mode": "ro", "uri": "true"})


def _model(connection: Connection, wanted: str, place: str) -> Model | None:
    same = _MODEL.c.name == wanted
    if wanted.isascii() and wanted.isdecimal() and len(wanted) < 19:
        same = or_(same, _MODEL.c.id == int(wanted))
    found = connection.execute(select(_MODEL.c.id, _MODEL.c.name).where(same).order_by(_MODEL.c.id)).all()
    models = [Model(int(row[0]), str(row[1])) for row in found]
    return find_model(models, wanted, place) if models else None


def row_value(
    raw: float | None,
    ceiled: float | None,
    comment: str | None,
    *,
    ended: bool,
    is_sqlite: bool,
    engineering: bool = False,
) -> float | None:
    """Return the score of a row as the site counts it: NaN for FAILED, None for a row that has not ended (NEVER).

    `raw, ceiled`: engineering benchmarks count by the raw score, all others by the ceiled one. `comment`: holds the
    error of a run that has failed. `ended`: whether the row has an end. `is_sqlite`: SQLite has no NaN and keeps it as
    NULL, so that a row that has ended without a number has failed there.
    """
    if ceiled is None and "error" in str(comment or "").lower():
        return math.nan
    number = raw if engineering else ceiled
    if number is None:
        return math.nan if is_sqlite and ended else None
    return float(number)


def _cells(connection: Connection, model: int, versions: Mapping[str, int], origin: str) -> dict[str, Cell]:
    query = (
        select(_INSTANCE.c.benchmark_type_id, _INSTANCE.c.version, _SCORE)
        .select_from(_SCORE.join(_INSTANCE, _SCORE.c.benchmark_id == _INSTANCE.c.id))
        .where(_SCORE.c.model_id == model)
        .order_by(_SCORE.c.id)
    )
    is_sqlite = connection.dialect.name == "sqlite"
    best: dict[str, tuple[tuple[bool, int, float], Cell]] = {}
    for row in connection.execute(query):
        benchmark, version = row.benchmark_type_id, row.version
        if benchmark not in versions:
            continue
        raw, ceiled = _number(row.score_raw), _number(row.score_ceiled)
        value = row_value(raw, ceiled, row.comment, ended=row.end_timestamp is not None, is_sqlite=is_sqlite)
        if value is None:
            continue
        failed, error = not math.isfinite(value), _number(row.error)
        cell = Cell(
            math.nan if failed else value,
            math.nan if error is None or not math.isfinite(error) else abs(error),
            CellState.FAILED if failed else CellState.SCORED,
            origin,
            None if version is None else int(version),
        )
        weight = -math.inf if failed or raw is None else raw
        key = version == versions[benchmark], version or 0, weight
        if benchmark not in best or key >= best[benchmark][0]:
            best[benchmark] = key, cell
    return {benchmark: cell for benchmark, (_, cell) in best.items()}


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))
