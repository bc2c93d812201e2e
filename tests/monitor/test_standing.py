"""How things stand: the command, the health check, the metrics, the heartbeat and the alarm about old boards."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from brainalign_monitor.base.errors import BusyError, ConfigError, StoreError
from brainalign_monitor.base.outgoing import Channel, Kind, Message
from brainalign_monitor.config.settings import load_settings
from brainalign_monitor.delivery.services import beat
from brainalign_monitor.health.endpoints import metrics_text, served
from brainalign_monitor.operations.pull import open_home
from brainalign_monitor.operations.status import standing
from tests.commands import brainalign, environment
from tests.conftest import ROOT
from tests.local_site import local_site
from tests.monitor.sources.samples import body_of, document


def recent(models=4):
    """A board whose newest score was made now; that its moment is now says nothing."""
    what = document(models)
    what["datetime_range"]["max"] = datetime.now(UTC).isoformat()
    what["models"][0]["scores"]["Cid2022-i2n"][0]["timestamp"] = datetime.now(UTC).isoformat()
    return body_of(what)


# --- status --------------------------------------------------------------------------------------------------


def test_status_of_a_monitor_that_runs(tmp_path):
    with local_site(recent()) as site:
        brainalign("run", home=tmp_path, base_url=site.url).succeeded()
    told = brainalign("status", "--json", "--check", home=tmp_path).succeeded().json
    assert (told["healthy"], told["problems"], told["snapshots"]) == (True, [], 1)
    (one,) = told["leaderboards"]
    assert one["domain"] == "vision"
    assert one["pulls"]["last"] == one["pulls"]["last_success"] == one["pulls"]["last_news"]
    assert one["pulls"]["last"]["outcome"] == "stored"
    assert 0 <= one["board"]["age_days"] < 1
    assert told["jobs"]["pull"]["last"]["state"] == "finished"
    assert told["jobs"]["pull"]["next"] > told["at"]
    assert told["alarms"] == []
    text = brainalign("status", home=tmp_path).succeeded().out.splitlines()
    assert text[-1] == "healthy"
    assert text[0].startswith("last pull")


def test_status_says_what_fails(tmp_path):
    with local_site(recent()) as site:
        brainalign("run", home=tmp_path, base_url=site.url).succeeded()
        site.serve(b"<html>")
        for _ in range(3):
            assert brainalign("run", home=tmp_path, base_url=site.url).code == 5
    told = brainalign("status", "--json", home=tmp_path).succeeded().json
    (alarm,) = told["alarms"]
    assert (alarm["name"], alarm["failures"], alarm["told"]) == ("watching vision", 3, True)
    (one,) = told["leaderboards"]
    assert one["pulls"]["last"]["error"] == "NotJsonError"
    assert one["pulls"]["last_success"]["outcome"] == "stored"
    assert not told["healthy"]
    ended = brainalign("status", "--check", home=tmp_path)
    assert ended.code == 8
    assert "check: watching vision: " in ended.out


def test_status_is_unhealthy_when_nothing_runs_any_more(stored):
    told = brainalign("status", "--json", home=stored).succeeded().json
    assert told["healthy"]
    told = brainalign("status", "--json", home=stored, health__late_after_hours=0.0000001).json
    assert "the last successful pull of vision was at" in told["problems"][0]
    told = brainalign("status", "--json", home=stored, health__stale_after_days=30).json
    assert "the newest score of vision is of 2023-06-30" in told["problems"][0]
    told = brainalign("status", "--json", home=stored, domain="language").json
    assert "no pull of language has succeeded yet" in told["problems"][0]


def test_status_without_a_store_says_what_to_do(tmp_path):
    ended = brainalign("status", home=tmp_path)
    assert (ended.code, "brainalign fetch" in ended.problem) == (6, True)


# --- /healthz and /metrics -----------------------------------------------------------------------------------


@pytest.fixture
def look(stored):
    settings = load_settings(home=stored, health={"stale_after_days": 100_000})
    with open_home(settings) as store:
        store.enqueue([Message("a@brainalign", Channel.MAIL, Kind.ALERT, "x@y.test", "s", b"b", datetime.now(UTC))])
        yield lambda: standing(settings, store, datetime.now(UTC))


def asked(port, path, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.getheader("Content-Type"), body


def test_the_health_check_answers(look):
    with served("127.0.0.1", 0, look) as port:
        status, kind, body = asked(port, "/healthz")
        assert (status, kind) == (200, "application/json")
        told = json.loads(body)
        assert (told["healthy"], told["problems"]) == (True, [])
        assert asked(port, "/healthz", "HEAD")[::2] == (200, b"")
        assert asked(port, "/")[0] == 404
        assert asked(port, "/../../etc/passwd")[0] == 404
        assert asked(port, "/healthz", "POST")[0] == 501
        assert asked(port, "/healthz?x=1")[0] == 200
    with pytest.raises(ConnectionRefusedError):
        asked(port, "/healthz")


@pytest.mark.parametrize("failure", [StoreError("the store postgresql://me@db.lab/x is damaged"), KeyError("x")])
def test_a_store_that_cannot_be_read_is_unhealthy_and_is_not_named(failure):
    def broken():
        raise failure

    with capture_logs() as said, served("127.0.0.1", 0, broken) as port:
        for path in ("/healthz", "/metrics"):
            status, _, body = asked(port, path)
            assert status == 503
            problem = f"the store cannot be read ({type(failure).__name__})"
            assert json.loads(body)["problems"] == [problem]
    assert [line["event"] for line in said] == ["the state cannot be read"], "once for both"


def test_the_health_check_names_kinds_of_failures_without_addresses(tmp_path):
    given = {"home": tmp_path, "base_url": "http://127.0.0.1:1/private", "attempts": 1}
    for _ in range(3):
        assert brainalign("run", **given).code == 4
    settings = load_settings(home=tmp_path)
    with open_home(settings) as store:
        look = lambda: standing(settings, store, datetime.now(UTC))  # noqa: E731
        with served("127.0.0.1", 0, look) as port:
            body = asked(port, "/healthz")[2]
    assert "watching vision failed 3 times in a row (UnreachableError)" in json.loads(body)["problems"]
    assert b"127.0.0.1" not in body


def test_one_answer_serves_all_who_ask_within_five_seconds(look):
    asks = []
    with served("127.0.0.1", 0, lambda: asks.append(1) or look()) as port:
        for path in ("/healthz", "/metrics") * 5:
            assert asked(port, path)[0] == 200
    assert len(asks) == 1


def test_slow_clients_hold_eight_threads_and_no_longer_than_the_deadline(look):
    def drip(client):
        with contextlib.suppress(OSError):
            while True:
                client.sendall(b"G")
                time.sleep(0.1)

    with served("127.0.0.1", 0, look) as port, contextlib.ExitStack() as stack:
        before = threading.active_count()
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(30)]
        droppers = [threading.Thread(target=drip, args=(client,), daemon=True) for client in slow]
        for thread in droppers:
            thread.start()
        time.sleep(0.3)
        assert threading.active_count() - before - len(droppers) <= 8
        began = time.monotonic()
        assert asked(port, "/healthz")[0] == 200
        assert time.monotonic() - began < 6
        for thread in droppers:
            thread.join(10)
        assert not any(thread.is_alive() for thread in droppers)
        assert threading.active_count() == before


def test_many_ask_at_once_and_a_silent_client_blocks_nobody(look):
    with served("127.0.0.1", 0, look) as port, socket.create_connection(("127.0.0.1", port)):
        found = []
        threads = [threading.Thread(target=lambda: found.append(asked(port, "/metrics")[0])) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [200] * 12


def test_a_port_that_is_taken_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(ConfigError, match=f"cannot listen at '127.0.0.1', port {port}: Address already in use"),
            served("127.0.0.1", port, lambda: None),
        ):
            pass


def samples(text):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_the_metrics_are_what_prometheus_reads(look, stored):
    brainalign("fetch", stored / "absent.json", home=stored)
    with served("127.0.0.1", 0, look) as port:
        status, kind, body = asked(port, "/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    found = samples(body)
    assert found[("brainalign_healthy",)] == 1
    assert found[("brainalign_snapshots",)] == 1
    success = found[("brainalign_last_success_timestamp_seconds", ("domain", "vision"))]
    assert success == found[("brainalign_last_news_timestamp_seconds", ("domain", "vision"))]
    assert found[("brainalign_last_pull_timestamp_seconds", ("domain", "vision"))] > success
    assert found[("brainalign_board_timestamp_seconds", ("domain", "vision"))] == 1704067200
    pulls = {key[1:]: value for key, value in found.items() if key[0] == "brainalign_pulls_total"}
    assert pulls == {
        (("domain", "vision"), ("error", ""), ("outcome", "stored")): 1,
        (("domain", "vision"), ("error", "SourceError"), ("outcome", "failed")): 1,
    }
    assert found[("brainalign_messages", ("state", "pending"))] == 1
    assert found[("brainalign_messages", ("state", "given_up"))] == 0
    assert found[("brainalign_run_duration_seconds_count", ("job", "pull"))] == 1
    assert 0 < found[("brainalign_run_duration_seconds_sum", ("job", "pull"))] < 600
    assert 0 < found[("brainalign_last_run_duration_seconds", ("job", "pull"), ("state", "finished"))] < 600


def test_an_empty_store_has_metrics_too(tmp_path):
    settings = load_settings(home=tmp_path)
    with open_home(settings) as store:
        found = samples(metrics_text(standing(settings, store, datetime.now(UTC))))
    assert found[("brainalign_healthy",)] == 0
    assert not any(key[0].endswith("timestamp_seconds") for key in found)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def test_serve_answers_while_it_works_and_stops_when_asked(tmp_path):
    port = free_port()
    with local_site(recent()) as site:
        brainalign("run", home=tmp_path, base_url=site.url).succeeded()
        process = subprocess.Popen(
            [sys.executable, "-m", "brainalign_monitor", "serve"],
            env=environment(home=tmp_path, base_url=site.url, health__port=port),
            cwd=ROOT,
            stderr=subprocess.PIPE,
        )
        try:
            deadline, told = time.monotonic() + 120, None
            while told is None and time.monotonic() < deadline:
                with contextlib.suppress(ConnectionError):
                    told = asked(port, "/healthz")
                time.sleep(0.2)
            assert told is not None
            assert told[0] == 200, told
            assert samples(asked(port, "/metrics")[2])[("brainalign_healthy",)] == 1
        finally:
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=90)[1]
    assert process.returncode == 0, said


def test_serve_says_that_its_port_is_taken(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = brainalign("serve", home=tmp_path, health__port=port, base_url="http://127.0.0.1:1")
    assert (ended.code, f"port {port}: Address already in use" in ended.problem) == (3, True)


# --- heartbeat and age ---------------------------------------------------------------------------------------


@contextmanager
def heartbeats(status=200, seen=lambda _: None):
    """A service that takes heartbeats; yields its address and the paths that were called."""
    called = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            called.append(self.path)
            seen(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/ping/canary-31", called
    finally:
        server.shutdown()
        server.server_close()


def test_a_heartbeat_tells_when_a_run_begins_and_how_it_ended(tmp_path):
    with local_site(recent()) as site, heartbeats() as (url, called):
        given = {"home": tmp_path, "base_url": site.url, "health__heartbeat_url": url}
        brainalign("run", **given).succeeded()
        brainalign("run", **given).succeeded()
        success = ["/ping/canary-31/start", "/ping/canary-31"]
        assert called == success * 2
        site.serve(b"<html>")
        assert brainalign("run", **given).code == 5
        assert called[4:] == ["/ping/canary-31/start", "/ping/canary-31/fail"]


def test_a_query_of_a_heartbeat_stays_at_its_end():
    with heartbeats() as (url, called):
        assert beat(f"{url}/?key=1", "fail")
        assert beat(f"{url}?key=1")
    assert called == ["/ping/canary-31/fail?key=1", "/ping/canary-31?key=1"]


@pytest.mark.parametrize("status", [404, 500])
def test_a_heartbeat_that_fails_changes_nothing_and_tells_no_secret(tmp_path, status):
    with local_site(recent()) as site:
        given = {"home": tmp_path, "base_url": site.url}
        with heartbeats(status) as (url, _):
            ended = brainalign("--log-json", "run", **given, health__heartbeat_url=url)
        assert ended.code == 0
        assert "the heartbeat was refused" in ended.err
        ended = brainalign("--log-json", "run", **given, health__heartbeat_url="http://127.0.0.1:1/canary-31")
        assert ended.code == 0
        assert "the heartbeat could not be sent" in ended.err
        assert "canary-31" not in ended.err


def test_a_heartbeat_is_not_waited_for(silent_address):
    assert not beat(silent_address, seconds=0.2)


def test_the_lock_is_given_back_before_the_heartbeat_that_tells_how_a_run_ended(tmp_path):
    free = []

    def look(path):
        with open_home(load_settings(home=tmp_path)) as store:
            try:
                with store.exclusive("a test"):
                    free.append((path, True))
            except BusyError:
                free.append((path, False))

    with local_site(recent()) as site, heartbeats(seen=look) as (url, _):
        brainalign("run", home=tmp_path, base_url=site.url, health__heartbeat_url=url).succeeded()
    assert free[-1] == ("/ping/canary-31", True)


def test_the_operator_is_told_of_an_old_board_once_and_of_a_new_one(tmp_path):
    def told(site, **more):
        ended = brainalign("run", home=tmp_path, base_url=site.url, **more)
        assert ended.code == 0
        alarms = brainalign("status", "--json", home=tmp_path, **more).json["alarms"]
        return ended.err, [alarm["name"] for alarm in alarms]

    age = "the check that vision is up to date"
    month = {"health__stale_after_days": 30}
    old = document(4)
    # The moment of the request, as the site states it.
    old["datetime_range"]["max"] = datetime.now(UTC).isoformat()
    with local_site(body_of(old)) as site:
        assert told(site) == ("", [])
        said, alarms = told(site, **month)
        assert (f"{age} failed" in said, alarms) == (True, [age]), "on stderr, which cron mails"
        assert len(brainalign("status", "--json", home=tmp_path, **month).json["problems"]) == 1
        assert told(site, **month) == ("", [age])
        site.serve(recent())
        assert told(site, **month) == ("", [])


def test_a_file_of_the_past_is_no_stale_leaderboard(small, tmp_path):
    brainalign("run", "--source", small, home=tmp_path / "h", health__stale_after_days=30).succeeded()
    assert brainalign("status", "--json", home=tmp_path / "h").json["alarms"] == []


def test_next_slots_follow_the_schedule(stored):
    told = brainalign("status", "--json", home=stored, schedule__pull="0 3 * * *").json
    moment = datetime.fromisoformat(told["jobs"]["pull"]["next"])
    assert (moment.hour, moment.minute) == (3, 0)
    assert moment - datetime.fromisoformat(told["at"]) <= timedelta(days=1)
