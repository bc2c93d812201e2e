"""Analysis of one board, a file a question; `analyse` answers all of them."""

from .record import Analysis, analyse, analysis_json

__all__ = ["Analysis", "analyse", "analysis_json"]
