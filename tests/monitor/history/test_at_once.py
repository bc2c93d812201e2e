"""A site is published, and a history told, while boards of the past come into the same store."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.commands import brainalign_process


def test_a_backfill_beside_publishing_and_histories_stops_none_of_them(past: Path):
    """Real processes: weekly boards come while others read, each of which sees one list of boards."""
    ended = []

    def repeat(*arguments: object) -> None:
        ended.extend(brainalign_process(*arguments, home=past) for _ in range(2))

    commands = (
        ("backfill", "--every", "week"),
        ("publish", "-o", past / "site"),
        ("history", "--every", "week", "--json"),
    )
    threads = [threading.Thread(target=repeat, args=command) for command in commands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(one.code, one.err) for one in ended if one.code} == set()
