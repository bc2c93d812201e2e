"""A second computation of schemes, their properties and the figures of agreement, from the definitions alone.

Straight from the published payload and with loops where the package has closed forms; nothing of the package is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Table:
    """Scores of models (ids) on leaves; children by type id, from the root downwards."""

    root: str
    children: Mapping[str, tuple[str, ...]]
    leaves: tuple[str, ...]
    ids: tuple[int, ...]
    scores: Floats

    def below(self, node: str) -> list[int]:
        """Columns of the leaves under a node."""
        if node not in self.children:
            return [self.leaves.index(node)]
        return [j for child in self.children[node] for j in self.below(child)]

    def weights(self, node: str | None = None) -> Floats:
        """Product of 1 / children down to each leaf."""
        found = np.zeros(len(self.leaves))

        def go(at: str, share: float) -> None:
            if at in self.children:
                for child in self.children[at]:
                    go(child, share / len(self.children[at]))
            else:
                found[self.leaves.index(at)] = share

        go(self.root if node is None else node, 1.0)
        return found

    @property
    def parts(self) -> tuple[str, str]:
        domain = self.root.removeprefix("average_")
        return f"neural_{domain}", f"behavior_{domain}"


def read(document: dict[str, Any]) -> Table:
    """All leaves under the root and all models, NaN where FAILED or NEVER."""
    root = f"average_{document['domain']}"
    named = {b["id"]: b["type_id"] for b in document["benchmarks"]}
    latest = {b["type_id"]: max(v["version"] for v in b["versions"]) for b in document["benchmarks"]}
    children: dict[str, tuple[str, ...]] = {}
    for b in document["benchmarks"]:
        if b["parent_id"]:
            parent = named[b["parent_id"]]
            children[parent] = (*children.get(parent, ()), b["type_id"])

    def under(node: str) -> list[str]:
        return [x for c in children[node] for x in under(c)] if node in children else [node]

    leaves = tuple(under(root))

    def score(model: dict[str, Any], leaf: str) -> float:
        for cell in model["scores"].get(leaf, []):
            if cell["version"] == latest[leaf] and cell["value"] not in ("", "X", None):
                return min(1.0, max(0.0, float(cell["value"])))
        return float("nan")

    scores = np.array([[score(model, leaf) for leaf in leaves] for model in document["models"]])
    return Table(root, children, leaves, tuple(m["id"] for m in document["models"]), scores)


def cleaned(table: Table) -> Table:
    """Leaves with at most half of the scores missing, then models without a gap; the tree is pruned."""
    gaps = np.isnan(table.scores)
    columns = np.flatnonzero(gaps.mean(axis=0) <= 0.5)
    rows = np.flatnonzero(~gaps[:, columns].any(axis=1))
    kept = {table.leaves[j] for j in columns}

    def lives(node: str) -> bool:
        return any(map(lives, table.children[node])) if node in table.children else node in kept

    pruned = {n: tuple(c for c in below if lives(c)) for n, below in table.children.items()}
    return Table(
        table.root,
        {n: below for n, below in pruned.items() if below},
        tuple(table.leaves[j] for j in columns),
        tuple(table.ids[i] for i in rows),
        table.scores[np.ix_(rows, columns)],
    )


def r9(x: npt.ArrayLike) -> Floats:
    return np.round(np.asarray(x, dtype=float), 9)


def by_column(function: Callable[[Floats], Floats], scores: Floats) -> Floats:
    return np.column_stack([function(column) for column in scores.T])


def rank(x: Floats) -> Floats:
    return stats.rankdata(r9(x))


def z(x: Floats) -> Floats:
    return np.zeros_like(x) if np.ptp(r9(x)) == 0 else (x - x.mean()) / x.std(ddof=1)


def normal(x: Floats) -> Floats:
    return stats.norm.ppf(rank(x) / (len(x) + 1))


def robust(x: Floats) -> Floats:
    spread = np.median(np.abs(x - np.median(x))) / stats.norm.ppf(0.75)
    return np.zeros_like(x) if r9(spread) == 0 else (x - np.median(x)) / spread


def min_max(x: Floats) -> Floats:
    return np.full_like(x, 0.5) if np.ptp(r9(x)) == 0 else (x - x.min()) / np.ptp(x)


def logit(x: Floats) -> Floats:
    clipped = np.clip(x, 0.001, 0.999)
    return np.log(clipped / (1 - clipped))


def wins(scores: Floats) -> npt.NDArray[np.int64]:
    values = r9(scores)
    return (values[:, None, :] > values[None, :, :]).sum(axis=2)


def borda(scores: Floats) -> Floats:
    ranks_from_top = by_column(lambda x: rank(-x), scores)
    return (len(scores) - ranks_from_top).sum(axis=1)


def copeland(beats: npt.NDArray[np.int64]) -> Floats:
    margins = np.sign(beats - beats.T)
    return (margins.sum(axis=1) + len(beats) - 1) / 2


def simpson(beats: npt.NDArray[np.int64]) -> Floats:
    margins = (beats - beats.T).astype(float)
    np.fill_diagonal(margins, np.inf)
    return margins.min(axis=1)


def schulze(beats: npt.NDArray[np.int64]) -> Floats:
    margins = beats - beats.T
    strength = np.maximum(margins, 0)
    for k in range(len(beats)):
        strength = np.maximum(strength, np.minimum(strength[:, [k]], strength[[k]]))
    return copeland(strength)


def component(x: Floats, like: Floats) -> Floats:
    centred = x - x.mean(axis=0)
    scores = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    return scores if scores @ (like - like.mean()) >= 0 else -scores


def frozen(table: Table, reference: Table, scale: Callable[[Floats, Floats], Floats]) -> Floats:
    columns = []
    for leaf, x in zip(table.leaves, table.scores.T, strict=True):
        norm = reference.scores[:, reference.leaves.index(leaf)]
        columns.append(scale(x, norm[~np.isnan(norm)]))
    return np.column_stack(columns)


def frozen_z(x: Floats, norm: Floats) -> Floats:
    return np.zeros_like(x) if np.ptp(r9(norm)) == 0 else (x - norm.mean()) / norm.std(ddof=1)


def frozen_normal(x: Floats, norm: Floats) -> Floats:
    below = (r9(norm)[None] < r9(x)[:, None]).sum(axis=1)
    equal = (r9(norm)[None] == r9(x)[:, None]).sum(axis=1)
    return stats.norm.ppf((below + equal / 2 + 0.5) / (len(norm) + 1))


def geometric(scores: Floats) -> Floats:
    return np.prod(np.maximum(scores, 0.0005) ** (1 / scores.shape[1]), axis=1)


def part_means(table: Table) -> Floats:
    return np.column_stack([table.scores[:, table.below(part)].mean(axis=1) for part in table.parts])


def part_components(table: Table) -> Floats:
    found = []
    for part in table.parts:
        x = table.scores[:, table.below(part)]
        found.append(component(x, by_column(z, x).mean(axis=1)))
    return np.column_stack(found)


Scheme = Callable[[Table, Table], Floats]
SCHEMES: dict[str, Scheme] = {
    "HIER": lambda t, _: t.scores @ t.weights(),
    "HIER_attempted": lambda t, _: t.scores @ t.weights(),
    "HIER_RANK": lambda t, _: by_column(rank, t.scores) @ t.weights(),
    "HIER_ZMEAN": lambda t, _: by_column(z, t.scores) @ t.weights(),
    "HIER_NORMAL": lambda t, _: by_column(normal, t.scores) @ t.weights(),
    "FLAT": lambda t, _: t.scores.mean(axis=1),
    "ZMEAN": lambda t, _: by_column(z, t.scores).mean(axis=1),
    "ROBUST_Z": lambda t, _: by_column(robust, t.scores).mean(axis=1),
    "MINMAX": lambda t, _: by_column(min_max, t.scores).mean(axis=1),
    "NORMAL": lambda t, _: by_column(normal, t.scores).mean(axis=1),
    "LOGIT": lambda t, _: by_column(logit, t.scores).mean(axis=1),
    "GEOMETRIC": lambda t, _: geometric(t.scores),
    "RANK": lambda t, _: by_column(rank, t.scores).mean(axis=1),
    "MEDIAN_RANK": lambda t, _: np.median(by_column(rank, t.scores), axis=1),
    "WIN_RATE": lambda t, _: (by_column(rank, t.scores) - 1).mean(axis=1) / (len(t.ids) - 1),
    "BORDA": lambda t, _: borda(t.scores),
    "COPELAND": lambda t, _: copeland(wins(t.scores)),
    "SIMPSON": lambda t, _: simpson(wins(t.scores)),
    "SCHULZE": lambda t, _: schulze(wins(t.scores)),
    "PC1": lambda t, _: component(by_column(z, t.scores), by_column(z, t.scores).mean(axis=1)),
    "DSEP": lambda t, _: part_means(t).mean(axis=1),
    "DSP_PCA": lambda t, _: part_components(t).mean(axis=1),
    "REF_ZMEAN": lambda t, ref: frozen(t, ref, frozen_z).mean(axis=1),
    "REF_NORMAL": lambda t, ref: frozen(t, ref, frozen_normal).mean(axis=1),
    "HIER_REF_NORMAL": lambda t, ref: frozen(t, ref, frozen_normal) @ t.weights(),
}


def competition(scores: Floats) -> list[int]:
    values = r9(scores)
    return [1 + int((values > v).sum()) for v in values]


def signs(scores: Floats) -> Floats:
    values = r9(scores)
    return np.sign(values[:, None] - values)


def changed_share(one: Floats, other: Floats) -> float:
    upper = np.triu_indices(len(one), 1)
    return float((signs(one)[upper] != signs(other)[upper]).mean())


def independence(scheme: Scheme, table: Table, reference: Table) -> tuple[float, int]:
    """Rate over every model removed and every pair of the others, and the worst spoiler."""
    n, before = len(table.ids), signs(scheme(table, reference))
    changes = []
    for gone in range(n):
        rest = [i for i in range(n) if i != gone]
        smaller = replace(table, ids=tuple(table.ids[i] for i in rest), scores=table.scores[rest])
        changes.append(int((signs(scheme(smaller, reference)) != before[np.ix_(rest, rest)]).sum()) // 2)
    worst = min(i for i, c in zip(table.ids, changes, strict=True) if c == max(changes))
    return sum(changes) / (n * (n - 1) * (n - 2) / 2), worst


def rescaled(table: Table, leaf: str, function: Callable[[Floats], Floats]) -> Table:
    scores = table.scores.copy()
    scores[:, table.leaves.index(leaf)] = function(scores[:, table.leaves.index(leaf)])
    return replace(table, scores=scores)


def cloned(table: Table, leaf: str) -> Table:
    children = {n: (*below, "clone") if leaf in below else below for n, below in table.children.items()}
    scores = np.column_stack([table.scores, table.scores[:, table.leaves.index(leaf)]])
    return replace(table, children=children, leaves=(*table.leaves, "clone"), scores=scores)


def mean_share(scheme: Scheme, table: Table, reference: Table, change: Callable[[Table, str], Table]) -> float:
    """Share of pairs whose sign changes, averaged over leaves; the reference is changed alike."""
    before = scheme(table, reference)
    return float(np.mean([changed_share(before, scheme(change(table, x), change(reference, x))) for x in table.leaves]))


def pareto(scheme: Scheme, table: Table, reference: Table) -> int:
    scores, values = r9(scheme(table, reference)), r9(table.scores)
    return sum(
        bool((values[i] >= values[k]).all() and (values[i] > values[k]).any() and scores[i] < scores[k])
        for i in range(len(values))
        for k in range(len(values))
    )


def monotonicity(scheme: Scheme, table: Table, reference: Table) -> int:
    before, falls = competition(scheme(table, reference)), 0
    for i, j in np.ndindex(*table.scores.shape):
        scores = table.scores.copy()
        scores[i, j] = min(1.0, scores[i, j] + 0.01)
        falls += competition(scheme(replace(table, scores=scores), reference))[i] > before[i]
    return falls


def paper(leaf: str) -> str:
    found = re.search(r"[A-Z][A-Za-z]+[0-9]{4}", leaf)
    return found.group() if found else leaf


def mean_correlations(table: Table) -> dict[str, float]:
    """Mean and median rho, share below zero, and the mean in which each pair of papers counts once."""
    rho, pairs = [], {}
    for i, j in combinations(range(len(table.leaves)), 2):
        one, other = rank(table.scores[:, i]), rank(table.scores[:, j])
        if np.ptp(one) == 0 or np.ptp(other) == 0:
            continue
        rho.append(np.corrcoef(one, other)[0, 1])
        papers = frozenset((paper(table.leaves[i]), paper(table.leaves[j])))
        if len(papers) == 2:
            pairs.setdefault(papers, []).append(rho[-1])
    found = {
        "mean": float(np.mean(rho)),
        "median": float(np.median(rho)),
        "negative_share": float((np.array(rho) < -1e-12).mean()),
    }
    if pairs:
        found["paper_balanced_mean"] = float(np.mean([np.mean(values) for values in pairs.values()]))
    return found


def variance_figures(table: Table) -> dict[str, Any]:
    """R², Shapley shares, weights and the eigenvalues' figures."""
    parts = np.column_stack([table.scores @ table.weights(part) for part in table.parts])
    average = parts.mean(axis=1)
    r2 = [np.corrcoef(part, average)[0, 1] ** 2 for part in parts.T]
    weights = (table.weights(table.parts[0]) + table.weights(table.parts[1])) / 2
    varied = np.ptp(r9(table.scores), axis=0) > 0
    values = np.linalg.eigvalsh(np.corrcoef(table.scores[:, varied].T))
    return {
        "r2": r2,
        "shapley": [(r2[0] + 1 - r2[1]) / 2, (r2[1] + 1 - r2[0]) / 2],
        "nominal": weights,
        "effective": [
            w * np.cov(x, average)[0, 1] / average.var(ddof=1) for w, x in zip(weights, table.scores.T, strict=True)
        ],
        "participation_ratio": values.sum() ** 2 / (values**2).sum(),
        "pc1_share": values.max() / values.sum(),
    }
