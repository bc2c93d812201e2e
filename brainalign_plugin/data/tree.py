"""Benchmark tree: the group of each benchmark, and means over groups."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np

from ..arrays import BoolArray, FloatArray, IntArray
from ..errors import SnapshotError
from ..text import brief

# Limit for recursive functions; the site's tree has five levels.
MAX_LEVELS = 100
_PAPER = re.compile(r"[A-Z][A-Za-z]+[0-9]{4}")


@dataclass(frozen=True, slots=True)
class BenchmarkVersion:
    """Version of a benchmark, and the window in which it counted on the site (UTC; open ends are None)."""

    version: int
    identifier: str
    valid_from: datetime | None = None
    valid_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A node of the tree: a leaf is a benchmark that is run, every other node is a group."""

    type_id: str  # Identifier, the key of the tree
    parent: str | None  # Type id of the group that it is in; None for a root
    is_leaf: bool
    is_engineering: bool = False
    # Names that the site shows
    label: str = ""
    display_domain: str = ""
    versions: tuple[BenchmarkVersion, ...] = ()

    @property
    def version(self) -> int:
        """Latest version: the only one that counts in the official aggregate (0 for a group)."""
        return max((v.version for v in self.versions), default=0)


@dataclass(frozen=True)
class BenchmarkTree:
    """Benchmarks in the order of their source, each naming its parent; no cycle, no more than 100 levels."""

    __repr__ = brief

    nodes: tuple[Benchmark, ...]

    def __post_init__(self) -> None:
        if len(self.index) != len(self.nodes):
            first: dict[str, int] = {}
            repeated = next(n.type_id for i, n in enumerate(self.nodes) if first.setdefault(n.type_id, i) != i)
            raise SnapshotError(f"benchmark {repeated!r} occurs twice in the tree; a benchmark's type id is its key")
        for node in self.nodes:
            if node.parent is None:
                continue
            if node.parent not in self.index:
                raise SnapshotError(
                    f"benchmark {node.type_id!r} names the parent {node.parent!r}, which is not in the tree"
                )
            if self.nodes[self.index[node.parent]].is_leaf:
                raise SnapshotError(f"benchmark {node.parent!r} is a leaf but has the child {node.type_id!r}")
        if len(self.bottom_up) != len(self.nodes):
            looped = sorted(set(range(len(self.nodes))) - set(self.bottom_up.tolist()))
            raise SnapshotError(
                f"benchmark {self.nodes[looped[0]].type_id!r} is its own ancestor; the tree has a cycle"
            )
        level: dict[str | None, int] = {None: 0}
        for i in self.bottom_up[::-1].tolist():
            node = self.nodes[i]
            level[node.type_id] = level[node.parent] + 1
            if level[node.type_id] > MAX_LEVELS:
                raise SnapshotError(
                    f"benchmark {node.type_id!r} lies more than {MAX_LEVELS} levels deep; a leaderboard has about five"
                )

    @cached_property
    def index(self) -> dict[str, int]:
        """Position of each benchmark in `nodes`."""
        return {node.type_id: i for i, node in enumerate(self.nodes)}

    @cached_property
    def child_positions(self) -> tuple[tuple[int, ...], ...]:
        """Positions of the children of each node, in the order of the source."""
        children: list[list[int]] = [[] for _ in self.nodes]
        for i, node in enumerate(self.nodes):
            if node.parent is not None:
                children[self.index[node.parent]].append(i)
        return tuple(tuple(c) for c in children)

    @cached_property
    def bottom_up(self) -> IntArray:
        """Positions ordered so that every node comes after all its children."""
        order: list[int] = []
        stack = [i for i, node in enumerate(self.nodes) if node.parent is None]
        while stack:
            i = stack.pop()
            order.append(i)
            stack.extend(self.child_positions[i])
        return np.array(order[::-1], dtype=np.int64)

    def __contains__(self, type_id: object) -> bool:
        return type_id in self.index

    def __getitem__(self, type_id: str) -> Benchmark:
        try:
            return self.nodes[self.index[type_id]]
        except KeyError:
            raise SnapshotError(f"there is no benchmark {type_id!r} in this tree of {len(self.nodes)} nodes") from None

    @cached_property
    def engineering(self) -> BoolArray:
        """True for each engineering benchmark, whose scores have no cap."""
        return np.array([node.is_engineering for node in self.nodes], dtype=bool)

    @cached_property
    def groups(self) -> BoolArray:
        """True for each node that is no leaf."""
        return np.array([not node.is_leaf for node in self.nodes], dtype=bool)

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """Type ids of the nodes without a parent."""
        return tuple(node.type_id for node in self.nodes if node.parent is None)

    def children(self, type_id: str) -> tuple[str, ...]:
        """Return the type ids of a node's children."""
        return tuple(self.nodes[i].type_id for i in self.child_positions[self.index[self[type_id].type_id]])

    def leaves(self, root: str | None = None) -> tuple[str, ...]:
        """Return the type ids of the leaves below ``root`` (of the whole tree if None), in depth-first order."""
        if root not in self._leaves:
            stack = list(reversed(self.roots)) if root is None else [self[root].type_id]
            found: list[str] = []
            while stack:
                node = self[stack.pop()]
                if node.is_leaf:
                    found.append(node.type_id)
                stack.extend(reversed(self.children(node.type_id)))
            self._leaves[root] = tuple(found)
        return self._leaves[root]

    @cached_property
    def _leaves(self) -> dict[str | None, tuple[str, ...]]:
        """Cache of `leaves`, because an audit makes thousands of boards on one tree."""
        return {}

    def path(self, type_id: str) -> tuple[str, ...]:
        """Return the type ids from the root down to the node itself."""
        return self._paths[self[type_id].type_id]

    @cached_property
    def _paths(self) -> dict[str | None, tuple[str, ...]]:
        found: dict[str | None, tuple[str, ...]] = {None: ()}
        for i in self.bottom_up[::-1]:
            node = self.nodes[i]
            found[node.type_id] = (*found[node.parent], node.type_id)
        return found

    def pruned(self, leaves: Collection[str], root: str | None = None) -> BenchmarkTree:
        """Keep the given leaves and their ancestors, up to ``root`` if one is given."""
        kept: set[str] = set()
        for leaf in leaves:
            path = self.path(leaf)
            if not self[leaf].is_leaf:
                raise SnapshotError(f"benchmark {leaf!r} is a group, not a leaf; prune to leaves")
            if root is not None and root not in path:
                raise SnapshotError(f"benchmark {leaf!r} is not below {root!r}; prune to leaves of that node")
            kept.update(path if root is None else path[path.index(root) :])
        nodes = (node for node in self.nodes if node.type_id in kept)
        return BenchmarkTree(tuple(replace(n, parent=None) if n.type_id == root else n for n in nodes))

    def nominal_weights(self, leaves: Sequence[str], root: str) -> FloatArray:
        """Compute the weight of leaves in the recursive mean at ``root``: the product of 1 / children; 0 outside it."""
        weights = np.zeros(len(leaves))
        for i, leaf in enumerate(leaves):
            path = self.path(leaf)
            if root in path:
                groups = path[path.index(root) : -1]
                weights[i] = np.prod([1 / len(self.child_positions[self.index[g]]) for g in groups])
        return weights


def paper(type_id: str) -> str:
    """Return the paper of a benchmark, e.g. ``Marques2020``; the whole identifier if it names none."""
    match = _PAPER.search(type_id)
    return match.group() if match else type_id


def names_paper(type_id: str) -> bool:
    """Return whether an identifier names a paper."""
    return _PAPER.search(type_id) is not None


def node_means(tree: BenchmarkTree, values: FloatArray) -> FloatArray:
    """Compute recursive means: every group becomes the mean of its children that are not NaN. Shape (n, k)."""
    means: FloatArray = np.array(values, dtype=np.float64)
    for i in tree.bottom_up:
        if tree.nodes[i].is_leaf:
            continue
        below = means[:, list(tree.child_positions[i])]
        present = ~np.isnan(below)
        count = present.sum(axis=1)
        total = np.where(present, below, 0.0).sum(axis=1)
        means[:, i] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means
