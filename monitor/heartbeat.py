"""A call after every success, to a service that notices when the calls stop."""

from __future__ import annotations

import httpx
import structlog

from brainalign_plugin import __version__

log = structlog.get_logger("brainalign")

_SECONDS = 10.0


def beat(url: str, timeout: float = _SECONDS) -> bool:
    """Call a heartbeat address. A failure is logged and changes nothing: the service's silence is the alarm.

    Parameters
    ----------
    url : str
        Secret: neither it nor an error that quotes it is told.

    Returns
    -------
    bool
        Whether it was answered with 2xx.
    """
    try:
        answer = httpx.get(
            url, timeout=timeout, follow_redirects=False, headers={"User-Agent": f"brainalign/{__version__}"}
        )
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as cause:
        log.error("the heartbeat could not be sent", kind=type(cause).__name__)
        return False
    if not answer.is_success:
        log.error("the heartbeat was refused", status=answer.status_code)
    return answer.is_success
