"""The records of the suite on every kind of board: an answer or a reason, never NaN, never a warning."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

import brainalign_plugin as ba
from brainalign_plugin.analysis import analyse
from brainalign_plugin.certainty.families import families
from brainalign_plugin.certainty.record import analysis_json, suite_json
from brainalign_plugin.errors import BoardError
from brainalign_plugin.files.metric_table import metrics_of
from tests.boards import board_of_matrix, dated, drawn_board, halves, snapshots, tree_of, unrelated
from tests.commands import documented_table

pytestmark = pytest.mark.filterwarnings("error")
KEYS = {"new_benchmarks", "panel", "next_benchmarks", "agreement_testing"}


def record_of(snapshot):
    analysis = analyse(snapshot)
    of_all = families(analysis.cleaning.considered)
    found = suite_json(analysis, families(analysis.cleaning.board), of_all)
    assert set(found) == KEYS
    return json.loads(json.dumps(found, allow_nan=False))


@given(snapshots(max_models=30))
def test_any_snapshot_has_answers_or_reasons(snapshot):
    found = record_of(snapshot)
    for name in ("new_benchmarks", "panel", "next_benchmarks", "agreement_testing"):
        assert found[name]["reason"] or len(found[name]) > 1, name


def one_paper():
    leaves = {f"Marques2020-{k}": None for k in "abcd"}
    tree = tree_of({"average_vision": {"neural_vision": {"V1": leaves}}})
    return board_of_matrix(drawn_board(0, 30, 4).scores, tree)


KINDS = {
    "ties": lambda: board_of_matrix(drawn_board(0, 30, 6, digits=1).scores, halves(6)),
    "constant": lambda: board_of_matrix(np.full((30, 6), 0.5), halves(6)),
    "one constant": lambda: board_of_matrix(drawn_board(0, 30, 6).scores * [1, 1, 0, 1, 1, 1], halves(6)),
    "missing": lambda: drawn_board(0, 40, 8, missing=0.3),
    "all missing": lambda: board_of_matrix(np.full((30, 6), np.nan), halves(6)),
    "one model": lambda: drawn_board(0, 1, 6),
    "two models": lambda: drawn_board(0, 2, 6),
    "one benchmark": lambda: drawn_board(0, 30, 1),
    "one paper": one_paper,
    "equal columns": lambda: board_of_matrix(drawn_board(0, 30, 1).scores.repeat(6, axis=1), halves(6)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("named_alike", [True, False])
def test_every_kind_of_board(kind, named_alike):
    board = KINDS[kind]()
    board = board if named_alike else unrelated(board)
    n, m = board.scores.shape
    assert record_of(dated(board, [0] * m, [0] * n))["new_benchmarks"]["reason"]
    record_of(dated(board, list(range(m)), list(range(n))))


def test_a_language_board_and_the_real_one(real_snapshot):
    language = record_of(real_snapshot("2025-05-07-language"))
    assert language["agreement_testing"]["benchmarks"]
    stages = []
    full = analysis_json(analyse(real_snapshot("2021-07-01")), full=True, stage=lambda s: nullcontext(stages.append(s)))
    assert set(full) > KEYS
    assert stages[0] == "computing intervals"
    assert [one[-7:].strip("()") for one in stages[1:]] == [f"{k} of 5" for k in range(1, 6)]
    assert full["external"] is None


def undocumented(value, at, documented):
    """Paths of a record that no row of the table names."""
    if at in documented:
        return
    if isinstance(value, dict):
        for name, below in value.items():
            yield from undocumented(below, f"{at}.{'<metric>' if at == 'external.metrics' else name}", documented)
    elif isinstance(value, list):
        for below in value:
            yield from undocumented(below, f"{at}[]", documented)
    else:
        yield at


def test_every_field_is_documented():
    board = unrelated(drawn_board(0, 40, 8))
    table = metrics_of(pd.DataFrame({"x": range(40), "y": range(40)}, index=list(board.ids)))
    snapshot = dated(board, list(range(8)), list(range(40)))
    record = analysis_json(analyse(snapshot), full=True, metrics=table)
    names = {name for row in documented_table("## `analyze --json`") for name in re.findall(r"`([^`]+)`", row[0])}
    for key in {*KEYS, "external"}:
        assert set(undocumented(record[key], key, names - {"external"})) == set(), key


def test_python_has_the_same_and_draws_it(real_snapshot):
    snapshot = real_snapshot("2024-01-01")
    record = record_of(snapshot)
    made = {
        "new_benchmarks": ba.new_benchmarks(snapshot),
        "panel": ba.panel(snapshot),
        "next_benchmarks": ba.next_benchmarks(snapshot),
        "agreement_testing": ba.agreement_testing(snapshot),
    }
    for name, result in made.items():
        assert json.loads(json.dumps(result.to_dict())) == record[name], name
        assert result.title in repr(result)
        assert len(result.plot.intervals().to_frame()) == result.to_frame()[result.drawn[1]].notna().sum()


def test_python_says_why_there_is_no_answer():
    few = drawn_board(0, 5, 6)
    with pytest.raises(BoardError, match="no panel: too few to choose from: 5 complete models on 6 benchmarks"):
        ba.panel(few)
    with pytest.raises(BoardError, match="the reliability is not estimable"):
        ba.next_benchmarks(drawn_board(0, 12, 2))
    with pytest.raises(BoardError, match="no benchmark can be compared"):
        ba.agreement_testing(drawn_board(0, 2, 6))
    assert "no score has a date" in ba.new_benchmarks(few).title
