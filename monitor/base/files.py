"""Files that are written whole or not at all, and bytes of data files."""

from __future__ import annotations

import errno
import fcntl
import gzip
import itertools
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO

from brainalign_plugin.files.csv_table import csv_text

from .errors import MonitorError, OutputError

# Errors of file systems that cannot flush a folder: some of the network, some shared with a virtual machine.
_CANNOT_SYNC_FOLDERS = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EACCES})

GZIP_MAGIC = b"\x1f\x8b"
# Permissions of the store, the bodies and backups: for their owner alone.
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700

# Bytes in the name of a temporary file, and the seconds after which no process can still write to it.
_TOKEN, _OLD = 8, 24 * 3600
_TEMPORARY = re.compile(rf"\.[0-9a-f]{{{2 * _TOKEN}}}\.tmp")


@contextmanager
def os_errors(error: type[MonitorError], action: str, path: Path | str | None, step: str) -> Iterator[None]:
    """Raise an OSError as another error, which names the action, the path (if None that of the OSError) and a step."""
    try:
        yield
    except OSError as cause:
        named = str(cause.filename if path is None else path)
        raise error(f"cannot {action} {named!r}: {cause.strerror}; {step}") from cause


def write_atomically(
    path: Path, data: bytes, error: type[MonitorError] = OutputError, *, private: bool = False
) -> Path:
    """Write a file whole or not at all; see `atomic_file`. Return ``path``."""
    with atomic_file(path, error, private=private) as stream:
        stream.write(data)
    return path


@contextmanager
def atomic_file(path: Path, error: type[MonitorError] = OutputError, *, private: bool = False) -> Iterator[BinaryIO]:
    """Give a temporary file in the target's folder; at the end it is flushed to disk and put in place.

    A symbolic link stays one: the file that it points to is replaced. What is neither a file nor a folder (a pipe,
    ``/dev/stdout``) is written to directly, because replacing it would take it away from everybody. What root writes
    belongs to the owner of the folder, so that one command with ``sudo`` takes nothing away from a service. Missing
    folders are made; if ``private``, its owner alone may read the file and enter them, under every umask. If the file
    cannot be written, the ``error`` is raised and the target is what it was.
    """
    try:
        if _is_special(path):
            with path.open("wb") as stream:
                yield stream
            return
        target = Path(os.path.realpath(path))
        make_folder(target.parent, private=private)
        # A name of fixed length: that of the target may be as long as a name can be.
        temporary = target.parent / f".{os.urandom(_TOKEN).hex()}.tmp"
        try:
            with _unnamed_file(target.parent) or temporary.open("x+b") as stream:
                with suppress(OSError):  # a file system without locks
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Readable for others as far as the umask allows, if it is not private: reports are made to be read.
                if private:
                    os.fchmod(stream.fileno(), PRIVATE_FILE)
                give_to_owner(stream.fileno(), target.parent)
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
                if not os.fstat(stream.fileno()).st_nlink:
                    # The folder's descriptor makes it follow the link in /proc to the file.
                    os.link(_in_proc(stream), temporary, src_dir_fd=stream.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(target.parent)
    except (OSError, ValueError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else str(cause)
        raise error(
            f"cannot write {str(path)!r}: {reason}; check the path, the folder's permissions and free space"
        ) from cause


def _unnamed_file(folder: Path) -> BinaryIO | None:
    """Open a file without a name, of which a kill leaves nothing; None where the system has none."""
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666)
    except (AttributeError, OSError):  # on any error a file with a name is tried, which reports it
        return None
    stream = os.fdopen(descriptor, "w+b")
    if os.path.lexists(_in_proc(stream)):
        return stream
    stream.close()
    return None


def _in_proc(stream: BinaryIO) -> str:
    return f"/proc/self/fd/{stream.fileno()}"


def make_folder(folder: Path, *, private: bool = False) -> None:
    """Make a folder and those above it; see `atomic_file` for who owns and who may enter them."""
    missing = [folder, *itertools.takewhile(lambda above: not above.exists(), folder.parents)]
    for one in reversed(missing):
        try:
            one.mkdir()
        except FileExistsError:
            if not one.is_dir():
                raise
            continue
        if private:
            one.chmod(PRIVATE_FOLDER)
        give_to_owner(one, one.parent)


def give_to_owner(made: Path | int, folder: Path) -> None:
    """Give what root made in a folder, a path or a descriptor, to the owner of the folder."""
    if os.geteuid() == 0 and (owner := folder.stat()).st_uid != 0:
        with suppress(PermissionError):  # root of a container may not
            os.chown(made, owner.st_uid, owner.st_gid)


def remove_abandoned(folder: Path) -> None:
    """Remove what `atomic_file` left in a folder when it was killed, of whatever age: no process holds its lock."""
    for path in folder.glob(".*.tmp"):
        with suppress(OSError):
            if _TEMPORARY.fullmatch(path.name):
                with path.open("rb") as stream:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()


def remove_leftovers(folder: Path, now: datetime) -> int:
    """Remove what `atomic_file` left in a folder and below it when it was killed, a day ago or longer.

    Returns the number of files; one that cannot be removed stays.
    """
    removed = 0
    with suppress(OSError):  # a folder removed meanwhile ends the search, not the run
        for path in folder.rglob(".*.tmp"):
            with suppress(OSError):
                if _TEMPORARY.fullmatch(path.name) and path.lstat().st_mtime < now.timestamp() - _OLD:
                    path.unlink()
                    removed += 1
    return removed


def _is_special(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def packed(body: bytes) -> bytes:
    """Gzip a body unless it already is; the same body gives the same bytes."""
    return body if body.startswith(GZIP_MAGIC) else gzip.compress(body, compresslevel=6, mtime=0)


def sync_folder(folder: Path) -> None:
    """Flush a folder to disk: a rename is durable once its folder is."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as cause:
        if cause.errno not in _CANNOT_SYNC_FOLDERS:
            raise


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a CSV file; see `csv_text`."""
    return csv_text(header, rows).encode()


def json_text(record: Any, indent: int | None = 1) -> str:
    """Return JSON in ASCII; a moment, a day or a path in the record becomes a text."""
    return json.dumps(record, allow_nan=False, indent=indent, default=_as_text)


def json_bytes(record: Any, indent: int | None = 1) -> bytes:
    """Return a JSON file in ASCII; see `json_text`."""
    return (json_text(record, indent) + "\n").encode("ascii")


def fields_of(record: object, *names: str) -> Any:
    """Return some fields of a record for JSON; None for None."""
    return None if record is None else {name: getattr(record, name) for name in names}


def _as_text(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")
