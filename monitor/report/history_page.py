"""The section on a board's past as a page of its own."""

from __future__ import annotations

from typing import Any

from ..history.series import Chronicle
from .chart_base import CONFIG
from .charts import history_specs
from .history_records import HistorySection
from .history_section import history_section, history_tables


def history_page(past: Chronicle) -> tuple[HistorySection, dict[str, Any]]:
    """The records of the section, and what the page's script reads to draw its charts (`embedded_json`)."""
    section, tables = history_section(past), history_tables(past)
    specs = history_specs(section, tables)
    charts = [{"id": name, **vars(spec)} for name, spec in specs.items()]
    return section, {"config": CONFIG, "tables": tables, "charts": charts}
