"""Board: the score matrix that cleaning, aggregation and analysis work on."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..arrays import BoolArray, FloatArray, StateArray, frozen
from ..errors import BoardError, InputError
from ..text import counted
from .official import CellState
from .tree import Benchmark, BenchmarkTree, node_means, paper

if TYPE_CHECKING:
    from .cleaning import Cleaning
    from .snapshot import Snapshot


_CELL_DTYPES = {"scores": float, "states": np.int8, "errors": float}


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
        Their ids are unique.
    tree : BenchmarkTree
        Its leaves are exactly `leaves`, in the same order.
    leaves : tuple of str, length m
        Type ids, in the order of the columns.
    scores : ndarray of float, shape (n, m)
        Ceiled scores capped to [0, 1]; NaN where missing. Cells that a rule has filled may lie just
        below the lowest score.
    states : ndarray of int8, shape (n, m)
        `CellState` of each cell.
    errors : ndarray of float, shape (n, m)
        Published errors, NaN where there is none; their meaning differs by benchmark.
    snapshot : Snapshot, optional
        The snapshot of which this is the whole ranked board; its times allow `as_of`.

    See Also
    --------
    load : Read a board from a file.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"V1-pls": [0.2, 0.3], "i2n": [0.4, None]}, index=["alexnet", "vgg"])
    >>> Board.from_frame(table, groups={"V1-pls": "neural", "i2n": "behavior"})
    <Board table: 2 models × 2 benchmarks, 25 % missing>
    """

    domain: str
    models: tuple[Model, ...]
    tree: BenchmarkTree
    leaves: tuple[str, ...]
    scores: FloatArray
    states: StateArray
    errors: FloatArray
    snapshot: Snapshot | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        shape = (len(self.models), len(self.leaves))
        for name, dtype in _CELL_DTYPES.items():
            array = frozen(getattr(self, name), dtype)
            if array.shape != shape:
                raise BoardError(
                    f"{name} has the shape {array.shape}; {shape[0]} models × {shape[1]} leaves were named"
                )
            object.__setattr__(self, name, array)
        self._check_names()
        # The tree is asked for the leaves' kinds on few boards only, because an audit makes thousands of boards.
        if not ((self.scores < 0) | (self.scores > 1)).any():
            return
        # Engineering scores have no cap, and cells that a rule has filled may lie just below the lowest score.
        limited = np.array([not self.tree[leaf].is_engineering for leaf in self.leaves], dtype=bool)
        above = limited & (self.scores > 1)
        outside = (self.scores < 0) & (self.states == CellState.SCORED) & limited | above | np.isinf(self.scores)
        if outside.any():
            row, column = np.argwhere(outside)[0]
            raise BoardError(
                f"model {self.models[row].id} has the score {self.scores[row, column]} on {self.leaves[column]!r}; "
                "scores are ceiled and capped to [0, 1], or NaN where missing"
            )

    def _check_names(self) -> None:
        ids = self.ids
        if len(set(ids)) != len(ids):
            twice = next(i for k, i in enumerate(ids) if i in ids[:k])
            raise BoardError(f"the model id {twice} occurs twice on the board; the id is the key of a model")
        own = self.tree.leaves()
        if self.leaves != own:
            odd = next((leaf for leaf in (*self.leaves, *own) if (leaf in own) != (leaf in self.leaves)), None)
            what = "are in another order" if odd is None else f"differ, for example in {odd!r}"
            raise BoardError(
                f"the {len(self.leaves)} leaves of the board and the {len(own)} of its tree {what}; name the tree's "
                "leaves in its order, `tree.leaves()`"
            )

    @classmethod
    def from_frame(
        cls, frame: pd.DataFrame, groups: Mapping[str, str] | None = None, *, domain: str = "table"
    ) -> Board:
        """Make a board of a table: a row a model, a column a benchmark.

        Models are numbered from 1; missing scores are NEVER run.

        Parameters
        ----------
        frame : DataFrame, shape (n, m)
            Scores in [0, 1] by the models' names; NaN where a benchmark was not run.
        groups : dict of str to str, optional
            Path of each benchmark's group, ``"neural"`` or ``"neural/V1/Paper2020"``. Without it, columns that are
            paths (``"neural/V1/V1-pls"``) or of several levels name their groups.
        domain : str
            Name of the leaderboard: small letters, digits and ``_``.

        Returns
        -------
        Board

        Raises
        ------
        BoardError
            If the table is no board; the message names the cell and the next step.

        See Also
        --------
        load : Read a table from a file.

        Examples
        --------
        >>> import pandas as pd
        >>> Board.from_frame(pd.DataFrame({"a": [.1, .2], "b": [.3, .4]}, index=["x", "y"]))
        <Board table: 2 models × 2 benchmarks, 0 % missing>
        """
        from .snapshot import Snapshot

        return Snapshot.from_frame(frame, groups, domain=domain).board()

    def __repr__(self) -> str:
        missing = float(np.isnan(self.scores).mean()) if self.scores.size else 0.0
        known = self.snapshot
        day = f" {known.as_of_time:%Y-%m-%d}" if known is not None and known.dated else ""
        return (
            f"<Board {self.domain}{day}: {counted(len(self.models), 'model')} × "
            f"{counted(len(self.leaves), 'benchmark')}, {100 * missing:.0f} % missing>"
        )

    def _repr_html_(self) -> str:
        """Return the table that notebooks show."""
        return f"<p>{html.escape(repr(self))}</p>{self.to_frame(names=True).to_html(max_rows=20, max_cols=12)}"

    def to_frame(self, *, names: bool = False, states: bool = False) -> pd.DataFrame:
        """Return the scores as a table.

        Parameters
        ----------
        names : bool
            Index the rows by name and id instead of the id alone: names repeat.
        states : bool
            Return SCORED, FAILED or NEVER instead of the scores.

        Returns
        -------
        DataFrame, shape (n, m)

        See Also
        --------
        Board.clean : Only complete rows.

        Examples
        --------
        >>> import pandas as pd
        >>> board = Board.from_frame(pd.DataFrame({"a": [.1, None]}, index=["x", "y"]).assign(b=.5))
        >>> board.to_frame(states=True)["a"].tolist()
        ['SCORED', 'NEVER']
        """
        index: pd.Index = pd.Index(self.ids, name="id")
        if names:
            shown = [model.name for model in self.models]
            index = pd.MultiIndex.from_arrays([shown, self.ids], names=["model", "id"])
        if not states:
            return pd.DataFrame(self.scores, index=index, columns=list(self.leaves))
        words = np.array([state.name for state in sorted(CellState)], dtype=object)
        return pd.DataFrame(words[self.states], index=index, columns=list(self.leaves))

    def as_of(self, moment: str | date | datetime) -> Board:
        """Return the board of an earlier moment.

        Parameters
        ----------
        moment : str, date or datetime
            A string as ``2023-01-01``; without a time zone it is UTC.

        Returns
        -------
        Board

        Raises
        ------
        BoardError
            If the board does not say when its scores were made.
        InputError
            If the string is no date.
        SnapshotError
            If the moment is later than the board.

        See Also
        --------
        timeline : Figures over time.

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> ba.example().as_of("2023-01-01")
        <Board vision 2023-01-01: 14 models × 8 benchmarks, 4 % missing>
        """
        if self.snapshot is None or not self.snapshot.dated:
            raise BoardError(
                "this board does not say when its scores were made, so that its past is unknown; load the site's JSON "
                "or an exported snapshot"
            )
        if isinstance(moment, str):
            try:
                moment = datetime.fromisoformat(moment)
            except ValueError:
                raise InputError(f"{moment!r} is no date; write it as '2023-01-01'") from None
        if not isinstance(moment, date):
            raise InputError(f"{moment!r} is no date; write it as '2023-01-01'")
        return self.snapshot.as_of(moment).whole_board()

    def clean(self, max_missing: float = 0.5) -> Cleaning:
        """Drop sparse benchmarks, then models with a missing score.

        Parameters
        ----------
        max_missing : float
            Largest share of missing scores with which a benchmark is kept, in [0, 1].

        Returns
        -------
        Cleaning
            The complete board, and as ``log`` why each benchmark and model was dropped.

        Raises
        ------
        InputError
            If the share is out of range.

        See Also
        --------
        agreement : Correlate the benchmarks of the cleaned board.

        References
        ----------
        Ahlert, Klein, Wichmann, Geirhos (2024), *How aligned are different alignment metrics?*, arXiv 2407.07530.

        Examples
        --------
        >>> import pandas as pd
        >>> board = Board.from_frame(pd.DataFrame({"a": [.1, None], "b": [.3, .4]}, index=["x", "y"]))
        >>> board.clean().log.to_frame()[["kind", "name", "reason"]].values.tolist()
        [['model', 'y', 'NEVER run on a']]
        """
        from .cleaning import clean

        return clean(self, max_missing)

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
        """Part (neural or behavioural node) of each leaf, None if neither."""
        paths = [self.tree.path(leaf) for leaf in self.leaves]
        return tuple(next((part for part in self.parts if part in path), None) for path in paths)

    @cached_property
    def papers(self) -> dict[str, list[int]]:
        """Columns of the leaves of each paper, in the order of its first leaf."""
        found: dict[str, list[int]] = {}
        for j, leaf in enumerate(self.leaves):
            found.setdefault(paper(leaf), []).append(j)
        return found

    @property
    def complete(self) -> bool:
        """True if no score is missing."""
        return not bool(np.isnan(self.scores).any())

    @cached_property
    def scored_leaves(self) -> BoolArray:
        """True for each leaf on which any model has a score, filled cells apart; shape (m,)."""
        return (self.states == CellState.SCORED).any(axis=0)

    def take(self, rows: Sequence[int] | None = None, columns: Sequence[int] | None = None) -> Board:
        """Select rows, in the given order, and columns, which stay in the tree's order; the tree is pruned to these."""
        r = np.arange(len(self.models)) if rows is None else np.asarray(rows, dtype=np.int64)
        c = np.arange(len(self.leaves))
        c = c if columns is None else np.unique(c[np.asarray(columns, dtype=np.int64)])
        leaves = tuple(self.leaves[j] for j in c)
        return replace(
            self,
            models=tuple(self.models[i] for i in r),
            tree=self.tree if columns is None else self.tree.pruned(leaves),
            leaves=leaves,
            snapshot=None,
            **{name: getattr(self, name)[np.ix_(r, c)] for name in _CELL_DTYPES},
        )

    def scores_on(self, leaves: Sequence[str]) -> FloatArray:
        """Return the columns of the given leaves in their order, such as that of another board; shape (n, number)."""
        column = {leaf: j for j, leaf in enumerate(self.leaves)}
        return self.scores[:, [column[leaf] for leaf in leaves]]

    def with_copies(self, copies: Mapping[str, Sequence[str]]) -> Board:
        """Return the board on which each named leaf is followed by copies of it, siblings under the given type ids."""
        nodes: list[Benchmark] = []
        for node in self.tree.nodes:
            nodes.append(node)
            nodes.extend(replace(node, type_id=copy) for copy in copies.get(node.type_id, ()))
        columns = [j for j, leaf in enumerate(self.leaves) for _ in range(1 + len(copies.get(leaf, ())))]
        return replace(
            self,
            tree=BenchmarkTree(tuple(nodes)),
            leaves=tuple(name for leaf in self.leaves for name in (leaf, *copies.get(leaf, ()))),
            snapshot=None,
            **{name: getattr(self, name)[:, columns] for name in _CELL_DTYPES},
        )

    def node_scores(self) -> FloatArray:
        """Compute the recursive means at every node, shape (n, nodes); missing leaves are left out."""
        values = np.full((len(self.models), len(self.tree.nodes)), np.nan)
        values[:, [self.tree.index[leaf] for leaf in self.leaves]] = self.scores
        return node_means(self.tree, values)

    def part_scores(self) -> dict[str, FloatArray]:
        """Compute the tree means of the parts of a complete board, and ``average``, their mean if there are both."""
        means = self.node_scores()
        found = {part: means[:, self.tree.index[part]] for part in self.parts if part in self.tree}
        if len(found) == len(self.parts):
            found["average"] = np.mean(list(found.values()), axis=0)
        return found
