from __future__ import annotations

import inspect
import re

from brainalign_plugin import errors


def test_the_tree_of_errors_is_drawn_as_it_is():
    """Each line of the drawing is a class, indented below the class that it derives from."""
    classes = {
        c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.BrainAlignError)
    }
    above: list[type] = []
    drawn = set()
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^ {4}([│ ]*[├└]── )?(\w+Error)\b", line)
        if match is None:
            continue
        depth = len(match.group(1) or "") // 4
        error = getattr(errors, match.group(2))
        assert depth == 0 or error.__bases__[0] is above[depth - 1]
        above[depth:] = [error]
        drawn.add(error)
    assert drawn == classes
    assert issubclass(errors.InputError, ValueError)
