"""The process that studies the schemes beside a run: the same numbers as here, and an answer whatever becomes of it."""

from __future__ import annotations

import dataclasses
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog

from brainalign_monitor import beside as module
from brainalign_monitor.beside import Beside, beside, studied
from brainalign_plugin.aggregation import Scheme, get_scheme, registry
from brainalign_plugin.analysis import analyse
from brainalign_plugin.analysis.study import study_schemes
from brainalign_plugin.errors import InputError
from brainalign_plugin.snapshot import Snapshot
from tests.boards import halves, snapshot_of
from tests.commands import brainalign, environment

THRESHOLDS: dict[str, Any] = {"max_missing": 0.5, "min_overlap": 3}

pytestmark = pytest.mark.usefixtures("_log_lines", "_two_cores")


@pytest.fixture
def _log_lines():
    """All log lines: a command that ran before may have turned some off."""
    structlog.reset_defaults()


@pytest.fixture
def _two_cores(monkeypatch):
    """Also a machine with one core has a process beside in these tests."""
    monkeypatch.setattr(module, "_cores", lambda: 2)


def random_snapshot(models: int, seed: int) -> Snapshot:
    """Random scores, and one more model without all of them."""
    scores = np.random.default_rng(seed).uniform(0.1, 0.9, (models, 6)).round(3).tolist()
    return snapshot_of(halves(6), [*scores, [0.4, "", 0.5, "X", 0.6, 0.3]])


@pytest.fixture(scope="module")
def snapshot():
    return random_snapshot(9, 5)


def differences(one: Any, other: Any, path: str = "study") -> list[str]:
    """Where two records differ, by the path of fields that leads there."""
    if type(one) is not type(other):
        return [path]
    if isinstance(one, Scheme):
        same = (one.name, one.combination, one.claims) == (other.name, other.combination, other.claims)
    elif isinstance(one, np.ndarray):
        same = one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind in "fM")
    elif not (parts := parts_of(one)):
        same = one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other))
    else:
        others = parts_of(other)
        same = list(parts) == list(others)
        if same:
            return [found for key in parts for found in differences(parts[key], others[key], f"{path}.{key}")]
    return [] if same else [path]


def parts_of(record: Any) -> Mapping[Any, Any]:
    if dataclasses.is_dataclass(record):
        return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    if isinstance(record, (tuple, list)):
        return dict(enumerate(record))
    return record if isinstance(record, Mapping) else {}


def test_it_studies_as_this_process_does(snapshot, monkeypatch):
    expected = studied(analyse(snapshot, **THRESHOLDS))
    analysis = analyse(snapshot, **THRESHOLDS)
    monkeypatch.setattr(
        "brainalign_plugin.analysis.study.study_schemes", lambda _: pytest.fail("studied here")
    )
    with beside() as work:
        work.begin(snapshot, **THRESHOLDS)
        found = work.study(analysis)
    assert len(found.schemes) >= 31
    assert differences(found, expected) == []
    # What this process has is taken from it: short ways know a scheme by its functions.
    assert found.board is analysis.cleaning.board
    assert all(
        one.scheme is get_scheme(one.scheme.name)
        for one in found.schemes
        if get_scheme(one.scheme.name).bind is None
    )


def test_the_comparison_sees_a_difference(snapshot):
    study = study_schemes(analyse(snapshot, **THRESHOLDS))
    audits = (dataclasses.replace(study.audits[0], pareto=7), *study.audits[1:])
    assert differences(study, dataclasses.replace(study, audits=audits)) == ["study.audits.0.pareto"]


def test_a_board_on_which_nothing_can_be_compared():
    lonely = random_snapshot(1, 5)
    with beside() as work:
        work.begin(lonely, **THRESHOLDS)
        assert work.study(analyse(lonely, **THRESHOLDS)) is None


def test_another_board_than_the_one_it_was_given_is_studied_here(snapshot):
    other = random_snapshot(5, 6)
    with beside() as work:
        work.begin(snapshot, **THRESHOLDS)
        work.begin(other, **THRESHOLDS)
        found = work.study(analyse(other, **THRESHOLDS))
    assert len(found.board.models) == 5


def test_a_scheme_of_this_program_alone_is_not_left_out(snapshot, monkeypatch):
    monkeypatch.setitem(registry._REGISTRY, "MINE", dataclasses.replace(get_scheme("ZMEAN"), name="MINE"))
    with beside() as work:
        work.begin(snapshot, **THRESHOLDS)
        found = work.study(analyse(snapshot, **THRESHOLDS))
    assert "MINE" in [one.scheme.name for one in found.schemes]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_is_killed_is_told_of_and_replaced(snapshot, when):
    analysis = analyse(snapshot, **THRESHOLDS)
    with beside() as work, structlog.testing.capture_logs() as logs:
        if when == "before":
            work._process.kill()
            work._process.wait()
        work.begin(snapshot, **THRESHOLDS)
        work._process.kill()
        found = work.study(analysis)
    assert differences(found, studied(analysis)) == []
    (line,) = logs
    assert line["log_level"] == "warning"
    assert "studied again in this one" in line["event"]
    assert line["error"] == f"RuntimeError: exit code {-signal.SIGKILL}"


def test_an_answer_that_cannot_be_read_is_told_of_and_replaced(snapshot):
    analysis = analyse(snapshot, **THRESHOLDS)
    work = Beside(process_of("import sys; sys.stdin.buffer.read(); print('nonsense')"))
    with structlog.testing.capture_logs() as logs:
        work.begin(snapshot, **THRESHOLDS)
        found = work.study(analysis)
        work.end()
    assert differences(found, studied(analysis)) == []
    (line,) = logs
    assert line["error"].startswith("UnpicklingError")


def test_where_no_process_can_be_started_it_is_done_here(snapshot, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with structlog.testing.capture_logs() as logs, beside() as work:
        work.begin(snapshot, **THRESHOLDS)
        assert len(work.study(analyse(snapshot, **THRESHOLDS)).schemes) >= 31
    assert ["no process can be started" in line["event"] for line in logs] == [True]


def test_one_core_has_no_room_for_a_process(snapshot, monkeypatch):
    monkeypatch.setattr(module, "_cores", lambda: 1)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    with beside() as work:
        work.begin(snapshot, **THRESHOLDS)
        assert len(work.study(analyse(snapshot, **THRESHOLDS)).schemes) >= 31


FAILING = """
import brainalign_plugin.analysis.study as study
from brainalign_monitor.beside import main
def failing(analysis):
    raise RuntimeError("a scheme of somebody's is broken")
study.study_schemes = failing
main()
"""


def test_what_fails_there_is_tried_here_and_raises_here(snapshot, monkeypatch):
    def failing(_):
        raise InputError("nothing can be studied")

    monkeypatch.setattr("brainalign_plugin.analysis.study.study_schemes", failing)
    work = Beside(process_of(FAILING))
    work.begin(snapshot, **THRESHOLDS)
    with pytest.raises(InputError, match="nothing can be studied"):
        work.study(analyse(snapshot, **THRESHOLDS))
    _, said = work._answer.result()
    work.end()
    assert b"RuntimeError: a scheme of somebody's is broken" in said


def process_of(program: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, stderr=pipe)


NOISY = """
import sys
import brainalign_plugin.analysis.study as study
quiet = study.study_schemes
def noisy(analysis):
    print("a scheme prints")
    return quiet(analysis)
study.study_schemes = noisy
from brainalign_monitor.beside import main
main()
"""


def test_what_a_scheme_prints_does_not_get_into_the_answer(snapshot):
    work = Beside(process_of(NOISY))
    work.begin(snapshot, **THRESHOLDS)
    analysis = analyse(snapshot, **THRESHOLDS)
    assert differences(work.study(analysis), studied(analysis)) == []
    _, said = work._answer.result()
    work.end()
    assert b"a scheme prints" in said


ALONE = """
import sys, time
from brainalign_monitor.beside import _started
process = _started()
print(process.pid, flush=True)
time.sleep(600)
"""


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Nobody waits for the child of a process that is no more, where the first process of a container does not.
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="/proc: this system has none")
def test_it_ends_with_a_run_that_is_killed():
    run = subprocess.Popen([sys.executable, "-c", ALONE], stdout=subprocess.PIPE, env=environment())
    with run:
        pid = int(run.stdout.readline())
        assert running(pid)
        run.kill()
    deadline = time.monotonic() + 60
    while running(pid):
        assert time.monotonic() < deadline, "the process outlives its run"
        time.sleep(0.05)


def test_it_ends_with_the_context():
    with beside() as work:
        process = work._process
    assert process.returncode == -signal.SIGKILL
    assert process.stdin.closed
    assert process.stdout.closed


def test_a_run_with_it_writes_the_report_of_a_run_without(small, tmp_path, monkeypatch):
    def report_of(home: str) -> bytes:
        done = brainalign("run", "--source", small, "--json", home=tmp_path / home)
        return Path(done.succeeded().json["report"]).read_bytes()

    monkeypatch.setattr("brainalign_monitor.cli_serve.now", lambda: datetime(2024, 3, 1, tzinfo=UTC))
    together = report_of("first-home")
    monkeypatch.setattr(module, "_cores", lambda: 1)
    assert together.replace(b"first-home", b"other-home") == report_of("other-home")


@pytest.mark.parametrize("as_of", [(), ("--as-of", "2023-06-01")])
def test_a_report_with_it_is_that_without(small, tmp_path, monkeypatch, as_of):
    def report() -> bytes:
        path = tmp_path / "report.html"
        brainalign("report", small, "-o", path, *as_of, home=tmp_path / "home").succeeded()
        return path.read_bytes()

    monkeypatch.setattr("brainalign_monitor.cli.now", lambda: datetime(2024, 3, 1, tzinfo=UTC))
    with monkeypatch.context() as patch:
        patch.setattr(module, "studied", lambda _: pytest.fail("studied here"))
        together = report()
    monkeypatch.setattr(module, "_cores", lambda: 1)
    assert together == report()
