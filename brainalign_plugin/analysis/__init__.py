"""Analysis of one board, a file a question; `analyse` answers all of them.

Its names are loaded on first use: who asks one question does not load the schemes of aggregation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .record import Analysis, analyse

__all__ = ["Analysis", "analyse"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import record

    return getattr(record, name)
