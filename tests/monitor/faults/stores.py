"""What is done to a store: lost, restored, pruned, read without a right; each returns a line of the table."""

from __future__ import annotations

import importlib
import os
import pkgutil
import random
import shutil
import signal
import sqlite3
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import sqlalchemy as sa

import brainalign_monitor
import brainalign_plugin
from brainalign_monitor.cli.main import main
from brainalign_monitor.store import open_store, prunable, restore_backup
from brainalign_monitor.store.schema import REVISION, REVISION_TABLE
from tests.commands import Ended, brainalign
from tests.monitor.faults import served
from tests.monitor.faults.driver import at_every_call, die, now
from tests.monitor.faults.harness import Patient, Row, in_child, patient, where
from tests.postgres import with_driver

BUSY, STORE = 10, 6
READING = (
    ("status",),
    ("snapshots", "list"),
    ("snapshots", "show", "latest"),
    ("history",),
    ("rank", "latest", "--scheme", "FLAT"),
    ("store", "check"),
)
# The process of a service has no other rights than these.
NOBODY = 65534


@contextmanager
def fed(folder: Path, boards: int, store: str = "") -> Iterator[Patient]:
    """A monitor without a site that has had some boards."""
    with patient(folder, store, publishes=False) as one:
        for _ in range(boards):
            one.next_board()
            one.complete()
        yield one


def _command(one: Patient, *words: object) -> Ended:
    return brainalign(*words, home=one.home)


def _in_child(one: Patient, *words: object, hurt: Callable[[], object] = lambda: None) -> int:
    """Do a command in a process of its own; its exit code, or the negative number of the signal that ended it."""
    return os.waitstatus_to_exitcode(in_child(partial(_run, one, words, hurt), one.folder / "errors"))


def _run(one: Patient, words: tuple[object, ...], hurt: Callable[[], object]) -> None:
    hurt()
    if code := main([*map(str, words), "--home", str(one.home)]):
        os._exit(code)


def _start(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


def _after(seconds: float, work: Callable[[], object]) -> None:
    time.sleep(seconds)
    work()


def _state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {str(path): (path.read_bytes(), path.stat().st_mode) for path in sorted(folder.rglob("*")) if path.is_file()}


def bodies_of(one: Patient) -> set[str]:
    """Return the names of all bodies in a home folder, those that were put aside too."""
    return {path.name for path in one.home.rglob("*.json.gz") if len(path.name) == 64 + len(".json.gz")}


def lost_stores(folder: Path) -> Row:
    """The database is gone, emptied, or only its log is left: nothing begins anew by itself, all comes back."""
    ways: tuple[Callable[[Path], object], ...] = (
        Path.unlink,
        lambda path: path.write_bytes(b""),
        lambda path: path.rename(path.with_name(f"{path.name}-wal")),
    )
    lost: list[str] = []
    for number, way in enumerate(ways):
        with fed(folder / str(number), 3) as one:
            database, backup = one.home / "brainalign.sqlite", folder / f"{number}.tar.gz"
            _command(one, "store", "backup", backup).succeeded()
            bodies = bodies_of(one)
            way(database)
            for words in (*READING, ("run",), ("fetch",), ("store", "prune"), ("publish", "-o", folder)):
                ended = _command(one, *words)
                if ended.code != STORE or "brainalign store begin" not in ended.err:
                    lost.append(f"{words}: {ended}")
            if _command(one, "doctor").code == 0:
                lost.append("the doctor saw nothing")
            _command(one, "store", "begin").succeeded()
            _command(one, "store", "prune", "--keep-days", "0", "--weekly-days", "0").succeeded()
            _command(one, "fetch", one.home / "bodies", "--accept-shrunken").succeeded()
            if one.count("snapshot") != 3 or bodies_of(one) != bodies:
                lost.append(f"{one.count('snapshot')} boards, other bodies: {bodies ^ bodies_of(one)}")
            database.unlink()
            _command(one, "store", "restore", backup).succeeded()
            lost += one.damage()
    return Row(
        "a store that was removed, emptied, or of which only the log is left",
        len(ways),
        len(lost),
        "every command says so, and changes nothing; the bodies that it kept, and a backup, bring all boards back"
        if not lost
        else str(lost[:2]),
    )


def restored_during_another(folder: Path, tries: int, store: str = "") -> Row:
    """A restore while another process makes the same store: one of the two has it, whole."""
    moments, wrong, won = random.Random(1), [], 0
    with fed(folder, 2) as one:
        backup = folder / "backup.tar.gz"
        _command(one, "store", "backup", backup).succeeded()
        body = next((one.home / "bodies").glob("*/*.json.gz"))
        for number in range(tries):
            home = folder / f"new{number}"
            address: Path | str = home / "brainalign.sqlite"
            if store:
                _drop_tables(store)
                address = store
            restore = partial(
                restore_backup, backup, address, home=home, bodies=home / "bodies", references=home / "references"
            )
            child = _start(partial(_after, moments.uniform(0, 0.3), restore))
            time.sleep(moments.uniform(0, 0.3))
            given = {"home": home, **({"store": store} if store else {})}
            ended = brainalign("fetch", body, **given)
            restored = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            with open_store(address, home / "bodies") as made:
                boards = len(made.snapshots())
                wrong += made.check()
            won += restored
            # Whoever said that it was done has its boards there.
            if (restored and boards < 2) or (ended.code == 0 and boards < 1) or not (restored or ended.code == 0):
                wrong.append(f"{boards} boards; restored: {restored}, {ended}")
    return Row(
        f"a restore at the same time as another process that makes the same store{where(store)}",
        tries,
        len(wrong),
        f"{won} restored, the others refused; the first one stayed" if not wrong else str(wrong[:2]),
    )


def _drop_tables(store: str) -> None:
    with sa.create_engine(with_driver(store), poolclass=sa.NullPool).begin() as database:
        database.exec_driver_sql("DROP SCHEMA public CASCADE")
        database.exec_driver_sql("CREATE SCHEMA public")


def killed_restores(folder: Path, most: int = 1000) -> Row:
    """SIGKILL before changes of files in a restore; then the same restore again."""
    wrong: list[str] = []
    with fed(folder, 2) as one:
        backup = folder / "backup.tar.gz"
        _command(one, "store", "backup", backup).succeeded()
        calls = folder / "calls"

        def restore(home: Path, seen: Callable[[str, int], None]) -> int:
            def work() -> None:
                at_every_call(seen)
                places = {"home": home, "bodies": home / "bodies", "references": home / "references"}
                restore_backup(backup, home / "brainalign.sqlite", **places)

            return in_child(work, folder / "errors")

        def noted(name: str, time_of_it: int) -> None:
            with calls.open("a") as stream:
                stream.write(f"{name} {time_of_it}\n")

        assert restore(folder / "whole", noted) == 0, one.errors
        points = calls.read_text().splitlines()
        tries = min(most, len(points))
        settings = (folder / "whole/brainalign.toml").read_bytes()
        for number in range(tries):
            home, point = folder / f"home{number}", points[number * len(points) // tries]

            def at_point(name: str, time_of_it: int, point: str = point) -> None:
                if f"{name} {time_of_it}" == point:
                    die()

            killed = restore(home, at_point)
            ended = brainalign("store", "restore", backup, home=home)
            there = "is there already" in ended.err
            if killed != signal.SIGKILL or (ended.code and not there):
                wrong.append(f"{point}: {ended}")
            if there and brainalign("store", "check", home=home).code != 0:
                wrong.append(f"{point}: half a store was put in place")
            if (home / "brainalign.toml").read_bytes() != settings:
                wrong.append(f"{point}: the settings are missing")
            wrong += [str(path) for path in home.rglob("*.restoring") if not there]
    return Row(
        f"SIGKILL before each of the {len(points)} flushes, links and removals of files in a restore",
        tries,
        len(wrong),
        "restored by the same command again, settings too, or whole already" if not wrong else str(wrong[:2]),
    )


def killed_backups(folder: Path, tries: int) -> Row:
    """SIGKILL at random moments of a backup over an older one."""
    moments, wrong = random.Random(1), []
    with fed(folder, 3) as one:
        target = folder / "backups" / "backup.tar.gz"
        began = time.monotonic()
        assert _in_child(one, "store", "backup", target) == 0, one.errors
        length = time.monotonic() - began
        for number in range(tries):
            if number:
                child = _start(partial(_run, one, ("store", "backup", target), lambda: None))
                time.sleep(moments.uniform(0, length))
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            else:  # the one moment at which the new file has a name of its own
                _in_child(one, "store", "backup", target, hurt=partial(at_every_call, _die_at_replace))
            with tarfile.open(target) as archive:
                whole = archive.getnames()[-1] == "manifest.json"
            left = sorted(path.name for path in target.parent.iterdir())
            if not number:
                assert len(left) == 2, left
                _command(one, "store", "backup", target).succeeded()
                left = sorted(path.name for path in target.parent.iterdir())
            others = [name for name in left if name != target.name]
            if not whole or target.stat().st_mode & 0o077 or (others and not number):
                wrong.append(f"{left}, whole: {whole}")
        _command(one, "store", "backup", target).succeeded()
        if [path.name for path in target.parent.iterdir()] != [target.name]:
            wrong.append("something is left")
    return Row(
        "SIGKILL at a random moment of a backup",
        tries,
        len(wrong),
        "the old or the new backup whole, for its owner alone; nothing else after the next one"
        if not wrong
        else str(wrong[:2]),
    )


def _die_at_replace(name: str, _: int) -> None:
    if name in ("replace", "rename"):
        die()


def wrong_clocks(folder: Path, store: str = "") -> Row:
    """Prune by a clock that is years off, and then by a right one."""
    clocks, lost = (-20_000, -400, 400, 27_000), 0
    with fed(folder, 6, store) as one:
        bodies = bodies_of(one)
        for days in clocks:
            with open_store(one.settings.store_address, one.settings.bodies) as opened:
                wrong = now() + timedelta(days=days)
                opened.prune(prunable(opened.snapshots(), 90, 730, wrong), wrong)
            lost += one.boards - one.count("snapshot") + len(bodies - bodies_of(one))
        lost += len(one.damage())
    return Row(
        f"store prune by a clock that is years off{where(store)}", len(clocks), lost, "no board and no body went"
    )


def read_without_rights(folder: Path) -> Row:
    """Reading commands on a home that may only be read, on a full disk, next to the log of a killed writer."""
    wrong: list[str] = []
    tries = 0
    with fed(folder, 2) as one:
        database = one.home / "brainalign.sqlite"

        def read(name: str, hurt: Callable[[], object] = lambda: None) -> None:
            nonlocal tries
            before = _state(one.home)
            for words in READING:
                tries += 1
                if code := _in_child(one, *words, hurt=hurt):
                    wrong.append(f"{name}, {words}: {code}, {one.errors[-300:]}")
                changed = {path for path, found in _state(one.home).items() if before.get(path) != found}
                if [path for path in changed if "/cache/" not in path and not path.endswith("-shm")]:
                    wrong.append(f"{name}, {words}: {sorted(changed)[:2]}")

        # All that is imported has to be there before a process gives up its rights.
        for words in READING:
            _command(one, *words).succeeded()
        read("as it is")
        in_child(partial(_leave_a_log, database), folder / "errors")
        assert database.with_name(f"{database.name}-wal").stat().st_size
        read("a log")
        with _full(one.home) as full:
            if full:
                read("a full disk, and a log")
        if os.getuid() == 0:
            with _only_readable(one.home):
                read("a home that may only be read, and a log", become_nobody)
            one.complete()
            with _only_readable(one.home):
                read("a home that may only be read", become_nobody)
        with _full(one.home) as full:
            if full:
                read("a full disk")
        wrong += one.damage()
    return Row(
        "reading commands in a home that may only be read, on a full disk (tmpfs), next to the log of a killed writer",
        tries,
        len(wrong),
        "answered; no file changed but the cache and SQLite's shared memory" if not wrong else str(wrong[:2]),
    )


@contextmanager
def _full(home: Path) -> Iterator[bool]:
    """Put a file system without room in the place of a home; whether that may be done."""
    kept = home.with_name("kept")
    shutil.copytree(home, kept, dirs_exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(home)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        yield False
        return
    try:
        shutil.copytree(kept, home, dirs_exist_ok=True)
        room = os.statvfs(home)
        with suppress(OSError), (home / "filler").open("wb") as filler:
            filler.write(b"\0" * (room.f_bavail * room.f_frsize + 1))
        yield True
    finally:
        subprocess.run(["umount", str(home)], check=True)


def _leave_a_log(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE pull SET message = 'of before the kill'")
        connection.commit()
        die()


@contextmanager
def _only_readable(home: Path) -> Iterator[None]:
    modes = {path: path.stat().st_mode for path in (home, *home.rglob("*"))}
    for path in modes:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        yield
    finally:
        for path, mode in modes.items():
            if path.exists():
                path.chmod(mode)


def become_nobody() -> None:
    # The interpreter may lie where nobody but root can read: all that a command loads is loaded before.
    for package in (brainalign_plugin, brainalign_monitor):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not any(
                part in module.name
                for part in ("brainscore.benchmark", "brainscore.running", "__main__", "migrations.")
            ):
                importlib.import_module(module.name)
    "".encode("unicode-escape")
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def other_releases(folder: Path, store: str = "") -> Row:
    """Reading commands on the store of an older and of a newer release: they say so and migrate nothing."""
    wrong: list[str] = []
    with fed(folder, 1, store) as one:
        for revision, said in (("0001", "older release"), ("0999", "newer release")):
            _set_revision(one, revision)
            for words in READING:
                ended = _command(one, *words)
                if ended.code != STORE or said not in ended.err:
                    wrong.append(f"{words}: {ended}")
            found = one.rows(f"SELECT version_num FROM {REVISION_TABLE}")
            if found != [(revision,)]:
                wrong.append(f"{revision} became {found}")
        _set_revision(one, REVISION)
        wrong += one.damage()
    return Row(
        f"reading commands on the store of an older or a newer release{where(store)}",
        2 * len(READING),
        len(wrong),
        "each says so, and migrates nothing" if not wrong else str(wrong[:2]),
    )


def _set_revision(one: Patient, revision: str) -> None:
    address = with_driver(one.store) if one.store else f"sqlite:///{one.home / 'brainalign.sqlite'}"
    with sa.create_engine(address, poolclass=sa.NullPool).begin() as database:
        database.exec_driver_sql(f"UPDATE {REVISION_TABLE} SET version_num = '{revision}'")


def two_at_once(folder: Path, tries: int, store: str = "") -> Row:
    """Commands during runs: each works on one state of the store, or names the process at work."""
    commands = (
        # The scores of these boards are younger than the boards.
        ("backfill", "--from", "1999-11-01"),
        ("store", "prune", "--keep-days", "0", "--weekly-days", "0"),
        ("publish",),
        ("deliver", "--digest", "weekly"),
        ("history",),
        ("store", "backup", folder / "backup.tar.gz"),
    )
    wrong: list[str] = []
    moments, done = random.Random(1), 0
    with fed(folder, 3, store) as one:
        for number in range(tries):
            one.next_board()
            words = commands[number % len(commands)]
            words = (*words, "--output", folder / "site") if words == ("publish",) else words
            child = one.start()
            time.sleep(moments.uniform(0, 0.5))
            code = _in_child(one, *words)
            run = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            done += code == 0
            if code not in (0, BUSY) or run not in (0, BUSY):
                wrong.append(f"{words}: {code}, run: {run}, {one.errors[-300:]}")
        one.complete()
        wrong += one.damage()
    return Row(
        f"backfill, prune, publish, digest, history, backup during a run{where(store)}",
        tries,
        len(wrong),
        f"{done} done, the others named the process at work" if not wrong else str(wrong[:2]),
    )


def one_lock(folder: Path) -> Row:
    """A database file under two names, and a service after one command by root."""
    wrong: list[str] = []
    tries = 1
    with patient(folder) as one:
        one.next_board()
        one.complete()
        other = folder / "other"
        other.mkdir()
        (other / "brainalign.sqlite").symlink_to(one.home / "brainalign.sqlite")
        with open_store(one.settings.store_address, one.settings.bodies) as store, store.exclusive("the first"):
            ended = brainalign("fetch", one.folder / "board.json", home=other)
            if ended.code != BUSY:
                wrong.append(f"by a link: {ended}")
        if os.getuid() == 0:
            tries += 1
            for path in [one.home, *one.home.rglob("*")]:
                os.chown(path, NOBODY, NOBODY)
            (one.home / "brainalign.sqlite.lock").unlink()
            # The tests note in it what the other user does.
            one.folder.chmod(0o777)
            for path in one.folder.iterdir():
                if path.is_file():
                    path.chmod(0o666)
            one.next_board()
            _command(one, "run").succeeded()
            one.next_board()
            if code := _in_child(one, "run", hurt=become_nobody):
                wrong.append(f"after root: {code}, {one.errors[-300:]}")
            wrong += served.torn(one.site) + served.unfinished(one.site, one.boards)
            owners = {path.stat().st_uid for path in one.home.rglob("*")}
            if owners != {NOBODY}:
                wrong.append(f"owned by {owners}")
        wrong += one.damage()
    return Row(
        "a lock by two names of a database file, and a service after one run by root",
        tries,
        len(wrong),
        "one lock; all that root made is the service's" if not wrong else str(wrong[:2]),
    )


def pruned_on_a_full_disk(folder: Path, tries: int) -> Row | None:
    """Prune on a tmpfs without room; None where none may be mounted."""
    wrong: list[str] = []
    with patient(folder, publishes=False) as one:
        command = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(one.home)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return None
        try:
            one.write_settings()
            for number in range(tries):
                for _ in range(3):
                    one.next_board()
                    one.complete()
                filler = one.home / "filler"
                room = os.statvfs(one.home)
                filler.write_bytes(b"\0" * max(0, room.f_bavail * room.f_frsize - 4096 * 16 * (number % 3)))
                ended = _command(one, "store", "prune", "--keep-days", "0", "--weekly-days", "0")
                if ended.code not in (0, STORE) or "Traceback" in ended.err:
                    wrong.append(str(ended))
                filler.unlink()
                wrong += one.damage()
                if any("tmp" in path.name for path in one.home.iterdir()):
                    wrong.append("something is left")
        finally:
            subprocess.run(["umount", str(one.home)], check=True)
    return Row(
        "store prune on a full file system (tmpfs)",
        tries,
        len(wrong),
        "pruned, with a note that the file did not shrink, or refused; nothing damaged"
        if not wrong
        else str(wrong[:2]),
    )


def shared_backups(folder: Path) -> Row:
    """Passwords and people are looked for in a backup, and in the settings that it restores."""
    planted = ("pw-canary", "reader@lab.example", "token-canary", "operator@lab.example")
    with fed(folder, 3) as one:
        path = one.home / "brainalign.toml"
        text = path.read_text().replace("http://127", "http://me:pw-canary@127")
        path.write_text(f'{text}\n[webhooks.lab]\nurl = "https://host.example/token-canary"\n')
        backup = folder / "backup.tar.gz"
        _command(one, "store", "backup", backup).succeeded()
        with tarfile.open(backup) as archive:
            files = [archive.extractfile(info) for info in archive]
            everything = b"".join(file.read() for file in files if file is not None)
        found = [word for word in planted if word.encode() in everything]
        new = folder / "new"
        brainalign("store", "restore", backup, home=new).succeeded()
        if code := brainalign("config", "check", home=new).code:
            found.append(f"its settings are wrong: {code}")
        shutil.rmtree(new)
    return Row(
        "passwords, tokens and addresses of people looked for in a backup",
        len(planted),
        len(found),
        "none is in it, and its settings are valid" if not found else str(found),
    )
