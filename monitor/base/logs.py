"""Log lines on stderr, and foreign text made harmless for a terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from brainalign_plugin.text import printable


def configure_logs(*, verbose: bool, as_json: bool) -> None:
    """Set up structlog: everything that a run does if verbose, else nothing, because errors end as one line anyhow."""
    renderer: Any = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _harmless,
            renderer,
        ],
        # Retries are warnings of their library, but noise in the mails of cron.
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO if verbose else logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def _harmless(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    found = {name: printable(value) if isinstance(value, str) else value for name, value in event.items()}
    if isinstance(trace := event.get("exception"), str):
        found["exception"] = "\n".join(map(printable, trace.splitlines()))
    return found
