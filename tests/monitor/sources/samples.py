"""A small payload in the site's format, for tests to bend."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

RECEIVED_AT = datetime(2024, 3, 1, 12, tzinfo=UTC)
URL = "http://site.test/vision/compare/data/"
SCORED_AT = "2023-06-30T17:49:51.178134"

# Type id: parent and, for a leaf, its latest version.
TREE: dict[str, tuple[str | None, int | None]] = {
    "average_vision": (None, None),
    "neural_vision": ("average_vision", None),
    "Ada2020.V1-pls": ("neural_vision", 2),
    "Bea2021.IT-pls": ("neural_vision", 1),
    "behavior_vision": ("average_vision", None),
    "Cid2022-i2n": ("behavior_vision", 0),
    "engineering_vision": (None, None),
    "ImageNet-top1": ("engineering_vision", 1),
}
LEAVES = {type_id: version for type_id, (_, version) in TREE.items() if version is not None}


def benchmark(type_id: str, parent: str | None, version: int | None) -> dict[str, Any]:
    """A node of the tree as the site lists it."""
    number = version or 0
    return {
        "id": f"{type_id}_v{number}",
        "type_id": type_id,
        "label": type_id,
        "parent_id": None if parent is None else f"{parent}_v{LEAVES.get(parent, 0)}",
        "is_leaf": version is not None,
        "is_engineering": "engineering" in (parent or type_id),
        "display_domain": "V1",
        "versions": [
            {"version": v, "identifier": f"{type_id}_v{v}", "valid_from": None, "valid_to": None}
            for v in range(number + 1)
        ],
    }


def cell(value: Any, version: int, **changes: Any) -> dict[str, Any]:
    """One entry of a model's scores."""
    return {"version": version, "value": value, "error": None, "timestamp": SCORED_AT} | changes


def model(number: int, values: dict[str, Any]) -> dict[str, Any]:
    """A model with one current cell in each benchmark; NEVER where no value is given."""
    return {
        "id": number,
        "name": f"model {number}",
        "rank": number,
        "submission_timestamp": "2023-06-29T15:53:56+00:00",
        "scores": {name: [cell(values.get(name, ""), version or 0)] for name, (_, version) in TREE.items()},
    }


def document(models: int = 3) -> dict[str, Any]:
    """A payload in which every leaf has a score, and every group its published mean."""
    return {
        "domain": "vision",
        "datetime_range": {"min": "2020-08-27T00:00:00+00:00", "max": "2024-01-01T00:00:00+00:00"},
        "benchmarks": [benchmark(name, parent, version) for name, (parent, version) in TREE.items()],
        "models": [
            model(number, dict.fromkeys(LEAVES, f".{number}00") | dict.fromkeys(TREE, f".{number}00"))
            for number in range(1, models + 1)
        ],
    }


def body_of(document: Any) -> bytes:
    """JSON as the site sends it."""
    return json.dumps(document, separators=(",", ":")).encode("ascii")
