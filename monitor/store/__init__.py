"""Store of snapshots: a database of scores and their times, and a folder of the bodies as received."""

from __future__ import annotations

from .opening import begin_store, is_made, loss, open_store, open_to_read
from .pruning import prunable
from .restoring import restore_backup, verify_backup
from .store import Store
from .stored import (
    Alarm,
    Finding,
    MessageState,
    Outcome,
    PullRecord,
    Queued,
    Removed,
    RunRecord,
    RunState,
    SnapshotInfo,
    Stored,
)

__all__ = [
    "Alarm",
    "Finding",
    "MessageState",
    "Outcome",
    "PullRecord",
    "Queued",
    "Removed",
    "RunRecord",
    "RunState",
    "SnapshotInfo",
    "Store",
    "Stored",
    "begin_store",
    "is_made",
    "loss",
    "open_store",
    "open_to_read",
    "prunable",
    "restore_backup",
    "verify_backup",
]
