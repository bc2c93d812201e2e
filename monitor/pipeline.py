"""One run, end to end: fetch, store, analyse, report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from brainalign_plugin import __version__

from .errors import PayloadError, SourceError
from .sources import Pull, SetAside, check_not_shrunken, pull, pull_file, shown_source
from .store import Store, Stored, open_store

if TYPE_CHECKING:
    from brainalign_plugin.analysis import Analysis
    from brainalign_plugin.snapshot import Snapshot

    from .config import Settings

Clock = Callable[[], datetime]
Stage = Callable[[str], AbstractContextManager[object]]

log = structlog.get_logger("brainalign")


def silent(_: str) -> AbstractContextManager[object]:
    """Show no progress."""
    return nullcontext()


@dataclass(frozen=True, eq=False)
class Fetched:
    """What one pull brought, and what the store made of it."""

    pull: Pull
    stored: Stored


@dataclass(frozen=True, eq=False)
class RunResult:
    """Outcome of one run; `report` is the file of the latest snapshot, `wrote_report` whether this run wrote it."""

    fetched: Fetched
    report: Path
    wrote_report: bool


@dataclass(frozen=True, eq=False)
class Found:
    """A snapshot and the cells that could not be read of it."""

    snapshot: Snapshot
    set_aside: tuple[SetAside, ...]


def open_home(settings: Settings) -> Store:
    """Open the store in the state directory, making it if there is none."""
    return open_store(settings.store_path, settings.bodies)


def fetch(
    settings: Settings, store: Store, source: str | None, clock: Clock, stage: Stage = silent
) -> Fetched:
    """Pull one snapshot and store it in one transaction.

    A body that is refused is kept for inspection; whatever fails, the attempt is logged and nothing already stored
    is touched.

    Raises
    ------
    SourceError
        If the source cannot be read or its payload is refused.
    StoreError
        If the store cannot be written.
    """
    asked = source or settings.base_url
    # The name and password that an address may hold stay out of logs, tables and the terminal.
    where = shown_source(asked)
    started = clock()
    try:
        with stage(f"fetching {where}"):
            pulled = pull(
                asked,
                domain=settings.domain,
                received_at=started,
                contact=settings.contact,
                timeout=settings.timeout_seconds,
                deadline=settings.deadline_seconds,
                attempts=settings.attempts,
                max_bytes=settings.max_body_bytes,
            )
        latest = store.latest(pulled.snapshot.domain)
        previous = None if latest is None else store.model_ids(latest.id)
        check_not_shrunken(pulled, previous)
    except SourceError as failure:
        _record_failure(store, failure, where, settings.domain, started)
        raise
    with stage("storing"):
        stored = store.add(pulled.snapshot, pulled.body, seen_at=started, set_aside=pulled.set_aside)
    log.info(
        "stored" if stored.new else "unchanged",
        snapshot=stored.id,
        set_aside=len(pulled.set_aside),
        source=where,
    )
    return Fetched(pulled, stored)


def _record_failure(store: Store, failure: SourceError, where: str, domain: str, at: datetime) -> None:
    kept = None
    if isinstance(failure, PayloadError) and failure.body:
        kept = store.keep_refused(failure.body, reason=str(failure), source=where, at=at)
    store.log_failure(
        at=at, source=where, domain=domain, refused=isinstance(failure, PayloadError), message=str(failure)
    )
    log.info(
        "refused" if kept else "failed",
        source=where,
        error=type(failure).__name__,
        kept=str(kept) if kept else None,
    )


def run(
    settings: Settings, store: Store, source: str | None, clock: Clock, command: str, stage: Stage = silent
) -> RunResult:
    """Fetch, store, analyse and report; without news the report of the latest snapshot stays as it is."""
    fetched = fetch(settings, store, source, clock, stage)
    path = report_path(settings, store, fetched.stored.id)
    wrote = fetched.stored.new or not path.exists()
    if wrote:
        snapshot = store.snapshot(fetched.stored.id)
        aside = store.set_aside(fetched.stored.id)
        write_snapshot_report(settings, snapshot, aside, path, clock, command, stage)
        log.info("reported", path=str(path))
    return RunResult(fetched, path, wrote)


def report_path(settings: Settings, store: Store, snapshot_id: int) -> Path:
    """Where the report of a stored snapshot lies: by domain, as-of date and hash, so that names never collide."""
    info = store.info(snapshot_id)
    return settings.reports / info.domain / f"{info.as_of_time:%Y-%m-%d}-{info.sha256[:12]}.html"


def find_snapshot(settings: Settings, wanted: str, now: datetime) -> Found:
    """Read a snapshot from a file of that name if there is one, else from the store by number, hash or ``latest``."""
    if Path(wanted).exists() or "/" in wanted or wanted.endswith((".json", ".gz")):
        pulled = pull_file(wanted, received_at=now, max_bytes=settings.max_body_bytes)
        return Found(pulled.snapshot, pulled.set_aside)
    with open_home(settings) as store:
        info = store.find(wanted)
        return Found(store.snapshot(info.id), store.set_aside(info.id))


def write_snapshot_report(
    settings: Settings,
    snapshot: Snapshot,
    set_aside: Sequence[SetAside],
    path: Path,
    clock: Clock,
    command: str,
    stage: Stage = silent,
) -> Path:
    """Analyse a snapshot and write its report.

    Parameters
    ----------
    set_aside : sequence of SetAside
        Cells that could not be read, to be shown.
    path : Path
        The HTML file to write.
    command : str
        The command line that makes this report again, printed in it.
    """
    with stage("analysing"):
        analysis = analyse_snapshot(settings, snapshot)
    with stage("writing the report"):
        # Altair takes a second to import; only a report needs it.
        from .report import build_view, render_report, write_report

        view = build_view(
            analysis, set_aside=set_aside, generated_at=clock(), version=__version__, command=command
        )
        return write_report(path, render_report(view))


def analyse_snapshot(settings: Settings, snapshot: Snapshot, as_of: date | None = None) -> Analysis:
    """Analyse a snapshot, or the board as it stood at an earlier date, with the configured thresholds."""
    from brainalign_plugin.analysis import analyse

    board = snapshot if as_of is None else snapshot.as_of(as_of)
    return analyse(board, max_missing=settings.max_missing, min_overlap=settings.min_overlap)
