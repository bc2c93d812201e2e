"""A new board studied by a process beside the run, which meanwhile stores the board and tells its past.

The study takes as long as all the rest of a run. ``python -m brainalign_monitor.beside`` is that process: it is started
before the board is pulled, so that its libraries are loaded when the board comes; it reads one board from its standard
input, writes what it finds to its standard output, and ends. A run that stops, or is killed, closes both.
"""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import structlog

from .process import set_up

if TYPE_CHECKING:
    from brainalign_plugin.analysis import Analysis
    from brainalign_plugin.analysis.study import SchemeStudy
    from brainalign_plugin.references import Reference
    from brainalign_plugin.snapshot import Snapshot

# What both processes have, so that it is named and not sent: schemes hold functions, and boards are large.
_SCHEME, _REFERENCE, _BOARD = "scheme", "reference", "board"
log = structlog.get_logger("brainalign")


def studied(analysis: Analysis) -> SchemeStudy | None:
    """Study the schemes on an analysed board in this process; see `study_schemes`."""
    from brainalign_plugin.analysis.study import study_schemes

    return study_schemes(analysis)


@dataclass(eq=False)
class Beside:
    """The process, and what it has been given. Without a process all work is done here.

    Whatever becomes of the process, `study` has the answer: what does not come from there is done here.
    """

    _process: subprocess.Popen[bytes] | None = None
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _snapshot: Snapshot | None = None
    _answer: Future[tuple[bytes, bytes]] | None = None

    def begin(self, snapshot: Snapshot, *, max_missing: float, min_overlap: int) -> None:
        """Give the process a board, to be analysed with these thresholds; it takes no other one after it."""
        if self._process is None or self._answer is not None:
            return
        given = pickle.dumps((snapshot, max_missing, min_overlap))
        self._snapshot = snapshot
        self._answer = self._thread.submit(self._process.communicate, given)

    def study(self, analysis: Analysis) -> SchemeStudy | None:
        """Study an analysed board: wait for the process if it was given that board, else do it here."""
        if self._process is not None and self._answer is not None and self._is_of(analysis.snapshot):
            written, _ = self._answer.result()
            known, found = self._received(written, analysis)
            if known:
                return found
        return studied(analysis)

    def _received(self, written: bytes, analysis: Analysis) -> tuple[bool, SchemeStudy | None]:
        """What the process found, unless it failed, or does not know a scheme of this program alone."""
        from brainalign_plugin.aggregation import scheme_names

        code = None if self._process is None else self._process.returncode
        try:
            if code != 0:
                raise RuntimeError(f"exit code {code}")
            found: SchemeStudy | None = _Receiver(written, analysis).load()
        except Exception as failure:  # noqa: BLE001 -- whatever it is, there is another way
            # Also an answer that cannot be read, such as that of another version which was just installed.
            log.warning(
                "the process that studies the board failed; it is studied again in this one",
                error=f"{type(failure).__name__}: {failure}",
            )
            return False, None
        return found is None or found.names == scheme_names(), found

    def _is_of(self, snapshot: Snapshot) -> bool:
        """Whether the process was given this snapshot: what the store rebuilds equals what it was handed."""
        one, given = snapshot, self._snapshot
        return given is not None and (
            (one.domain, one.sha256, one.as_of_time, one.reconstructed, len(one.models))
            == (given.domain, given.sha256, given.as_of_time, given.reconstructed, len(given.models))
        )

    def end(self) -> None:
        """Stop the process, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
        self._thread.shutdown()
        if self._process is not None:
            # Closes the pipes of a process that was never given a board.
            with self._process:
                pass


@contextmanager
def beside() -> Iterator[Beside]:
    """Have a process beside this one, if the machine has more than one core; it ends with the context."""
    work = Beside(_started() if _cores() > 1 else None)
    try:
        yield work
    finally:
        work.end()


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _started() -> subprocess.Popen[bytes] | None:
    try:
        return subprocess.Popen(  # noqa: S603 -- this interpreter with a module of ours
            # Modules of the folder in which a command is given are not ours.
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Who stops a command at the terminal stops the command, and that stops the process.
            start_new_session=True,
        )
    except OSError as failure:
        log.warning(
            "no process can be started to study the board; it is studied in this one", error=str(failure)
        )
        return None


class _Sender(pickle.Pickler):
    """Writes a study without what the receiver has."""

    def __init__(self, file: io.BytesIO, found: SchemeStudy | None) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._study = found

    def persistent_id(self, obj: Any) -> tuple[str, str] | None:
        """As the library asks for it."""
        from brainalign_plugin.aggregation import Scheme

        if isinstance(obj, Scheme):
            return _SCHEME, obj.name
        if self._study is not None and obj is self._study.reference:
            return _REFERENCE, ""
        if self._study is not None and obj is self._study.board:
            return _BOARD, ""
        return None


class _Receiver(pickle.Unpickler):
    """Reads the study of an analysed board, and puts in what it was written without."""

    def __init__(self, written: bytes, analysis: Analysis) -> None:
        super().__init__(io.BytesIO(written))
        self._analysis = analysis

    @cached_property
    def _reference(self) -> Reference:
        from brainalign_plugin.references import given_board

        return given_board(self._analysis.snapshot)

    def persistent_load(self, pid: tuple[str, str]) -> Any:
        """As the library asks for it."""
        from brainalign_plugin.analysis.ranking import bound_scheme

        kind, name = pid
        if kind == _BOARD:
            return self._analysis.cleaning.board
        return self._reference if kind == _REFERENCE else bound_scheme(name, self._reference)


def main() -> None:
    """Study the board that comes on the standard input."""
    set_up()
    # With it come all libraries that are needed, while the board is on its way.
    from scipy import optimize  # noqa: F401

    from brainalign_plugin.analysis import analyse, study  # noqa: F401

    # What a library or a scheme prints must not get into the answer.
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    given = sys.stdin.buffer.read()
    if not given:
        return
    snapshot, max_missing, min_overlap = pickle.loads(given)  # noqa: S301  the run wrote it
    found = studied(analyse(snapshot, max_missing=max_missing, min_overlap=min_overlap))
    written = io.BytesIO()
    _Sender(written, found).dump(found)
    try:
        answer.write(written.getbuffer())
        answer.close()
    except BrokenPipeError:  # the run is no more
        os._exit(1)


if __name__ == "__main__":
    # Under its own name, by which the run knows what it is sent.
    from .beside import main as main_of_module

    main_of_module()
