"""Each kind of bad response, by the command: its own failure, nothing stored, the body kept, one line."""

from __future__ import annotations

import gzip
import json

import pytest

from brainalign_monitor.store import Outcome, open_store
from tests.commands import brainalign, stored_state
from tests.monitor.sources.bad_responses import BAD_RESPONSES, LIMITS, BadResponse


def test_there_are_many_kinds():
    assert len(BAD_RESPONSES) >= 20
    assert len({bad.name for bad in BAD_RESPONSES}) == len(BAD_RESPONSES)
    assert len({bad.error for bad in BAD_RESPONSES}) >= 10


@pytest.mark.parametrize("bad", BAD_RESPONSES, ids=lambda bad: bad.name)
def test_nothing_is_stored_of_a_bad_response(stored, server, bad: BadResponse):
    server.answers = [bad.answer]
    before = stored_state(stored)
    ended = brainalign("--log-json", "run", home=stored, base_url=server.url, **LIMITS)
    *logged, problem = ended.err.splitlines()
    assert (ended.code, ended.out) == (bad.error.exit_code, "")
    assert problem.startswith("brainalign: ")
    (said,) = [line for line in map(json.loads, logged) if line["event"] in ("refused", "failed")]
    assert said["error"] == bad.error.__name__
    assert stored_state(stored) == before
    with open_store(stored / "brainalign.sqlite", stored / "bodies") as store:
        pull = store.pulls()[0]
    assert pull.outcome is (Outcome.REFUSED if ended.code == 5 else Outcome.FAILED)
    assert problem.startswith(f"brainalign: {pull.message}")
    kept = list(stored.glob("refused/*.body.gz"))
    if bad.kept is None:
        assert kept == []
        return
    (path,) = kept
    body = path.read_bytes()
    assert bad.kept(body) or bad.kept(gzip.decompress(body)), "as received, packed if it was not"
    assert str(path) in problem, "the line says where it is"
    (note,) = stored.glob("refused/*.json")
    assert json.loads(note.read_text())["reason"] == pull.message
