"""Progress of work that takes a while."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Stage = Callable[[str], AbstractContextManager[object]]

# First words of stages that wait for other systems, and may wait long.
FETCHING, SENDING = "fetching", "sending to"
# Stage that must follow an accepted mail, which would be sent again otherwise.
NOTING = "noting what was sent"


def silent(_: str) -> AbstractContextManager[object]:
    """Show no progress."""
    return nullcontext()
