"""Board: the score matrix that cleaning, aggregation and analysis work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import pandas as pd

from .arrays import BoolArray, FloatArray, StateArray, frozen
from .errors import BoardError
from .official import CellState
from .tree import BenchmarkTree, node_means


@dataclass(frozen=True, slots=True)
class Model:
    """A model on the leaderboard. The id is the key: names repeat."""

    id: int
    name: str
    submitted_at: datetime | None = None
    published_rank: int | None = None


@dataclass(frozen=True, eq=False)
class Board:
    """Scores of ``n`` models on ``m`` leaves, with the tree pruned to these leaves.

    Attributes
    ----------
    domain : str
        ``vision`` or ``language``.
    models : tuple of Model, length n
    tree : BenchmarkTree
        Its leaves are exactly `leaves`.
    leaves : tuple of str, length m
        Type ids, in the order of the columns.
    scores : ndarray of float, shape (n, m)
        Ceiled scores capped to [0, 1]; NaN where missing.
    states : ndarray of int8, shape (n, m)
        `CellState` of each cell.
    errors : ndarray of float, shape (n, m)
        Published errors, NaN where there is none; what they mean differs by benchmark.
    """

    domain: str
    models: tuple[Model, ...]
    tree: BenchmarkTree
    leaves: tuple[str, ...]
    scores: FloatArray
    states: StateArray
    errors: FloatArray

    def __post_init__(self) -> None:
        shape = (len(self.models), len(self.leaves))
        for name, dtype in (("scores", float), ("states", np.int8), ("errors", float)):
            array = frozen(getattr(self, name), dtype)
            if array.shape != shape:
                raise BoardError(
                    f"{name} has the shape {array.shape}; {shape[0]} models × {shape[1]} leaves were named"
                )
            object.__setattr__(self, name, array)
        if np.isinf(self.scores).any():
            row, column = np.argwhere(np.isinf(self.scores))[0]
            raise BoardError(
                f"model {self.models[row].id} has the score {self.scores[row, column]} on {self.leaves[column]!r}; "
                "scores are finite, or NaN where missing"
            )

    @property
    def parts(self) -> tuple[str, str]:
        """The neural and the behavioural node (either may be absent from the tree)."""
        return f"neural_{self.domain}", f"behavior_{self.domain}"

    @cached_property
    def ids(self) -> tuple[int, ...]:
        """Model ids in the order of the rows."""
        return tuple(model.id for model in self.models)

    @cached_property
    def leaf_parts(self) -> tuple[str | None, ...]:
        """For each leaf the part (neural or behavioural node) that it lies under, None if neither."""
        paths = [self.tree.path(leaf) for leaf in self.leaves]
        return tuple(next((part for part in self.parts if part in path), None) for path in paths)

    @property
    def complete(self) -> bool:
        """Whether no score is missing."""
        return not bool(np.isnan(self.scores).any())

    @cached_property
    def scored_leaves(self) -> BoolArray:
        """Whether any model has a score on a leaf, whatever a rule has filled its missing cells with; shape (m,)."""
        scored: BoolArray = (self.states == CellState.SCORED).any(axis=0)
        return scored

    def take(self, rows: Sequence[int] | None = None, columns: Sequence[int] | None = None) -> Board:
        """Select rows and columns by position; the tree is pruned to the kept leaves."""
        r = np.arange(len(self.models)) if rows is None else np.asarray(rows, dtype=np.int64)
        c = np.arange(len(self.leaves)) if columns is None else np.asarray(columns, dtype=np.int64)
        leaves = tuple(self.leaves[j] for j in c)
        return Board(
            domain=self.domain,
            models=tuple(self.models[i] for i in r),
            tree=self.tree if columns is None else self.tree.pruned(leaves),
            leaves=leaves,
            scores=self.scores[np.ix_(r, c)],
            states=self.states[np.ix_(r, c)],
            errors=self.errors[np.ix_(r, c)],
        )

    def node_scores(self, missing_as: float | None = None) -> FloatArray:
        """Recursive means at every node of the tree.

        Parameters
        ----------
        missing_as : float, optional
            Value that missing leaves take; if None they are left out of the means.

        Returns
        -------
        ndarray, shape (n, number of tree nodes)
            In the order of ``tree.nodes``.
        """
        values = np.full((len(self.models), len(self.tree.nodes)), np.nan)
        filled = (
            self.scores if missing_as is None else np.where(np.isnan(self.scores), missing_as, self.scores)
        )
        values[:, [self.tree.index[leaf] for leaf in self.leaves]] = filled
        return node_means(self.tree, values)

    def part_scores(self) -> dict[str, FloatArray]:
        """Tree means of the neural and the behavioural part and of ``average``, the mean of the two.

        Defined on a complete board. A part without leaves is left out, and then so is ``average``.
        """
        means = self.node_scores()
        found = {part: means[:, self.tree.index[part]] for part in self.parts if part in self.tree}
        if len(found) == len(self.parts):
            found["average"] = np.mean(list(found.values()), axis=0)
        return found

    def frame(self) -> pd.DataFrame:
        """Scores as a table: one row a model (indexed by id), one column a leaf."""
        return pd.DataFrame(self.scores, index=pd.Index(self.ids, name="model"), columns=list(self.leaves))
