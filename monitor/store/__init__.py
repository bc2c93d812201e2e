"""Where snapshots are kept: a database of the scores and when they held, beside it the bodies as received."""

from __future__ import annotations

from .pruning import Policy, prunable
from .records import (
    Alarm,
    Finding,
    MessageState,
    Outcome,
    PullRecord,
    Queued,
    RunRecord,
    RunState,
    SetAside,
    SnapshotInfo,
    Stored,
    UnreadCell,
)
from .restoring import restore_backup, verify_backup
from .statistics import peek
from .store import Store, is_made, open_store

__all__ = [
    "Alarm",
    "Finding",
    "MessageState",
    "Outcome",
    "Policy",
    "PullRecord",
    "Queued",
    "RunRecord",
    "RunState",
    "SetAside",
    "SnapshotInfo",
    "Store",
    "Stored",
    "UnreadCell",
    "is_made",
    "open_store",
    "peek",
    "prunable",
    "restore_backup",
    "verify_backup",
]
