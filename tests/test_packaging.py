"""What is built is what is in the tree: no file forgotten, none too many, and it works once installed."""

from __future__ import annotations

import configparser
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import brainalign_plugin
from tests.conftest import ROOT

# Folder in the repository -> package that it is installed as.
ROOM_PACKAGES = {
    "brainalign_plugin": "brainalign_plugin",
    "monitor": "brainalign_monitor",
    "templates": "brainalign_monitor.templates",
}

IN_REPOSITORY_ONLY = shutil.ignore_patterns(
    ".git", ".venv*", "build", "dist", "*.egg-info", "__pycache__", "*.py[cod]", ".*_cache", ".hypothesis"
)


def setup_cfg(folder: Path = ROOT) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string((folder / "setup.cfg").read_text(encoding="utf-8"))
    return parser


def entries(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def packages_in_tree(folder: Path) -> dict[str, Path]:
    """Every package that the folders make, by its installed name."""
    found = {}
    for room, package in ROOM_PACKAGES.items():
        for init in (folder / room).rglob("__init__.py"):
            inner = init.parent.relative_to(folder / room).parts
            found[".".join((package, *inner))] = init.parent
    return found


def packaging_problems(folder: Path) -> list[str]:
    listed = set(entries(setup_cfg(folder)["options"]["packages"]))
    there = packages_in_tree(folder)
    code = {path.parent for room in ROOM_PACKAGES for path in (folder / room).rglob("*.py")}
    return [
        *(f"{name} is a folder with __init__.py, but not in setup.cfg" for name in sorted(there.keys() - listed)),
        *(f"{name} is in setup.cfg, but not a folder with __init__.py" for name in sorted(listed - there.keys())),
        *(f"{path.relative_to(folder)} holds code, but no __init__.py" for path in sorted(code - {*there.values()})),
    ]


def files_once_installed(folder: Path) -> dict[str, bytes]:
    """Every file of the rooms by its path once installed."""
    found = {}
    for room, package in ROOM_PACKAGES.items():
        for path in (folder / room).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                found["/".join((*package.split("."), *path.relative_to(folder / room).parts))] = path.read_bytes()
    return found


def run(*command: str | Path, cwd: Path) -> str:
    """Output of a command that must succeed, with nothing of the repository on its path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_listed_packages_are_those_in_the_tree():
    assert packaging_problems(ROOT) == []


def test_a_forgotten_folder_is_noticed(tmp_path):
    source = shutil.copytree(ROOT, tmp_path / "source", ignore=IN_REPOSITORY_ONLY)
    for name in ("unlisted/__init__.py", "bare/code.py"):
        (source / "monitor" / name).parent.mkdir()
        (source / "monitor" / name).touch()
    shutil.rmtree(source / "brainalign_plugin/ranking")
    assert packaging_problems(source) == [
        "brainalign_monitor.unlisted is a folder with __init__.py, but not in setup.cfg",
        "brainalign_plugin.ranking is in setup.cfg, but not a folder with __init__.py",
        "monitor/bare holds code, but no __init__.py",
    ]


@dataclass(frozen=True)
class Built:
    source: Path
    wheel: Path
    sdist: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """An sdist of a copy of the tree, and the wheel that comes out of that sdist."""
    source = shutil.copytree(ROOT, tmp_path_factory.mktemp("build") / "source", ignore=IN_REPOSITORY_ONLY)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", source / "dist", source, cwd=source.parent)
    (wheel,) = (source / "dist").glob("*.whl")
    (sdist,) = (source / "dist").glob("*.tar.gz")
    return Built(source, wheel, sdist)


def test_the_wheel_holds_the_packages_and_nothing_else(built):
    version = brainalign_plugin.__version__
    about = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "top_level.txt", "licenses/LICENSE"}
    with zipfile.ZipFile(built.wheel) as wheel:
        contents = {name: wheel.read(name) for name in wheel.namelist()}
    expected = files_once_installed(ROOT)
    assert contents.keys() == expected.keys() | {f"brainalign-{version}.dist-info/{name}" for name in about}
    assert {name: contents[name] for name in expected} == expected
    assert {name.partition("/")[0] for name in contents} == {
        "brainalign_plugin",
        "brainalign_monitor",
        f"brainalign-{version}.dist-info",
    }


def test_the_wheel_says_what_it_is(built):
    with zipfile.ZipFile(built.wheel) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
        metadata = Parser().parsestr(wheel.read(name).decode())
        (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
        assert "brainalign = brainalign_monitor.cli.main:main" in wheel.read(name).decode().splitlines()
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata.get_payload() == (ROOT / "README.md").read_text(encoding="utf-8")
    assert metadata.get_all("Provides-Extra") == [
        "bench",
        "brainscore",
        "docs",
        "dask",
        "plot",
        "notify",
        "postgres",
        "test",
    ]


def test_the_sdist_is_the_repository(built):
    with tarfile.open(built.sdist) as sdist:
        names = {name.name.partition("/")[2] for name in sdist.getmembers() if name.isfile()}
    folders = (*ROOM_PACKAGES, "deploy", "docs", "examples", "tests")
    expected = {
        path.relative_to(built.source).as_posix()
        for folder in folders
        for path in (built.source / folder).rglob("*")
        if path.is_file()
    }
    expected |= {path.name for path in built.source.glob("*.md")}
    expected |= {"setup.cfg", "pyproject.toml", "LICENSE", "Makefile", "MANIFEST.in", "CITATION.cff", "mkdocs.yml"}
    made = {name for name in names if name == "PKG-INFO" or ".egg-info/" in name}
    assert names - made == expected


def test_twine_takes_what_is_built(built):
    assert (
        run(sys.executable, "-m", "twine", "check", "--strict", built.wheel, built.sdist, cwd=ROOT).count("PASSED") == 2
    )


def test_one_version_is_written_everywhere():
    version = brainalign_plugin.__version__
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == version
    assert f"\n## {version}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module", params=["wheel", "editable"])
def installed(request: pytest.FixtureRequest, built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with brainalign installed, which borrows all other packages from this one."""
    home = tmp_path_factory.mktemp(request.param)
    wheel = built.wheel
    if request.param == "editable":
        code = f"from setuptools import build_meta; build_meta.build_editable({str(home)!r})"
        run(sys.executable, "-c", code, cwd=built.source)
        (wheel,) = home.glob("*.whl")
    venv.create(home / "venv", with_pip=False, symlinks=True)
    python = home / "venv/bin/python"
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "install")
    run(*pip, "--quiet", "--no-deps", "--no-index", wheel, cwd=home)
    # Only now, or pip would see this environment's brainalign. The .pth files in there are not followed.
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home).strip()
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (Path(site) / "borrowed.pth").write_text("\n".join(sorted(borrowed)) + "\n", encoding="utf-8")
    return home


LOOK = """
import json, pathlib
import brainalign_monitor, brainalign_plugin
from jinja2 import Environment, PackageLoader
loader = PackageLoader("brainalign_monitor.templates", "")
names = [name for name in loader.list_templates() if not name.endswith((".py", ".pyc"))]
environment = Environment(loader=loader, autoescape=True)
print(json.dumps({
    "homes": [str(pathlib.Path(room.__file__).parent) for room in (brainalign_monitor, brainalign_plugin)],
    "templates": {name: loader.get_source(environment, name)[0] for name in names},
}))
"""


def test_an_installation_finds_its_templates(built, installed):
    seen = json.loads(run(installed / "venv/bin/python", "-I", "-c", LOOK, cwd=installed))
    templates = {path for path in (ROOT / "templates").iterdir() if path.is_file() and path.suffix != ".py"}
    assert templates, "no template to look for"
    assert seen["templates"] == {path.name: path.read_bytes().decode() for path in templates}
    homes = [Path(home) for home in seen["homes"]]
    if installed.name.startswith("editable"):
        assert homes == [built.source / "monitor", built.source / "brainalign_plugin"]
    else:
        assert all(installed in home.parents for home in homes)


def test_an_installation_answers_its_command(installed):
    assert "Usage: brainalign" in run(installed / "venv/bin/brainalign", "--help", cwd=installed)


def requirement_closure(requirements: list[str], extra: str = "") -> set[str]:
    """Names of all that an installation of ``requirements`` brings along here."""
    found: set[str] = set()
    waiting = [(Requirement(text), {extra}) for text in requirements]
    while waiting:
        requirement, extras = waiting.pop()
        if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        name = canonicalize_name(requirement.name)
        if name in found and not requirement.extras:
            continue
        found.add(name)
        inner = importlib.metadata.requires(name) or []
        waiting += [(Requirement(text), requirement.extras | {""}) for text in inner]
    return found


def test_the_base_install_is_small():
    base = requirement_closure(entries(setup_cfg()["options"]["install_requires"]))
    assert {"numpy", "sqlalchemy", "mako"} <= base, "the walk does not reach what it should"
    assert not {name for name in base if re.match(r"torch|nvidia|brainscore|jupyter|scikit-learn|xarray", name)}


@pytest.mark.needs("brainscore")
def test_brainscore_is_what_brings_torch():
    assert "torch" in requirement_closure(entries(setup_cfg()["options.extras_require"]["brainscore"]))


# Modules that a release above an upper bound breaks: a bound without a row here is one too many.
BROKEN_BY = {"apscheduler": "brainalign_monitor.service.serve"}


def test_upper_bounds_are_those_that_are_needed():
    texts = [setup_cfg()["options"]["install_requires"], *setup_cfg()["options.extras_require"].values()]
    requirements = [Requirement(line) for text in texts for line in entries(text)]
    assert {one.name for one in requirements if any(part.operator != ">=" for part in one.specifier)} == set(BROKEN_BY)


@pytest.mark.parametrize("name", BROKEN_BY)
def test_a_release_above_an_upper_bound_breaks_what_uses_it(name):
    refused = Path(sys.prefix) / "refused"
    if not refused.is_dir():
        pytest.skip(f"{refused} is made by `make test-delivery`")
    found = next(importlib.metadata.distributions(name=name, path=[str(refused)]))
    (bounded,) = [
        one for one in map(Requirement, entries(setup_cfg()["options"]["install_requires"])) if one.name == name
    ]
    assert not bounded.specifier.contains(found.version, prereleases=True)
    command = [sys.executable, "-c", f"import {BROKEN_BY[name]}"]
    subprocess.run(command, check=True)
    above = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(refused)}, capture_output=True, text=True, check=False
    )
    assert f"No module named '{name}." in above.stderr
