"""Write a file whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .errors import MonitorError


def write_atomically(path: Path, data: bytes, error: type[MonitorError] = MonitorError) -> Path:
    """Write to a temporary file in the target's folder, flush it to disk, then put it in place.

    Parameters
    ----------
    path : Path
        Missing folders are made.
    data : bytes
    error : type
        What to raise if the file cannot be written.

    Returns
    -------
    Path
        ``path``.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:80]}.", suffix=".tmp")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes files for the owner only, and a report is meant to be read by others.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as cause:
        raise error(
            f"cannot write {str(path)!r}: {cause.strerror}; check the folder's permissions and free space"
        ) from cause
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return path


def _umask() -> int:
    # The mask can only be read by setting it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    # A rename is durable once its folder is on disk.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
