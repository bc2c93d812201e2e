"""The public names say what they take, give and raise."""

from __future__ import annotations

import dataclasses
import doctest
import enum
import inspect
import re
import subprocess
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest

import brainalign_plugin
from brainalign_plugin.results import Result

NAMES = [name for name in brainalign_plugin.__all__ if name != "__version__"]


def members():
    """Every public name, and the public methods of the classes among them."""
    for name in NAMES:
        thing = getattr(brainalign_plugin, name)
        yield name, thing
        if inspect.isclass(thing):
            for method, function in vars(thing).items():
                if not method.startswith("_") and inspect.isfunction(function):
                    yield f"{name}.{method}", function


MEMBERS = dict(members())


@pytest.mark.parametrize("name", MEMBERS)
def test_a_public_name_is_described(name):
    text = inspect.getdoc(MEMBERS[name]) or ""
    assert len(text.splitlines()[0]) > 15
    assert text[0].isupper()


@pytest.mark.parametrize("name", [n for n in NAMES if dataclasses.is_dataclass(MEMBERS[n])])
def test_a_record_names_its_attributes(name):
    text = inspect.getdoc(MEMBERS[name])
    shown = [f.name for f in dataclasses.fields(MEMBERS[name]) if not f.name.startswith("_")]
    if len(shown) > 4:
        assert "Attributes\n----------" in text
    described = set(re.findall(r"[A-Za-z_]\w*", text))
    if "Attributes" in text:
        assert set(shown) <= described


@pytest.mark.parametrize("name", [n for n in NAMES if inspect.isfunction(MEMBERS[n])])
def test_a_function_says_what_it_takes_and_what_it_raises(name):
    function = MEMBERS[name]
    text = inspect.getdoc(function)
    parameters = list(inspect.signature(function).parameters)
    if parameters:
        assert "Parameters\n----------" in text
        section = text.split("Parameters\n----------", 1)[1].split("\n\n", 1)[0]
        assert all(re.search(rf"\b{p}\b", section) for p in parameters), parameters
    if inspect.signature(function).return_annotation not in (None, "None"):
        assert "Returns\n-------" in text
    if "raise " in inspect.getsource(function):
        assert "Raises\n------" in text


def test_arrays_have_shapes():
    for name in ("Board", "Snapshot", "RankResult"):
        assert "shape (" in inspect.getdoc(MEMBERS[name])


def test_every_name_is_what_it_says():
    for name in NAMES:
        thing = getattr(brainalign_plugin, name)
        assert thing.__name__ == name
        assert inspect.isfunction(thing) or inspect.isclass(thing)
        if inspect.isclass(thing) and not dataclasses.is_dataclass(thing):
            assert issubclass(thing, enum.Enum)
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        brainalign_plugin.no_such_name  # noqa: B018 -- looked up for its error
    assert dir(brainalign_plugin) == sorted(brainalign_plugin.__all__)


PACKAGE = Path(brainalign_plugin.__file__).parent
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py" and ">>>" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_print_what_they_show(module):
    found = doctest.testmod(import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert found.attempted
    assert not found.failed


def shown() -> dict[str, type]:
    """The results, their charts, and `Chart`, by name."""
    modules = {sys.modules[MEMBERS[name].__module__] for name in NAMES if inspect.isclass(MEMBERS[name])}
    kinds = {kind for module in modules for kind in vars(module).values() if inspect.isclass(kind)}
    return {
        kind.__name__: kind
        for kind in kinds
        if issubclass(kind, Result) or kind.__name__.endswith("Plots") or kind is brainalign_plugin.Chart
    }


SHOWN = shown()


def results() -> list[tuple[str, object]]:
    """The public names, and the methods of results, of their charts and of boards."""
    found = [(name, MEMBERS[name]) for name in NAMES]
    for name, kind in sorted(SHOWN.items()):
        methods = inspect.getmembers(kind, inspect.isfunction)
        found += [(f"{name}.{method}", thing) for method, thing in methods if not method.startswith("_")]
    board = brainalign_plugin.Board
    return found + [(f"Board.{name}", getattr(board, name)) for name in ("from_frame", "to_frame", "as_of", "clean")]


# Names that read, write, draw or show what others computed.
WITHOUT_SOURCE = {
    *("Cell", "CellState", "Chart", "Reference", "Rows", "Scheme", "Snapshot", "Board", "Timeline"),
    *("example", "freeze", "load", "read_reference", "read_scores", "read_snapshot", "scheme", "scheme_names"),
    *("snapshot_bytes", "timeline", "unregister", "write_reference"),
}


@pytest.mark.parametrize(("name", "thing"), results())
def test_a_public_name_or_method_has_an_executed_example_and_what_belongs_to_it(name, thing):
    text = inspect.getdoc(thing) or ""
    assert ">>>" in text, name
    sections = {line for line, under in pairwise(text.splitlines()) if re.fullmatch("-+", under) and under}
    assert {"See Also", "Examples"} <= sections, name
    if inspect.isroutine(thing):
        assert "Returns" in sections or inspect.signature(thing).return_annotation == "None", name
        parameters = set(inspect.signature(thing).parameters) - {"self", "cls"}
        assert not parameters or "Parameters" in sections, name
        assert "raise " not in inspect.getsource(thing) or "Raises" in sections, name
    estimates = name in NAMES and inspect.isfunction(thing) and name not in WITHOUT_SOURCE
    if estimates or name.partition(".")[2] in ("interval", "told_apart", "difference", "compare", "clean"):
        assert "References" in sections, name


@pytest.mark.parametrize(("name", "thing"), results())
def test_see_also_names_what_there_is(name, thing):
    section = (inspect.getdoc(thing) or "").partition("See Also\n--------\n")[2].partition("\n\n")[0]
    for other in re.findall(r"^([\w.]+) :", section, re.MULTILINE):
        outer, _, inner = other.partition(".")
        owner = SHOWN.get(outer) or getattr(brainalign_plugin, outer)
        assert not inner or hasattr(owner, inner), (name, other)


def test_results_need_no_docstrings():
    program = "import brainalign_plugin as ba; print(ba.clusters(ba.example()).plot.heatmap().rows)"
    done = subprocess.run(
        [sys.executable, "-OO", "-c", program], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    )
    assert done.stdout == "8\n"
