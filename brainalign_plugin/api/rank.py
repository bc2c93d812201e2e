"""Rank the models of a board, for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from ..certainty.rank import Resampling, rank_schemes
from ..files.reference import Reference, given_board
from ..ranking.boards import BoardKind, compared_board
from ..schemes import Convention, Scheme
from .ranks import RankResult, SchemesResult
from .sources import Source, snapshot_of


@overload
def rank(  # type: ignore[overload-overlap]
    source: Source,
    schemes: str | Scheme,
    *,
    board: BoardKind = "cleaned",
    missing: Convention | None = None,
    reference: Reference | None = None,
    resamples: int = 1000,
    seed: int = 0,
    n_jobs: int = 1,
) -> RankResult: ...
@overload
def rank(
    source: Source,
    schemes: Sequence[str | Scheme] = (),
    *,
    board: BoardKind = "cleaned",
    missing: Convention | None = None,
    reference: Reference | None = None,
    resamples: int = 1000,
    seed: int = 0,
    n_jobs: int = 1,
) -> SchemesResult: ...
def rank(
    source: Source,
    schemes: str | Scheme | Sequence[str | Scheme] = (),
    *,
    board: BoardKind = "cleaned",
    missing: Convention | None = None,
    reference: Reference | None = None,
    resamples: int = 1000,
    seed: int = 0,
    n_jobs: int = 1,
) -> RankResult | SchemesResult:
    """Rank the models of a board under one scheme or several.

    Parameters
    ----------
    source : Snapshot, Board, DataFrame or path
    schemes : str, Scheme or sequence of them
        One gives a `RankResult`, a sequence a `SchemesResult`; all registered schemes if empty.
    board : {"cleaned", "full"}
        Complete cases, or all models with a score, whose missing scores the scheme's rule deals with.
    missing : str, optional
        Rule for missing scores; each scheme's own if None.
    reference : Reference, optional
        Frozen norms of the REF schemes; the given board if None.
    resamples : int
        Draws of true scores, for intervals of the ranks at 95 %; 0 for no intervals.
    seed : int
    n_jobs : int
        Processes; the numbers do not depend on it.

    Returns
    -------
    RankResult or SchemesResult

    Raises
    ------
    SchemeError
        If a scheme is unknown or does not support the rule.
    BoardError
        If fewer than two models or no benchmark is left.
    InputError
        If a parameter is out of range.

    See Also
    --------
    audit : Measure the properties of schemes.
    scheme : Make a scheme of a function.

    References
    ----------
    Brennan (2001), *Generalizability Theory*, for the intervals; ``docs/schemes.md`` has the source of each scheme.

    Examples
    --------
    >>> import brainalign_plugin as ba
    >>> ba.rank(ba.example(), "ZMEAN").title
    'Ranks under ZMEAN: 11 models × 8 benchmarks (cleaned)'
    """
    snapshot = snapshot_of(source)
    compared = compared_board(snapshot, board)
    norms = given_board(snapshot) if reference is None else reference
    resampling = Resampling(resamples=resamples, seed=seed, jobs=n_jobs) if resamples else None
    alone = isinstance(schemes, str | Scheme)
    names = [schemes] if isinstance(schemes, str | Scheme) else list(schemes)
    found = rank_schemes(compared, norms, names, missing, resampling)
    if alone:
        return RankResult(found[0], compared, norms, resampling)
    return SchemesResult(found, compared, norms, resampling)
