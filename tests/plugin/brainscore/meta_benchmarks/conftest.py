"""One fresh environment for all tests here; each links and unlinks for itself, and adds plugins of its own names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from brainalign_plugin.files.reference import Reference, freeze
from brainalign_plugin.files.reference_file import reference_path, write_reference
from tests.boards import day, snapshot_of, tree_of
from tests.conftest import require
from tests.plugin.brainscore.meta_benchmarks.environment import Environment, make_environment

LEAVES = ("Tiny2026.behavior-accuracy", "Tiny2026.V4-cka", "Tiny2026.IT-rdm", "Tiny2026.IT-cka")


# A model that Brain-Score can load, of which nothing but its name is asked.
NAMED_MODEL = """
    from brainscore_vision import model_registry
    from brainscore_vision.model_interface import BrainModel

    class Named(BrainModel):
        identifier = 'named-model'
        def start_task(self, task): pass

    model_registry['named-model'] = Named
"""


def tiny_reference(name: str = "tiny", domain: str = "vision") -> Reference:
    """Fourteen models on four benchmarks, behaviour first, so that a task is set before neurons are recorded."""
    tree = tree_of(
        {
            f"average_{domain}": {
                f"behavior_{domain}": {LEAVES[0]: None},
                f"neural_{domain}": {"V4": {LEAVES[1]: None}, "IT": {LEAVES[2]: None, LEAVES[3]: None}},
            }
        }
    )
    rows = np.random.default_rng(8).uniform(0.0, 0.6, (14, 4)).round(3).tolist()
    rows[3][2], rows[5][0], rows[5][1] = "", "X", ""
    return freeze(snapshot_of(tree, rows, domain=domain), name, day(20))


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A fresh virtual environment with brainalign's wheel and a brainscore_vision of its own."""
    require("brainscore")
    made = make_environment(tmp_path_factory.mktemp("environment"))
    made.add_plugin("models", "named_model", NAMED_MODEL)
    return made


@pytest.fixture
def linked(environment: Environment) -> Iterator[Environment]:
    """The environment with the plugin linked, a home with a frozen reference, and afterwards as it was before."""
    before = environment.tree()
    path = reference_path(environment.home / "references", "tiny")
    write_reference(path, tiny_reference(), replace_existing=True)
    environment.brainalign("link").succeeded()
    yield environment
    environment.brainalign("unlink").succeeded()
    path.unlink()
    assert environment.tree() == before


@pytest.fixture
def scores_file(tmp_path: Path) -> Path:
    """A scores file with all four benchmarks."""
    path = tmp_path / "scores.csv"
    path.write_text(
        "benchmark,score,error\n" + "".join(f"{leaf},0.{i + 2}5,0.01\n" for i, leaf in enumerate(LEAVES)),
        encoding="utf-8",
    )
    return path
