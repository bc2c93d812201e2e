from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_monitor.report.chart_data import chart_data
from brainalign_monitor.report.claims import agreement_verdict, dominance_verdict, spread_verdict
from brainalign_monitor.report.figures import ARXIV, WORKSHOP, figures, ratio
from brainalign_monitor.report.scheme_data import NAMED_MODELS, spread_out
from brainalign_plugin.agreement.spread import spread
from brainalign_plugin.analysis import analyse
from brainalign_plugin.data.board import Model
from tests.boards import small_tree, snapshot_of, snapshots, tree_of
from tests.monitor.report.conftest import drawn_snapshot, plain_leaves, view_of

SEVEN = 7  # leaves of the small tree


def texts(record: Any) -> list[str]:
    """Every string in a record, however deep."""
    if isinstance(record, str):
        return [record]
    if dataclasses.is_dataclass(record):
        return [t for field in dataclasses.fields(record) for t in texts(getattr(record, field.name))]
    if isinstance(record, dict):
        return [t for value in record.values() for t in texts(value)]
    if isinstance(record, tuple | list):
        return [t for value in record for t in texts(value)]
    return []


@pytest.mark.parametrize(
    ("mean", "highest", "verdict"),
    [
        (0.187, 0.329, "holds here"),
        (0.29, 0.5, "holds here"),
        (0.29, 0.51, "weaker here"),
        (0.3, 0.3, "weaker here"),
        (0.49, 0.6, "weaker here"),
        (0.5, 0.5, "does not hold here"),
        (-0.2, 0.0, "holds here"),
        (None, 0.3, "cannot be said"),
        (None, None, "cannot be said"),
    ],
)
def test_agreement_is_judged_by_its_rule(mean, highest, verdict):
    assert agreement_verdict(mean, highest) == verdict


@pytest.mark.parametrize(
    ("r2", "shapley", "verdict"),
    [
        (0.9456, 0.745, "holds here"),
        (0.8, 2 / 3, "holds here"),
        (0.79, 0.9, "weaker here"),
        (0.95, 0.66, "weaker here"),
        (0.95, 0.5, "does not hold here"),
        (0.2, 0.3, "does not hold here"),
        (None, 0.7, "cannot be said"),
        (0.9, None, "cannot be said"),
    ],
)
def test_dominance_is_judged_by_its_rule(r2, shapley, verdict):
    assert dominance_verdict(r2, shapley) == verdict


@pytest.mark.parametrize(
    ("sd", "span", "verdict"),
    [
        (3.2, 2.8, "holds here"),
        (2.0, 2.0, "holds here"),
        (3.0, 1.9, "weaker here"),
        (1.1, 1.1, "weaker here"),
        (3.0, 1.0, "does not hold here"),
        (0.5, 3.0, "does not hold here"),
        (None, 1.0, "cannot be said"),
    ],
)
def test_spread_is_judged_by_its_rule(sd, span, verdict):
    assert spread_verdict(sd, span) == verdict


def test_the_rules_on_the_published_figures():
    assert agreement_verdict(ARXIV.mean_rho, ARXIV.mean_rho) == "holds here"
    assert agreement_verdict(WORKSHOP.mean_rho, WORKSHOP.mean_rho) == "holds here"
    assert dominance_verdict(ARXIV.r2_behavior, ARXIV.shapley_behavior) == "holds here"
    assert dominance_verdict(WORKSHOP.r2_behavior, WORKSHOP.shapley_behavior) == "weaker here"


@pytest.mark.parametrize("seed", range(5))
def test_the_parts_spread_is_that_of_its_leaves_times_what_averaging_leaves(seed):
    analysis = analyse(drawn_snapshot(25, plain_leaves(5, "V1-pls"), plain_leaves(3, "i2n"), seed=seed))
    found = figures(analysis)
    for part in (found.neural, found.behavior):
        assert part.kept is not None
        assert 0 < part.kept < 1
    assert found.sd_ratio == pytest.approx(
        found.leaf_sd_ratio * ratio(found.behavior.kept, found.neural.kept), abs=1e-12
    )


def test_leaves_that_agree_perfectly_lose_nothing():
    rows = [[s / 40] * SEVEN for s in range(5, 25)]
    found = figures(analyse(snapshot_of(small_tree(), rows)))
    assert found.neural.kept == pytest.approx(1)
    assert found.behavior.kept == pytest.approx(1)
    assert found.neural.effective == pytest.approx(0.5)


@pytest.mark.needs("shared")
def test_claims_on_the_largest_real_payload(real):
    disagree, decide, wider = view_of(real).claims
    assert (disagree.figure, disagree.verdict) == ("0.187", "holds here")
    assert "26.2\u202f% of 1,275 pairs are negative" in disagree.reason
    assert "between 0.187 and 0.329" in disagree.reason
    assert (decide.figure, decide.verdict) == ("94.6\u202f%", "holds here")
    assert "Neural scores explain 45.6\u202f%" in decide.reason
    assert "90.9\u202f%" in decide.reason
    assert (wider.figure, wider.verdict) == ("3.2\u202f×", "holds here")
    assert "sd 0.083 against 0.026, range 0.488 against 0.176" in wider.reason
    assert {mark.kind for mark in disagree.line.marks} == {"here", "beside", "arxiv", "workshop"}


@pytest.mark.needs("shared")
def test_the_comparison_on_the_largest_real_payload(real):
    view = view_of(real)
    rows = {row.name: row for group in view.comparison for row in group.rows}
    assert view.comparison_size.here == "83 × 51"
    first = rows["Mean ρ, complete cases"]
    assert (first.here, first.arxiv, first.workshop) == ("0.187", "0.198", "0.161")
    r2 = rows["R², behaviour"]
    assert (r2.here, r2.arxiv, r2.workshop) == ("94.56\u202f%", "95.25\u202f%", "81.24\u202f%")
    assert rows["Mean ρ, pairwise-complete"].here == "0.206"
    assert rows["R² by spread alone, behaviour"].here == "90.91\u202f%"
    assert "Marques2020 and Geirhos2021 are 39 of 51 benchmarks" in rows["Mean ρ, paper-balanced"].note
    effective = [
        float(rows[f"Effective weight, {p}"].here.split("\u202f")[0]) for p in ("behaviour", "neural")
    ]
    assert sum(effective) == pytest.approx(100, abs=0.11)


@pytest.mark.needs("shared")
def test_tables_on_the_largest_real_payload(real):
    view = view_of(real)
    assert len(view.ranks.ranks.rows) == 83
    assert view.agreement.blocks.rows[1][:2] == ("behavioural – behavioural", "0.666")
    assert view.agreement.papers.rows[0][:2] == ("Marques2020", "0.122")
    assert [row[0] for row in view.cleaning.benchmarks.rows] == ["Kar2019-ost", "Rajalingham2020.IT-pls"]
    assert len(view.cleaning.models.rows) == 281 - 83
    assert "at most 0.0005 from the published value at average_vision" in view.cleaning.check_text
    assert not view.cleaning.check_warns
    assert view.header.states[0].text == "70.5\u202f%"
    # Everyone's rank under a scheme is the analysis's.
    columns = [column.label for column in view.ranks.ranks.columns]
    by_id = real.rankings["FLAT"].by_id()
    assert all(int(row[columns.index("FLAT")]) == by_id[int(row[1])] for row in view.ranks.ranks.rows)


def test_models_of_one_name_are_told_apart_by_id():
    snapshot = drawn_snapshot(
        12, plain_leaves(4, "V1-pls"), plain_leaves(2, "i2n"), names=["alexnet", "other"]
    )
    view = view_of(analyse(snapshot))
    names = view.charts.tables["models"]["name"]
    assert len(set(names)) == 12
    assert all(name.startswith(("alexnet · id ", "other · id ")) for name in names)
    assert sorted(int(row[1]) for row in view.ranks.ranks.rows) == list(range(1, 13))


def published_means(rows, off_by=0.0):
    """Every group as the site publishes it for rows of equal scores; the last model's root is ``off_by`` higher."""
    groups = [node.type_id for node in small_tree().nodes if not node.is_leaf]
    published = {group: [row[0] for row in rows] for group in groups}
    return published | {"average_vision": [*published["average_vision"][:-1], rows[-1][0] + off_by]}


@pytest.mark.parametrize(("off_by", "warns"), [(0.0, False), (0.0009, False), (0.02, True)])
def test_the_cross_check_warns_where_a_published_group_differs(off_by, warns):
    rows = [[i / 10] * SEVEN for i in range(1, 6)]
    snapshot = snapshot_of(small_tree(), rows, published=published_means(rows, off_by))
    section = view_of(analyse(snapshot)).cleaning
    assert "No group cell is in another state" in section.check_text
    assert section.check_warns is warns
    assert ("differs" in {row[2] for row in section.check.rows}) is warns
    if warns:
        assert "at most 0.02 from the published value at average_vision" in section.check_text
        assert ("average_vision", "0.02", "differs") in section.check.rows


def test_the_cross_check_warns_of_a_group_in_another_state():
    rows = [[i / 10] * SEVEN for i in range(1, 6)]
    published = published_means(rows) | {"V1": ["X", *(row[0] for row in rows[1:])]}
    section = view_of(analyse(snapshot_of(small_tree(), rows, published=published))).cleaning
    assert section.check_warns
    assert "1 group cell is in another state" in section.check_text


@pytest.mark.parametrize(
    ("leaves", "published", "warns"),
    [
        (
            (0.833, 1.3),
            1.0,
            False,
        ),  # from 1.25 on .833 and 1.3 are what (.8331 + 1.2501) / 2 = 1.04 rounds to
        ((0.833, 1.3), 0.9, True),
        ((0.833, 0.867), 0.88, True),
    ],
)
def test_engineering_scores_from_one_on_are_published_more_coarsely(leaves, published, warns):
    tree = tree_of(
        {
            "average_vision": {
                "neural_vision": {"A2020.V1-pls": None},
                "behavior_vision": {"B2020-i2n": None},
            },
            "engineering_vision": {"C2020-top1": None, "D2020-top1": None},
        }
    )
    means = {"average_vision": [0.5] * 2, "neural_vision": [0.5] * 2, "behavior_vision": [0.5] * 2}
    groups = means | {"engineering_vision": [published, 0.4]}
    rows = [[0.5, 0.5, *leaves], [0.5, 0.5, 0.4, 0.4]]
    section = view_of(analyse(snapshot_of(tree, rows, published=groups))).cleaning
    assert section.check_warns is warns
    verdicts = {row[0]: row[2] for row in section.check.rows}
    assert verdicts["engineering_vision"] == ("differs" if warns else "agrees")
    assert verdicts["average_vision"] == "agrees"


def test_an_engineering_score_above_one_excuses_no_ranked_group():
    rows = [[*[0.5] * 6, 1.1], [*[0.5] * 6, 0.4]]
    groups = published_means([[0.5], [0.5]], off_by=0.02) | {"engineering_vision": [1.1, 0.4]}
    section = view_of(analyse(snapshot_of(small_tree(), rows, published=groups))).cleaning
    assert section.check_warns
    assert "At average_vision it is more than rounding explains" in section.check_text


@pytest.mark.needs("shared")
def test_a_reconstructed_board_has_nothing_to_be_checked_against(real_snapshot):
    view = view_of(analyse(real_snapshot.as_of(date(2022, 7, 1))))
    assert view.header.reconstructed
    assert "no published aggregate" in view.cleaning.check_text
    assert not view.cleaning.check_warns
    assert {row[1] for row in view.cleaning.check.rows} == {"—"}


@dataclass(frozen=True)
class Aside:
    model_id: int = 7
    model: str = "m\u202e\n"
    benchmark: str = "b"
    value: str = "NaN?"
    reason: str = "not a number"


def test_what_was_handed_in_is_shown(drawn):
    view = view_of(drawn, set_aside=(Aside(),), software={"numpy": "9.9"}, command="brainalign report 'a b'")
    assert view.cleaning.set_aside.rows == (("m\ufffd", "7", "b", "NaN?", "not a number"),)
    assert view.reproduction.command == "brainalign report 'a b'"
    facts = {fact.term: fact.text for fact in view.reproduction.facts}
    assert facts["numpy"] == "9.9"
    assert facts["Generated"] == "2026-01-01 12:30:00 UTC"
    assert facts["SHA-256 of the body"] == "0" * 64
    assert facts["Largest share of missing scores"] == "50\u202f%"


EDGES = {
    "no model": [],
    "no score": [["X"] * SEVEN] * 4,
    "one model": [[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]],
    "two models": [[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], [0.3, 0.1, 0.3, 0.5, 0.5, 0.6, 0.7]],
    "all equal": [[0.5] * SEVEN] * 5,
    "no behaviour": [[0.1 * i, 0.5, 1 - 0.1 * i, "", "X", "", 0.5] for i in range(6)],
    "no neural": [["", "", "", 0.1 * i, 0.5, 1 - 0.1 * i, 0.5] for i in range(6)],
}


@pytest.mark.parametrize("rows", EDGES.values(), ids=EDGES)
def test_a_board_that_cannot_tell_says_so(rows):
    view = view_of(analyse(snapshot_of(small_tree(), rows)))
    shown = texts(view)
    assert not [t for t in shown if "nan" in t.split() or "None" in t.split()]
    figures_missing = [f for f in (view.agreement.heatmap, view.weights.chart) if f.missing]
    if rows in (EDGES["no model"], EDGES["no score"], EDGES["one model"]):
        assert len(figures_missing) == 2
        assert {claim.verdict for claim in view.claims} == {"cannot be said"}
    assert all(claim.figure and claim.reason for claim in view.claims)


@settings(max_examples=60)
@given(snapshots(max_models=6))
def test_every_snapshot_has_a_view(snapshot):
    view = view_of(analyse(snapshot, min_overlap=2))
    assert [t for t in texts(view) if t != t.encode("utf-8", "replace").decode("utf-8")] == []
    numbers = [
        value
        for table in view.charts.tables.values()
        for column in table.values()
        for value in column
        if isinstance(value, float)
    ]
    assert all(map(math.isfinite, numbers))
    for table in view.charts.tables.values():
        assert len({len(column) for column in table.values()}) == 1
    for order in (view.charts.heatmap_order, view.charts.spread_order, view.charts.weight_order):
        assert sorted(k for k in order if k >= 0) == list(range(len(view.charts.tables["leaves"]["id"])))


def test_the_same_arguments_give_the_same_view(drawn):
    assert view_of(drawn) == view_of(drawn)


def test_the_heatmap_holds_every_pair_twice(drawn):
    pairs = chart_data(drawn).tables["pairs"]
    leaves = len(drawn.agreement.leaves)
    found = dict(zip(zip(pairs["i"], pairs["j"], strict=True), pairs["rho"], strict=True))
    assert len(found) == leaves * (leaves - 1)
    assert all(found[j, i] == rho for (i, j), rho in found.items())
    assert found[0, 1] == pytest.approx(drawn.agreement.rho[0, 1], abs=6e-4)


def test_the_rank_chart_names_a_few_models_and_says_so():
    generator = np.random.default_rng(3)
    rows = generator.random((120, SEVEN)).round(3).tolist()
    view = view_of(analyse(snapshot_of(small_tree(), rows)))
    charted = [label for label in view.charts.tables["models"]["label"] if label is not None]
    assert len(charted) == NAMED_MODELS
    assert f"names the {NAMED_MODELS} models" in view.ranks.text
    assert len(view.charts.tables["models"]["id"]) == len(view.ranks.ranks.rows)
    ids = [int(row[1]) for row in view.ranks.contested.rows]
    ranks = {int(row[1]): row for row in view.ranks.ranks.rows}
    differences = [int(ranks[i][2]) for i in ids]
    assert differences == sorted(differences, reverse=True)
    assert differences[0] == max(int(row[2]) for row in view.ranks.ranks.rows)


@given(st.lists(st.floats(1, 60), max_size=30), st.floats(0.1, 3))
def test_labels_are_moved_apart_and_stay_in_order(places, gap):
    last = max(places, default=1.0)
    moved = spread_out(places, gap, last)
    order = sorted(range(len(places)), key=lambda k: places[k])
    assert all(moved[b] - moved[a] >= gap - 1e-9 for a, b in pairwise(order))
    needed = min(places, default=0) + gap * (len(places) - 1)
    assert all(m <= max(last, needed) + 1e-9 for m in moved)
    if all(places[b] - places[a] >= gap for a, b in pairwise(order)):
        assert moved == pytest.approx(places)


def test_a_spread_without_models_is_not_a_number_but_a_dash():
    assert spread(np.array([])).sd is None
    empty = analyse(snapshot_of(small_tree(), []))
    assert {cell for row in view_of(empty).spread.nodes.rows for cell in row[2:]} == {"—"}


def test_a_simulated_board_is_marked(drawn):
    marked = replace(drawn.snapshot, simulated=True)
    assert view_of(analyse(marked)).header.simulated
    assert not view_of(drawn).header.simulated


def test_names_are_fit_to_be_shown_everywhere():
    names = ["\u202ereversed", "nul\x00", "two\nlines", "lone \ud800"]
    snapshot = drawn_snapshot(24, plain_leaves(4, "V1-pls"), plain_leaves(2, "i2n"), names=names)
    snapshot = replace(snapshot, models=(*snapshot.models[:-1], Model(999, "\u2066", None, None)))
    for text in texts(view_of(analyse(snapshot))):
        assert not set(text) & set("\u202e\x00\n\ud800\u2066")
