"""How work that takes a while says what it is doing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Stage = Callable[[str], AbstractContextManager[object]]


def silent(_: str) -> AbstractContextManager[object]:
    """Show no progress."""
    return nullcontext()
