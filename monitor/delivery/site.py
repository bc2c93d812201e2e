"""Publication of a site by one rename: readers get the old version until the new one is on disk.

::

    FOLDER/current -> versions/<hash of the content>     for the web server
    FOLDER/versions/<hash>/                              the current and the one before
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import itertools
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..base.errors import OutputError
from ..base.files import give_to_owner, sync_folder
from ..base.progress import Stage, silent

CURRENT = "current"
_VERSIONS, _LOCK, _BUILDING = "versions", ".lock", ".building-"
# A web server reads the site under a user of its own.
_FILE, _FOLDER = 0o644, 0o755
# File systems without hard links, or with no more of them.
_CANNOT_LINK = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV, errno.EACCES})


@dataclass(frozen=True, slots=True)
class Published:
    """Outcome of publishing."""

    folder: Path  # The folder for the web server
    new: bool  # True if anything differs from what was there
    # Files that are new or changed, that stayed as they were, and that are there no more.
    written: int
    kept: int
    removed: int


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A file that stays as the published version has it, by the hash of its content."""

    sha256: str


def publish_site(folder: Path, files: Iterable[tuple[str, bytes | Unchanged]], stage: Stage = silent) -> Published:
    """Publish files as a site.

    They are written to a new folder, flushed to disk and swapped in by one rename. A file with the content that it had
    is not written again: it stays the same file, with the time of its last change. Raises OutputError if it cannot be
    written; the old version stays published. Missing folders are made; serve ``current`` in ``folder``.
    """
    try:
        _make_folder(folder)
        with _alone(folder):
            return _publish(folder, files, stage)
    except OSError as cause:
        raise OutputError(
            f"cannot publish to {str(folder)!r}: {cause.strerror or cause}; the site stays as it was; check "
            "permissions and free space"
        ) from cause


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    # Released by the death of the process; the file itself stays.
    with (folder / _LOCK).open("ab") as lock:
        give_to_owner(lock.fileno(), folder)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as cause:
            raise OutputError(f"another process is publishing to {str(folder)!r}; wait until it is done") from cause
        yield


def _publish(folder: Path, files: Iterable[tuple[str, bytes | Unchanged]], stage: Stage) -> Published:
    current, versions = folder / CURRENT, folder / _VERSIONS
    if current.exists() and not current.is_symlink():
        raise OutputError(f"{str(current)!r} is no link of a published site; move it away, or publish elsewhere")
    _make_folder(versions)
    # None if there is no published version, or it was removed.
    old = current.readlink().name if current.is_symlink() and current.is_dir() else None
    _remove_leftovers(versions, old)
    building = versions / f"{_BUILDING}{secrets.token_hex(8)}"
    building.mkdir()
    try:
        with stage("writing the site"):
            content, names, written = _write(building, versions / old if old else None, files)
        gone = _names(versions / old) - names if old else set()
        target = versions / content
        if content == old:
            if not written and not gone:
                _open_to_readers(target)
                return Published(current, False, 0, len(names), 0)
            # A file of the published version was removed or changed since.
            _remove_others(versions, set())
        if not target.exists():  # else it is one that was current before
            with stage("flushing the site to disk"):
                for path, _, _ in os.walk(building, topdown=False):
                    sync_folder(Path(path))
            _open_to_readers(building)
            building.rename(target)
            sync_folder(versions)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    with stage("removing old versions of the site"):
        # The previous version stays for readers with an open page.
        _remove_others(versions, {content, old or content})
    # The rename comes last: a killed process starts again, and nothing is left to do after it.
    with stage("swapping the site in"):
        _swap(folder, f"{_VERSIONS}/{content}")
    return Published(current, True, written, len(names) - written, len(gone))


def _make_folder(folder: Path) -> None:
    """Make a folder, and those above it, readable for a web server under every umask."""
    for missing in [folder, *itertools.takewhile(lambda above: not above.exists(), folder.parents)][::-1]:
        missing.mkdir(exist_ok=True)
        missing.chmod(_FOLDER)
        give_to_owner(missing, missing.parent)


def _write(
    building: Path, old: Path | None, files: Iterable[tuple[str, bytes | Unchanged]]
) -> tuple[str, set[str], int]:
    """Fill the new folder; return the hash of its content, the names of its files, and the number of new ones."""
    digests: dict[str, str] = {}
    written = 0
    for name, data in files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or name in digests:
            raise OutputError(f"{name!r} cannot be a page of the site, or is one twice")
        target = building / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, Unchanged):
            digests[name] = data.sha256
            _link((old or building) / path, target)
            continue
        digests[name] = hashlib.sha256(data).hexdigest()
        if old is not None and _same(old / path, data):
            _link(old / path, target)
            continue
        with target.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        written += 1
    content = "".join(f"{name}\0{digests[name]}\n" for name in sorted(digests))
    return hashlib.sha256(content.encode()).hexdigest()[:16], set(digests), written


def _same(old: Path, data: bytes) -> bool:
    try:
        return old.stat().st_size == len(data) and old.read_bytes() == data
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False


def _link(old: Path, target: Path) -> None:
    try:
        os.link(old, target)
    except OSError as cause:
        if cause.errno not in _CANNOT_LINK:
            raise
        shutil.copy2(old, target)


def _open_to_readers(folder: Path) -> None:
    """Give a version of the site the permissions that a web server needs, under every umask."""
    for above, _, names in os.walk(folder):
        Path(above).chmod(_FOLDER)
        give_to_owner(Path(above), folder.parent)
        for name in names:
            Path(above, name).chmod(_FILE)
            give_to_owner(Path(above, name), folder.parent)


def _swap(folder: Path, target: str) -> None:
    link = folder / f".{secrets.token_hex(8)}.link"
    link.symlink_to(target)
    try:
        link.replace(folder / CURRENT)
    finally:
        link.unlink(missing_ok=True)
    sync_folder(folder)


def _remove_leftovers(versions: Path, old: str | None) -> None:
    """Remove what a process that was killed had begun."""
    for path in versions.glob(f"{_BUILDING}*"):
        shutil.rmtree(path)
    for path in versions.parent.glob(".*.link"):
        path.unlink()
    if old is None:
        # A version was complete and not yet swapped in; it may not be what is published now.
        _remove_others(versions, set())


def _remove_others(versions: Path, kept: set[str]) -> None:
    others = [path for path in versions.iterdir() if path.name not in kept and path.name[:1] != "."]
    for path in others:
        # Rename it first: a version under its name is whole, and may be published again.
        removed = versions / f"{_BUILDING}{secrets.token_hex(8)}"
        path.rename(removed)
        shutil.rmtree(removed)


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
