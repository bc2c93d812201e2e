"""The definitions of certainty once more, written for reading: plain loops over models, leaves and pairs."""

from __future__ import annotations

import itertools
import re
import statistics
from math import sqrt
from statistics import NormalDist

PAPER = re.compile(r"[A-Z][A-Za-z]+[0-9]{4}")


def paper_of(leaf):
    found = PAPER.search(leaf)
    return found.group() if found else leaf


def stratum_of(tree, leaf):
    path, node = [leaf], tree[leaf]
    while node.parent is not None:
        path.insert(0, node.parent)
        node = tree[node.parent]
    for above, below in itertools.pairwise(path):
        if PAPER.search(below) or below == leaf:
            return above
    return leaf


def nominal(tree, leaf):
    weight, node = 1.0, tree[leaf]
    while node.parent is not None:
        weight /= sum(other.parent == node.parent for other in tree.nodes)
        node = tree[node.parent]
    return weight


def covariance(one, other):
    return statistics.covariance(one, other) if len(one) > 1 else 0.0


def units(board, weights):
    """Stratum to paper to columns."""
    found = {}
    for j, leaf in enumerate(board.leaves):
        if weights[j] > 0:
            found.setdefault(stratum_of(board.tree, leaf), {}).setdefault(paper_of(leaf), []).append(j)
    return found


def unit_means(rows, weights, columns):
    """One value a model: None where the scored leaves carry less than half of the unit's weight."""
    whole, means = sum(weights[j] for j in columns), []
    for row in rows:
        scored = [j for j in columns if row[j] == row[j]]
        carried = sum(weights[j] for j in scored)
        enough = carried >= whole / 2 - 1e-9
        means.append(sum(weights[j] * row[j] for j in scored) / carried if enough else None)
    return means


def variance_between(means):
    """v of a stratum with several papers, and the mean variance of its units."""
    own = statistics.mean(covariance(m, m) for m in means)
    shared = statistics.mean(covariance(a, b) for a, b in itertools.permutations(means, 2))
    return max(own - shared, 0.0), own


def certainty(board, rows, weights):
    """Reliability and what follows from it: a dictionary, or None where nothing is estimable."""
    weights = [float(w) for w in weights]
    rows = [[float(x) for x in row] for row in rows]
    found = units(board, weights)
    means = {r: [unit_means(rows, weights, c) for c in papers.values()] for r, papers in found.items()}
    between = {r: variance_between(m) for r, m in means.items() if len(m) > 1}
    shares = [v / own for v, own in between.values() if own > 1e-20]
    if not shares:
        return None
    pooled = statistics.mean(shares)
    error = 0.0
    for r, papers in found.items():
        w = sum(weights[j] for columns in papers.values() for j in columns)
        v = between[r][0] if r in between else pooled * covariance(means[r][0], means[r][0])
        error += sum(v * sum(weights[j] for j in columns) ** 2 for columns in papers.values()) * (w / w)
    h = [sum(w * x for w, x in zip(weights, row, strict=True)) for row in rows]
    variance = covariance(h, h)
    reliability = max(0.0, 1 - error / variance)
    pairs = list(itertools.combinations(h, 2))
    z = NormalDist().inv_cdf(0.975)
    apart = z * sqrt(2) * sqrt(error) / sqrt(reliability) if reliability else float("inf")
    return {
        "scores": h,
        "pooled": pooled,
        "reliability": reliability,
        "standard_error": sqrt(error),
        "told_apart_from": apart,
        "told_apart_share": sum(abs(a - b) >= apart for a, b in pairs) / len(pairs),
        "posterior_sd": sqrt(reliability * (1 - reliability) * variance),
    }
