"""A torch model of language, through brainscore_language itself, in an environment of its own."""

from __future__ import annotations

import json
import shutil
import textwrap

import pytest

from brainalign_plugin.brainscore.registration import identifiers
from brainalign_plugin.files.model_scores import Cell
from brainalign_plugin.files.reference_file import reference_path, write_reference
from brainalign_plugin.placement.place import place
from tests.conftest import language_folder
from tests.plugin.brainscore.meta_benchmarks.conftest import LEAVES, tiny_reference

pytestmark = pytest.mark.needs("brainscore", "language")

# Reading times of a word are the lengths of its embedding.
SUBJECT = """
    import torch
    from brainscore_core.supported_data_standards.brainio.assemblies import BehavioralAssembly
    from brainscore_language import ArtificialSubject, model_registry

    class Subject(ArtificialSubject):
        def __init__(self):
            torch.manual_seed(3)
            self.embedding = torch.nn.Embedding(128, 4)
        def start_behavioral_task(self, task):
            assert task == ArtificialSubject.Task.reading_times
        def digest_text(self, text):
            with torch.no_grad():
                codes = [torch.tensor([ord(letter) % 128 for letter in word]) for word in text]
                times = [float(self.embedding(code).mean(0).norm()) for code in codes]
            behavior = BehavioralAssembly(times, coords={'stimulus': ('presentation', text)}, dims=['presentation'])
            return {'behavior': behavior}

    model_registry['tiny-subject'] = Subject
"""
BENCHMARKS = f"""
    import numpy as np
    from brainscore_core.benchmarks import BenchmarkBase
    from brainscore_core.metrics import Score
    from brainscore_language import ArtificialSubject, benchmark_registry

    class Reading(BenchmarkBase):
        def __init__(self, identifier, words):
            super().__init__(identifier, Score(1.0), 1, 'behavior_language', None)
            self.words = words
        def __call__(self, candidate):
            candidate.start_behavioral_task(ArtificialSubject.Task.reading_times)
            times = candidate.digest_text(self.words)['behavior'].values
            return Score(float(np.tanh(times.mean()) / 2))

    benchmark_registry['{LEAVES[0]}'] = lambda: Reading('{LEAVES[0]}', ['the', 'quick', 'fox'])
    benchmark_registry['{LEAVES[1]}'] = lambda: Reading('{LEAVES[1]}', ['over', 'a', 'lazy', 'dog'])
"""


@pytest.fixture
def language(environment):
    """The environment with brainscore_language, a model and two benchmarks of it, and afterwards without."""
    source = language_folder()
    before = environment.tree()
    for path in source.glob("brainscore_language*"):
        shutil.copytree(path, environment.site / path.name)
    package = environment.site / "brainscore_language"
    for kind, name, code in (("models", "tiny_subject", SUBJECT), ("benchmarks", "tiny_reading", BENCHMARKS)):
        (package / kind / name).mkdir()
        (package / kind / name / "__init__.py").write_text(textwrap.dedent(code))
    write_reference(
        reference_path(environment.home / "references", "words"),
        tiny_reference("words", "language"),
        replace_existing=True,
    )
    yield environment
    environment.brainalign("unlink").succeeded()
    (environment.home / "references/words.reference.json.gz").unlink()
    for path in environment.site.glob("brainscore_language*"):
        shutil.rmtree(path)
    assert environment.tree() == before


def test_a_torch_model_is_placed_on_the_benchmarks_that_it_has(language, tmp_path):
    statuses = json.loads(language.brainalign("link", "--json").succeeded().out)
    assert [(one["package"], one["state"]) for one in statuses] == [
        ("brainscore_vision", "linked"),
        ("brainscore_language", "linked"),
    ]
    how = {"run": "missing", "results": tmp_path / "runs"}
    done = language.run(
        *(language.python, "-m", "brainscore_language", "score", "--model_identifier=tiny-subject"),
        "--benchmark_identifier=BrainAlign2026-ref_normal",
        variables={"BS_INSTALL_DEPENDENCIES": "no"},
        **how,
    ).succeeded()
    assert "array(" in done.out
    assert f"{LEAVES[2]} could not be loaded here" in done.err
    code = f"""
        import json
        from brainalign_plugin.brainscore.benchmark import MetaBenchmark
        from brainscore_language import load_benchmark, load_model
        for name in {identifiers()!r}:
            benchmark = load_benchmark(name)
            assert isinstance(benchmark, MetaBenchmark)
            assert (benchmark.identifier, benchmark.parent) == (name, 'meta_language')
        score = load_benchmark('BrainAlign2026-ref_normal')(load_model('tiny-subject'))
        cells = {{name: cell['score'] for name, cell in score.attrs['components'].items()}}
        print(json.dumps([score.item(), score.attrs['rank'], score.attrs['population'], cells]))
    """
    ran = language.python_runs(code, variables={"BS_INSTALL_DEPENDENCIES": "no"}, **how).succeeded()
    share, rank, population, cells = json.loads(ran.out.splitlines()[-1])
    scored = {name: score for name, score in cells.items() if score is not None}
    assert list(scored) == list(LEAVES[:2])
    placed = place(
        tiny_reference("words", "language"),
        {name: Cell(score) for name, score in scored.items()},
        ("REF_NORMAL",),
    )
    one = placed.schemes[0]
    assert (share, rank, population) == (one.share, one.rank, placed.population)
