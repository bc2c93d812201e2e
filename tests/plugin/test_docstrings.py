"""The public names say what they take, give and raise."""

from __future__ import annotations

import dataclasses
import doctest
import enum
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

import brainalign_plugin

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
    for name in ("Board", "Snapshot", "OfficialBoard", "Ranking"):
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
    found = doctest.testmod(import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted
    assert not found.failed


def results() -> list[tuple[str, object]]:
    """The verbs, and the methods and charts of their results."""
    found = [(name, MEMBERS[name]) for name in VERBS]
    modules = {inspect.getmodule(MEMBERS[name]) for name in VERBS}
    for module in modules:
        for kind in vars(module).values():
            if inspect.isclass(kind) and kind.__module__ == module.__name__:
                found += [
                    (f"{kind.__name__}.{name}", thing)
                    for name, thing in vars(kind).items()
                    if not name.startswith("_") and inspect.isfunction(thing)
                ]
    return found


VERBS = [
    name
    for name in NAMES
    if ".api." in f"{inspect.getmodule(MEMBERS[name]).__name__}." and inspect.isfunction(MEMBERS[name])
]


@pytest.mark.parametrize(("name", "thing"), results())
def test_a_verb_or_method_of_a_result_has_an_executed_example(name, thing):
    text = inspect.getdoc(thing) or ""
    assert ">>>" in text, name
    assert "Returns\n-------" in text, name
