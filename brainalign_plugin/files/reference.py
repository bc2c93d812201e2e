"""Frozen reference boards: norms that do not depend on the board that is scored with them.

A reference is a snapshot with a name and the moment of freezing; the norms are computed from it, never stored.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

import numpy as np

from ..arrays import FloatArray, frozen
from ..data.board import Board
from ..data.snapshot import Snapshot
from ..errors import ReferenceBoardError
from ..scales import rounded
from ..text import first_few
from .snapshot_file import VERSION, snapshot_bytes

FORMAT = "brainalign-reference"
GIVEN_BOARD = "given-board"
# For norms at all; those of a new reference need more, because few scores leave a mean and an sd mostly to chance.
MIN_SCORES, NEW_MIN_SCORES = 2, 30
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, eq=False)
class LeafNorms:
    """Norms of one leaf: its SCORED cells on the reference board."""

    values: FloatArray  # Shape (c,); the scores, ascending

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", frozen(np.sort(self.values), float))

    @property
    def count(self) -> int:
        """Number of scores."""
        return len(self.values)

    @cached_property
    def mean(self) -> float:
        """Mean score; NaN without any."""
        return float(self.values.mean()) if self.count else float("nan")

    @cached_property
    def sd(self) -> float:
        """Standard deviation with n - 1; 0 if all scores are equal to nine decimals, NaN for fewer than two."""
        if not self.usable:
            return float("nan")
        return 0.0 if self.constant else float(self.values.std(ddof=1))

    @property
    def usable(self) -> bool:
        """True if there are at least two scores."""
        return self.count >= MIN_SCORES

    @property
    def constant(self) -> bool:
        """True if there are norms, and all scores are equal to nine decimals."""
        return self.usable and bool(np.ptp(rounded(self.values)) == 0)


@dataclass(frozen=True, eq=False)
class Reference:
    """A frozen reference board.

    Attributes
    ----------
    name : str
    frozen_at : datetime
        Time of freezing, UTC.
    snapshot : Snapshot
        Frozen snapshot, complete.
    board : Board
        The leaves under the ranked aggregate but for those left out, with all models of the snapshot.
    left_out : tuple of str
        Leaves of the snapshot without norms, because too few models have a score.
    variant : str
        Change that an audit made; such a reference is never written.

    See Also
    --------
    freeze : Make it.
    place : Place a model on it.

    Examples
    --------
    >>> import brainalign_plugin as ba
    >>> len(ba.freeze(ba.example(), "base").norms)
    8
    """

    name: str
    frozen_at: datetime
    snapshot: Snapshot
    board: Board
    left_out: tuple[str, ...] = ()
    variant: str = ""

    @cached_property
    def norms(self) -> Mapping[str, LeafNorms]:
        """Norms of every leaf of `board`."""
        columns = zip(self.board.leaves, self.board.scores.T, strict=True)
        return {leaf: LeafNorms(column[~np.isnan(column)]) for leaf, column in columns}

    def __repr__(self) -> str:
        return f"<Reference {self.name!r}: {self.snapshot!r}>"

    def _repr_html_(self) -> str:
        """Return the board below the name, as notebooks show it."""
        return f"<p>{html.escape(repr(self))}</p>{self.board._repr_html_()}"

    @property
    def domain(self) -> str:
        """``vision`` or ``language``."""
        return self.board.domain

    @property
    def as_of(self) -> datetime:
        """Moment that the frozen board describes."""
        return self.snapshot.as_of_time

    @cached_property
    def sha256(self) -> str:
        """Hash of the reference's JSON document before compression."""
        return hashlib.sha256(document(self)).hexdigest()

    @property
    def is_given_board(self) -> bool:
        """True if it has no name, because the ranked board itself was frozen."""
        return self.name == GIVEN_BOARD

    @property
    def called(self) -> str:
        """Name in a sentence."""
        if not self.is_given_board:
            return f"the reference {self.name!r}"
        return f"the board as of {self.as_of:%Y-%m-%d}" if self.snapshot.dated else "the given board"

    @property
    def description(self) -> str:
        """Source of the norms, in one line."""
        board = f"{len(self.board.models)} models, {self.domain}"
        board += f" as of {self.as_of:%Y-%m-%d}" * self.snapshot.dated
        board += ", reconstructed" * self.snapshot.reconstructed + ", SIMULATED" * self.snapshot.simulated
        if self.is_given_board:
            return f"no reference was named: norms frozen on the whole given board ({board})"
        return f"reference {self.name} ({board}; frozen {self.frozen_at:%Y-%m-%d}, sha256 {self.sha256[:12]})"

    def check(self, board: Board) -> None:
        """Check that there are norms for every leaf on which a board has a score, else ReferenceBoardError."""
        if board.domain != self.domain:
            raise ReferenceBoardError(
                f"the reference {self.name!r} is of the domain {self.domain!r} and the board of {board.domain!r}; "
                "pass a reference of that domain"
            )
        scored = ~np.isnan(board.scores).all(axis=0)
        needed = [leaf for leaf, some in zip(board.leaves, scored.tolist(), strict=True) if some]
        absent = [leaf for leaf in needed if leaf not in self.norms]
        if absent:
            known = [leaf for leaf in absent if leaf in self.left_out]
            why = f" ({first_few(known)} was left out for too few scores)" if known else ""
            raise ReferenceBoardError(
                f"the reference {self.name!r} lacks {first_few([*map(repr, absent)])}{why}; {self._remedy}"
                f"{_or_without(absent, board)}"
            )
        sparse = [leaf for leaf in needed if not self.norms[leaf].usable]
        if sparse:
            counts = first_few([f"{leaf!r} ({self.norms[leaf].count})" for leaf in sparse])
            raise ReferenceBoardError(
                f"the reference {self.name!r} has too few scores on {counts}, because norms need at least "
                f"{MIN_SCORES}; {self._remedy}{_or_without(sparse, board)}"
            )

    def scores_on(self, leaves: Sequence[str]) -> FloatArray:
        """Return the frozen scores on the given leaves, one column a leaf; NaN where the reference lacks it."""
        column = {leaf: j for j, leaf in enumerate(self.board.leaves)}
        scores = np.full((len(self.board.models), len(leaves)), np.nan)
        for k, leaf in enumerate(leaves):
            if leaf in column:
                scores[:, k] = self.board.scores[:, column[leaf]]
        return scores

    @property
    def _remedy(self) -> str:
        if self.is_given_board:
            return "pass a reference that has it"
        return "freeze a board that has it: freeze(board, name)"

    def saturation(self, board: Board) -> str:
        """Report how many scores of a board lie beyond the reference's on their leaf; empty if none does."""
        shared = [leaf for leaf in board.leaves if leaf in self.norms and self.norms[leaf].usable]
        scores = rounded(board.scores_on(shared))
        ends = rounded(np.array([self.norms[leaf].values[[0, -1]] for leaf in shared]).reshape(-1, 2))
        above, below = int((scores > ends[:, 1]).sum()), int((scores < ends[:, 0]).sum())
        if not above + below:
            return ""
        return (
            f"{above:,} of {int((~np.isnan(scores)).sum()):,} scores lie above the reference's highest and {below:,} "
            "below its lowest, where normal scores go no further"
        )

    def notes(self, board: Board) -> tuple[str, ...]:
        """Return warnings about these norms on a board: constant benchmarks, other versions, scores beyond them."""
        shared = [leaf for leaf in board.leaves if leaf in self.norms]
        found = [
            f"{leaf} is constant on the reference, so its z is 0 for every model"
            for leaf in shared
            if self.norms[leaf].constant
        ]
        for leaf in shared:
            mine, theirs = self.board.tree[leaf].version, board.tree[leaf].version
            if mine != theirs:
                found.append(f"{leaf} has version {mine} on the reference and version {theirs} on the board")
        return (*found, *filter(None, [self.saturation(board)]))

    def transformed(self, leaf: str, function: Callable[[FloatArray], FloatArray]) -> Reference:
        """Apply a function to all scores on one leaf; the norms of the others stay."""
        self._check_has(leaf)
        column = self.board.leaves.index(leaf)
        scores = np.array(self.board.scores)
        scores[:, column] = function(scores[:, column])
        if not np.array_equal(np.isnan(scores), np.isnan(self.board.scores)):
            raise ReferenceBoardError(
                f"the function given for {leaf!r} has no value for a score of the reference {self.name!r}; "
                "give one that is defined on [0, 1]"
            )
        return self._varied(replace(self.board, scores=scores), f"{leaf} transformed")

    def with_clone(self, leaf: str, clone: str) -> Reference:
        """Add a copy of a leaf as its sibling, under the type id ``clone``; it has the same norms."""
        self._check_has(leaf)
        if clone in self.board.tree:
            raise ReferenceBoardError(
                f"the reference {self.name!r} already has {clone!r}; choose another id for the copy"
            )
        return self._varied(self.board.with_copies({leaf: (clone,)}), f"{clone} copied from {leaf}")

    def _check_has(self, leaf: str) -> None:
        if leaf not in self.norms:
            raise ReferenceBoardError(f"the reference {self.name!r} lacks {leaf!r}; {self._remedy}")

    def _varied(self, board: Board, change: str) -> Reference:
        return replace(self, board=board, variant=f"{self.variant}; {change}".removeprefix("; "))


def freeze(snapshot: Snapshot, name: str, at: datetime) -> Reference:
    """Freeze a snapshot under a name at a moment with time zone; few scores leave a leaf out, see `kept_leaves`."""
    board = snapshot.board()
    kept = set(kept_leaves(board))
    return restore(snapshot, name, at, [leaf for leaf in board.leaves if leaf not in kept])


def kept_leaves(board: Board) -> tuple[str, ...]:
    """Return the leaves with scores of half of the models, and at least 30 if any leaf has so many."""
    counts = (~np.isnan(board.scores)).sum(axis=0).tolist()
    enough = NEW_MIN_SCORES if max(counts, default=0) >= NEW_MIN_SCORES else MIN_SCORES
    needed = max(enough, len(board.models) / 2)
    return tuple(leaf for leaf, count in zip(board.leaves, counts, strict=True) if count >= needed)


def restore(snapshot: Snapshot, name: str, at: datetime, left_out: Collection[str] = ()) -> Reference:
    """Build a reference as it was frozen, without the given leaves; the other parameters are those of `freeze`."""
    check_name(name)
    if name == GIVEN_BOARD:
        raise ReferenceBoardError(f"the name {name!r} stands for a board without a reference; choose another")
    if at.tzinfo is None:
        raise ReferenceBoardError(f"the reference {name!r} is frozen at {at}, without a time zone; give it in UTC")
    return _reference(snapshot, name, at.astimezone(UTC), left_out)


def given_board(snapshot: Snapshot) -> Reference:
    """Freeze a snapshot in place of a named reference: all its SCORED cells, at the moment that it describes."""
    return _reference(snapshot, GIVEN_BOARD, snapshot.as_of_time)


def _reference(snapshot: Snapshot, name: str, at: datetime, left_out: Collection[str] = ()) -> Reference:
    board = snapshot.board()
    unknown = [leaf for leaf in left_out if leaf not in board.leaves]
    if unknown:
        raise ReferenceBoardError(
            f"the reference {name!r} leaves out {first_few([*map(repr, unknown)])}, which its board lacks; "
            "freeze the board again"
        )
    if left_out:
        board = board.take(columns=[j for j, leaf in enumerate(board.leaves) if leaf not in left_out])
    found = Reference(name, at, snapshot, board, tuple(left_out))
    if not any(norm.usable for norm in found.norms.values()):
        raise ReferenceBoardError(
            f"no benchmark of the board as of {snapshot.as_of_time:%Y-%m-%d} ({len(board.models)} models) has "
            f"{MIN_SCORES} scores; freeze a fuller snapshot"
        )
    return found


def check_name(name: str) -> None:
    """Check that a reference can have this name. Raises ReferenceBoardError if it cannot."""
    if not _NAME.fullmatch(name):
        raise ReferenceBoardError(
            f"a reference cannot be named {name[:200]!r}; use 1 to 64 letters, digits, '_' and '-', the first a letter "
            "or digit"
        )


def _or_without(leaves: Collection[str], board: Board) -> str:
    scored = {leaf for leaf, some in zip(board.leaves, board.scored_leaves.tolist(), strict=True) if some}
    if not scored.isdisjoint(leaves):
        return ""
    return "; or leave out what no model has a score on: missing='skip'"


def document(reference: Reference) -> bytes:
    """Serialise a reference as JSON: the same bytes for the same reference."""
    if reference.variant:
        raise ReferenceBoardError(
            f"the reference {reference.name!r} was changed for an audit ({reference.variant}); write the frozen one"
        )
    head = {
        "format": FORMAT,
        "version": VERSION,
        "name": reference.name,
        "frozen_at": reference.frozen_at.isoformat(),
    } | ({"left_out": reference.left_out} if reference.left_out else {})
    # The snapshot's document is embedded unchanged, so that boards have one serialisation.
    body = gzip.decompress(snapshot_bytes(reference.snapshot))
    return json.dumps(head, separators=(",", ":")).encode()[:-1] + b',"snapshot":' + body + b"}"
