"""A transformer through brainscore_language's own wrapper and command line, in an environment of its own."""

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

# A GPT-2 of one block with random weights, and a tokenizer of bytes, as `from_pretrained` reads them from a folder.
WEIGHTS = """
    import sys
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    letters = [*sorted(pre_tokenizers.ByteLevel.alphabet()), '<end>']
    bytewise = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    bytewise.pre_tokenizer, bytewise.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    ends = dict.fromkeys(('bos_token', 'eos_token', 'unk_token'), '<end>')
    PreTrainedTokenizerFast(tokenizer_object=bytewise, model_max_length=64, **ends).save_pretrained(sys.argv[1])
    torch.manual_seed(3)
    size = {'n_positions': 64, 'n_embd': 8, 'n_layer': 1, 'n_head': 2}
    config = GPT2Config(vocab_size=len(letters), bos_token_id=256, eos_token_id=256, **size)
    GPT2LMHeadModel(config).save_pretrained(sys.argv[1])
"""
MODEL = """
    from brainscore_language import ArtificialSubject, model_registry
    from brainscore_language.model_helpers.huggingface import HuggingfaceSubject

    layers = {{ArtificialSubject.RecordingTarget.language_system: 'transformer.h.0'}}
    model_registry['tiny-gpt'] = lambda: HuggingfaceSubject({folder!r}, layers)
"""
BENCHMARKS = f"""
    import numpy as np
    from brainscore_core.benchmarks import BenchmarkBase
    from brainscore_core.metrics import Score
    from brainscore_language import ArtificialSubject, benchmark_registry

    WORDS = ['the', 'quick', 'fox']

    class Reading(BenchmarkBase):
        def __init__(self):
            super().__init__('{LEAVES[0]}', Score(1.0), 1, 'behavior_language', None)
        def __call__(self, candidate):
            candidate.start_behavioral_task(ArtificialSubject.Task.reading_times)
            times = candidate.digest_text(WORDS)['behavior'].values
            return Score(float(np.tanh(times.mean() / 100)))

    class Recording(BenchmarkBase):
        def __init__(self, identifier):
            super().__init__(identifier, Score(1.0), 1, 'neural_language', None)
        def __call__(self, candidate):
            target = ArtificialSubject.RecordingTarget.language_system
            candidate.start_neural_recording(target, ArtificialSubject.RecordingType.fMRI)
            digested = candidate.digest_text(WORDS)
            assert digested['behavior'] is None, 'the task of another benchmark is still set'
            assert digested['neural'].shape == (3, 8), 'the recording of another benchmark still runs'
            return Score(float(np.tanh(np.abs(digested['neural'].values).mean() / 4)))

    benchmark_registry['{LEAVES[0]}'] = Reading
    benchmark_registry['{LEAVES[1]}'] = lambda: Recording('{LEAVES[1]}')
    benchmark_registry['{LEAVES[2]}'] = lambda: Recording('{LEAVES[2]}')
"""
OFFLINE = {"BS_INSTALL_DEPENDENCIES": "no", "HF_HUB_OFFLINE": "1"}


@pytest.fixture
def language(environment, tmp_path):
    """The environment with brainscore_language, a model and three benchmarks of it, and afterwards without."""
    before = environment.tree()
    made = []
    for path in language_folder().glob("[!.]*"):
        place = environment.site / path.name
        if path.name.startswith("brainscore_language"):
            made.append(shutil.copytree(path, place))
        elif not place.exists():
            place.symlink_to(path)
            made.append(place)
    package = environment.site / "brainscore_language"
    weights = tmp_path / "tiny-gpt"
    environment.run(environment.python, "-c", textwrap.dedent(WEIGHTS), weights).succeeded()
    plugins = (("models", "tiny_gpt", MODEL.format(folder=str(weights))), ("benchmarks", "tiny_text", BENCHMARKS))
    for kind, name, code in plugins:
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
    for path in made:
        path.unlink() if path.is_symlink() else shutil.rmtree(path)
    assert environment.tree() == before


def test_a_transformer_is_placed_on_the_benchmarks_that_it_has(language, tmp_path):
    statuses = json.loads(language.brainalign("link", "--json").succeeded().out)
    assert [(one["package"], one["state"]) for one in statuses] == [
        ("brainscore_vision", "linked"),
        ("brainscore_language", "linked"),
    ]
    how = {"run": "missing", "results": tmp_path / "runs"}
    done = language.run(
        *(language.python, "-m", "brainscore_language", "score", "--model_identifier=tiny-gpt"),
        "--benchmark_identifier=BrainAlign2026-ref_normal",
        variables=OFFLINE,
        **how,
    ).succeeded()
    assert "array(" in done.out
    assert "FAILED" not in done.err
    assert f"{LEAVES[3]} could not be loaded here" in done.err
    code = f"""
        import json
        from brainalign_plugin.brainscore.benchmark import MetaBenchmark
        from brainscore_language import load_benchmark, load_model, model_registry
        for name in {identifiers()!r}:
            benchmark = load_benchmark(name)
            assert isinstance(benchmark, MetaBenchmark)
            assert (benchmark.identifier, benchmark.parent) == (name, 'meta_language')
        benchmark, model = load_benchmark('BrainAlign2026-ref_normal'), load_model('tiny-gpt')
        score = benchmark(model)
        # A wrapper that `load_model` has not named has a method of that name; its results are its own.
        unnamed = benchmark(model_registry['tiny-gpt']())
        cells = {{name: cell['score'] for name, cell in score.attrs['components'].items()}}
        print(json.dumps([score.item(), unnamed.item(), score.attrs['rank'], score.attrs['population'], cells]))
    """
    ran = language.python_runs(code, variables=OFFLINE, **how).succeeded()
    share, unnamed, rank, population, cells = json.loads(ran.out.splitlines()[-1])
    scored = {name: score for name, score in cells.items() if score is not None}
    assert list(scored) == list(LEAVES[:3])
    assert all(0 < score < 1 for score in scored.values())
    placed = place(
        tiny_reference("words", "language"), {name: Cell(score) for name, score in scored.items()}, ("REF_NORMAL",)
    )
    one = placed.schemes[0]
    assert (share, unnamed, rank, population) == (one.share, one.share, one.rank, placed.population)
