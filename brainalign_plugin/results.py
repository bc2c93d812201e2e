"""Results for notebooks: one line and a short table, with methods for the whole table and the record."""

from __future__ import annotations

import html
import inspect
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 10
Shown = TypeVar("Shown")
Thing = TypeVar("Thing")
# Parameters of many functions, whose docstrings need not have them.
_PARAMETERS = {
    "source": "source : Snapshot, Board, DataFrame or path",
    "max_missing": "max_missing : float\n    Largest share of missing scores with which a benchmark is kept.",
    "reference": "reference : Reference, optional\n    Frozen norms of the REF schemes; the given board if None.",
    "resamples": "resamples : int\n    Of families, for the intervals.",
    "seed": "seed : int\n    Of all random draws.",
    "n_jobs": "n_jobs : int\n    Processes; the numbers do not depend on it.",
    "top": "top : int\n    Number of models.",
    "width": "width : int\n    In pixels.",
    "theme": 'theme : {"light", "dark"}',
}
_SECTIONS = ("Parameters", "Attributes", "Returns", "Raises", "Warns", "See Also", "References", "Examples")
_IMPORT = ">>> import brainalign_plugin as ba\n"


def _entries(section: str) -> dict[str, str]:
    """Return the entries of a section by name; `most, least : int` is that of both."""
    entries = re.split(r"\n(?=\S)", section)
    return {name.strip("*"): entry for entry in entries for name in entry.partition(" :")[0].split(", ")}


def documented(thing: Thing, see_also: str = "") -> Thing:
    """Complete a docstring by shared parameters and annotations, what makes a result, and the import of the example."""
    text, *parts = re.split(r"\n\n(?=[A-Z][A-Za-z ]+\n-+\n)", inspect.cleandoc(thing.__doc__ or ""))
    sections = dict(re.split(r"\n-+\n", part, maxsplit=1) for part in parts)
    if isinstance(thing, type):
        own = _entries(sections.get("Attributes", ""))
        fields = inspect.get_annotations(thing)
        types = {name: f"{name} : {fields[name].removeprefix('pd.')}" for name in fields if name[0] != "_"}
        sections["Attributes"] = "\n".join(filter(None, dict.fromkeys((own | types | own).values())))
    elif inspect.isfunction(thing):
        known = _PARAMETERS | _entries(sections.get("Parameters", ""))
        shown = dict.fromkeys(known.get(name) for name in inspect.signature(thing).parameters)
        sections["Parameters"] = "\n".join(filter(None, shown))
        kinds = thing.__annotations__["return"].split(" | ")
        sections.setdefault("Returns", " or ".join(re.sub(r"^pd\.|\[.*", "", kind) for kind in kinds))
        for made in (thing.__globals__.get(kind) for kind in kinds):
            if isinstance(made, type) and issubclass(made, Result) and made.__module__ == thing.__module__:
                documented(made, f"{thing.__qualname__} : Make it.")
    sections.setdefault("See Also", see_also)
    if "ba." in sections.get("Examples", "") and _IMPORT not in sections["Examples"]:
        sections["Examples"] = _IMPORT + sections["Examples"]
    parts = [f"{name}\n{'-' * len(name)}\n{sections[name]}" for name in _SECTIONS if sections.get(name)]
    thing.__doc__ = "\n\n".join([text, *parts])
    return thing


def documented_class(kind: type[Thing]) -> type[Thing]:
    """Complete the docstrings of a class, of its public methods, and of the charts of a result."""
    documented(kind)
    for thing in filter(inspect.isfunction, vars(kind).values()):
        if thing.__doc__:
            documented(thing)
    for name, chart in vars(vars(kind)["plot"].func).items() if "plot" in vars(kind) else ():
        if inspect.isfunction(chart):
            documented(chart, f"{kind.__name__}.{name if hasattr(kind, name) else 'to_frame'} : Its numbers.")
    return kind


@documented_class
class Result:
    """Result with a table of all rows (`to_frame`) and the record that the commands print as JSON (`to_dict`)."""

    found: Any
    _json: Callable[[Any], dict[str, Any]]  # Of what was found
    _only_whole: tuple[str, ...] = ()  # Columns that the summary lacks

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        documented_class(cls)

    @property
    def title(self) -> str:
        """One line that names the result."""
        return self._title()

    def _title(self) -> str:
        raise NotImplementedError

    def _frame(self) -> pd.DataFrame:
        raise NotImplementedError

    def _record(self) -> dict[str, Any]:
        return self._json(self.found)

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
        >>> len(ba.rank(ba.example(), "HIER").summary())
        10
        """
        return self._frame().head(_SHOWN).drop(columns=list(self._only_whole))

    def __repr__(self) -> str:
        shown = self.summary()
        return f"<{self.title}>" + (f"\n{shown.to_string(max_cols=8)}" if len(shown) else "")

    def _repr_html_(self) -> str:
        """Return the table that notebooks show."""
        return f"<p>{html.escape(self.title)}</p>{self.summary().to_html(max_cols=12)}"


def _cell(one: Any, column: str) -> Any:
    if column.endswith(("low", "high")):
        name, _, end = column.rpartition("_")
        sure = getattr(one, f"{name}_interval".lstrip("_"))
        return sure and getattr(sure, end)
    found = getattr(one, column)
    if hasattr(found, "low"):
        return found.value
    return ", ".join(found) if isinstance(found, tuple) else found


def table(records: Iterable[object], columns: str, text: str | None = None) -> pd.DataFrame:
    """Make a table of attributes, those of intervals too; with `text` all columns but those in it are numbers."""
    import pandas as pd

    names = columns.split()
    frame = pd.DataFrame([[_cell(one, name) for name in names] for one in records], columns=names)
    return frame if text is None else frame.astype({name: float for name in names if name not in text.split()})


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

    def _title(self) -> str:
        return self.name

    def _frame(self) -> pd.DataFrame:
        return self.frame.copy()

    def _record(self) -> dict[str, Any]:
        if self.record is not None:
            return self.record
        plain = self.frame.index.nlevels == 1 and self.frame.index.name is None
        frame = self.frame if plain else self.frame.reset_index()
        return {"rows": json.loads(frame.to_json(orient="records", double_precision=15))}
