"""Parallel work in processes."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import cycle, islice
from multiprocessing.connection import Connection, Pipe
from traceback import format_exception
from typing import Any, NoReturn, TypeVar

from .errors import BrainAlignError

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(function: Callable[[Item], Result], items: Iterable[Item], jobs: int = 1) -> Iterator[Result]:
    """Return the results of a function, in the order of the items; in as many processes as there are cores if -1.

    On Linux the processes are copies of this one, which end with it however it ends. Elsewhere, and where a backend of
    joblib is chosen (`joblib.parallel_config`), joblib does the work. Raises BrainAlignError if a process is killed.
    """
    if jobs == 1:
        return map(function, items)
    work = list(items)
    if jobs > 1 and sys.platform == "linux" and "joblib.parallel" not in sys.modules:
        return _forked(function, work, min(jobs, len(work)))
    from joblib import Parallel, delayed, effective_n_jobs
    from joblib.parallel import get_active_backend

    if sys.platform == "linux" and type(get_active_backend()[0]).__name__ == "LokyBackend":
        return _forked(function, work, min(effective_n_jobs(jobs), len(work)))
    return Parallel(n_jobs=jobs, return_as="generator")(delayed(function)(item) for item in work)


def _forked(function: Callable[[Item], Result], items: Sequence[Item], jobs: int) -> Iterator[Result]:
    """Yield the results of processes that take turns at the items; they are killed if this generator is left."""
    # Its end that is written to is open in this process alone, so that the workers see this process end.
    alive, own = os.pipe()
    workers: list[tuple[int, Connection]] = []
    try:
        for first in range(jobs):
            results, sent = Pipe(duplex=False)
            # Ctrl-C ends this process, which ends the others.
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                with warnings.catch_warnings():
                    # Threads of a notebook hold no lock that the work takes.
                    warnings.simplefilter("ignore", DeprecationWarning)
                    child = os.fork()
                if child == 0:
                    os.close(own)
                    _work(function, islice(items, first, None, jobs), sent, alive)
                workers.append((child, results))
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                sent.close()
        for _, (_, results) in zip(items, cycle(workers), strict=False):
            yield _received(results)
    finally:
        for child, results in workers:
            os.kill(child, signal.SIGKILL)
            results.close()
        for child, _ in workers:
            with suppress(ChildProcessError):  # where SIGCHLD is ignored
                os.waitpid(child, 0)
        os.close(alive)
        os.close(own)


def _work(function: Callable[[Item], Result], items: Iterable[Item], results: Connection, alive: int) -> NoReturn:
    """Send the results of some items, or failures, and end this process, also when its parent has ended."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        threading.Thread(target=lambda: os._exit(len(os.read(alive, 1))), daemon=True).start()
        for item in items:
            try:
                results.send((function(item), None))
            except Exception as failure:  # noqa: BLE001 -- raised again in the parent
                results.send((None, _portable(failure)))
    finally:
        os._exit(0)


def _portable(failure: Exception) -> Exception:
    """Return a failure as another process can read it."""
    with suppress(Exception):
        pickle.loads(pickle.dumps(failure))  # noqa: S301 -- our own
        return failure
    return RuntimeError("".join(format_exception(failure)))


def _received(results: Connection) -> Any:
    try:
        result, failure = results.recv()
    except EOFError:
        raise BrainAlignError(
            "a process of the parallel work was killed, perhaps for want of memory; give fewer jobs"
        ) from None
    if failure is not None:
        raise failure
    return result
