"""A fresh virtual environment with brainalign and Brain-Score in it, which nothing outside of it notices.

All packages are borrowed from the environment of the tests by links, but for brainscore_vision: its folders of
benchmarks and models are real ones here, holding links to the real plugins, so that a plugin can be put among them and
taken away.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.conftest import ROOT

_UNBORROWED = ("__pycache__",)
_SOURCE_ONLY = shutil.ignore_patterns(
    ".git", ".venv*", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis", "tests"
)


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    out: str
    err: str

    def succeeded(self) -> Ended:
        assert self.code == 0, f"{self.out}\n{self.err}"
        return self


@dataclass(frozen=True)
class Environment:
    """A virtual environment and the folder around it."""

    folder: Path
    site: Path

    @property
    def python(self) -> Path:
        return self.folder / "venv" / "bin" / "python"

    @property
    def package(self) -> Path:
        return self.site / "brainscore_vision"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def variables(self, **settings: object) -> dict[str, str]:
        """Environment variables of a process in it: BRAINALIGN_ settings, and nothing of whoever runs the tests."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("BRAINALIGN_", "BS_", "PYTHON", "VIRTUAL_ENV"))
            and not name.lower().endswith("_proxy")
        }
        return (
            kept
            | {
                "HOME": str(self.folder / "user"),
                "PATH": f"{self.python.parent}:{os.environ['PATH']}",
                "RESULTCACHING_DISABLE": "1",
                "BRAINALIGN_HOME": str(self.home),
                "COLUMNS": "200",
            }
            | {f"BRAINALIGN_{name.upper()}": str(value) for name, value in settings.items()}
        )

    def run(self, *command: object, variables: Mapping[str, str] | None = None, **settings: object) -> Ended:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=self.folder,
            env=self.variables(**settings) | dict(variables or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def python_runs(self, code: str, variables: Mapping[str, str] | None = None, **settings: object) -> Ended:
        return self.run(self.python, "-c", textwrap.dedent(code), variables=variables, **settings)

    def brainalign(self, *arguments: object, **settings: object) -> Ended:
        return self.run(self.folder / "venv/bin/brainalign", *arguments, **settings)

    def add_plugin(self, kind: str, name: str, code: str) -> Path:
        """Put a plugin folder among the benchmarks or models."""
        folder = self.package / kind / name
        folder.mkdir()
        (folder / "__init__.py").write_text(textwrap.dedent(code), encoding="utf-8")
        # What its first import would compile is there before anybody compares trees.
        self.run(self.python, "-m", "compileall", "-q", folder).succeeded()
        return folder

    def tree(self) -> dict[str, str]:
        """Every file and link of site-packages but Brain-Score's scores on the way to another process."""
        found = {}
        for path in sorted(self.site.rglob("*")):
            if path.name.startswith("conda_score--"):
                continue
            name = str(path.relative_to(self.site))
            if path.is_symlink():
                found[name] = f"link to {path.readlink()}"
            elif path.is_file():
                found[name] = f"{path.stat().st_size} bytes, hash {hash(path.read_bytes())}"
            else:
                found[name] = "folder"
        return found


def make_environment(folder: Path) -> Environment:
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    (folder / "user").mkdir()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    environment = Environment(folder, folder / "venv" / "lib" / version / "site-packages")
    source = shutil.copytree(ROOT, folder / "source", ignore=_SOURCE_ONLY)
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder)
    environment.run(*build, source).succeeded()
    (wheel,) = folder.glob("*.whl")
    borrow_brainscore(environment.package)
    borrow_packages(folder / "borrowed", {"brainscore_vision"})
    (environment.site / "borrowed.pth").write_text(f"{folder / 'borrowed'}\n", encoding="utf-8")
    # What a stranger types; all that it needs is there.
    pip = (sys.executable, "-m", "pip", "--python", environment.python, "--disable-pip-version-check")
    said = environment.run(*pip, "install", "--no-index", f"{wheel}[brainscore]").succeeded().out
    assert "Requirement already satisfied: brainscore-vision>=2.4" in said
    # What importing compiles is there before anybody compares trees.
    environment.python_runs(
        "import brainscore_vision.benchmarks, brainscore_vision.models, brainalign_monitor.cli"
    ).succeeded()
    environment.run(environment.python, "-m", "compileall", "-q", "-l", environment.package).succeeded()
    return environment


def borrow_packages(folder: Path, but: set[str]) -> None:
    """Links to all packages but those that are installed in the environment itself, so that it sees no other."""
    folder.mkdir()
    # An environment may borrow packages from another one in turn.
    for place in [entry for entry in sys.path if entry.endswith("site-packages")]:
        for path in Path(place).iterdir():
            ours = path.name in but or path.name.startswith("brainalign")
            if not ours and not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)


def borrow_brainscore(package: Path) -> None:
    """Make a package of links to the installed one, with real folders for benchmarks and models."""
    spec = find_spec("brainscore_vision")
    assert spec is not None
    assert spec.origin is not None
    real = Path(spec.origin).parent
    for folder in (package, package / "benchmarks", package / "models"):
        folder.mkdir()
    for inside in ("", "benchmarks", "models"):
        for path in (real / inside).iterdir():
            target = package / inside / path.name
            if path.name not in _UNBORROWED and not target.exists():
                target.symlink_to(path)
