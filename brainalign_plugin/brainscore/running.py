"""Score a candidate on benchmarks by running them, and save each result at once.

Results of one model are in one file, a JSON object a line. An incomplete last line is no result.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from brainscore_core.benchmarks import score_benchmark

from ..data.official import CellState
from ..errors import CandidateError
from ..files.model_scores import Cell

FORMAT = "brainalign-run"
VERSION = 1
# Faults of the machine, its network, its disk or its access rights are not the model's. Libraries that are no
# requirement are compared by name, and an error that only has a text by the text, also of what is in it.
_FAULTS = (OSError, MemoryError, ImportError, EOFError)
_FAULT_MODULES = frozenset(
    {"botocore", "boto3", "s3transfer", "urllib3", "requests", "httpx", "httpcore", "aiohttp", "http", "ssl"}
)
_FAULT_NAMES = frozenset(
    {"OutOfMemoryError", "BadZipFile", "TimeoutExpired", "BrokenProcessPool", "TerminatedWorkerError"}
)
_FAULT_TEXT = re.compile(
    r"out of memory|can(not|.t) allocate memory|no space left|disk quota|dis[ck] is full|disk i/o error"
    r"|max retries exceeded|name resolution|too many open files"
    r"|(connection|network|host) (error|is unreachable|was |is |timed|refused|reset|aborted)|timed out"
    r"|\bcredentials\b|access ?denied|permission denied|forbidden|unauthorized|could(n.t| not) connect",
    re.IGNORECASE,
)
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Results:
    """The saved results of one model."""

    path: Path
    model: str  # Its identifier and the key of its results: a changed model needs another

    def read(self) -> dict[str, Cell]:
        """Read the saved results, or raise CandidateError if the file is damaged or another model's."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return {}
        except OSError as cause:
            raise CandidateError(f"cannot read the results in {str(self.path)!r}: {cause.strerror}") from cause
        records = list(_records(lines))
        if records and records[0].get("format") != FORMAT:
            raise CandidateError(f"{str(self.path)!r} is not a file of results; move it away")
        if records and (records[0].get("version"), records[0].get("model")) != (VERSION, self.model):
            raise CandidateError(
                f"{str(self.path)!r} holds results of the model {records[0].get('model')!r} in version "
                f"{records[0].get('version')!r}; move it away"
            )
        # Two processes that start together both write a first line.
        return dict(self._cell(record) for record in records if record != records[0])

    def _cell(self, record: Mapping[str, Any]) -> tuple[str, Cell]:
        try:
            score, error = (math.nan if record[n] is None else float(record[n]) for n in ("score", "error"))
            origin = f"run of {record['at']} in {str(self.path)!r}"
            version = record["benchmark_version"]
            cell = Cell(score, error, CellState[record["state"]], origin, None if version is None else int(version))
            return str(record["benchmark"]), cell
        except (KeyError, TypeError, ValueError) as cause:
            raise CandidateError(
                f"{str(self.path)!r} holds the line {json.dumps(record)[:200]}, which is no result ({cause}); delete it"
            ) from cause

    def add(self, record: Mapping[str, Any]) -> None:
        """Append a result and flush it to disk. Raises CandidateError if it cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new = not self.path.exists() or not self.path.stat().st_size
            lines = [{"format": FORMAT, "version": VERSION, "model": self.model}] if new else []
            text = "".join(json.dumps(line, allow_nan=False) + "\n" for line in (*lines, record))
            # After an incomplete line the next result needs a new line.
            torn = not new and not self.path.read_bytes().endswith(b"\n")
            with self.path.open("ab") as file:
                file.write((("\n" if torn else "") + text).encode())
                file.flush()
                os.fsync(file.fileno())
            if new:
                _sync_folder(self.path.parent)
        except OSError as cause:
            raise CandidateError(
                f"cannot save a result in {str(self.path)!r}: {cause.strerror}; free space, or name another folder "
                "with BRAINALIGN_RESULTS"
            ) from cause


def results_of(folder: Path, model: str) -> Results:
    """Return the results of a model, in a file name that is safe for any identifier."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", model)[:60].lstrip(".")
    digest = hashlib.sha256(model.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return Results(folder / f"{readable}-{digest}.jsonl", model)


def _records(lines: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        with suppress(ValueError):  # incomplete, or empty
            record = json.loads(line)
            if isinstance(record, dict):
                yield record


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def run_missing(
    candidate: Any,
    versions: Mapping[str, int],
    results: Results,
    now: Callable[[], datetime],
    say: Callable[[str], object],
    domain: str = "vision",
    *,
    again: bool = False,
) -> tuple[dict[str, Cell], tuple[str, ...]]:
    """Score a candidate on the benchmarks that no earlier run has finished; `again` runs those that FAILED too.

    A benchmark that raises while it scores is FAILED, as on the site. One that cannot be loaded or run here, for want
    of network, credentials, disk or memory, or is of another version than the one that counts (0: any), is tried again
    the next time. Returns the finished cells, and the benchmarks that could not be run, with the reason.
    """
    earlier = _finished(results, versions)
    done = {name: cell for name, cell in earlier.items() if not (again and cell.state == CellState.FAILED)}
    cells = {name: earlier[name] for name in versions if name in earlier}
    waiting = [name for name in versions if name not in done]
    if done:
        say(f"{len(done)} of {len(versions)} benchmarks were scored before: {results.path}")
    notes: list[str] = []
    state = _state(candidate)
    for number, name in enumerate(waiting, start=1):
        at = f"{number}/{len(waiting)} {name}"
        elsewhere = _finished(results, versions)
        if elsewhere.get(name) != earlier.get(name):
            cells[name] = elsewhere[name]
            say(f"{at}: scored by another process meanwhile")
            continue
        benchmark, problem = _loaded(name, versions[name], domain)
        if benchmark is None:
            notes.append(problem)
            say(f"{at}: {problem}")
            continue
        say(f"{at}: running")
        started = now()
        try:
            _reset(candidate, domain, state, say)
            record = _result(score_benchmark(benchmark, candidate))
        except Exception as cause:  # noqa: BLE001 -- foreign code may fail in any way, which is what FAILED means
            fault = _machine_fault(cause)
            if fault is not None:
                notes.append(f"{name} could not be run here and is tried again the next time: {_reason(fault)}")
                say(f"{at}: {notes[-1]}")
                continue
            record = {"state": "FAILED", "score": None, "error": None, "reason": _reason(cause)}
        finished = now()
        record |= {"benchmark": name, "benchmark_version": _version(benchmark), "at": finished.isoformat()}
        results.add(record)
        cells[name] = results.read()[name]
        outcome = f"{record['score']:.4f}" if record["state"] == "SCORED" else f"FAILED: {record['reason']}"
        say(f"{at}: {outcome} ({(finished - started).total_seconds():.0f} s)")
    return cells, tuple(notes)


def _finished(results: Results, versions: Mapping[str, int]) -> dict[str, Cell]:
    """Return the saved results on the versions of benchmarks that count."""
    return {
        name: cell
        for name, cell in results.read().items()
        if cell.version is None or versions.get(name, 0) in (0, cell.version)
    }


def _loaded(name: str, wanted: int, domain: str) -> tuple[Any, str]:
    """Load a benchmark; return None and the reason if it cannot be run."""
    try:
        package = import_module(f"brainscore_{domain}")
        registry = package.benchmark_registry
        # A benchmark that this process has registered needs no plugin folder and no installation.
        benchmark = registry[name]() if name in registry else package.load_benchmark(name)
    except Exception as cause:  # noqa: BLE001 -- no such plugin, no access to its data, no network: all alike
        return None, f"{name} could not be loaded here: {_reason(cause)}"
    version = _version(benchmark)
    if wanted and version is not None and version != wanted:
        return (None, f"{name} is installed in version {version}, the reference has version {wanted}; it was not run")
    return benchmark, ""


def _machine_fault(cause: BaseException) -> BaseException | None:
    """Return the fault of the machine among an error, its arguments and its causes; None if there is none."""
    seen: set[int] = set()
    # Each with the error that it is in.
    waiting: list[tuple[Any, BaseException]] = [(cause, cause)]
    while waiting:
        one, owner = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        inner: Iterable[Any] = ()
        if isinstance(one, BaseException):
            if _is_fault(one):
                return one
            # Brain-Score's fetch raises a plain Exception with the list of what each way of fetching raised.
            inner, owner = (*one.args, one.__cause__), one
        elif isinstance(one, str) and _FAULT_TEXT.search(one):
            return owner
        elif isinstance(one, list | tuple | set | frozenset):
            inner = one
        elif isinstance(one, Mapping):
            inner = one.values()
        waiting += [(part, owner) for part in inner]
    return None


def _is_fault(one: BaseException) -> bool:
    kinds = type(one).__mro__
    return (
        isinstance(one, _FAULTS)
        or any(kind.__module__.partition(".")[0] in _FAULT_MODULES for kind in kinds)
        or any(kind.__name__ in _FAULT_NAMES for kind in kinds)
    )


def _version(benchmark: Any) -> int | None:
    text = str(getattr(benchmark, "version", ""))
    return int(text) if text.isascii() and text.isdecimal() else None


def _state(candidate: Any) -> dict[str, Any]:
    """Return the attributes of a candidate, lists of them as copies."""
    return {
        name: list(value) if isinstance(value, list) else value
        for name, value in getattr(candidate, "__dict__", {}).items()
    }


def _reset(candidate: Any, domain: str, state: Mapping[str, Any], say: Callable[[str], object]) -> None:
    """Take back the task and the recordings of the last benchmark, which the next one would get too."""
    if domain != "vision":
        # A subject of language has no other way to end a recording.
        for name, value in state.items():
            setattr(candidate, name, list(value) if isinstance(value, list) else value)
        return
    from brainscore_vision.model_interface import BrainModel

    try:
        candidate.start_task(BrainModel.Task.passive)
    except Exception as cause:  # noqa: BLE001 -- a model need not know this task, and then has none to take back
        say(f"the model does not take the task 'passive' ({_reason(cause)})")


def _result(score: Any) -> dict[str, Any]:
    parts = "aggregation" in getattr(score, "dims", ())
    value = _scalar(score.sel(aggregation="center") if parts else score)
    if not math.isfinite(value):
        return {"state": "FAILED", "score": None, "error": None, "reason": f"the score is {value}"}
    error = abs(_scalar(score.sel(aggregation="error") if parts else getattr(score, "attrs", {}).get("error")))
    return {"state": "SCORED", "score": value, "error": error if math.isfinite(error) else None}


def _scalar(value: Any) -> float:
    return float(np.asarray(value, dtype=np.float64).reshape(-1)[0]) if np.size(value) == 1 else math.nan


def _reason(cause: BaseException) -> str:
    try:
        text = " ".join(f"{type(cause).__name__}: {cause}".split())
    except Exception:  # noqa: BLE001 -- the text is foreign code too
        text = type(cause).__name__
    return text[:_LONGEST_REASON]
