"""Vega-Lite's own schema, which Altair brings along."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator

import jsonschema
from altair.vegalite.schema import load_schema

from brainalign_plugin.plot.chart import Chart
from brainalign_plugin.plot.theme import CONFIG


@functools.cache
def _validator() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(load_schema())


def faults(chart: Chart) -> list[str]:
    """What is no Vega-Lite in a chart as the page draws it, its data left aside."""
    whole = {**chart.spec, "width": 500, "config": CONFIG}
    return sorted({error.message for error in _innermost(_validator().iter_errors(whole))})


def _innermost(errors: Iterable[jsonschema.ValidationError]) -> Iterator[jsonschema.ValidationError]:
    """The errors inside those that only say that something is none of several things."""
    for error in errors:
        yield from _innermost(error.context) if error.context else (error,)
