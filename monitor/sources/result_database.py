"""Brain-Score's own result database as a source: only read, and converted to the site's JSON.

What is read is written down as the payload that the site would serve of it, with full precision and without the
groups, for which a database has no scores. That payload is the body: it is kept, and can be read in again.

The rules are the site's own. Only the latest version of a benchmark counts, older ones are history. Hidden leaves and
models that are not public are out. Engineering benchmarks count by the raw score, all others by the ceiled one. A
number is a score and NaN is FAILED; a row without either is FAILED if it has an error, else it has not ended yet
and is NEVER, as is a cell without a row.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
import sqlalchemy.exc

from brainalign_plugin.brainscore.database import row_value
from brainalign_plugin.data.tree import MAX_LEVELS
from brainalign_plugin.errors import InputError
from brainalign_plugin.files.decoding import shown
from brainalign_plugin.text import masked_address

from ..base.errors import EmptyPayloadError, PayloadShapeError, SourceError, UnreachableError
from ..base.moments import is_believed
from .payload import DEFAULT_LIMITS, FetchLimits, Pull, parse_payload

_MAX_ROWS = 5_000_000

_TYPE = sa.table("brainscore_benchmarktype", *map(sa.column, ("identifier", "parent_id", "visible", "domain", "order")))
_INSTANCE = sa.table("brainscore_benchmarkinstance", *map(sa.column, ("id", "benchmark_type_id", "version")))
_SCORE = sa.table(
    "brainscore_score",
    *map(sa.column, ("id", "benchmark_id", "model_id", "score_raw", "score_ceiled", "error", "comment")),
    *map(sa.column, ("start_timestamp", "end_timestamp")),
)
_MODEL = sa.table("brainscore_model", *map(sa.column, ("id", "name", "public", "domain", "submission_id")))
_SUBMISSION = sa.table("brainscore_submission", sa.column("id"), sa.column("timestamp"))


@dataclass(frozen=True)
class _Tables:
    """Relevant rows of the database: benchmark types and models of the domain, their instances and scores."""

    types: Sequence[Any]
    instances: Sequence[Any]
    models: Sequence[Any]
    scores: Sequence[Any]
    is_sqlite: bool


def pull_database(address: str, domain: str, received_at: datetime, limits: FetchLimits = DEFAULT_LIMITS) -> Pull:
    """Read the leaderboard from a result database of Brain-Score.

    ``received_at`` is the as-of time of a board without any dated score; else the moment of its newest score counts, of
    those that are at most a day later. Of the ``limits`` the time-out holds for a connection, the deadline for each
    query of a server. Raises SourceError if it cannot be read, is no such database, or is refused whole;
    InputError if the address cannot be used.
    """
    name = masked_address(address)
    try:
        engine = _engine(address, name, limits.timeout)
        try:
            with engine.connect() as connection:
                tables = _read(connection, domain, limits.deadline)
        finally:
            engine.dispose()
    except sqlalchemy.exc.SQLAlchemyError as cause:
        raise _translated(cause, name) from cause
    document = _document(tables, domain, name, received_at)
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    return parse_payload(body, name, received_at, limits.max_bytes)


def _engine(address: str, name: str, timeout: float) -> sa.Engine:
    try:
        url = sa.make_url(address)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        # Without the cause, which may quote a password.
        raise InputError(
            f"the database address {name!r} cannot be read; give postgresql://user:password@host/database or "
            "sqlite:///path"
        ) from None
    wait: dict[str, Any] = {"connect_timeout": max(1, math.ceil(timeout))}
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "").absolute()
        if not url.database or not path.is_file():
            raise SourceError(f"there is no database file {str(path)!r}; check the path")
        # SQLite makes a missing file, and writes next to an existing one.
        url = url.set(database=f"file:{quote(str(path))}").update_query_dict({"mode": "ro", "uri": "true"})
        wait = {"timeout": timeout}
    else:
        url = url.set(drivername="postgresql+psycopg")
    try:
        return sa.create_engine(url, poolclass=sa.NullPool, connect_args=wait, hide_parameters=True)
    except ModuleNotFoundError as cause:
        raise SourceError(
            "a source in PostgreSQL needs the driver psycopg; install it with `pip install 'psycopg[binary]>=3.2'`"
        ) from cause


def _read(connection: sa.Connection, domain: str, deadline: float) -> _Tables:
    """Read all tables in one transaction that can only read, so that they are of one moment."""
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        # Python's driver begins no transaction before a SELECT.
        connection.exec_driver_sql("BEGIN")
    else:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        connection.execute(sa.select(sa.func.set_config("statement_timeout", str(int(deadline * 1000)), sa.true())))
    types = connection.execute(sa.select(_TYPE).where(_TYPE.c.domain == domain)).all()
    instances = connection.execute(
        sa.select(_INSTANCE.c.id, _INSTANCE.c.benchmark_type_id, _INSTANCE.c.version)
        .join_from(_INSTANCE, _TYPE, _INSTANCE.c.benchmark_type_id == _TYPE.c.identifier)
        .where(_TYPE.c.domain == domain)
        .order_by(_INSTANCE.c.id)
    ).all()
    public = sa.and_(_MODEL.c.public.is_(sa.true()), _MODEL.c.domain == domain)
    models = connection.execute(
        sa.select(_MODEL.c.id, _MODEL.c.name, _SUBMISSION.c.timestamp)
        .join_from(_MODEL, _SUBMISSION, _MODEL.c.submission_id == _SUBMISSION.c.id, isouter=True)
        .where(public)
        .order_by(_MODEL.c.id)
    ).all()
    scores = connection.execute(
        sa.select(_SCORE)
        .join_from(_SCORE, _MODEL, _SCORE.c.model_id == _MODEL.c.id)
        .where(public)
        .order_by(_SCORE.c.id)
        .limit(_MAX_ROWS + 1)
    ).all()
    return _Tables(types, instances, models, scores, is_sqlite)


def _translated(cause: sqlalchemy.exc.SQLAlchemyError, name: str) -> SourceError:
    original = getattr(cause, "orig", None) or cause
    said = shown(" ".join(str(original).split()), 300)
    state = getattr(original, "sqlstate", None) or ""
    missing = state in ("42P01", "42703") or "no such table" in said or "no such column" in said
    if missing or "not a database" in said:
        return PayloadShapeError(f"{name} is no result database of Brain-Score ({said}); check the address", b"")
    return UnreachableError(f"the database {name} cannot be read ({said}); check address, login and network")


def _document(tables: _Tables, domain: str, name: str, received_at: datetime) -> dict[str, Any]:
    """Return the site's payload of these tables, with full precision and without groups."""
    if len(tables.scores) > _MAX_ROWS:
        raise PayloadShapeError(f"{name} has more than {_MAX_ROWS} scores; check that it is Brain-Score's", b"")
    versions: dict[str, dict[int, int]] = {}
    for row in tables.instances:
        # Of two instances of a version the later one counts, as everywhere in that database.
        versions.setdefault(row.benchmark_type_id, {})[row.version or 0] = row.id
    benchmarks = _benchmarks(tables.types, versions)
    if not benchmarks:
        why = "has no benchmark types" if not tables.types else "has no visible benchmark"
        raise EmptyPayloadError(f"{name} {why} of the domain {domain!r}; nothing was stored", b"")
    cells = _cells(tables, benchmarks, versions)
    times = [cell["timestamp"] for model in cells.values() for found in model.values() for cell in found]
    times += [_time(row.timestamp) for row in tables.models]
    past = (time for time in times if time and is_believed(datetime.fromisoformat(time), received_at))
    return {
        "domain": domain,
        "datetime_range": {"max": max(past, default=None)},
        "benchmarks": list(benchmarks.values()),
        "models": [
            {
                "id": row.id,
                "name": str(row.name),
                "submission_timestamp": _time(row.timestamp),
                "scores": cells.get(row.id, {}),
            }
            for row in tables.models
        ],
    }


def _benchmarks(types: Iterable[Any], versions: Mapping[str, Mapping[int, int]]) -> dict[str, dict[str, Any]]:
    """Return the payload's benchmarks without hidden leaves and empty groups; parents come before their children."""
    rows = {row.identifier: row for row in types}
    below: dict[str | None, list[str]] = {}
    for row in sorted(rows.values(), key=lambda row: (row.order or 0, row.identifier)):
        parent = row.parent_id if row.parent_id in rows else None
        below.setdefault(parent, []).append(row.identifier)
    found: dict[str, dict[str, Any]] = {}

    def add(identifier: str, parent: str | None, root: str, level: int = 1) -> bool:
        if level > MAX_LEVELS:
            message = f"benchmark type {shown(identifier)!r} is more than {MAX_LEVELS} levels deep; check its parents"
            raise PayloadShapeError(message, b"")
        children = below.get(identifier, [])
        # A group has no versions of its own; the site calls it version 0.
        listed = [0] if children else sorted(versions.get(identifier, {}))
        found[identifier] = {
            "id": identifier,
            "type_id": identifier,
            "parent_id": parent,
            "is_leaf": not children,
            "is_engineering": "engineering" in root.lower(),
            "label": identifier,
            "versions": [{"version": v, "identifier": f"{identifier}_v{v}"} for v in listed],
        }
        kept = [add(child, identifier, root, level + 1) for child in children] or [rows[identifier].visible]
        if not any(kept):
            del found[identifier]
        return any(kept)

    for root in below.get(None, []):
        add(root, None, root)
    return found


def _cells(
    tables: _Tables, benchmarks: Mapping[str, Mapping[str, Any]], versions: Mapping[str, Mapping[int, int]]
) -> dict[int, dict[str, list[dict[str, Any]]]]:
    """Return the entries of each model and leaf, as the payload has them."""
    leaves = {name: versions.get(name, {}) for name, benchmark in benchmarks.items() if benchmark["is_leaf"]}
    leaf_of = {instance: (name, version) for name, of in leaves.items() for version, instance in of.items()}
    best: dict[tuple[int, int], tuple[float, dict[str, Any]]] = {}
    for row in tables.scores:
        if row.benchmark_id not in leaf_of:
            continue
        name, version = leaf_of[row.benchmark_id]
        raw, error = _number(row.score_raw), _number(row.error)
        number = row_value(
            raw,
            _number(row.score_ceiled),
            row.comment,
            ended=row.end_timestamp is not None,
            is_sqlite=tables.is_sqlite,
            engineering=benchmarks[name]["is_engineering"],
        )
        cell = {
            "version": version,
            "value": "" if number is None else "X" if math.isnan(number) else number,
            "error": error if error is not None and math.isfinite(error) else None,
            "timestamp": _time(row.end_timestamp) or _time(row.start_timestamp),
        }
        # Of several rows of a cell, the site takes the one with the highest raw score.
        weight = raw if raw is not None and math.isfinite(raw) else -math.inf
        key = (row.model_id, row.benchmark_id)
        if key not in best or weight >= best[key][0]:
            best[key] = weight, cell
    found: dict[int, dict[str, list[dict[str, Any]]]] = {}
    for (model, instance), (_, cell) in best.items():
        found.setdefault(model, {}).setdefault(leaf_of[instance][0], []).append(cell)
    # For a leaf with an instance that no model was run on the site writes NEVER, so that it has a row.
    ran = {name for of_model in found.values() for name in of_model}
    for name in (name for name in versions if name in leaves and name not in ran):
        for row in tables.models:
            cell = {"version": max(versions[name]), "value": "", "error": None, "timestamp": None}
            found.setdefault(row.id, {})[name] = [cell]
    return found


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _time(value: Any) -> str | None:
    """Return a time in ISO format; UTC if it has no zone, and SQLite keeps it as text."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:  # None too
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
