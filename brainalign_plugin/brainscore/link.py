"""Link the meta-benchmarks into Brain-Score's folder of plugins, and remove the link.

Brain-Score finds a benchmark by reading the ``__init__.py`` of every folder in ``brainscore_vision/benchmarks``; there
is no other way in. The link is such a folder: a symbolic link for each file of `meta_benchmarks`, and a marker
file. ``requirements.txt`` is not among them, because Brain-Score hands it to pip on every load, and
brainalign is installed already.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

from ..errors import LinkError

PACKAGE = "brainscore_vision"
DISTRIBUTION = "brainscore-vision"
FOLDER = "brainalign"
MARKER = ".brainalign-link.json"
SOURCE = Path(__file__).absolute().parent / "meta_benchmarks"
_NOT_LINKED = frozenset({"requirements.txt"})
_INSTALL = "`pip install 'brainscore-vision>=2.4'`"
_OTHER_OWNER = "use a virtual environment that you may write to, or become the owner of this one"
_UNFINISHED = ".brainalign-unfinished-"
_REGISTRATION = re.compile(r"""benchmark_registry\[['"]([^'"\]]+)['"]\]""")


class LinkState(StrEnum):
    """State of the place of the link."""

    LINKED = "linked"
    ABSENT = "not linked"
    GONE = "gone"
    OUTDATED = "outdated"
    FOREIGN = "not ours"
    NO_BRAINSCORE = "no brainscore_vision"


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """The link of this interpreter's brainscore_vision.

    Attributes
    ----------
    state : LinkState
    folder : Path or None
        Folder of the link, made or not; None without brainscore_vision.
    version : str or None
        Version of brainscore_vision, None if unknown.
    message : str
        The state in words.
    next_step : str
        Action for the user; empty if none.
    """

    state: LinkState
    folder: Path | None
    version: str | None
    message: str
    next_step: str = ""

    @property
    def ok(self) -> bool:
        """True if Brain-Score finds the meta-benchmarks."""
        return self.state is LinkState.LINKED


def benchmarks_folder() -> Path | None:
    """Return the folder of benchmark plugins of this interpreter's brainscore_vision; None without it.

    The package is found, not imported: that would take seconds.

    Raises
    ------
    LinkError
        If there is a package of that name without such a folder.
    """
    spec = _spec()
    if spec is None:
        return None
    if _leftover() is not None:
        raise LinkError(
            f"{DISTRIBUTION} was uninstalled and the link is what is left of it; install it again, or take the link "
            "away with `brainalign unlink`"
        )
    folder = None if spec.origin is None else Path(spec.origin).parent / "benchmarks"
    if folder is None or not folder.is_dir():
        raise LinkError(
            f"the package {PACKAGE} at {str(spec.origin or list(spec.submodule_search_locations or []))!r} has no "
            f"folder of benchmarks; reinstall {DISTRIBUTION}"
        )
    return folder


def identifiers(init: Path = SOURCE / "__init__.py") -> tuple[str, ...]:
    """Return the identifiers that a plugin registers, read from its text as Brain-Score does."""
    return tuple(dict.fromkeys(_REGISTRATION.findall(init.read_text(encoding="utf-8", errors="replace"))))


def link(record: Path | None = None) -> LinkStatus:
    """Link the meta-benchmarks into Brain-Score; an intact link stays as it is.

    Parameters
    ----------
    record : Path, optional
        File in which the link is recorded, so that its loss is noticed.

    Raises
    ------
    LinkError
        If there is no brainscore_vision, the place is taken by something else, an identifier is registered by another
        folder, or the folder cannot be written to.
    """
    folder = _needed_folder()
    place = folder / FOLDER
    _refuse_foreign(place)
    _refuse_duplicates(folder)
    if _expected() != _found(place):
        try:
            _clear_unfinished(folder)
            made = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=folder))
            try:
                _fill(made)
                made.chmod(0o755)
                # A folder cannot be replaced atomically, and the one that is there was made by `link`.
                _remove(place)
                made.rename(place)
            finally:
                _remove(made)
        except OSError as cause:
            raise _cannot_write(folder, cause) from cause
    _remember(record, {**_recorded(record), str(place): _version()})
    return link_status(record)


def unlink(record: Path | None = None) -> LinkStatus:
    """Remove the link and restore Brain-Score's folders; without a link do nothing.

    Raises
    ------
    LinkError
        If the folder was not made by `link`, or cannot be removed.
    """
    folder = _leftover() or benchmarks_folder()
    if folder is not None:
        _refuse_foreign(folder / FOLDER)
        try:
            _clear_unfinished(folder)
            _remove(folder / FOLDER)
            _remove_empty(folder)
        except OSError as cause:
            raise _cannot_write(folder, cause) from cause
        _remember(
            record,
            {made: version for made, version in _recorded(record).items() if made != str(folder / FOLDER)},
        )
    return link_status(record)


def link_status(record: Path | None = None) -> LinkStatus:
    """Return the state of the link, read only.

    Parameters
    ----------
    record : Path, optional
        As given to `link`: without it a lost link is reported as never made.
    """
    try:
        folder = benchmarks_folder()
    except LinkError as error:
        message, _, step = str(error).rpartition("; ")
        return LinkStatus(LinkState.NO_BRAINSCORE, None, None, message, step)
    if folder is None:
        message = f"{DISTRIBUTION} is not installed for this Python"
        return LinkStatus(LinkState.NO_BRAINSCORE, None, None, message, _INSTALL)
    version, place = _version(), folder / FOLDER
    state, message, step = _state(place, version, _recorded(record))
    return LinkStatus(state, place, version, message, step)


def _state(place: Path, version: str | None, recorded: dict[str, str | None]) -> tuple[LinkState, str, str]:
    """Return the state, its description and the next step."""
    what = f"{PACKAGE} {version or 'of an unknown version'}"
    relink = "run `brainalign link`"
    if not os.access(place.parent, os.W_OK):
        relink = f"{str(place.parent)!r} cannot be written to: {_OTHER_OWNER}, then `brainalign link`"
    if os.path.lexists(place):
        if not _is_ours(place):
            return LinkState.FOREIGN, f"{str(place)!r} was not made by `brainalign link`", "move it away"
        duplicates = _duplicates(place.parent)
        if duplicates:
            step = "`brainalign unlink` takes ours away"
            return LinkState.OUTDATED, _duplicate_message(duplicates), step
        if _expected() != _found(place):
            return LinkState.OUTDATED, f"the link in {str(place)!r} is of another brainalign", relink
        found = f"linked: {what} finds {len(identifiers())} meta-benchmarks in {str(place)!r}"
        return LinkState.LINKED, found, ""
    if str(place) in recorded:
        was = recorded[str(place)]
        since = f" (then {was}, now {version})" if was != version else ""
        gone = f"the link into {PACKAGE}{since} is gone, as after an upgrade or a reinstallation"
        return LinkState.GONE, gone, relink
    return LinkState.ABSENT, f"not linked into {what}", relink


def _needed_folder() -> Path:
    folder = benchmarks_folder()
    if folder is None:
        raise LinkError(f"{DISTRIBUTION} is not installed for this Python; {_INSTALL}, and link again")
    return folder


def _expected() -> dict[str, str]:
    """Return the names in the link and the files that they point to."""
    return {
        path.name: str(path)
        for path in sorted(SOURCE.iterdir())
        if path.is_file() and path.name not in _NOT_LINKED and not path.name.startswith(".")
    }


def _found(place: Path) -> dict[str, str]:
    """Return the names in a folder and their targets, None for no link. Compiled modules do not count."""
    if not place.is_dir() or place.is_symlink():
        return {}
    return {
        path.name: str(path.readlink()) if path.is_symlink() else ""
        for path in sorted(place.iterdir())
        if path.name not in (MARKER, "__pycache__")
    }


def _fill(made: Path) -> None:
    for name, target in _expected().items():
        (made / name).symlink_to(target)
    marker = {"made_by": "brainalign link", "source": str(SOURCE)}
    (made / MARKER).write_text(json.dumps(marker) + "\n", encoding="utf-8")


def _is_ours(place: Path) -> bool:
    """Return whether a folder has the marker and holds links only, whichever brainalign they point to."""
    if place.is_symlink() or not place.is_dir():
        return False
    marker = place / MARKER
    try:
        made_by = json.loads(marker.read_text(encoding="utf-8")).get("made_by")
    except (OSError, ValueError, AttributeError):
        return False
    return made_by == "brainalign link" and all(_found(place).values())


def _spec() -> ModuleSpec | None:
    try:
        return find_spec(PACKAGE)
    except (ImportError, ValueError) as cause:
        raise LinkError(f"{PACKAGE} cannot be found ({cause}); reinstall {DISTRIBUTION}") from cause


def _leftover() -> Path | None:
    """Return the folder of benchmarks that only holds our link, because Brain-Score was uninstalled."""
    spec = _spec()
    if spec is None or spec.origin is not None:
        return None
    places = (Path(place) / "benchmarks" for place in spec.submodule_search_locations or ())
    return next((place for place in places if _is_ours(place / FOLDER)), None)


def _remove_empty(folder: Path) -> None:
    """Remove the folders that an uninstalled Brain-Score left because of our link."""
    for place in (folder, folder.parent):
        if place.name in (PACKAGE, "benchmarks") and not any(place.iterdir()):
            place.rmdir()


def _refuse_foreign(place: Path) -> None:
    if os.path.lexists(place) and not _is_ours(place):
        raise LinkError(
            f"{str(place)!r} is there and was not made by `brainalign link`, or has files of yours in it; move it "
            "away, then link again"
        )


def _duplicates(folder: Path) -> dict[str, str]:
    """Return our identifiers that another plugin registers as well, each with its folder."""
    ours = set(identifiers())
    found: dict[str, str] = {}
    for init in sorted(folder.glob("[!._]*/__init__.py")):
        if init.parent.name != FOLDER:
            text = init.read_text(encoding="utf-8", errors="replace")
            found |= {name: init.parent.name for name in _REGISTRATION.findall(text) if name in ours}
    return found


def _duplicate_message(duplicates: dict[str, str]) -> str:
    name, other = next(iter(duplicates.items()))
    more = f" and {len(duplicates) - 1} more" if len(duplicates) > 1 else ""
    return f"{PACKAGE} has the benchmark {name!r}{more} in its folder {other!r} already, and wants each in one folder"


def _refuse_duplicates(folder: Path) -> None:
    duplicates = _duplicates(folder)
    if duplicates:
        raise LinkError(f"{_duplicate_message(duplicates)}; use that one, or move it away")


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)


def _clear_unfinished(folder: Path) -> None:
    for path in folder.glob(f"{_UNFINISHED}*"):
        _remove(path)


def _cannot_write(folder: Path, cause: OSError) -> LinkError:
    return LinkError(f"cannot change {str(folder)!r}: {cause.strerror}; {_OTHER_OWNER}")


def _version() -> str | None:
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None


def importable(package: str) -> bool:
    """Return whether there is a package of that name, without importing it."""
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _remember(record: Path | None, links: dict[str, str | None]) -> None:
    if record is None or links == _recorded(record):
        return
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps({"links": links}) + "\n", encoding="utf-8")
    except OSError as cause:
        raise LinkError(
            f"the link is as asked for, but {str(record)!r} cannot be written ({cause.strerror}), so its loss would "
            "not be noticed; choose another home folder with --home"
        ) from cause


def _recorded(record: Path | None) -> dict[str, str | None]:
    """Return the folders of recorded links with their version of brainscore_vision; none from a damaged file."""
    try:
        known = {} if record is None else json.loads(record.read_text(encoding="utf-8"))["links"]
        return {str(place): None if version is None else str(version) for place, version in known.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
