"""How work that takes a while says what it is doing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Stage = Callable[[str], AbstractContextManager[object]]

# Beginnings of what stages say that wait for others, and may wait long.
FETCHING, SENDING = "fetching", "sending to"
# What must follow on a mail that was taken: it would be sent again.
NOTING = "noting what was sent"


def silent(_: str) -> AbstractContextManager[object]:
    """Show no progress."""
    return nullcontext()
