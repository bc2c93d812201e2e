"""Why did a figure change? An order-free split of the change between two boards into its causes.

The causes are the players of a cooperative game whose value is the figure on the board that has the changes of a set
of them; the parts are Shapley values, which sum to the change (Shapley 1953, *A value for n-person games*).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain, combinations
from math import factorial
from typing import Any

import numpy as np

from brainalign_plugin.board import Board, Model
from brainalign_plugin.tree import Benchmark, BenchmarkTree

from .figures import Evaluate, cleaned, headline_figures

NEW_BENCHMARKS = "new_benchmarks"
NEW_MODELS = "new_models"
RESTATED = "restated"
CLEANING = "cleaning"
PLAYERS = (NEW_BENCHMARKS, NEW_MODELS, RESTATED, CLEANING)


@dataclass(frozen=True, slots=True)
class Actors:
    """Who stands behind each cause, the main ones first.

    Attributes
    ----------
    new_benchmarks : tuple of str
        Leaves with a first score: those that the later board keeps first, of these the ones that most models lack.
    new_models : tuple of Model
        That were not there before: those on the later cleaned board first.
    restated_benchmarks : tuple of (str, int)
        Leaves with cells that changed or were filled, and how many, the most changed first.
    moved_benchmarks : tuple of str
        Leaves that stand elsewhere in the tree, so that their weight is another.
    removed_models : tuple of Model
        Those on the earlier cleaned board first.
    removed_benchmarks : tuple of str
    flipped : tuple of str
        Leaves scored before that one board keeps and the other drops, the ones that most models lack first.
    """

    new_benchmarks: tuple[str, ...]
    new_models: tuple[Model, ...]
    restated_benchmarks: tuple[tuple[str, int], ...]
    moved_benchmarks: tuple[str, ...]
    removed_models: tuple[Model, ...]
    removed_benchmarks: tuple[str, ...]
    flipped: tuple[str, ...]

    def of(self, cause: str) -> bool:
        """Whether anybody stands behind a cause."""
        who: Mapping[str, tuple[tuple[Any, ...], ...]] = {
            NEW_BENCHMARKS: (self.new_benchmarks,),
            NEW_MODELS: (self.new_models,),
            RESTATED: (
                *(self.restated_benchmarks, self.moved_benchmarks),
                *(self.removed_models, self.removed_benchmarks),
            ),
            CLEANING: (self.flipped,),
        }
        return any(who[cause])


@dataclass(frozen=True, eq=False)
class Attribution:
    """The change of each figure between two boards, split into its causes.

    Attributes
    ----------
    earlier, later : mapping of str to (float or None)
        Figures on the two cleaned boards.
    parts : mapping of str to (mapping of str to float, or None)
        For each figure the part of each cause; None where the figure does not exist on one of the boards between.
    actors : Actors
    """

    earlier: Mapping[str, float | None]
    later: Mapping[str, float | None]
    parts: Mapping[str, Mapping[str, float] | None]
    actors: Actors


@dataclass(frozen=True, eq=False)
class _Game:
    """Two boards and what differs; on the boards between models are complete cases, or all that have a score."""

    earlier: Board
    later: Board
    complete_cases: bool
    new_leaves: frozenset[str]
    removed_leaves: frozenset[str]
    new_models: frozenset[int]
    removed_models: frozenset[int]
    kept_earlier: frozenset[str]
    kept_later: frozenset[str]


def attribute(
    earlier: Board, later: Board, max_missing: float = 0.5, evaluate: Evaluate = headline_figures
) -> Attribution:
    """Split the change of every figure between two uncleaned boards of one domain.

    A leaf without any score is on neither board: a benchmark arrives with its first score.

    Parameters
    ----------
    earlier, later : Board
        As ``Snapshot.board()`` gives them.
    max_missing : float
        Threshold of the cleaning.
    evaluate : callable
        From a complete board to its figures.
    """
    before, after = (frozenset(cleaned(board, max_missing).leaves) for board in (earlier, later))
    return _attribute(_game(earlier, later, before, after, complete_cases=True), evaluate)


def attribute_uncleaned(earlier: Board, later: Board, evaluate: Evaluate) -> Attribution:
    """Split the change of figures of boards with missing scores: nothing is cleaned, so nothing is due to cleaning.

    Leaves and models without any score are left out.

    Parameters
    ----------
    earlier, later : Board
        As ``Snapshot.board()`` gives them.
    evaluate : callable
        From a board with missing scores to its figures.
    """
    first, last = (board.take(columns=_positions(board, _scored(board))) for board in (earlier, later))
    game = _game(first, last, frozenset(first.leaves), frozenset(last.leaves), complete_cases=False)
    return _attribute(game, evaluate)


def _positions(board: Board, leaves: frozenset[str]) -> list[int]:
    return [j for j, leaf in enumerate(board.leaves) if leaf in leaves]


def _attribute(game: _Game, evaluate: Evaluate) -> Attribution:
    actors = _actors(game)
    active = tuple(player for player in PLAYERS if actors.of(player))
    values = {subset: evaluate(_board(game, subset)) for subset in _subsets(active)}
    first, last = values[frozenset()], values[frozenset(active)]
    parts = {figure: _shapley({s: v[figure] for s, v in values.items()}, active) for figure in last}
    return Attribution(first, last, parts, actors)


def _subsets(players: tuple[str, ...]) -> list[frozenset[str]]:
    sizes = range(len(players) + 1)
    return [frozenset(s) for s in chain.from_iterable(combinations(players, size) for size in sizes)]


def _shapley(
    value: Mapping[frozenset[str], float | None], players: tuple[str, ...]
) -> dict[str, float] | None:
    known = {subset: v for subset, v in value.items() if v is not None}
    if len(known) < len(value):
        return None
    parts = dict.fromkeys(PLAYERS, 0.0)
    many = len(players)
    for player in players:
        for subset, without in known.items():
            if player not in subset:
                weight = factorial(len(subset)) * factorial(many - len(subset) - 1) / factorial(many)
                parts[player] += weight * (known[subset | {player}] - without)
    return parts


def _scored(board: Board) -> frozenset[str]:
    some = (~np.isnan(board.scores)).any(axis=0)
    return frozenset(leaf for leaf, any_score in zip(board.leaves, some.tolist(), strict=True) if any_score)


def _game(
    earlier: Board,
    later: Board,
    kept_earlier: frozenset[str],
    kept_later: frozenset[str],
    complete_cases: bool,
) -> _Game:
    before = _scored(earlier)
    return _Game(
        earlier=earlier,
        later=later,
        complete_cases=complete_cases,
        new_leaves=frozenset(later.leaves) - before,
        removed_leaves=frozenset(earlier.leaves) - frozenset(later.leaves),
        new_models=frozenset(later.ids) - frozenset(earlier.ids),
        removed_models=frozenset(earlier.ids) - frozenset(later.ids),
        kept_earlier=kept_earlier,
        kept_later=kept_later,
    )


def _actors(game: _Game) -> Actors:
    earlier, later = game.earlier, game.later
    scored_now = _scored(later)
    old_leaves = [leaf for leaf in later.leaves if leaf in earlier.leaves and leaf not in game.new_leaves]
    arrived = [leaf for leaf in later.leaves if leaf in game.new_leaves and leaf in scored_now]
    flipped = [leaf for leaf in old_leaves if (leaf in game.kept_earlier) != (leaf in game.kept_later)]
    lacking = dict(zip(later.leaves, np.isnan(later.scores).sum(axis=0).tolist(), strict=True))
    return Actors(
        new_benchmarks=tuple(
            sorted(arrived, key=lambda leaf: (leaf not in game.kept_later, -lacking[leaf], leaf))
        ),
        new_models=_complete_first(later, game.new_models, game.kept_later),
        restated_benchmarks=_restated(game, old_leaves),
        moved_benchmarks=tuple(
            sorted(leaf for leaf in old_leaves if earlier.tree.path(leaf) != later.tree.path(leaf))
        ),
        removed_models=_complete_first(earlier, game.removed_models, game.kept_earlier),
        removed_benchmarks=tuple(sorted(game.removed_leaves)),
        flipped=tuple(sorted(flipped, key=lambda leaf: (-lacking[leaf], leaf))),
    )


def _restated(game: _Game, old_leaves: list[str]) -> tuple[tuple[str, int], ...]:
    old_models = [i for i in game.later.ids if i not in game.new_models]
    if not old_leaves or not old_models:
        return ()
    before, after = (_cells(board, old_models, old_leaves) for board in (game.earlier, game.later))
    changed = ~((before == after) | (np.isnan(before) & np.isnan(after)))
    counts = zip(old_leaves, changed.sum(axis=0).tolist(), strict=True)
    return tuple(sorted(((leaf, n) for leaf, n in counts if n), key=lambda pair: (-pair[1], pair[0])))


def _complete_first(board: Board, some: frozenset[int], kept: frozenset[str]) -> tuple[Model, ...]:
    """Models of a board, those with a score on all kept leaves first, each by their id."""
    missing = np.isnan(board.scores[:, _positions(board, kept)]).any(axis=1).tolist()
    found = [(lacks, model.id, model) for lacks, model in zip(missing, board.models, strict=True)]
    return tuple(model for _, number, model in sorted(found, key=lambda entry: entry[:2]) if number in some)


def _cells(
    board: Board, models: list[int], leaves: list[str]
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    rows = {model: i for i, model in enumerate(board.ids)}
    columns = {leaf: j for j, leaf in enumerate(board.leaves)}
    taken: np.ndarray[tuple[int, int], np.dtype[np.float64]] = board.scores[
        np.ix_([rows[m] for m in models], [columns[leaf] for leaf in leaves])
    ]
    return taken


def _board(game: _Game, changes: frozenset[str]) -> Board:
    """Cleaned board that has the changes of a set of causes, and no others."""
    earlier, later = game.earlier, game.later
    restated = RESTATED in changes
    gone = game.removed_leaves if restated else frozenset()
    old = [leaf for leaf in _ordered(earlier.leaves, later.leaves) if leaf not in game.new_leaves | gone]
    # Who has left the board was restated; until then the earlier board's decision stands.
    decided = game.kept_later if CLEANING in changes else game.kept_earlier
    leaves = [leaf for leaf in old if leaf in (game.kept_earlier if leaf in game.removed_leaves else decided)]
    if NEW_BENCHMARKS in changes:
        leaves += [leaf for leaf in later.leaves if leaf in game.new_leaves & game.kept_later]
    models = [i for i in earlier.ids if not (restated and i in game.removed_models)]
    if NEW_MODELS in changes:
        models += [i for i in later.ids if i in game.new_models]
    scores = np.full((len(models), len(leaves)), np.nan)
    states = np.zeros(scores.shape, dtype=np.int8)
    errors = np.full(scores.shape, np.nan)
    for board, from_board in ((later, True), (earlier, False)):
        _copy(game, board, from_board, restated, models, leaves, (scores, states, errors))
    missing = np.isnan(scores)
    there = np.flatnonzero(~(missing.any(axis=1) if game.complete_cases else missing.all(axis=1)))
    known = {model.id: model for model in (*earlier.models, *later.models)}
    tree = _tree(earlier.tree, later.tree, restated).pruned(leaves)
    return Board(
        domain=later.domain,
        models=tuple(known[models[i]] for i in there),
        tree=tree,
        leaves=tuple(leaves),
        scores=scores[there],
        states=states[there],
        errors=errors[there],
    )


def _ordered(first: tuple[str, ...], second: tuple[str, ...]) -> list[str]:
    return [*second, *(leaf for leaf in first if leaf not in set(second))]


def _copy(
    game: _Game,
    board: Board,
    is_later: bool,
    restated: bool,
    models: list[int],
    leaves: list[str],
    into: tuple[np.ndarray[Any, Any], ...],
) -> None:
    """Fill the cells that come from one of the two boards.

    Old cells come from the earlier board until they are restated; what is new comes from the later one.
    """
    rows = {model: i for i, model in enumerate(board.ids)}
    columns = {leaf: j for j, leaf in enumerate(board.leaves)}
    r = [(i, rows[m], m in game.new_models) for i, m in enumerate(models) if m in rows]
    c = [(j, columns[leaf], leaf in game.new_leaves) for j, leaf in enumerate(leaves) if leaf in columns]
    if not r or not c:
        return
    new = np.array([x[2] for x in r])[:, None] | np.array([x[2] for x in c])[None, :]
    # A removed model or leaf has no later cells: while it stands, its earlier ones do.
    here = (new | restated) if is_later else ~(new | (restated & _on_later(game, models, leaves, r, c)))
    target = np.ix_([x[0] for x in r], [x[0] for x in c])
    source = np.ix_([x[1] for x in r], [x[1] for x in c])
    taken_from: tuple[np.ndarray[Any, Any], ...] = (board.scores, board.states, board.errors)
    for array, values in zip(into, taken_from, strict=True):
        block = array[target]
        block[here] = values[source][here]
        array[target] = block


def _on_later(
    game: _Game,
    models: list[int],
    leaves: list[str],
    r: list[tuple[int, int, bool]],
    c: list[tuple[int, int, bool]],
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    there = np.array([models[x[0]] not in game.removed_models for x in r])[:, None]
    leaf_there = np.array([leaves[x[0]] not in game.removed_leaves for x in c])[None, :]
    both: np.ndarray[tuple[int, int], np.dtype[np.bool_]] = there & leaf_there
    return both


def _tree(earlier: BenchmarkTree, later: BenchmarkTree, restated: bool) -> BenchmarkTree:
    """Union of the two trees; where they differ about a node the restated board follows the later one."""
    base, other = (later, earlier) if restated else (earlier, later)
    extra: list[Benchmark] = [node for node in other.nodes if node.type_id not in base]
    try:
        return BenchmarkTree((*base.nodes, *extra))
    except ValueError:
        # A leaf of one tree can be a group in the other; then the later tree alone says what belongs where.
        known = {node.type_id for node in later.nodes}
        orphans = [node for node in earlier.nodes if node.is_leaf and node.type_id not in known]
        return BenchmarkTree((*later.nodes, *(replace(node, parent=later.roots[0]) for node in orphans)))
