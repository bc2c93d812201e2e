from __future__ import annotations

import ast
import re
from pathlib import Path

from brainalign_plugin import errors


def messages(path):
    """The texts of a module that are no docstrings, with their lines."""
    tree = ast.parse(path.read_text("utf-8"))
    described = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and isinstance(node.body[0], ast.Expr)
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
