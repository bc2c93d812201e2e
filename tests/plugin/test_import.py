"""What importing the science costs and needs."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import brainalign_plugin

PACKAGE = Path(brainalign_plugin.__file__).parent

# The only places that may know Brain-Score.
APART = {"brainalign_plugin.brainscore"}


def modules() -> list[str]:
    """Every module of the package but those that need Brain-Score."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if not any(name == apart or name.startswith(f"{apart}.") for apart in APART):
            found.append(name)
    return found


def run(program: str) -> str:
    """What a fresh interpreter prints."""
    path = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n"
    done = subprocess.run([sys.executable, "-c", path + program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_loads_nothing_else():
    program = """
before = set(sys.modules)
import brainalign_plugin
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(new - set(sys.stdlib_module_names)))
brainalign_plugin.Snapshot
print("numpy" in sys.modules)
"""
    assert run(program) == "['brainalign_plugin']\nTrue"


def test_the_science_needs_four_libraries():
    program = f"""
# What the four libraries load of their own accord is theirs, some of it only when a part of them is first used.
import joblib, numpy, pandas, scipy.cluster.hierarchy, scipy.optimize, scipy.sparse.csgraph, scipy.special, scipy.stats
import scipy.linalg, scipy.spatial.distance
before = set(sys.modules)
for name in {modules()!r}:
    __import__(name)
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(sorted(new - set(sys.stdlib_module_names) - {{"numpy", "scipy", "pandas", "joblib"}}))
"""
    assert run(program) == "['brainalign_plugin']"


def test_every_public_name_is_there():
    assert len(set(brainalign_plugin.__all__)) == len(brainalign_plugin.__all__)
    assert dir(brainalign_plugin) == sorted(brainalign_plugin.__all__)
    for name in brainalign_plugin.__all__:
        assert getattr(brainalign_plugin, name) is not None
    assert brainalign_plugin.Board is import_module("brainalign_plugin.data.board").Board
    assert not hasattr(brainalign_plugin, "nothing_of_the_kind")
