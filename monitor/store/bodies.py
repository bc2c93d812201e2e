"""The raw bodies as they were received: good ones under their hash, refused and unnamed ones for a while."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ..base.errors import StoreError
from ..base.files import make_folder, os_errors, packed, write_atomically
from .schema import micros, moment

REFUSED_KEPT = 50
_SUFFIX = ".json.gz"
_OWNERS = ".stores"
_SHA256 = re.compile(r"[0-9a-f]{64}")


def body_path(folder: Path, sha256: str) -> Path:
    """Return the path of the body with this hash."""
    return folder / sha256[:2] / f"{sha256}{_SUFFIX}"


def add_owner(folder: Path, store: str) -> None:
    """Note that a store keeps bodies in a folder."""
    if store not in (known := owners(folder)):
        write_owners(folder, known | {store})


def owners(folder: Path) -> frozenset[str]:
    """Return the names of the stores that keep bodies in a folder."""
    try:
        return frozenset((folder / _OWNERS).read_text(encoding="utf-8").split())
    except FileNotFoundError:
        return frozenset()
    except (OSError, UnicodeDecodeError) as cause:
        raise StoreError(f"cannot read {str(folder / _OWNERS)!r}: {cause}; check its permissions") from cause


def write_owners(folder: Path, stores: Iterable[str]) -> None:
    """Write down which stores keep bodies in a folder."""
    with os_errors(StoreError, "make the folder", folder.parent, "check its permissions"):
        make_folder(folder.parent)
    text = "".join(f"{store}\n" for store in sorted(stores))
    write_atomically(folder / _OWNERS, text.encode(), StoreError, private=True)


def put_body(folder: Path, sha256: str, data: bytes) -> None:
    """Write a body as `packed` under the hash of what was received; a damaged file of that name is replaced."""
    path = body_path(folder, sha256)
    with os_errors(StoreError, "read the body", path, "check its permissions"):
        if path.exists() and _body_in(path, sha256) is not None:
            return
    write_atomically(path, data, StoreError, private=True)


def read_body(folder: Path, sha256: str) -> bytes:
    """Return the body exactly as it was received; StoreError if it is lost, or its hash is another."""
    if not _SHA256.fullmatch(sha256):
        raise StoreError(f"{sha256!r} is not the sha256 of a body: that has 64 hexadecimal digits")
    path = body_path(folder, sha256)
    with os_errors(StoreError, "read the body", path, "check its permissions"):
        if not path.exists():
            raise StoreError(
                f"the body {sha256} is not in {str(folder)!r}: it was moved or removed; put it back from a backup"
            )
        body = _body_in(path, sha256)
    if body is None:
        raise StoreError(f"the body {str(path)!r} is damaged: its sha256 is another; put it back from a backup")
    return body


def keep_refused(folder: Path, body: bytes, reason: str, source: str, at: datetime) -> Path:
    """Keep a refused body for inspection, with a note (``.json``) of the reason.

    A body that is refused again replaces its earlier copy; of the others the newest `REFUSED_KEPT` stay. Returns
    the gzipped body.
    """
    sha256 = hashlib.sha256(body).hexdigest()
    received = moment(micros(at))
    # The name has time (UTC) and body, so that sorting by name sorts by time.
    name = f"{received:%Y%m%dT%H%M%S.%fZ}-{sha256[:16]}"
    note = {"reason": reason, "source": source, "at": received.isoformat(), "sha256": sha256, "bytes": len(body)}
    kept = write_atomically(folder / f"{name}.body.gz", packed(body), StoreError, private=True)
    noted = json.dumps(note, indent=2).encode() + b"\n"
    write_atomically(folder / f"{name}.json", noted, StoreError, private=True)
    earlier = [path for path in sorted(folder.glob("*.body.gz")) if path != kept]
    again = [path for path in earlier if path.name.endswith(f"-{sha256[:16]}.body.gz")]
    others = [path for path in earlier if path not in again]
    with os_errors(StoreError, "remove the old refused body", None, "check its permissions"):
        for path in again + others[: max(0, len(others) - REFUSED_KEPT + 1)]:
            path.unlink(missing_ok=True)
            path.with_name(path.name.removesuffix(".body.gz") + ".json").unlink(missing_ok=True)
    return kept


def _body_in(path: Path, sha256: str) -> bytes | None:
    """Return the body in a file, or None if neither the file nor its unpacked content has the hash."""
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() == sha256:
        return data
    try:
        body = gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return None
    return body if hashlib.sha256(body).hexdigest() == sha256 else None


KEPT_DAYS = 30
# Folder next to that of the bodies, with a folder for each day on which bodies were moved away.
ASIDE = "pruned"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Orphans:
    """Bodies that nothing names."""

    aside: tuple[Path, ...]  # Those that were put aside, or would be; each has its earlier path
    # Those that had been aside for so long that they were removed, or would be.
    removed: tuple[Path, ...]
    freed_bytes: int  # Size of what was removed
    foreign: int  # Bodies that this store never had: they stay
    # Other stores that keep bodies in the folder, because of which all stay.
    shared_with: tuple[str, ...]


def orphans(
    bodies: Path,
    named: AbstractSet[str | None],
    own: AbstractSet[str | None],
    store: str,
    newest: datetime,
    *,
    dry_run: bool,
) -> Orphans:
    """Move a store's bodies away that it no longer names, and remove those that have been away for `KEPT_DAYS`.

    ``named`` and ``own`` are the hashes of the bodies that are needed, and of all that the store ever had. Days are
    counted by ``newest``, the newest moment that the store's boards describe.
    """
    others = tuple(sorted(owners(bodies) - {store}))
    today = newest.astimezone(UTC).date()
    with os_errors(StoreError, "move away or remove the body", None, "check its permissions"):
        unnamed = [path for path in sorted(bodies.glob("*/*.json.gz")) if _hash(path) not in named]
        mine = [path for path in unnamed if _hash(path) in own and not others]
        days = [folder for folder in sorted((bodies.parent / ASIDE).glob("*")) if _DAY.fullmatch(folder.name)]
        past = [folder for folder in days if today - date.fromisoformat(folder.name) > timedelta(days=KEPT_DAYS)]
        old = [path for folder in past for path in sorted(folder.iterdir())]
        freed = sum(path.stat().st_size for path in old)
        if not dry_run:
            for path in mine:
                folder = bodies.parent / ASIDE / today.isoformat()
                make_folder(folder.parent, private=True)
                make_folder(folder, private=True)
                path.replace(folder / path.name)
            for path in old:
                path.unlink(missing_ok=True)
            for folder in {path.parent for path in old}:
                folder.rmdir()
    return Orphans(tuple(mine), tuple(old), freed, len(unnamed) - len(mine), others)


def _hash(path: Path) -> str:
    return path.name.partition(".")[0]
