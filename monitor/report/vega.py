"""Altair, and the scripts that draw in a browser what it writes."""

from __future__ import annotations

import functools
import sys
from importlib.metadata import version

from ..errors import ReportError
from ..history.cache import NOTHING_KEPT, Cache

# Where this package is installed jsonschema, which Altair imports, compiles a grammar of it for more than a second;
# Altair checks no addresses.
_GRAMMAR = "rfc3987_syntax"
if _GRAMMAR in sys.modules:
    import altair as alt
else:
    sys.modules[_GRAMMAR] = None  # type: ignore[assignment]
    try:
        import altair as alt
    finally:
        del sys.modules[_GRAMMAR]


def vega_runtime(cache: Cache = NOTHING_KEPT) -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, of the version that Altair writes for where vl-convert has it.

    Parameters
    ----------
    cache : Cache, optional
        Bundling takes more than a second, and gives the same for the same vl-convert.

    Raises
    ------
    ReportError
        If it cannot be had from vl-convert.
    """
    key = cache.key("vega runtime", version("vl-convert-python"), alt.SCHEMA_VERSION)
    kept = cache.get(key)
    if isinstance(kept, str):
        return kept
    runtime = _bundled()
    cache.put(key, runtime)
    return runtime


@functools.cache
def _bundled() -> str:
    import vl_convert

    wanted = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    try:
        versions = (wanted,) if wanted in vl_convert.get_vegalite_versions() else ()
        runtime: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", *versions)
    except ValueError as cause:
        raise ReportError(
            f"vl-convert gave no Vega runtime ({cause}); reinstall vl-convert-python"
        ) from cause
    return runtime


__all__ = ["alt", "vega_runtime"]
