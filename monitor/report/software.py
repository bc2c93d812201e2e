"""Versions of what the numbers and the charts of a report rest on."""

from __future__ import annotations

import platform
from importlib.metadata import version

_LIBRARIES = ("numpy", "pandas", "scipy", "altair", "vl-convert-python")


def software_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that make a report, by name."""
    return {"Python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}
