"""What is particular to the embedded store: its file, its failures, its size, and the files of the bodies."""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from brainalign_monitor.base.errors import StoreError, exit_code
from brainalign_monitor.simulator import payload_bytes, simulate
from brainalign_monitor.sources.payload import parse_payload
from brainalign_monitor.store import Store, open_store
from brainalign_monitor.store.bodies import REFUSED_KEPT
from brainalign_monitor.store.opening import begin_store, open_to_read
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.files.snapshot_file import snapshot_bytes
from tests.boards import LAST_DAY, SCORED, day, reordered, small_tree, snapshot_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "brainalign.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with open_store(path, path.parent / "bodies") as opened:
        yield opened


def small(first: float = 0.5) -> Snapshot:
    return snapshot_of(small_tree(), [[first, 0.25, "X", 0.75, "", 0.125, 0.5], [0.5] * 7])


def many_changes() -> Snapshot:
    """A board of which nothing fits into the pages that are free in a small database."""
    rows = np.random.default_rng(0).random((2000, 7)).round(3).tolist()
    models = [replace(small().models[0], id=i, name=f"model {i}") for i in range(len(rows))]
    return snapshot_of(small_tree(), rows, models=tuple(models), as_of_time=day(LAST_DAY + 1))


# The file


def test_a_store_is_durable_and_checks_its_references(store: Store) -> None:
    with store._database.reading() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def test_closing_leaves_one_file_and_the_lock(path: Path, store: Store) -> None:
    store.add(small(), b"{}", NOW)
    store.close()
    assert sorted(p.name for p in path.parent.iterdir()) == ["bodies", path.name, f"{path.name}.lock"]


@pytest.mark.parametrize("name", ["a b.sqlite", "50%.sqlite", "what?#.sqlite", "späť.sqlite"])
def test_any_path_will_do(tmp_path: Path, name: str) -> None:
    for where in (tmp_path / "new" / name, str(tmp_path / name)):
        with open_store(where, tmp_path / "bodies") as store:
            number = store.add(small(), b"{}", NOW).id
        with open_store(where, tmp_path / "bodies") as store:
            assert store.snapshot(number) == small()
        assert Path(where).is_file()


def test_a_store_does_not_move_with_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open_store("here.sqlite", Path("bodies")) as store:
        store.add(small(), b"{}", NOW)
        store.close()
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert len(store.snapshots()) == 1


def test_an_address_of_a_file_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with open_store(f"sqlite:///{path}", tmp_path / "bodies"):
        assert path.exists()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("mysql://user:secret@host/db", "cannot be kept in 'mysql'"),
        ("postgresql://user:secret@[::1/db", "address cannot be read"),
        ("postgresql://user:secret@127.0.0.1:1/db", "cannot be reached"),
    ],
)
def test_an_address_that_will_not_do_is_refused(tmp_path: Path, address: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        open_store(address, tmp_path / "bodies")
    assert "secret" not in str(caught.value)
    assert exit_code(caught.value) == 6


def test_threads_open_a_new_store_at_once(path: Path) -> None:
    gate = threading.Barrier(6)
    failures: list[BaseException] = []

    def work(i: int) -> None:
        try:
            gate.wait()
            with open_store(path, path.parent / "bodies") as store:
                store.add(replace(small(i / 8), as_of_time=day(i)), str(i).encode(), NOW)
        except BaseException as failure:  # noqa: BLE001 - to be shown by the thread that waits
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with open_store(path, path.parent / "bodies") as store:
        assert [store.snapshot(info.id) for info in store.snapshots()] == [
            replace(small(i / 8), as_of_time=day(i)) for i in range(6)
        ]


def test_a_reader_sees_one_state_while_another_writes(path: Path, store: Store) -> None:
    store.add(small(), b"{}", NOW)
    with store._database.reading() as connection:
        before = connection.exec_driver_sql("SELECT count(*) FROM snapshot").scalar()
        with open_store(path, path.parent / "bodies") as other:
            other.add(replace(small(0.1), as_of_time=NOW), b"[]", NOW)
        assert connection.exec_driver_sql("SELECT count(*) FROM snapshot").scalar() == before
    assert len(store.snapshots()) == 2


# What can go wrong with it: what is stored stays as it was, and the message says what to do


@pytest.mark.parametrize(
    ("pragma", "message"),
    [
        ("max_page_count = 40", "has no room left: free disk space"),
        ("query_only = ON", "cannot be written: make the file and its folder writable"),
    ],
)
def test_a_store_that_cannot_grow_keeps_what_it_has(store: Store, path: Path, pragma: str, message: str) -> None:
    first = store.add(small(), b"{}", NOW)
    with store._database.engine.connect() as connection:
        connection.connection.driver_connection.execute(f"PRAGMA {pragma}")
    with pytest.raises(StoreError, match=message) as caught:
        store.add(many_changes(), b"[]", NOW)
    assert str(path) in str(caught.value)
    assert caught.value.__cause__ is not None
    assert [info.id for info in store.snapshots()] == [first.id]
    assert len(store.pulls()) == 1
    assert store.check() == []
    store.close()
    assert store.add(many_changes(), b"[]", NOW).new


def test_a_locked_store_says_so(store: Store, path: Path) -> None:
    store.add(small(), b"{}", NOW)
    with store._database.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another process: let it finish"):
        store.add(replace(small(), as_of_time=NOW), b"[]", NOW)
    assert len(store.snapshots()) == 1
    other.close()
    assert not store.add(replace(small(), as_of_time=NOW), b"[]", NOW).new
    assert store.snapshots()[0].seen_until == NOW


def test_a_damaged_file_says_so(store: Store, path: Path) -> None:
    store.add(many_changes(), b"{}", NOW)
    store.close()
    whole = path.read_bytes()
    # Neither the first page nor the free ones: in the middle of the scores.
    path.write_bytes(whole[:200_000] + np.random.default_rng(0).bytes(40_000) + whole[240_000:])
    with open_store(path, path.parent / "bodies") as damaged:
        with pytest.raises(StoreError, match=r"is damaged|cannot be rebuilt"):
            damaged.snapshot(1)
        found = damaged.check()
    assert len(found) >= 2
    assert all(str(path) in line or "cannot be rebuilt" in line for line in found)


def test_a_missing_reference_is_found(store: Store, path: Path) -> None:
    store.add(small(), b"{}", NOW)
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO rejected VALUES (77, 0, 1, 'm', 'b', 'v', 'r')")
    connection.close()
    assert store.check() == [f"{path}: a row of rejected refers to a missing row of snapshot"]


def test_a_link_to_nowhere_is_no_place_for_a_store(path: Path) -> None:
    mount = path.parent.parent / "mount"
    path.parent.mkdir()
    path.symlink_to(mount / "brainalign.sqlite")
    for make in (open_store, begin_store, open_to_read):
        with pytest.raises(StoreError, match=r"is a link to .*, which is not there: mount its volume"):
            make(path, path.parent / "bodies")
    assert not mount.exists()


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="is not a database: name another file"):
        open_store(path, path.parent / "bodies")
    assert path.read_bytes() == b"not a database" * 100


def test_the_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"not a store of BrainAlign.*bookmarks.*name another path"):
        open_store(path, path.parent / "bodies")
    assert path.read_bytes() == before


def test_a_folder_in_place_of_the_file_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StoreError, match="is a folder: name a file"):
        open_store(path, path.parent / "bodies")
    with pytest.raises(StoreError, match=r"cannot read the store .*Not a directory"):
        open_store(Path(__file__) / "state" / "store.sqlite", path.parent / "bodies")


UNPRIVILEGED = """
import os, sys
from pathlib import Path
from datetime import datetime
from brainalign_monitor.store import open_store
from brainalign_monitor.base.errors import StoreError
from brainalign_plugin.files.snapshot_file import read_snapshot
path, snapshot = Path(sys.argv[1]), read_snapshot(sys.argv[2])
if os.geteuid() == 0:
    os.setuid(65534)
try:
    with open_store(path, path.parent / "bodies") as store:
        store.add(snapshot, b"[]", datetime.fromisoformat("2026-01-01T00:00:00+00:00"))
except StoreError as error:
    print(error)
"""


def test_a_folder_without_permission_says_so(open_folder: Path) -> None:
    folder = open_folder / "home"
    board = folder / "board.snapshot.json.gz"
    path = folder / "store.sqlite"
    folder.mkdir()
    try:
        board.write_bytes(snapshot_bytes(small(0.7)))
        with open_store(path, folder / "bodies") as store:
            store.add(small(), b"{}", NOW)
        for entry in (*folder.rglob("*"), folder):
            entry.chmod(0o555 if entry.is_dir() else 0o444)
        done = subprocess.run(
            [sys.executable, "-c", UNPRIVILEGED, str(path), str(board)], capture_output=True, text=True, check=False
        )
        assert done.stdout.startswith(("the store", "cannot write")), done
        assert str(folder) in done.stdout
        assert "writ" in done.stdout
        with open_store(path, folder / "bodies") as store:
            assert [store.snapshot(info.id) for info in store.snapshots()] == [small()]
    finally:
        for entry in (folder, *folder.rglob("*")):
            entry.chmod(0o755)


# Size


def churned(board: Snapshot, seed: int) -> Snapshot:
    """2 % of the scores change, and with them the published groups, the ranks and the order of the models."""
    random = np.random.default_rng(seed)
    leaf = np.array([node.is_leaf for node in board.tree.nodes])
    places = np.argwhere((board.states == SCORED) & leaf)
    chosen = places[random.choice(len(places), len(places) // 50, replace=False)]
    scores = np.array(board.scores)
    scores[chosen[:, 0], chosen[:, 1]] = random.random(len(chosen)).round(3)
    times = np.array(board.scored_at)
    times[chosen[:, 0], chosen[:, 1]] = np.datetime64(20_000 + seed, "D")
    official = replace(board, scores=scores).official()
    scores[:, ~leaf] = official.scores[:, ~leaf].round(3)
    models = tuple(
        replace(model, published_rank=rank) for model, rank in zip(board.models, official.ranks, strict=True)
    )
    changed = replace(
        board,
        models=models,
        scores=scores,
        states=np.where(leaf, board.states, official.states),
        scored_at=times,
        as_of_time=board.as_of_time + timedelta(days=1),
    )
    return reordered(changed, np.argsort([rank or 9999 for rank in official.ranks], kind="stable").tolist())


def test_a_hundred_snapshots_with_two_per_cent_churn_take_less_than_a_tenth_of_full_copies(tmp_path: Path) -> None:
    def size(path: Path) -> int:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return path.stat().st_size

    life = simulate(1)
    full = parse_payload(payload_bytes(life, datetime(2024, 1, 1, tzinfo=UTC).date()), "simulated", NOW).snapshot
    rows = list(range(0, len(full.models), 3))
    board = churned(
        replace(
            full,
            models=tuple(full.models[i] for i in rows),
            superseded=full.superseded.take(np.zeros(len(full.superseded), dtype=bool)),
            **{name: getattr(full, name)[rows] for name in ("states", "scores", "errors", "scored_at")},
        ),
        0,
    )
    one, hundred = tmp_path / "one.sqlite", tmp_path / "hundred.sqlite"
    with open_store(one, tmp_path / "bodies") as store:
        store.add(board, b"0", NOW)
    boards = [board]
    with open_store(hundred, tmp_path / "bodies") as store:
        store.add(board, b"0", NOW)
        for i in range(1, 100):
            boards.append(churned(boards[-1], i))
            stored = store.add(boards[-1], str(i).encode(), NOW)
        assert [store.snapshot(i + 1) == boards[i] for i in (0, 50, 99)] == [True] * 3
    assert stored.id == 100
    assert size(hundred) < 100 * size(one) / 10


# Bodies


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"a": 1}' * 1000, gzip.compress(b"{}"), b"\x1f\x8bnot gzip", bytes(256)]
)
def test_a_body_comes_back_as_it_was_received(store: Store, path: Path, body: bytes) -> None:
    stored = store.add(small(), body, NOW)
    sha256 = store.info(stored.id).body_sha256
    assert sha256 == hashlib.sha256(body).hexdigest()
    assert store.body(sha256) == body
    assert [p.name for p in path.parent.rglob("*.gz")] == [f"{sha256}.json.gz"]


def test_a_plain_body_is_gzipped_without_a_clock(store: Store, path: Path) -> None:
    store.add(small(), b'{"a": 1}' * 1000, NOW)
    (file,) = path.parent.rglob("*.gz")
    assert file.parent.name == file.name[:2]
    assert gzip.decompress(file.read_bytes()) == b'{"a": 1}' * 1000
    assert file.stat().st_size < 200
    assert file.read_bytes()[4:8] == bytes(4)


@pytest.mark.parametrize("sha256", ["", "abc", "../../../etc/passwd", "A" * 64, "0" * 65])
def test_a_body_is_asked_for_by_its_whole_hash(store: Store, sha256: str) -> None:
    with pytest.raises(StoreError, match="is not the sha256 of a body"):
        store.body(sha256)


def test_refused_bodies_are_bounded_and_explained(store: Store, path: Path) -> None:
    folder = path.parent / "refused"
    kept = [
        store.keep_refused(b"%d" % i, f"reason \ud800 {i}", "https://example.org", NOW + timedelta(seconds=i))
        for i in range(REFUSED_KEPT + 3)
    ]
    assert sorted(folder.glob("*.body.gz")) == kept[3:]
    assert len(list(folder.iterdir())) == 2 * REFUSED_KEPT
    assert gzip.decompress(kept[-1].read_bytes()) == b"%d" % (REFUSED_KEPT + 2)
    note = json.loads(kept[-1].with_name(kept[-1].name.replace(".body.gz", ".json")).read_text())
    assert note == {
        "reason": f"reason \ud800 {REFUSED_KEPT + 2}",
        "source": "https://example.org",
        "at": "2026-01-02T03:04:57+00:00",
        "sha256": hashlib.sha256(b"%d" % (REFUSED_KEPT + 2)).hexdigest(),
        "bytes": 2,
    }


def test_a_body_that_is_refused_every_day_is_kept_once(store: Store, path: Path) -> None:
    other = store.keep_refused(b"another", "torn", "here", NOW)
    for days in range(3):
        kept = store.keep_refused(gzip.compress(b"<html>", mtime=0), "not JSON", "here", NOW + timedelta(days=days))
    assert sorted((path.parent / "refused").glob("*.body.gz")) == [other, kept]
    assert kept.read_bytes() == gzip.compress(b"<html>", mtime=0)


def test_a_refused_body_that_arrives_late_is_still_kept(store: Store) -> None:
    for i in range(REFUSED_KEPT):
        store.keep_refused(b"%d" % i, "torn", "here", NOW + timedelta(seconds=i))
    # A clock that was set back must not make the evidence of just now disappear.
    assert store.keep_refused(b"now", "torn", "here", NOW - timedelta(days=1)).exists()
