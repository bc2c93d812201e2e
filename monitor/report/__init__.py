"""The report: records from an analysis (`view`), charts (`charts`), one HTML file (`render`)."""

from .records import ReportView
from .render import render_report, write_report
from .view import build_view

__all__ = ["ReportView", "build_view", "render_report", "write_report"]
