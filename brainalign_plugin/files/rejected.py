"""Rejected cells and fields of a source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..data.board import Model
from .json_text import shown

MOST_ENTRIES = 10_000

# Logs a rejected value and the reason.
Note = Callable[[Any, str], None]


@dataclass(frozen=True, slots=True)
class Rejected:
    """Rejected cell or field."""

    model_id: int | None  # None for a field of a benchmark, or of the board
    model: str  # Name of the model
    benchmark: str  # Type id; empty for a field of a model, or of the board
    value: str  # Text in the source, shortened
    reason: str  # Reason for the rejection, and for a field the value used instead


@dataclass(slots=True)
class Log:
    """Log of rejected cells, fields and benchmarks."""

    cells: list[Rejected] = field(default_factory=list)
    fields: list[Rejected] = field(default_factory=list)
    fields_left_out: int = 0

    def about(self, model: Model | None = None, benchmark: str = "", *, cell: bool = False) -> Note:
        """Return the function that logs a value of a model, a benchmark, a cell or the board."""

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
        """Return all entries, cells last."""
        more = Rejected(None, "", "", "", f"{self.fields_left_out} more fields are unknown")
        return (*self.fields, *([more] if self.fields_left_out else []), *self.cells)
