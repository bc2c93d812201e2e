"""Link the meta-benchmarks into Brain-Score's folders of plugins, and remove the links.

Brain-Score finds a benchmark only by reading the ``__init__.py`` of every folder in its package's ``benchmarks``. The
link is such a folder with one file, which registers classes of this package.
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
from .registration import MADE_BY, identifiers, registration

PACKAGES = {"vision": "brainscore_vision", "language": "brainscore_language"}
FOLDER = "brainalign"
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
    NO_BRAINSCORE = "no Brain-Score"


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """The link of one domain's package in this interpreter."""

    package: str  # ``brainscore_vision`` or ``brainscore_language``
    state: LinkState
    folder: Path | None  # Folder of the link, made or not; None without the package
    version: str | None  # Version of the package, None if unknown
    message: str  # The state in words
    next_step: str = ""  # Action for the user; empty if none

    @property
    def ok(self) -> bool:
        """True if Brain-Score finds the meta-benchmarks."""
        return self.state is LinkState.LINKED


def domains_here() -> tuple[str, ...]:
    """Return the domains whose package this interpreter has; vision if it has none."""
    return tuple(domain for domain, package in PACKAGES.items() if importable(package)) or ("vision",)


def benchmarks_folder(domain: str) -> Path | None:
    """Return the folder of plugins of a domain's package, unimported; None without it, LinkError if it is damaged."""
    spec, name = _spec(domain), _distribution(domain)
    if spec is None:
        return None
    if _leftover(domain) is not None:
        raise LinkError(
            f"{name} was uninstalled and the link is what is left of it; install it again, or take the link away with "
            "`brainalign unlink`"
        )
    folder = None if spec.origin is None else Path(spec.origin).parent / "benchmarks"
    if folder is None or not folder.is_dir():
        raise LinkError(
            f"the package {PACKAGES[domain]} at {str(spec.origin or list(spec.submodule_search_locations or []))!r} "
            f"has no folder of benchmarks; reinstall {name}"
        )
    return folder


def link(record: Path | None = None, domain: str = "vision") -> LinkStatus:
    """Link the meta-benchmarks into a domain's package, or raise LinkError; `record` is where a lost link is known."""
    folder = benchmarks_folder(domain)
    if folder is None:
        raise LinkError(f"{_distribution(domain)} is not installed for this Python; {_install(domain)}, and link again")
    place = folder / FOLDER
    _refuse_foreign(place)
    duplicates = _duplicates(folder)
    if duplicates:
        raise LinkError(f"{_duplicate_message(domain, duplicates)}; use that one, or move it away")
    if _text(place) != registration(domain, identifiers()):
        try:
            _remove(*folder.glob(f"{_UNFINISHED}*"))
            with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=folder) as unfinished:
                made = Path(unfinished, FOLDER)
                made.mkdir()
                (made / "__init__.py").write_text(registration(domain, identifiers()), encoding="utf-8")
                made.chmod(0o755)
                # A folder cannot be replaced atomically, and the one that is there was made by `link`.
                _remove(place)
                made.rename(place)
        except OSError as cause:
            raise _cannot_write(folder, cause) from cause
    _remember(record, {**_recorded(record), str(place): _version(domain)})
    return link_status(record, domain)


def unlink(record: Path | None = None, domain: str = "vision") -> LinkStatus:
    """Remove the link and restore the package's folders, or raise LinkError; without a link do nothing."""
    left = _leftover(domain)
    folder = left or benchmarks_folder(domain)
    if folder is not None:
        _refuse_foreign(folder / FOLDER)
        try:
            _remove(*folder.glob(f"{_UNFINISHED}*"), folder / FOLDER)
            if left is not None:
                _remove_empty(left)
        except OSError as cause:
            raise _cannot_write(folder, cause) from cause
        _remember(
            record, {made: version for made, version in _recorded(record).items() if made != str(folder / FOLDER)}
        )
    return link_status(record, domain)


def link_status(record: Path | None = None, domain: str = "vision") -> LinkStatus:
    """Return the state of the link; without the `record` that `link` had, a lost one counts as never made."""
    package = PACKAGES[domain]
    try:
        folder = benchmarks_folder(domain)
    except LinkError as error:
        message, _, step = str(error).rpartition("; ")
        return LinkStatus(package, LinkState.NO_BRAINSCORE, None, None, message, step)
    if folder is None:
        message = f"{_distribution(domain)} is not installed for this Python"
        return LinkStatus(package, LinkState.NO_BRAINSCORE, None, None, message, _install(domain))
    place = folder / FOLDER
    state, message, step = _state(place, domain, _recorded(record))
    return LinkStatus(package, state, place, _version(domain), message, step)


def _state(place: Path, domain: str, recorded: dict[str, str | None]) -> tuple[LinkState, str, str]:
    """Return the state, its description and the next step."""
    package, version = PACKAGES[domain], _version(domain)
    full = f"{package} {version or 'of an unknown version'}"
    relink = "run `brainalign link`"
    if not os.access(place.parent, os.W_OK):
        relink = f"{str(place.parent)!r} cannot be written to: {_OTHER_OWNER}, then `brainalign link`"
    if os.path.lexists(place):
        if not _is_ours(place):
            return LinkState.FOREIGN, f"{str(place)!r} was not made by `brainalign link`", "move it away"
        duplicates = _duplicates(place.parent)
        if duplicates:
            step = "`brainalign unlink` takes ours away"
            return LinkState.OUTDATED, _duplicate_message(domain, duplicates), step
        if _text(place) != registration(domain, identifiers()):
            return LinkState.OUTDATED, f"the link in {str(place)!r} is of another brainalign", relink
        found = f"linked: {full} finds {len(identifiers())} meta-benchmarks in {str(place)!r}"
        return LinkState.LINKED, found, ""
    if str(place) in recorded:
        was = recorded[str(place)]
        since = f" (then {was}, now {version})" if was != version else ""
        gone = f"the link into {package}{since} is gone, as after an upgrade or a reinstallation"
        return LinkState.GONE, gone, relink
    return LinkState.ABSENT, f"not linked into {full}", relink


def _distribution(domain: str) -> str:
    return f"brainscore-{domain}"


def _install(domain: str) -> str:
    return f"`pip install 'brainscore-{domain}>=2.{4 if domain == 'vision' else 3}'`"


def _text(place: Path) -> str | None:
    """Return the text of a link's file; None if there is none."""
    try:
        return (place / "__init__.py").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _is_ours(place: Path) -> bool:
    """Return whether a folder holds the file that `link` writes, and no other; compiled modules do not count."""
    if place.is_symlink() or not place.is_dir():
        return False
    names = {path.name for path in place.iterdir()} - {"__pycache__"}
    return names == {"__init__.py"} and (_text(place) or "").startswith(MADE_BY)


def _spec(domain: str) -> ModuleSpec | None:
    package = PACKAGES[domain]
    try:
        return find_spec(package)
    except (ImportError, ValueError) as cause:
        raise LinkError(f"{package} cannot be found ({cause}); reinstall {_distribution(domain)}") from cause


def _leftover(domain: str) -> Path | None:
    """Return the folder of benchmarks that only holds our link, because Brain-Score was uninstalled."""
    spec = _spec(domain)
    if spec is None or spec.origin is not None:
        return None
    places = (Path(place) / "benchmarks" for place in spec.submodule_search_locations or ())
    return next((place for place in places if _is_ours(place / FOLDER)), None)


def _remove_empty(folder: Path) -> None:
    """Remove the folders that an uninstalled Brain-Score left because of our link."""
    for place in (folder, folder.parent):
        if place.name in (*PACKAGES.values(), "benchmarks") and not any(place.iterdir()):
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


def _duplicate_message(domain: str, duplicates: dict[str, str]) -> str:
    name, other = next(iter(duplicates.items()))
    more = f" and {len(duplicates) - 1} more" if len(duplicates) > 1 else ""
    where = f"{PACKAGES[domain]} has the benchmark {name!r}{more} in its folder {other!r}"
    return f"{where} already, and wants each in one folder"


def _remove(*places: Path) -> None:
    for place in places:
        if place.is_dir():
            shutil.rmtree(place)


def _cannot_write(folder: Path, cause: OSError) -> LinkError:
    return LinkError(f"cannot change {str(folder)!r}: {cause.strerror}; {_OTHER_OWNER}")


def _version(domain: str) -> str | None:
    try:
        return importlib.metadata.version(_distribution(domain))
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
