"""Rank the models of a board, for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from ..certainty.rank import Resampling, rank_schemes
from ..errors import SchemeError
from ..files.reference import Reference, given_board
from ..ranking.boards import BoardKind, compared_board
from ..results import documented
from ..schemes import Convention, Scheme
from ..schemes.missing import CONVENTIONS
from .ranks import RankResult, SchemesResult
from .sources import Source, check_work, scheme_list, snapshot_of


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
@documented
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
    {source}
    schemes : str, Scheme or sequence of them
        One gives a `RankResult`, a sequence a `SchemesResult`; all registered schemes if empty.
    board : {"cleaned", "full"}
        Complete cases, or all models with a score, whose missing scores the scheme's rule deals with.
    missing : str, optional
        Rule for missing scores; each scheme's own if None.
    {reference}
    resamples : int
        Draws of true scores, for intervals of the ranks at 95 %; 0 for no intervals.
    {seed, n_jobs}

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
    >>> ba.rank(ba.example(), "ZMEAN").title
    'Ranks under ZMEAN: 11 models × 8 benchmarks (cleaned)'
    """
    check_work(seed, n_jobs, resamples)
    if missing is not None and missing not in CONVENTIONS:
        raise SchemeError(f"there is no rule {missing!r} for missing scores; known are {', '.join(CONVENTIONS)}")
    snapshot = snapshot_of(source)
    compared = compared_board(snapshot, board)
    norms = given_board(snapshot) if reference is None else reference
    resampling = Resampling(resamples=resamples, seed=seed, jobs=n_jobs) if resamples else None
    found = rank_schemes(compared, norms, scheme_list(schemes), missing, resampling)
    if isinstance(schemes, str | Scheme):
        return RankResult(found[0], compared, norms, resampling)
    return SchemesResult(found, compared, norms, resampling)
