"""Placement of one model among the models of a frozen board that have its benchmarks, like for like.

The board is restricted to the benchmarks on which the model has a score, and to the models that have a score on all of
them, so that no rule for missing scores counts; a universe score takes all models, because it needs no complete board.
A scheme is fitted on that board and then scores the model's own cells. Schemes that compare models in pairs or fit all
of them together cannot place a model, because an additional one changes the scores of the others.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..arrays import FloatArray
from ..data.board import Board
from ..data.official import CellState
from ..errors import BoardError, CandidateError, ConvergenceError, InputError, ReferenceBoardError, SchemeError
from ..files.model_scores import Cell
from ..files.reference import Reference, kept_leaves
from ..schemes import Scheme, get_scheme, scheme_names
from ..schemes.base import Fitted
from ..schemes.universe import is_universe
from ..text import counted, first_few
from .intervals import placement_interval, share_and_rank
from .profile import neighbours_of, profile_of
from .result import MissingScore, Placement, SchemePlace

# The first five that can be used are the default.
PREFERRED = ("HIER", "FLAT", "ZMEAN", "RANK", "REF_NORMAL", "WIN_RATE", "PC1")
DEFAULT_SCHEMES = 5
# Names of benchmarks that are compared with those of the board; more would take long.
_LOOKED_UP = 50
# Rules that count a missing score as a low one: on all benchmarks such a rank is one of coverage.
_COVERAGE = ("zero", "attempted", "worst")
RESAMPLES = 1000
LEVEL = 0.95
# Percentiles of the reference's scores that bound a missing score.
PERCENTILES = (5.0, 95.0)


def placeable_schemes() -> tuple[str, ...]:
    """Return the names of the registered schemes that can place one model, in the order of registration."""
    return tuple(name for name in scheme_names() if get_scheme(name).fits)


def constituents(reference: Reference) -> tuple[str, ...]:
    """Return the benchmarks that models are placed by: those that the cleaning keeps."""
    return kept_leaves(reference.board)


def place(
    reference: Reference,
    scores: Mapping[str, Cell],
    schemes: Sequence[str | Scheme] = (),
    *,
    leave_out: Collection[int] = (),
    min_constituents: float = 0.0,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> Placement:
    """Place one model on a reference board by its cells; for the parameters and errors see `brainalign_plugin.place`.

    `schemes`: of ``("all",)`` and the default, those whose rule counts a missing score as a low one are left out while
    a benchmark is missing. `level`: of the intervals, in (0, 1).
    """
    _check_parameters(min_constituents, resamples, level)
    known = constituents(reference)
    cells, other_versions = of_versions(reference, scores)
    own = {leaf: cells.get(leaf, Cell(math.nan, state=CellState.NEVER)) for leaf in known}
    scored = [leaf for leaf in known if own[leaf].state == CellState.SCORED]
    missing = [leaf for leaf in known if leaf not in scored]
    leaves = (*reference.board.leaves, *reference.left_out)
    unused = unused_names([name for name in cells if name not in own], missing, leaves)
    if not scored or len(scored) < min_constituents * len(known):
        raise CandidateError(_too_few(reference, own, unused, other_versions, min_constituents))
    out = tuple(leave_out)
    used, not_placed = _chosen(schemes, bool(missing))
    board = _restricted(reference, scored, out)
    if len(board.models) < 2:
        _refuse_few(reference, board, scored)
    whole, every = _restricted(reference, known, out), _restricted(reference, known, out, complete=False)
    guesses = {leaf: np.percentile(reference.norms[leaf].values, (*PERCENTILES, 50)).tolist() for leaf in missing}
    placed, narrowed = [], []
    for scheme in used:
        bound = scheme.bind(reference)
        try:
            one = _placed(bound, every if is_universe(scheme) else board, own, (resamples, seed, level))
            bounds, narrows = _open(bound, whole, own, guesses)
        except (BoardError, CandidateError, ConvergenceError) as error:
            placed.append(SchemePlace(scheme.name, str(error)))
            continue
        placed.append(replace(one, bounds=bounds))
        narrowed += [narrows] if bounds is not None else []
    profile = profile_of(reference, {leaf: own[leaf] for leaf in scored})
    found = []
    for leaf, (low, high, _) in guesses.items():
        share = float(np.median([narrows[leaf] for narrows in narrowed])) if narrowed else math.nan
        found.append(MissingScore(leaf, own[leaf].state, (low, high), share))
    return Placement(
        reference,
        out,
        board,
        own,
        len(whole.models),
        tuple(placed),
        not_placed,
        profile,
        neighbours_of(reference, known, profile, out),
        tuple(sorted(found, key=lambda one: (-one.narrows, one.benchmark))),
        unused,
        other_versions,
    )


def _too_few(
    reference: Reference,
    own: Mapping[str, Cell],
    unused: Mapping[str, str],
    others: Mapping[str, tuple[int, int]],
    min_constituents: float,
) -> str:
    """Return the reason for which a model cannot be placed, and the names that are near misses."""
    missing = [leaf for leaf, cell in own.items() if cell.state != CellState.SCORED]
    failed, scored = sum(own[leaf].state == CellState.FAILED for leaf in missing), len(own) - len(missing)
    text = f"{scored} of the {len(own)} benchmarks of {reference.called} have a score"
    text += f" and {failed} FAILED" if failed else ""
    text += f", fewer than the share of {min_constituents:g} that is asked for" if scored else ", and one is needed"
    text += f"; missing are {first_few([*map(repr, missing)])}"
    if others:
        name, (version, wanted) = next(iter(others.items()))
        text += (
            f"; {counted(len(others), 'score')} of another version, such as {version} of {name!r}, where it has "
            f"{wanted}: run that version, or freeze a board that has yours"
        )
    explained = next((f"; {name[:80]!r}: {why}" for name, why in unused.items() if why), "")
    strange = first_few([repr(name[:80]) for name in unused])
    return text + (explained or (f"; it does not have {strange}" if unused else ""))


def _check_parameters(min_constituents: float, resamples: int, level: float) -> None:
    if not 0 <= min_constituents <= 1:
        raise InputError(f"the smallest share of constituents is {min_constituents}; give a number from 0 to 1")
    if not 0 < level < 1:
        raise InputError(f"the level of the intervals is {level}; give a number between 0 and 1, such as 0.95")
    if resamples < 0:
        raise InputError(f"{resamples} resamples were asked for; give 0 for none, or a positive number")


def of_versions(reference: Reference, cells: Mapping[str, Cell]) -> tuple[dict[str, Cell], dict[str, tuple[int, int]]]:
    """Return the cells on the reference's versions, or without one, and both versions of the others."""
    kept, others = dict(cells), {}
    for leaf in constituents(reference):
        wanted, cell = reference.board.tree[leaf].version, cells.get(leaf)
        if cell is not None and wanted and cell.version is not None and cell.version != wanted:
            others[leaf] = (cell.version, wanted)
            del kept[leaf]
    return kept, others


def _chosen(schemes: Sequence[str | Scheme], some_missing: bool) -> tuple[list[Scheme], tuple[str, ...]]:
    """Return the schemes to place under, and those that are left out because their rank would be one of coverage."""
    named = [one for one in schemes if str(one).lower() != "all"]
    by_name = bool(named) and len(named) == len(schemes)
    names = named if by_name else [*named, *(placeable_schemes() if schemes else PREFERRED)]
    found = {one.name: one for one in (get_scheme(n) if isinstance(n, str) else n for n in names)}
    for one in found.values():
        if not one.fits:
            raise SchemeError(
                f"{one.name} cannot place one model on a frozen board, because it has no norms that could be frozen: "
                "a model's score depends on the others as a whole; schemes that can are "
                f"{', '.join(placeable_schemes())}"
            )
    if by_name:
        return list(found.values()), ()
    out = tuple(one.name for one in found.values() if some_missing and one.conventions[0] in _COVERAGE)
    kept = [one for one in found.values() if one.name not in out]
    return kept if schemes else kept[:DEFAULT_SCHEMES], out


def _restricted(
    reference: Reference, leaves: Sequence[str], leave_out: Collection[int], complete: bool = True
) -> Board:
    """Return the board of the models with a score on all the given leaves, or on any."""
    whole = reference.board
    for model in leave_out:
        if model not in whole.ids:
            raise ReferenceBoardError(
                f"the model {model} that is to be left out is not on {reference.called}; "
                "reference.board.ids lists what was frozen"
            )
    columns = [j for j, leaf in enumerate(whole.leaves) if leaf in set(leaves)]
    scored = ~np.isnan(whole.scores[:, columns])
    enough = scored.all(axis=1) if complete else scored.any(axis=1)
    rows = [i for i, model in enumerate(whole.ids) if enough[i] and model not in leave_out]
    return whole.take(rows, columns)


def _refuse_few(reference: Reference, board: Board, scored: Sequence[str]) -> None:
    fewest = min(scored, key=lambda leaf: reference.norms[leaf].count)
    raise ReferenceBoardError(
        f"{counted(len(board.models), 'model')} of {reference.called} can be compared on these "
        f"{counted(len(scored), 'benchmark')}, and two are needed; leave out {fewest!r}, which only "
        f"{counted(reference.norms[fewest].count, 'model')} have, or freeze a fuller board: "
        "freeze(board, name)"
    )


def _placed(scheme: Scheme, board: Board, own: Mapping[str, Cell], sampling: tuple[int, int, float]) -> SchemePlace:
    fitted = scheme.fit(board)
    row = np.clip([[own[leaf].score for leaf in board.leaves]], 0.0, 1.0)
    scaled = fitted.scale(row)[0]
    known = np.flatnonzero(~np.isnan(fitted.combination.scores(fitted.scaled)))
    if len(known) < len(board.models):
        board, fitted = board.take(known.tolist()), replace(fitted, scaled=fitted.scaled[known])
    statistic, share, rank = _share_and_rank(fitted, row)
    if np.isnan(statistic[0]):
        raise CandidateError(f"{scheme.name} has nothing to aggregate on these benchmarks; give scores on others")
    return SchemePlace(
        scheme.name,
        "",
        float(statistic[0]),
        float(share[0]),
        int(rank[0]),
        len(board.models),
        placement_interval(scheme, board, fitted, scaled, sampling),
        {leaf: x for leaf, x in zip(board.leaves, scaled.tolist(), strict=True) if not math.isnan(x)},
    )


def _share_and_rank(fitted: Fitted, rows: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    own = fitted.score(rows)
    return own, *share_and_rank(own, fitted.combination.scores(fitted.scaled)[None, :])


def _open(
    scheme: Scheme, whole: Board, own: Mapping[str, Cell], guesses: Mapping[str, Sequence[float]]
) -> tuple[tuple[int, int] | None, dict[str, float]]:
    """Return the ranks with all missing scores low and high, and the share by which each narrows these if known."""
    if not guesses or len(whole.models) < 2:
        return None, {}
    leaves = whole.leaves
    row = np.clip([own[leaf].score for leaf in leaves], 0.0, 1.0)
    at = [leaves.index(leaf) for leaf in guesses]
    # Two rows for all missing scores, the low ones first, then two for each that is known to be the median.
    rows = np.tile(row, (2 * (1 + len(at)), 1))
    for end in (0, 1):
        rows[end::2, at] = [guesses[leaves[column]][end] for column in at]
    for k, column in enumerate(at, start=1):
        rows[2 * k : 2 * k + 2, column] = guesses[leaves[column]][2]
    statistics, _, ranks = _share_and_rank(scheme.fit(whole), rows)
    widths = np.abs(statistics[1::2] - statistics[0::2])
    narrower = 1 - widths[1:] / widths[0] if widths[0] > 0 else np.zeros(len(at))
    return (int(ranks[0]), int(ranks[1])), dict(zip(guesses, narrower.tolist(), strict=True))


def unused_names(names: Iterable[str], missing: Sequence[str], leaves: Sequence[str]) -> dict[str, str]:
    """Explain for each name of a benchmark why a board does not place by it; empty if there is no reason.

    `missing`: benchmarks that may have been meant. `leaves`: all benchmarks of the board.
    """
    by_lower = {name.lower(): name for name in missing}
    found: dict[str, str] = {}
    for number, name in enumerate(names):
        plain = re.sub(r"_v\d+$", "", name[:200].lower())
        near = difflib.get_close_matches(plain, by_lower, n=1, cutoff=0.8) if number < _LOOKED_UP else []
        if name in leaves:
            found[name] = "too few models of the reference have it"
        elif "public" in plain:
            found[name] = "a public variant: other data, not comparable"
        else:
            found[name] = f"did you mean {by_lower[near[0]]}?" if near else ""
    return found
