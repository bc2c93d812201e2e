"""The timeline of a leaderboard: the boards of a store up to a moment, and all that is computed over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import structlog

from brainalign_plugin.errors import BoardError, InputError, SnapshotError

from ..errors import NoBoardError
from ..progress import Stage, silent
from .attribution import attribute
from .cache import NOTHING_KEPT, Cache
from .changelog import WORDS_VERSION, changes_in_words
from .changes import compare
from .drift import MIN_OVERLAP, TESTED, Difference, Drift, Verdict, paired_differences, verdicts
from .eras import TOP, Era, eras
from .figures import ANALYSIS_VERSION, FIGURES, cleaned
from .periods import boards_of_history
from .series import (
    COMMON,
    FULL,
    Change,
    Chronicle,
    History,
    HistoryOptions,
    Point,
    Restated,
    attribution_record,
    changes_between,
    common_panel,
    figures_record,
    panel_figures,
    unsplit_record,
)

if TYPE_CHECKING:
    from brainalign_plugin.board import Board

    from ..store import SnapshotInfo, Store
    from .known_events import KnownEvent

log = structlog.get_logger("brainalign")

# Failures that concern two boards alone: they are left out, with the reason.
_UNFIT = (InputError, BoardError, SnapshotError, ValueError, ArithmeticError, LookupError)

# Rises when an attribution is kept or put into words otherwise, so that it is computed again.
_ATTRIBUTION_VERSION = 4
Pair = tuple["SnapshotInfo", "SnapshotInfo"]


@dataclass(frozen=True, slots=True)
class BoardChange:
    """From one board to the next with another content.

    Attributes
    ----------
    earlier, later : SnapshotInfo
    changelog : tuple of str
        Sentences: models, benchmarks and scores that came, went or changed.
    causes : tuple of Change
        The change of each headline figure, with its reasons.
    """

    earlier: SnapshotInfo
    later: SnapshotInfo
    changelog: tuple[str, ...]
    causes: tuple[Change, ...]


class Timeline:
    """The boards of a domain until a moment; the store is asked once which there are.

    Whatever is written to the store meanwhile, all answers are about the same boards. A board is read when an answer
    needs it and the cache does not know the answer, and then once.

    Parameters
    ----------
    store : Store
        Open as long as answers are asked for.
    domain : str
        ``vision`` or ``language``.
    options : HistoryOptions, optional
        With the moment: ``until``, ``known``.
    cache : Cache, optional
        Results of earlier timelines; by default none.

    Attributes
    ----------
    known : mapping of int to SnapshotInfo
        All boards of the domain until the moment, by number.
    boards : tuple of SnapshotInfo
        Those that the history is made of (`boards_of_history`), real or simulated like the newest one.
    versions : tuple of SnapshotInfo
        These without those that repeat the content of the one before.

    Raises
    ------
    NoBoardError
        If the store holds no board of the domain (that had been seen by then).
    """

    def __init__(
        self,
        store: Store,
        domain: str,
        options: HistoryOptions | None = None,
        cache: Cache = NOTHING_KEPT,
        stage: Stage = silent,
    ) -> None:
        self.domain, self.options = domain, options or HistoryOptions()
        self._store, self._cache, self._stage = store, cache, stage
        self._read: dict[str, Board] = {}
        self._results: dict[str, Any] = {}
        until, known = self.options.until, self.options.known
        infos = [info for info in store.snapshots(domain) if until is None or info.as_of_time <= until]
        self.known: Mapping[int, SnapshotInfo] = {info.id: info for info in infos}
        newest = max(infos, key=lambda info: (info.as_of_time, not info.reconstructed), default=None)
        self._alike = [info for info in infos if newest is not None and info.simulated == newest.simulated]
        self.boards = boards_of_history(self._alike, self.options.every, known)
        if not self.boards:
            when = "" if known is None else f" that was known on {known:%Y-%m-%d}"
            raise NoBoardError(
                f"there is no board of {domain!r}{when}; `brainalign fetch` pulls one, `brainalign backfill` "
                "reconstructs those of the past"
            )
        self.versions = tuple(
            info
            for before, info in zip((None, *self.boards), self.boards, strict=False)
            if before is None or before.digest != info.digest
        )

    @property
    def observed(self) -> list[SnapshotInfo]:
        """All boards that were observed, the oldest first, real or simulated like the newest one."""
        return [info for info in self._alike if not info.reconstructed]

    # --- boards and results, each once ---------------------------------------------------------------------------

    def _board(self, info: SnapshotInfo) -> Board:
        if info.digest not in self._read:
            self._read[info.digest] = self._store.snapshot(info.id).board()
        return self._read[info.digest]

    def _all_boards(self, infos: Sequence[SnapshotInfo]) -> list[Board]:
        """Return the uncleaned boards of several snapshots, those that are missing read at once."""
        missing = {info.digest: info for info in infos if info.digest not in self._read}
        if len(missing) > 1:
            snapshots = self._store.snapshots_whole([info.id for info in missing.values()])
            self._read.update(zip(missing, (snapshot.board() for snapshot in snapshots), strict=True))
        return [self._board(info) for info in infos]

    def _once(self, compute: Callable[[], Any], *parts: Any) -> Any:
        """Return a result that depends on the given parts alone: as it was kept, or computed and kept."""
        key = self._cache.key(*parts)
        if key not in self._results:
            found = self._cache.get(key)
            if found is None:
                found = compute()
                self._cache.put(key, found)
            self._results[key] = found
        return self._results[key]

    def _versions_of(self, info: SnapshotInfo) -> dict[str, Any]:
        """Return the figures of a board by each version of the analysis that saw it."""
        used = self.options
        key = self._cache.key("full", info.digest, used.max_missing, used.resamples, used.seed)
        if key not in self._results:
            self._results[key] = self._cache.get(key) or {}
        known: dict[str, Any] = self._results[key]
        return known

    def figures(self, info: SnapshotInfo) -> dict[str, Any]:
        """Return the record of the headline figures of a cleaned board (`figures_record`)."""
        used, known = self.options, self._versions_of(info)
        if str(ANALYSIS_VERSION) not in known:
            board = cleaned(self._board(info), used.max_missing)
            known[str(ANALYSIS_VERSION)] = figures_record(
                board, panel_figures(board, used.resamples, used.seed)
            )
            key = self._cache.key("full", info.digest, used.max_missing, used.resamples, used.seed)
            self._cache.put(key, known)
        record: dict[str, Any] = known[str(ANALYSIS_VERSION)]
        return record

    def attribution(self, pair: Pair) -> dict[str, Any]:
        """Return the record of the attribution between two boards (`attribution_record`)."""

        def compute() -> dict[str, Any]:
            earlier, later = self._all_boards(pair)
            return attribution_record(attribute(earlier, later, self.options.max_missing))

        digests = [info.digest for info in pair]
        parts = ("attribution", _ATTRIBUTION_VERSION, digests, self.options.max_missing, ANALYSIS_VERSION)
        try:
            record: dict[str, Any] = self._once(compute, *parts)
        except _UNFIT as failure:
            reason = _left_out("attribution", pair, failure)
            record = unsplit_record(self.figures(pair[0]), self.figures(pair[1]), reason)
        return record

    def differences(self, pair: Pair) -> dict[str, Difference]:
        """Return the paired difference of each tested figure between two boards, on what they share."""
        used = self.options

        def compute() -> dict[str, Any]:
            earlier, later = self._all_boards(pair)
            kept = (cleaned(earlier, used.max_missing).leaves, cleaned(later, used.max_missing).leaves)
            found = paired_differences(earlier, later, kept, used.resamples, used.seed)
            return {name: asdict(difference) for name, difference in found.items()}

        digests = [info.digest for info in pair]
        parts = ("paired", digests, used.max_missing, used.resamples, used.seed, ANALYSIS_VERSION)
        try:
            found = self._once(compute, *parts)
        except _UNFIT as failure:
            _left_out("comparison", pair, failure)
            return dict.fromkeys(TESTED, Difference(None, None, None, None, 0, 0))
        return {
            name: Difference(
                **{**record, "interval": None if record["interval"] is None else tuple(record["interval"])}
            )
            for name, record in found.items()
        }

    # --- answers -------------------------------------------------------------------------------------------------

    @cached_property
    def history(self) -> History:
        """The headline figures over time, and every change of them with its reasons."""
        with self._stage("analysing the history"):
            self._all_boards(
                [info for info in self.boards if str(ANALYSIS_VERSION) not in self._versions_of(info)]
            )
            full = [self.figures(info) for info in self.boards]
            window = self._window()
            common = self._common_records(window)
        with self._stage("attributing the changes"):
            changes = [
                change
                for earlier, later in pairwise(self.boards)
                if earlier.digest != later.digest
                for change in changes_between(
                    self.attribution((earlier, later)),
                    (earlier.as_of_time, later.as_of_time),
                    _reported(self._versions_of(earlier), self._versions_of(later)),
                )
            ]
        series = {
            name: (
                *(_point(info, name, FULL, record) for info, record in zip(self.boards, full, strict=True)),
                *(_point(info, name, COMMON, record) for info, record in zip(window, common, strict=True)),
            )
            for name in FIGURES
        }
        return History(self.domain, self.options, series, tuple(changes))

    def _window(self) -> list[SnapshotInfo]:
        last = self.boards[-1].as_of_time
        year, month = divmod(last.year * 12 + last.month - 1 - self.options.window_months, 12)
        # The last day of February may not be a day of the month in which the window begins.
        start = last.replace(year=year, month=month + 1, day=min(last.day, 28))
        return [info for info in self.boards if info.as_of_time >= start]

    def _common_records(self, window: Sequence[SnapshotInfo]) -> list[dict[str, Any]]:
        used = self.options

        def compute() -> list[dict[str, Any]]:
            uncleaned = self._all_boards(window)
            panels = common_panel(uncleaned, [cleaned(board, used.max_missing).leaves for board in uncleaned])
            # Most boards of a panel are the same: nothing was restated since the last one.
            done: dict[tuple[Any, ...], dict[str, Any]] = {}
            found = []
            for panel in panels:
                content = (panel.scores.tobytes(), panel.tree.nodes)
                if content not in done:
                    done[content] = figures_record(panel, panel_figures(panel, used.resamples, used.seed))
                found.append(done[content])
            return found

        digests = [info.digest for info in window]
        parts = ("common", digests, used.max_missing, used.resamples, used.seed, ANALYSIS_VERSION)
        records: list[dict[str, Any]] = self._once(compute, *parts)
        return records

    def drift(self, min_overlap: int = MIN_OVERLAP) -> Drift:
        """Decide for each figure at each version whether it changed on what the boards share."""
        infos = self.versions
        with self._stage("comparing boards"):
            steps = verdicts(
                len(infos),
                lambda earlier, later: self.differences((infos[earlier], infos[later])),
                min_overlap=min_overlap,
            )
            words = {
                (step.figure, step.earlier, step.later): self.attribution(
                    (infos[step.earlier], infos[step.later])
                )["words"][step.figure]
                for step in steps
                if step.verdict is Verdict.CHANGED
            }
        return Drift(tuple(info.as_of_time for info in infos), tuple(steps), words)

    def eras(self, top: int = TOP) -> dict[date, tuple[Era, ...]]:
        """Compare the last board of every year before the newest one with the newest."""
        newest = self.boards[-1]
        today = self._store.snapshot(newest.id)
        last = {i.as_of_time.year: i for i in self.boards if i.as_of_time.year < newest.as_of_time.year}
        return {
            info.as_of_time.date(): eras(self._store.snapshot(info.id), today, top) for info in last.values()
        }

    def board_changes(
        self, most: int | None = None, since: datetime | None = None
    ) -> tuple[BoardChange, ...]:
        """Return the changes between versions that follow each other, the newest first.

        Parameters
        ----------
        most : int, optional
            How many of them are compared cell by cell; the others have an empty changelog.
        since : datetime, optional
            Only changes whose later board was first seen at or after this moment.
        """
        pairs = [pair for pair in pairwise(self.versions) if since is None or pair[1].seen_at >= since][::-1]
        # By the later board alone: the earlier one of a history may be another with the same content.
        by_moment: dict[datetime, list[Change]] = {}
        for change in self.history.changes:
            by_moment.setdefault(change.later, []).append(change)
        with self._stage("comparing boards"):
            return tuple(
                BoardChange(
                    *pair,
                    self._changelog(pair) if most is None or number < most else (),
                    tuple(by_moment.get(pair[1].as_of_time, ())),
                )
                for number, pair in enumerate(pairs)
            )

    def _changelog(self, pair: Pair) -> tuple[str, ...]:
        def compute() -> list[str]:
            # The later one first: it is at hand from the pair before.
            later, earlier = (self._store.snapshot(info.id) for info in reversed(pair))
            return list(changes_in_words(compare(earlier, later)))

        return tuple(self._once(compute, "changelog", *(info.digest for info in pair), WORDS_VERSION))

    def chronicle(self, events: Sequence[KnownEvent] = ()) -> Chronicle | None:
        """Return what a report or a site says of the past of the newest board; None if there is no other board.

        Parameters
        ----------
        events : sequence of KnownEvent
            Known structural breaks of the leaderboard.
        """
        if len(self.boards) < 2:
            return None
        history, drift = self.history, self.drift()
        restated = [
            Restated(
                step.figure,
                drift.moments[step.earlier],
                drift.moments[step.later],
                step.difference.delta,
                step.difference.interval,
                step.difference.models,
            )
            for step in drift.steps
            if step.verdict is Verdict.CHANGED
            and step.difference.delta is not None
            and step.difference.interval is not None
        ]
        changes = None
        if len(self.versions) > 1:
            # The report names the boards on both sides of the change, of which the earlier may repeat an older one.
            after = self.versions[-1]
            before = self.boards[self.boards.index(after) - 1]
            changes = compare(self._store.snapshot(before.id), self._store.snapshot(after.id))
        return Chronicle(history, tuple(restated), tuple(events), changes)


def _left_out(what: str, pair: Pair, failure: Exception) -> str:
    """Log that two boards cannot be compared, and return the reason."""
    reason = f"{type(failure).__name__}: {failure}"
    log.warning("left out", what=what, snapshots=[info.id for info in pair], reason=reason)
    return reason


def _reported(was: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, float | None] | None:
    """Return the earlier board's figures by an older analysis, if the later board was never seen by that one."""
    older = [int(version) for version in was if version not in now and int(version) < ANALYSIS_VERSION]
    if not older:
        return None
    figures = was[str(max(older))]["figures"]
    return {name: figure["value"] for name, figure in figures.items()}


def _point(info: SnapshotInfo, name: str, panel: str, record: Mapping[str, Any]) -> Point:
    figure = record["figures"][name]
    interval = figure["interval"]
    return Point(
        as_of=info.as_of_time,
        value=figure["value"],
        interval=None if interval is None else (interval[0], interval[1]),
        panel=panel,
        models=record["models"],
        benchmarks=record["benchmarks"],
        origin="reconstructed" if info.reconstructed else "observed",
        snapshot=info.id,
    )
