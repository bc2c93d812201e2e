"""The machinery of the tests is worth nothing if it cannot fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REASONS, ROOT, required_reasons

NEEDS_SHARED = """
import pytest

@pytest.mark.needs("shared")
def test_marked():
    pass

def test_fixture(shared_site):
    pass
"""


def run_pytest(tmp_path: Path, body: str, **variables: str) -> str:
    """Output of a run of ``body`` under our conftest, with payloads looked for in an empty folder."""
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
    (tmp_path / "test_it.py").write_text(body)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BRAINALIGN_")}
    command = [sys.executable, "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider", str(tmp_path)]
    shared = {"BRAINALIGN_SHARED": str(tmp_path / "none")}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment | shared | variables, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_what_is_missing_skips_with_its_reason(tmp_path):
    output = run_pytest(tmp_path, NEEDS_SHARED)
    assert "2 skipped" in output
    assert f"shared: no compare-data-*.json.gz in {tmp_path / 'none'}" in output


def test_what_is_missing_fails_where_it_was_promised(tmp_path):
    output = run_pytest(tmp_path, NEEDS_SHARED, BRAINALIGN_REQUIRE="browser, shared")
    assert "skipped" not in output
    assert output.count("shared is in BRAINALIGN_REQUIRE, but no compare-data") >= 2


def test_what_is_there_runs(tmp_path):
    (tmp_path / "compare-data-2020-01-01.json.gz").touch()
    output = run_pytest(tmp_path, NEEDS_SHARED, BRAINALIGN_SHARED=str(tmp_path), BRAINALIGN_REQUIRE="shared")
    assert "2 passed" in output


def test_a_misspelt_reason_is_refused(tmp_path):
    assert "names ['brwser']" in run_pytest(tmp_path, NEEDS_SHARED, BRAINALIGN_REQUIRE="brwser")
    assert "needs ['shred']" in run_pytest(tmp_path, NEEDS_SHARED.replace('"shared"', '"shred"'))


def test_reasons_are_those_of_ci():
    line = next(line for line in (ROOT / ".ci/run").read_text().splitlines() if "BRAINALIGN_REQUIRE=" in line)
    assert required_reasons(line.partition("=")[2]) == REASONS.keys()


def test_no_test_sees_the_users_state(tmp_path_factory):
    assert tmp_path_factory.getbasetemp() in Path(os.environ["BRAINALIGN_HOME"]).parents


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("throw new Error('torn')", "torn"),
        ("console.error('spoken')", "spoken"),
        ("new Image().src = 'missing.png'", "missing.png"),
        ("document.title = 'done'", None),
    ],
)
def test_the_browser_reports_what_its_console_says(browser, tmp_path, script, expected):
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><meta charset='utf-8'><link rel='icon' href='data:,'><script>{script}</script>")
    browser.get(page.as_uri())
    messages = [entry["message"] for entry in browser.get_log("browser")]
    assert (not messages) if expected is None else any(expected in message for message in messages)
