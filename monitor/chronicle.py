"""What there is to tell of a board's past: its history, what changed since the board before, and known breaks."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from .history.cache import Cache
from .history.changes import compare
from .history.drift import Verdict
from .history.known_events import known_events
from .history.series import Chronicle, History, HistoryOptions, Restated
from .progress import Stage, silent
from .retrospect import history, history_boards
from .watching import drift

if TYPE_CHECKING:
    from .store import Store


def chronicle(
    store: Store,
    domain: str,
    home: Path,
    options: HistoryOptions,
    stage: Stage = silent,
    told: History | None = None,
) -> Chronicle | None:
    """Tell the past of the board of a moment; None if the store holds no other board until then.

    Parameters
    ----------
    home : Path
        The home folder: of the cache, and of the user's own known events.
    options : HistoryOptions
        With ``until``, the moment of the board: what came later is not told.
    told : History, optional
        The history of these boards, if it was computed before.
    """
    cache = Cache(home / "cache")
    boards = history_boards(store, domain, options)
    if len(boards) < 2:
        return None
    if told is None:
        told = history(store, domain, cache, options, stage)
    found = drift(store, domain, cache, options, stage=stage)
    restated = [
        Restated(
            step.figure,
            found.boards[step.earlier].as_of_time,
            found.boards[step.later].as_of_time,
            step.difference.delta,
            step.difference.interval,
            step.difference.models,
        )
        for step in found.steps
        if step.verdict is Verdict.CHANGED
        and step.difference.delta is not None
        and step.difference.interval is not None
    ]
    changed = [(one, other) for one, other in pairwise(boards) if one.digest != other.digest]
    before, after = changed[-1] if changed else (None, boards[-1])
    return Chronicle(
        history=told,
        restated=tuple(restated),
        events=known_events(domain, home),
        changes=None if before is None else compare(store.snapshot(before.id), store.snapshot(after.id)),
    )
