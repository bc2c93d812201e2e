"""Templates of reports, site and mail: those of the package, or the user's own of the same name before them."""

from __future__ import annotations

import functools
import hashlib
import traceback
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from brainalign_plugin.text import leaderboard

from .errors import TemplateError

_PACKAGE = "brainalign_monitor.templates"


@functools.cache
def templates(folder: Path | None = None) -> jinja2.Environment:
    """Return the environment of the templates; TemplateError if there is no such folder.

    Sandboxed, because a template that was found somewhere must not read the process's secrets or run its code.
    Templates in ``folder`` are taken instead of the package's of the same name. They can extend or include the
    originals under ``brainalign/<name>``.
    """
    package = jinja2.PackageLoader(_PACKAGE, "")
    loaders: list[jinja2.BaseLoader] = [package]
    if folder is not None:
        if not folder.is_dir():
            raise TemplateError(
                f"the folder of templates {str(folder)!r} is not there; make it, or remove the setting templates"
            )
        loaders.insert(0, jinja2.FileSystemLoader(folder, encoding="utf-8"))
    environment = SandboxedEnvironment(
        loader=jinja2.ChoiceLoader([*loaders, jinja2.PrefixLoader({"brainalign": package})]),
        autoescape=jinja2.select_autoescape(("html", "html.j2", "xml", "xml.j2"), default=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["leaderboard"] = leaderboard
    return environment


def render(name: str, folder: Path | None = None, /, **values: Any) -> str:
    """Render a template; TemplateError names file and line of a broken one."""
    try:
        return templates(folder).get_template(name).render(values)
    except jinja2.TemplateSyntaxError as cause:
        raise TemplateError(_broken(cause.filename or cause.name or name, cause.lineno, cause)) from cause
    except UnicodeDecodeError as cause:
        raise TemplateError(f"the template {name!r} is not UTF-8; save it as UTF-8") from cause
    except jinja2.TemplateNotFound as cause:
        raise TemplateError(f"there is no template {cause.name!r}, which {name!r} needs") from cause
    except (jinja2.TemplateError, *_OF_EXPRESSIONS) as cause:
        place = _place(cause, folder)
        if place is None:
            raise
        raise TemplateError(_broken(*place, cause)) from cause


def asset(name: str, folder: Path | None = None) -> str:
    """Return the text of a style sheet or a script, the user's own if there is one."""
    environment = templates(folder)
    if environment.loader is None:
        raise TemplateError(f"the templates have no loader, so {name} cannot be read; reinstall brainalign")
    try:
        return environment.loader.get_source(environment, name)[0]
    except UnicodeDecodeError as cause:
        raise TemplateError(f"the template {name!r} is not UTF-8; save it as UTF-8") from cause


def hashed(name: str, data: bytes) -> str:
    """Return the name of an asset, unique by its content."""
    stem, _, suffix = name.rpartition(".")
    return f"{stem}-{hashlib.sha256(data).hexdigest()[:12]}.{suffix}"


# Errors of a template's expression besides jinja's own, such as adding a number to a text.
_OF_EXPRESSIONS = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)


def _place(cause: BaseException, folder: Path | None) -> tuple[str, int] | None:
    """Return file and line of the innermost user template that an error passed through, else of the package's.

    None without templates of the user's: then the error is ours.
    """
    if folder is None:
        return None
    frames = [f for f in traceback.extract_tb(cause.__traceback__) if f.filename.endswith(".j2")]
    own = [f for f in frames if Path(f.filename).is_relative_to(folder)]
    return ((own or frames)[-1].filename, (own or frames)[-1].lineno or 0) if frames else None


def _broken(filename: str, line: int, cause: BaseException) -> str:
    said = getattr(cause, "message", None) or str(cause) or type(cause).__name__
    return f"the template {filename!r} is broken in line {line}: {said}; correct it, or move it away"
