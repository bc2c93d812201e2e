"""``/healthz`` and ``/metrics`` over HTTP, for programs that watch whether the monitor lives."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily

from brainalign_plugin import __version__
from brainalign_plugin.errors import BrainAlignError

from ..base.errors import ConfigError
from ..operations.status import Standing
from ..store.stored import MessageState

# Clients that are answered at a time, and the longest time for each, from its first byte to the last of the answer.
_SLOTS = 8
_REQUEST_SECONDS = 5.0
# A client without an answer after this many seconds makes room if others wait.
_PATIENCE_SECONDS = 0.5
_CACHED_SECONDS = 5.0
_NEWEST_SCORE = "Time of the newest score of the newest board; the board's moment if no score has a time."
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

log = structlog.get_logger("brainalign")


def health_json(found: Standing) -> dict[str, Any]:
    """Return the record of ``/healthz``: kinds of failure without addresses, because it is public."""
    successes = [one.last_success for one in found.leaderboards]
    oldest = min((one.at for one in successes if one is not None), default=None)
    return {
        "healthy": found.healthy,
        "problems": list(found.kinds),
        "last_success": None if oldest is None or None in successes else oldest.isoformat(),
    }


def metrics_text(found: Standing) -> bytes:
    """Return the state in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Collector(found))
    return generate_latest(registry)


class _Collector:
    def __init__(self, found: Standing) -> None:
        self.collect = partial(_metrics, found)


# Rows of a metric: the values of its labels, and the number.
_Samples = Iterable[tuple[Sequence[str], float]]


def _metrics(found: Standing) -> Iterator[Metric]:
    yield _gauge("info", "Version of the monitor.", ["version"], [([__version__], 1)])
    yield _gauge("healthy", "1 if the monitor is healthy, else 0.", [], [([], int(found.healthy))])
    moments = (
        ("last_pull", "Last attempt to read the leaderboard.", "last_pull", "at"),
        ("last_success", "Last successful pull.", "last_success", "at"),
        ("last_news", "Last pull that brought a new board.", "last_news", "at"),
        ("board", "Moment that the newest board describes.", "board", "as_of_time"),
        ("newest_score", _NEWEST_SCORE, "board", "dated"),
    )
    for name, text, record, field in moments:
        known = [(one.domain, getattr(one, record)) for one in found.leaderboards]
        times: _Samples = [([domain], getattr(one, field).timestamp()) for domain, one in known if one is not None]
        yield _gauge(f"{name}_timestamp_seconds", text, ["domain"], times)
    yield _gauge("snapshots", "Snapshots in the store.", [], [([], found.snapshots)])
    pulls = CounterMetricFamily(
        "brainalign_pulls", "Attempts to read the leaderboard.", labels=["domain", "outcome", "error"]
    )
    for labels, count in sorted(found.pulls.items()):
        pulls.add_metric(labels, count)
    yield pulls
    runs = SummaryMetricFamily("brainalign_run_duration_seconds", "Finished runs.", labels=["job"])
    for job, took in sorted(found.durations.items()):
        runs.add_metric([job], count_value=took.finished, sum_value=took.seconds)
    yield runs
    lasted: _Samples = [
        ([job, run.state.value], max(0.0, (run.ended_at - run.started_at).total_seconds()))
        for job, run in sorted(found.last_runs.items())
        if run.ended_at is not None
    ]
    yield _gauge("last_run_duration_seconds", "Duration of the last run of a job.", ["job", "state"], lasted)
    outbox: _Samples = [([state.value], found.messages.get(state, 0)) for state in MessageState]
    yield _gauge("messages", "Messages of the outbox.", ["state"], outbox)
    failing: _Samples = [([alarm.name], alarm.failures) for alarm in found.alarms]
    yield _gauge("failures_in_a_row", "Current failures in a row.", ["name"], failing)


def _gauge(name: str, text: str, labels: Sequence[str], samples: _Samples) -> Metric:
    metric = GaugeMetricFamily(f"brainalign_{name}", text, labels=labels)
    for values, number in samples:
        metric.add_metric(values, number)
    return metric


@contextmanager
def served(address: str, port: int, look: Callable[[], Standing]) -> Iterator[int]:
    """Answer ``/healthz`` and ``/metrics`` until the end of the block; gives the port, any free one for 0.

    ``look`` returns the state, and is called in another thread. Raises ConfigError if the port is taken or not allowed.
    """
    try:
        server = _Server((address, port), _handler(look))
    except (OSError, UnicodeError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else "no such address"
        raise ConfigError(
            f"cannot listen at {address!r}, port {port}: {reason}; set health.address and health.port to what is free"
        ) from cause
    thread = threading.Thread(target=server.serve_forever, args=(0.2,), daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _kept(look: Callable[[], Standing]) -> Callable[[], Standing | str]:
    """Return the state, read once in five seconds for all requests by one of them; or the kind of failure."""
    lock, until = threading.Lock(), 0.0
    found: Standing | str = ""

    def read() -> Standing | str:
        try:
            return look()
        except Exception as failure:
            # A health check reports that the store cannot be read; the log has its address.
            kind = type(failure).__name__
            fault = None if isinstance(failure, BrainAlignError) else failure
            log.error("the state cannot be read", kind=kind, error=str(failure), exc_info=fault)
            return f"the store cannot be read ({kind})"

    def answer() -> Standing | str:
        nonlocal until, found
        if not lock.acquire(timeout=_REQUEST_SECONDS):
            return "the store does not answer"
        try:
            if time.monotonic() >= until:
                found = read()
                until = time.monotonic() + _CACHED_SECONDS
            return found
        finally:
            lock.release()

    return answer


class _Server(ThreadingHTTPServer):
    """A server that answers eight clients at a time, each within a deadline."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._slots = threading.BoundedSemaphore(_SLOTS)
        # Since when, in the order in which they came.
        self._open: dict[socket.socket, float] = {}
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        until = time.monotonic() + _REQUEST_SECONDS
        while not self._slots.acquire(timeout=0.05):
            # A slow client makes room for a waiting one.
            self._cut(_PATIENCE_SECONDS)
            if time.monotonic() > until:
                self.shutdown_request(request)
                return
        self._open[request] = time.monotonic()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.pop(request, None)
            self._slots.release()

    def service_actions(self) -> None:
        self._cut(_REQUEST_SECONDS)

    def _cut(self, seconds: float) -> None:
        """End the connections that have been open for so long."""
        for request, since in list(self._open.items()):
            if time.monotonic() - since > seconds:
                with suppress(OSError):  # it has ended by itself
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A closed connection is no error; the library would print a traceback.
        del request, client_address
        failure = sys.exception()
        if not isinstance(failure, OSError):
            log.error("a request could not be answered", exc_info=failure)


def _handler(look: Callable[[], Standing]) -> type[BaseHTTPRequestHandler]:
    looks = _kept(look)

    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST_SECONDS
        server_version, sys_version = "brainalign", ""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0].rstrip("/")
            if path not in ("/healthz", "/metrics"):
                self._answer(404, "text/plain; charset=utf-8", b"there are /healthz and /metrics\n")
                return
            found = looks()
            if isinstance(found, str):
                self._json(503, {"healthy": False, "problems": [found], "last_success": None})
            elif path == "/metrics":
                self._answer(200, _METRICS_TYPE, metrics_text(found))
            else:
                self._json(200 if found.healthy else 503, health_json(found))

        do_HEAD = do_GET  # noqa: N815 (the library's name)

        def _json(self, status: int, record: dict[str, Any]) -> None:
            self._answer(status, "application/json", json.dumps(record).encode("ascii") + b"\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing, because requests come every few seconds."""

    return Handler
