"""Metadata of benchmarks and models: what sources say of them, where these are silent, and where they contradict."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..citations import benchmark_citation
from ..data.board import Board
from ..data.tree import names_paper, paper

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
        said = [(one.source, _facts(one.benchmarks, (leaf, paper(leaf)))) for one in (*sources, last)]
        benchmarks[leaf], origins[leaf] = dict.fromkeys(FIELDS), {}
        for field in FIELDS:
            values = tuple((source, facts[field]) for source, facts in said if field in facts)
            if values:
                origins[leaf][field], benchmarks[leaf][field] = values[0]
            compared = [v for v in values if v[0] != IDENTIFIER or field in _COMPARED]
            if field not in ("paper", "bibtex", "task") and len({value for _, value in compared}) > 1:
                found.append(Contradiction(leaf, field, tuple(compared)))
    models: dict[int, dict[str, str | None]] = {}
    for model in board.models:
        said = [(one.source, _facts(one.models, (str(model.id), model.name))) for one in sources]
        models[model.id] = dict.fromkeys(MODEL_FIELDS)
        for field in MODEL_FIELDS:
            values = tuple((source, facts[field]) for source, facts in said if field in facts)
            if values:
                models[model.id][field] = values[0][1]
            if len({value for _, value in values}) > 1:
                found.append(Contradiction(model.name, field, values))
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


def _facts(facts: Facts, names: Sequence[str]) -> Mapping[str, str]:
    """Return the values by field, those of the first name before those of the second."""
    found: dict[str, str] = {}
    for name in reversed(names):
        found |= facts.get(name, {})
    return found
