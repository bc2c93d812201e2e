"""Any source: an address or a path."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from brainalign_plugin.errors import ArchiveError, EmptyBoardError, InputError, TextError
from brainalign_plugin.files.decoding import decode, shown
from brainalign_plugin.files.site_csv import is_csv_export, site_csv_document, zip_members
from brainalign_plugin.files.snapshot_file import table_snapshot
from brainalign_plugin.text import masked_address

from ..base.errors import (
    BodyTooLargeError,
    ConfigError,
    EmptyPayloadError,
    NotJsonError,
    PayloadError,
    PayloadShapeError,
    SourceError,
    TruncatedPayloadError,
)
from .payload import DEFAULT_LIMITS, MAX_BODY_BYTES, FetchLimits, Pull, parse_payload, read_document, unpacked

DATABASES = ("postgresql", "postgres", "postgresql+psycopg", "sqlite")
_SQLITE_MAGIC = b"SQLite format 3\0"
_ENDINGS = (".json", ".json.gz", ".csv", ".csv.gz", ".zip")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://|(file):", re.IGNORECASE)
_KINDS: dict[str, type[PayloadError | BodyTooLargeError]] = {
    "other": NotJsonError,
    "torn": TruncatedPayloadError,
    "shape": PayloadShapeError,
    "large": BodyTooLargeError,
}
# The ending of a body that a store keeps, gzipped, under the hash of what was received.
_KEPT = ".json.gz"
_TABLE = re.compile(r"\.([ct]sv|txt)(\.gz)?$", re.IGNORECASE)
# An error page, or JSON, under the name of a table.
_MARKUP = re.compile(r"\s*[{\[<]")


def pull(
    source: str,
    *,
    received_at: datetime,
    domain: str = "vision",
    contact: str = "",
    limits: FetchLimits = DEFAULT_LIMITS,
) -> Pull:
    """Read the leaderboard from wherever it is.

    ===========================================  ==================================================
    source                                       what is read
    ===========================================  ==================================================
    ``http(s)://…/compare/data`` with or without ``/``, ``….json``, ``….json.gz``
                                                 this address; the payload names its domain
    any other ``http(s)://…``                    base of a site: ``…/<domain>/compare/data/``
                                                 (``…/compare/data/`` if it ends in ``/<domain>``)
    ``postgresql://…``, ``sqlite:///…``          Brain-Score's result database, see `pull_database`
    ``file:///…``                                the file, ``%20`` and the like decoded
    anything without a scheme                    the file of this path; an SQLite file is a result database
    ===========================================  ==================================================

    ``received_at`` is the as-of time of a payload that does not state its own. Of a file only the size is limited
    (``limits``). Raises a SourceError of a named kind (not reached or read, or refused whole); InputError if the
    source is none of the above.
    """
    kind = _kind(source)
    if kind in ("http", "https"):
        # Here, because the HTTP client takes a while to load and files do not need it.
        from .fetching import pull_website, user_agent

        return pull_website(source, domain, received_at=received_at, agent=user_agent(contact), limits=limits)
    if kind and kind not in ("file", *DATABASES):
        raise InputError(
            f"a source of the kind {kind!r} cannot be read; give http, https, postgresql, sqlite, file or a path"
        )
    if kind in DATABASES:
        # Here, because SQLAlchemy takes a while to load.
        from .result_database import pull_database

        return pull_database(source, domain, received_at, limits)
    return pull_path(_path(source) if kind == "file" else source, domain, received_at, limits.max_bytes)


def _kind(source: str) -> str:
    scheme = _SCHEME.match(source)
    return (scheme[1] or scheme[2]).lower() if scheme else ""


def pull_path(
    path: str, domain: str, received_at: datetime, max_bytes: int = MAX_BODY_BYTES, *, tables: bool = False
) -> Pull:
    """Read a file: a result database in SQLite, or what `pull_file` reads."""
    if _is_sqlite(path):
        from .result_database import pull_database

        address = f"sqlite:///{Path(path).absolute()}"
        return pull_database(address, domain, received_at, FetchLimits(max_bytes=max_bytes))
    return pull_file(path, received_at, max_bytes, tables=tables)


def is_live(source: str) -> bool:
    """Return whether a source gives the present state, as a site or a server does, and not a past one, as a file."""
    return _kind(source) in ("http", "https", *DATABASES)


def files_of(source: str) -> tuple[str, ...]:
    """Return the files of a folder and of those below it in the order of their names, or the file itself.

    Names that begin with a point are not looked at. Raises SourceError if the folder holds no file that may be one of
    ours; ConfigError if the source is empty, which a path would take for the current folder.
    """
    if not source.strip():
        raise ConfigError(f"the setting source is {source!r}; give an address, a file or a folder, or leave it out")
    if _SCHEME.match(source):
        return (source,)
    folder = Path(source)
    try:
        if not folder.is_dir():
            return (source,)
        found = sorted(path for path in _below(folder) if path.is_file() and path.name.lower().endswith(_ENDINGS))
    except (OSError, ValueError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else str(cause)
        raise SourceError(f"cannot read the folder {shown(source, 300)!r} ({reason}); check the path") from cause
    if not found:
        raise SourceError(
            f"the folder {shown(source, 300)!r} holds no payload: no file that ends in {', '.join(_ENDINGS)}"
        )
    return tuple(map(str, found))


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        # Hidden files are no payload: macOS adds ._NAME to each file that it copies.
        if not path.name.startswith("."):
            yield path
            if path.is_dir() and not path.is_symlink():
                yield from _below(path)


def _is_sqlite(path: str) -> bool:
    with suppress(OSError, ValueError):  # reported by the reader
        if Path(path).is_file():
            with Path(path).open("rb") as file:
                return file.read(len(_SQLITE_MAGIC)) == _SQLITE_MAGIC
    return False


def _path(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError as cause:
        raise InputError(f"{shown(url)!r} is not an address ({cause}); a file address is file:///PATH") from cause
    if parts.netloc not in ("", "localhost"):
        raise InputError(f"{shown(url)!r} names a host; a file address is file:///PATH")
    return url2pathname(parts.path)


def shown_source(source: str) -> str:
    """Return the source for messages, logs and tables: an address without its secrets, a path as it is."""
    return masked_address(source) if _SCHEME.match(source) else shown(source, 300)


def pull_file(
    path: Path | str, received_at: datetime, max_bytes: int = MAX_BODY_BYTES, *, tables: bool = False
) -> Pull:
    """Read a payload, an exported snapshot or a CSV export, also in its zip, from a file of at most ``max_bytes``.

    With ``tables`` also any table of scores whose name ends in .csv or .tsv. Raises SourceError if it cannot be read
    or is refused whole (`PayloadError`, `BodyTooLargeError`), InputError if a cell of a table is no score.
    """
    name = shown(str(path), 300)
    try:
        found = Path(path).stat()
        # Looked at before it is opened, because opening a pipe would wait for its other end.
        if not stat.S_ISREG(found.st_mode):
            what = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
            raise SourceError(f"{name!r} is {what}; name a payload or a snapshot file")
        if found.st_size > max_bytes:
            message = f"{name!r} has {found.st_size} bytes, more than the cap of {max_bytes}; raise it if that is right"
            raise BodyTooLargeError(message)
        with Path(path).open("rb") as file:
            body = file.read(max_bytes + 1)
    except (OSError, ValueError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else str(cause)
        message = f"cannot read {name!r} ({reason}); give a file, or an address that begins with https://"
        raise SourceError(message) from cause
    text, plugins = unpacked(body, name, max_bytes), b""
    if Path(path).name == f"{hashlib.sha256(text).hexdigest()}{_KEPT}":
        body = text  # as it was received, and as it was known before
    if is_zip := text.startswith(b"PK\x03\x04"):
        try:
            text, plugins = zip_members(text, name, max_bytes)
        except ArchiveError as cause:
            raise _KINDS[cause.kind](str(cause), body) from cause
    try:
        board = decode(text, ansi=True)
    except TextError:
        board = ""  # named where JSON is read
    if is_csv_export(board):
        return _pull_csv(board, plugins, body, name, received_at)
    if tables and board and _TABLE.search(str(path)) and not _MARKUP.match(board):
        try:
            return Pull(body, table_snapshot(board, name))
        except InputError as cause:
            raise InputError(f"{name}: {cause}") from cause
    return parse_payload(text if is_zip else body, name, received_at, max_bytes)


def _pull_csv(leaderboard: str, plugins: bytes, body: bytes, source: str, received_at: datetime) -> Pull:
    """Read a CSV export (`site_csv_document`); ``body`` is what was received; PayloadError if it is refused."""
    try:
        document, notes = site_csv_document(leaderboard, plugins)
    except EmptyBoardError as cause:
        raise EmptyPayloadError(f"{source}: {cause}; nothing was stored, try again later", body) from cause
    except ValueError as cause:
        message = f"{source} is no CSV export of the leaderboard: {cause}; the body was kept for inspection"
        raise PayloadShapeError(message, body) from cause
    pull = read_document(document, body, source, received_at)
    return replace(pull, rejected=(*notes, *pull.rejected)) if notes else pull
