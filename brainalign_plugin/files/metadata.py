"""Metadata of benchmarks and models: what sources say of them, where these are silent, and where they contradict."""

from __future__ import annotations

import gzip
import importlib
import importlib.util
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..citations import benchmark_citation
from ..data.board import Board
from ..data.tree import names_paper, paper
from ..errors import InputError

FIELDS = ("region", "species", "acquisition", "metric", "task", "paper", "bibtex")
MODEL_FIELDS = ("architecture", "family", "dataset")
# Fields that the identifier gives in words of its own are compared between sources alone.
_COMPARED = ("region", "species", "acquisition")
IDENTIFIER = "identifier"
Facts = Mapping[str, Mapping[str, str]]

_REGION = re.compile(r"(?<![A-Za-z0-9])(V1|V2|V4|IT)(?![A-Za-z0-9])", re.IGNORECASE)
_METRIC = re.compile(r"-([A-Za-z][A-Za-z0-9_]*)$|(AccuracyDistance|ErrorConsistency|Accuracy)$")
# Metric by the end of an identifier, where it has another name than the metric; docs/methods.md has the table.
METRICS = {
    "top1": "accuracy",
    "accuracydistance": "accuracy_distance",
    "errorconsistency": "error_consistency",
    "i2": "i2n",
    "mask": "mask_regression",
    "threshold_elevation": "threshold",
}
# Species and acquisition by paper, from the papers themselves; docs/methods.md has the table.
_RECORDED = ("macaque", "electrophysiology")
_BEHAVIOR = ("human", "behavior")
_SCANNED = ("human", "fMRI")
PAPERS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("Cadena2017", "FreemanZiemba2013", "Igustibagus2024", "Kar2019", "Li2026"), _RECORDED),
    **dict.fromkeys(("MajajHong2015", "Marques2020", "Rajalingham2020", "Sanghavi2020"), _RECORDED),
    **dict.fromkeys(("SanghaviJozwik2020", "SanghaviMurty2020"), _RECORDED),
    **dict.fromkeys(("BMD2024", "Baker2022", "Ferguson2024", "Futrell2018", "Geirhos2021"), _BEHAVIOR),
    **dict.fromkeys(("Hebart2023", "Hermann2020", "Lonnqvist2024", "Malania2007"), _BEHAVIOR),
    **dict.fromkeys(("Maniquet2024", "Rajalingham2018", "Scialom2024"), _BEHAVIOR),
    **dict.fromkeys(("Blank2014", "Bracci2019", "Pereira2018", "Tuckute2024"), _SCANNED),
    "Coggan2024": ("human", "behavior"),  # Its scans name themselves
    "Fedorenko2016": ("human", "ECoG"),
}
INSTALLED = "installed"
_DATA, _METRICS = "benchmarkDataMetaMap", "benchmarkMetricMetaMap"
_BLOCKS = ("benchmark_metadata", "model_metadata_map", "benchmark_bibtex_map", _DATA, _METRICS)
_VERSION = re.compile(r"_v\d+$")
# The site's words for one kind of acquisition.
_ACQUISITION = {
    **dict.fromkeys(("spikes", "spike_rate", "neural"), "electrophysiology"),
    **dict.fromkeys(("behavioral", "behavioral_data"), "behavior"),
    "fmri": "fMRI",
    "ecog": "ECoG",
}
# Words that say nothing.
_NOTHING = {"", "custom", "null", "none", "nan", "unknown"}
_MODEL_KEYS = {"architecture": "architecture", "family": "model_family", "dataset": "training_dataset"}


@dataclass(frozen=True, eq=False)
class Metadata:
    """Values of one source by field: of benchmarks by type id or paper, and of models by name or id."""

    source: str
    benchmarks: Facts
    models: Facts
    problems: tuple[str, ...] = ()  # Files that could not be read


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Different values of one field in different sources; the first one counts."""

    name: str  # Type id of the benchmark, or name of the model
    field: str
    values: tuple[tuple[str, str], ...]  # Source and value, in the order in which sources count

    def __str__(self) -> str:
        said = "; ".join(f"{value} in {source}" for source, value in self.values)
        return f"{self.name}: {self.field} is {said}"


@dataclass(frozen=True, eq=False)
class Described:
    """Metadata of the benchmarks and models of a board; None where no source has a value."""

    benchmarks: dict[str, dict[str, str | None]]  # By type id and field
    models: dict[int, dict[str, str | None]]  # By id and field
    origins: dict[str, dict[str, str]]  # Source of each value of a benchmark
    gaps: dict[str, tuple[str, ...]]  # Benchmarks without a value, by field
    contradictions: tuple[Contradiction, ...]
    problems: tuple[str, ...]  # Files that could not be read
    # Pairs of a model's id and the family that a source names.
    families: tuple[tuple[str, str], ...]

    def values(self, field: str, leaves: Sequence[str]) -> list[str | None]:
        """Return the value of a field for each of some benchmarks."""
        return [self.benchmarks[leaf][field] for leaf in leaves]


def described(board: Board, sources: Sequence[Metadata] = ()) -> Described:
    """Describe the benchmarks and models of a board: by the first source that has a value, else by the identifier.

    `sources`: the first one counts most; a key may be a paper, for all its benchmarks.
    """
    last = Metadata(IDENTIFIER, {leaf: of_identifier(board, leaf) for leaf in board.leaves}, {})
    benchmarks: dict[str, dict[str, str | None]] = {}
    origins: dict[str, dict[str, str]] = {}
    found: list[Contradiction] = []
    for leaf in board.leaves:
        stated = _stated(FIELDS, [(one.source, one.benchmarks, (leaf, paper(leaf))) for one in (*sources, last)])
        benchmarks[leaf] = {field: values[0][1] if values else None for field, values in stated.items()}
        origins[leaf] = {field: values[0][0] for field, values in stated.items() if values}
        for field, values in stated.items():
            compared = tuple(v for v in values if v[0] != IDENTIFIER or field in _COMPARED)
            if field not in ("paper", "bibtex", "task") and _differ(compared):
                found.append(Contradiction(leaf, field, compared))
    models: dict[int, dict[str, str | None]] = {}
    for model in board.models:
        stated = _stated(MODEL_FIELDS, [(one.source, one.models, (str(model.id), model.name)) for one in sources])
        models[model.id] = {field: values[0][1] if values else None for field, values in stated.items()}
        found += [Contradiction(model.name, field, values) for field, values in stated.items() if _differ(values)]
    return Described(
        benchmarks,
        models,
        origins,
        {field: tuple(x for x in board.leaves if benchmarks[x][field] is None) for field in FIELDS},
        tuple(dict.fromkeys(found)),  # models of one name say the same
        tuple(problem for one in sources for problem in one.problems),
        tuple((str(i), facts["family"]) for i, facts in models.items() if facts["family"] is not None),
    )


def of_identifier(board: Board, leaf: str) -> dict[str, str]:
    """Return the fields of a benchmark that follow from its identifier and its place in the tree."""
    path = board.tree.path(leaf)
    behavior = board.parts[1] in path
    named = paper(leaf)
    found: dict[str, str] = {}
    if names_paper(leaf):
        found["paper"] = named
    if work := benchmark_citation(leaf):
        found["bibtex"] = work.bibtex
    if named in PAPERS:
        found["species"], found["acquisition"] = PAPERS[named]
    if "fmri" in leaf.lower():
        found["acquisition"] = "fMRI"
    regions = _REGION.findall(leaf) or [node for node in path if _REGION.fullmatch(node)]
    if behavior:
        # Behaviour has no region of the brain; its benchmarks share that.
        found["region"] = found["acquisition"] = "behavior"
    elif regions:
        found["region"] = regions[-1].upper()
    if named == "Marques2020":
        found["metric"] = "ks_similarity"
    elif end := _METRIC.search(leaf):
        word = (end[1] or end[2]).lower()
        found["metric"] = METRICS.get(word, word)
    return found


def absent(source: Metadata, board: Board) -> tuple[str, ...]:
    """Return the benchmarks, papers and models of a source that a board lacks."""
    leaves = {name for leaf in board.tree.index for name in (leaf, paper(leaf))}
    names = {name for model in board.models for name in (str(model.id), model.name)}
    both = ((source.benchmarks, leaves), (source.models, names))
    return tuple(name for facts, known in both for name in facts if name not in known)


def _stated(
    fields: Sequence[str], sources: Sequence[tuple[str, Facts, tuple[str, str]]]
) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return by field the sources with a value, and the values; those of the first name before those of the second."""
    merged = [(source, {**facts.get(other, {}), **facts.get(name, {})}) for source, facts, (name, other) in sources]
    return {field: tuple((source, facts[field]) for source, facts in merged if field in facts) for field in fields}


def _differ(values: Sequence[tuple[str, str]]) -> bool:
    return len({value for _, value in values}) > 1


def read_metadata(source: str | Path) -> Metadata:
    """Read the metadata of benchmarks and models from one source, see the API's `metadata`.

    A bad file of a folder is listed under ``problems`` and stops no other. Raises InputError if the source cannot be
    read, is no page of the leaderboard, or a table of the user's has an unknown field.
    """
    if str(source) == INSTALLED:
        found = importlib.util.find_spec("brainscore_vision")
        if found is None or not found.submodule_search_locations:
            raise InputError("brainscore_vision is not installed here; install it, or name a page of the leaderboard")
        return _folder(Path(found.submodule_search_locations[0]), "brainscore_vision")
    path = Path(source).expanduser()
    if path.is_dir():
        return _folder(path, path.name)
    try:
        body = path.read_bytes()
        if body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        text = body.decode("utf-8")
    except (OSError, EOFError, ValueError) as cause:
        raise InputError(
            f"metadata {str(source)!r} cannot be read ({cause}); give a page, a folder or a TOML file"
        ) from cause
    return table(text, path.name) if path.suffix == ".toml" else page(text, path.name)


def page(text: str, source: str) -> Metadata:
    """Read the data of a leaderboard page; blocks that are torn are problems. Raises InputError if it has none."""
    problems: list[str] = []
    blocks = {name: _block(text, name, source, problems) for name in _BLOCKS}
    if blocks["benchmark_metadata"] is None and blocks["model_metadata_map"] is None:
        torn = f" ({'; '.join(problems)})" if problems else ""
        raise InputError(
            f"{source} has no {' or '.join(_BLOCKS[:2])}{torn}; save the page /<domain>/leaderboard/content/"
        )
    benchmarks: dict[str, dict[str, str]] = {}
    rows = blocks["benchmark_metadata"]
    for row in filter(lambda row: isinstance(row, dict), rows if isinstance(rows, list) else ()):
        name = _VERSION.sub("", str(row.get("identifier") or ""))
        benchmarks.setdefault(name, {}).update(_benchmark(row, row))
    for name, entry in _entries(blocks[_DATA]):
        benchmarks.setdefault(_VERSION.sub("", name), {}).update(_benchmark(entry, {}))
    for name, entry in _entries(blocks[_METRICS]):
        benchmarks.setdefault(_VERSION.sub("", name), {}).update(_benchmark({}, entry))
    for name, entry in _entries(blocks["benchmark_bibtex_map"]):
        if bibtex := _word(entry.get("bibtex")):
            benchmarks.setdefault(str(entry.get("benchmark_type_id") or _VERSION.sub("", name)), {})["bibtex"] = bibtex
    models = {name: _model(entry) for name, entry in _entries(blocks["model_metadata_map"])}
    return Metadata(source, _kept(benchmarks), _kept(models), tuple(problems))


def table(text: str, source: str) -> Metadata:
    """Read the user's table: ``[benchmarks."ID or paper"]`` and ``[models."NAME or id"]``, a value a field.

    Raises InputError if it is no TOML, or has a table, a field or a value that is none.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as cause:
        raise InputError(f"{source} is no TOML: {cause}") from cause
    kinds = {"benchmarks": FIELDS, "models": MODEL_FIELDS}
    _check(document, tuple(kinds), source)
    for kind, fields in kinds.items():
        for name, facts in _entries(document.get(kind, {}), f"{kind} of {source}"):
            _check(facts, fields, f"{kind} {name!r} of {source}")
            for field, value in facts.items():
                if not isinstance(value, str) or not value.strip():
                    raise InputError(f"{field} of {name!r} in {source} is {value!r}; give it a text")
    return Metadata(source, document.get("benchmarks", {}), document.get("models", {}))


def _folder(root: Path, source: str) -> Metadata:
    try:
        yaml = importlib.import_module("yaml")
    except ImportError as cause:
        raise InputError("reading metadata.yml needs PyYAML, which comes with brainscore_vision; install it") from cause
    benchmarks: dict[str, dict[str, str]] = {}
    models: dict[str, dict[str, str]] = {}
    problems = []
    paths = sorted(path for end in ("yml", "yaml") for path in root.glob(f"*/*/metadata.{end}"))
    if not paths:
        raise InputError(f"{root} has no benchmarks/*/metadata.yml; give the folder of brainscore_vision")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in paths:
        try:
            document = yaml.load(path.read_text(encoding="utf-8"), loader)
        except (OSError, ValueError, yaml.YAMLError) as cause:
            problems.append(f"{path.parent.name}/{path.name} cannot be read: {' '.join(str(cause).split())[:200]}")
            continue
        if not isinstance(document, dict):
            problems.append(f"{path.parent.name}/{path.name} is no table")
            continue
        for name, entry in _entries(document.get("benchmarks")):
            benchmarks[name] = _benchmark(_table(entry.get("data")), _table(entry.get("metric")))
        for name, entry in _entries(document.get("models")):
            models[name] = _model(_table(entry.get("legacy")) or entry)
    return Metadata(source, _kept(benchmarks), _kept(models), tuple(problems))


def _benchmark(data: Mapping[str, Any], metric: Mapping[str, Any]) -> dict[str, str]:
    kind = _word(data.get("datatype")).lower()
    found = {
        "region": _word(data.get("region")),
        "species": _word(data.get("species")).lower(),
        "acquisition": _ACQUISITION.get(kind, kind),
        "metric": _word(metric.get("type")).lower(),
        "task": _word(data.get("task")),
    }
    return _kept(found)


def _model(entry: Mapping[str, Any]) -> dict[str, str]:
    return _kept({field: _word(entry.get(key)) for field, key in _MODEL_KEYS.items()})


def _word(value: Any) -> str:
    """Return a text that says something; else an empty one."""
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return value.strip() if isinstance(value, str) and value.strip().lower() not in _NOTHING else ""


def _block(text: str, name: str, source: str, problems: list[str]) -> Any:
    """Return the JSON value after a key of the page's script; None if there is no such key, or no JSON: a problem."""
    found = re.search(rf"(?<!\w)\"?{name}\"?\s*:\s*(?=[\[{{])", text)
    if found is None:
        return None
    try:
        return json.JSONDecoder().raw_decode(text, found.end())[0]
    except (ValueError, RecursionError) as cause:
        problems.append(f"{name} of {source} cannot be read: {cause}")
        return None


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _entries(value: Any, strict: str = "") -> list[tuple[str, dict[str, Any]]]:
    if strict:
        for name, one in value.items() if isinstance(value, dict) else [("", None)]:
            if not isinstance(one, dict):
                raise InputError(
                    f"{name!r} among the {strict} is no table; write [{strict.split(maxsplit=1)[0]}.{name!r}]"
                )
    return [(str(name), one) for name, one in _table(value).items() if isinstance(one, dict)]


def _kept(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values for name, values in facts.items() if values}


def _check(given: Iterable[str], known: tuple[str, ...], where: str) -> None:
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise InputError(f"{where} has {name!r}, which means nothing here; {hint}")
