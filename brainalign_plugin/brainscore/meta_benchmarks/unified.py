"""Registration with ``brainscore``, the package that unites Brain-Score's domains, if it is installed.

That package looks a benchmark up in a registry of its own and then in the one of brainscore_vision. It has no discovery
of plugins. On the package index another project has that name, so a package without such a registry is ignored.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

PACKAGE = "brainscore"


def unified_registry() -> MutableMapping[str, Callable[[], Any]] | None:
    """Return the registry of benchmarks of the unified package; None if there is no such package or registry."""
    try:
        package = sys.modules.get(PACKAGE) or (import_module(PACKAGE) if find_spec(PACKAGE) else None)
    except Exception as cause:  # noqa: BLE001 -- whatever keeps a foreign package from loading must not keep ours
        logging.getLogger(__name__).warning("the package %s cannot be imported: %s", PACKAGE, cause)
        return None
    registry = getattr(package, "benchmark_registry", None)
    usable = isinstance(registry, MutableMapping) and callable(getattr(package, "load_benchmark", None))
    return registry if usable else None


def register_unified(factories: Mapping[str, Callable[[], Any]]) -> bool:
    """Register benchmarks with the unified package as well; identifiers that it has already stay.

    Returns
    -------
    bool
        True if the package has a registry.
    """
    registry = unified_registry()
    if registry is None:
        return False
    for identifier, factory in factories.items():
        registry.setdefault(identifier, factory)
    return True
