"""Work that several processes or threads may share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    jobs: int = 1,
    prefer: Literal["processes", "threads"] = "processes",
) -> Iterator[Result]:
    """Return the results of a function, in the order of the items.

    Parameters
    ----------
    jobs : int
        Processes or threads; as many as joblib's backend has if -1. With one the work is done here.
    """
    if jobs == 1:
        return map(function, items)
    # Takes as long to load as a board takes to analyse.
    from joblib import Parallel, delayed

    shared: Iterator[Result] = Parallel(n_jobs=jobs, prefer=prefer, return_as="generator")(
        delayed(function)(item) for item in items
    )
    return shared
