"""Files of references: ``NAME.reference.json.gz``, the gzipped JSON document of one reference."""

from __future__ import annotations

import difflib
import gzip
import json
import os
import tempfile
import zlib
from datetime import datetime
from pathlib import Path

from ..errors import InputError, ReferenceBoardError
from .reference import FORMAT, Reference, check_name, document, restore
from .snapshot_file import check_format, snapshot_from_bytes

SUFFIX = ".reference.json.gz"


def reference_bytes(reference: Reference) -> bytes:
    """Serialise a reference; `reference_from_bytes` gives back every cell."""
    return gzip.compress(document(reference), compresslevel=6, mtime=0)


def reference_from_bytes(data: bytes, origin: str = "the data") -> Reference:
    """Read the bytes of `reference_bytes`; error messages call them ``origin``."""
    try:
        parsed = json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as cause:
        raise ReferenceBoardError(
            f"{origin} is not a reference file ({cause}); write one with write_reference"
        ) from cause
    remedy = "; write one with write_reference"
    check_format(parsed, FORMAT, origin, ReferenceBoardError, remedy, "freeze the board again")
    try:
        body = json.dumps(parsed["snapshot"]).encode()
        snapshot = snapshot_from_bytes(body, origin=f"the board in {origin}")
        moment = datetime.fromisoformat(parsed["frozen_at"])
        return restore(snapshot, parsed["name"], moment, tuple(parsed.get("left_out", ())))
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as cause:
        what = str(cause) if isinstance(cause, InputError) else f"{type(cause).__name__}: {cause}"
        raise ReferenceBoardError(
            f"{origin} is a damaged reference file ({what}); freeze the board again, or copy the file again"
        ) from cause


def read_reference(path: Path | str) -> Reference:
    """Read a reference file.

    Parameters
    ----------
    path : Path or str

    Returns
    -------
    Reference

    Raises
    ------
    ReferenceBoardError
        If the file cannot be read or is not a reference file; the message names the path.

    See Also
    --------
    write_reference : Write one, with an example.

    Examples
    --------
    >>> read_reference("nothing.json.gz")
    Traceback (most recent call last):
    brainalign_plugin.errors.ReferenceBoardError: cannot read the reference file ...
    """
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else cause
        raise ReferenceBoardError(f"cannot read the reference file {str(path)!r}: {reason}") from cause
    return reference_from_bytes(data, origin=repr(str(path)))


def reference_path(folder: Path, name: str) -> Path:
    """Return the path of a named reference in a folder; ReferenceBoardError if none can have the name."""
    check_name(name)
    return folder / f"{name}{SUFFIX}"


def write_reference(path: Path | str, reference: Reference, replace_existing: bool = False) -> Path:
    """Write a reference file atomically.

    Parameters
    ----------
    path : Path or str
        Missing folders are made.
    reference : Reference
    replace_existing : bool
        Whether a file of that name may be replaced.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    ReferenceBoardError
        If the file exists and may not be replaced, or cannot be written.

    See Also
    --------
    freeze : Make a reference.

    Examples
    --------
    >>> import brainalign_plugin as ba
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = ba.write_reference(Path(folder, "base.json.gz"), ba.freeze(ba.example(), "base"))
    ...     ba.read_reference(path).name
    'base'
    """
    target, data = Path(path), reference_bytes(reference)
    if target.exists() and not replace_existing:
        raise ReferenceBoardError(
            f"{str(target)!r} exists, and scores that were made with it could not be made again; choose another name, "
            "or pass replace_existing=True"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".reference-") as folder:
            temporary = Path(folder, "new")
            with temporary.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            # References are shared, also by a user whose new files are private.
            temporary.chmod(0o644)
            temporary.replace(target)
    except OSError as cause:
        raise ReferenceBoardError(
            f"cannot write the reference file {str(target)!r}: {cause.strerror}; check the folder's permissions and "
            "free space"
        ) from cause
    return target


def reference_names(folder: Path | str) -> tuple[str, ...]:
    """Return the names of the reference files in a folder, sorted; none if there is no such folder."""
    return tuple(sorted(path.name.removesuffix(SUFFIX) for path in Path(folder).glob(f"*{SUFFIX}")))


def list_references(folder: Path | str) -> tuple[tuple[Reference, ...], tuple[ReferenceBoardError, ...]]:
    """Read all references of a folder, sorted by name; and the errors of those that cannot be read."""
    read: list[Reference] = []
    damaged: list[ReferenceBoardError] = []
    for name in reference_names(folder):
        try:
            read.append(find_reference(folder, name))
        except ReferenceBoardError as error:
            damaged.append(error)
    return tuple(read), tuple(damaged)


def find_reference(folder: Path | str, wanted: str) -> Reference:
    """Read a reference by its name in a folder, or by its path, which has a ``/`` or the ending of such files."""
    if "/" in wanted or wanted.endswith(SUFFIX):
        return read_reference(wanted)
    path = reference_path(Path(folder), wanted)
    if not path.exists():
        known = reference_names(folder)
        near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.4)
        if near:
            hint = f"did you mean {', '.join(near)}?"
        elif known:
            hint = f"there are {', '.join(known)}"
        else:
            hint = "pull the leaderboard and freeze it: freeze(board, name)"
        raise ReferenceBoardError(f"there is no reference {wanted!r} in {str(folder)!r}; {hint}")
    found = read_reference(path)
    if found.name != wanted:
        raise ReferenceBoardError(
            f"{str(path)!r} holds the reference {found.name!r}; name the file {found.name}{SUFFIX}"
        )
    return found


def choose_reference(folder: Path | str, wanted: str, domain: str) -> Reference:
    """Read the named reference, or if none was named the only one of a domain."""
    if wanted:
        named = find_reference(folder, wanted)
        if named.domain != domain:
            raise ReferenceBoardError(
                f"the reference {named.name!r} is of the domain {named.domain!r}, and what is to be placed of "
                f"{domain!r}; pass a reference of that domain, or make one: freeze(board, name)"
            )
        return named
    found, damaged = list_references(folder)
    of_domain = [one for one in found if one.domain == domain]
    if len(of_domain) > 1:
        raise ReferenceBoardError(
            f"there are {len(of_domain)} frozen references of the domain {domain!r}: "
            f"{', '.join(one.name for one in of_domain)}; choose one, for example "
            f"`export BRAINALIGN_REFERENCE={of_domain[0].name}`"
        )
    if not of_domain:
        why = f"; {damaged[0]}" if damaged else ""
        raise ReferenceBoardError(
            f"there is no frozen reference of the domain {domain!r} in {str(folder)!r}{why}; pull the leaderboard and "
            "freeze it: freeze(board, name)"
        )
    return of_domain[0]
