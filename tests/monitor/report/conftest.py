"""Evidence to report on: real payloads, and small boards whose every name is chosen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainalign_monitor.history.timeline import Timeline
from brainalign_monitor.report import Evidence, Report, build_report
from brainalign_monitor.sources.payload import parse_payload
from brainalign_monitor.store import open_store
from brainalign_plugin.analysis import Analysis, analyse
from brainalign_plugin.audit.study import study_schemes
from brainalign_plugin.certainty.board_certainty import certainty
from brainalign_plugin.certainty.rank import Resampling
from brainalign_plugin.certainty.validity import validity
from brainalign_plugin.data.board import Model
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.errors import BoardError
from tests.boards import snapshot_of, tree_of

WHEN = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
FEW_RESAMPLES = Resampling(resamples=60)


def evidence_of(analysis: Analysis, resamples: int = 60, **changes: Any) -> Evidence:
    """Everything that a report rests on but the past, from fewer resamples than a report has."""
    considered, board = analysis.cleaning.considered, analysis.cleaning.board
    try:
        tried = validity(board, ("HIER", "FLAT", "UNIVERSE"), resamples=resamples)
    except BoardError:
        tried = None
    found = Evidence(
        analysis,
        certainty(considered, analysis.cleaning.max_missing, resamples=resamples, draws=100),
        validity=tried,
        study=study_schemes(analysis, resampling=FEW_RESAMPLES),
        command="brainalign report board.json.gz --output r.html",
        version="0.1.0",
        software={"numpy": "2.0"},
    )
    return replace(found, **changes)


def report_of(analysis: Analysis, **changes: Any) -> Report:
    return build_report(evidence_of(analysis, **changes))


def drawn_snapshot(
    models: int, neural: list[str], behavior: list[str], names: list[str] | None = None, seed: int = 0, **changes: Any
) -> Snapshot:
    """Complete board of correlated random scores; ``names`` are repeated until every model has one."""
    tree = tree_of(
        {
            "average_vision": {
                "neural_vision": {"V1": dict.fromkeys(neural[::2]), "IT": dict.fromkeys(neural[1::2])},
                "behavior_vision": dict.fromkeys(behavior),
            }
        }
    )
    generator = np.random.default_rng(seed)
    ability = generator.normal(size=(models, 1))
    noise = generator.normal(size=(models, len(neural) + len(behavior)))
    scores = np.clip(0.5 + 0.08 * ability + 0.08 * noise, 0, 1).round(3)
    snapshot = snapshot_of(tree, scores.tolist(), **changes)
    if names is None:
        return snapshot
    renamed = tuple(
        Model(i + 1, names[i % len(names)], None, model.published_rank) for i, model in enumerate(snapshot.models)
    )
    return replace(snapshot, models=renamed)


def plain_leaves(count: int, ending: str) -> list[str]:
    return [f"Author{chr(97 + i % 26)}{2000 + i}.{ending}" for i in range(count)]


@pytest.fixture(scope="session")
def drawn() -> Analysis:
    """Thirty models on six neural and four behavioural leaves."""
    return analyse(drawn_snapshot(30, plain_leaves(6, "V1-pls"), plain_leaves(4, "i2n")))


@pytest.fixture(scope="session")
def whole(drawn: Analysis) -> Report:
    """The report of the drawn board, the first that was observed."""
    return report_of(drawn)


def real_snapshot_of(shared_site: Path, day: str) -> Snapshot:
    name = f"compare-data-{day}.json.gz"
    return parse_payload((shared_site / name).read_bytes(), name, WHEN).snapshot


@pytest.fixture(scope="session")
def real_evidence(shared_site: Path, tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """The largest payload of 2024 after that of three months before, both observed."""
    folder = tmp_path_factory.mktemp("real")
    bodies = [(shared_site / f"compare-data-{day}.json.gz").read_bytes() for day in ("2023-10-01", "2024-01-01")]
    with open_store(folder / "brainalign.sqlite", folder / "bodies") as store:
        for number, body in enumerate(bodies):
            snapshot = parse_payload(body, "compare.json.gz", WHEN).snapshot
            store.add(snapshot, body, WHEN.replace(day=number + 1), ())
        timeline = Timeline(store, "vision")
        return evidence_of(
            analyse(store.snapshot(timeline.boards[-1].id)), 200, since=timeline.since(), past=timeline.chronicle()
        )


@pytest.fixture(scope="session")
def real(real_evidence: Evidence) -> Report:
    return build_report(real_evidence)
