"""A file is written whole or not at all, whatever stands in its place."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from brainalign_monitor.base.errors import OutputError, ReportError, StoreError
from brainalign_monitor.base.files import remove_leftovers, write_atomically


def test_folders_are_made_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "a/b/c.txt"
    assert write_atomically(path, b"text") == path
    assert path.read_bytes() == b"text"
    assert [entry.name for entry in path.parent.iterdir()] == ["c.txt"]


def test_the_target_is_replaced_and_never_half_written(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old" * 1000)
    seen = []
    real = os.fsync

    def looking(descriptor: int) -> None:
        seen.append(path.read_bytes())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", looking)
    write_atomically(path, b"new")
    assert seen == [b"old" * 1000, b"new"], "synced before it is put in place, and the folder after it"


KILLED = """
import os, signal, sys
from pathlib import Path
from brainalign_monitor.base.files import atomic_file
with atomic_file(Path(sys.argv[1])) as stream:
    stream.write(b"half")
    if sys.argv[2] == "writing":
        os.kill(os.getpid(), signal.SIGKILL)
    os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_a_writer(path: Path, at: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), at], check=False)
    assert done.returncode == -9


def test_a_writer_that_is_killed_leaves_nothing(tmp_path):
    kill_a_writer(tmp_path / "a/file", "writing")
    assert list((tmp_path / "a").iterdir()) == []


def test_what_a_killed_process_leaves_is_removed_once_nobody_can_be_writing_it(tmp_path):
    kill_a_writer(tmp_path / "a/file", "replacing")
    (left,) = (tmp_path / "a").iterdir()
    others = [tmp_path / "a" / name for name in (".mine.tmp", f"{left.name}.html", left.name[1:])]
    for other in others:
        other.write_text("of somebody else")
    written = datetime.fromtimestamp(left.stat().st_mtime, UTC)
    assert remove_leftovers(tmp_path, written + timedelta(hours=23)) == 0
    assert remove_leftovers(tmp_path, written + timedelta(hours=25)) == 1
    assert sorted((tmp_path / "a").iterdir()) == sorted(others)
    assert remove_leftovers(tmp_path / "nowhere", written) == 0


def test_a_folder_that_goes_away_while_it_is_searched_fails_no_run(tmp_path, monkeypatch):
    def vanishing(folder: Path, pattern: str) -> Iterator[Path]:
        yield folder / f".{'0' * 16}.tmp"
        raise FileNotFoundError(errno.ENOENT, "gone", pattern)

    monkeypatch.setattr(Path, "rglob", vanishing)
    assert remove_leftovers(tmp_path, datetime(2100, 1, 1, tzinfo=UTC)) == 0


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_leaves_the_target_as_it_was(tmp_path, monkeypatch, step):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*((os, "fsync", full) if step == "fsync" else (Path, "replace", full)))
    with pytest.raises(StoreError, match=r"cannot write '.*file': No space left on device; check the path"):
        write_atomically(path, b"new", StoreError)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_others_may_read_what_the_umask_lets_them(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o777])
def test_what_is_private_is_so_whatever_the_umask(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "a/b/file", b"", private=True)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b", "a/b/file")]
    assert modes == [0o700, 0o700, 0o600]


@pytest.mark.skipif(os.getuid() != 0, reason="gives files to another user")
def test_what_root_writes_belongs_to_the_owner_of_the_folder(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    write_atomically(home / "a/b/file", b"")
    assert {path.stat().st_uid for path in home.rglob("*")} == {65534}


def test_a_link_stays_a_link(tmp_path):
    real, link = tmp_path / "site/report.html", tmp_path / "latest.html"
    real.parent.mkdir()
    real.write_bytes(b"old")
    link.symlink_to(real)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "not/yet")
    write_atomically(dangling, b"made")
    assert (tmp_path / "not/yet").read_bytes() == b"made"


def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(pipe.read_bytes)
        write_atomically(pipe, b"text")
        assert reading.result(10) == b"text"
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_stays_one():
    write_atomically(Path(os.devnull), b"text")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


@pytest.mark.parametrize("name", ["n" * 255, "ü" * 127])
def test_a_name_as_long_as_names_can_be(tmp_path, name):
    assert write_atomically(tmp_path / name, b"x").read_bytes() == b"x"


def test_what_cannot_be_a_file_is_refused_by_name(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for path, error in (
        (tmp_path / "folder", OutputError),
        (tmp_path / "file/below", ReportError),
        (tmp_path / ("n" * 300), StoreError),
        (tmp_path / "nul\0", OutputError),
    ):
        with pytest.raises(error) as caught:
            write_atomically(path, b"x", error)
        assert repr(str(path)) in str(caught.value)
        assert "None" not in str(caught.value)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize(("number", "tolerated"), [(errno.EINVAL, True), (errno.EIO, False)])
def test_a_folder_that_cannot_be_flushed(tmp_path, monkeypatch, number, tolerated):
    real = os.fsync

    def flush(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", flush)
    if tolerated:  # by file systems that do not know how
        write_atomically(tmp_path / "file", b"x")
    else:
        with pytest.raises(OutputError):
            write_atomically(tmp_path / "file", b"x")
    assert (tmp_path / "file").read_bytes() == b"x"


def test_writers_at_once_leave_one_of_their_files(tmp_path):
    path = tmp_path / "file"
    bodies = [bytes([number]) * 50_000 for number in range(8)]
    barrier = threading.Barrier(len(bodies))

    def write(body: bytes) -> None:
        barrier.wait()
        for _ in range(5):
            write_atomically(path, body)

    with ThreadPoolExecutor(len(bodies)) as pool:
        list(pool.map(write, bodies))
    assert path.read_bytes() in bodies
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
