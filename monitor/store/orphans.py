"""Bodies that nothing names any more: kept aside for a month, then removed."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ..base.errors import StoreError
from ..base.files import make_folder
from .bodies import owners

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
    """Put a store's bodies aside that it no longer names, and remove those that have been aside for `KEPT_DAYS`.

    Parameters
    ----------
    bodies : Path
        Their folder.
    named, own : set of str
        Hashes of the bodies that are needed, and of all that the store ever had.
    store : str
        Name of the store.
    newest : datetime
        The newest moment that the store's boards describe: the clock by which days are counted.
    dry_run : bool
        Only find out what would be done.
    """
    others = tuple(sorted(owners(bodies) - {store}))
    today = newest.astimezone(UTC).date()
    try:
        unnamed = [path for path in sorted(bodies.glob("*/*.json.gz")) if _hash(path) not in named]
        mine = [path for path in unnamed if _hash(path) in own and not others]
        old = [path for folder in _days(bodies.parent / ASIDE, today) for path in sorted(folder.iterdir())]
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
    except OSError as cause:
        raise StoreError(
            f"cannot move the body {str(cause.filename)!r} away or remove it: {cause.strerror}; check its permissions"
        ) from cause
    return Orphans(tuple(mine), tuple(old), freed, len(unnamed) - len(mine), others)


def _hash(path: Path) -> str:
    return path.name.partition(".")[0]


def _days(aside: Path, today: date) -> list[Path]:
    """Return the folders of days that are long past."""
    if not aside.is_dir():
        return []
    return [
        folder
        for folder in sorted(aside.iterdir())
        if _DAY.fullmatch(folder.name) and today - date.fromisoformat(folder.name) > timedelta(days=KEPT_DAYS)
    ]
