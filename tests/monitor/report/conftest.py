"""Analyses to report on: the largest real payload, and small boards whose every name is chosen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainalign_monitor.report import ReportView, build_view
from brainalign_monitor.report.certainty import Certainty, agreement_certainty
from brainalign_monitor.sources import parse_payload
from brainalign_plugin.analysis import Analysis, analyse
from brainalign_plugin.audit.study import SchemeStudy, moves_of_conventions, study_schemes
from brainalign_plugin.data.board import Model
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.ranking.rank import Resampling
from tests.boards import snapshot_of, tree_of

WHEN = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)


def view_of(analysis: Analysis, **changes: Any) -> ReportView:
    settings: dict[str, Any] = {"generated_at": WHEN, "version": "0.1.0", "command": "brainalign report x"}
    if changes.get("study") is not None:
        settings["conventions"] = moves_of_conventions(analysis)
    return build_view(analysis, **(settings | changes))


def drawn_snapshot(
    models: int,
    neural: list[str],
    behavior: list[str],
    names: list[str] | None = None,
    seed: int = 0,
    **changes: Any,
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
        Model(i + 1, names[i % len(names)], None, model.published_rank)
        for i, model in enumerate(snapshot.models)
    )
    return replace(snapshot, models=renamed)


def plain_leaves(count: int, ending: str) -> list[str]:
    return [f"Author{chr(97 + i % 26)}{2000 + i}.{ending}" for i in range(count)]


@pytest.fixture(scope="session")
def drawn() -> Analysis:
    """Thirty models on six neural and four behavioural leaves."""
    return analyse(drawn_snapshot(30, plain_leaves(6, "V1-pls"), plain_leaves(4, "i2n")))


FEW_RESAMPLES = Resampling(resamples=60)


def whole_view(analysis: Analysis, **changes: Any) -> ReportView:
    """The view with everything in it, from fewer resamples than a report has."""
    study = study_schemes(analysis, FEW_RESAMPLES)
    return view_of(analysis, study=study, certainty=agreement_certainty(analysis, 60), **changes)


@pytest.fixture(scope="session")
def drawn_study(drawn: Analysis) -> SchemeStudy:
    study = study_schemes(drawn, FEW_RESAMPLES)
    assert study is not None
    return study


@pytest.fixture(scope="session")
def drawn_certainty(drawn: Analysis) -> Certainty:
    return agreement_certainty(drawn, 60)


@pytest.fixture(scope="session")
def whole(drawn: Analysis, drawn_study: SchemeStudy, drawn_certainty: Certainty) -> ReportView:
    """The view of the drawn board with all schemes."""
    return view_of(drawn, study=drawn_study, certainty=drawn_certainty)


@pytest.fixture(scope="session")
def real_snapshot(shared_site: Path) -> Snapshot:
    """The largest real payload: 281 models on 53 leaves."""
    body = (shared_site / "compare-data-2024-01-01.json.gz").read_bytes()
    return parse_payload(body, "compare-data-2024-01-01.json.gz", WHEN).snapshot


@pytest.fixture(scope="session")
def real(real_snapshot: Snapshot) -> Analysis:
    return analyse(real_snapshot)


@pytest.fixture(scope="session")
def real_study(real: Analysis) -> SchemeStudy:
    """As reports have it: all schemes, 1,000 resamples, seed 0."""
    study = study_schemes(real)
    assert study is not None
    return study
