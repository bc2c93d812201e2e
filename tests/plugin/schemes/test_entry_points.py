"""Schemes of other distributions: found by entry point, refused one by one, in a fresh interpreter each time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest

from tests.conftest import ROOT

HEAD = """
from dataclasses import replace
from brainalign_plugin.schemes import Scale, get_scheme, register
import numpy as np

def scheme(name, **changes):
    return replace(get_scheme("FLAT"), name=name, **changes)

def best(scaled, board):
    return np.nanmax(scaled, axis=1)
"""

ASK = """
import json, sys, warnings
from brainalign_plugin.schemes import rank_models, scheme_names
from brainalign_plugin.errors import BrainAlignError
from tests.boards import board_of
board = board_of([[0.1] * 6, [0.9, *[0.0] * 5]])
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    found = {}
    for name in sys.argv[1:]:
        try:
            found[name] = rank_models(board, name).scores.tolist()
        except BrainAlignError as error:
            found[name] = str(error)
    print(json.dumps({
        "found": found,
        "names": scheme_names(),
        "warned": [str(w.message) for w in warned if w.category is RuntimeWarning],
    }))
"""


def install(folder, distribution, entry_points, module):
    """A distribution as an installer leaves it: a module, and its metadata beside it."""
    name = distribution.replace("-", "_")
    (folder / f"{name}.py").write_text(HEAD + textwrap.dedent(module), encoding="utf-8")
    info = folder / f"{name}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n", encoding="utf-8")
    points = "".join(f"{point} = {name}:{value}\n" for point, value in entry_points.items())
    (info / "entry_points.txt").write_text(f"[brainalign.schemes]\n{points}", encoding="utf-8")


def ask(folder, *names):
    """What a fresh interpreter that sees the folder makes of the schemes of these names."""
    done = subprocess.run(
        [sys.executable, "-c", ASK, *names],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two distributions: one in order, one with every fault beside what is in order."""
    folder = tmp_path_factory.mktemp("site")
    install(
        folder,
        "good-schemes",
        {"one": "ONE", "several": "several", "registered": "OWN"},
        """
        ONE = scheme("ONE", weights=None, combine=best)
        OWN = register(scheme("OWN"))
        def several():
            yield scheme("TWO")
            yield scheme("THREE", weights="tree")
        """,
    )
    install(
        folder,
        "bad-schemes",
        {
            "absent": "NOT_THERE",
            "asks": "needs_an_argument",
            "fine": "FINE",
            "malformed": "malformed",
            "mixed": "mixed",
            "number": "NUMBER",
            "quits": "quits",
            "raises": "raises",
            "shape": "SHAPE",
            "taken": "taken",
            "text": "TEXT",
        },
        """
        FINE = scheme("FINE")
        NUMBER, TEXT = 5, "FLAT"
        SHAPE = scheme("SHAPE", weights=None, combine=lambda scaled, board: scaled)
        def needs_an_argument(board):
            return []
        def malformed():
            return scheme("BAD NAME")
        def mixed():
            return [scheme("MIXED"), "no scheme", scheme("MIXED2")]
        def quits():
            raise SystemExit(3)
        def raises():
            raise ZeroDivisionError("over\\nzero")
        def taken():
            return scheme("zmean")
        """,
    )
    install(folder, "broken-schemes", {"broken": "X"}, "this is no Python")
    return ask(folder, "one", "TWO", "three", "OWN", "FINE", "MIXED", "MIXED2", "SHAPE", "MIXD")


def test_schemes_of_other_distributions_are_used_by_name(world):
    found = world["found"]
    assert found["one"] == pytest.approx([0.1, 0.9])
    for name in ("TWO", "OWN", "FINE", "MIXED", "MIXED2"):
        assert found[name] == pytest.approx([0.1, 0.15])
    # On the tree V1 is one of two groups, and the leaf one of two in it.
    assert found["three"] == pytest.approx([0.1, 0.9 / 8])
    assert {"ONE", "TWO", "THREE", "OWN", "FINE"} <= set(world["names"])
    assert len(world["names"]) == len(set(world["names"]))


def test_a_malformed_one_is_refused_by_name_and_takes_no_other_down(world):
    refused = {message.split("'")[1]: message for message in world["warned"]}
    expected = {
        "absent": "AttributeError: module 'bad_schemes' has no attribute 'NOT_THERE'",
        "asks": "TypeError: needs_an_argument() missing 1 required positional argument",
        "broken": "SyntaxError: invalid syntax",
        "malformed": "a scheme is named 'BAD NAME'",
        "mixed": "it gives 'no scheme', which is not a Scheme",
        "number": "it gives 5; give a Scheme, or a function that returns Schemes",
        "quits": "SystemExit: 3",
        "raises": "ZeroDivisionError: over\nzero",
        "taken": "there is already a scheme ZMEAN; choose another name than 'zmean'",
        "text": "it gives 'FLAT'; give a Scheme",
    }
    # In the order of the entry points' names, each once.
    assert list(refused) == sorted(expected)
    for point, what in expected.items():
        distribution = "broken-schemes" if point == "broken" else "bad-schemes"
        assert refused[point].startswith(f"the entry point {point!r} ({distribution.replace('-', '_')}:")
        assert f") of {distribution} 1.2 gives no usable scheme: {what}" in refused[point]


def test_who_asks_for_a_refused_scheme_is_told_why(world):
    message = world["found"]["MIXD"]
    assert message.startswith("there is no aggregation scheme 'MIXD'; did you mean ")
    assert "MIXED" in message
    assert "; refused: the entry point 'absent'" in message


def test_a_combination_of_another_shape_is_refused_when_it_is_used(world):
    assert world["found"]["SHAPE"] == ("scheme SHAPE returned the shape (2, 6) for 2 models; return one score a model")


def test_importing_looks_for_nothing(tmp_path):
    install(tmp_path, "loud-schemes", {"loud": "X"}, "raise SystemExit('imported')")
    done = subprocess.run(
        [sys.executable, "-c", "import brainalign_plugin.schemes"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_without_other_distributions_there_is_nothing_to_refuse(tmp_path):
    found = ask(tmp_path, "FLAT")
    assert found["warned"] == []
    assert found["found"]["FLAT"] == pytest.approx([0.1, 0.15])
