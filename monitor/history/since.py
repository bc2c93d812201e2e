"""Changes since the last observed board: the one baseline of reports and messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .changelog import score_changes
from .changes import Changes
from .drift import Difference
from .series import Change

if TYPE_CHECKING:
    from ..store import SnapshotInfo

_RESTATED = frozenset({"restated", "rerun", "removed"})


@dataclass(frozen=True, eq=False)
class Since:
    """From the last observed board to this one."""

    earlier: SnapshotInfo
    changes: Changes
    causes: Mapping[str, Change]  # Headline figures that moved, with the reasons
    # Paired differences on the models and benchmarks that both boards have.
    differences: Mapping[str, Difference]

    @property
    def restated(self) -> int:
        """Number of scores that were there before and have another value now, or none.

        Those of models and benchmarks that went are not counted.
        """
        return sum(
            change.kind in _RESTATED for change in score_changes(self.changes) if change.after is not None
        )
