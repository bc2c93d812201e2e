"""The schema of a new store is what the code expects, and a store with another one is left alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from brainalign_monitor.base.errors import StoreError
from brainalign_monitor.store.database import connect
from brainalign_monitor.store.migrations import alembic_config, upgrade
from brainalign_monitor.store.schema import REVISION, REVISION_TABLE, metadata
from brainalign_plugin.files.snapshot_file import snapshot_bytes
from tests.boards import small_tree, snapshot_of
from tests.contracts.conftest import Backend

NOW = datetime(2026, 1, 2, tzinfo=UTC)
BOARD = snapshot_of(small_tree(), [[0.5, 0.25, "X", 0.75, "", 0.125, 0.5]])
BODY = snapshot_bytes(BOARD)


def tables(backend: Backend, url: str) -> set[str]:
    engine = backend.engine(url)
    return set(sa.inspect(engine).get_table_names())


def test_the_code_knows_the_newest_revision() -> None:
    script = ScriptDirectory.from_config(alembic_config())
    assert script.get_heads() == [REVISION]
    # Revisions are compared as text, to tell a newer store from an older one.
    numbers = [revision.revision for revision in script.walk_revisions()]
    assert numbers == sorted(numbers, reverse=True)
    assert all(len(number) == 4 and number.isdecimal() for number in numbers)


def test_a_migrated_database_is_what_the_tables_say(backend: Backend) -> None:
    url = backend.fresh()
    backend.open(url).close()
    with backend.engine(url).connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": REVISION_TABLE, "compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []
        named = {
            table: {c["name"] for c in sa.inspect(connection).get_check_constraints(table)} for table in metadata.tables
        }
    assert named == {
        name: {str(c.name) for c in table.constraints if isinstance(c, sa.CheckConstraint)}
        for name, table in metadata.tables.items()
    }


def test_opening_again_changes_nothing(backend: Backend) -> None:
    url = backend.fresh()
    with backend.open(url) as store:
        number = store.add(BOARD, BODY, NOW).id
        with store._database.writing() as connection:
            upgrade(connection)
    with backend.open(url) as store:
        assert store.snapshot(number) == BOARD


@pytest.mark.parametrize(
    ("revision", "message"),
    [
        ("0999", r"schema '0999' of a newer release .*upgrade brainalign"),
        ("0005", r"schema '0005' of an older release than 1\.0\.0.*store begin.*brainalign fetch"),
    ],
)
def test_a_store_that_this_release_cannot_work_with_is_left_alone(
    backend: Backend, revision: str, message: str
) -> None:
    url = backend.fresh()
    with backend.open(url) as store:
        number = store.add(BOARD, BODY, NOW).id
    backend.execute(url, f"UPDATE {REVISION_TABLE} SET version_num = '{revision}'")
    with pytest.raises(StoreError, match=message):
        backend.open(url)
    backend.execute(url, f"UPDATE {REVISION_TABLE} SET version_num = '{REVISION}'")
    with backend.open(url) as store:
        assert store.snapshot(number) == BOARD


def test_a_migration_that_fails_leaves_nothing(backend: Backend) -> None:
    url = backend.fresh()
    # In the way of the last table.
    backend.execute(url, "CREATE VIEW pull AS SELECT 1 AS one")
    with pytest.raises(StoreError, match="already exists"):
        backend.open(url)
    assert tables(backend, url) == set()
    backend.execute(url, "DROP VIEW pull")
    with backend.open(url) as store:
        assert store.add(BOARD, BODY, NOW).new


def test_tables_of_another_program_are_not_taken_over(backend: Backend) -> None:
    url = backend.fresh()
    backend.execute(url, "CREATE TABLE model (name TEXT)")
    with pytest.raises(StoreError, match="not a store of BrainAlign") as caught:
        backend.open(url)
    assert "model" in str(caught.value)
    assert tables(backend, url) == {"model"}


def test_a_shared_postgres_database_is_no_obstacle(postgres: Backend) -> None:
    url = postgres.fresh()
    postgres.execute(url, "CREATE TABLE bookmarks (url TEXT)", "CREATE TABLE alembic_version (version_num TEXT)")
    with postgres.open(url) as store:
        assert store.snapshot(store.add(BOARD, BODY, NOW).id) == BOARD
    assert {"bookmarks", "alembic_version"} < tables(postgres, url)


def test_a_postgres_that_is_not_there_says_so(postgres: Backend) -> None:
    absent = sa.make_url(postgres.fresh()).set(database="no_such_database", password="secret")
    with pytest.raises(StoreError, match=r"no_such_database.*create the database|cannot be reached") as caught:
        connect(absent.render_as_string(hide_password=False)).prepare()
    assert "secret" not in str(caught.value)


def test_a_postgres_user_who_may_only_read_reads(postgres: Backend) -> None:
    url = postgres.fresh()
    with postgres.open(url) as store:
        number = store.add(BOARD, BODY, NOW).id
    role = f"reader_of_{sa.make_url(url).database}"
    postgres.execute(url, f"CREATE ROLE {role} LOGIN", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    try:
        reader = sa.make_url(url).set(username=role).render_as_string(hide_password=False)
        with postgres.open(reader) as store:
            assert store.snapshot(number) == BOARD
            with pytest.raises(StoreError, match="refuses this user: grant the right"):
                store.log_failure(NOW, "here", "vision", refused=False, message="")
        assert len(store.pulls()) == 1
        store.close()
    finally:
        postgres.execute(url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_postgres_that_ends_the_query_says_so(postgres: Backend) -> None:
    url = postgres.fresh()
    hasty = sa.make_url(url).update_query_dict({"options": "-c statement_timeout=100"})
    with (
        postgres.open(url) as other,
        postgres.open(hasty.render_as_string(hide_password=False)) as store,
        other._database.writing(),
        pytest.raises(StoreError, match="stopped the query: raise its time-out"),
    ):
        store.log_failure(NOW, "here", "vision", refused=False, message="")
