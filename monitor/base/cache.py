"""Results that are computed once: small JSON files under a hash of all that they depend on."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import OutputError
from .files import write_atomically


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of results. It may be deleted at any time: what is missing or damaged is computed again.

    Without a folder nothing is kept.
    """

    folder: Path | None = None

    def key(self, *parts: Any) -> str:
        """Return the hash of what a result depends on (anything that JSON can hold)."""
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def get(self, key: str) -> Any:
        """Return what was put under a key; None if nothing was, or the file is damaged."""
        if self.folder is None:
            return None
        try:
            document = json.loads(_path(self.folder, key).read_bytes())
        except (OSError, ValueError):
            return None
        # The key inside distinguishes this file from one of another result, or half a copy.
        return document["value"] if isinstance(document, dict) and document.get("key") == key else None

    def put(self, key: str, value: Any) -> None:
        """Keep a value, if the folder can be written: it is only what would have to be computed again."""
        if self.folder is None:
            return
        document = {"key": key, "value": value}
        data = json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
        with suppress(OutputError):
            write_atomically(_path(self.folder, key), data)


NOTHING_KEPT = Cache()


def _path(folder: Path, key: str) -> Path:
    return folder / key[:2] / f"{key}.json"
