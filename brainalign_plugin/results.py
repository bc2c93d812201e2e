"""Results for notebooks: one line and a short table, with methods for the whole table and the record."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 10
Shown = TypeVar("Shown")


class Result:
    """Result with a table of all rows (`to_frame`) and the record that the commands print as JSON (`to_dict`)."""

    @property
    def title(self) -> str:
        """One line that names the result."""
        raise NotImplementedError

    def _frame(self) -> pd.DataFrame:
        raise NotImplementedError

    def _record(self) -> dict[str, Any]:
        raise NotImplementedError

    def to_frame(self) -> pd.DataFrame:
        """Return the whole result as a table.

        Returns
        -------
        DataFrame
            Rows and columns are in the description of the result's class; a copy.

        See Also
        --------
        Result.summary : The rows that are shown first.

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> ba.agreement(ba.example()).to_frame().shape
        (8, 8)
        """
        return self._frame()

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values, the JSON of the commands.

        Returns
        -------
        dict
            Of dict, list, str, int, float, bool; unknown is None.

        See Also
        --------
        Result.to_frame : The same as a table.

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> ba.agreement(ba.example()).to_dict()["method"]
        'spearman'
        """
        return self._record()

    def summary(self) -> pd.DataFrame:
        """Return the rows that are shown first.

        Returns
        -------
        DataFrame
            At most 10 rows.

        See Also
        --------
        Result.to_frame : All rows.

        Examples
        --------
        >>> import brainalign_plugin as ba
        >>> len(ba.rank(ba.example(), "HIER").summary())
        10
        """
        return self._frame().head(_SHOWN)

    def __repr__(self) -> str:
        shown = self.summary()
        return f"<{self.title}>" + (f"\n{shown.to_string(max_cols=8)}" if len(shown) else "")

    def _repr_html_(self) -> str:
        """Return the table that notebooks show."""
        return f"<p>{html.escape(self.title)}</p>{self.summary().to_html(max_cols=12)}"


@dataclass(frozen=True)
class Plots(Generic[Shown]):
    """Charts of a result."""

    result: Shown


@dataclass(frozen=True, eq=False, repr=False)
class Rows(Result):
    """A table with a name, part of another result.

    Attributes
    ----------
    name : str
        One line that names it.
    frame : DataFrame
    record : dict, optional
        What `to_dict` returns; ``rows``, a list of dict by column, if None.

    See Also
    --------
    Timeline.changes : A list of them.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = Rows("1 pair", pd.DataFrame({"one": ["a"], "other": ["b"], "rho": [None]}))
    >>> rows.to_dict()
    {'rows': [{'one': 'a', 'other': 'b', 'rho': None}]}
    """

    name: str
    frame: pd.DataFrame
    record: dict[str, Any] | None = None

    @property
    def title(self) -> str:
        """One line that names the table."""
        return self.name

    def _frame(self) -> pd.DataFrame:
        return self.frame.copy()

    def _record(self) -> dict[str, Any]:
        if self.record is not None:
            return self.record
        plain = self.frame.index.nlevels == 1 and self.frame.index.name is None
        frame = self.frame if plain else self.frame.reset_index()
        return {"rows": json.loads(frame.to_json(orient="records", double_precision=15))}
