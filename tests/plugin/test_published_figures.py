"""The figures that an independent computation found on the real payloads, to the decimals that were printed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from brainalign_plugin.data.cleaning import clean
from brainalign_plugin.data.tree import paper

RIDGE, OST, PLS = "Igustibagus2024-ridge", "Kar2019-ost", "Rajalingham2020.IT-pls"

# date: models, dropped, complete models and leaves, mean rho, share below zero, R² behaviour and neural, sd likewise
TABLE = {
    "2022-07-01": (220, {RIDGE, OST}, (54, 51), 0.2071, 0.2306, 0.9528, 0.3492, 0.0673, 0.0181),
    "2023-07-01": (271, {RIDGE, OST, PLS}, (128, 50), 0.1758, 0.2849, 0.9622, 0.2720, 0.1007, 0.0229),
    "2024-01-01": (281, {OST, PLS}, (83, 51), 0.1867, 0.2620, 0.9456, 0.4564, 0.0829, 0.0262),
}


@pytest.mark.parametrize("date", TABLE)
def test_the_table(real_analyses, date):
    models, dropped, complete, mean, negative, r2_behavior, r2_neural, sd_behavior, sd_neural = TABLE[date]
    found = real_analyses[date]
    assert len(found.snapshot.models) == models
    assert len(found.cleaning.considered.leaves) == 53
    assert {entry.type_id for entry in found.cleaning.dropped_benchmarks} == dropped
    assert (len(found.cleaning.board.models), len(found.cleaning.board.leaves)) == complete
    parts, spreads = found.explained.parts, found.spreads
    four_decimals = {
        "mean rho": (found.agreement.all_pairs.mean, mean),
        "share rho < 0": (found.agreement.all_pairs.negative_share, negative),
        "R² behaviour": (parts["behavior_vision"].r2, r2_behavior),
        "R² neural": (parts["neural_vision"].r2, r2_neural),
        "sd behaviour": (spreads["behavior_vision"].sd, sd_behavior),
        "sd neural": (spreads["neural_vision"].sd, sd_neural),
    }
    assert {name: round(ours, 4) for name, (ours, _) in four_decimals.items()} == {
        name: printed for name, (_, printed) in four_decimals.items()
    }
    assert found.agreement.all_pairs.pairs == complete[1] * (complete[1] - 1) / 2
    assert len(found.cleaning.dropped_models) == models - complete[0]
    assert found.cleaning.constant == ()


def test_a_new_benchmark_cost_a_third_of_the_complete_cases(real_analyses):
    before, after = (real_analyses[date].cleaning for date in ("2023-10-01", "2024-01-01"))
    assert (len(before.board.models), len(after.board.models)) == (135, 83)
    assert set(after.board.leaves) - set(before.board.leaves) == {RIDGE}
    share = np.isnan(after.considered.scores[:, after.considered.leaves.index(RIDGE)]).mean()
    assert share <= 0.5
    assert {entry.type_id for entry in before.dropped_benchmarks} > {RIDGE}


def test_spread_alone_would_give_behaviour_nine_tenths(real_analyses):
    parts = real_analyses["2024-01-01"].explained.parts
    assert round(parts["behavior_vision"].null, 2) == 0.91
    assert parts["behavior_vision"].null + parts["neural_vision"].null == pytest.approx(1)


def test_two_papers_are_most_of_the_leaves(real_analyses):
    found = real_analyses["2024-01-01"].agreement
    papers = [paper(leaf) for leaf in found.leaves]
    assert papers.count("Marques2020") + papers.count("Geirhos2021") == 39
    assert round(found.within_paper["Geirhos2021"].mean, 2) == 0.71
    assert round(found.within_paper["Marques2020"].mean, 2) == 0.12
    elsewhere = [j for j, name in enumerate(papers) if name not in ("Marques2020", "Geirhos2021")]
    pairs = [found.rho[i, j] for i, j in itertools.combinations(elsewhere, 2)]
    assert round(float(np.mean(pairs)), 2) == 0.30


def test_complete_cases_are_a_selection(real_analyses):
    found = real_analyses["2024-01-01"]
    assert found.pairwise.min_overlap == 20
    assert round(found.pairwise.all_pairs.mean, 3) == 0.206
    assert round(found.pairwise.all_pairs.negative_share, 2) == 0.20
    assert round(found.agreement.all_pairs.mean, 3) == 0.187
    assert round(found.agreement.all_pairs.negative_share, 2) == 0.26


def test_five_reliabilities_are_negative(real_analyses):
    # The errors are read from another field than the scores: this says that they land on the right cells.
    board = real_analyses["2024-01-01"].cleaning.board
    reliabilities = []
    for j in range(len(board.leaves)):
        both = ~np.isnan(board.errors[:, j])
        noise = np.mean(board.errors[both, j] ** 2)
        reliabilities.append(1 - noise / board.scores[both, j].var(ddof=1))
    assert len(reliabilities) == 51
    assert sum(r < 0 for r in reliabilities) == 5


def test_reading_and_cleaning_agree_with_the_payload_read_by_hand(real_analyses, real_documents):
    """The whole way once more without any of our code: JSON, averages and ranks in plain Python and numpy."""
    document = real_documents["2024-01-01"]
    parent = {b["type_id"]: b["parent_id"] and b["parent_id"].rpartition("_v")[0] for b in document["benchmarks"]}

    def root(name):
        return name if parent[name] is None else root(parent[name])

    leaves = [b["type_id"] for b in document["benchmarks"] if b["is_leaf"] and root(b["type_id"]) == "average_vision"]
    texts = {m["id"]: {leaf: m["scores"][leaf][0]["value"] for leaf in leaves} for m in document["models"]}
    kept = [leaf for leaf in leaves if sum(row[leaf] in ("", "X") for row in texts.values()) <= 281 / 2]
    rows = {i: [row[leaf] for leaf in kept] for i, row in texts.items()}
    rows = {i: [float(x) for x in row] for i, row in rows.items() if not {"", "X"} & set(row)}
    cleaned = real_analyses["2024-01-01"].cleaning.board
    assert set(cleaned.leaves) == set(kept)
    assert set(cleaned.ids) == set(rows)
    by_leaf = [cleaned.leaves.index(leaf) for leaf in kept]
    np.testing.assert_array_equal(cleaned.scores[:, by_leaf], [rows[i] for i in cleaned.ids])


def test_a_reconstructed_board_gives_the_same_figures(real_analyses):
    # Going back from the latest payload has to say the same as the payload of that day.
    latest = real_analyses["2024-01-01"].snapshot
    published = real_analyses["2022-07-01"]
    then = clean(latest.as_of(published.snapshot.as_of_time).board()).board
    cleaned = published.cleaning.board
    assert then.leaves == cleaned.leaves
    assert set(then.ids) == set(cleaned.ids)
    order = [cleaned.ids.index(i) for i in then.ids]
    np.testing.assert_array_equal(then.scores, cleaned.scores[order])
