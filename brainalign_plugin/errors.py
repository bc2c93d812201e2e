"""Errors that the science raises, and the root of all errors of this project.

The monitor adds its own branch (sources, store, configuration, report) in ``brainalign_monitor.base.errors``.
Every message names the offending value and the next step.
"""

from __future__ import annotations


class BrainAlignError(Exception):
    """Root of every error that BrainAlign raises on purpose."""


class InputError(BrainAlignError, ValueError):
    """An argument cannot be used."""


class SnapshotError(InputError):
    """A snapshot, or the file that should hold one, contradicts itself."""


class EmptyBoardError(SnapshotError):
    """A source lists no model, no benchmark or no score."""


class ArchiveError(SnapshotError):
    """A zip does not hold one board that can be read; its kind is other (no zip), torn, shape or large."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class BoardError(InputError):
    """A board is too small or too empty for the asked computation."""


class SchemeError(InputError):
    """An aggregation scheme is unknown or malformed."""


class ReferenceBoardError(InputError):
    """A reference board is absent, or does not fit the board at hand."""


class CandidateError(InputError):
    """The scores of one model, or the setting that should name them, cannot be used."""


class PlotError(InputError):
    """A chart cannot be drawn: an unknown format, or a library that is not installed."""


class TextError(InputError):
    """Bytes are no text that can be read; the message is a noun for the kind of data, torn if cut off."""

    def __init__(self, message: str, *, torn: bool = False) -> None:
        super().__init__(message)
        self.torn = torn


class LinkError(InputError):
    """The link into Brain-Score cannot be made or removed."""


class ConvergenceError(BrainAlignError):
    """An iterative fit stopped before it converged."""
