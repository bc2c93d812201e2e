"""Records of a report become HTML, the pages of a site, and pictures for mails."""

from .page import render_report, write_report

__all__ = ["render_report", "write_report"]
