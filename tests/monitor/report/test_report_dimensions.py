"""What the report says of related pairs and of dimensions, against eigenvalues and tests computed here."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from scipy import stats

from brainalign_monitor.report.dimensions import dimensions_text, related_text
from brainalign_plugin.analysis import Analysis, analyse
from brainalign_plugin.data.snapshot import Snapshot

from .conftest import drawn_snapshot, plain_leaves


def test_the_texts_hold_the_numbers_of_the_board(drawn: Analysis):
    board = drawn.cleaning.board
    eigenvalues = np.linalg.eigvalsh(np.corrcoef(board.scores, rowvar=False))
    ratio = eigenvalues.sum() ** 2 / (eigenvalues**2).sum()
    text = dimensions_text(drawn)
    assert f"carries {100 * eigenvalues.max() / eigenvalues.sum():.1f}" in text
    assert f"is {ratio:.1f}." in text
    assert f"from 1 (all say the same) to {len(board.leaves)} " in text


def test_related_pairs_are_counted_after_benjamini_and_hochberg(drawn: Analysis):
    board = drawn.cleaning.board
    first, second = np.triu_indices(len(board.leaves), k=1)
    tested = [
        stats.spearmanr(board.scores[:, i], board.scores[:, j]) for i, j in zip(first, second, strict=True)
    ]
    kept = stats.false_discovery_control([one.pvalue for one in tested]) <= 0.05
    total, related = (int(word) for word in re.findall(r"Of (\d+) pairs, (\d+)", related_text(drawn))[0])
    assert total == len(first)
    # The library's p-values come from Student's t, ours from a distribution closer to the exact one.
    assert abs(related - kept.sum()) <= 2


def test_noise_has_no_related_pairs():
    text = related_text(analyse(_noise(40)))
    assert re.match(r"Of 45 pairs, 0 \(0\.0\s?%\) are related", text)


def test_a_board_without_an_answer_has_no_text():
    one_model = analyse(drawn_snapshot(1, plain_leaves(3, "V1-pls"), plain_leaves(2, "i2n")))
    assert related_text(one_model) == dimensions_text(one_model) == ""


def _noise(models: int) -> Snapshot:
    snapshot = drawn_snapshot(models, plain_leaves(6, "V1-pls"), plain_leaves(4, "i2n"))
    rng = np.random.default_rng(3)
    scores = snapshot.scores.copy()
    scored = ~np.isnan(scores)
    scores[scored] = rng.uniform(0.2, 0.8, scored.sum())
    return replace(snapshot, scores=scores)
