"""Parallel work in processes or threads."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import resource_tracker
from typing import Literal, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    jobs: int = 1,
    prefer: Literal["processes", "threads"] = "processes",
) -> Iterator[Result]:
    """Return the results of a function, in the order of the items.

    Parameters
    ----------
    jobs : int
        Processes or threads; as many as joblib's backend has if -1. With one the work is done in this process.
    """
    if jobs == 1:
        return map(function, items)
    # Loading takes as long as analysing a board.
    from joblib import Parallel, delayed

    if prefer == "processes":
        with _interrupted_alone():
            # First, because starting the resource tracker unblocks Ctrl-C.
            for tracker in (
                resource_tracker,
                import_module("joblib.externals.loky.backend.resource_tracker"),
            ):
                tracker.ensure_running()
    # It would print the unfinished work after Ctrl-C.
    warnings.filterwarnings("ignore", r"\d+ tasks (which were still|have been)", UserWarning)
    with _interrupted_alone():
        shared: Iterator[Result] = Parallel(n_jobs=jobs, prefer=prefer, return_as="generator")(
            delayed(function)(item) for item in items
        )
    return shared


@contextmanager
def _interrupted_alone() -> Iterator[None]:
    """Start processes that ignore Ctrl-C: it ends this process, which ends them without tracebacks.

    They inherit the ignored signal. In this process the signal is blocked, and delivered at the end of the block.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
