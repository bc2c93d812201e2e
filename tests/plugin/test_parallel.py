"""Work shared among processes: order, failures, and processes that are killed."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from brainalign_plugin.errors import BoardError, BrainAlignError
from brainalign_plugin.parallel import each


def children():
    return set(Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split())


def open_files():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("jobs", [1, 2, 3, 20, -1])
def test_results_come_in_the_order_of_the_items(jobs):
    assert list(each(lambda item: item**2, range(10), jobs)) == [item**2 for item in range(10)]
    assert list(each(lambda item: item, [], jobs)) == []


def test_the_work_is_done_in_as_many_processes():
    found = set(each(lambda _: os.getpid(), range(6), 3))
    assert len(found) == 3
    assert os.getpid() not in found


def test_large_results_are_whole():
    found = list(each(lambda item: np.full(300_000, item), range(5), 2))
    assert [(one.size, one[0], one[-1]) for one in found] == [(300_000, item, item) for item in range(5)]


class TornError(Exception):
    """Cannot be pickled, whatever library has taught pickle to copy errors."""

    def __init__(self, words):
        super().__init__(words)
        self.part = lambda: None


def fail(item):
    if item == 2:
        raise BoardError("no fit")
    if item == 3:
        raise TornError("a kind of error that cannot be copied")
    if item == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return (lambda: item) if item == 5 else item


@pytest.mark.parametrize(
    ("item", "kind", "words"),
    [
        (2, BoardError, "no fit"),
        (3, RuntimeError, "a kind of error that cannot be copied"),
        (4, BrainAlignError, "was killed, perhaps for want of memory; give fewer jobs"),
        (5, Exception, "pickle"),
    ],
)
def test_a_failure_is_raised_and_no_process_is_left(item, kind, words):
    before = children()
    with pytest.raises(kind, match=words):
        list(each(fail, [0, 1, item, 6], 2))
    assert children() == before


def test_results_that_are_not_read_end_the_processes():
    before, files = children(), open_files()
    work = each(lambda item: item, range(100), 2)
    assert next(work) == 0
    assert len(children() - before) == 2
    work.close()
    assert (children(), open_files()) == (before, files)


def test_another_thread_may_share_work():
    found = []
    thread = threading.Thread(target=lambda: found.extend(each(lambda item: item + 1, range(4), 2)))
    thread.start()
    thread.join(60)
    assert found == [1, 2, 3, 4]
