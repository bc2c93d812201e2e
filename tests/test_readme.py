"""Every command and every snippet in README.md is run, in its order, against a site on the loopback."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import pytest

from brainalign_monitor.simulator import payload_bytes, simulate
from tests.commands import environment
from tests.conftest import ROOT
from tests.local_site import LocalSite, local_site

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
# Where the scripts of this environment are: `brainalign`, `pip`, `python`.
SCRIPTS = Path(sys.executable).parent
COPIED = (
    "Makefile",
    "setup.cfg",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "brainalign_plugin",
    "monitor",
    "templates",
)


def lines(language: str) -> list[str]:
    """The commands in all blocks of a language, without their comments."""
    found = [line for name, text in BLOCKS if name == language for line in text.splitlines()]
    return [line.partition(" #")[0].strip() for line in found if line.strip()]


COMMANDS = [line for line in lines("sh") if line.startswith("brainalign ")]
PIP = [line for line in lines("sh") if line.startswith("pip ")]


def test_every_block_is_of_a_kind_that_is_run():
    assert {language for language, _ in BLOCKS} == {"sh", "crontab", "python"}
    assert sorted(COMMANDS + PIP) == sorted(lines("sh"))
    assert re.findall(r"`(make\b[^`]*)`", README) == ["make docs"]


def test_it_is_short():
    assert len(README.splitlines()) < 100


class Reader:
    """Someone who follows the README in a folder of their own, with the site replaced by ``BRAINALIGN_BASE_URL``."""

    def __init__(self, folder: Path, site: LocalSite) -> None:
        self.folder = folder
        self.site = site
        self.variables = environment(base_url=site.url, attempts=1) | {
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder / ".local/share"),
            "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
        }

    def run(self, *command: str, **variables: str) -> str:
        """Output of a command that must succeed and say nothing on stderr."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.variables | variables, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with local_site(payload_bytes(simulate(1), date(2024, 1, 1))) as site:
        yield Reader(tmp_path_factory.mktemp("reader"), site)


@pytest.fixture(scope="module")
def followed(reader: Reader) -> dict[str, str]:
    """Output of each command, run in the order of the page."""
    return {line: reader.run("bash", "-c", line) for line in COMMANDS}


def test_the_commands_do_what_the_page_says(followed, reader):
    page = reader.folder / "brainalign-demo.html"
    assert page.as_uri() in followed["brainalign demo"]
    assert "simulated" in page.read_text()[:5000].lower()
    state = reader.folder / ".local/share/brainalign"
    report = re.fullmatch(r"stored snapshot 1: .*\nreport: (.*)\n(?:note: .*\n)*", followed["brainalign run"])
    assert report
    assert Path(report[1]).parent == state / "reports/vision"
    assert "reconstructed" in followed["brainalign history"]
    assert (reader.folder / "latest.snapshot.json.gz").exists()


def test_the_snippet_runs(followed, reader):
    (snippet,) = [text for language, text in BLOCKS if language == "python"]
    output = reader.run(sys.executable, "-W", "error", "-c", snippet)
    assert "all pairs" in output
    assert "<Ranks under 3 schemes" in output
    assert "Kendall's W" in output
    assert (reader.folder / "ranks.svg").exists()


def test_the_crontab_runs_as_cron_runs_it(followed, reader):
    (line,) = lines("crontab")
    fields = line.split(maxsplit=5)
    assert all(re.fullmatch(r"\*|\d+", field) for field in fields[:5])
    assert "%" not in fields[5], "cron would take it for the end of the line"
    # Cron gives a command little else.
    kept = {name: value for name, value in reader.variables.items() if name.startswith(("BRAINALIGN", "XDG", "SSL"))}
    before = len(reader.site.visits)
    done = subprocess.run(
        ["sh", "-c", fields[5]],
        env=kept | {"HOME": str(reader.folder), "PATH": f"{SCRIPTS}:/usr/bin:/bin", "SHELL": "/bin/sh"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(reader.site.visits) == before + 1


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What of the repository an installation needs, without an environment."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    return folder


@pytest.mark.parametrize("command", PIP)
def test_pip_accepts_what_it_is_told(checkout, command):
    words = shlex.split(command)
    assert words[:2] == ["pip", "install"]
    # All but the downloads: what these lines bring along is tested where packages are.
    told = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*told, *words[2:]], cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "does not provide the extra" not in done.stderr


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make: not on the PATH")


def below_no_make(variables: Mapping[str, str]) -> dict[str, str]:
    """Without the flags of a make above: they are inherited, and its messages end up among those of the one below."""
    return {name: value for name, value in variables.items() if not name.startswith(("MAKE", "MFLAGS"))}


def planned(folder: Path, target: str) -> list[str]:
    """What ``make`` would do."""
    done = subprocess.run(
        ["make", "--no-print-directory", "-n", target, f"PYTHON={sys.executable}", f"PYTHON_BASE={sys.executable}"],
        cwd=folder,
        env=below_no_make(os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@needs_make
def test_make_setup_and_make_demo_install_what_the_page_says(checkout):
    setup, demo = planned(checkout, "setup"), planned(checkout, "demo")
    assert any("-m venv .venv" in line for line in setup)
    assert any(line.endswith("--editable '.[brainscore,docs,test]'") for line in setup)
    assert any("-m venv .venv" in line for line in demo)
    assert any(line.endswith("--editable .") for line in demo)
    assert not any("brainscore" in line for line in demo)
    assert demo[-1] == ".venv/bin/brainalign demo"


@needs_make
def test_make_test_runs_every_check(checkout):
    plan = "\n".join(planned(checkout, "test"))
    for check in ("ruff check", "ruff format --check", "lint-imports", ".venv/bin/mypy", ".venv-base/bin/mypy"):
        assert check in plan, check
    for world in (".venv", ".venv-base"):
        assert f"{world}/bin/python -m pytest" in plan, world


def test_links_lead_somewhere():
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)]+)\)", text):
            if target.startswith("https://"):
                continue
            name, _, anchor = target.partition("#")
            path = (page.parent / name) if name else page
            assert path.exists(), f"{page.name}: {target}"
            if anchor:
                headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings}


def test_the_picture_is_one():
    (alternative, name) = re.findall(r"!\[([^]]+)\]\(([^)]+\.png)\)", README)[0]
    data = (ROOT / name).read_bytes()
    assert len(alternative) > 30
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    assert 1000 <= width <= 3000
    assert 600 <= height <= 3000
    assert len(data) < 400_000
