"""Records of a report: nine questions, their answers on real boards, and boards that cannot answer all of them."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from brainalign_monitor.history.changes import compare
from brainalign_monitor.history.series import Since
from brainalign_monitor.report import Report, build_report
from brainalign_monitor.report.records import Section
from brainalign_monitor.report.trust import COVERAGE
from brainalign_plugin.analysis import analyse
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.files.site_cells import Rejected
from brainalign_plugin.text import UNKNOWN
from tests.boards import small_tree, snapshot_of
from tests.conftest import ROOT
from tests.monitor.report.conftest import drawn_snapshot, evidence_of, plain_leaves, report_of
from tests.monitor.report.vega_lite_schema import faults

QUESTIONS = ("changed", "sample", "agreement", "average", "ranks", "schemes", "moves", "time", "trust")
FORBIDDEN = ("complete cases", "cleaned board", "common panel", "holds here", "fired", "mean_rho", "r2_behavior")


def section(report: Report, name: str) -> Section:
    return next(one for one in report.sections if one.id == name)


def words(report: Report) -> str:
    """Every sentence and every cell of a report."""
    found = [report.title, report.as_of, report.size, *report.left_out]
    for one in report.sections:
        found += [one.question, one.answer, one.how, *one.points]
        found += [one.verdict.words] if one.verdict else []
        found += [text for figure in one.figures for text in (figure.chart.title, figure.chart.alt)]
        for table in one.tables:
            found += [table.caption, *(column.label for column in table.columns)]
            found += [cell for row in table.rows for cell in row]
    found += [text for *_, text in (*report.panels, *report.models)]
    return "\n".join(found)


needs_shared = pytest.mark.needs("shared")


@needs_shared
def test_the_questions_stand_in_their_order(real):
    assert tuple(one.id for one in real.sections) == QUESTIONS
    assert real.left_out == ()
    assert len(real.figures) <= 8


@needs_shared
def test_every_chart_is_valid_vega_lite_and_says_its_finding(real):
    assert {figure.id: faults(figure.chart) for figure in real.figures} == {f.id: [] for f in real.figures}
    for figure in real.figures:
        assert figure.chart.title.endswith(".")
        assert figure.chart.title in figure.chart.alt
    for one in real.sections:
        assert [f.chart.title for f in one.figures if f.answer] in ([], [one.answer])


@needs_shared
def test_the_answers_hold_figure_and_interval(real):
    assert "ρ = 0.187 (95\u202f% interval 0." in section(real, "changed").answer
    assert "0.172 on 1 October 2023, on 83 models without a gap, 135 before; no score was restated" in (
        section(real, "changed").answer
    )
    assert section(real, "changed").verdict.words == "The sample changed"
    assert section(real, "sample").answer == (
        "83 of 281 models have a score on every one of 51 kept benchmarks (of 53); 54 lack nothing but "
        "Igustibagus2024-ridge, new since the last report."
    )
    agreement = section(real, "agreement")
    assert "ρ = 0.187" in agreement.answer
    assert "0.107 among the better half" in agreement.points[0]
    assert "0.206 over all models" in agreement.points[0]
    without = "Without the paper Marques2020 the mean is 0.389, and the claim is weaker"
    assert without in agreement.points[1]
    dimensions = "5 dimensions by parallel analysis (at least 3 with families of models kept alike); the first"
    assert dimensions in agreement.points[2]
    assert agreement.points[3].startswith(
        "Across papers, shared properties explain 27.6\u202f% of how far benchmarks agree, region most: "
        "where it is shared, ρ is higher by 0.370 (95\u202f% interval 0."
    )
    assert agreement.points[3].endswith(", p = 0.003.")
    assert (
        "One more paper on behaviour would raise its reliability most, to 0.751 (95\u202f% interval 0.5"
        in (section(real, "ranks").points[0])
    )
    assert "probability" in agreement.verdict.words
    average = section(real, "average")
    assert "94.6\u202f%" in average.answer
    assert "90.9\u202f%" in average.answer
    counter = average.points[1]
    assert "83\u202f% and the neural half 67\u202f%" in counter
    assert "74\u202f% and 74\u202f%" in counter
    assert average.points[2].startswith(
        "3 of the 51 benchmarks, chosen on the older half of the models, rank the later half as all do: ρ = 0.971 (95"
    )
    assert "truly first with probability" in section(real, "ranks").answer
    assert "(reliability 0.89)" in section(real, "ranks").answer
    assert "within 0.0005 of the published one" in section(real, "trust").answer


@needs_shared
def test_the_official_top_twenty_can_be_found_by_name_with_reasons(real, real_evidence):
    snapshot = real_evidence.analysis.snapshot
    top = sorted((rank, m.id) for m, rank in zip(snapshot.models, real_evidence.analysis.official.ranks, strict=True)
                 if rank is not None and rank <= 19)  # fmt: skip
    assert len(top) == 22, "four share rank 19"
    said = {i: (name, text) for i, name, text in real.models}
    assert len(said) == 281
    (table,) = section(real, "sample").tables
    assert table.models == tuple(str(i) for _, i in top)
    for (rank, i), row in zip(top, table.rows, strict=True):
        name, text = said[str(i)]
        assert name == row[0]
        inside = i in real_evidence.analysis.cleaning.board.ids
        assert text.startswith(f"official rank {rank}; ")
        assert ("; among the 83" in text) == inside
        assert inside or re.search(r"not among the 83: (never run|failed) on \w", text)
        assert row[2] == "in" if inside else row[2].startswith("out: ")
    name, text = said[str(top[0][1])]
    assert name.startswith("cvt_cvt-w24-384-in22k")
    assert text == "official rank 1; not among the 83: never run on Igustibagus2024-ridge"


@needs_shared
def test_the_table_of_models_has_all_of_them_and_their_panels(real):
    (table,) = section(real, "ranks").tables
    assert (len(table.rows), table.shown) == (281, 20)
    assert sum("poster" in panels.split() for panels in table.panels) == 83
    assert sum("every" in panels.split() for panels in table.panels) == 46
    assert [key for key, *_ in real.panels] == ["poster", "every", "all"]
    assert real.panels[1][2].startswith("46 models × 52 benchmarks: mean ρ 0.226")


@needs_shared
def test_moves_are_grouped_by_their_reason(real):
    moves = section(real, "moves")
    assert "for 8 of the 10 that moved furthest the largest reason is a benchmark that it never ran" in moves.answer
    reasons = [row[2] for row in moves.tables[0].rows]
    assert len(reasons) == 10
    assert reasons == sorted(reasons, key=reasons.index), "no reason comes twice"


@needs_shared
def test_schemes_are_judged_by_properties_reliability_validity_and_distance(real):
    (table,) = section(real, "schemes").tables
    rows = {row[0].partition(":")[0]: row[1:] for row in table.rows}
    assert rows["HIER"][:4] == ("kept", rows["HIER"][1], "kept", "0.67")
    assert rows["HIER"][4] == "0.41"
    assert rows["UNIVERSE"][4] == "0.48"
    assert len(table.rows) >= 31
    assert table.shown == 8
    assert all(UNKNOWN not in row[1:4] for row in table.rows[: table.shown]), "each property of each kind is known"


@needs_shared
def test_a_property_that_takes_too_long_to_measure_is_claimed_where_it_is_proven(real_evidence):
    study = real_evidence.study
    audits = tuple(replace(one, removal=None, monotone=None, hierarchy=None) for one in study.audits)
    (table,) = section(build_report(replace(real_evidence, study=replace(study, audits=audits))), "schemes").tables
    rows = {row[0].partition(":")[0]: row[1:4] for row in table.rows}
    assert rows["HIER"] == ("kept (proven)", UNKNOWN, "kept (proven)")
    assert rows["RANK"] == (UNKNOWN, "kept (proven)", UNKNOWN)


@needs_shared
def test_words_are_those_of_readers(real, whole):
    for report in (real, whole):
        text = words(report)
        assert not [word for word in FORBIDDEN if word in text]
        # Each number agrees with its noun.
        assert not re.findall(r"\b1 (?:models|benchmarks|pairs|scores|times|boards)\b", text)
        assert not re.findall(r"\b(?:[02-9]|\d\d+) (?:model|benchmark|pair|score|board)\b(?!’)", text)
        assert "/tmp" not in text
        assert "/work" not in text


def test_a_first_board_says_that_nothing_can_have_changed(whole):
    first = section(whole, "changed")
    assert "first observed board" in first.answer
    assert "30 models × 10 benchmarks" in first.answer
    assert [line.partition("?")[0] for line in whole.left_out] == ["Who moved, and why", "How did that come about"]


def since_of(earlier: Snapshot, later: Snapshot) -> Since:
    from brainalign_monitor.history.drift import TESTED, Difference

    info = type("Info", (), {"as_of_time": earlier.as_of_time})()
    same = dict.fromkeys(TESTED, Difference(0.1, 0.2, (0.05, 0.15), 0.01, 30, 10))
    return Since(info, compare(earlier, later), {}, same)


def test_no_change_is_a_full_report(drawn):
    report = report_of(drawn, since=since_of(drawn.snapshot, drawn.snapshot))
    assert section(report, "changed").verdict.words == "Nothing restated"
    assert section(report, "changed").answer.startswith("Nothing: ")
    assert section(report, "moves").answer.startswith("Nobody: ")
    assert {"agreement", "average", "ranks", "schemes"} <= {one.id for one in report.sections}


def test_a_restated_score_is_the_first_thing_that_is_said(drawn):
    snapshot = drawn.snapshot
    scores = snapshot.scores.copy()
    leaf = snapshot.tree.index[drawn.cleaning.board.leaves[0]]
    scores[0, leaf] = 0.0 if scores[0, leaf] > 0.5 else 1.0
    report = report_of(drawn, since=since_of(replace(snapshot, scores=scores), snapshot))
    changed = section(report, "changed")
    assert changed.verdict.words == "Scores changed"
    assert changed.points[0].startswith("1 score was restated; on the 30 models × 10 benchmarks")
    assert changed.links[0] == "#time"


def test_a_general_table_leaves_out_what_needs_two_halves():
    chance = np.random.default_rng(0)
    ability = chance.normal(size=(40, 1))
    frame = pd.DataFrame(ability + chance.normal(size=(40, 6)), columns=[f"Task{2000 + k}" for k in range(6)])
    frame = (frame - frame.min()) / (frame.max() - frame.min())
    report = report_of(analyse(Snapshot.from_frame(frame)))
    assert "average" not in {one.id for one in report.sections}
    assert any(line.startswith("What decides the average?") for line in report.left_out)
    assert "ρ = " in section(report, "agreement").answer
    assert "Across papers" not in words(report), "nothing is known of these benchmarks"
    assert "One more paper on" in section(report, "ranks").points[0]
    assert not [word for word in FORBIDDEN if word in words(report)]


def test_an_empty_board_has_a_report():
    report = report_of(analyse(snapshot_of(small_tree(), [])))
    assert section(report, "sample").answer.startswith("0 of 0 models")
    assert report.figures == []


@pytest.mark.parametrize("models", [1, 2, 3])
def test_a_few_models_have_a_report(models):
    report = report_of(analyse(drawn_snapshot(models, plain_leaves(3, "V1-pls"), plain_leaves(2, "i2n"))))
    assert section(report, "ranks").tables[0].rows
    assert not re.findall(r"\bnan\b|kept alike", words(report))
    assert not re.findall(r"\b1 (?:models|benchmarks|pairs)\b", words(report))


def test_unread_cells_are_counted_and_shown(drawn):
    cell = Rejected(1, "net", "A2000.V1-pls", "n/a", "no number")
    trust = section(report_of(drawn, rejected=(cell,)), "trust")
    assert trust.points[1] == "1 cell of the source could not be read and count as never run." or (
        "1 cell of the source could not be read" in trust.points[1]
    )
    assert trust.tables[0].rows == (("net", "A2000.V1-pls", "n/a", "no number"),)


def test_equal_evidence_gives_equal_records(drawn):
    evidence = evidence_of(drawn)
    assert words(build_report(evidence)) == words(build_report(evidence))


def test_the_coverage_in_the_report_is_that_of_the_study():
    table = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .*? \| (.*?) \| ([\d.]+) \|", table, re.MULTILINE)
    ranks = [float(share) for name, share in rows if name in ("rank, HIER", "rank, universe score")]
    figures = [float(share) for name, share in rows if re.fullmatch(r"[a-z0-9_]+", name)]
    assert len(ranks) == 2 * 4
    assert len(figures) > 8 * 4
    found = [(int(low), int(high)) for low, high in re.findall(r"(\d+) to (\d+) %", COVERAGE)]
    assert found == [(round(100 * min(held)), round(100 * max(held))) for held in (ranks, figures)]


def test_claims_are_open_where_there_are_too_few_families():
    names = [f"resnet-{i}" for i in range(10)]
    few = drawn_snapshot(10, plain_leaves(6, "V1-pls"), plain_leaves(4, "i2n"), names=names)
    report = report_of(analyse(few), study=None, validity=None)
    for name in ("agreement", "average"):
        verdict = section(report, name).verdict
        assert (verdict.tone, "is open: too few families" in verdict.words) == ("unknown", True)
    assert not re.findall("Across papers|kept alike|One more paper", words(report)), "no figure without an interval"
