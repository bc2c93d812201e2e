"""The timeline of a leaderboard: the boards of a store up to a moment, and all that is computed over them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import structlog

from brainalign_plugin.errors import BoardError, InputError, SnapshotError

from ..base.cache import NOTHING_KEPT, Cache
from ..base.errors import NoBoardError
from ..base.progress import Stage, silent
from .attribution import attribute
from .board_reader import BoardReader
from .changelog import WORDS_VERSION, changes_in_words
from .changes import TOP, Era, compare, eras
from .drift import MIN_OVERLAP, TESTED, Difference, Drift, Verdict, paired_differences, verdicts
from .figures import ANALYSIS_VERSION, FIGURES, cleaned
from .panels import cohorts, first_years, in_all, new_share, with_benchmarks, with_models
from .periods import boards_of_history
from .series import (
    FULL,
    SAME_BENCHMARKS,
    SAME_MODELS,
    BoardChange,
    Change,
    Chronicle,
    Cohort,
    History,
    HistoryOptions,
    Point,
    Shared,
    Since,
    attribution_record,
    changes_between,
    figures_of,
    figures_record,
    interval_of,
    panel_figures,
    reported_before,
    unsplit_record,
)

if TYPE_CHECKING:
    from brainalign_plugin.data.board import Board

    from ..store import SnapshotInfo, Store
    from .known_events import KnownEvent

log = structlog.get_logger("brainalign")

# Failures that concern two boards alone: they are left out, with the reason.
_UNFIT = (InputError, BoardError, SnapshotError, ValueError, ArithmeticError, LookupError)

# Rises when an attribution is kept or put into words otherwise, so that it is computed again.
_ATTRIBUTION_VERSION = 4
Pair = tuple["SnapshotInfo", "SnapshotInfo"]


class Timeline:
    """The boards of a domain until a moment (`HistoryOptions.until`); their list is read from the store once.

    So all answers are about the same boards. A board is read, once, when an answer needs it that the cache does not
    know. Raises NoBoardError if the store holds no board of the domain (that had been seen by then).
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
        self._reader, self._stage = BoardReader(store, cache), stage
        self._versions: dict[str, dict[str, Any]] = {}
        self._computed: dict[tuple[Any, ...], dict[str, Any]] = {}
        until, known = self.options.until, self.options.known
        infos = [info for info in store.snapshots(domain) if until is None or info.as_of_time <= until]
        # All boards of the domain until the moment, by number.
        self.known: Mapping[int, SnapshotInfo] = {info.id: info for info in infos}
        newest = max(infos, key=lambda info: (info.as_of_time, not info.reconstructed), default=None)
        self._alike = [info for info in infos if newest is not None and info.simulated == newest.simulated]
        # Those that the history is made of, real or simulated like the newest one.
        self.boards = boards_of_history(self._alike, self.options.every, known)
        if not self.boards:
            when = "" if known is None else f" that was known on {known:%Y-%m-%d}"
            stored = sorted({info.domain for info in store.snapshots()} - {domain})
            other = f"; --domain {stored[0]} names one that is stored" if stored else ""
            raise NoBoardError(
                f"there is no board of {domain!r}{when}; `brainalign fetch` pulls one, `brainalign backfill` "
                f"reconstructs those of the past{other}"
            )
        # These without those that repeat the content of the one before.
        self.versions = tuple(
            info
            for before, info in zip((None, *self.boards), self.boards, strict=False)
            if before is None or before.digest != info.digest
        )

    @property
    def observed(self) -> list[SnapshotInfo]:
        """All boards that were observed, the oldest first, real or simulated like the newest one."""
        return [info for info in self._alike if not info.reconstructed]

    def _record(self, board: Board) -> dict[str, Any]:
        """Return the record of the figures of a complete board, computed once for each content."""
        content = (board.scores.tobytes(), board.ids, board.tree.nodes)
        if content not in self._computed:
            self._computed[content] = figures_record(board, panel_figures(board, self.options))
        return self._computed[content]

    def _versions_of(self, info: SnapshotInfo) -> dict[str, Any]:
        """Return the figures of a board by each version of the analysis that saw it."""
        if info.digest not in self._versions:
            self._versions[info.digest] = self._reader.cache.get(self._full_key(info)) or {}
        return self._versions[info.digest]

    def _full_key(self, info: SnapshotInfo) -> str:
        used = self.options
        return self._reader.cache.key("full", info.digest, used.max_missing, *used.drawn)

    def figures(self, info: SnapshotInfo) -> dict[str, Any]:
        """Return the record of the headline figures of a cleaned board (`figures_record`)."""
        known = self._versions_of(info)
        if str(ANALYSIS_VERSION) not in known:
            known[str(ANALYSIS_VERSION)] = self._record(self._cleaned(self._reader.board(info)))
            self._reader.cache.put(self._full_key(info), known)
        record: dict[str, Any] = known[str(ANALYSIS_VERSION)]
        return record

    def _cleaned(self, board: Board) -> Board:
        return cleaned(board, self.options.max_missing)

    def _between(self, pair: Pair, compute: Callable[[Board, Board], Any], *parts: Any) -> Any:
        """Return a result about two boards, which depends on their cleaning and the given parts too."""
        digests, most = [info.digest for info in pair], self.options.max_missing
        whole = (*parts, digests, most, ANALYSIS_VERSION)
        return self._reader.once(lambda: compute(*self._reader.boards(pair)), *whole)

    def attribution(self, pair: Pair) -> dict[str, Any]:
        """Return the record of the attribution between two boards (`attribution_record`)."""

        def compute(earlier: Board, later: Board) -> dict[str, Any]:
            return attribution_record(attribute(earlier, later, self.options.max_missing))

        try:
            record: dict[str, Any] = self._between(pair, compute, "attribution", _ATTRIBUTION_VERSION)
        except _UNFIT as failure:
            reason = _left_out("attribution", pair, failure)
            record = unsplit_record(self.figures(pair[0]), self.figures(pair[1]), reason)
        return record

    def new_share(self, pair: Pair) -> float:
        """Return the share of the cells of the later cleaned board that are new or restated."""
        share: float = self._between(pair, lambda *boards: new_share(*map(self._cleaned, boards)), "new share")
        return share

    def differences(self, pair: Pair) -> dict[str, Difference]:
        """Return the paired difference of each tested figure between two boards, on what they share."""
        used = self.options

        def compute(earlier: Board, later: Board) -> dict[str, Any]:
            kept = (self._cleaned(earlier).leaves, self._cleaned(later).leaves)
            found = paired_differences(earlier, later, kept, used.resamples, used.seed, used.families)
            return {name: asdict(difference) for name, difference in found.items()}

        try:
            found = self._between(pair, compute, "paired", *used.drawn)
        except _UNFIT as failure:
            _left_out("comparison", pair, failure)
            return dict.fromkeys(TESTED, Difference(None, None, None, None, 0, 0))
        return {name: Difference(**{**one, "interval": interval_of(one)}) for name, one in found.items()}

    @cached_property
    def history(self) -> History:
        """The headline figures over time, and every change of them with its reasons."""
        with self._stage("analysing the history"):
            self._reader.boards([info for info in self.boards if str(ANALYSIS_VERSION) not in self._versions_of(info)])
            full = [self.figures(info) for info in self.boards]
            window = self._window()
            panels = {FULL: (self.boards, full), **self._panels(window)}
            shared = self.differences((window[0], window[-1]))
            cohorts = self._cohorts()
        with self._stage("attributing the changes"):
            changes = [
                change
                for earlier, later in pairwise(self.boards)
                if earlier.digest != later.digest
                for change in changes_between(
                    self.attribution((earlier, later)),
                    (earlier.as_of_time, later.as_of_time),
                    reported_before(self._versions_of(earlier), self._versions_of(later)),
                )
            ]
        series = {
            name: tuple(
                _point(info, name, panel, record)
                for panel, (infos, records) in panels.items()
                for info, record in zip(infos, records, strict=True)
            )
            for name in FIGURES
        }
        some = next(iter(shared.values()))
        check = Shared(
            *(window[0].as_of_time, window[-1].as_of_time, some.models, some.benchmarks),
            {name: difference.delta for name, difference in shared.items()},
        )
        return History(self.domain, self.options, series, tuple(changes), check, cohorts)

    def _window(self) -> list[SnapshotInfo]:
        last = self.boards[-1].as_of_time
        year, month = divmod(last.year * 12 + last.month - 1 - self.options.window_months, 12)
        # The last day of February may not be a day of the month in which the window begins.
        start = last.replace(year=year, month=month + 1, day=min(last.day, 28))
        return [info for info in self.boards if info.as_of_time >= start]

    def _panels(self, window: Sequence[SnapshotInfo]) -> dict[str, tuple[Sequence[SnapshotInfo], list[dict[str, Any]]]]:
        """Return the boards of the window and their figures, with the same benchmarks and with the same models."""
        used = self.options
        samples = self._reader.each(window, self._sample, "sample", used.max_missing)
        leaves, models = (in_all([one[what] for one in samples]) for what in ("benchmarks", "models"))

        def panel(cut: Callable[[Board], Board], *parts: Any) -> tuple[Sequence[SnapshotInfo], list[dict[str, Any]]]:
            whole = (*parts, used.resamples, used.seed, ANALYSIS_VERSION)
            return window, self._reader.each(window, lambda board: self._record(cut(board)), *whole)

        return {
            SAME_BENCHMARKS: panel(lambda board: with_benchmarks(board, leaves), SAME_BENCHMARKS, leaves),
            SAME_MODELS: panel(lambda board: with_models(board, models), SAME_MODELS, models),
        }

    def _sample(self, board: Board) -> dict[str, Any]:
        kept = self._cleaned(board)
        return {"models": list(kept.ids), "benchmarks": list(kept.leaves)}

    def _cohorts(self) -> tuple[Cohort, ...]:
        newest, used = self.boards[-1], self.options

        def compute() -> list[dict[str, Any]]:
            years = first_years(self._reader.store.snapshot(newest.id))
            found = cohorts(self._cleaned(self._reader.board(newest)), years)
            return [{"year": year, **self._record(board)} for year, board in found.items()]

        records = self._reader.once(compute, "cohorts", newest.digest, used.max_missing, *used.drawn, ANALYSIS_VERSION)
        return tuple(Cohort(one["year"], one["models"], one["benchmarks"], figures_of(one)) for one in records)

    def drift(self, min_overlap: int = MIN_OVERLAP) -> Drift:
        """Decide for each figure at each version whether it changed on what the boards share."""
        infos = self.versions
        with self._stage("comparing boards"):
            steps = verdicts(len(infos), lambda i, j: self.differences((infos[i], infos[j])), min_overlap)
            words = {}
            for step in steps:
                if step.verdict is Verdict.CHANGED:
                    found = self.attribution((infos[step.earlier], infos[step.later]))
                    words[step.figure, step.earlier, step.later] = found["words"][step.figure]
        return Drift(tuple(info.as_of_time for info in infos), tuple(steps), words)

    def eras(self, top: int = TOP) -> dict[date, tuple[Era, ...]]:
        """Compare the last board of every year before the newest one with the newest."""
        newest = self.boards[-1]
        today = self._reader.store.snapshot(newest.id)
        last = {i.as_of_time.year: i for i in self.boards if i.as_of_time.year < newest.as_of_time.year}
        return {
            info.as_of_time.date(): eras(self._reader.store.snapshot(info.id), today, top) for info in last.values()
        }

    def board_changes(self, most: int) -> tuple[BoardChange, ...]:
        """Return the changes between versions that follow each other, the newest first; ``most`` have sentences."""
        pairs = list(pairwise(self.versions))[::-1]
        # By the later board alone: the earlier one of a history may be another with the same content.
        by_moment: dict[datetime, list[Change]] = defaultdict(list)
        for change in self.history.changes:
            by_moment[change.later].append(change)
        with self._stage("comparing boards"):
            return tuple(
                BoardChange(*pair, self._changelog(pair) if number < most else (), tuple(by_moment[pair[1].as_of_time]))
                for number, pair in enumerate(pairs)
            )

    def _changelog(self, pair: Pair) -> tuple[str, ...]:
        def compute() -> list[str]:
            # The later one first: it is in memory from the pair before.
            later, earlier = (self._reader.store.snapshot(info.id) for info in reversed(pair))
            return list(changes_in_words(compare(earlier, later)))

        return tuple(self._reader.once(compute, "changelog", *(info.digest for info in pair), WORDS_VERSION))

    def since(self, begin: datetime | None = None) -> Since | None:
        """Return the changes from the last observed board to the newest one; None if none was observed before it.

        With ``begin`` from the last board seen before this moment; from the first one if all were seen later.
        """
        newest, known = self.boards[-1], self.options.known
        before = [i for i in self.observed if i.as_of_time < newest.as_of_time and (known is None or i.seen_at < known)]
        if begin is not None:
            before = [i for i in before if i.seen_at < begin] or before[:1]
        if not before:
            return None
        pair = (before[-1], newest)
        causes = changes_between(self.attribution(pair), (pair[0].as_of_time, newest.as_of_time))
        return Since(
            pair[0],
            compare(*(self._reader.store.snapshot(info.id) for info in pair)),
            {change.figure: change for change in causes},
            self.differences(pair),
        )

    def chronicle(self, events: Sequence[KnownEvent] = ()) -> Chronicle | None:
        """Return the past of the newest board, with known structural breaks; None if there is no other board."""
        if len(self.boards) < 2:
            return None
        history = self.history
        return Chronicle(history, sum(step.verdict is Verdict.CHANGED for step in self.drift().steps), tuple(events))


def _point(info: SnapshotInfo, name: str, panel: str, record: Mapping[str, Any]) -> Point:
    figure, origin = record["figures"][name], "reconstructed" if info.reconstructed else "observed"
    sizes = (record["models"], record["benchmarks"])
    return Point(info.as_of_time, figure["value"], interval_of(figure), panel, *sizes, origin, info.id)


def _left_out(what: str, pair: Pair, failure: Exception) -> str:
    """Log that two boards cannot be compared, and return the reason."""
    reason = f"{type(failure).__name__}: {failure}"
    log.warning("left out", what=what, snapshots=[info.id for info in pair], reason=reason)
    return reason
