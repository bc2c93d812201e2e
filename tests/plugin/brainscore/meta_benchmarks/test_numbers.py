"""A real network through Brain-Score's own wrappers and metrics, and the same numbers from plain arrays."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from brainalign_plugin.errors import BrainAlignError
from brainalign_plugin.files.reference_file import reference_path, write_reference
from tests.plugin.brainscore.meta_benchmarks.conftest import LEAVES, tiny_reference

pytestmark = pytest.mark.needs("brainscore")

IMAGES, UNITS, CEILINGS = 12, 9, {"V4": 0.8, "IT": 0.7}
LABELS = ("airplane", "bear", "bicycle", "cat")
# ImageNet's classes of these labels, as Geirhos et al. (2018) map them.
CLASSES = {"airplane": [404], "bear": [294, 295, 296, 297], "bicycle": [444, 671], "cat": list(range(281, 287))}


def preprocess(paths):
    from PIL import Image

    return np.stack([np.asarray(Image.open(path), dtype=np.float64).transpose(2, 0, 1) / 255 for path in paths])


@pytest.fixture(scope="module")
def stimuli(tmp_path_factory):
    from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
    from PIL import Image

    folder = tmp_path_factory.mktemp("stimuli")
    rng = np.random.default_rng(3)
    names = [f"image{i:02}" for i in range(IMAGES)]
    for name in names:
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(folder / f"{name}.png")
    made = StimulusSet({"stimulus_id": names, "object_name": [LABELS[i % 4] for i in range(IMAGES)]})
    made.stimulus_paths = {name: folder / f"{name}.png" for name in names}
    made.identifier = "Tiny2026"
    return made


@pytest.fixture(scope="module")
def network():
    import torch

    torch.manual_seed(5)
    layers = [torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(784, 20), torch.nn.ReLU()]
    # Double precision, so that two ways of adding up agree to the last digits.
    return torch.nn.Sequential(*layers, torch.nn.Linear(20, 1000)).double().eval()


@pytest.fixture
def model(network, monkeypatch, tmp_path):
    monkeypatch.setenv("RESULTCACHING_DISABLE", "1")
    monkeypatch.setenv("RESULTCACHING_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("BS_INSTALL_DEPENDENCIES", "no")
    from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper
    from brainscore_vision.model_helpers.brain_transformation import ModelCommitment

    wrapper = PytorchWrapper(identifier="tiny-network", model=network, preprocessing=preprocess)
    return ModelCommitment(
        identifier="tiny-network",
        activations_model=wrapper,
        layers=["0", "3"],
        region_layer_map={"V4": "0", "IT": "3"},
        visual_degrees=8,
    )


def measured(region):
    return np.random.default_rng(len(region)).normal(size=(IMAGES, UNITS))


@pytest.fixture
def constituents(stimuli, monkeypatch):
    """Two metrics on neurons, one on behaviour, registered in this process alone."""
    import brainscore_vision
    from brainscore_core.metrics import Score
    from brainscore_core.supported_data_standards.brainio.assemblies import NeuroidAssembly
    from brainscore_vision import load_metric
    from brainscore_vision.benchmark_helpers.neural_common import NeuralBenchmark
    from brainscore_vision.benchmarks import BenchmarkBase
    from brainscore_vision.model_interface import BrainModel

    def neural(identifier, region, metric):
        assembly = NeuroidAssembly(
            measured(region)[:, :, None],
            coords={
                "stimulus_id": ("presentation", stimuli["stimulus_id"].values),
                "object_name": ("presentation", stimuli["object_name"].values),
                "neuroid_id": ("neuroid", np.arange(UNITS)),
                "region": ("neuroid", [region] * UNITS),
                "time_bin_start": ("time_bin", [70]),
                "time_bin_end": ("time_bin", [170]),
            },
            dims=["presentation", "neuroid", "time_bin"],
        ).squeeze("time_bin")
        assembly.attrs["stimulus_set"] = stimuli
        return NeuralBenchmark(
            identifier=identifier,
            version=1,
            assembly=assembly,
            similarity_metric=load_metric(metric),
            visual_degrees=8,
            number_of_trials=1,
            ceiling_func=lambda: Score(CEILINGS[region]),
            parent=region,
            bibtex=None,
        )

    class Behavior(BenchmarkBase):
        def __init__(self):
            super().__init__(LEAVES[0], lambda: Score(1.0), 1, "behavior_vision", None)

        def __call__(self, candidate):
            candidate.start_task(BrainModel.Task.label, list(LABELS))
            choices = candidate.look_at(stimuli, number_of_trials=1)
            return load_metric("accuracy")(choices.values.squeeze(), stimuli["object_name"].values)

    factories = {
        LEAVES[0]: Behavior,
        LEAVES[1]: lambda: neural(LEAVES[1], "V4", "cka"),
        LEAVES[2]: lambda: neural(LEAVES[2], "IT", "rdm"),
        LEAVES[3]: lambda: neural(LEAVES[3], "IT", "cka"),
    }
    for identifier, factory in factories.items():
        monkeypatch.setitem(brainscore_vision.benchmark_registry, identifier, factory)


def similarity_of_distances(features, neurons):
    """Spearman's correlation of the upper triangles of two matrices of correlation distances."""
    upper = np.triu_indices(IMAGES, 1)
    return stats.spearmanr((1 - np.corrcoef(features))[upper], (1 - np.corrcoef(neurons))[upper]).statistic


def kernel_alignment(features, neurons):
    """Linear CKA with the unbiased estimate of HSIC."""

    def hsic(left, right):
        k, l = left @ left.T, right @ right.T  # noqa: E741 -- as in Song et al. (2012)
        np.fill_diagonal(k, 0)
        np.fill_diagonal(l, 0)
        n, ones = IMAGES, np.ones(IMAGES)
        middle = (ones @ k @ ones) * (ones @ l @ ones) / ((n - 1) * (n - 2))
        return (np.trace(k @ l) + middle - 2 / (n - 2) * (ones @ k @ l @ ones)) / (n * (n - 3))

    return hsic(features, neurons) / np.sqrt(hsic(features, features) * hsic(neurons, neurons))


@pytest.fixture
def by_hand(network, stimuli):
    """The four scores from the network's arrays."""
    import torch

    pictures = torch.from_numpy(preprocess([stimuli.stimulus_paths[name] for name in stimuli["stimulus_id"]]))
    with torch.no_grad():
        v4 = network[0](pictures)
        it = network[3](network[2](network[1](v4)))
        logits = network[5](network[4](it)).numpy()
    v4, it = v4.flatten(1).numpy(), it.numpy()
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    answers = np.argmax([probabilities[:, CLASSES[label]].mean(axis=1) for label in LABELS], axis=0)
    accuracy = np.mean([LABELS[answer] == right for answer, right in zip(answers, stimuli["object_name"], strict=True)])
    return {
        LEAVES[0]: accuracy,
        LEAVES[1]: kernel_alignment(v4, measured("V4")) ** 2 / CEILINGS["V4"],
        LEAVES[2]: similarity_of_distances(it, measured("IT")) ** 2 / CEILINGS["IT"],
        LEAVES[3]: kernel_alignment(it, measured("IT")) ** 2 / CEILINGS["IT"],
    }


@pytest.fixture
def placed(model, constituents, tmp_path):
    from brainalign_plugin.brainscore.benchmark import MetaBenchmark
    from brainalign_plugin.brainscore.settings import Settings

    write_reference(reference_path(tmp_path / "references", "tiny"), tiny_reference())
    said = []

    def place(identifier):
        benchmark = MetaBenchmark(identifier, settings=Settings(home=tmp_path, run="missing"), say=said.append)
        try:
            return benchmark(model)
        except BrainAlignError as error:
            raise AssertionError("\n".join(said)) from error

    return place


def test_the_same_numbers_as_from_plain_arrays(placed, by_hand):
    hier = placed("BrainAlign2026-hier")
    found = {name: cell["score"] for name, cell in hier.attrs["components"].items()}
    assert found == pytest.approx(by_hand, rel=1e-9)
    assert len({round(value, 3) for value in found.values()}) == 4, "scores that differ say more"
    a, b, c, d = (by_hand[leaf] for leaf in LEAVES)
    assert hier.raw.item() == pytest.approx((a + (b + (c + d) / 2) / 2) / 2, rel=1e-9)
    # Like for like: the models with all four.
    whole = tiny_reference().board.scores
    scores = whole[~np.isnan(whole).any(axis=1)]
    board = (scores[:, 0] + (scores[:, 1] + (scores[:, 2] + scores[:, 3]) / 2) / 2) / 2
    assert hier.item() == pytest.approx((board < hier.raw.item()).mean())
    z = placed("Ahlert2024-zmean")
    mean, sd = scores.mean(axis=0), scores.std(axis=0, ddof=1)
    assert z.raw.item() == pytest.approx(((np.array([a, b, c, d]) - mean) / sd).mean(), rel=1e-9)
    assert z.item() == pytest.approx((((scores - mean) / sd).mean(axis=1) < z.raw.item()).mean())
    rank = placed("Ahlert2024-rank")
    below = (scores < [a, b, c, d]).sum(axis=0) + 0.5
    assert rank.raw.item() == pytest.approx(below.mean())
    assert rank.item() == pytest.approx((stats.rankdata(scores, axis=0).mean(axis=1) < below.mean()).mean())
    normal = placed("BrainAlign2026-ref_normal")
    count = (~np.isnan(whole)).sum(axis=0)
    p = ((whole < np.array([a, b, c, d])).sum(axis=0) + 0.5) / (count + 1)
    assert normal.raw.item() == pytest.approx(stats.norm.ppf(p).mean())
