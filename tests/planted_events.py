"""Simulated leaderboards on which causes were planted, each taking effect at 00:00 UTC of its day."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np

from brainalign_monitor.simulator import NEVER, Life, Paper, SimulationParameters
from brainalign_monitor.simulator import payload as payload_without
from brainalign_monitor.simulator import simulate as simulate_without
from brainalign_monitor.simulator.life import Times, microseconds, midnight, run_models
from brainalign_monitor.simulator.papers import PARTS
from brainalign_monitor.simulator.truth import Floats, stream


@dataclass(frozen=True)
class NewBenchmark:
    """A paper whose leaves are not in the tree at all before its arrival."""

    paper: Paper

    @property
    def on(self) -> date:
        """Day from whose 00:00 UTC on the leaves exist."""
        return self.paper.arrives


@dataclass(frozen=True)
class NewModels:
    """``count`` models submitted within one day, ``ability`` standard deviations above the others."""

    on: date
    count: int
    ability: float = 0.0


@dataclass(frozen=True)
class Restatement:
    """Scores of some leaves become ``scale * old + shift + noise * N(0, 1)``.

    With ``new_version`` the leaf's version rises and a share ``coverage`` of the models scored before is run
    again in the course of the day; the others become NEVER, and the older scores stay as history. Without it
    the values change in place and keep their times, as when a ceiling is corrected.
    """

    on: date
    benchmarks: tuple[str, ...]
    scale: float = 1.0
    shift: float = 0.0
    noise: float = 0.0
    new_version: bool = True
    coverage: float = 1.0


@dataclass(frozen=True)
class Backfill:
    """Within one day an existing leaf is run on older models until a share ``scored`` of all has a score.

    On a leaf that most models lack this flips the decision of the cleaning and, with it, the sample.
    """

    on: date
    benchmark: str
    scored: float


@dataclass(frozen=True)
class RemovedModel:
    """A model that is no longer published."""

    on: date
    model: int


@dataclass(frozen=True)
class RenamedModel:
    """A model that is published under another name; its id stays."""

    on: date
    model: int
    name: str


@dataclass(frozen=True)
class RemovedBenchmark:
    """A leaf that is no longer published."""

    on: date
    benchmark: str


Event = NewBenchmark | NewModels | Restatement | Backfill | RemovedModel | RenamedModel | RemovedBenchmark


@dataclass(frozen=True)
class PlantedLife:
    """The life of a leaderboard with its events, in their order; the benchmarks of all of them are in its tree."""

    life: Life
    events: tuple[Event, ...]


def simulate(seed: int, parameters: SimulationParameters, events: tuple[Event, ...]) -> PlantedLife:
    """Simulate a leaderboard's life with events: one more leaves all else as it was."""
    papers = (*parameters.papers, *(event.paper for event in events if isinstance(event, NewBenchmark)))
    life = simulate_without(seed, replace(parameters, papers=papers))
    for event in events:
        if isinstance(event, NewModels):
            life = _with_models(life, event)
    events = tuple(sorted(events, key=lambda event: event.on))
    for event in events:
        if isinstance(event, Backfill):
            life = _filled(life, event, events)
    return PlantedLife(life, events)


def _with_models(life: Life, event: NewModels) -> Life:
    generator = stream(life.seed, repr(event))
    hours = microseconds(generator.random(event.count) / 2.0, generator)
    # More ability is more of each part's factor, of which the link is a function.
    higher = life.truth.loadings[:, : len(PARTS)].sum(axis=1) * event.ability * life.truth.slope
    truth = replace(life.truth, intercept=life.truth.intercept + higher)
    soon = replace(life.parameters, delay_days=0.1, delay_spread=0.5, repeated_names=0)
    new = run_models(int(generator.integers(2**40)), soon, truth, np.sort(midnight(event.on) + hours))
    arrays = ("submitted", "noise_free", "scores", "errors", "failed", "times")
    ids = max(life.ids) + np.array(new.ids) - min(new.ids) + 1
    return replace(
        life,
        ids=(*life.ids, *ids.tolist()),
        names=(*life.names, *(f"{name}_{event.on:%m%d}" for name in new.names)),
        **{name: np.concatenate([getattr(life, name), getattr(new, name)]) for name in arrays},
    )


def _filled(life: Life, event: Backfill, events: tuple[Event, ...]) -> Life:
    column, start = life.truth.leaves.index(event.benchmark), midnight(event.on)
    gone = {e.model for e in events if isinstance(e, RemovedModel) and e.on <= event.on}
    there = (life.submitted < start) & np.array([number not in gone for number in life.ids])
    run = there & (life.times[:, column] < start)
    scored = int((run & ~life.failed[:, column]).sum())
    wanted = int(np.ceil(event.scored * there.sum()))
    generator = stream(life.seed, repr(event))
    rows = generator.permutation(np.flatnonzero(there & ~run))[: wanted - scored]
    times, failed = life.times.copy(), life.failed.copy()
    times[rows, column] = start + microseconds(generator.random(len(rows)) * 0.9, generator)
    failed[rows, column] = False
    return replace(life, times=times, failed=failed)


@dataclass(frozen=True)
class _Past:
    """An earlier version of a leaf: its scores and times over models."""

    values: Floats
    times: Times


def payload(planted: PlantedLife, as_of: date) -> dict[str, Any]:
    """Return what the site serves at 00:00 UTC of a day: events of earlier days have happened."""
    happened = [event for event in planted.events if event.on < as_of]
    life, past = _restated(planted.life, happened)
    names = dict(zip(life.ids, life.names, strict=True))
    names |= {event.model: event.name for event in happened if isinstance(event, RenamedModel)}
    absent = {event.benchmark for event in happened if isinstance(event, RemovedBenchmark)}
    to_come = (e for e in planted.events if isinstance(e, NewBenchmark) and e not in happened)
    absent.update(_leaf(path) for event in to_come for path in event.paper.leaves)
    papers = tuple(
        replace(paper, leaves=tuple(path for path in paper.leaves if _leaf(path) not in absent))
        for paper in life.parameters.papers
    )
    shown = replace(life, names=tuple(names.values()), parameters=replace(life.parameters, papers=papers))
    document = payload_without(shown, as_of)
    for leaf, versions in past.items():
        if leaf not in absent:
            _add_versions(document, life, leaf, versions, midnight(as_of))
    gone = {event.model for event in happened if isinstance(event, RemovedModel)}
    left = [model for model in document["models"] if model["id"] not in gone]
    ranks = [model["rank"] for model in left]
    document["models"] = [{**model, "rank": 1 + sum(rank < model["rank"] for rank in ranks)} for model in left]
    return document


def payload_bytes(planted: PlantedLife, as_of: date) -> bytes:
    """Return the payload as compact JSON in ASCII."""
    return json.dumps(payload(planted, as_of), separators=(",", ":"), allow_nan=False).encode("ascii")


def _leaf(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _restated(life: Life, events: list[Event]) -> tuple[Life, dict[str, list[_Past]]]:
    """Apply restatements in their order; return the life, and the earlier versions by leaf."""
    values, times = life.scores.copy(), life.times.copy()
    past: dict[str, list[_Past]] = {}
    for event in events:
        for leaf in event.benchmarks if isinstance(event, Restatement) else ():
            assert isinstance(event, Restatement)
            column, begin = life.truth.leaves.index(leaf), midnight(event.on)
            # A stream for each, so that models of another event, which come last, change none of the draws before.
            noise, lot, lag = (stream(life.seed, repr(event), leaf, kind) for kind in ("noise", "lot", "lag"))
            if event.new_version:
                before = times[:, column] < begin
                old = np.where(life.failed[:, column], np.nan, values[:, column])
                past.setdefault(leaf, []).append(_Past(old, np.where(before, times[:, column], NEVER)))
                again = begin + (lag.random(len(values)) * 0.9 * 86_400_000).astype(np.int64) * 1000
                rerun = np.where(lot.random(len(values)) < event.coverage, again, NEVER)
                times[:, column] = np.where(before, rerun, times[:, column])
            drawn = event.noise * noise.standard_normal(len(values))
            values[:, column] = event.scale * values[:, column] + event.shift + drawn
    return replace(life, scores=values, times=times), past


def _add_versions(document: dict[str, Any], life: Life, leaf: str, past: list[_Past], now: int) -> None:
    """Write the earlier versions of a leaf into a payload, in place."""
    (node,) = (node for node in document["benchmarks"] if node["type_id"] == leaf)
    (newest,) = node["versions"]
    rows = {number: row for row, number in enumerate(life.ids)}
    first = newest["version"]
    newest["version"] += len(past)
    node["id"] = newest["identifier"] = f"{leaf}_v{newest['version']}"
    starts = [_stamp(int(one.times[one.times < now].min(initial=NEVER))) for one in past] + [newest["valid_from"]]
    node["versions"] = [
        {"version": version, "identifier": f"{leaf}_v{version}", "valid_from": start, "valid_to": end}
        for version, (start, end) in enumerate(pairwise(starts), first)
    ] + [newest]
    for model in document["models"]:
        cells, row = model["scores"][leaf], rows[model["id"]]
        cells[-1]["version"] = newest["version"]
        cells[:0] = [
            {
                "version": version,
                "value": "NaN" if np.isnan(one.values[row]) else float(one.values[row]),
                "error": None,
                "timestamp": _stamp(int(one.times[row])),
            }
            for version, one in enumerate(past, first)
            if one.times[row] < NEVER
        ]


def _stamp(time: int) -> str | None:
    if time == NEVER:
        return None
    text = str(np.datetime_as_string(np.datetime64(time, "us"), unit="us"))
    return text.rstrip("0").rstrip(".") + "+00:00"
