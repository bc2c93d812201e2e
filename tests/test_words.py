"""Docstrings and comments of the product are in plain words; ruff's D401 checks the verb of their first line."""

from __future__ import annotations

import ast
import re
import tokenize

import pytest

from tests.conftest import ROOT

FILES = [path for package in ("brainalign_plugin", "monitor") for path in sorted((ROOT / package).rglob("*.py"))]
BEGINNING = re.compile(r"(What|Who|Whether|Where|That|How)\b")
BANNED = re.compile(r"\b(told|said|somebody|whoever|beside|set aside|looks? after|spring|bends?|cold)\b", re.IGNORECASE)


def texts(path):
    """Every docstring and comment of a file, with its line."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        documented = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        if documented and (text := ast.get_docstring(node)):
            yield node.body[0].lineno, text
    with tokenize.open(path) as lines:
        for token in tokenize.generate_tokens(lines.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string.lstrip("#: ")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_docstrings_and_comments_are_in_plain_words(path):
    found = [f"{line}: {text[:80]}" for line, text in texts(path) if BEGINNING.match(text) or BANNED.search(text)]
    assert found == []
