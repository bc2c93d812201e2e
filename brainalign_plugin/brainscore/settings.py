"""Settings of a meta-benchmark from the environment: its reference and the sources of the candidate's scores."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import platformdirs

from ..errors import CandidateError

PREFIX = "BRAINALIGN_"
Run = Literal["no", "missing", "failed"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a meta-benchmark; each is read from ``BRAINALIGN_<NAME>`` where none is given."""

    home: Path  # Folder of all state; frozen references are in its folder ``references``
    # Name of a frozen reference, or path of its file; if empty, the only one in the folder.
    reference: str = ""
    scores: Path | None = None  # Scores file of the candidate, CSV or JSON: benchmark, score, error
    snapshot: Path | None = None  # Exported snapshot file with the candidate on it
    # SQLAlchemy URL of a Brain-Score result database with the candidate in it; only read.
    database: str = ""
    model: str = ""  # Id or name of the candidate in snapshot and database; if empty, its own identifier
    # ``missing``: run the benchmarks that no source has a score for. ``failed``: run those that FAILED as well.
    # ``no``: never.
    run: Run = "no"
    # Folder of the saved results of running; ``runs`` in the home folder if not given.
    results: Path | None = None
    min_constituents: float = 0.0  # Smallest share of the reference's benchmarks that must have a score
    # Models of the reference that the candidate is not compared with, see `find_models`.
    leave_out: str = ""

    def __post_init__(self) -> None:
        if self.run not in get_args(Run):
            raise CandidateError(f"{PREFIX}RUN is {self.run!r}; known are {', '.join(get_args(Run))}")
        if not 0 <= self.min_constituents <= 1:
            raise CandidateError(
                f"{PREFIX}MIN_CONSTITUENTS is {self.min_constituents}; it is a share, so give a number from 0 to 1"
            )

    @property
    def references(self) -> Path:
        """Folder of the frozen references."""
        return self.home / "references"

    @property
    def runs(self) -> Path:
        """Folder of the results of running."""
        return self.home / "runs" if self.results is None else self.results


VARIABLES = tuple(f"{PREFIX}{field.name.upper()}" for field in fields(Settings))
# The monitor's variable, which is similar to BRAINALIGN_SCORES.
_OF_THE_MONITOR = (f"{PREFIX}STORE",)


def settings_from(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from environment variables; an empty one counts as unset.

    Raises CandidateError if a value is wrong, or a variable is a near miss of one of these.
    """
    _refuse_misspelt(environment)
    given: dict[str, Any] = {}
    for field, variable in zip(fields(Settings), VARIABLES, strict=True):
        if text := environment.get(variable, "").strip():
            given[field.name] = _READERS[field.name](variable, text) if field.name in _READERS else text
    return Settings(**{"home": Path(platformdirs.user_data_dir("brainalign"))} | given)


def _path(variable: str, text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as cause:
        raise CandidateError(f"{variable} is {text!r}: no such user; give the whole path") from cause


def _share(variable: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as cause:
        raise CandidateError(f"{variable} is {text!r}; give a number from 0 to 1") from cause


_READERS = {"home": _path, "scores": _path, "snapshot": _path, "results": _path, "min_constituents": _share}


def _refuse_misspelt(environment: Mapping[str, str]) -> None:
    # The monitor has variables of its own, so only near misses of these names are refused.
    known = (*VARIABLES, *_OF_THE_MONITOR)
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, VARIABLES, n=1, cutoff=0.9)
            if near:
                raise CandidateError(f"the environment variable {name} is no setting; did you mean {near[0]}?")
