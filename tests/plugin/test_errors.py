from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

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


def messages(path):
    """The texts of a module that are no docstrings, with their lines."""
    tree = ast.parse(path.read_text("utf-8"))
    described = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
            yield node.lineno, node.value


def test_messages_speak_python_and_not_the_shell():
    """Brain-Score runs what is in brainscore/ from a shell; theme.py has the variables of a style sheet."""
    package = Path(errors.__file__).parent
    found = [
        f"{path.name}:{line}: {text}"
        for path in sorted(package.rglob("*.py"))
        if "brainscore" not in path.relative_to(package).parts and path.name != "theme.py"
        for line, text in messages(path)
        if re.search(r"\bbrainalign [a-z]|(?<![\w(-])--[a-z]", text)
    ]
    assert found == []
