"""Identifiers of the meta-benchmarks, and the files that register them with Brain-Score.

Brain-Score reads the ``__init__.py`` of a plugin as text to find which folder an identifier is in, so each has a
literal line there; the class stays in this package.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ..data.official import CellState
from ..errors import LinkError
from ..files.model_scores import cells_of_model
from ..files.reference import Reference
from ..files.reference_file import SUFFIX, reference_bytes
from ..placement.place import constituents, place, placeable_schemes

# Increased when a score changes for the same cells and the same reference.
VERSION = 1
POSTER_SCHEMES = ("FLAT", "ZMEAN", "RANK")
SUBMITTED = ("FLAT", "ZMEAN", "RANK", "HIER_REF_NORMAL")
MADE_BY = '"""Made by `brainalign link`'
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


def identifier_of(scheme: str) -> str:
    """Return the identifier of a scheme's meta-benchmark: the poster's three schemes carry its authors' name."""
    author = "Ahlert2024" if scheme.upper() in POSTER_SCHEMES else "BrainAlign2026"
    return f"{author}-{scheme.lower()}"


def identifiers() -> tuple[str, ...]:
    """Return the identifiers of all meta-benchmarks, the poster's first."""
    others = [name for name in placeable_schemes() if name not in POSTER_SCHEMES]
    return tuple(identifier_of(name) for name in (*POSTER_SCHEMES, *others))


def version_of(reference: Reference | None) -> int:
    """Return the version on a reference: the second of freezing since 2020, in 32 bits until 2088."""
    if reference is None:
        return VERSION
    return VERSION + int((reference.frozen_at - _EPOCH).total_seconds())


def registration(domain: str, names: Sequence[str], reference: str = "") -> str:
    """Return the text that registers identifiers, with a reference file of the same folder or that of the settings."""
    path = ["from pathlib import Path", ""] if reference else []
    given = f', Path(__file__).parent / "{reference}"' if reference else ""
    made = '"""Made by `brainalign link --submission`.' if reference else f"{MADE_BY}; `brainalign unlink` removes it."
    lines = [
        made,
        "",
        "Brain-Score reads this file as text, so each identifier has a literal line.",
        '"""',
        "",
        *path,
        "from brainalign_plugin.brainscore.benchmark import MetaBenchmark",
        f"from brainscore_{domain} import benchmark_registry",
        "",
        *(f'benchmark_registry["{name}"] = lambda: MetaBenchmark("{name}", "{domain}"{given})' for name in names),
    ]
    return "\n".join(lines) + "\n"


def write_submission(folder: Path, reference: Reference, repository: str = "") -> tuple[Path, str]:
    """Write the plugin that can be submitted to Brain-Score into a new folder; LinkError if it cannot be.

    Returns the folder, and the next step for its requirements if the address of pip is no public one.
    """
    names = [identifier_of(name) for name in SUBMITTED]
    file = f"{reference.name}{SUFFIX}"
    requirement, step = _requirement(repository)
    files: dict[str, bytes] = {
        "__init__.py": registration(reference.domain, names, file).encode(),
        "test.py": _test(reference, names).encode(),
        "metadata.yaml": _metadata(reference, names).encode(),
        "requirements.txt": f"{requirement}\n".encode(),
        file: reference_bytes(reference),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise LinkError(f"{str(folder)!r} has files already; name a new folder")
        for name, data in files.items():
            (folder / name).write_bytes(data)
    except OSError as cause:
        raise LinkError(f"cannot write {str(folder)!r}: {cause.strerror}; name another folder") from cause
    return folder, step


def _requirement(repository: str) -> tuple[str, str]:
    if not repository:
        try:
            text = importlib.metadata.distribution("brainalign").read_text("direct_url.json")
            origin = json.loads(text or "{}")
        except (importlib.metadata.PackageNotFoundError, ValueError):
            origin = {}
        repository = str(origin.get("url", ""))
        version = origin.get("vcs_info", {})
        if repository and version:
            repository = f"{version['vcs']}+{repository}@{version['commit_id']}"
    step = "name the address that Brain-Score can install brainalign from with --repository"
    if not repository:
        raise LinkError(f"the requirements of a plugin need the address of brainalign; {step}")
    if repository.startswith("https://") and not repository.endswith((".whl", ".tar.gz", ".zip")):
        repository = f"git+{repository}"
    elif "://" not in repository and "@" in repository.partition(":")[0]:
        repository = f"git+ssh://{repository.replace(':', '/', 1)}"
    elif "://" not in repository:
        if not Path(repository).exists():
            raise LinkError(f"there is no file or folder {repository!r}; {step}")
        repository = Path(repository).absolute().as_uri()
    return f"brainalign @ {repository}", step if "file://" in repository else ""


def _expected(reference: Reference) -> tuple[dict[str, float], dict[str, float]]:
    """Return the scores of the reference's most complete model, and its share under each submitted scheme."""
    board = reference.board
    known = (board.states == CellState.SCORED).sum(axis=1)
    model = board.models[int(known.argmax())]
    kept = set(constituents(reference))
    cells = {
        name: cell
        for name, cell in cells_of_model(reference.snapshot, model, "the reference").items()
        if name in kept and cell.state == CellState.SCORED
    }
    placed = place(reference, cells, SUBMITTED, resamples=0)
    shares = {identifier_of(one.scheme): one.share for one in placed.schemes}
    return {name: cell.score for name, cell in cells.items()}, shares


def _test(reference: Reference, names: Sequence[str]) -> str:
    scores, shares = _expected(reference)
    expected = "\n".join(f'    ("{name}", {shares[name]!r}),' for name in names)
    lines = "\n".join(f'    "{name}": {score!r},' for name, score in scores.items())
    domain = reference.domain
    return f'''"""Scores of one model of the reference on each meta-benchmark, computed when the plugin was made."""

import pytest
from brainscore_{domain} import load_benchmark

EXPECTED = [
{expected}
]
SCORES = {{
{lines}
}}


class NamedModel:
    identifier = "candidate"


@pytest.mark.parametrize(("identifier", "share"), EXPECTED)
def test_score(identifier, share, tmp_path, monkeypatch):
    path = tmp_path / "scores.csv"
    path.write_text("benchmark,score\\n" + "".join(f"{{name}},{{score}}\\n" for name, score in SCORES.items()))
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path))
    monkeypatch.setenv("BRAINALIGN_SCORES", str(path))
    benchmark = load_benchmark(identifier)
    assert benchmark.identifier == identifier
    assert benchmark.version == {version_of(reference)}
    assert benchmark.parent == "meta_{domain}"
    score = benchmark(NamedModel())
    assert score.item() == pytest.approx(share, abs=1e-6)
    assert score.raw.attrs["reference_sha256"] == "{reference.sha256}"
'''


def _metadata(reference: Reference, names: Sequence[str]) -> str:
    notes = f"reference {reference.name}, sha256 {reference.sha256}, board as of {reference.as_of:%Y-%m-%d}"
    found = ["benchmarks:"]
    for name in names:
        scheme = name.partition("-")[2].upper()
        found += [
            f"  {name}:",
            "    data:",
            "      benchmark_type: meta",
            "      datatype: scores on other benchmarks",
            "      pre_processing: placed on a frozen reference board",
            f'      extra_notes: "{notes}"',
            "      data_publicly_available: true",
            "    metric:",
            f"      type: {scheme}",
            f"      reference: {name.partition('-')[0]}",
            "      public: true",
            f'      extra_notes: "share of the models with the same benchmarks that are below under {scheme}"',
        ]
    return "\n".join(found) + "\n"
