"""The rules of who may import whom hold, and a breach of each is noticed."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from tests.conftest import ROOT

# What brainalign_plugin may import. Only the benchmark plugin and its link reach further.
PLUGIN_LIBRARIES = {"numpy", "scipy", "pandas", "joblib"}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the two packages under the names that they are installed as."""
    folder = tmp_path_factory.mktemp("layers")
    for room, package in {"brainalign_plugin": "brainalign_plugin", "monitor": "brainalign_monitor"}.items():
        shutil.copytree(ROOT / room, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.cfg", folder)
    return folder


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_contracts_are_kept(copied):
    done = lint_imports(copied)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("brainalign_plugin/errors.py", "import brainalign_plugin.data.tree", "Rooms of the plugin"),
        ("brainalign_plugin/scales.py", "from brainalign_plugin import agreement", "Rooms of the plugin"),
        ("brainalign_plugin/oddments.py", "X = 1", "Rooms of the plugin"),
        ("brainalign_monitor/oddments.py", "X = 1", "Rooms of the monitor"),
        ("brainalign_monitor/base/errors.py", "from .. import sources", "Rooms of the monitor"),
        ("brainalign_monitor/sources/payload.py", "from .. import config", "Rooms of the monitor"),
        ("brainalign_monitor/history/figures.py", "from .. import report", "Rooms of the monitor"),
        ("brainalign_plugin/agreement/drivers.py", "import brainalign_monitor.base", "does not know the monitor"),
        ("brainalign_plugin/data/snapshot.py", "import pydantic", "numpy, scipy, pandas and joblib alone"),
        ("brainalign_plugin/agreement/drivers.py", "import torch.nn", "numpy, scipy, pandas and joblib alone"),
        ("brainalign_plugin/data/snapshot.py", "import brainscore_vision", "by the benchmark plugin and its link"),
        ("brainalign_monitor/sources/payload.py", "import brainscore_core.metrics", "by the benchmark plugin"),
    ],
)
def test_a_breach_is_noticed(copied, module, line, broken):
    path = copied / module
    before = path.read_text(encoding="utf-8") if path.exists() else None
    try:
        path.write_text(f"{before or ''}\n{line}\n", encoding="utf-8")
        done = lint_imports(copied)
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before, encoding="utf-8")
    assert done.returncode == 1, done.stdout + done.stderr
    assert any(broken in text and "BROKEN" in text for text in done.stdout.splitlines()), done.stdout


def test_the_benchmark_plugin_may_import_brainscore(copied):
    for name in ("link.py", "benchmark.py", "board/benchmark.py"):
        path = copied / "brainalign_plugin/brainscore" / name
        if not path.exists():
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text("import brainscore_core\nimport brainscore_vision.benchmarks\n", encoding="utf-8")
    lines = lint_imports(copied).stdout.splitlines()
    assert any("by the benchmark plugin and its link alone" in line and "KEPT" in line for line in lines)


def test_the_plugin_uses_no_other_library():
    graph = grimp.build_graph("brainalign_plugin", include_external_packages=True, cache_dir=None)
    # Pictures of charts are an extra.
    rooms = ("brainalign_plugin.brainscore", "brainalign_plugin.plot.chart")
    inner = [name for name in graph.modules if name.partition(".")[0] == "brainalign_plugin"]
    used = {
        imported
        for module in inner
        if not module.startswith(rooms)
        for imported in graph.find_modules_directly_imported_by(module)
    }
    libraries = {name.partition(".")[0] for name in used} - {"brainalign_plugin"} - sys.stdlib_module_names
    assert {"numpy", "pandas"} <= libraries <= PLUGIN_LIBRARIES


def test_folders_are_not_imported_under_their_bare_names():
    found = []
    for path in (path for room in ("brainalign_plugin", "monitor", "tests") for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            found += [f"{path}:{node.lineno}" for name in names if name.partition(".")[0] in {"monitor", "templates"}]
    assert found == []


def modules_after(code: str) -> set[str]:
    """Top-level modules that are loaded once ``code`` has run in a fresh interpreter."""
    script = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


HEAVY = {
    "torch",
    "brainscore_core",
    "brainscore_vision",
    "httpx",
    "sqlalchemy",
    "jinja2",
    "pydantic",
    "vl_convert",
    "matplotlib",
    "sklearn",
    "brainalign_monitor",
}


@pytest.mark.parametrize(
    "code",
    [
        "import brainalign_plugin",
        "import brainalign_plugin as plugin\nfor name in plugin.__all__: getattr(plugin, name)",
    ],
)
def test_the_plugin_loads_nothing_heavy(code):
    assert modules_after(code) & HEAVY == set()


def test_a_heavy_import_would_be_seen():
    assert {"httpx", "pydantic"} <= modules_after("import httpx, pydantic")


def test_brainalign_plugin_itself_costs_nothing():
    assert modules_after("import brainalign_plugin") & {"numpy", "pandas", "scipy"} == set()
