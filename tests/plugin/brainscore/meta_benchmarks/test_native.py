"""The plugin as Brain-Score sees it, in a virtual environment of its own."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from brainalign_plugin.brainscore.registration import identifiers, version_of
from brainalign_plugin.files.model_scores import Cell
from brainalign_plugin.placement.place import place
from tests.plugin.brainscore.meta_benchmarks.conftest import LEAVES, tiny_reference

pytestmark = pytest.mark.needs("brainscore")


def expected(scheme):
    mine = {leaf: Cell(0.25 + 0.1 * i, 0.01) for i, leaf in enumerate(LEAVES)}
    return place(tiny_reference(), mine, (scheme,)).schemes[0]


def doctored(environment, code=0):
    """State and next step of each check."""
    ended = environment.brainalign("doctor", "--json")
    assert ended.code == code, ended.out
    return {check["name"]: (check["state"], check["next_step"]) for check in json.loads(ended.out)["checks"]}


def test_everything_about_the_link(environment, scores_file):
    """Link, check, load each identifier, score, the plugin's own tests, unlink: and nothing is left."""
    before = environment.tree()
    assert environment.brainalign("link", "--check").code == 8
    assert doctored(environment)["link"] == ("warning", "run `brainalign link`")
    assert environment.tree() == before
    said = environment.brainalign("link").succeeded().out
    assert said.startswith("linked: brainscore_vision 2.")
    assert f"finds {len(identifiers())} meta-benchmarks" in said
    linked = environment.tree()
    assert environment.brainalign("link").succeeded().out == said
    assert doctored(environment)["link"] == ("ok", "")
    assert environment.tree() == linked
    (status,) = json.loads(environment.brainalign("link", "--check", "--json").succeeded().out)
    assert (status["state"], status["linked"]) == ("linked", True)
    code = f"""
        from brainalign_plugin.brainscore.benchmark import MetaBenchmark
        from brainscore_vision import load_benchmark
        for name in {identifiers()!r}:
            benchmark = load_benchmark(name)
            assert isinstance(benchmark, MetaBenchmark), "loaded under one name"
            assert (benchmark.identifier, benchmark.ceiling.item()) == (name, 1)
            assert (benchmark.parent, type(benchmark.version)) == ("meta_vision", int)
            assert "url" in benchmark.bibtex
    """
    environment.python_runs(code).succeeded()
    assert environment.brainalign("unlink").succeeded().out.startswith("not linked into brainscore_vision")
    assert environment.tree() == before
    gone = environment.python_runs("import brainscore_vision; brainscore_vision.load_benchmark('Ahlert2024-flat')")
    assert "No registrations found for Ahlert2024-flat" in gone.err


def test_load_benchmark_and_score(linked, scores_file):
    code = """
        import json
        import brainscore_vision
        from brainscore_vision.benchmark_helpers.validate_error import assert_valid_uncertainty
        benchmark = brainscore_vision.load_benchmark("Ahlert2024-zmean")
        score = benchmark(brainscore_vision.load_model('named-model'))
        assert_valid_uncertainty(score)
        again = brainscore_vision.score('named-model', "Ahlert2024-zmean")
        assert again.attrs["model_identifier"] == 'named-model'
        assert again.item() == score.item()
        attrs = {name: value for name, value in score.attrs.items() if name not in ("raw", "ceiling")}
        print(json.dumps([score.item(), score.raw.item(), score.ceiling.item(), attrs]))
    """
    share, raw, ceiling, attrs = json.loads(linked.python_runs(code, scores=scores_file).succeeded().out)
    placed = expected("ZMEAN")
    assert (share, raw, ceiling) == (placed.share, pytest.approx(placed.statistic), 1.0)
    assert attrs["rank"] == placed.rank
    assert attrs["population"] == 12, "those with all four benchmarks"
    # The reference has the benchmarks of one paper.
    assert attrs["interval"] == list(placed.uncertainty.ranks)
    assert attrs["interval_kind"] == "benchmarks"
    assert attrs["reference"]["name"] == "tiny"
    assert attrs["reference"]["sha256"] == tiny_reference().sha256
    assert attrs["missing"] == []
    assert attrs["components"][LEAVES[0]]["score"] == 0.25
    assert attrs["components"][LEAVES[0]]["origin"].startswith("scores file")


def test_the_command_line(linked, scores_file):
    done = linked.run(
        *(linked.python, "-m", "brainscore_vision", "score", "--model_identifier=named-model"),
        "--benchmark_identifier=BrainAlign2026-hier_ref_normal",
        scores=scores_file,
    ).succeeded()
    placed = expected("HIER_REF_NORMAL")
    assert f"array({placed.share:.8f}".rstrip("0") in done.out
    assert "benchmark_identifier:" in done.out


# A network with random weights in Brain-Score's own wrappers, and three of the reference's four benchmarks.
TORCH_MODEL = """
    import numpy as np
    import torch
    from PIL import Image
    from brainscore_vision import model_registry
    from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper
    from brainscore_vision.model_helpers.brain_transformation import ModelCommitment

    def preprocess(paths):
        return np.stack([np.asarray(Image.open(path), dtype=np.float32).transpose(2, 0, 1) / 255 for path in paths])

    def commitment():
        torch.manual_seed(5)
        layers = (torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(784, 1000))
        wrapper = PytorchWrapper(torch.nn.Sequential(*layers).eval(), preprocess, 'tiny-torch')
        regions = {'V4': '0', 'IT': '1'}
        return ModelCommitment('tiny-torch', wrapper, layers=['0', '1'], region_layer_map=regions, visual_degrees=8)

    model_registry['tiny-torch'] = commitment
"""
TORCH_BENCHMARKS = f"""
    import numpy as np
    from pathlib import Path
    from PIL import Image
    from brainscore_core.metrics import Score
    from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
    from brainscore_vision import benchmark_registry
    from brainscore_vision.benchmarks import BenchmarkBase
    from brainscore_vision.model_interface import BrainModel

    LABELS = ['bear', 'bicycle']

    def stimuli():
        folder, names = Path({{folder!r}}), [f'image{{{{i}}}}' for i in range(6)]
        for i, name in enumerate(names):
            pixels = np.random.default_rng(i).integers(0, 255, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f'{{{{name}}}}.png')
        made = StimulusSet({{{{'stimulus_id': names, 'object_name': LABELS * 3}}}})
        made.stimulus_paths = {{{{name: folder / f'{{{{name}}}}.png' for name in names}}}}
        made.identifier = 'Tiny2026'
        return made

    class Labels(BenchmarkBase):
        def __init__(self):
            super().__init__('{LEAVES[0]}', Score(1.0), 1, 'behavior_vision', None)
        def __call__(self, candidate):
            candidate.start_task(BrainModel.Task.label, LABELS)
            choices = candidate.look_at(stimuli(), number_of_trials=1)
            return Score(float((choices.values.squeeze() == np.array(LABELS * 3)).mean()))

    class Recording(BenchmarkBase):
        def __init__(self, identifier, region):
            super().__init__(identifier, Score(1.0), 1, 'neural_vision', None)
            self.region_of = region
        def __call__(self, candidate):
            candidate.start_recording(self.region_of, time_bins=[(70, 170)])
            recorded = candidate.look_at(stimuli(), number_of_trials=1)
            assert 'neuroid' in recorded.dims, 'the task of another benchmark is still set'
            return Score(float(np.tanh(np.abs(recorded.values).mean())))

    benchmark_registry['{LEAVES[0]}'] = Labels
    benchmark_registry['{LEAVES[1]}'] = lambda: Recording('{LEAVES[1]}', 'V4')
    benchmark_registry['{LEAVES[2]}'] = lambda: Recording('{LEAVES[2]}', 'IT')
"""


def test_a_network_is_placed_on_the_benchmarks_that_it_has(linked, tmp_path):
    made = [
        linked.add_plugin("models", "tiny_torch", TORCH_MODEL),
        linked.add_plugin("benchmarks", "tiny_images", TORCH_BENCHMARKS.format(folder=str(tmp_path))),
    ]
    how = {"run": "missing", "results": tmp_path / "runs"}
    cached = {"RESULTCACHING_HOME": str(tmp_path / "cache")}
    command = (linked.python, "-m", "brainscore_vision", "score", "--model_identifier=tiny-torch")
    code = """
        import json
        from brainscore_vision import load_benchmark, load_model
        score = load_benchmark('BrainAlign2026-ref_normal')(load_model('tiny-torch'))
        cells = {name: cell['score'] for name, cell in score.attrs['components'].items()}
        print(json.dumps([score.item(), score.attrs['rank'], score.attrs['population'], cells]))
    """
    try:
        done = linked.run(*command, "--benchmark_identifier=BrainAlign2026-ref_normal", variables=cached, **how)
        ran = linked.python_runs(code, variables=cached, **how).succeeded()
    finally:
        for folder in made:
            shutil.rmtree(folder)
    share, rank, population, cells = json.loads(ran.out.splitlines()[-1])
    assert f"array({share:.8f}".rstrip("0") in done.succeeded().out
    assert f"{LEAVES[3]} could not be loaded here" in done.err
    scored = {name: score for name, score in cells.items() if score is not None}
    assert list(scored) == list(LEAVES[:3])
    (one,) = place(tiny_reference(), {name: Cell(score) for name, score in scored.items()}, ("REF_NORMAL",)).schemes
    assert (share, rank, population) == (one.share, one.rank, one.population)
    assert population == 12, "those with these three"


def test_loading_needs_no_pip(linked, tmp_path):
    """Brain-Score calls pip for a plugin with requirements; a pip in front of all others says whether it was called."""
    pip = tmp_path / "pip"
    pip.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path / "called"}\n', encoding="utf-8")
    pip.chmod(0o755)
    code = f"import os; os.environ['PATH'] = '{tmp_path}:' + os.environ['PATH']; import brainscore_vision as b; "
    linked.python_runs(f"{code} b.load_benchmark('BrainAlign2026-pc1')").succeeded()
    assert not (tmp_path / "called").exists()
    linked.add_plugin(
        "benchmarks",
        "needy",
        "from brainscore_vision import benchmark_registry\nbenchmark_registry['Needy-x'] = dict\n",
    )
    (linked.package / "benchmarks/needy/requirements.txt").write_text("needed\n")
    try:
        linked.python_runs(f"{code} b.load_benchmark('Needy-x')").succeeded()
    finally:
        shutil.rmtree(linked.package / "benchmarks/needy")
    assert "requirements.txt" in (tmp_path / "called").read_text(), "the made-up pip would not have been noticed"


def test_the_submission_endpoint_stores_it(linked, scores_file, tmp_path):
    """Score, ceiling, error and reference in a local database, as Brain-Score's own endpoint fills it."""
    database = tmp_path / "brainscore.sqlite3"
    code = """
        from brainscore_core.submission import database_models as models
        from brainscore_vision.submission.endpoints import run_scoring_endpoint
        models.User.get_or_create(id=1, defaults=dict(
            email='a@b.c', is_active=True, is_staff=False, is_superuser=False, password='x'))
        models.User.get_or_create(id=2, defaults=dict(
            email='b@b.c', is_active=True, is_staff=False, is_superuser=False, password='x'))
        for benchmark in ('Ahlert2024-rank', 'BrainAlign2026-hier'):
            run_scoring_endpoint(
                domain='vision', jenkins_id=1, model_identifier='named-model', benchmark_identifier=benchmark,
                user_id=1, model_type='brainmodel', public=False, competition=None)
    """
    linked.python_runs(code, variables={"BSC_DATABASESECRET": str(database)}, scores=scores_file).succeeded()
    with sqlite3.connect(database) as connection:
        rows = connection.execute(
            """SELECT t.identifier, t.parent_id, i.version, i.ceiling, i.ceiling_error, s.score_raw, s.score_ceiled,
                      s.error, s.comment, r.url, r.author, r.year
               FROM brainscore_score s JOIN brainscore_benchmarkinstance i ON s.benchmark_id = i.id
               JOIN brainscore_benchmarktype t ON i.benchmark_type_id = t.identifier
               LEFT JOIN brainscore_reference r ON t.reference_id = r.id ORDER BY t.identifier"""
        ).fetchall()
        statuses = connection.execute("SELECT status FROM brainscore_submission").fetchall()
    connection.close()
    assert statuses == [("successful",)] * 2
    for row, scheme in zip(rows, ("RANK", "HIER"), strict=True):
        placed = expected(scheme)
        identifier, parent, version, ceiling, ceiling_error, raw, ceiled, error, comment = row[:9]
        assert (identifier.partition("-")[2], parent) == (scheme.lower(), None)
        assert version == version_of(tiny_reference())
        assert (ceiling, ceiling_error) == (1.0, 0.0)
        assert (raw, ceiled) == (pytest.approx(placed.statistic), pytest.approx(placed.share))
        assert placed.uncertainty is None or error == pytest.approx(placed.uncertainty.error)
        assert f"rank {placed.rank} of 13" in comment
        assert "reference tiny" in comment
        assert row[-1] == (2024 if scheme == "RANK" else 2026)
    assert rows[0][-3:-1] == ("https://arxiv.org/abs/2407.07530", "Ahlert")
    assert "arxiv" not in rows[1][-3]


def test_the_shared_environment_has_no_link():
    from importlib.util import find_spec

    spec = find_spec("brainscore_vision")
    assert spec is not None
    assert not (Path(str(spec.origin)).parent / "benchmarks" / "brainalign").exists()
