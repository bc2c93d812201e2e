"""Boards of a store, and results about them, each read or computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..base.cache import Cache

if TYPE_CHECKING:
    from brainalign_plugin.data.board import Board

    from ..store import SnapshotInfo, Store


@dataclass(frozen=True, eq=False)
class BoardReader:
    """Read boards from a store, and results from a cache, each at most once; a result that is missing is computed."""

    store: Store
    cache: Cache
    _read: dict[str, Board] = field(default_factory=dict)
    _results: dict[str, Any] = field(default_factory=dict)

    def board(self, info: SnapshotInfo) -> Board:
        """Return the uncleaned board of a snapshot."""
        if info.digest not in self._read:
            self._read[info.digest] = self.store.snapshot(info.id).board()
        return self._read[info.digest]

    def boards(self, infos: Sequence[SnapshotInfo]) -> list[Board]:
        """Return the uncleaned boards of several snapshots, those that are missing read in one go."""
        missing = {info.digest: info for info in infos if info.digest not in self._read}
        if len(missing) > 1:
            snapshots = self.store.snapshots_whole([info.id for info in missing.values()])
            self._read.update(zip(missing, (snapshot.board() for snapshot in snapshots), strict=True))
        return [self.board(info) for info in infos]

    def once(self, compute: Callable[[], Any], *parts: Any) -> Any:
        """Return a result that depends on the given parts alone, which JSON can hold."""
        key = self.cache.key(*parts)
        if not self._is_known(key):
            self._results[key] = compute()
            self.cache.put(key, self._results[key])
        return self._results[key]

    def each(self, infos: Sequence[SnapshotInfo], compute: Callable[[Board], Any], *parts: Any) -> list[dict[str, Any]]:
        """Return a result of each board, which depends on its content and the given parts alone."""
        self.boards([info for info in infos if not self._is_known(self.cache.key(info.digest, *parts))])

        def of_board(info: SnapshotInfo) -> Any:
            return self.once(lambda: compute(self.board(info)), info.digest, *parts)

        return list(map(of_board, infos))

    def _is_known(self, key: str) -> bool:
        if key not in self._results and (found := self.cache.get(key)) is not None:
            self._results[key] = found
        return key in self._results
