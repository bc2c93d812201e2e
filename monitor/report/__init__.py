"""Records of the report of one board, in the order of the page; `rendering` turns them into HTML."""

from .evidence import Evidence
from .records import Report
from .report import build_report

__all__ = ["Evidence", "Report", "build_report"]
