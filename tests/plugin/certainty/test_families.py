"""Near-copies, families, and intervals that redraw families."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from brainalign_plugin.agreement.correlation import agreement
from brainalign_plugin.agreement.explained_variance import explained_variance
from brainalign_plugin.certainty.bootstrap import (
    draw_counts,
    effective_families,
    effective_n,
    family_bootstrap,
    interval,
    one_vote_each,
    share_below_zero,
    sure_families,
)
from brainalign_plugin.certainty.families import (
    families,
    name_run,
    near_copies,
    read_families,
    rerun_reliability,
    unknown_models,
)
from brainalign_plugin.certainty.figures import headline
from brainalign_plugin.certainty.variance_components import NotEstimable
from brainalign_plugin.errors import InputError
from tests.boards import board_of_matrix, drawn_board, drawn_rows, halves

# date: families, sizes of the groups of near-copies
TABLE = {"2022-07-01": (13, []), "2023-07-01": (34, [8, 2]), "2024-01-01": (23, [7]), "2025-05-07": (44, [8, 2, 2])}


def copies_by_pairs(scores):
    """The definition, pair by pair."""

    def near(a, b):
        common = ~np.isnan(a) & ~np.isnan(b)
        distance = np.round(np.abs(a - b)[common], 9)
        return common.sum() >= 10 and (distance < 0.0005).mean() >= 0.5 and distance.max() <= 0.01

    group = list(range(len(scores)))
    for i, k in itertools.combinations(range(len(scores)), 2):
        if near(scores[i], scores[k]):
            old, new = group[k], group[i]
            group = [new if g == old else g for g in group]
    found = {g: tuple(i for i in range(len(scores)) if group[i] == g) for g in group}
    return sorted((g for g in found.values() if len(g) > 1), key=lambda g: (-len(g), g))


def named(board, *names):
    models = tuple(replace(m, name=name) for m, name in zip(board.models, names, strict=True))
    return replace(board, models=models)


@pytest.mark.parametrize("date", TABLE)
def test_the_real_families(real_board, date):
    board = real_board(date)
    found = families(board)
    assert (found.count, [len(group) for group in found.near_copies]) == TABLE[date]
    if found.near_copies:
        name = {m.id: m.name for m in board.models}
        assert {name[i].split("-")[0] for i in found.near_copies[0]} == {"alexnet"}


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_near_copies_are_found_as_by_pairs(seed):
    random = np.random.default_rng(seed)
    scores = np.round(random.random((9, 14)), 3)
    for copy, of in ((3, 0), (5, 3), (7, 1)):
        moved = random.choice([0.0, 0.0004, 0.001, 0.01, 0.011], p=[0.5, 0.1, 0.2, 0.19, 0.01], size=14)
        scores[copy] = scores[of] + moved
    scores[random.random(scores.shape) < 0.15] = np.nan
    assert list(near_copies(scores)) == copies_by_pairs(scores)


@pytest.mark.parametrize(
    ("name", "run"),
    [("mobilenet_v2_1.0_96", "mobilenet"), ("AlexNet", "alexnet"), ("r50_tvpt", "r"), ("0.5x_resnet", ""), ("", "")],
)
def test_the_run_of_letters(name, run):
    assert name_run(name) == run


def test_families_join_copies_names_and_tables():
    random = np.random.default_rng(0)
    scores = random.random((7, 12))
    scores[6] = scores[0]
    board = named(board_of_matrix(scores, halves(12)), "resnet50", "ResNet-18", "1x", "2x", "vit_b", "deit_b", "copy")
    ids = board.ids
    assert families(board).labels.tolist() == [0, 0, 1, 2, 3, 4, 0]
    found = families(board, (("vit_b", "transformer"), (str(ids[5]), "Transformer "), ("1x", "odd"), ("absent", "odd")))
    assert found.labels.tolist() == [0, 0, 1, 2, 3, 3, 0]
    assert found.near_copies == ((ids[0], ids[6]),)


def test_the_users_table(tmp_path):
    board = named(drawn_board(0, 3, 4), "a", "a", "b")
    table = tmp_path / "families.csv"
    table.write_text(f"\ufeffModel, Family\na,first\n{board.ids[2]},second\nabsent,third\n")
    rows = (("a", "first"), (str(board.ids[2]), "second"), ("absent", "third"))
    assert read_families(table) == rows
    assert unknown_models(rows, board) == ("absent",)
    assert families(board, rows).labels.tolist() == [0, 0, 1]
    table.write_bytes('sep=;\r\n# mine\r\nfamily;model;note\r\nfirst;"a;x";\r\n\r\nzwölf;b\r\n'.encode("cp1252"))
    assert read_families(table) == (("a;x", "first"), ("b", "zwölf"))
    table.write_text("model,kind\na,first\n")
    with pytest.raises(InputError, match="columns model, kind"):
        read_families(table)
    table.write_text("model,family\na,first\nb,\n")
    with pytest.raises(InputError, match="line 3"):
        read_families(table)
    with pytest.raises(InputError, match="cannot be read"):
        read_families(tmp_path / "none.csv")


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_figures_under_counts_are_those_of_the_counted_rows(seed):
    random = np.random.default_rng(seed)
    board = drawn_board(seed, models=9, leaves=7, digits=2)
    counts = random.integers(0, 3, size=(3, 9))
    counts[:, :2] = 1
    found = headline(board, counts)
    for r, times in enumerate(counts):
        rows = np.repeat(np.arange(9), times)
        expected = agreement(drawn_rows(board, rows.tolist()))
        parts = explained_variance(drawn_rows(board, rows.tolist())).parts
        averages = {part: board.part_scores()[part][rows] for part in board.parts}
        for name, value in {
            "mean_rho": expected.all_pairs.mean,
            "negative_share": expected.all_pairs.negative_share,
            "paper_balanced_rho": expected.paper_balanced_mean,
            "neural_rho": expected.blocks[board.parts[0], board.parts[0]].mean,
            "behavior_rho": expected.blocks[board.parts[1], board.parts[1]].mean,
            "cross_rho": expected.blocks[board.parts].mean,
            "r2_neural": parts[board.parts[0]].r2,
            "r2_behavior": parts[board.parts[1]].r2,
            "null_r2_behavior": parts[board.parts[1]].null,
            "sd_neural": averages[board.parts[0]].std(ddof=1),
            "sd_behavior": averages[board.parts[1]].std(ddof=1),
        }.items():
            assert found.values[name][r] == pytest.approx(value, nan_ok=True), name


def test_a_drawn_family_comes_with_all_members():
    labels = np.array([0, 1, 0, 2, 1])
    counts = draw_counts(labels, 500, seed=1)
    assert (counts[:, 0] == counts[:, 2]).all()
    assert (counts[:, 1] == counts[:, 4]).all()
    assert (counts[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert np.array_equal(counts, draw_counts(labels, 500, seed=1))
    with pytest.raises(InputError, match="0 resamples"):
        draw_counts(labels, 0, seed=1)


def test_intervals_of_each_kind():
    drawn = np.linspace(0, 1, 10_001)
    many = interval(0.5, drawn, 1e9)
    assert (many.low, many.high) == pytest.approx((0.025, 0.975))
    few = interval(0.5, drawn, 13.0)
    reach = np.sqrt(13 / 12) * stats.t.ppf(0.975, 12)
    assert (few.low, few.high) == pytest.approx((stats.norm.cdf(-reach), stats.norm.cdf(reach)), abs=1e-3)
    logs = np.random.default_rng(0).normal(-0.1, 0.2, size=4000)
    spread = interval(2.0, 2 * np.exp(logs), 13.0, "spread")
    assert np.log([spread.low / 2, spread.high / 2]) == pytest.approx([0.1 - 0.2 * reach, 0.1 + 0.2 * reach], abs=0.02)
    assert interval(None, drawn, 9.0) is None
    assert interval(0.5, np.where(drawn < 0.2, np.nan, drawn), 9.0) is None
    assert effective_families(np.array([0, 0, 1, 2])) == pytest.approx(16 / 6)
    assert sure_families(np.arange(7)) is None
    assert sure_families(np.arange(8)) == 8
    assert sure_families(np.array([*range(8), *[8] * 90])) is None


@pytest.mark.parametrize("centre", [0.0, 0.2, 0.6])
def test_noise_is_taken_off_the_share_of_negative_pairs(centre):
    random = np.random.default_rng(4)
    true = random.normal(centre, 0.25, size=4000)
    noise = random.uniform(0.01, 0.05, size=4000)
    seen = true + np.sqrt(noise) * random.normal(size=4000)
    wanted, raw = (true < 0).mean(), (seen < 0).mean()
    assert share_below_zero(seen, noise) == pytest.approx(wanted, abs=0.015)
    if centre:
        assert raw > wanted + 0.01


def test_families_widen_intervals_and_lower_the_effective_n():
    random = np.random.default_rng(3)
    few = np.clip(0.5 + 0.1 * random.normal(size=(8, 10)), 0, 1)
    scores = np.clip(np.repeat(few, 10, axis=0) + 0.02 * random.normal(size=(80, 10)), 0, 1)
    board = named(board_of_matrix(scores, halves(10)), *(f"{'abcdefgh'[i // 10]}_{i}" for i in range(80)))
    found = family_bootstrap(board, families(board), resamples=300, seed=1)
    assert (found.models, found.families) == (80, 8)
    assert found.effective_n["mean_rho"] < 25
    alone = family_bootstrap(board, families(named(board, *("1" * 80))), resamples=300, seed=1)
    assert alone.families == 80
    assert alone.effective_n["mean_rho"] == pytest.approx(80, rel=1e-9)
    wide, narrow = (f.intervals["mean_rho"] for f in (found, alone))
    assert 0 <= found.corrected_negative_share <= 1
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)
    # Eight independent models are no proof of a relation; eighty would be for some pairs of leaves.
    assert (alone.rho_p < 0.001).mean() > 0.15
    assert (found.rho_p < 0.001).mean() < 0.05
    few = family_bootstrap(board, families(named(board, *("abcdefg" * 12)[:80])), resamples=50, seed=1)
    assert (few.families, few.intervals["mean_rho"], few.effective_n["mean_rho"]) == (7, None, None)
    assert effective_n(5, np.full(3, np.nan), np.ones(3)) is None
    assert effective_n(5, np.ones(3), np.ones(3)) is None


def test_one_vote_a_group_of_copies(real_board):
    board = real_board("2024-01-01")
    found = families(board)
    dropped = found.near_copies[0][1:]
    rest = board.take(rows=[i for i, model in enumerate(board.ids) if model not in dropped])
    assert one_vote_each(board, found) == pytest.approx(agreement(rest).all_pairs.mean)


def test_reruns_repeat_themselves(real_board):
    board = real_board("2024-01-01")
    found = rerun_reliability(board, families(board))
    assert len(found.reliability) == 51
    assert min(found.reliability.values()) >= 0.999
    first = board.scores[[board.ids.index(i) for i in found.groups[0]]]
    leaf = board.leaves[0]
    assert found.reliability[leaf] == pytest.approx(1 - first[:, 0].var(ddof=1) / board.scores[:, 0].var(ddof=1))
    nothing = rerun_reliability(drawn_board(1, 5, 12), families(drawn_board(1, 5, 12)))
    assert isinstance(nothing, NotEstimable)
    assert "no two of the 5 models" in nothing.reason
