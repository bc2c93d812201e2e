"""Where the candidate's scores come from, and what is said where they cannot."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from brainalign_plugin.data.official import CellState
from brainalign_plugin.errors import CandidateError, ReferenceBoardError
from brainalign_plugin.files.reference_file import reference_path, write_reference
from brainalign_plugin.files.snapshot_file import snapshot_bytes
from tests.commands import documented_table
from tests.plugin.brainscore.meta_benchmarks.conftest import LEAVES, tiny_reference

pytestmark = pytest.mark.needs("brainscore")


class Named:
    def __init__(self, identifier="mine"):
        self.identifier = identifier


@pytest.fixture
def home(tmp_path):
    write_reference(reference_path(tmp_path / "home/references", "tiny"), tiny_reference())
    return tmp_path / "home"


@pytest.fixture
def gathered(home):
    from brainalign_plugin.brainscore.benchmark import gather
    from brainalign_plugin.brainscore.settings import Settings

    def go(candidate=None, reference=None, **settings):
        return gather(
            Settings(home=home, **settings),
            reference or tiny_reference(),
            candidate or Named(),
            lambda: datetime(2030, 1, 1, tzinfo=UTC),
            lambda _: None,
        )

    return go


def shown(cells):
    return {name: None if math.isnan(cell.score) else cell.score for name, cell in cells.items()}


@pytest.fixture
def snapshot_file(tmp_path):
    """The board of the reference with two models called twin and one called mine."""
    snapshot = tiny_reference().snapshot
    names = ["twin", "twin", "mine", *(f"other{i}" for i in range(11))]
    models = tuple(replace(model, name=name) for model, name in zip(snapshot.models, names, strict=True))
    path = tmp_path / "board.snapshot.json.gz"
    path.write_bytes(snapshot_bytes(replace(snapshot, models=models)))
    return path


@pytest.fixture
def scores(tmp_path):
    def write(**given: object) -> Path:
        path = tmp_path / "scores.csv"
        lines = [f"{LEAVES['abcd'.index(name)]},{score}\n" for name, score in given.items()]
        path.write_text("benchmark,score\n" + "".join(lines))
        return path

    return write


def fill(database, rows, models=((1, "mine"), (2, "twin"), (3, "twin"))):
    """A result database of Brain-Score's own tables: (model, benchmark, version, ceiled, raw, error) a score."""
    from brainscore_core.submission import database_models as tables

    tables.database_proxy.initialize(database)
    for table in tables.PeeweeBase.__subclasses__():
        table._meta.schema = None
    database.create_tables(tables.PeeweeBase.__subclasses__())
    user = tables.User.create(is_active=True, is_staff=False, is_superuser=False, password="x")
    submission = tables.Submission.create(jenkins_id=1, submitter=user, model_type="x", status="successful")
    for number, name in models:
        tables.Model.create(
            id=number, name=name, owner=user, submission=submission, domain="vision", public=True, force_insert=True
        )
    for model, benchmark, version, ceiled, raw, error in rows:
        kind, _ = tables.BenchmarkType.get_or_create(
            identifier=benchmark, defaults={"order": 1, "domain": "vision", "owner": user}
        )
        instance, _ = tables.BenchmarkInstance.get_or_create(benchmark=kind, version=version)
        tables.Score.create(
            benchmark=instance,
            model=model,
            score_ceiled=ceiled,
            score_raw=raw,
            error=None if error == "failed" else error,
            comment="Error: out of layers" if error == "failed" else None,
        )
    database.close()


ROWS = [
    (1, LEAVES[0], 1, 0.8, 0.7, 0.01),
    (1, LEAVES[1], 1, None, None, None),
    (1, LEAVES[2], 1, None, None, "failed"),
    (1, LEAVES[3], 2, 0.9, 0.9, 0.1),
    (2, LEAVES[3], 1, 0.1, 0.1, 0.1),
    (1, "Unrelated2020-x", 1, 0.5, 0.5, 0.1),
]


@pytest.fixture
def database(tmp_path):
    from peewee import SqliteDatabase

    path = tmp_path / "brain score.sqlite3"
    fill(SqliteDatabase(str(path)), ROWS)
    return f"sqlite:///{path}"


def test_the_first_source_that_has_it(gathered, scores, snapshot_file, database):
    cells, _ = gathered(scores=scores(a=0.11, b="X", c=""), snapshot=snapshot_file, database=database)
    reference = tiny_reference()
    board = dict(zip(reference.board.leaves, reference.board.scores[2], strict=True))
    assert shown(cells) == {
        LEAVES[0]: 0.11,
        LEAVES[1]: None,
        LEAVES[2]: pytest.approx(board[LEAVES[2]]),
        LEAVES[3]: pytest.approx(board[LEAVES[3]]),
    }
    assert [cells[leaf].origin.split()[0] for leaf in LEAVES] == ["scores", "scores", "snapshot", "snapshot"]
    assert cells[LEAVES[2]].origin.endswith(f"(model {reference.board.ids[2]})")


def test_a_database(gathered, database):
    cells, notes = gathered(database=database)
    # The second has a row without an end: it still runs, and is NEVER.
    assert shown(cells) == {LEAVES[0]: 0.8, LEAVES[2]: None}
    assert cells[LEAVES[2]].state is CellState.FAILED
    assert cells[LEAVES[0]].error == 0.01
    assert cells[LEAVES[0]].origin.startswith("database sqlite:///")
    (note,) = notes
    assert note.startswith(f"{LEAVES[3]}: version 2 of database sqlite")
    assert note.endswith("is not used, the reference has 1")


def test_a_database_is_only_read(gathered, database, tmp_path):
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    gathered(database=database)
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.exc import OperationalError

    from brainalign_plugin.brainscore.database import _read_only

    connected = create_engine(_read_only(make_url(database))).connect()
    with connected, pytest.raises(OperationalError, match="readonly"):
        connected.exec_driver_sql("DELETE FROM brainscore_score")


def test_of_several_rows_the_wanted_version_and_the_number_count(gathered, tmp_path):
    from peewee import SqliteDatabase

    rows = [
        (1, LEAVES[0], 2, 0.9, 0.9, None),
        (1, LEAVES[0], 1, 0.4, 0.4, None),
        (1, LEAVES[0], 1, None, None, None),
        (1, LEAVES[1], 1, None, None, None),
        (1, LEAVES[1], 1, 0.3, 0.3, None),
    ]
    fill(SqliteDatabase(str(tmp_path / "several.sqlite3")), rows)
    cells, notes = gathered(database=f"sqlite:///{tmp_path / 'several.sqlite3'}")
    assert shown(cells) == {LEAVES[0]: 0.4, LEAVES[1]: 0.3}
    assert notes == ()


@pytest.mark.needs("postgres")
def test_a_postgresql_database(gathered, postgres_server):
    from peewee import PostgresqlDatabase
    from sqlalchemy import NullPool, create_engine, make_url, text
    from sqlalchemy.exc import DBAPIError

    server = make_url(postgres_server).set(drivername="postgresql+psycopg")
    with create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS brainscore_of_this_test"))
        connection.execute(text("CREATE DATABASE brainscore_of_this_test"))
    url = server.set(database="brainscore_of_this_test")
    where = {"host": url.query.get("host", url.host), "user": url.username, "password": url.password, "port": url.port}
    fill(PostgresqlDatabase(url.database, **{name: value for name, value in where.items() if value}), ROWS)
    address = url.render_as_string(hide_password=False)
    assert shown(gathered(database=address)[0]) == {LEAVES[0]: 0.8, LEAVES[2]: None}
    engine = create_engine(url, execution_options={"postgresql_readonly": True})
    with engine.connect() as connection, pytest.raises(DBAPIError, match="read-only transaction"):
        connection.execute(text("DELETE FROM brainscore_score"))
    engine.dispose()


def test_ambiguous_names_list_the_ids(gathered, snapshot_file, database):
    ids = tiny_reference().board.ids
    with pytest.raises(CandidateError, match=f"2 models of the snapshot .* are called 'twin'.*{ids[0]} .*{ids[1]} "):
        gathered(Named("twin"), snapshot=snapshot_file)
    with pytest.raises(CandidateError, match=r"2 models of the database .* are called 'twin'.*2 .*3 "):
        gathered(Named("twin"), database=database)
    assert shown(gathered(Named("twin"), database=database, model="2")[0]) == {LEAVES[3]: 0.1}
    assert len(gathered(Named("twin"), snapshot=snapshot_file, model=str(ids[1]))[0]) == 4


def test_a_model_that_a_source_lacks(gathered, snapshot_file, database, scores):
    cells, notes = gathered(Named("new"), snapshot=snapshot_file, database=database, scores=scores(a=0.5))
    assert shown(cells) == {LEAVES[0]: 0.5}
    assert notes == (f"the snapshot {str(snapshot_file)!r} has no model 'new'", "the database has no model 'new'")
    # Who is named on purpose has to be there.
    with pytest.raises(CandidateError, match=r"no model 'other' in the snapshot .*; did you mean 'other"):
        gathered(Named(), snapshot=snapshot_file, model="other")
    with pytest.raises(CandidateError, match="no model 'new' in the database; correct BRAINALIGN_MODEL"):
        gathered(Named(), database=database, model="new")


@pytest.mark.parametrize("identifier", [None, "", 3])
def test_a_candidate_without_a_name(gathered, snapshot_file, scores, identifier):
    with pytest.raises(CandidateError, match=r"the candidate Named has the identifier .*BRAINALIGN_MODEL"):
        gathered(Named(identifier), snapshot=snapshot_file)
    assert len(gathered(Named(identifier), snapshot=snapshot_file, model="mine")[0]) == 4
    assert len(gathered(Named(identifier), scores=scores(a=0.5))[0]) == 1


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nonsense", "BRAINALIGN_DATABASE is no SQLAlchemy URL"),
        ("sqlite:////no/such/file.sqlite3", "there is no database file '/no/such/file.sqlite3'"),
        ("mysql+nodriver://a:secret@host/b", "cannot read the Brain-Score database mysql"),
        (
            "postgresql+psycopg://a:secret@127.0.0.1:1/b",
            r"cannot read the Brain-Score database postgresql.*//\*\*\*@127",
        ),
    ],
)
def test_a_database_that_cannot_be_read(gathered, address, message):
    with pytest.raises(CandidateError, match=message) as error:
        gathered(database=address)
    assert "secret" not in str(error.value)


def test_a_database_of_something_else(gathered, tmp_path):
    (tmp_path / "empty.sqlite3").touch()
    with pytest.raises(CandidateError, match="no such table: brainscore_model"):
        gathered(database=f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    (tmp_path / "text.sqlite3").write_text("hello" * 1000)
    with pytest.raises(CandidateError, match="not a database"):
        gathered(database=f"sqlite:///{tmp_path / 'text.sqlite3'}")


def settings_of(**variables):
    from brainalign_plugin.brainscore.settings import settings_from

    return settings_from({f"BRAINALIGN_{name}": value for name, value in variables.items()})


def test_settings_come_from_the_environment(tmp_path):
    read = settings_of(
        HOME=str(tmp_path),
        REFERENCE="a",
        SCORES="~/s.csv",
        MODEL=" m ",
        RUN="missing",
        MIN_CONSTITUENTS="0.25",
        DATABASE="",
    )
    assert (read.home, read.reference, read.model, read.run) == (tmp_path, "a", "m", "missing")
    assert read.scores == Path.home() / "s.csv"
    assert read.min_constituents == 0.25
    assert (read.database, read.snapshot) == ("", None)
    assert read.runs == tmp_path / "runs"
    assert settings_of(RESULTS="/elsewhere").runs == Path("/elsewhere")
    plain = settings_of()
    assert (plain.run, plain.min_constituents) == ("no", 0.0)


def test_the_home_folder_is_that_of_the_monitor(monkeypatch):
    from brainalign_monitor.config.settings import load_settings

    monkeypatch.delenv("BRAINALIGN_HOME")
    assert settings_of().home == load_settings().home
    assert settings_of().references == load_settings().references


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"RUN": "yes"}, "BRAINALIGN_RUN is 'yes'; known are no, missing, failed"),
        ({"MIN_CONSTITUENTS": "most"}, "BRAINALIGN_MIN_CONSTITUENTS is 'most'; give a number"),
        ({"MIN_CONSTITUENTS": "40"}, r"BRAINALIGN_MIN_CONSTITUENTS is 40\.0; it is a share"),
        ({"MIN_CONSTITUENTS": "nan"}, "BRAINALIGN_MIN_CONSTITUENTS is nan"),
        ({"SCORE": "a.csv"}, "BRAINALIGN_SCORE is no setting; did you mean BRAINALIGN_SCORES"),
        ({"MIN_CONSTITUENT": "1"}, "did you mean BRAINALIGN_MIN_CONSTITUENTS"),
        ({"HOME": "~nobody-of-that-name/x"}, "no such user"),
    ],
)
def test_settings_that_are_wrong(variables, message):
    with pytest.raises(CandidateError, match=message):
        settings_of(**variables)


def test_every_setting_of_monitor_and_plugin_is_known_to_both(monkeypatch):
    from brainalign_monitor.config.settings import Settings, load_settings
    from brainalign_plugin.brainscore.settings import VARIABLES, settings_from

    for name in VARIABLES:
        if name != "BRAINALIGN_HOME":
            monkeypatch.setenv(name, "1")
    load_settings()
    settings_from(dict.fromkeys((f"BRAINALIGN_{name.upper()}" for name in Settings.model_fields), ""))


@pytest.fixture
def benchmark(home):
    from brainalign_plugin.brainscore.benchmark import MetaBenchmark
    from brainalign_plugin.brainscore.settings import Settings

    def make(identifier="BrainAlign2026-hier", **settings):
        return MetaBenchmark(identifier, settings=Settings(home=settings.pop("home", home), **settings))

    return make


def test_the_only_reference_needs_no_name(benchmark, home, scores):
    given = scores(a=0.2, b=0.3, c=0.4, d=0.5)
    named = benchmark(scores=given, reference="tiny")(Named())
    assert benchmark(scores=given)(Named()).item() == named.item()
    by_path = benchmark(scores=given, reference=str(reference_path(home / "references", "tiny")))(Named())
    assert by_path.item() == named.item()
    write_reference(reference_path(home / "references", "second"), tiny_reference("second"))
    with pytest.raises(ReferenceBoardError, match=r"2 frozen references.*: second, tiny; .*REFERENCE=second"):
        benchmark(scores=given)(Named())
    assert benchmark(scores=given, reference="second")(Named()).attrs["reference"]["name"] == "second"


def test_no_reference_names_the_commands(benchmark, tmp_path):
    with pytest.raises(ReferenceBoardError, match=r"pull the leaderboard and freeze it: freeze\(board, name\)"):
        benchmark(home=tmp_path / "empty")(Named())
    with pytest.raises(ReferenceBoardError, match=r"there is no reference 'tny' .*did you mean tiny"):
        benchmark(reference="tny")(Named())
    (tmp_path / "bad/references").mkdir(parents=True)
    (tmp_path / "bad/references/x.reference.json.gz").write_bytes(b"junk")
    with pytest.raises(ReferenceBoardError, match=r"x\.reference\.json\.gz' is not a reference file"):
        benchmark(home=tmp_path / "bad")(Named())


def test_a_reference_of_another_domain(benchmark, home, tmp_path):
    write_reference(reference_path(home / "references", "words"), tiny_reference("words", "language"))
    with pytest.raises(ReferenceBoardError, match=r"of the domain 'language'.*pass a reference of that domain"):
        benchmark(reference="words")(Named())
    # It does not count among those that need no name.
    with pytest.raises(CandidateError, match="0 of the 4 benchmarks of the reference 'tiny'"):
        benchmark()(Named())


def test_too_few_constituents_name_what_to_do(benchmark, scores):
    with pytest.raises(CandidateError, match="1 of the 4 benchmarks") as error:
        benchmark(scores=scores(a=0.5), min_constituents=0.5)(Named("my-model"))
    assert (
        "`BRAINALIGN_RUN=missing python -m brainscore_vision score --model_identifier=my-model "
        "--benchmark_identifier=BrainAlign2026-hier`"
    ) in str(error.value)
    score = benchmark(scores=scores(a=0.5))(Named("my-model"))
    assert score.attrs["missing"] == list(LEAVES[1:])
    assert math.isnan(score.attrs["error"])
    assert score.attrs["error_nan_reason"]


def test_a_public_variant_is_noted_and_not_used(benchmark, scores):
    path = scores(a=0.2, b=0.3)
    path.write_text(path.read_text() + "Tiny2026public.IT-rdm,0.99\n")
    score = benchmark("BrainAlign2026-ref_normal", scores=path)(Named())
    assert score.attrs["missing"] == list(LEAVES[2:])
    assert score.attrs["notes"] == ["Tiny2026public.IT-rdm is not used: a public variant: other data, not comparable"]


def test_leaving_out_an_earlier_entry(benchmark, scores):
    given = scores(a=0.2, b=0.3, c=0.4, d=0.5)
    reference = tiny_reference()
    assert reference.board.models[0].name == reference.board.models[1].name
    score = benchmark(scores=given, leave_out=str(reference.board.ids[4]))(Named())
    assert (score.attrs["population"], score.attrs["left_out"]) == (11, [reference.board.ids[4]])
    both = benchmark(scores=given, leave_out=f"name:model0,{reference.board.ids[4]}")(Named())
    assert (both.attrs["population"], len(both.attrs["left_out"])) == (9, 3)
    with pytest.raises(CandidateError, match="2 models of the reference 'tiny' are called 'model0'"):
        benchmark(scores=given, leave_out="model0")(Named())


def test_every_model_of_the_reference_left_out_has_its_rank_like_for_like(benchmark, tmp_path):
    from brainalign_plugin.schemes import rank_models

    reference = tiny_reference()
    path = tmp_path / "board.snapshot.json.gz"
    path.write_bytes(snapshot_bytes(reference.snapshot))
    board = reference.board.take([i for i in range(14) if i not in (3, 5)])
    ranks = rank_models(board, "REF_NORMAL", reference=reference).by_id()
    for model, rank in ranks.items():
        placing = benchmark("BrainAlign2026-ref_normal", snapshot=path, model=str(model), leave_out=str(model))
        assert placing(Named("anything")).attrs["rank"] == rank


def test_a_score_can_be_saved_as_netcdf(benchmark, scores, tmp_path):
    import xarray

    score = benchmark(scores=scores(a=0.2, b="X", c=0.4, d=0.5))(Named())
    score.to_netcdf(tmp_path / "score.nc")
    again = xarray.open_dataarray(tmp_path / "score.nc")
    assert again.item() == score.item()
    assert again.attrs["raw"] == score.raw.item()
    assert json.loads(again.attrs["reference"]) == score.attrs["reference"]
    assert json.loads(again.attrs["components"])[LEAVES[1]]["state"] == "FAILED"


def test_the_version_follows_the_reference(benchmark, home, tmp_path):
    first = benchmark().version
    path = reference_path(home / "references", "tiny")
    later = tiny_reference()
    write_reference(path, replace(later, frozen_at=later.frozen_at + timedelta(hours=1)), replace_existing=True)
    assert benchmark().version == first + 3600
    assert benchmark(home=tmp_path / "empty").version == 1


def test_every_attribute(benchmark, scores):
    from brainscore_vision.benchmark_helpers.validate_error import assert_valid_uncertainty, validate_score_uncertainty

    score = benchmark(scores=scores(a=0.2, b="X", c=0.4, d=0.5))(Named())
    assert_valid_uncertainty(score)
    assert validate_score_uncertainty(score).warnings == []
    documented = {row[0].strip("`") for row in documented_table("## The result", "brainscore.md")}
    assert set(score.attrs) ^ documented == {"error_nan_reason"}
    assert isinstance(score.raw.item(), float)
    assert score.ceiling == 1
    assert (score.attrs["missing"], score.attrs["failed"]) == ([LEAVES[1]], [LEAVES[1]])
    assert score.raw.attrs == {"reference": "tiny", "reference_sha256": tiny_reference().sha256}


def test_brainscores_own_contract_of_the_database(benchmark, scores):
    """The check that Brain-Score's tests make of their wrappers of benchmarks."""
    from brainscore_core.submission.database import _retrieve_score_center, _retrieve_score_error
    from brainscore_vision.benchmark_helpers.test_db_contract import _assert_db_contract

    for identifier in ("Ahlert2024-flat", "BrainAlign2026-pc1"):
        made = benchmark(identifier, scores=scores(a=0.2, b=0.3, c=0.4, d=0.5))
        _assert_db_contract(made(Named()), made, _retrieve_score_center, _retrieve_score_error)
        assert "-" in made.identifier
        assert "_v" not in made.identifier
        assert made.parent not in ("average_vision", "neural_vision", "behavior_vision")
