"""Results for notebooks: one line and a short table, with methods for the whole table and the record."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 10


class Result:
    """Result with a table of all rows (`to_frame`) and the record that the commands print as JSON (`to_dict`)."""

    @property
    def title(self) -> str:
        """One line that names the result."""
        raise NotImplementedError

    def to_frame(self) -> pd.DataFrame:
        """Return the whole result as a table."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values: the JSON of the commands; unknown is None."""
        raise NotImplementedError

    def summary(self) -> pd.DataFrame:
        """Return the rows that are shown first.

        Returns
        -------
        DataFrame, at most 10 rows
        """
        return self.to_frame().head(_SHOWN)

    def __repr__(self) -> str:
        shown = self.summary()
        return f"<{self.title}>" + (f"\n{shown.to_string(max_cols=8)}" if len(shown) else "")

    def _repr_html_(self) -> str:
        """Return the table that notebooks show."""
        return f"<p>{html.escape(self.title)}</p>{self.summary().to_html(max_cols=12)}"


@dataclass(frozen=True, eq=False, repr=False)
class Rows(Result):
    """A table with a name, part of another result.

    Attributes
    ----------
    name : str
        One line that names it.
    frame : DataFrame

    Examples
    --------
    >>> import pandas as pd
    >>> Rows("1 pair", pd.DataFrame({"one": ["a"], "other": ["b"], "rho": [0.5]}))
    <1 pair>
      one other  rho
    0   a     b  0.5
    """

    name: str
    frame: pd.DataFrame

    @property
    def title(self) -> str:
        """One line that names the table."""
        return self.name

    def to_frame(self) -> pd.DataFrame:
        """Return the table.

        Returns
        -------
        DataFrame
            A copy.

        Examples
        --------
        >>> import pandas as pd
        >>> Rows("two", pd.DataFrame({"a": [1, 2]})).to_frame()["a"].tolist()
        [1, 2]
        """
        return self.frame.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return the rows as plain values; unknown is None.

        Returns
        -------
        dict
            ``rows`` is a list of dict by column.

        Examples
        --------
        >>> import pandas as pd
        >>> Rows("two", pd.DataFrame({"a": [1.0, None]})).to_dict()
        {'rows': [{'a': 1.0}, {'a': None}]}
        """
        frame = (
            self.frame
            if self.frame.index.nlevels == 1 and self.frame.index.name is None
            else self.frame.reset_index()
        )
        return {"rows": json.loads(frame.to_json(orient="records", double_precision=15))}
