"""Slots are done once, whoever tries; one process at a time has the lock, and its death frees it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest

from brainalign_monitor.base.errors import BusyError, StoreError
from brainalign_monitor.store import RunRecord, RunState, Store, open_store
from tests.contracts.conftest import Backend

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
SLOT = datetime(2026, 1, 2, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)


def claim(store: Store, slot: datetime = SLOT, at: datetime = NOW, **how: int) -> RunRecord:
    claimed = store.claim_slot("pull", slot, at, "here", 42, **how)
    assert claimed is not None
    return claimed


def test_a_slot_is_claimed_once_and_its_end_is_kept(store: Store) -> None:
    run = claim(store)
    assert run == RunRecord(run.id, "pull", SLOT, RunState.CLAIMED, 1, "here", 42, NOW, None, None, "")
    assert store.claim_slot("pull", SLOT, NOW, "there", 43) is None
    assert claim(store, SLOT + HOUR).id != run.id
    other = store.claim_slot("weekly", SLOT, NOW, "there", 43)
    assert other is not None
    store.end_slot(run, NOW + HOUR, RunState.FAILED, "SourceError", "gone \x00 away")
    assert store.claim_slot("pull", SLOT, NOW, "there", 43) is None, "a failed slot is done"
    store.end_slot(other, NOW)
    (kept,) = store.slots("pull", SLOT, SLOT)
    assert (kept.state, kept.ended_at, kept.error) == (RunState.FAILED, NOW + HOUR, "SourceError")
    assert kept.message == "gone \x00 away"
    assert [run.state for run in store.runs("weekly")] == [RunState.FINISHED]
    assert [run.slot for run in store.runs("pull")] == [SLOT + HOUR, SLOT]
    assert len(store.runs()) == 3
    assert len(store.runs(limit=1)) == 1


def test_of_many_who_claim_one_slot_one_gets_it(backend: Backend) -> None:
    url = backend.fresh()
    backend.open(url).close()
    slots = [SLOT + i * HOUR for i in range(5)]
    barrier, claimed = Barrier(4), []

    def try_all(pid: int) -> None:
        with backend.open(url) as store:
            barrier.wait()
            runs = [store.claim_slot("pull", slot, NOW, "here", pid) for slot in slots]
        claimed.extend(run.slot for run in runs if run is not None)

    threads = [Thread(target=try_all, args=(pid,)) for pid in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == slots


def test_a_lost_slot_is_claimed_again_but_not_for_ever(store: Store) -> None:
    claim(store)
    done = claim(store, SLOT + HOUR)
    store.end_slot(done, NOW)
    for attempt in (1, 2, 3):
        (claimed,) = store.claimed_slots()
        (lost,) = store.lose_claimed(NOW + HOUR)
        assert lost == claimed
        assert (lost.slot, lost.attempt) == (SLOT, attempt)
        (kept,) = store.slots("pull", SLOT, SLOT)
        assert (kept.state, kept.ended_at) == (RunState.LOST, NOW + HOUR)
        again = store.claim_slot("pull", SLOT, NOW, "there", 7, attempts=3)
        assert (again is not None) == (attempt < 3)
        if again is not None:
            assert (again.attempt, again.pid, again.host, again.ended_at) == (attempt + 1, 7, "there", None)
    assert store.lose_claimed(NOW) == ()
    assert store.slots("pull", SLOT + HOUR, SLOT + HOUR)[0].state is RunState.FINISHED


def test_who_was_taken_for_dead_cannot_commit(store: Store) -> None:
    run = claim(store)
    store.hold_slot(run)
    store.lose_claimed(NOW)
    assert claim(store).attempt == 2
    with pytest.raises(StoreError, match="taken over by another process"):
        store.end_slot(run, NOW)

    def commit() -> None:
        with store.transaction() as inside:
            inside.log_failure(NOW, "here", "vision", refused=False, message="")
            inside.hold_slot(run)

    with pytest.raises(StoreError, match="taken over by another process"):
        commit()
    assert store.pulls() == ()
    assert store.slots("pull", SLOT, SLOT)[0].state is RunState.CLAIMED


def test_a_missed_slot_is_noted_once_and_never_done(store: Store) -> None:
    assert store.miss_slot("pull", SLOT, NOW, "here", 42, "3 slots were missed")
    assert not store.miss_slot("pull", SLOT, NOW, "here", 42, "again")
    (kept,) = store.runs("pull")
    assert (kept.state, kept.attempt, kept.message) == (RunState.MISSED, 0, "3 slots were missed")
    assert store.claim_slot("pull", SLOT, NOW, "here", 42) is None
    assert store.last_slot("pull", NOW) == SLOT
    claim(store, SLOT + HOUR)
    assert not store.miss_slot("pull", SLOT + HOUR, NOW, "here", 42, "not missed at all")


def test_the_last_slot_is_not_one_of_a_clock_that_ran_ahead(store: Store) -> None:
    assert store.last_slot("pull", NOW) is None
    for slot in (SLOT, SLOT - HOUR, SLOT + timedelta(days=365)):
        claim(store, slot)
    assert store.last_slot("pull", NOW) == SLOT
    assert store.last_slot("pull", SLOT) == SLOT
    assert store.last_slot("weekly", NOW) is None


def test_moments_have_a_zone(store: Store) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    run = claim(store)
    for refused in (
        lambda: store.claim_slot("pull", naive, NOW, "here", 1),
        lambda: store.claim_slot("pull", SLOT, naive, "here", 1),
        lambda: store.end_slot(run, naive),
        lambda: store.lose_claimed(naive),
    ):
        with pytest.raises(StoreError, match="without a time zone"):
            refused()


# The lock

HOLD = """
import sys, time
from pathlib import Path
from brainalign_monitor.store import open_store
with open_store(sys.argv[1], Path(sys.argv[2])) as store, store.exclusive("brainalign serve"):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def holding(backend: Backend, url: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, url, str(backend.folder / "bodies")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_names_its_holder_and_ends_with_it(backend: Backend, ending: signal.Signals) -> None:
    url = backend.fresh()
    with backend.open(url) as store, holding(backend, url) as process:
        with pytest.raises(BusyError) as caught, store.exclusive("brainalign run"):
            pytest.fail("two have the lock")
        # PostgreSQL cuts what is longer.
        assert f"brainalign serve (process {process.pid} on {socket.gethostname()}"[:60] in str(caught.value)
        store.log_failure(NOW, "here", "vision", refused=False, message="others may write")
        process.send_signal(ending)
        process.wait()
        deadline = time.monotonic() + 10
        while True:
            try:
                with store.exclusive("brainalign run"):
                    break
            except BusyError:
                assert time.monotonic() < deadline, "the lock outlived its process"
                time.sleep(0.05)


def test_the_lock_can_be_had_again_and_not_twice(backend: Backend) -> None:
    url = backend.fresh()
    with backend.open(url) as store, backend.open(url) as other:
        for _ in range(3):
            with (
                store.exclusive("first"),
                pytest.raises(BusyError, match=rf"first \(process {os.getpid()} on .* is at work on the store"),
                other.exclusive("second"),
            ):
                pass
        with pytest.raises(ZeroDivisionError), store.exclusive("first"):
            raise ZeroDivisionError
        with other.exclusive("second"):
            pass


def test_a_folder_without_room_for_the_lock_says_so(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.sqlite", tmp_path / "bodies") as store:
        (tmp_path / "store.sqlite.lock").unlink(missing_ok=True)
        (tmp_path / "store.sqlite.lock").mkdir()
        with pytest.raises(StoreError, match="cannot open the lock"), store.exclusive("first"):
            pass
