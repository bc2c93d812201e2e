"""What the page says of aggregation schemes and of how sure figures are: each figure is the study's own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from brainalign_monitor.report import render_report
from brainalign_monitor.report.certainty import agreement_certainty, certainty_section
from brainalign_monitor.report.scheme_sections import scheme_sections
from brainalign_plugin.analysis import analyse
from brainalign_plugin.audit.study import study_schemes
from brainalign_plugin.schemes import Claims, scheme_names
from tests.boards import small_tree, snapshot_of
from tests.monitor.report.conftest import view_of


def columns(table) -> dict[str, tuple[str, ...]]:
    rows = list(zip(*table.rows, strict=True))
    return {column.label: rows[k] for k, column in enumerate(table.columns)}


def test_without_a_study_the_sections_are_absent(drawn):
    view = view_of(drawn)
    assert view.schemes is None
    assert view.certainty is None
    page = render_report(view)
    assert 'id="rank-certainty"' not in page
    assert 'id="headline"' not in page
    assert view.charts.schemes == tuple(drawn.rankings)


def test_a_board_that_is_too_small_has_no_study():
    for rows in ([], [[0.5] * 7]):
        assert study_schemes(analyse(snapshot_of(small_tree(), rows))) is None


def test_all_registered_schemes_are_in_the_table_of_ranks(whole, drawn_study):
    found = columns(whole.ranks.ranks)
    assert set(scheme_names()) <= set(found)
    for one in drawn_study.schemes:
        by_id = one.ranking.by_id()
        assert [by_id[int(i)] for i in found["id"]] == [int(rank) for rank in found[one.scheme.name]]


def test_the_headline_counts_first_places_and_those_who_always_stay(whole, drawn_study):
    rankings = [one.ranking.by_id() for one in drawn_study.schemes]
    text = whole.schemes.headline
    first = {i for ranks in rankings for i, rank in ranks.items() if rank == 1}
    always = [i for i in rankings[0] if all(ranks[i] <= 10 for ranks in rankings)]
    assert f"{len(rankings)} schemes" in text
    assert ("the same model is first" in text) is (len(first) == 1)
    assert (f"{len(first)} different models" in text) is (len(first) > 1)
    assert f"{len(always)} model" in text
    assert len(whole.schemes.agreement.always) == len(always)


def test_the_table_of_intervals_is_that_of_the_first_scheme(whole, drawn_study):
    section = whole.schemes.intervals
    one = next(one for one in drawn_study.schemes if one.uncertainty is not None)
    assert section.schemes[0] == one.scheme.name
    found = columns(section.table)
    best = sorted(range(len(one.ranking.ids)), key=lambda i: (one.ranking.ranks[i], one.ranking.ids[i]))[:25]
    assert [int(rank) for rank in found["rank"]] == [int(one.ranking.ranks[i]) for i in best]
    assert found["95\u202f% interval"][0] == f"{one.uncertainty.low[best[0]]}–{one.uncertainty.high[best[0]]}"


def test_claims_and_measured_rates_stand_side_by_side(whole, drawn_study):
    found = columns(whole.schemes.properties.table)
    by_name = {audit.scheme.name: audit for audit in drawn_study.audits}
    assert set(found["scheme"]) == set(by_name)
    for k, name in enumerate(found["scheme"]):
        audit = by_name[name]
        assert found["IIA"][k].startswith("✓") is audit.scheme.claims.iia
        if audit.removal is not None and audit.removal.rate:
            assert found["IIA"][k] != "0"
            assert int(found["most pairs changed"][k]) == audit.removal.worst_changes
        if audit.monotonicity is None:
            assert found["monotonicity"][k] == ("✓ 0" if audit.scheme.claims.monotonicity else "—")
    assert "HIER_REF_NORMAL has all three" in whole.schemes.properties.text
    assert whole.schemes.properties.warnings == ()


def test_a_claim_that_the_board_contradicts_is_a_warning(drawn, drawn_study):
    broken = next(audit for audit in drawn_study.audits if audit.removal is not None and audit.removal.rate)
    claiming = replace(broken, scheme=replace(broken.scheme, claims=Claims(iia=True)))
    audits = tuple(claiming if audit is broken else audit for audit in drawn_study.audits)
    section = scheme_sections(drawn, replace(drawn_study, audits=audits)).properties
    assert section.warnings == (f"{broken.scheme.name} claims iia, and this board contradicts it.",)


def test_a_scheme_that_cannot_be_used_says_why(drawn, drawn_study):
    gone = drawn_study.schemes[3]
    schemes = tuple(
        replace(one, ranking=None, uncertainty=None, problem="cannot be used here") if one is gone else one
        for one in drawn_study.schemes
    )
    audits = tuple(audit for audit in drawn_study.audits if audit.scheme.name != gone.scheme.name)
    pairs = tuple(
        pair for pair in drawn_study.comparison.pairs if gone.scheme.name not in (pair.one, pair.other)
    )
    study = replace(
        drawn_study, schemes=schemes, audits=audits, comparison=replace(drawn_study.comparison, pairs=pairs)
    )
    view = view_of(drawn, study=study)
    assert gone.scheme.name not in view.charts.schemes
    notes = {fact.term: fact.text for fact in view.schemes.properties.notes}
    assert notes[gone.scheme.name] == "cannot be used here"


def test_certainty_needs_a_board_of_two_models_at_least():
    section = certainty_section(agreement_certainty(analyse(snapshot_of(small_tree(), [])), 20))
    assert {row[1] for row in section.figures.rows} <= {"—"}
    assert {row[2] for row in section.figures.rows} == {"—"}


def test_seeds_and_resamples_are_printed(whole, drawn_study):
    facts = {fact.term: fact.text for fact in whole.reproduction.facts}
    assert facts["Resamples of benchmarks"].startswith(f"{drawn_study.resampling.resamples}, seed 0")
    assert facts["Resamples of models"].startswith("60, seed 0")


@pytest.mark.needs("shared")
def test_the_study_of_the_largest_real_payload(real, real_study):
    view = view_of(real, study=real_study)
    assert view.schemes.properties.warnings == ()
    assert "HIER_REF_NORMAL has all three" in view.schemes.properties.text
    kemeny = next(one for one in real_study.schemes if one.optimum is not None)
    assert kemeny.optimum.objective == kemeny.optimum.bound
    assert view.schemes.missing.moves.rows
    assert len(view.schemes.agreement.pairs.rows) == 8
    rankings = [one.ranking.by_id() for one in real_study.schemes if one.ranking is not None]
    first = {i for ranks in rankings for i, rank in ranks.items() if rank == 1}
    assert f"the first place goes to {len(first)} different models" in view.schemes.headline
    # The order of the moves is by mean shift.
    shifts = [float(row[3]) for row in view.schemes.missing.moves.rows]
    assert shifts == sorted(shifts, reverse=True)
