"""Constituents that are run: saved one by one, resumed, and told apart when they fail."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import textwrap
import time
from datetime import UTC, datetime

import numpy as np
import pytest

from brainalign_plugin.data.official import CellState
from brainalign_plugin.errors import CandidateError
from tests.plugin.brainscore.meta_benchmarks.conftest import LEAVES

pytestmark = pytest.mark.needs("brainscore")

HEADER = '{"format": "brainalign-run", "version": 1, "model": "m"}\n'
AT = datetime(2030, 1, 1, tzinfo=UTC)


def _caused(error, cause):
    error.__cause__ = cause
    return error


def _in_itself():
    error = ValueError()
    error.args = ([error],)
    error.__cause__ = error
    return error


class Unprintable:
    def __repr__(self):
        raise RuntimeError


class Named:
    identifier = "some/model:1"

    def __init__(self):
        self.tasks = []

    def start_task(self, task, *_):
        self.tasks.append(task)


class Constituent:
    version = 1

    def __init__(self, outcome, version=1):
        self.outcome, self.version, self.runs = outcome, version, 0

    def __call__(self, candidate):
        self.runs += 1
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        candidate.start_task("probabilities")
        return self.outcome

    def preallocate_memory(self, candidate):
        pass


@pytest.fixture
def registered(monkeypatch):
    """Register constituents in this process, as a notebook would; returns what was registered."""
    import brainscore_vision

    found = {}

    def register(**outcomes):
        for name, outcome in outcomes.items():
            identifier = f"Made2026-{name}"
            made = outcome if isinstance(outcome, Constituent) else Constituent(outcome)
            found[identifier] = made
            monkeypatch.setitem(brainscore_vision.benchmark_registry, identifier, lambda made=made: made)
        return found

    return register


@pytest.fixture
def run(tmp_path):
    from brainalign_plugin.brainscore.running import results_of, run_missing

    said = []

    def go(versions, candidate=None, **how):
        said.clear()
        candidate = candidate or Named()
        found = run_missing(
            candidate, versions, results_of(tmp_path / "runs", candidate.identifier), lambda: AT, said.append, **how
        )
        return *found, list(said)

    go.folder = tmp_path / "runs"
    return go


def score(value, **attrs):
    from brainscore_core.metrics import Score

    made = Score(value)
    made.attrs.update(attrs)
    return made


def test_each_result_is_saved_and_not_run_again(registered, run):
    made = registered(a=score(0.5, error=0.02), b=score(0.25))
    cells, notes, said = run({"Made2026-a": 1, "Made2026-b": 0})
    assert notes == ()
    assert [(c.score, c.version, c.state) for c in cells.values()] == [
        (0.5, 1, CellState.SCORED),
        (0.25, 1, CellState.SCORED),
    ]
    assert cells["Made2026-a"].error == 0.02
    assert math.isnan(cells["Made2026-b"].error)
    assert "run of 2030-01-01T00:00:00+00:00" in cells["Made2026-a"].origin
    assert said[-1] == "2/2 Made2026-b: 0.2500 (0 s)"
    again, _, said = run({"Made2026-a": 1, "Made2026-b": 0})
    assert again == cells
    assert said == [f"2 of 2 benchmarks were scored before: {next(run.folder.iterdir())}"]
    assert [benchmark.runs for benchmark in made.values()] == [1, 1]


def test_results_are_exact(registered, run):
    value = 0.1 + 0.2
    registered(a=score(value, error=np.float64(1 / 3)))
    first, _, _ = run({"Made2026-a": 1})
    second, _, _ = run({"Made2026-a": 1})
    assert first["Made2026-a"].score == second["Made2026-a"].score == value
    assert second["Made2026-a"].error == 1 / 3


def test_scores_in_the_older_form(registered, run):
    from brainscore_core.metrics import Score

    older = Score([0.4, 0.05], coords={"aggregation": ["center", "error"]}, dims=["aggregation"])
    registered(a=older, b=0.3, c=score(0.2, error=np.array([0.1, 0.2])), d=score(0.2, error=score(-0.1)))
    cells, _, _ = run({f"Made2026-{name}": 1 for name in "abcd"})
    assert [(cells[f"Made2026-{n}"].score, cells[f"Made2026-{n}"].error) for n in "ab"] == [
        (0.4, 0.05),
        (0.3, pytest.approx(math.nan, nan_ok=True)),
    ]
    assert math.isnan(cells["Made2026-c"].error)
    assert cells["Made2026-d"].error == 0.1


def test_failed_ones_are_run_again_if_asked_for(registered, run):
    made = registered(a=ValueError("no such layer"), b=score(0.25))
    versions = {"Made2026-a": 1, "Made2026-b": 1}
    assert run(versions)[0]["Made2026-a"].state is CellState.FAILED
    made["Made2026-a"].outcome = score(0.5)
    assert run(versions)[0]["Made2026-a"].state is CellState.FAILED
    assert run(versions, again=True)[0]["Made2026-a"].score == 0.5
    assert run(versions)[0]["Made2026-a"].score == 0.5
    assert [benchmark.runs for benchmark in made.values()] == [2, 1]
    made["Made2026-b"].outcome = ConnectionError("no network")
    assert run(versions, again=True)[0]["Made2026-b"].score == 0.25


@pytest.mark.parametrize(
    "outcome",
    [
        ValueError("no such layer"),
        _caused(ValueError("a"), KeyError("b")),
        _in_itself(),
        ValueError(Unprintable()),
        "nan",
        "inf",
    ],
)
def test_a_benchmark_that_gives_no_number_is_failed_and_not_run_again(registered, run, outcome):
    given = outcome if isinstance(outcome, Exception) else score(float(outcome))
    made = registered(a=given, b=score(0.25))
    for _ in range(2):
        cells, notes, _ = run({"Made2026-a": 1, "Made2026-b": 1})
        assert cells["Made2026-a"].state is CellState.FAILED
        assert cells["Made2026-b"].score == 0.25
        assert notes == ()
    assert [benchmark.runs for benchmark in made.values()] == [1, 1]
    (path,) = run.folder.iterdir()
    assert json.loads(path.read_text().splitlines()[1])["reason"]


def _no_access():
    from botocore.exceptions import NoCredentialsError

    return NoCredentialsError()


@pytest.mark.parametrize(
    "fault",
    [
        lambda: ConnectionError("no network"),
        lambda: MemoryError("12 GB"),
        lambda: ModuleNotFoundError("timm"),
        _no_access,
        lambda: type("OutOfMemoryError", (RuntimeError,), {})("CUDA"),
        # As Brain-Score's fetch raises it, and as other code wraps a fault.
        lambda: Exception([ValueError("not in the cache"), ConnectionError("no network")]),
        lambda: Exception("fetching failed", {"s3": _no_access()}),
        lambda: _caused(RuntimeError("cannot open the stimuli"), OSError(28, "No space left on device")),
        lambda: _caused(ValueError("a"), _caused(KeyError("b"), Exception([_no_access()]))),
        lambda: Exception("fetching failed", ["s3: Unable to locate credentials"]),
        lambda: ExceptionGroup("both", [ValueError("a"), ExceptionGroup("b", [TimeoutError()])]),
        lambda: subprocess.TimeoutExpired(["wget"], 60),
        lambda: RuntimeError("database or disk is full"),
        lambda: RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        lambda: RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        lambda: Exception("HTTPSConnectionPool(host='x'): Max retries exceeded with url: /y"),
    ],
)
def test_a_fault_of_the_machine_is_tried_again(registered, run, fault):
    made = registered(a=fault(), b=score(0.25))
    cells, notes, _ = run({"Made2026-a": 1, "Made2026-b": 1})
    assert list(cells) == ["Made2026-b"]
    assert notes[0].startswith("Made2026-a could not be run here and is tried again the next time: ")
    made["Made2026-a"].outcome = score(0.5)
    cells, notes, _ = run({"Made2026-a": 1, "Made2026-b": 1})
    assert (cells["Made2026-a"].score, notes) == (0.5, ())
    assert [benchmark.runs for benchmark in made.values()] == [2, 1]


def test_what_cannot_be_loaded_is_left_out(registered, run, monkeypatch):
    import brainscore_vision

    def refuse():
        raise PermissionError(13, "private data")

    monkeypatch.setitem(brainscore_vision.benchmark_registry, "Made2026-private", refuse)
    registered(a=score(0.5))
    cells, notes, _ = run({"Made2026-private": 1, "NoSuch2026-x": 1, "Made2026-a": 1})
    assert list(cells) == ["Made2026-a"]
    assert notes[0].startswith("Made2026-private could not be loaded here: PermissionError")
    assert notes[1].startswith("NoSuch2026-x could not be loaded here: AssertionError: No registrations found")


def test_another_version_is_not_run(registered, run):
    made = registered(a=Constituent(score(0.5), version=3), b=Constituent(score(0.4), version="two"))
    cells, notes, _ = run({"Made2026-a": 2, "Made2026-b": 2})
    assert notes == ("Made2026-a is installed in version 3, the reference has version 2; it was not run",)
    assert made["Made2026-a"].runs == 0
    assert cells["Made2026-b"].version is None


def test_a_result_on_another_version_does_not_count(registered, run):
    """The reference was frozen again after the benchmark had changed."""
    made = registered(a=Constituent(score(0.5), version=1))
    run({"Made2026-a": 1})
    made["Made2026-a"].version, made["Made2026-a"].outcome = 2, score(0.7)
    cells, _, _ = run({"Made2026-a": 2})
    assert (cells["Made2026-a"].score, cells["Made2026-a"].version, made["Made2026-a"].runs) == (0.7, 2, 2)
    assert run({"Made2026-a": 2})[0] == cells
    assert made["Made2026-a"].runs == 2


def test_two_processes_share_their_results(registered, run):
    """Whoever scores the same model under another scheme meanwhile: nothing is run that is there, nothing is lost."""
    from brainalign_plugin.brainscore.running import results_of

    candidate = Named()
    results = results_of(run.folder, candidate.identifier)
    record = {"benchmark_version": 1, "state": "SCORED", "score": 0.9, "error": None, "at": "then"}

    class Meanwhile(Constituent):
        def __call__(self, of):
            results.add(record | {"benchmark": "Made2026-b"})
            return super().__call__(of)

    made = registered(a=Meanwhile(score(0.5)), b=score(0.4))
    cells, _, said = run({"Made2026-a": 1, "Made2026-b": 1}, candidate)
    assert [cell.score for cell in cells.values()] == [0.5, 0.9]
    assert made["Made2026-b"].runs == 0
    assert said[-1] == "2/2 Made2026-b: scored by another process meanwhile"
    # Both found no file, and wrote its first line.
    lines = results.path.read_text().splitlines(keepends=True)
    results.path.write_text("".join([lines[0], lines[1], lines[0], lines[2]]))
    assert run({"Made2026-a": 1, "Made2026-b": 1}, candidate)[0] == cells


def test_a_task_is_taken_back_before_the_next_benchmark(registered, run):
    candidate = Named()
    registered(a=score(0.5), b=score(0.4))
    run({"Made2026-a": 1, "Made2026-b": 1}, candidate)
    assert candidate.tasks == ["passive", "probabilities", "passive", "probabilities"]


def test_a_model_without_that_task_runs_all_the_same(registered, run):
    class Stubborn(Named):
        def start_task(self, task, *_):
            if task == "passive":
                raise NotImplementedError

    registered(a=score(0.5))
    cells, _, said = run({"Made2026-a": 1}, Stubborn())
    assert cells["Made2026-a"].score == 0.5
    assert "the model does not take the task 'passive' (NotImplementedError:)" in said


def test_a_torn_line_is_no_result(registered, run):
    made = registered(a=score(0.5), b=score(0.4), c=score(0.3))
    run({"Made2026-a": 1, "Made2026-b": 1})
    (path,) = run.folder.iterdir()
    whole = path.read_bytes()
    for kept in range(1, len(whole.splitlines(keepends=True)[-1])):
        path.write_bytes(whole[:-kept])
        made["Made2026-b"].runs = 0
        cells, _, _ = run({"Made2026-a": 1, "Made2026-b": 1, "Made2026-c": 1})
        # All but its line feed is a whole result.
        assert made["Made2026-b"].runs == (0 if kept == 1 else 1)
        assert [cell.score for cell in cells.values()] == [0.5, 0.4, 0.3]
        assert run({"Made2026-a": 1, "Made2026-b": 1, "Made2026-c": 1})[0] == cells
    assert made["Made2026-a"].runs == 1


def test_files_of_results_belong_to_a_model(tmp_path):
    from brainalign_plugin.brainscore.running import results_of

    paths = [
        results_of(tmp_path, name).path for name in ("a/b", "a:b", "a_b", "../../x", ".hidden", "é" * 300, "\ud800")
    ]
    assert len(set(paths)) == len(paths)
    assert {path.parent for path in paths} == {tmp_path}
    assert all(path.name.isascii() and len(path.name) < 90 and path.name[0] != "." for path in paths)
    record = {"benchmark": "A-b", "benchmark_version": 1, "state": "SCORED", "score": 0.5, "error": None, "at": "x"}
    mine, other = results_of(tmp_path, "mine"), results_of(tmp_path, "other")
    mine.add(record)
    mine.path.rename(other.path)
    with pytest.raises(CandidateError, match="holds results of the model 'mine'"):
        other.read()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"benchmark": "A-b"}\n', "is not a file of results"),
        ('{"format": "brainalign-run", "version": 9, "model": "m"}\n', "in version 9"),
        ('{"format": "brainalign-run", "version": 1, "model": "m"}\n{"benchmark": "A-b"}\n', "which is no result"),
        (
            HEADER
            + '{"benchmark": "A-b", "benchmark_version": 1, "state": "GOOD", "score": 1, "error": null, "at": ""}\n',
            "which is no result",
        ),
    ],
)
def test_damaged_results_are_named(tmp_path, text, message):
    from brainalign_plugin.brainscore.running import results_of

    results = results_of(tmp_path, "m")
    results.path.write_text(text)
    with pytest.raises(CandidateError, match=message):
        results.read()


def test_results_that_cannot_be_saved_end_the_run(registered, run):
    made = registered(a=score(0.5), b=score(0.4))
    run.folder.write_text("a file where the folder should be")
    with pytest.raises(CandidateError, match=r"BRAINALIGN_RESULTS|cannot read the results"):
        run({"Made2026-a": 1, "Made2026-b": 1})
    assert made["Made2026-b"].runs == 0


# Constituents that note in a file when they start and when they are done, and wait where they are told to.
COUNTED = """
    import os, time
    from pathlib import Path
    from brainscore_core.benchmarks import BenchmarkBase
    from brainscore_core.metrics import Score
    from brainscore_vision import benchmark_registry

    class Counted(BenchmarkBase):
        def __init__(self, identifier, value):
            super().__init__(identifier, Score(1.0), 1, 'neural_vision', None)
            self.value = value
        def __call__(self, candidate):
            with Path(os.environ['COUNTED_LOG']).open('a') as log:
                log.write(f'{self.identifier}\\n')
            if os.environ.get('COUNTED_WAIT') == self.identifier:
                time.sleep(600)
            score = Score(self.value)
            score.attrs['error'] = 0.01
            return score

"""


def test_a_run_that_was_killed_resumes_without_repeating(linked, tmp_path):
    lines = [f"benchmark_registry['{leaf}'] = lambda: Counted('{leaf}', 0.{i + 2}5)" for i, leaf in enumerate(LEAVES)]
    folder = linked.add_plugin("benchmarks", "counted", textwrap.dedent(COUNTED) + "\n".join(lines))
    log = tmp_path / "log"
    code = """
        import json
        from brainscore_vision import load_benchmark, load_model
        score = load_benchmark('BrainAlign2026-hier')(load_model('named-model'))
        print(json.dumps([score.item(), score.raw.item(), score.attrs['components']]))
    """
    how = {"run": "missing", "results": tmp_path / "runs"}
    try:
        process = subprocess.Popen(
            [linked.python, "-c", textwrap.dedent(code)],
            cwd=linked.folder,
            env=linked.variables(**how) | {"COUNTED_LOG": str(log), "COUNTED_WAIT": LEAVES[2]},
            stderr=subprocess.PIPE,
        )
        deadline = time.monotonic() + 120
        while not log.exists() or log.read_text().split() != list(LEAVES[:3]):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        said = process.communicate()[1].decode()
        assert f"brainalign: 2/4 {LEAVES[1]}: 0.3500" in said
        done = linked.python_runs(code, variables={"COUNTED_LOG": str(log)}, **how).succeeded()
    finally:
        shutil.rmtree(folder)
    assert log.read_text().split() == [*LEAVES[:3], *LEAVES[2:]]
    assert "brainalign: 2 of 4 benchmarks were scored before" in done.err
    share, statistic, components = json.loads(done.out)
    assert [components[leaf]["score"] for leaf in LEAVES] == [0.25, 0.35, 0.45, 0.55]
    assert statistic == pytest.approx((0.25 + (0.35 + (0.45 + 0.55) / 2) / 2) / 2)
    assert 0 < share <= 1
