"""The scripts that draw the specifications in a browser."""

from __future__ import annotations

import functools
from importlib.metadata import version

from brainalign_plugin.plot.vega_lite import VERSION

from ..base.cache import NOTHING_KEPT, Cache
from ..base.errors import ReportError


def vega_runtime(cache: Cache = NOTHING_KEPT) -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, in the version that charts are written for if vl-convert has it.

    Raises ReportError if it cannot be had from vl-convert.

    `cache`: bundling takes more than a second, and gives the same for the same vl-convert.
    """
    key = cache.key("vega runtime", version("vl-convert-python"), VERSION)
    kept = cache.get(key)
    if isinstance(kept, str):
        return kept
    runtime = _bundled()
    cache.put(key, runtime)
    return runtime


@functools.cache
def _bundled() -> str:
    import vl_convert

    try:
        versions = (VERSION,) if VERSION in vl_convert.get_vegalite_versions() else ()
        runtime: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", *versions)
    except ValueError as cause:
        raise ReportError(f"vl-convert gave no Vega runtime ({cause}); reinstall vl-convert-python") from cause
    return runtime
