"""Cells and fields of a source that were not read as they stand: one record for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..data.board import Model
from .json_text import shown

MOST_ENTRIES = 10_000

# Notes a value that was not read as it stands, and the reason.
Note = Callable[[Any, str], None]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A cell or a field that was not read as it stands.

    Attributes
    ----------
    model_id : int or None
        None for a field of a benchmark, or of the board.
    model : str
        Name of the model.
    benchmark : str
        Type id; empty for a field of a model, or of the board.
    value : str
        As it stands in the source, cut short.
    reason : str
        Why it was not read, and for a field what holds instead.
    """

    model_id: int | None
    model: str
    benchmark: str
    value: str
    reason: str


@dataclass(slots=True)
class Log:
    """Rejected cells, and the fields and benchmarks that were not read as they stand."""

    cells: list[Rejected] = field(default_factory=list)
    fields: list[Rejected] = field(default_factory=list)
    fields_left_out: int = 0

    def about(self, model: Model | None = None, benchmark: str = "", *, cell: bool = False) -> Note:
        """Return what notes a value of a model, a benchmark, a cell or the board."""

        def note(value: Any, reason: str) -> None:
            if not cell and len(self.fields) >= MOST_ENTRIES:
                self.fields_left_out += 1
                return
            entry = Rejected(
                model_id=None if model is None else model.id,
                model="" if model is None else model.name,
                benchmark=shown(benchmark, 200),
                value=shown(value),
                reason=shown(reason, 300),
            )
            (self.cells if cell else self.fields).append(entry)

        return note

    def entries(self) -> tuple[Rejected, ...]:
        """Return all that was noted, cells last."""
        more = Rejected(None, "", "", "", f"{self.fields_left_out} more fields are unknown")
        return (*self.fields, *([more] if self.fields_left_out else []), *self.cells)
