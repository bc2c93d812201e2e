"""``brainalign reference freeze | list | show | export``."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from brainalign_plugin.files.reference_file import SUFFIX, find_reference, read_reference
from brainalign_plugin.files.snapshot_file import snapshot_bytes
from brainalign_plugin.schemes import rank_models
from tests.boards import as_time, day, small_tree, snapshot_of, tree_of
from tests.commands import brainalign

TREE = small_tree()
LEAVES = TREE.leaves("average_vision")
ROWS = [[0.1, 0.2, "X", 0.5, 0.1, 0.2, 0.9], [0.4, 0.4, 0.3, 0.5, 0.2, 0.3, 0.8], [0.9, 0.1, "", 0.5, 0.3, 0.1, ""]]


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def board(tmp_path):
    """A snapshot file; the third model was scored on day 5, the others on day 1."""
    scored_at = np.full((3, len(TREE.nodes)), as_time(day(1)))
    scored_at[2] = as_time(day(5))
    path = tmp_path / "board.snapshot.json.gz"
    path.write_bytes(snapshot_bytes(snapshot_of(TREE, ROWS, scored_at=scored_at, sha256="ab" * 32)))
    return path


@pytest.fixture
def run(home):
    return lambda *arguments: brainalign("reference", *arguments, home=home)


def test_what_is_frozen_can_be_listed_shown_and_exported(run, home, board, tmp_path):
    before = datetime.now(UTC)
    frozen = run("freeze", "base", board).succeeded()
    reference = find_reference(home / "references", "base")
    assert before <= reference.frozen_at <= datetime.now(UTC)
    lines = frozen.out.splitlines()
    assert lines == [
        f"frozen: {reference.description}",
        f"left out, because too few models have a score: {LEAVES[2]} (1)",
        f"norms that rest on fewer than 30 scores: {', '.join(f'{leaf} (3)' for leaf in reference.norms)}",
        f"sd 0, so that z is 0 for every model: {LEAVES[3]}",
        f"reference: {home / 'references' / f'base{SUFFIX}'}",
    ]
    listed = run("list").succeeded().out
    assert "base" in listed
    assert reference.sha256[:12] in listed
    shown = run("show", "base").succeeded().out
    for text in (reference.sha256, "ab" * 32, "2024-01-09T00:00:00+00:00", *LEAVES, "0.4041"):
        assert text in shown, text
    exported = tmp_path / "sent" / "theirs.reference.json.gz"
    assert run("export", "base", "--output", exported).succeeded().out == f"reference: {exported}\n"
    assert read_reference(exported).sha256 == reference.sha256
    assert run("show", exported).succeeded().out == shown


def test_json_is_complete(run, home, board):
    made = run("freeze", "base", board, "--json").succeeded().json
    reference = find_reference(home / "references", "base")
    facts = {
        "name": "base",
        "domain": "vision",
        "as_of": "2024-01-09T00:00:00+00:00",
        "frozen_at": reference.frozen_at.isoformat(),
        "models": 3,
        "benchmarks": 5,
        "left_out": [LEAVES[2]],
        "snapshot_sha256": "ab" * 32,
        "sha256": reference.sha256,
        "source": "by hand",
        "reconstructed": False,
        "simulated": False,
    }
    assert made == facts | {"path": str(home / "references" / f"base{SUFFIX}")}
    assert run("list", "--json").json == [facts]
    shown = run("show", "base", "--json").json
    norms = shown.pop("norms")
    assert shown == facts
    assert norms[LEAVES[0]] == {"scores": 3, "mean": pytest.approx(1.4 / 3), "sd": pytest.approx(0.404145)}
    assert LEAVES[2] not in norms
    assert norms[LEAVES[3]]["sd"] == 0


def test_a_frozen_board_scores_models(run, home, board):
    run("freeze", "base", board)
    reference = find_reference(home / "references", "base")
    ranking = rank_models(reference.board.take(columns=[0, 1, 2, 3, 4]), "REF_ZMEAN", reference=reference)
    assert ranking.ranks.tolist() == [3, 1, 2]


def test_an_earlier_board_can_be_frozen(run, home, board):
    assert " reconstructed" in run("freeze", "early", board, "--as-of", "2024-01-04").succeeded().out
    early = find_reference(home / "references", "early")
    assert len(early.board.models) == 2
    assert early.norms[LEAVES[0]].values.tolist() == [0.1, 0.4]
    assert "2024-01-04 reconstructed" in run("list").out


def test_a_name_is_taken_once(run, home, board):
    run("freeze", "base", board)
    first = find_reference(home / "references", "base").sha256
    again = run("freeze", "base", board)
    assert again.code == 8
    assert f"base{SUFFIX}' exists, " in again.problem
    assert "--replace" in again.problem
    assert find_reference(home / "references", "base").sha256 == first
    run("freeze", "base", board, "--replace").succeeded()
    assert find_reference(home / "references", "base").sha256 != first
    target = home / "copy.reference.json.gz"
    run("export", "base", "-o", target).succeeded()
    assert " exists, " in run("export", "base", "-o", target).problem
    run("export", "base", "-o", target, "--replace").succeeded()


@pytest.mark.parametrize("name", ["../base", "/tmp/base", "a b", "", "base.reference.json.gz", "given-board"])
def test_a_name_that_leads_elsewhere_writes_nothing(run, home, board, name):
    problem = run("freeze", name, board).problem
    assert "cannot be named" in problem or "stands for a board without a reference" in problem
    assert [path for path in home.rglob("*") if path.name.endswith(".gz")] == []


def test_an_unknown_reference_suggests_the_nearest(run, board):
    assert run("show", "bse").problem.endswith(
        "`brainalign fetch` and freeze it: `brainalign reference freeze NAME SNAPSHOT`"
    )
    run("freeze", "base", board)
    for command in (("show", "bse"), ("export", "bse", "-o", "x.gz")):
        found = run(*command)
        assert found.code == 8
        assert found.problem.startswith("there is no reference 'bse' in ")
        assert found.problem.endswith("; did you mean base?")


def test_an_empty_folder_says_what_to_do(run):
    assert (
        "no references yet; `brainalign fetch` pulls a board, `brainalign reference freeze NAME`"
        in run("list").succeeded().out
    )
    assert run("list", "--json").succeeded().json == []


def test_a_damaged_file_is_reported_beside_the_others(run, home, board):
    run("freeze", "base", board)
    (home / "references" / f"bad{SUFFIX}").write_bytes(b"junk")
    for arguments in (("list",), ("list", "--json")):
        result = run(*arguments)
        assert result.code == 8
        assert "base" in result.out
        assert f"bad{SUFFIX}' is not a reference file" in result.problem


def test_names_of_benchmarks_do_not_drive_the_terminal(run, tmp_path):
    tree = tree_of({"average_vision": {"neural_vision": {"A\x1b[31m\nB": None}, "behavior_vision": {"C": None}}})
    path = tmp_path / "hostile.snapshot.json.gz"
    path.write_bytes(snapshot_bytes(snapshot_of(tree, [[0.1, 0.2], [0.1, 0.4]])))
    for result in (run("freeze", "base", path), run("show", "base")):
        assert "\x1b" not in result.succeeded().out
        shown = "A\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}B"
        assert f"sd 0, so that z is 0 for every model: {shown}\n" in result.out


def test_rank_says_what_to_know_of_the_norms(run, home, tmp_path):
    path = tmp_path / "complete.snapshot.json.gz"
    path.write_bytes(snapshot_bytes(snapshot_of(TREE, [[0.1, 0.2, 0.3, 0.5, 0.1, 0.2, ""], [0.4] * 7, [0.9] * 7])))
    run("freeze", "level", path)
    constant = tmp_path / "constant.snapshot.json.gz"
    rows = [[0.5, *row[1:]] for row in ([0.1] * 7, [0.4] * 7, [0.9] * 7)]
    constant.write_bytes(snapshot_bytes(snapshot_of(TREE, rows)))
    run("freeze", "flat-leaf", constant)
    note = f"{LEAVES[0]} is constant on the reference, so its z is 0 for every model"
    for command in ("rank", "audit"):
        for name, expected in (("flat-leaf", True), ("level", False)):
            found = brainalign(command, path, "--scheme", "REF_ZMEAN", "--reference", name, home=home).succeeded()
            assert f"reference {name} (3 models" in found.out
            assert (note in found.out) == expected


def test_a_report_has_the_norms_of_the_configured_reference(run, home, tmp_path):
    rows = np.random.default_rng(2).uniform(0.2, 0.6, (9, 7)).round(3).tolist()
    path = tmp_path / "board.snapshot.json.gz"
    path.write_bytes(snapshot_bytes(snapshot_of(TREE, rows)))
    run("freeze", "base", path).succeeded()
    rows[0][0], rows[1][1] = 0.9, 0.1
    path.write_bytes(snapshot_bytes(snapshot_of(TREE, rows)))
    target = tmp_path / "report.html"

    def report(**settings):
        brainalign("report", path, "--output", target, home=home, **settings).succeeded()
        return " ".join(target.read_text().split())

    without = report()
    assert "norms frozen for this page, so that nothing is claimed over time" in without
    assert "flat mean of z-scores, norms frozen for this page" in without
    named = report(reference="base")
    assert "flat mean of z-scores, norms of reference base" in named
    assert "1 of 54 scores lie above the reference&#39;s highest and 1 below its lowest" in named
    assert "frozen for this page" not in named
    missing = brainalign("report", path, "--output", target, home=home, reference="bse")
    assert "did you mean base?" in missing.problem
    assert "did you mean base?" in brainalign("doctor", home=home, reference="bse").out
