"""Where snapshots are kept: a database of the scores and when they held, beside it the bodies as received."""

from __future__ import annotations

from .records import Outcome, PullRecord, SetAside, SnapshotInfo, Stored, UnreadCell
from .store import Store, is_made, open_store

__all__ = [
    "Outcome",
    "PullRecord",
    "SetAside",
    "SnapshotInfo",
    "Store",
    "Stored",
    "UnreadCell",
    "is_made",
    "open_store",
]
