"""Metadata in files: the leaderboard page's data, the folders of an installed brainscore_vision, the user's table."""

from __future__ import annotations

import gzip
import importlib
import importlib.util
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..errors import InputError
from .metadata import FIELDS, MODEL_FIELDS, Metadata

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


def read_metadata(source: str | Path) -> Metadata:
    """Read the metadata of benchmarks and models from one source.

    A bad file of a folder is listed under ``problems`` and stops no other. Raises InputError if the source cannot be
    read, is no page of the leaderboard, or a table of the user's has an unknown field.

    `source`: ``installed`` for the benchmark and model folders of the installed brainscore_vision, which is not
    imported; another such folder; a page of the leaderboard (HTML, gzipped or not); the user's table (``.toml``).
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
    kind = (_word(data.get("datatype")) or "").lower()
    found = {
        "region": _word(data.get("region")),
        "species": (_word(data.get("species")) or "").lower(),
        "acquisition": _ACQUISITION.get(kind, kind),
        "metric": (_word(metric.get("type")) or "").lower(),
        "task": _word(data.get("task")),
    }
    return {field: value for field, value in found.items() if value}


def _model(entry: Mapping[str, Any]) -> dict[str, str]:
    found = {field: _word(entry.get(key)) for field, key in _MODEL_KEYS.items()}
    return {field: value for field, value in found.items() if value}


def _word(value: Any) -> str | None:
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return value.strip() if isinstance(value, str) and value.strip().lower() not in _NOTHING else None


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


def _kept(facts: Mapping[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    return {name: values for name, values in facts.items() if values}


def _check(given: Iterable[str], known: tuple[str, ...], where: str) -> None:
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise InputError(f"{where} has {name!r}, which means nothing here; {hint}")
