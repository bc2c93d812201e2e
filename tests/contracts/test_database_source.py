"""Brain-Score's own result database as a source, in both databases, in the tables that Brain-Score itself makes."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from brainalign_monitor.base.errors import EmptyPayloadError, PayloadShapeError, SourceError, UnreachableError
from brainalign_monitor.sources import result_database as database_source
from brainalign_monitor.sources.dispatch import pull
from brainalign_monitor.sources.payload import FetchLimits, parse_payload
from brainalign_plugin.data.official import CellState
from brainalign_plugin.errors import InputError
from tests.commands import brainalign
from tests.contracts.conftest import Backend

pytestmark = pytest.mark.needs("brainscore")
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ENDED = datetime(2023, 6, 30, 17, 49)  # noqa: DTZ001 (as Brain-Score writes it)
NAN = math.nan


@dataclass(frozen=True)
class Results:
    """A result database with Brain-Score's tables."""

    url: str
    tables: Any
    database: Any

    def insert(self, model: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        with self.database.atomic():
            for start in range(0, len(rows), 500):
                model.insert_many(rows[start : start + 500]).execute()

    def pull(self, **more: Any) -> Any:
        self.database.close()
        return pull(self.url, received_at=NOW, **more)


@pytest.fixture
def results(backend: Backend) -> Iterator[Results]:
    from brainscore_core.submission import database_models as tables
    from peewee import PostgresqlDatabase, SqliteDatabase

    url = backend.fresh()
    if backend.name == "sqlite":
        database, address = SqliteDatabase(url), f"sqlite:///{url}"
    else:
        parts = sa.make_url(url)
        login = {"user": parts.username, "password": parts.password, "port": parts.port}
        host = parts.host or parts.query.get("host")
        database, address = PostgresqlDatabase(parts.database, host=host, **login), url
    tables.database_proxy.initialize(database)
    for table in tables.PeeweeBase.__subclasses__():
        table._meta.schema = None
    database.create_tables(tables.PeeweeBase.__subclasses__())
    found = Results(address, tables, database)
    tables.User.create(id=1, is_active=True, is_staff=False, is_superuser=False, password="x", force_insert=True)
    yield found
    database.close()


def fill(
    results: Results,
    types: Sequence[tuple[str, str | None] | tuple[str, str | None, bool]],
    instances: Mapping[int, tuple[str, int | None]],
    models: Mapping[int, tuple[str, bool, str]],
    scores: Sequence[Mapping[str, Any]],
) -> None:
    t = results.tables
    kinds = [
        {"identifier": name, "parent": parent, "order": i, "visible": (*more, True)[0], "domain": "vision", "owner": 1}
        for i, (name, parent, *more) in enumerate(types)
    ]
    results.insert(t.BenchmarkType, kinds)
    results.insert(
        t.BenchmarkInstance,
        [{"id": i, "benchmark": name, "version": version} for i, (name, version) in instances.items()],
    )
    submission = {"id": 7, "jenkins_id": 1, "submitter": 1, "model_type": "x", "status": "successful"}
    results.insert(t.Submission, [{**submission, "timestamp": datetime(2023, 1, 2)}])  # noqa: DTZ001 (as above)
    results.insert(
        t.Model,
        [
            {"id": i, "name": name, "public": public, "domain": domain, "owner": 1, "submission": 7}
            for i, (name, public, domain) in models.items()
        ],
    )
    keys = ("benchmark", "model", "score_raw", "score_ceiled", "error", "comment", "end_timestamp", "start_timestamp")
    results.insert(t.Score, [{**dict.fromkeys(keys), **score} for score in scores])


TYPES: list[Any] = [
    ("average_vision", None),
    ("neural_vision", "average_vision"),
    ("A2020-x", "neural_vision"),
    ("B2020-x", "neural_vision"),
    ("Hidden2020-x", "neural_vision", False),
    ("behavior_vision", "average_vision"),
    ("C2020-x", "behavior_vision"),
    ("empty_group", "behavior_vision"),
    ("Hidden2021-x", "empty_group", False),
    ("engineering_vision", None),
    ("E2020-top1", "engineering_vision"),
]
INSTANCES = {
    1: ("A2020-x", 1),
    2: ("A2020-x", 3),
    3: ("B2020-x", None),
    4: ("Hidden2020-x", 1),
    5: ("C2020-x", 1),
    6: ("E2020-top1", 2),
}
MODELS = {11: ("one", True, "vision"), 12: ("two", True, "vision"), 13: ("secret", False, "vision")}
MODELS |= {14: ("speaker", True, "language"), 15: ("idle", True, "vision")}


def score(benchmark: int, model: int, raw: float | None, ceiled: float | None, **more: Any) -> dict[str, Any]:
    row = {"benchmark": benchmark, "model": model, "score_raw": raw, "score_ceiled": ceiled}
    return row | {"end_timestamp": ENDED, **more}


def small(results: Results, *more: Mapping[str, Any]) -> None:
    scores = [
        score(1, 11, 0.1, 0.2),
        score(2, 11, 0.3, 0.4, error=0.05, end_timestamp=ENDED + timedelta(days=2)),
        score(3, 11, 0.5, 1.25),
        score(4, 11, 0.9, 0.9),
        score(5, 11, NAN, NAN),
        score(6, 11, 0.75, 0.99),
        score(2, 13, 0.99, 0.99, end_timestamp=ENDED + timedelta(days=900)),
    ]
    fill(results, TYPES, INSTANCES, MODELS, [*scores, *more])


def cell(board: Any, model: int, type_id: str) -> tuple[str, float]:
    i, j = board.rows[model], board.tree.index[type_id]
    return CellState(int(board.states[i, j])).name, float(board.scores[i, j])


def test_the_sites_rules_are_followed(results: Results) -> None:
    small(results)
    board = results.pull().snapshot
    assert [(m.id, m.name) for m in board.models] == [(11, "one"), (12, "two"), (15, "idle")], "public, of the domain"
    assert [node.type_id for node in board.tree.nodes] == [
        *("average_vision", "neural_vision", "A2020-x", "B2020-x", "behavior_vision", "C2020-x"),
        *("engineering_vision", "E2020-top1"),
    ], "without hidden leaves and the group that held nothing else"
    assert cell(board, 11, "A2020-x") == ("SCORED", 0.4), "the latest version, ceiled"
    assert cell(board, 11, "B2020-x") == ("SCORED", 1.25), "capped later, by the aggregate"
    assert cell(board, 11, "C2020-x")[0] == "FAILED"
    assert cell(board, 11, "E2020-top1") == ("SCORED", 0.75), "engineering counts raw"
    assert all(cell(board, 12, leaf)[0] == "NEVER" for leaf in ("A2020-x", "C2020-x")), "no row"
    assert board.tree["A2020-x"].version == 3
    assert (list(board.superseded.version), list(board.superseded.scores)) == ([1], [0.2])
    assert float(board.errors[board.rows[11], board.tree.index["A2020-x"]]) == 0.05
    assert board.models[0].submitted_at == datetime(2023, 1, 2, tzinfo=UTC)
    assert board.as_of_time == datetime(2023, 7, 2, 17, 49, tzinfo=UTC), "the newest public score"


def test_the_aggregate_is_the_official_one_and_nothing_is_published(results: Results) -> None:
    small(results)
    official = results.pull().snapshot.official()
    assert official.at("neural_vision")[0] == pytest.approx((0.4 + 1) / 2)
    assert official.at("average_vision")[0] == pytest.approx(((0.4 + 1) / 2 + 0) / 2)
    assert official.ranks == (1, None, None)
    assert set(official.max_abs_diff.values()) == {None}
    assert official.state_mismatches == 0


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ({"score_raw": None, "score_ceiled": None, "comment": "RuntimeError: CUDA"}, "FAILED"),
        ({"score_raw": 0.5, "score_ceiled": None, "comment": "an error"}, "FAILED"),
        ({"score_raw": None, "score_ceiled": None, "end_timestamp": None, "start_timestamp": ENDED}, "NEVER"),
        ({"score_raw": 0.5, "score_ceiled": 0.5, "comment": "layers: error"}, "SCORED"),
        ({"score_raw": -0.5, "score_ceiled": -0.25}, "SCORED"),
    ],
)
def test_what_a_row_without_a_number_means(results: Results, row: dict[str, Any], state: str) -> None:
    small(results, score(5, 12, None, None) | row)
    assert cell(results.pull().snapshot, 12, "C2020-x")[0] == state


def test_of_several_rows_of_a_cell_the_highest_raw_score_counts(results: Results) -> None:
    rows = [score(5, 12, None, None), score(5, 12, 0.5, 0.6), score(5, 12, 0.4, 0.9), score(5, 12, NAN, NAN)]
    small(results, *rows)
    assert cell(results.pull().snapshot, 12, "C2020-x") == ("SCORED", 0.6)


def test_the_kept_body_is_a_payload_that_says_the_same(results: Results) -> None:
    small(results)
    first, again = results.pull(), results.pull()
    assert first.body == again.body, "the same tables give the same bytes"
    assert json.loads(first.body)["domain"] == "vision"
    assert parse_payload(first.body, first.snapshot.source, NOW).snapshot == first.snapshot


def test_the_database_is_only_read(results: Results, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    small(results)
    files = sorted(backend.folder.iterdir())
    results.pull()
    assert sorted(backend.folder.iterdir()) == files, "nothing is written beside it"
    read = database_source._read

    def tampered(connection: sa.Connection, domain: str, deadline: float) -> Any:
        read(connection, domain, deadline)
        connection.exec_driver_sql("DELETE FROM brainscore_score")

    monkeypatch.setattr(database_source, "_read", tampered)
    with pytest.raises(SourceError, match=r"read-only|readonly"):
        results.pull()


def test_without_a_visible_benchmark_it_is_empty(results: Results) -> None:
    with pytest.raises(EmptyPayloadError, match="has no benchmark types of the domain 'vision'"):
        results.pull()
    fill(results, [("average_vision", None), ("A2020-x", "average_vision", False)], {}, MODELS, [])
    with pytest.raises(EmptyPayloadError, match="has no visible benchmark of the domain"):
        results.pull()


def test_a_leaf_has_a_row_where_it_has_an_instance(results: Results) -> None:
    types = [*TYPES, ("Idle2024-x", "behavior_vision"), ("Announced2025-x", "behavior_vision")]
    scores = [score(2, 11, 0.3, 0.4), score(5, 11, 0.5, 0.6)]
    fill(results, types, INSTANCES | {7: ("Idle2024-x", 1)}, MODELS, scores)
    found = results.pull()
    tree = found.snapshot.tree
    assert "Idle2024-x" in tree.leaves("average_vision"), "nobody ran it, and it counts"
    assert [entry.benchmark for entry in found.rejected] == ["Announced2025-x"]
    assert found.snapshot.official().at("behavior_vision")[0] == pytest.approx(0.6 / 2)


@pytest.mark.parametrize("levels", [99, 1500])
def test_a_tree_deeper_than_a_hundred_levels_is_refused(results: Results, levels: int) -> None:
    chain = [(f"n{k}", f"n{k - 1}" if k else "average_vision") for k in range(levels)]
    fill(results, [("average_vision", None), *chain], {1: (f"n{levels - 1}", 1)}, MODELS, [score(1, 11, 0.1, 0.2)])
    if levels == 99:
        assert results.pull().snapshot.board().scores[0, 0] == 0.2
        return
    with pytest.raises(PayloadShapeError, match="100 levels deep"):
        results.pull()


def test_another_database_is_named_as_such(backend: Backend) -> None:
    url = backend.fresh()
    backend.execute(url, "CREATE TABLE something (id INTEGER)")
    address = f"sqlite:///{url}" if backend.name == "sqlite" else url
    with pytest.raises(PayloadShapeError, match="is no result database of Brain-Score"):
        pull(address, received_at=NOW)


def test_passwords_are_not_told() -> None:
    with pytest.raises(UnreachableError) as caught:
        pull(
            "postgresql://me:canary@127.0.0.1:1/brainscore?password=canary",
            received_at=NOW,
            limits=FetchLimits(timeout=1),
        )
    assert "postgresql://***@127.0.0.1:1/brainscore?password=***" in str(caught.value)
    assert "canary" not in str(caught.value)
    with pytest.raises(InputError) as refused:
        pull("postgresql://me:canary@host:port/brainscore", received_at=NOW)
    assert "canary" not in str(refused.value)


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no database file"):
        pull(f"sqlite:///{tmp_path / 'none.sqlite3'}", received_at=NOW)
    assert list(tmp_path.iterdir()) == []


def test_commands_read_a_database(results: Results, tmp_path: Path) -> None:
    small(results)
    results.database.close()
    home = tmp_path / "home"
    brainalign("fetch", results.url, home=home).succeeded()
    brainalign("fetch", home=home, source=results.url).succeeded()
    (listed,) = brainalign("snapshots", "list", "--json", home=home).succeeded().json
    assert listed["models"] == 3
    if results.url.startswith("sqlite"):
        path = results.url.removeprefix("sqlite:///")
        assert brainalign("analyze", path, "--json", home=home).json["snapshot"]["models"] == 3


@pytest.mark.needs("shared")
def test_the_real_board_comes_out_as_the_site_publishes_it(results: Results, shared_site: Path) -> None:
    body = gzip.decompress((shared_site / "compare-data-2024-01-01.json.gz").read_bytes())
    site = parse_payload(body, "site", NOW).snapshot
    tree = site.tree
    types = [(node.type_id, node.parent) for node in tree.nodes]
    leaves = [node for node in tree.nodes if node.is_leaf]
    instances = {i: (node.type_id, node.version) for i, node in enumerate(leaves, start=1)}
    models = {model.id: (model.name, True, "vision") for model in site.models}
    scores = []
    for instance, (type_id, _) in instances.items():
        j = tree.index[type_id]
        for i, model in enumerate(site.models):
            if site.states[i, j] != CellState.NEVER:
                value = float(site.scores[i, j])
                raw = value if tree[type_id].is_engineering else 0.0
                scores.append(score(instance, model.id, raw, value))
    fill(results, types, instances, models, scores)
    found = results.pull().snapshot
    assert [model.id for model in found.models] == sorted(model.id for model in site.models)
    rows = [site.rows[model.id] for model in found.models]
    for leaf in leaves:
        ours, theirs = found.tree.index[leaf.type_id], tree.index[leaf.type_id]
        np.testing.assert_array_equal(found.states[:, ours], site.states[rows, theirs])
        np.testing.assert_array_equal(found.scores[:, ours], site.scores[rows, theirs])
    official = found.official()
    published = {model.id: model.published_rank for model in site.models}
    assert {m.id: r for m, r in zip(found.models, official.ranks, strict=True)} == published
    apart = np.abs(official.at("average_vision") - site.scores[rows, tree.index["average_vision"]])
    assert np.nanmax(apart) <= 0.0005 + 1e-9
