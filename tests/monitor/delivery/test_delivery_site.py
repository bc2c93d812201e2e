"""Publishing: whole or not at all, the old site stays, what did not change is not written."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from brainalign_monitor.base.errors import OutputError, exit_code
from brainalign_monitor.delivery import site as site_module
from brainalign_monitor.delivery.site import publish_site

FILES = [("index.html", b"<p>one"), ("reports/a.html", b"report"), ("assets/x.css", b"p{}")]


def served(folder: Path) -> dict[str, bytes]:
    current = folder / "current"
    return {str(path.relative_to(current)): path.read_bytes() for path in current.rglob("*") if path.is_file()}


def versions(folder: Path) -> set[str]:
    return {path.name for path in (folder / "versions").iterdir()}


def test_files_are_served_from_current(tmp_path):
    done = publish_site(tmp_path / "a" / "site", FILES)
    assert (done.new, done.written, done.kept, done.removed) == (True, 3, 0, 0)
    assert done.folder == tmp_path / "a/site/current"
    assert served(tmp_path / "a/site") == dict(FILES)


def modes(folder: Path) -> dict[str, str]:
    found = [folder, folder / "versions", *(folder / "versions").rglob("*")]
    return {oct(path.stat().st_mode & 0o777): "folder" if path.is_dir() else "file" for path in found}


def test_a_web_server_can_read_the_site_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        publish_site(tmp_path / "www" / "site", FILES)
        assert modes(tmp_path / "www/site") == {"0o755": "folder", "0o644": "file"}
        assert (tmp_path / "www").stat().st_mode & 0o777 == 0o755
        # A site that an earlier run made unreadable is mended, also by one that has no news.
        for path in (tmp_path / "www/site/current").resolve().rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)
        publish_site(tmp_path / "www" / "site", FILES)
        assert modes(tmp_path / "www/site") == {"0o755": "folder", "0o644": "file"}
    finally:
        os.umask(before)


def test_nothing_new_changes_nothing(tmp_path):
    publish_site(tmp_path, FILES)
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")}
    done = publish_site(tmp_path, reversed(FILES))
    assert (done.new, done.written, done.kept) == (False, 0, 3)
    del before[tmp_path / "versions"]  # something was built in it
    assert all((path.stat().st_ino, path.stat().st_mtime_ns) == seen for path, seen in before.items())
    assert len(versions(tmp_path)) == 1


def test_a_page_that_did_not_change_is_not_rewritten(tmp_path):
    publish_site(tmp_path, FILES)
    old = (tmp_path / "current/reports/a.html").stat()
    done = publish_site(tmp_path, [FILES[1], ("index.html", b"<p>two"), ("new.html", b"n")])
    assert (done.written, done.kept, done.removed) == (2, 1, 1)
    new = (tmp_path / "current/reports/a.html").stat()
    assert (new.st_ino, new.st_mtime_ns) == (old.st_ino, old.st_mtime_ns)
    assert (tmp_path / "current/index.html").read_bytes() == b"<p>two"


def test_where_files_cannot_be_linked_they_keep_their_time(tmp_path, monkeypatch):
    publish_site(tmp_path, FILES)
    old = (tmp_path / "current/reports/a.html").stat()

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(site_module.os, "link", refuse)
    publish_site(tmp_path, [*FILES[1:], ("index.html", b"<p>two")])
    assert (tmp_path / "current/reports/a.html").stat().st_mtime_ns == old.st_mtime_ns


def test_the_same_files_give_the_same_version(tmp_path):
    publish_site(tmp_path / "a", FILES)
    publish_site(tmp_path / "b", FILES)
    assert versions(tmp_path / "a") == versions(tmp_path / "b")


def test_the_version_before_stays_and_older_ones_go(tmp_path):
    for number in range(4):
        publish_site(tmp_path, [("index.html", b"%d" % number)])
        assert len(versions(tmp_path)) == min(number + 1, 2)
    publish_site(tmp_path, [("index.html", b"2")])
    assert served(tmp_path) == {"index.html": b"2"}
    assert len(versions(tmp_path)) == 2


def test_a_page_that_fails_publishes_nothing(tmp_path):
    publish_site(tmp_path, FILES)

    def failing():
        yield "index.html", b"<p>two"
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        publish_site(tmp_path, failing())
    assert served(tmp_path) == dict(FILES)
    assert len(versions(tmp_path)) == 1


@pytest.mark.parametrize("fails", ["fsync", "mkdir", "replace"])
def test_a_full_disk_leaves_the_old_site(tmp_path, monkeypatch, fails):
    publish_site(tmp_path, FILES)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    where = {"fsync": (site_module.os, "fsync"), "mkdir": (Path, "mkdir"), "replace": (Path, "replace")}[fails]
    with monkeypatch.context() as patch:
        patch.setattr(*where, full)
        with pytest.raises(OutputError, match="No space left on device; the site stays as it was") as caught:
            publish_site(tmp_path, [("index.html", b"<p>two")])
    assert exit_code(caught.value) == 7
    assert served(tmp_path) == dict(FILES)
    assert not list(tmp_path.glob(".*.link"))
    publish_site(tmp_path, [("index.html", b"<p>two")])
    assert served(tmp_path) == {"index.html": b"<p>two"}


LIMITED = """
import resource, sys
from pathlib import Path
from brainalign_monitor.delivery.site import publish_site
from brainalign_monitor.base.errors import OutputError
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    publish_site(Path(sys.argv[1]), [("small", b"x"), ("large", b"x" * 100_000)])
except OutputError as error:
    sys.exit(str(error))
"""


def test_a_limit_of_the_system_leaves_the_old_site(tmp_path):
    publish_site(tmp_path, FILES)
    done = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, "File too large; the site stays as it was" in done.stderr) == (1, True)
    assert served(tmp_path) == dict(FILES)
    assert len(versions(tmp_path)) == 1


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot publish to .*file/site"):
        publish_site(tmp_path / "file/site", FILES)


def test_what_is_not_ours_is_not_replaced(tmp_path):
    (tmp_path / "current").mkdir()
    (tmp_path / "current/theirs").write_text("x")
    with pytest.raises(OutputError, match="is no link of a published site"):
        publish_site(tmp_path, FILES)
    assert (tmp_path / "current/theirs").read_text() == "x"


@pytest.mark.parametrize("name", ["../out.html", "/etc/x", "a/../../b"])
def test_no_page_lies_outside(tmp_path, name):
    with pytest.raises(OutputError, match="cannot be a page"):
        publish_site(tmp_path / "site", [(name, b"")])
    assert not list(tmp_path.glob("*.html"))


def test_two_at_once_do_not_mix(tmp_path):
    publish_site(tmp_path, FILES)
    with (tmp_path / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(OutputError, match="another process is publishing"):
            publish_site(tmp_path, [("index.html", b"x")])
    publish_site(tmp_path, [("index.html", b"x")])


KILLED = """
import os, signal, sys
from pathlib import Path
from brainalign_monitor.delivery import site
step, folder = sys.argv[1], Path(sys.argv[2])
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
def files():
    yield "index.html", b"<p>two"
    if step == "half": die()
    yield "b.html", b"b"
where = {"half": None, "tree": (site, "sync_folder"), "swap": (site, "_swap"), "others": (site, "_remove_others")}[step]
if where:
    setattr(*where, die)
site.publish_site(folder, files())
"""


@pytest.mark.parametrize("step", ["half", "tree", "swap", "others"])
@pytest.mark.parametrize("first", [False, True])
def test_a_killed_process_leaves_one_whole_site(tmp_path, step, first):
    if not first:
        publish_site(tmp_path, FILES)
    done = subprocess.run([sys.executable, "-c", KILLED, step, str(tmp_path)], check=False)
    two = {"index.html": b"<p>two", "b.html": b"b"}
    assert done.returncode == -signal.SIGKILL
    assert served(tmp_path) == ({} if first else dict(FILES))
    publish_site(tmp_path, two.items())
    assert served(tmp_path) == two
    assert len(versions(tmp_path)) <= 2
    assert not list((tmp_path / "versions").glob(".*"))


def test_a_version_that_was_removed_by_half_is_not_served_again(tmp_path, monkeypatch):
    for content in (b"one", b"two"):
        publish_site(tmp_path, [("index.html", content), ("page.html", content)])
    with monkeypatch.context() as killed:

        def by_half(folder: Path, **_: object) -> None:
            if folder.is_dir():
                (folder / "page.html").unlink()
                raise KeyboardInterrupt

        killed.setattr(shutil, "rmtree", by_half)
        with pytest.raises(KeyboardInterrupt):
            publish_site(tmp_path, [("index.html", b"three"), ("page.html", b"three")])
    assert served(tmp_path)["index.html"] == b"two"
    publish_site(tmp_path, [("index.html", b"one"), ("page.html", b"one")])
    assert served(tmp_path) == {"index.html": b"one", "page.html": b"one"}


def test_a_reader_always_finds_a_whole_site(tmp_path):
    publish_site(tmp_path, [("a", b"0"), ("b", b"0")])
    code = (
        "import sys\nfrom pathlib import Path\nfrom brainalign_monitor.delivery.site import publish_site\n"
        "for n in range(1, 60):\n    publish_site(Path(sys.argv[1]), [('a', b'%d' % n), ('b', b'%d' % n)])\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    seen, deadline = set(), time.monotonic() + 60
    while writer.poll() is None and time.monotonic() < deadline:
        # As a server does that opens the folder of a request once.
        try:
            opened = os.open(tmp_path / "current", os.O_RDONLY)
        except FileNotFoundError:
            pytest.fail("there was no site for a moment")
        try:
            pair = []
            for name in ("a", "b"):
                file = os.open(name, os.O_RDONLY, dir_fd=opened)
                pair.append(os.read(file, 10))
                os.close(file)
            assert pair[0] == pair[1]
            seen.add(pair[0])
        except FileNotFoundError:
            pass  # two newer ones came while we read
        finally:
            os.close(opened)
    assert writer.wait() == 0
    assert len(seen) > 2
