"""Backups, restores and pruning, in both databases and from each into the other."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainalign_monitor.base.errors import StoreError
from brainalign_monitor.base.outgoing import Channel, Kind, Message
from brainalign_monitor.store import (
    Finding,
    Store,
    begin_store,
    is_made,
    loss,
    open_store,
    prunable,
    restore_backup,
    verify_backup,
)
from brainalign_monitor.store.schema import metadata
from brainalign_plugin.files.snapshot_file import content_digest, snapshot_bytes
from tests.contracts.conftest import Backend
from tests.contracts.lives import lives
from tests.contracts.test_store import NOW, add, small


def filled(store: Store) -> None:
    """Boards, a refused pull, a message: something in many tables."""
    for number in range(4):
        board = small(0.5 + number / 16, as_of_time=NOW - timedelta(days=10 * (4 - number)))
        add(store, board, NOW - timedelta(days=10 * (4 - number)))
    store.add(small(0.25).as_of(NOW - timedelta(days=5000)), snapshot_bytes(small(0.25)), NOW)
    store.log_failure(at=NOW, source="https://x", domain="vision", refused=True, message="no \\ \0 good")
    store.enqueue([Message("a@brainalign", Channel.MAIL, Kind.ALERT, "x@y.test", "s", b"\0\xff", NOW)])


def backed_up(store: Store, path: Path, references: Path | None = None) -> Path:
    store.backup(
        path, references=references or path.parent / "none", config=b"attempts = 3\n", made_at=NOW, software="test"
    )
    return path


def rows(backend: Backend, url: str) -> dict[str, list[tuple[object, ...]]]:
    return {
        table.name: sorted(backend.execute(url, f"SELECT * FROM {table.name}"), key=repr)
        for table in metadata.sorted_tables
    }


def as_told(found: dict[str, list[tuple[object, ...]]]) -> dict[str, list[str]]:
    """Rows of either database, of which one says 1 where the other says true."""
    return {
        name: sorted(
            repr(tuple(int(v) if isinstance(v, bool) else bytes(v) if isinstance(v, memoryview) else v for v in row))
            for row in table
        )
        for name, table in found.items()
    }


@pytest.fixture
def both(sqlite: Backend, postgres: Backend) -> dict[str, Backend]:
    return {"sqlite": sqlite, "postgres": postgres}


@pytest.mark.parametrize("to", ["sqlite", "postgres"])
@pytest.mark.parametrize("source", ["sqlite", "postgres"])
def test_a_backup_comes_back_in_either_database(both: dict[str, Backend], source: str, to: str, tmp_path: Path) -> None:
    url, target = both[source].fresh(), both[to].fresh()
    references = tmp_path / "references"
    references.mkdir()
    (references / "frozen.json.gz").write_bytes(b"reference")
    with both[source].open(url) as store:
        filled(store)
        path = backed_up(store, tmp_path / "backup.tar.gz", references)
        before = {i.id: (i.body_sha256, store.snapshot(i.id)) for i in store.snapshots()}
    home = tmp_path / "new"
    done = restore_backup(path, target, home=home, bodies=home / "bodies", references=home / "references")
    assert as_told(rows(both[to], target)) == as_told(rows(both[source], url)), "every table, row by row"
    with open_store(target, home / "bodies") as restored:
        assert restored.check() == []
        again = {i.id: (i.body_sha256, restored.snapshot(i.id)) for i in restored.snapshots()}
        assert again == before
        assert all(restored.body(sha256) for sha256, _ in before.values())
        assert add(restored, small(0.9, as_of_time=NOW), NOW) == max(before) + 1
        assert len(restored.due_messages(NOW)) == 1
    assert (home / "references/frozen.json.gz").read_bytes() == b"reference"
    assert done.config == home / "brainalign.toml"
    assert (home / "brainalign.toml").read_bytes() == b"attempts = 3\n"
    assert done.files == 6


def test_the_same_state_gives_the_same_bytes(store: Store, tmp_path: Path) -> None:
    filled(store)
    first, second = (backed_up(store, tmp_path / name).read_bytes() for name in ("a", "b"))
    assert first == second


def test_a_number_that_was_given_out_does_not_come_back(backend: Backend, tmp_path: Path) -> None:
    url, target = backend.fresh(), backend.fresh()
    with backend.open(url) as store:
        filled(store)
        last = max(info.id for info in store.snapshots())
    backend.execute(url, f"DELETE FROM pull WHERE snapshot_id = {last}", f"DELETE FROM snapshot WHERE id = {last}")
    with backend.open(url) as store:
        path = backed_up(store, tmp_path / "backup")
    restore_backup(path, target, home=tmp_path / "h", bodies=tmp_path / "h/b", references=tmp_path / "h/r")
    with open_store(target, tmp_path / "h/b") as restored:
        assert add(restored, small(0.9, as_of_time=NOW), NOW) == last + 1


def test_a_public_backup_names_nobody_who_waits_for_a_message(backend: Backend, tmp_path: Path) -> None:
    with backend.open() as store:
        filled(store)
        assert len(store.due_messages(NOW)) == 1
        path = tmp_path / "public"
        store.backup(path, references=tmp_path / "r", config=b"", made_at=NOW, software="1", public=True)
    home, target = tmp_path / "new", backend.fresh()
    restore_backup(path, target, home=home, bodies=home / "b", references=home / "r")
    with open_store(target, home / "b") as restored:
        assert restored.check() == []
        assert restored.due_messages(NOW) == ()
        assert restored.snapshots()


def test_a_backup_is_of_one_moment_while_others_write(backend: Backend, tmp_path: Path) -> None:
    url = backend.fresh()
    with backend.open(url) as store, backend.open(url) as writer:
        filled(store)
        stop = threading.Event()

        def write() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                add(writer, small(0.5 + number / 4096, as_of_time=NOW + timedelta(days=number)), NOW)

        thread = threading.Thread(target=write)
        thread.start()
        try:
            paths = [backed_up(store, tmp_path / f"backup{i}") for i in range(4)]
        finally:
            stop.set()
            thread.join()
    for number, path in enumerate(paths):
        home = tmp_path / f"home{number}"
        target = backend.fresh()
        restore_backup(path, target, home=home, bodies=home / "b", references=home / "r")
        with open_store(target, home / "b") as restored:
            assert restored.check() == []
            assert len(restored.snapshots()) >= 5


KILLED = """
import os, signal, sys
from pathlib import Path
from brainalign_monitor.store import restore_backup, restoring
load = restoring.load_table
def load_and_die(connection, name, lines):
    load(connection, name, lines)
    if name == "snapshot":
        os.kill(os.getpid(), signal.SIGKILL)
restoring.load_table = load_and_die
path, url, home = sys.argv[1:]
restore_backup(Path(path), url, home=Path(home), bodies=Path(home, "b"), references=Path(home, "r"))
"""


def test_a_restore_that_was_killed_can_be_done_again(backend: Backend, tmp_path: Path) -> None:
    with backend.open(backend.fresh()) as store:
        filled(store)
        path = backed_up(store, tmp_path / "backup")
        before = {info.id: store.snapshot(info.id) for info in store.snapshots()}
    url, home = backend.fresh(), tmp_path / "home"
    died = subprocess.run([sys.executable, "-c", KILLED, str(path), url, str(home)], check=False)
    assert died.returncode == -signal.SIGKILL
    restore_backup(path, url, home=home, bodies=home / "b", references=home / "r")
    with backend.open(url) as store:
        assert {info.id: store.snapshot(info.id) for info in store.snapshots()} == before


def test_a_restore_overwrites_nothing(backend: Backend, tmp_path: Path) -> None:
    url = backend.fresh()
    references = tmp_path / "references"
    references.mkdir()
    (references / "a.json").write_text("old")
    with backend.open(url) as store:
        filled(store)
        path = backed_up(store, tmp_path / "backup", references)
        before = rows(backend, url)
    places = {"home": tmp_path / "h", "bodies": tmp_path / "h/b", "references": references}
    with pytest.raises(StoreError, match="is there already, and a restore overwrites nothing"):
        restore_backup(path, url, **places)
    assert rows(backend, url) == before
    (references / "a.json").write_text("new")
    with pytest.raises(StoreError, match=r"a\.json' is there already and differs"):
        restore_backup(path, backend.fresh(), **places)
    assert (references / "a.json").read_text() == "new"
    (tmp_path / "h").mkdir()
    (tmp_path / "h/brainalign.toml").write_text("mine")
    done = restore_backup(path, backend.fresh(), **{**places, "references": tmp_path / "other"})
    assert done.config is None
    assert (tmp_path / "h/brainalign.toml").read_text() == "mine"


def repacked(path: Path, change: Callable[[str, bytes], bytes | None], **added: bytes) -> bytes:
    """A backup with its entries changed, dropped (None) or added."""
    out = io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(fileobj=out, mode="w:gz") as new:
        for info in old:
            data = change(info.name, old.extractfile(info).read())
            if data is not None:
                entry = tarfile.TarInfo(info.name)
                entry.size = len(data)
                new.addfile(entry, io.BytesIO(data))
        for name, data in added.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            new.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def only(wanted: str, data: bytes | None) -> Callable[[str, bytes], bytes | None]:
    return lambda name, old: data if wanted in name else old


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda p: p.read_bytes()[:-1000], "damaged"),
        (lambda p: p.read_bytes()[:200], "damaged"),
        (lambda _: b"", "damaged"),
        (lambda _: b"not a tar" * 100, "damaged"),
        (lambda p: repacked(p, only("tables/cell", b"[]\n")), "is not what the manifest says"),
        (lambda p: repacked(p, only("bodies/", b"x")), "is not what the manifest says"),
        (lambda p: repacked(p, only("tables/pull", None)), "is not what the manifest says"),
        (lambda p: repacked(p, only("manifest", None)), "has no manifest"),
        (lambda p: repacked(p, only("manifest", b"{}")), "manifest cannot be read"),
        (lambda p: repacked(p, lambda _, d: d, **{"../evil": b"x"}), "which no backup does"),
        (lambda p: repacked(p, lambda _, d: d, **{"tables/pull.jsonl": b"x"}), "or twice"),
        (
            lambda p: repacked(p, lambda n, d: d.replace(b'"version": 1', b'"version": 9') if "manifest" in n else d),
            "newer release",
        ),
        (
            lambda p: repacked(p, lambda n, d: d.replace(b'"schema": "0', b'"schema": "9') if "manifest" in n else d),
            "newer release",
        ),
        (
            lambda p: repacked(
                p, lambda n, d: d.replace(b'"schema": "0006', b'"schema": "0005') if "manifest" in n else d
            ),
            r"of an older release than 1\.0\.0, .*read it into a new store with `brainalign fetch FOLDER`",
        ),
    ],
)
def test_a_damaged_backup_restores_nothing(
    sqlite: Backend, tmp_path: Path, spoil: Callable[[Path], bytes], said: str
) -> None:
    with sqlite.open() as store:
        filled(store)
        path = backed_up(store, tmp_path / "backup")
    path.write_bytes(spoil(path))
    home = tmp_path / "new"
    with pytest.raises(StoreError, match=said):
        restore_backup(path, home / "s.sqlite", home=home, bodies=home / "b", references=home / "r")
    assert not home.exists() or not any(p.is_file() for p in home.rglob("*"))


def test_rows_that_contradict_each_other_leave_no_store(sqlite: Backend, tmp_path: Path) -> None:
    """A manifest that fits, by somebody who can compute a hash."""
    with sqlite.open() as store:
        filled(store)
        path = backed_up(store, tmp_path / "backup")
    manifest = verify_backup(path)
    bad = b'["id","domain","reconstructed","simulated"]\n[1,"vision",null,false]\n'
    manifest["entries"]["tables/chain.jsonl"] = {"bytes": len(bad), "sha256": hashlib.sha256(bad).hexdigest()}

    def change(name: str, data: bytes) -> bytes:
        return json.dumps(manifest).encode() if "manifest" in name else bad if "chain" in name else data

    path.write_bytes(repacked(path, change))
    target = tmp_path / "new/s.sqlite"
    with pytest.raises(StoreError):
        restore_backup(path, target, home=tmp_path / "new", bodies=tmp_path / "new/b", references=tmp_path / "new/r")
    assert not target.exists()


def test_a_backup_that_cannot_be_written_leaves_the_old_one(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(store)
    path = backed_up(store, tmp_path / "backup")
    before = path.read_bytes()
    real = tarfile.TarFile.addfile

    def full(self: tarfile.TarFile, info: tarfile.TarInfo, *more: object) -> None:
        if info.name.startswith("bodies/"):
            raise OSError(28, "No space left on device")
        real(self, info, *more)

    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    with pytest.raises(StoreError, match="No space left on device"):
        backed_up(store, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".tmp")] == []


def test_a_missing_body_is_told_and_the_rest_is_backed_up(backend: Backend, tmp_path: Path) -> None:
    with backend.open() as store:
        filled(store)
        gone = next((tmp_path / "bodies").rglob("*.json.gz"))
        gone.unlink()
        done = store.backup(tmp_path / "b", references=tmp_path, config=b"", made_at=NOW, software="test")
    assert done.missing == (gone.name.removesuffix(".json.gz"),)
    assert verify_backup(tmp_path / "b")["missing_bodies"] == list(done.missing)


# --- pruning -------------------------------------------------------------------------------------------------


def daily(store: Store, days: int) -> None:
    for day in range(days):
        at = NOW - timedelta(days=days - 1 - day)
        add(store, small(0.5 + day / 4096, as_of_time=at), at)


def test_the_policy_keeps_days_then_weeks_then_months(store: Store) -> None:
    daily(store, 120)
    went = {info.as_of_time for info in prunable(store.snapshots(), 10, 60, NOW)}
    left = [info.as_of_time for info in store.snapshots() if info.as_of_time not in went]
    ages = [(NOW - moment).days for moment in left]
    assert [age for age in ages if age <= 10] == list(range(10, -1, -1))
    weekly = [moment for moment in left if 10 < (NOW - moment).days <= 60]
    assert len({moment.isocalendar()[:2] for moment in weekly}) == len(weekly)
    assert 6 <= len(weekly) <= 8
    monthly = [moment for moment in left if (NOW - moment).days > 60]
    assert len({(moment.year, moment.month) for moment in monthly}) == len(monthly) == 3


def test_what_stays_is_rebuilt_exactly_and_the_next_board_fits_on(backend: Backend, tmp_path: Path) -> None:
    url = backend.fresh()
    with backend.open(url) as store:
        daily(store, 40)
        store.add(small(0.9).as_of(NOW - timedelta(days=3000)), snapshot_bytes(small(0.9)), NOW)
        which = prunable(store.snapshots(), 3, 14, NOW)
        before = {i.id: store.snapshot(i.id) for i in store.snapshots() if i not in which}
        state = rows(backend, url), sorted(tmp_path.rglob("*.json.gz"))
        planned = store.prune(which, NOW, dry_run=True)
        assert (rows(backend, url), sorted(tmp_path.rglob("*.json.gz"))) == state, "a plan changes nothing"
        done = store.prune(which, NOW)
        assert done == planned
        assert done.rows > 20
        assert len(done.orphans.aside) == len(which)
        assert {i.id: store.snapshot(i.id) for i in store.snapshots()} == before
        assert store.check() == []
        assert any(info.reconstructed for info in store.snapshots())
        new = add(store, small(0.125, as_of_time=NOW + timedelta(days=1)), NOW)
        assert store.snapshot(new) == small(0.125, as_of_time=NOW + timedelta(days=1))
        assert store.prune(prunable(store.snapshots(), 10, 14, NOW), NOW).rows == 0


def test_the_board_that_came_in_last_stays_however_old_it_is(store: Store) -> None:
    daily(store, 5)
    late = add(store, small(0.75, as_of_time=NOW - timedelta(days=400)), NOW)
    add(store, small(0.8, as_of_time=NOW - timedelta(days=401)), NOW)
    last = add(store, small(0.85, as_of_time=NOW - timedelta(days=402)), NOW)
    went = [info.id for info in prunable(store.snapshots(), 0, 0, NOW)]
    assert last not in went
    assert late not in went, "the last of its month"


@given(life=lives(), pick=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_choice_of_snapshots_breaks_the_others(
    sqlite: Backend, tmp_path: Path, life: list, pick: st.DataObject
) -> None:
    url = sqlite.fresh()
    with sqlite.open(url) as store:
        for board in life:
            add(store, board)
        infos = store.snapshots()
        newest = {
            info.domain: max(i.id for i in infos if i.domain == info.domain and i.simulated == info.simulated)
            for info in infos
        }
        which = [
            info
            for info in infos
            if info.id not in newest.values() and not info.reconstructed and pick.draw(st.booleans())
        ]
        kept = {i.id: store.snapshot(i.id) for i in infos if i not in which}
        store.prune(which, NOW)
        assert {i.id: store.snapshot(i.id) for i in store.snapshots()} == kept
        again = replace(life[0], as_of_time=datetime(2030, 1, 1, tzinfo=UTC))
        assert content_digest(store.snapshot(add(store, again))) == content_digest(again)


def all_bodies(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*.json.gz")}


def test_a_pruned_body_is_aside_for_thirty_days_of_boards(store: Store, tmp_path: Path) -> None:
    daily(store, 40)
    before = all_bodies(tmp_path)
    which = prunable(store.snapshots(), 3, 3, NOW)
    done = store.prune(which, NOW)
    assert all_bodies(tmp_path) == before, "nothing is deleted yet"
    assert {path.name for path in (tmp_path / "pruned").rglob("*.gz")} == {p.name for p in done.orphans.aside}
    late = NOW + timedelta(days=5000)
    assert store.prune((), late).orphans.removed == (), "a clock alone removes nothing"
    add(store, small(0.125, as_of_time=NOW + timedelta(days=31)), NOW)
    again = store.prune((), late)
    assert len(again.orphans.removed) == len(which)
    assert all_bodies(tmp_path / "pruned") == set()
    assert store.check() == []


def test_only_bodies_of_this_store_are_put_aside(backend: Backend, tmp_path: Path) -> None:
    with backend.open() as lost:
        daily(lost, 20)
    before = all_bodies(tmp_path)
    url = backend.fresh()
    with begin_store(url, tmp_path / "bodies") as store:
        add(store, small(0.125, as_of_time=NOW + timedelta(days=1)), NOW)
        found = store.prune((), NOW).orphans
        assert (found.aside, found.foreign, found.shared_with) == ((), 20, ())
        assert all_bodies(tmp_path / "bodies") > before


def test_bodies_that_another_store_keeps_too_stay(backend: Backend, tmp_path: Path) -> None:
    with backend.open() as one, backend.open() as other:
        daily(one, 20)
        daily(other, 20)
        done = one.prune(prunable(one.snapshots(), 3, 3, NOW), NOW)
        assert done.orphans.shared_with == (other.id,)
        assert other.check() == one.check() == []


def test_a_store_that_names_no_body_loses_none(store: Store, tmp_path: Path) -> None:
    daily(store, 2)
    store.remove(store.snapshots(), NOW)
    with pytest.raises(StoreError, match="would lose all that it had"):
        store.prune((), NOW)
    assert len(all_bodies(tmp_path / "bodies")) == 2


@pytest.mark.parametrize("years", [-50, 73])
def test_a_wrong_clock_prunes_nothing(store: Store, years: int) -> None:
    daily(store, 45)
    wrong = NOW + timedelta(days=365 * years)
    assert prunable(store.snapshots(), 90, 730, wrong) == ()


def test_what_was_found_and_is_active_stays_when_its_board_goes(store: Store) -> None:
    daily(store, 40)
    which = prunable(store.snapshots(), 3, 3, NOW)
    found = Finding(which[0].id, "alert fired", "rule", NOW, "it fired", {})
    store.add_findings([found])
    store.prune(which, NOW)
    assert store.findings("vision") == (found,)
    assert store.described(which[0].id) == which[0]
    assert [one.info for one in store.removed("vision") if one.pruned] == list(which)


def test_a_board_that_was_known_and_pruned_is_not_replaced_by_another(store: Store) -> None:
    daily(store, 40)
    which = prunable(store.snapshots(), 3, 3, NOW)
    gone = which[10]
    known = gone.seen_at + timedelta(hours=1)
    assert store.find("latest", "vision", known) == gone
    store.prune(which, NOW)
    with pytest.raises(StoreError, match=rf"is {gone.id} \(.*which was pruned on 20.*the one before it is"):
        store.find("latest", "vision", known)
    for wanted in (str(gone.id), gone.sha256[:12]):
        if wanted != gone.sha256[:12] or all(info.sha256 != gone.sha256 for info in store.snapshots()):
            with pytest.raises(StoreError, match="which was pruned on"):
                store.find(wanted)


@given(life=lives(), pick=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_board_that_was_removed_leaves_no_trace_in_the_others(
    sqlite: Backend, tmp_path: Path, life: list, pick: st.DataObject
) -> None:
    with sqlite.open(sqlite.fresh()) as store:
        for board in life:
            add(store, board)
        which = [info for info in store.snapshots() if pick.draw(st.booleans())]
        kept = {info.id: store.snapshot(info.id) for info in store.snapshots() if info not in which}
        store.remove(which, NOW)
        assert {info.id: store.snapshot(info.id) for info in store.snapshots()} == kept
        again = replace(life[0], as_of_time=datetime(2030, 1, 1, tzinfo=UTC))
        number = add(store, again)
        # The board that it follows may say the same: then it is that one.
        found = store.snapshot(number)
        of_its_body = {name: getattr(found, name) for name in ("as_of_time", "source", "sha256")}
        assert found == replace(again, **of_its_body)
        assert {one: store.snapshot(one) for one in kept} == kept
        assert number not in {info.id for info in which}


def test_alerts_of_a_removed_board_stay(store: Store) -> None:
    daily(store, 3)
    _, bad, _ = store.snapshots()
    alert = Finding(bad.id, "alert firing", "rule", NOW, "it fires", {})
    store.add_findings([alert])
    store.remove([bad], NOW)
    assert store.findings() == (alert,)


@pytest.mark.parametrize("at", ["nothing", "empty", "log"])
def test_a_store_that_was_lost_is_told_from_one_that_never_was(sqlite: Backend, tmp_path: Path, at: str) -> None:
    url = Path(sqlite.fresh())
    places = {"home": tmp_path, "bodies": tmp_path / "bodies", "reports": tmp_path / "reports"}
    assert loss(url, **places) == ""
    with sqlite.open(str(url)) as store:
        daily(store, 2)
        assert loss(url, **places) == ""
    url.unlink()
    if at == "empty":
        url.touch()
    if at == "log":
        shutil.rmtree(tmp_path / "bodies")
        url.with_name(f"{url.name}-wal").write_bytes(b"frames")
    assert "brainalign store begin" in loss(url, **places)
    assert not is_made(url)
    with begin_store(url, tmp_path / "bodies") as store:
        assert store.snapshots() == ()
    assert loss(url, **places) == ""
    assert is_made(url)
    if at == "log":
        (log,) = tmp_path.glob("*.lost-*-wal")
        assert log.read_bytes() == b"frames"
    with pytest.raises(StoreError, match="with a store in it"):
        begin_store(url, tmp_path / "bodies")


def test_a_database_that_was_emptied_is_a_store_that_was_lost(postgres: Backend, tmp_path: Path) -> None:
    with postgres.open() as store:
        daily(store, 2)
    lost = loss(postgres.fresh(), tmp_path, tmp_path / "bodies", tmp_path / "reports")
    assert "brainalign store restore FILE" in lost


def test_a_backup_says_neither_who_was_told_nor_what(backend: Backend, tmp_path: Path) -> None:
    url, target = backend.fresh(), backend.fresh()
    with backend.open(url) as store:
        filled(store)
        store.enqueue([Message("b@brainalign", Channel.MAIL, Kind.ALERT, "me@y.test", "sent", b"text", NOW)])
        store.mark_sent("b@brainalign", NOW)
        path = backed_up(store, tmp_path / "backup")
    restore_backup(path, target, home=tmp_path / "h", bodies=tmp_path / "h/b", references=tmp_path / "h/r")
    with open_store(target, tmp_path / "h/b") as restored:
        messages = {one.message.id: one.message for one in restored.messages(limit=9)}
    assert (messages["b@brainalign"].recipient, messages["b@brainalign"].body) == ("", b"")
    assert messages["a@brainalign"].recipient == "x@y.test", "one that is due is sent all the same"
