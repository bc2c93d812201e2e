"""Docstrings for the reference as `help` shows them, with the texts that many functions share."""

from __future__ import annotations

import inspect
from pydoc import locate
from typing import Any

import griffe


class Completed(griffe.Extension):
    """Take the docstrings of the imported package."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Replace a docstring as written by the completed one."""
        if obj.docstring and not obj.is_module:
            thing = locate(obj.path)
            if thing is not None:
                obj.docstring.value = inspect.getdoc(thing) or obj.docstring.value
