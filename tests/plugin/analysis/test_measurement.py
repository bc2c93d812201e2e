"""What the error of a cell is, read in Brain-Score's own metrics; reliability and attenuation by hand."""

from __future__ import annotations

import inspect
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from brainalign_plugin.agreement.correlation import agreement
from brainalign_plugin.agreement.measurement import (
    Attenuation,
    ErrorKind,
    Reliability,
    attenuation,
    error_kind,
    measured_leaves,
    reliabilities,
)
from tests.boards import board_of_matrix, tree_of

KINDS = {
    "Marques2020_Cavanaugh2002-grating_summation_field": ErrorKind.STANDARD_ERROR,
    "FreemanZiemba2013.V1-pls": ErrorKind.RAW_STANDARD_ERROR,
    "MajajHong2015.IT-reverse_pls": ErrorKind.RAW_STANDARD_ERROR,
    "Igustibagus2024-ridge": ErrorKind.RAW_STANDARD_ERROR,
    "Geirhos2021sketch-error_consistency": ErrorKind.CONDITIONS,
    "Rajalingham2018-i2n": ErrorKind.SPLITS,
    "Hebart2023-accuracy_distance": ErrorKind.SUBJECTS,
    "Geirhos2021sketch-top1": ErrorKind.TRIALS,
    "Kar2019-ost": ErrorKind.UNKNOWN,
    "Hebart2023-match": ErrorKind.UNKNOWN,
}


@pytest.mark.parametrize(("leaf", "kind"), KINDS.items())
def test_kinds(leaf, kind):
    assert error_kind(leaf) is kind


def test_a_table_of_ones_own_goes_before():
    assert error_kind("Kar2019-ost", {"^Kar": ErrorKind.STANDARD_ERROR}) is ErrorKind.STANDARD_ERROR


@pytest.mark.needs("brainscore")
def test_the_error_of_a_property_is_a_standard_error():
    """The deviation of the score over samples of neurons, as many as were recorded: how far it would move again."""
    from brainscore_vision.metrics.distribution_similarity.metric import BootstrapDistributionSimilarity

    class Properties:
        """As much of an assembly as the metric reads."""

        def __init__(self, values):
            self.values = np.array(values)
            self.attrs = {"size_bins": np.linspace(0, 1, 11)}
            self.loc = self

        def __getitem__(self, _):
            return SimpleNamespace(values=self.values.copy())

        @property
        def shape(self):
            return self.values.shape

    rng = np.random.default_rng(0)
    np.random.seed(0)  # noqa: NPY002 -- the metric draws from it
    model, data = rng.uniform(size=400), rng.beta(2, 2, size=80)
    score = BootstrapDistributionSimilarity("size")(Properties(model), Properties(data))
    samples = np.asarray(score.attrs["raw"])
    assert float(score) == pytest.approx(np.mean(samples))
    assert score.attrs["error"] == pytest.approx(np.std(samples))
    assert 0 < score.attrs["error"] < 0.1


@pytest.mark.needs("brainscore")
def test_the_error_of_an_accuracy_is_a_deviation_of_trials():
    from brainscore_vision.metrics.accuracy.metric import Accuracy

    source, target = np.array([1, 2, 3, 4, 5]), np.array([1, 2, 3, 0, 0])
    score = Accuracy()(source, target)
    assert score.attrs["error"] == pytest.approx(np.std([1, 1, 1, 0, 0]))


@pytest.mark.needs("brainscore")
@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("metrics.error_consistency.metric", "score.attrs['error'] = scores.std(['condition', 'subject'])"),
        ("metrics.accuracy_distance.metric", "score.attrs['error'] = scores.std('subject')"),
        ("metrics.i1i2.metric", "score.attrs['error'] = scores.std('split')"),
        (
            "metric_helpers.transformations",
            "score.attrs['error'] = standard_error_of_the_mean(values, 'split')",
        ),
    ],
)
def test_the_other_errors_are_what_the_metrics_say(module, line):
    from importlib import import_module

    assert line in inspect.getsource(import_module(f"brainscore_vision.{module}"))


NAMES = ["Marques2020_A-x", "Marques2020_B-x", "Marques2020_C-x", "Other2018-i2n"]
TREE = tree_of(
    {"average_vision": {"neural_vision": dict.fromkeys(NAMES[:3]), "behavior_vision": {NAMES[3]: None}}}
)


def board_with_errors():
    scores = np.random.default_rng(1).uniform(0.2, 0.8, size=(30, 4))
    scores[:, 1] = 0.7 * scores[:, 0] + 0.3 * scores[:, 1]
    board = board_of_matrix(scores, TREE)
    return replace(board, errors=np.broadcast_to([0.05, 0.06, 0.5, 0.01], scores.shape))


def test_reliability_by_hand():
    board = board_with_errors()
    assert measured_leaves(board).tolist() == [True, True, True, False]
    found = reliabilities(board)
    variances = board.scores.var(axis=0, ddof=1)
    assert found[NAMES[0]] == Reliability(
        ErrorKind.STANDARD_ERROR, pytest.approx(1 - 0.05**2 / variances[0]), 30
    )
    # More error than spread: negative, and not hidden.
    assert found[NAMES[2]].value == pytest.approx(1 - 0.25 / variances[2])
    assert found[NAMES[2]].value < 0
    # A spread of splits is no error of measurement, however small.
    assert found[NAMES[3]] == Reliability(ErrorKind.SPLITS, None, 30)


def test_reliability_is_over_models_with_a_score_and_an_error():
    board = board_with_errors()
    errors, scores = np.array(board.errors), np.array(board.scores)
    errors[:10, 0], scores[10:15, 0] = np.nan, np.nan
    found = reliabilities(replace(board, errors=errors, scores=scores))[NAMES[0]]
    assert found.models == 15
    assert found.value == pytest.approx(1 - 0.05**2 / scores[15:, 0].var(ddof=1))
    errors[1:, 0] = np.nan
    assert reliabilities(replace(board, errors=errors))[NAMES[0]].value is None
    scores[:, 1] = 0.5
    assert reliabilities(replace(board, scores=scores))[NAMES[1]].value is None


def test_attenuation_by_hand():
    board = board_with_errors()
    shared, found = agreement(board), reliabilities(board)
    one, other = (found[name].value for name in NAMES[:2])
    assert min(one, other) > 0.5
    rho = shared.rho[0, 1]
    # The third is below 0.5, the fourth not estimable: one pair is left.
    assert attenuation(shared, found) == Attenuation(
        1, pytest.approx(rho), pytest.approx(rho / np.sqrt(one * other))
    )
    assert (
        attenuation(shared, {**found, NAMES[1]: Reliability(ErrorKind.STANDARD_ERROR, 0.499, 30)}).pairs == 0
    )


def test_a_corrected_correlation_is_not_clipped():
    board = board_with_errors()
    shared = agreement(replace(board, scores=board.scores[:, [0, 0, 2, 3]]))
    weak = Reliability(ErrorKind.STANDARD_ERROR, 0.5, 30)
    found = attenuation(
        shared,
        dict.fromkeys(NAMES[:2], weak) | dict.fromkeys(NAMES[2:], Reliability(ErrorKind.UNKNOWN, None, 0)),
    )
    assert found.observed == pytest.approx(1)
    assert found.corrected == pytest.approx(2)


def test_correction_recovers_a_planted_correlation():
    """Truths correlate 0.8; errors halve what is seen, and the published errors give it back."""
    rng = np.random.default_rng(5)
    truth = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=4000) * 0.05 + 0.5
    error = 0.04
    seen = np.clip(truth + error * rng.normal(size=truth.shape), 0, 1)
    scores = np.column_stack([seen, rng.uniform(size=(4000, 2))])
    board = replace(board_of_matrix(scores, TREE), errors=np.full(scores.shape, error))
    found = attenuation(agreement(board.take(columns=[0, 1])), reliabilities(board))
    assert found.pairs == 1
    assert found.observed < 0.55
    # Of ranks rather than of scores, hence a little less than 0.8.
    assert found.corrected == pytest.approx(6 / np.pi * np.arcsin(0.4), abs=0.04)
