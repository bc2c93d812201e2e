"""``brainalign place``: a scores file of any kind, on a frozen reference."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from brainalign_monitor.simulator import payload_bytes, simulate
from brainalign_monitor.sources.payload import parse_payload
from brainalign_plugin import read_scores
from brainalign_plugin.files.reference import freeze
from brainalign_plugin.files.reference_file import find_reference, reference_path, write_reference
from brainalign_plugin.placement.place import place
from brainalign_plugin.placement.result import placement_json
from tests.boards import day, models_of, snapshot_of, tree_of
from tests.commands import brainalign, brainalign_process, documented_table

LEAVES = ("A2020.V1-pls", "B2021.V4-pls", "C2022.IT-pls", "D2018-i2n", "E2021-acc", "F2021-acc")


def reference_of(name, domain="vision"):
    tree = tree_of(
        {
            f"average_{domain}": {
                f"neural_{domain}": {"V1": {LEAVES[0]: None}, "IT": dict.fromkeys(LEAVES[1:3])},
                f"behavior_{domain}": {LEAVES[3]: None, "E2021": dict.fromkeys(LEAVES[4:])},
            }
        }
    )
    rows = np.random.default_rng(4).uniform(0.05, 0.7, (12, 6)).round(3).tolist()
    models = tuple(replace(m, name="earlier") if i == 4 else m for i, m in enumerate(models_of(12)))
    return freeze(snapshot_of(tree, rows, domain=domain, models=models), name, day(20))


@pytest.fixture
def home(tmp_path):
    write_reference(reference_path(tmp_path / "home/references", "base"), reference_of("base"))
    return tmp_path / "home"


@pytest.fixture
def scores(tmp_path):
    """Four scores, one benchmark that failed, one that was never run, one of another board."""
    return written(
        tmp_path,
        "benchmark,score,error,version\n"
        f"{LEAVES[0]},0.5,0.02,1\n{LEAVES[1]},0.31,,\n{LEAVES[2]},X,,\n{LEAVES[3]},0.6,,\n{LEAVES[4]},0.2,,\n"
        f"{LEAVES[5]},0.3,,7\nF2021-ac,0.4,,\n",
    )


def written(folder, text):
    path = folder / "scores.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture
def run(home):
    return lambda *arguments, **settings: brainalign("place", *arguments, "--resamples", 50, home=home, **settings)


def test_the_command_is_the_function(run, scores, home):
    record = run(scores, "--json").succeeded().json
    assert (record.pop("reference_named"), record.pop("notes")) == (False, [])
    expected = place(find_reference(home / "references", "base"), read_scores(scores), resamples=50)
    assert record == placement_json(expected)
    named = run(scores, "--json", "--reference", "base", "--seed", 1, "--scheme", "hier").succeeded().json
    assert named.pop("reference_named") is True
    assert list(named["schemes"]) == ["HIER"]
    assert named["not_placed"] == []
    assert run(scores, "--json", reference="base").succeeded().json["reference_named"] is True
    every = run(scores, "--json", "--scheme", "all").succeeded().json
    assert len(every["schemes"]) > 20
    assert run(scores, "--json", "--scheme", "FLAT, All").succeeded().json == every
    assert "no aggregation scheme 'hire'; did you mean HIER" in run(scores, "--scheme", "all,hire").problem


def paths(value, prefix=""):
    """Dotted path and value of everything in a record; one scheme stands for all, lists of records have none."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if prefix.endswith("schemes") and key != "HIER":
                continue
            yield from paths(inner, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for inner in value:
            yield from paths(inner, prefix)
    else:
        yield prefix, value


KINDS = {
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "string": lambda v: isinstance(v, str),
    "null": lambda v: v is None,
    "array of strings": lambda v: isinstance(v, list) and all(isinstance(x, str) for x in v),
    "array of integers": lambda v: isinstance(v, list) and all(isinstance(x, int) for x in v),
    "array of numbers": lambda v: isinstance(v, list) and all(isinstance(x, int | float) for x in v),
}


def test_the_record_is_what_is_documented(run, scores):
    documented = {row[0].strip("`"): row[1] for row in documented_table("## `place --json`")}
    found = list(paths(run(scores, "--json", "--scheme", "HIER").succeeded().json))
    assert list(dict.fromkeys(path for path, _ in found)) == list(documented)
    for path, value in found:
        assert any(KINDS[kind](value) for kind in documented[path].split(" or ")), (path, value)


def test_what_people_read(run, scores, home):
    out = run(scores).succeeded().out
    lines = out.splitlines()
    description = find_reference(home / "references", "base").description
    assert re.fullmatch(r"On these 4 benchmarks: rank \d+ of 13, \d+ to \d+ \(FLAT\)", lines[0])
    assert lines[1:5] == [
        f"the only reference: {description}",
        "4 of its 6 benchmarks have a score; 1 failed, 1 never run",
        "not used, of version 7 where the reference has 1: F2021-acc",
        "not used: F2021-ac; did you mean F2021-acc?",
    ]
    assert "rank among the 12 models that have these benchmarks and this one; " in out
    assert "left out: HIER, RANK, which count a missing score as a low one" in out
    assert re.search(r"^with all 6 benchmarks: rank \d+ to \d+ of 13 \(FLAT\), .*; run next: \S+$", out, re.MULTILINE)
    rows = [re.sub(" +", " ", line) for line in lines if line.startswith("│")]
    for pattern in (
        r"│ FLAT │ \d+ │ \d+–\d+[*+]? │ \d+\.\d% │ 0\.\d{3,4} │ \d+ to \d+ │",
        r"│ strongest │ \S+ │ 0\.\d{4} │ [+-]\d\.\d\d │ 12 │",
        r"│ model\d+ │ \d+ │ \d\.\d\d │ [+-]\d\.\d\d │ \d │",
        rf"│ {LEAVES[2]} │ FAILED │ 0\.\d+ to 0\.\d+ │ \d+\.\d% │",
    ):
        assert any(re.fullmatch(pattern, row) for row in rows), pattern
    named = run(scores, "--reference", "base").succeeded().out.splitlines()
    assert named == [lines[0], description, *lines[2:]]
    few = run(scores, "--scheme", "ref_normal,FLAT").succeeded().out
    assert "(REF_NORMAL)" in few.splitlines()[0]
    assert "HIER" not in few


def test_the_newest_snapshot_serves_without_a_reference(scores, tmp_path):
    body = payload_bytes(simulate(1), date(2024, 1, 1))
    (tmp_path / "board.json").write_bytes(body)
    home = tmp_path / "home"
    brainalign("fetch", tmp_path / "board.json", home=home).succeeded()
    snapshot = parse_payload(body, "board.json", datetime(2024, 1, 1, tzinfo=UTC)).snapshot
    leaves = snapshot.board().leaves[:5]
    path = written(tmp_path, HEADER + "".join(f"{leaf},0.3\n" for leaf in leaves))
    lines = brainalign("place", path, "--resamples", 50, home=home).succeeded().out.splitlines()
    assert lines[0].startswith("On these ")
    assert lines[1].startswith("the newest snapshot (")
    assert lines[1].endswith("`brainalign reference freeze NAME` keeps it for later models")
    foreign = brainalign("place", written(tmp_path, HEADER + "Other-x,0.3\n"), home=home).problem
    assert "benchmarks of the board as of 2024-01-01 have a score, and one is needed" in foreign
    assert "it does not have 'Other-x'" in foreign


def test_a_scores_file_beside_a_model_of_the_board(run, home, tmp_path):
    board = find_reference(home / "references", "base").board
    own = dict(zip(LEAVES, board.scores[3].tolist(), strict=True))
    own[LEAVES[1]] += 0.2
    del own[LEAVES[5]]
    lines = [f"{name}_v1,{score},nan\n" for name, score in own.items()]
    path = written(
        tmp_path, "benchmark,score,error\n" + "".join(lines) + "Other2020public-x,0.3,\nf2021-ac,0.3,\nZ-z,0.3,\n"
    )
    out = run(path, "--beside", board.ids[3]).succeeded().out
    assert out.startswith(
        f"5 benchmarks shared with {board.models[3].name} ({board.ids[3]}); 1 differs beyond the errors\n"
    )
    rows = [re.sub(" +", " ", line) for line in out.splitlines() if line.startswith("│")]
    assert rows[0].startswith(f"│ {LEAVES[1]} │ ")
    assert rows[0].endswith("│ +0.200 │ yes │")
    assert (
        "only in your file: Other2020public-x (a public variant: other data, not comparable), "
        f"f2021-ac (did you mean {LEAVES[5]}?), Z-z\nonly on the board: {LEAVES[5]}\n"
    ) in out
    for more in (("--scheme", "HIER"), ("--leave-out", board.ids[0])):
        assert "give no --scheme or --leave-out with it" in run(path, "--beside", board.ids[3], *more).problem
    record = run(path, "--beside", board.ids[3], "--json").succeeded().json
    assert [one["benchmark"] for one in record["cells"] if one["beyond"]] == [LEAVES[1]]


def test_leaving_out_an_earlier_entry(run, scores, home):
    models = reference_of("base").board.models
    assert models[0].name == models[1].name, "names are not unique"
    left = models[4]
    out = run(scores, "--leave-out", left.id).succeeded().out
    assert f"left out: {left.name} ({left.id})" in out
    assert "rank among the 11 models that have these benchmarks and this one; " in out
    assert run(scores, "--leave-out", "earlier", "--json").succeeded().json["left_out"] == [left.id]
    same = [model.id for model in models if model.name == models[0].name]
    listed = f"name:{models[0].name}, {left.id}"
    assert run(scores, "--leave-out", listed, "--json").succeeded().json["left_out"] == [*same, left.id]
    twice = run(scores, "--leave-out", left.id, "--leave-out", same[0], "--json").succeeded().json
    assert twice["left_out"] == [left.id, same[0]]
    ambiguous = run(scores, "--leave-out", models[0].name).problem
    assert "are called 'model0'; give an id instead, or name:model0 for all: " in ambiguous
    assert f"{models[0].id} ('model0'), {models[1].id} ('model0')" in ambiguous


def test_which_reference(run, scores, home, tmp_path):
    references = home / "references"
    write_reference(reference_path(references, "words"), reference_of("words", "language"))
    # One of another domain does not make the only one ambiguous.
    assert "reference base (" in run(scores).succeeded().out
    assert "reference words (" in run(scores, "--domain", "language").succeeded().out
    assert "\nreference words (" in run(scores, "--reference", "words").succeeded().out
    write_reference(reference_path(references, "second"), reference_of("second"))
    ended = run(scores)
    assert ended.code == 8
    assert ended.problem == (
        "there are 2 frozen references of the domain 'vision': base, second; choose one, for example "
        "`export BRAINALIGN_REFERENCE=base`"
    )
    assert "did you mean second" in run(scores, "--reference", "secnd").problem
    elsewhere = write_reference(tmp_path / "sent.reference.json.gz", reference_of("sent"))
    assert "\nreference sent (" in run(scores, "--reference", elsewhere).succeeded().out


def test_too_few_scores(run, tmp_path):
    path = written(tmp_path, f"benchmark,score\n{LEAVES[0]},0.5\nB2021.V4-plz,0.2\n")
    ended = run(path, "--min-constituents", 0.5)
    assert ended.code == 8
    assert "1 of the 6 benchmarks of the reference 'base' have a score" in ended.problem
    assert "'B2021.V4-plz': did you mean B2021.V4-pls?" in ended.problem
    assert ended.problem.endswith("or allow a smaller share with --min-constituents")
    out = run(path).succeeded().out
    assert "1 of its 6 benchmarks has a score" in out
    assert "one benchmark gives no interval" in out
    assert "models that have this benchmark and this one" in out
    ended = run(written(tmp_path, "benchmark,score\nA2021public.V1-pls,0.2\n"))
    assert "a public variant: other data, not comparable; complete " in ended.problem
    assert "--min-constituents" not in ended.problem
    ended = run(written(tmp_path, f"benchmark,score\nOther-x,0.2\nZ-z,0.3\n{LEAVES[0]},X\n"))
    assert ended.problem.startswith(
        "0 of the 6 benchmarks of the reference 'base' have a score and 1 FAILED, and one is"
    )
    assert "; it does not have 'Other-x', 'Z-z'; complete " in ended.problem


HEADER = "benchmark,score\n"
ENOUGH = "".join(f"{leaf},0.{i + 2}\n" for i, leaf in enumerate(LEAVES[:4]))


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + HEADER + ENOUGH,
        (HEADER + ENOUGH).replace("\n", "\r\n"),
        HEADER + ENOUGH.replace(",0", ',"0').replace("\n", '"\n'),
        HEADER + "\n\n" + ENOUGH.replace(",", " , "),
        HEADER + ENOUGH + f"{LEAVES[4]},\n",
        ",benchmark,score,raw,ceiling,error\n"
        + "".join(f"{i},{line.strip()},0.1,0.8,nan\n" for i, line in enumerate(ENOUGH.splitlines())),
        "Unnamed: 0,index,benchmark,score\n" + "".join(f"1,2,{line}\n" for line in ENOUGH.splitlines()),
    ],
)
def test_one_model_written_in_many_ways(run, tmp_path, text):
    expected = run(written(tmp_path, HEADER + ENOUGH), "--json", "--scheme", "HIER").succeeded().json
    record = run(written(tmp_path, text), "--json", "--scheme", "HIER").succeeded().json
    notes = record.pop("notes")
    assert record | {"notes": []} == expected
    assert bool(notes) is ("raw" in text)
    assert expected["never"] == list(LEAVES[4:])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + f"{LEAVES[0]},50%\n", "divide percentages by 100"),
        (HEADER + f"{LEAVES[0]},50\n", "divide percentages by 100"),
        (HEADER + f"{LEAVES[0]},0.5\n{LEAVES[0]},0.5\n", "line 3 of "),
        (HEADER + f"{LEAVES[0]},=A1\n", "has the score '=A1'; give a number, X for FAILED"),
        (HEADER + "a\0b,0.5\n", "holds NUL bytes"),
        (HEADER.encode("utf-16-le"), "is UTF-16 text without a byte order mark"),
        ("", "scores.csv' is empty; its first line is to be the header benchmark,score,error"),
        (HEADER, "0 of the 6 benchmarks"),
    ],
)
def test_files_that_cannot_be_used(run, tmp_path, text, message):
    ended = run(written(tmp_path, text))
    assert ended.code == 8
    assert message in ended.problem
    assert "scores.csv" in ended.problem


def test_foreign_names_are_harmless(run, tmp_path):
    names = ["=HYPERLINK(1)", "[red]x[/red]", "a\x1b[31mb", "\u202eabc", "<script>", *(f"N{i}-x" for i in range(20))]
    path = written(tmp_path, HEADER + ENOUGH + "".join(f"{name},0.1\n" for name in names))
    out = run(path).succeeded().out
    assert "[red]x[/red]" in out
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", out)
    assert "not used: 15 more" in out
    record = run(path, "--json").succeeded()
    assert [one["benchmark"] for one in record.json["unused"]] == names
    assert record.out.isascii()


def test_a_file_that_is_not_there(run, tmp_path):
    assert "cannot read the scores file" in run(tmp_path / "no.csv").problem
    assert "Is a directory" in run(tmp_path).problem


def test_from_a_pipe(home, scores):
    """A spreadsheet's export may come on standard input."""
    done = subprocess.run(
        [sys.executable, "-m", "brainalign_monitor", "place", "/dev/stdin", "--scheme", "HIER", "--home", home],
        input=scores.read_bytes(),
        capture_output=True,
        check=True,
        env=os.environ,
    )
    assert b"4 of its 6 benchmarks have a score" in done.stdout


def test_placing_changes_nothing(run, scores, home):
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    run(scores).succeeded()
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_help_answers_at_once():
    assert "SCORES" in brainalign_process("place", "--help").succeeded().out
