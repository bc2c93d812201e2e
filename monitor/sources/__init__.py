"""Sources of snapshots: every source returns a `Pull`, the raw body and the snapshot parsed from it.

Names are loaded on first use: a file needs no HTTP client, and a command line's help needs nothing of this.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .dispatch import files_of, is_live, pull, pull_path, shown_source
    from .fetching import FetchLimits, fetch_body, user_agent
    from .files import pull_file
    from .payload import Pull, parse_payload
    from .shrunken import check_not_shrunken
    from .website import payload_url, pull_website

_HOME = {
    "FetchLimits": "fetching",
    "Pull": "payload",
    "check_not_shrunken": "shrunken",
    "fetch_body": "fetching",
    "files_of": "dispatch",
    "is_live": "dispatch",
    "parse_payload": "payload",
    "payload_url": "website",
    "pull": "dispatch",
    "pull_file": "files",
    "pull_path": "dispatch",
    "pull_website": "website",
    "shown_source": "dispatch",
    "user_agent": "fetching",
}

__all__ = [
    "FetchLimits",
    "Pull",
    "check_not_shrunken",
    "fetch_body",
    "files_of",
    "is_live",
    "parse_payload",
    "payload_url",
    "pull",
    "pull_file",
    "pull_path",
    "pull_website",
    "shown_source",
    "user_agent",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
