"""The attribution a second time, from the published documents alone: nothing of the two packages is used here.

A board is a table of models × leaves; every board of the path is cut from the two cleaned ones, and its figures are
computed with SciPy. Written from the definition, for comparison; slow and plain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

STEPS = ("models_left", "benchmarks_dropped", "restated", "benchmarks_added", "models_joined")


@dataclass(frozen=True, eq=False)
class Published:
    """What a payload says: capped scores of the leaves under the average, and the parent of every type."""

    scores: pd.DataFrame
    parents: dict[str, str | None]

    @property
    def scored(self) -> set[str]:
        return set(self.scores.columns[self.scores.notna().any()])

    def kept(self, most_missing: float = 0.5) -> set[str]:
        # A leaf without any score has not arrived.
        missing = self.scores[sorted(self.scored)].isna().mean()
        return set(missing.index[missing <= most_missing])


def published(document: dict[str, Any]) -> Published:
    by_id = {node["id"]: node["type_id"] for node in document["benchmarks"]}
    parents = {
        node["type_id"]: None if node["parent_id"] is None else by_id[node["parent_id"]]
        for node in document["benchmarks"]
    }
    latest = {
        node["type_id"]: max((v["version"] for v in node["versions"]), default=None)
        for node in document["benchmarks"]
        if node["is_leaf"] and _root(node["type_id"], parents) == f"average_{document['domain']}"
    }
    rows = {}
    for model in document["models"]:
        row = {}
        for leaf, version in latest.items():
            said = [s["value"] for s in model["scores"].get(leaf, []) if s["version"] == version]
            value = said[0] if said else ""
            row[leaf] = np.nan if value in ("", "X", None) else min(max(float(value), 0.0), 1.0)
        rows[model["id"]] = row
    return Published(pd.DataFrame.from_dict(rows, orient="index", columns=list(latest)), parents)


def _root(node: str, parents: dict[str, str | None]) -> str:
    above = parents[node]
    return node if above is None else _root(above, parents)


def attribution(earlier: Published, later: Published) -> dict[str, dict[str, float] | None]:
    """Parts of the change of each figure: the differences along the path of six boards."""
    first, last = (side.scores[sorted(side.kept())].dropna() for side in (earlier, later))
    models = [model for model in first.index if model in last.index]
    leaves = [leaf for leaf in first.columns if leaf in last.columns]
    path = [
        figures(first, earlier.parents),
        figures(first.loc[models], earlier.parents),
        figures(first.loc[models, leaves], earlier.parents),
        figures(last.loc[models, leaves], later.parents),
        figures(last.loc[models], later.parents),
        figures(last, later.parents),
    ]
    return {
        name: None
        if any(np.isnan(board[name]) for board in path)
        else {step: path[k + 1][name] - path[k][name] for k, step in enumerate(STEPS)}
        for name in path[0]
    }


def figures(board: pd.DataFrame, parents: dict[str, str | None]) -> dict[str, float]:
    """All headline figures of complete cases; NaN where there is none."""
    values = board.to_numpy().round(9)
    leaves = list(board.columns)
    path = {leaf: _path(leaf, parents) for leaf in leaves}
    neural = [leaf for leaf in leaves if any(node.startswith("neural_") for node in path[leaf])]
    behavior = [leaf for leaf in leaves if any(node.startswith("behavior_") for node in path[leaf])]
    varied = [j for j in range(len(leaves)) if len(values) > 1 and np.ptp(values[:, j]) > 0]
    ranks = stats.rankdata(values[:, varied], axis=0)
    matrix = np.atleast_2d(np.corrcoef(ranks, rowvar=False)) if len(varied) > 1 else np.ones((1, 1))
    rho = {(leaves[varied[i]], leaves[varied[j]]): float(matrix[i, j]) for i, j in combinations(range(len(varied)), 2)}
    by_papers: dict[tuple[str, str], list[float]] = {}
    for pair, number in rho.items():
        one, other = sorted(_paper(leaf) for leaf in pair)
        if one != other:
            by_papers.setdefault((one, other), []).append(number)

    def mean(numbers: list[float]) -> float:
        return float(np.mean(numbers)) if numbers else np.nan

    found = {
        "models": float(len(board)),
        "benchmarks": float(len(leaves)),
        "mean_rho": mean(list(rho.values())),
        "negative_share": mean([float(number < -1e-12) for number in rho.values()]),
        "paper_balanced_rho": mean([mean(numbers) for numbers in by_papers.values()]),
        "neural_rho": mean([r for pair, r in rho.items() if set(pair) <= set(neural)]),
        "behavior_rho": mean([r for pair, r in rho.items() if set(pair) <= set(behavior)]),
        "cross_rho": mean(
            [r for (a, b), r in rho.items() if (a in neural and b in behavior) or (a in behavior and b in neural)]
        ),
    }
    part = {name: _tree_mean(board[some], path) for name, some in (("neural", neural), ("behavior", behavior))}
    sd = {name: float(x.std(ddof=1)) if x is not None and len(x) > 1 else np.nan for name, x in part.items()}
    found |= {f"sd_{name}": number for name, number in sd.items()}
    average = None
    if part["neural"] is not None and part["behavior"] is not None:
        average = (part["neural"] + part["behavior"]) / 2
    for name, x in part.items():
        both = average is not None and len(average) > 1 and sd[name] > 1e-12 and average.std() > 1e-12
        found[f"r2_{name}"] = float(np.corrcoef(x, average)[0, 1] ** 2) if both else np.nan
    variances = sd["neural"] ** 2 + sd["behavior"] ** 2
    found["null_r2_behavior"] = sd["behavior"] ** 2 / variances if variances > 0 else np.nan
    return found


def _path(leaf: str, parents: dict[str, str | None]) -> tuple[str, ...]:
    above = parents[leaf]
    return (leaf,) if above is None else (*_path(above, parents), leaf)


def _paper(leaf: str) -> str:
    found = re.search(r"[A-Z][A-Za-z]+[0-9]{4}", leaf)
    return leaf if found is None else found[0]


def _tree_mean(board: pd.DataFrame, path: dict[str, tuple[str, ...]]) -> pd.Series | None:
    """Recursive mean over the tree above the leaves from below the domain's part; None without a leaf."""
    if board.shape[1] == 0:
        return None

    def mean(leaves: list[str], depth: int) -> pd.Series:
        children: dict[str, list[str]] = {}
        for leaf in leaves:
            children.setdefault(path[leaf][depth], []).append(leaf)
        means = [
            board[some[0]] if some == [child] and len(path[child]) == depth + 1 else mean(some, depth + 1)
            for child, some in children.items()
        ]
        return sum(means[1:], means[0]) / len(means)

    # The root and the part stand above; both have one child there.
    return mean(list(board.columns), 2)
