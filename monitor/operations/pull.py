"""One run, end to end: fetch, store, analyse, report."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog

from brainalign_plugin.errors import InputError
from brainalign_plugin.files.snapshot_file import content_digest

from ..base.errors import PayloadError, SourceError, StoreError
from ..base.moments import AHEAD, believed_moment, is_believed
from ..base.progress import FETCHING, Stage, silent
from ..sources.dispatch import files_of, is_live, pull, pull_path, shown_source
from ..sources.payload import FetchLimits, check_not_shrunken
from . import reporting
from .reporting import Found, Results

if TYPE_CHECKING:
    from brainalign_plugin.data.snapshot import Snapshot

    from ..config.settings import Settings
    from ..sources.payload import Pull
    from ..store import Removed, SnapshotInfo, Store, Stored

Clock = Callable[[], datetime]


# Endings of names that are looked for among the files alone.
_FILES = (".json", ".gz", ".csv", ".tsv", ".zip")
# Work inside the transaction in which a snapshot is stored.
Also = Callable[["Store", "Stored", datetime], None]

log = structlog.get_logger("brainalign")


@dataclass(frozen=True, eq=False)
class Fetched:
    """Outcome of one pull in the store."""

    pull: Pull
    stored: Stored
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class RunResult:
    """Outcome of one run: the report of the snapshot that was fetched, and the results if this run wrote it."""

    fetched: Fetched
    report: Path
    results: Results | None = None

    @property
    def wrote_report(self) -> bool:
        """Return whether this run wrote the report."""
        return self.results is not None


def open_home(settings: Settings) -> Store:
    """Open the store in the home folder, making it if there is none; StoreError if it was lost."""
    # SQLAlchemy takes a while to load, and a file is analysed without it.
    from ..store import open_store

    check_not_lost(settings)
    return open_store(settings.store_address, settings.bodies)


def check_not_lost(settings: Settings) -> None:
    """Refuse a home folder with bodies or reports and without a store: a new one would hide that it was lost."""
    from ..store import loss

    if lost := loss(settings.store_address, settings.home, settings.bodies, settings.reports):
        raise StoreError(lost)


def _exists(path: Path | str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # longer than a name can be, or in a folder that this user may not enter
        return False


def has_store(settings: Settings) -> bool:
    """Return whether there is a store already; StoreError if it was lost, or a server does not answer."""
    address = settings.store_address
    if isinstance(address, Path) and not _exists(settings.home) and not _exists(address):
        return False
    from ..store import is_made

    check_not_lost(settings)
    return is_made(address)


@contextmanager
def open_existing(settings: Settings, wanted: str, *, to_write: bool = False) -> Iterator[Store]:
    """Open the store that is there: to write, or as it is at this moment, in one transaction that changes nothing.

    Raises StoreError if there is none, or it cannot be opened.
    """
    if not has_store(settings):
        where = repr(str(settings.home)) if settings.store is None else str(settings.store)
        # The default value is not looked for by name.
        sought = "" if wanted == "latest" else f"there is no snapshot or file {wanted!r}: "
        raise StoreError(
            f"{sought}{where} holds no store; `brainalign fetch` pulls the first snapshot, --home names another folder"
        )
    if to_write:
        with open_home(settings) as store:
            yield store
        return
    from ..store import open_to_read

    with open_to_read(settings.store_address, settings.bodies) as store, store.one_moment() as moment:
        yield moment


def list_snapshots(
    settings: Settings, domain: str | None, known: datetime | None = None
) -> tuple[tuple[SnapshotInfo, ...], tuple[Removed, ...]]:
    """Return the stored snapshots, of a domain and seen before a moment if one is named; none if there is no store.

    The snapshots, and those that had been seen before the moment and were pruned since.
    """
    if not has_store(settings):
        return (), ()
    with open_existing(settings, "latest") as store:
        found, gone = store.snapshots(domain), store.removed(domain)
    if known is None:
        return found, ()
    return (
        tuple(info for info in found if info.seen_at < known),
        tuple(one for one in gone if one.pruned and one.info.seen_at < known),
    )


def fetch(
    settings: Settings,
    store: Store,
    source: str | None,
    clock: Clock,
    stage: Stage = silent,
    *,
    accept_shrunken: bool = False,
    also: Also | None = None,
) -> Fetched:
    """Pull one snapshot and store it in one transaction.

    A body that is refused is kept for inspection; whatever fails, the attempt is logged and nothing already stored is
    touched. A ``source`` of None is the configured site. What ``also`` does is committed with the snapshot; it gets the
    store in the transaction, what was stored, and when. Raises SourceError if the source cannot be read or its payload
    is refused (`check_not_shrunken`, unless ``accept_shrunken``), StoreError if the store cannot be written.
    """
    where = _where(settings, source)
    # An address may hold a password, which has no place in logs and in the store.
    name = shown_source(_address(where, settings.domain))
    started = clock()
    try:
        with stage(f"{FETCHING} {name}"):
            domain, contact = settings.domain, settings.contact
            limits = FetchLimits(**settings.limits)
            pulled = pull(where, received_at=started, domain=domain, contact=contact, limits=limits)
        pulled, notes = _believed(store, pulled, started, is_live(where))
        if not accept_shrunken:
            check_not_shrunken(pulled, _board_before(store, pulled.snapshot, is_live(where)))
    except SourceError as failure:
        _record_failure(store, failure, name, settings.domain, started)
        raise
    with stage("storing"), store.transaction() as inside:
        stored = inside.add(pulled.snapshot, pulled.body, started, pulled.rejected, "; ".join(notes))
        if also is not None:
            also(inside, stored, started)
    more = {"notes": notes} if notes else {}
    outcome = "stored" if stored.new else "unchanged"
    log.info(outcome, snapshot=stored.id, rejected=len(pulled.rejected), source=name, **more)
    return Fetched(pulled, stored, notes)


def fetch_all(
    settings: Settings, store: Store, source: str | None, clock: Clock, stage: Stage = silent, **choices: Any
) -> tuple[Fetched, ...]:
    """Pull one snapshot, or each file of a folder, in any order; ``choices`` are those of `fetch`.

    A file that fails does not keep the others out; the first failure is raised after all files were tried.
    """
    found, failures = [], []
    for one in files_of(_where(settings, source)):
        try:
            found.append(fetch(settings, store, one, clock, stage, **choices))
        except SourceError as failure:
            failures.append(failure)
    if failures:
        if found or len(failures) > 1:
            failures[0].add_note(f"{len(failures)} of {len(found) + len(failures)} files failed, the others are stored")
        raise failures[0]
    return tuple(found)


def _where(settings: Settings, source: str | None) -> str:
    if source is not None:
        return source
    return settings.base_url if settings.source is None else settings.source.get_secret_value()


def _address(where: str, domain: str) -> str:
    """Return the address of a site's payload; other sources keep their name."""
    if not where.lower().startswith(("http://", "https://")):
        return where
    # Here, because the HTTP client takes a while to load.
    from ..sources.fetching import payload_url

    return payload_url(where, domain)


def _believed(store: Store, pulled: Pull, now: datetime, live: bool) -> tuple[Pull, tuple[str, ...]]:
    """Date a board by a moment that can be believed, with notes on what was not believed."""
    snapshot, known = pulled.snapshot, _alike(store, pulled.snapshot)
    newest = max((info.until_time for info in known), default=None)
    body = hashlib.sha256(pulled.body).hexdigest()
    again = None if live else next((info for info in known if info.body_sha256 == body), None)
    if again is not None and (snapshot.as_of_time == now or not is_believed(snapshot.as_of_time, now)):
        # A file that states no moment keeps the one at which it was first received.
        moment, note = again.as_of_time, ""
    else:
        moment, note = believed_moment(snapshot.as_of_time, now, newest, live=live)
    notes = (note, _late_scores(snapshot, now if newest is None else max(now, newest)))
    redated = replace(pulled, snapshot=replace(snapshot, as_of_time=moment))
    return redated, tuple(one for one in notes if one)


def _late_scores(snapshot: Snapshot, now: datetime) -> str:
    """Return a note on times of scores that are not believed; empty if there are none."""
    latest = np.datetime64((now + AHEAD).astimezone(UTC).replace(tzinfo=None), "us")
    late = snapshot.scored_at[snapshot.scored_at > latest]
    if not late.size:
        return ""
    times = "1 score has a time" if late.size == 1 else f"{late.size} scores have times"
    return (
        f"{times} more than a day after now, up to {str(late.max())[:16].replace('T', ' ')} UTC: the age of the board "
        "is counted without them"
    )


def _alike(store: Store, snapshot: Snapshot) -> list[SnapshotInfo]:
    """Return the observed boards of a snapshot's kind: of its domain, real or simulated like it."""
    observed = [info for info in store.snapshots(snapshot.domain) if not info.reconstructed]
    return [info for info in observed if info.simulated == snapshot.simulated]


def _board_before(store: Store, snapshot: Snapshot, live: bool) -> Snapshot | None:
    """Return the last good board; None if there is none, or it has the same content.

    A site or a server does not go back in time, so that its board is compared with the newest one. An archive may be
    read in any order: the board of a file is compared with the newest one that is not later.
    """
    if snapshot.reconstructed:
        return None
    before = [info for info in _alike(store, snapshot) if live or info.as_of_time <= snapshot.as_of_time]
    if not before or before[-1].digest == content_digest(snapshot):
        return None
    return store.snapshot(before[-1].id)


def _record_failure(store: Store, failure: SourceError, source: str, domain: str, at: datetime) -> None:
    refused = isinstance(failure, PayloadError)
    kept = None
    try:
        if failure.body:
            kept = store.keep_refused(failure.body, reason=str(failure), source=source, at=at)
            failure.add_note(f"the body is {str(kept)!r}")
        store.log_failure(
            at=at, source=source, domain=domain, refused=refused, message=str(failure), error=type(failure).__name__
        )
    except StoreError as cause:
        raise StoreError(f"{cause}; the failure to record was: {failure}") from failure
    outcome, place = "refused" if refused else "failed", None if kept is None else str(kept)
    log.info(outcome, source=source, error=type(failure).__name__, kept=place)


def run(
    settings: Settings,
    store: Store,
    source: str | None,
    clock: Clock,
    stage: Stage = silent,
    command: str | None = None,
    also: Also | None = None,
) -> RunResult:
    """Fetch, store, analyse and report; without news the report of the snapshot stays as it is.

    Of the files of a folder the newest board is reported on. The ``command`` that makes the report again is printed in
    it, by default `report_command`.
    """
    fetched = max(
        fetch_all(settings, store, source, clock, stage, also=also), key=lambda one: one.pull.snapshot.as_of_time
    )
    info = store.info(fetched.stored.id)
    path = reporting.report_path(settings, info)
    # Not only with news: the last run may have been stopped between storing and reporting.
    if path.exists() and not fetched.stored.new:
        return RunResult(fetched, path)
    found = Found(store.snapshot(info.id), store.rejected(info.id), info)
    again = command or reporting.report_command(settings, reporting.snapshot_name(info), path)
    results = Results(settings, found, reporting.timeline_of(settings, store, info, stage))
    reporting.write_snapshot_report(results, path, again, stage)
    log.info("reported", path=str(path))
    return RunResult(fetched, path, results)


def find_snapshot(settings: Settings, wanted: str, now: datetime, known: datetime | None = None) -> Found:
    """Read a snapshot from a file of that name if there is one, else from the store by number, hash or ``latest``.

    Only stored snapshots that had been seen before ``known`` are looked at. Raises SourceError if it is a file that
    cannot be read or is refused, StoreError if there is neither, InputError if a file is to be one that had been seen.
    """
    if _exists(wanted) or "/" in wanted or wanted.lower().endswith(_FILES):
        if known is not None:
            raise InputError(f"the file {wanted!r} has no recorded time; --known is for stored snapshots")
        pulled = pull_path(wanted, settings.domain, now, settings.max_body_bytes, tables=True)
        moment, note = believed_moment(pulled.snapshot.as_of_time, now, None, live=False)
        snapshot = replace(pulled.snapshot, as_of_time=moment)
        return Found(snapshot, pulled.rejected, note=note)
    with open_existing(settings, wanted) as store:
        info = store.find(wanted, settings.domain, known)
        return Found(store.snapshot(info.id), store.rejected(info.id), info)
