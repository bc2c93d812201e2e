"""What every store promises, whatever database it is kept in."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from brainalign_monitor.base.errors import StoreError
from brainalign_monitor.sources.payload import Pull, parse_payload
from brainalign_monitor.store import Outcome, Store
from brainalign_plugin.data.board import Model
from brainalign_plugin.data.cells import SupersededCells
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.data.tree import BenchmarkTree
from brainalign_plugin.files.site_cells import Rejected
from brainalign_plugin.files.snapshot_file import content_digest, snapshot_bytes
from brainalign_plugin.text import masked_address
from tests.boards import LAST_DAY, SCORED, as_time, day, reordered, small_tree, snapshot_of, tree_of
from tests.contracts.conftest import Backend
from tests.contracts.lives import lives

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
EXAMPLES = {"sqlite": 30, "postgres": 12}


def add(store: Store, board: Snapshot, at: datetime = NOW) -> int:
    return store.add(board, snapshot_bytes(board), at).id


def small(first: float = 0.5, **changes: object) -> Snapshot:
    """Three models on seven leaves, all states; ``first`` is the score of the first cell."""
    rows = [
        [first, 0.25, "X", 0.75, "", 0.125, 0.5],
        [0.5, "X", 0.625, 0.5, 0.5, "", 0.5],
        ["", "", "", "", "", "", ""],
    ]
    return snapshot_of(small_tree(), rows, **{"published": {"average_vision": [0.4, 0.3, ""]}, **changes})


def cells(backend: Backend, url: str) -> int:
    ((count,),) = backend.execute(url, "SELECT count(*) FROM cell")
    return int(str(count))


# Snapshots come back


@dataclass(frozen=True)
class Real:
    """The real payloads, read once."""

    pulls: tuple[Pull, ...]


@pytest.fixture(scope="module")
def real(shared_site: Path) -> Real:
    paths = sorted(shared_site.glob("compare-data-*.json.gz"))
    return Real(tuple(parse_payload(path.read_bytes(), str(path), NOW) for path in paths))


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4, 5, 6), (4, 0, 6, 2, 5, 1, 3)], ids=["in order", "shuffled"])
def test_the_real_boards_come_back_exactly(store: Store, real: Real, order: tuple[int, ...]) -> None:
    stored = {i: store.add(real.pulls[i].snapshot, real.pulls[i].body, NOW) for i in order}
    for i, pull in enumerate(real.pulls):
        assert stored[i].new
        assert store.snapshot(stored[i].id) == pull.snapshot
        assert store.body(store.info(stored[i].id).body_sha256) == pull.body
    infos = store.snapshots()
    assert [info.as_of_time for info in infos] == sorted(pull.snapshot.as_of_time for pull in real.pulls)
    latest = store.latest("vision")
    assert latest is not None
    assert latest.as_of_time == datetime(2024, 1, 1, tzinfo=UTC)
    assert (latest.models, latest.benchmarks) == (281, 53)
    assert sum(latest.states.values()) == 281 * 53
    assert store.check() == []
    again = store.add(real.pulls[2].snapshot, real.pulls[2].body, NOW)
    assert (again.new, again.id, again.rows_added, again.rows_closed) == (False, stored[2].id, 0, 0)


def test_a_reconstructed_history_comes_back_exactly(backend: Backend, real: Real) -> None:
    url = backend.fresh()
    latest = real.pulls[-1]
    boards = [latest.snapshot.as_of(date(year, month, 1)) for year in (2022, 2023) for month in (1, 5, 9)]
    with backend.open(url) as store:
        observed = store.add(latest.snapshot, latest.body, NOW)
        before = cells(backend, url)
        numbers = [store.add(board, latest.body, NOW).id for board in boards]
        # Apart from what was observed: its rows are still open, and it is still what is meant by the latest.
        models = (replace(latest.snapshot.models[0], name="another"), *latest.snapshot.models[1:])
        changed = replace(latest.snapshot, as_of_time=NOW, models=models)
        assert store.add(changed, b"{}", NOW).rows_added == 0
        assert [store.snapshot(number) for number in numbers] == boards
        assert store.snapshot(observed.id) == latest.snapshot
        # All at once, of two chains and in whatever order.
        mixed = [numbers[4], observed.id, numbers[0], numbers[2]]
        assert list(store.snapshots_whole(mixed)) == [boards[4], latest.snapshot, boards[0], boards[2]]
        assert list(store.snapshots_whole([])) == []
        assert not store.latest("vision").reconstructed
        assert [info.reconstructed for info in store.snapshots("vision")] == [True] * 6 + [False] * 2
        assert [pull.snapshot_id for pull in store.pulls()] == [observed.id + 7, observed.id]
        assert not store.add(boards[3], latest.body, NOW).new
        # A board that only grows takes few rows more than its last state.
        assert cells(backend, url) - before < 1.2 * before


def examples(count: int) -> hypothesis.settings:
    health = [hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow]
    return hypothesis.settings(max_examples=count, deadline=None, suppress_health_check=health)


def test_any_life_comes_back_exactly_in_any_order(backend: Backend) -> None:
    url = backend.fresh()

    @examples(EXAMPLES[backend.name])
    @hypothesis.given(st.data())
    def check(data: st.DataObject) -> None:
        boards = data.draw(lives())
        order = data.draw(st.permutations(range(len(boards))))
        backend.clear(url)
        for i in order:
            add(store, boards[i])
        infos = store.snapshots()
        # What was last seen by a moment is what the store holds for it.
        holding = [next(info for info in infos[::-1] if info.as_of_time <= b.as_of_time) for b in boards]
        assert {info.id for info in holding} == {info.id for info in infos}
        assert [info.digest for info in holding] == [content_digest(board) for board in boards]
        for board, info in zip(boards, holding, strict=True):
            assert info.as_of_time <= board.as_of_time <= info.until_time
        rebuilt = [replace(b, as_of_time=info.as_of_time) for b, info in zip(boards, holding, strict=True)]
        found = list(store.snapshots_whole([info.id for info in holding]))
        assert [content_digest(board) for board in found] == [content_digest(board) for board in rebuilt]
        assert [info.id for info in infos] == sorted({i.id for i in infos}, key=lambda n: store.info(n).as_of_time)
        assert store.check() == []

    with backend.open(url) as store:
        check()


def test_the_order_of_import_does_not_matter(backend: Backend) -> None:
    url = backend.fresh()

    @examples(EXAMPLES[backend.name] // 2)
    @hypothesis.given(lives(steps=3))
    def check(boards: list[Snapshot]) -> None:
        seen = []
        for order in (boards, boards[::-1]):
            backend.clear(url)
            for board in order:
                add(store, board)
            # Moments that coincide are the hard case: the last board again, as another body.
            add(store, replace(boards[-1], source="another mirror"))
            seen.append(
                [(i.as_of_time, i.seen_until, i.newest_score_at, i.digest, i.states) for i in store.snapshots()]
            )
        assert seen[0] == seen[1]
        digests = [content_digest(board) for board in boards]
        assert [one[3] for one in seen[0]] == [digest for digest, _ in itertools.groupby(digests)]

    with backend.open(url) as store:
        check()


def test_numbers_and_text_are_exact(store: Store) -> None:
    scores = [0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 1e22, -1.5]
    tree = small_tree()
    board = small()
    columns = [tree.index[leaf] for leaf in tree.leaves()]
    values = np.array(board.scores)
    values[0, columns] = scores
    states = np.where(np.isnan(values), board.states, 2)
    times = np.array(board.scored_at)
    times[0, columns[0]] = np.datetime64("9999-12-31T23:59:59.999999", "us")
    times[0, columns[1]] = np.datetime64("0001-01-01T00:00:00.000001", "us")
    name = "a\\b\\u0041 \x00 \ud800 \U0001f600 '; DROP TABLE cell; -- \u202e"
    models = (
        Model(-(2**63), name, datetime(1, 1, 1, tzinfo=UTC), 2**40),
        Model(0, "", datetime.max.replace(tzinfo=UTC)),
        Model(2**63 - 1, name),
    )
    exact = replace(board, scores=values, states=states, scored_at=times, models=models, source="/tmp/\udcff.json")
    number = add(store, exact)
    assert store.snapshot(number) == exact
    assert store.info(number).source == exact.source
    assert store.check() == []


def test_older_cells_come_back_in_the_order_of_the_source(store: Store) -> None:
    tree = tree_of(
        {"average_vision": {"neural_vision": {"A2020-pls": (1, 2, 3)}, "behavior_vision": {"B2021-i2n": (2, 1)}}}
    )
    for number, order in enumerate(itertools.permutations(range(4))):
        old = SupersededCells(
            row=np.array([0, 0, 1, 1]),
            column=np.array([4, 2, 2, 2]),
            version=np.array([1, 0, 2, 1]),
            states=np.array([2, 0, 1, 2]),
            scores=np.array([0.123456789, np.nan, np.nan, 1.25]),
            errors=np.array([np.nan, np.nan, 0.5, 0.25]),
            scored_at=np.array([as_time(day(1)), "NaT", "NaT", as_time(day(2))], dtype="datetime64[us]"),
        ).take(np.array(order))
        scores = [[0.5, 0.5], [number / 100, "X"]]
        board = snapshot_of(tree, scores, superseded=old, as_of_time=day(number))
        assert store.snapshot(add(store, board)) == board


# What is stored, and what is not stored twice


def test_an_unchanged_board_adds_no_scores(backend: Backend) -> None:
    url = backend.fresh()
    with backend.open(url) as store:
        first = store.add(small(), b"monday", NOW)
        assert first.new
        assert first.rows_added > 0
        rows = cells(backend, url)
        for later, body in ((1, b"tuesday"), (2, b"wednesday")):
            board = replace(reordered(small(), [2, 0, 1]), as_of_time=day(LAST_DAY + later), source=f"day {later}")
            stored = store.add(board, body, NOW + timedelta(days=later))
            assert (stored.id, stored.new, stored.rows_added) == (first.id, False, 0)
        assert cells(backend, url) == rows
        (info,) = store.snapshots()
        assert (info.as_of_time, info.seen_until) == (day(LAST_DAY), day(LAST_DAY + 2))
        assert store.body(info.body_sha256) == b"monday"
        assert len(list(backend.folder.glob("bodies/*/*.json.gz"))) == 1
        # A board that came back after another one is news again.
        other = replace(small(0.75), as_of_time=day(LAST_DAY + 3))
        assert store.add(other, b"thursday", NOW).new
        assert store.add(replace(small(), as_of_time=day(LAST_DAY + 4)), b"monday", NOW).new
        assert [info.seen_until for info in store.snapshots()] == [day(LAST_DAY + 2), None, None]


def test_a_board_between_two_sightings_splits_them(store: Store) -> None:
    for later in (0, 1, 4, 5, 6):
        store.add(replace(small(), as_of_time=day(later)), b"a", NOW + timedelta(hours=later))
    store.add(replace(small(0.75), as_of_time=day(2)), b"b", NOW + timedelta(hours=9))
    infos = store.snapshots()
    assert [(info.as_of_time, info.seen_until) for info in infos] == [
        (day(0), day(1)),
        (day(2), None),
        (day(4), day(6)),
    ]
    assert infos[0].digest == infos[2].digest != infos[1].digest
    assert infos[2].seen_at == NOW + timedelta(hours=4), "when it was first seen for its moment"
    assert [pull.snapshot_id for pull in store.pulls()] == [infos[i].id for i in (1, 2, 2, 2, 0, 0)]
    assert store.latest("vision") == infos[2]
    # The same archive once more brings nothing.
    for later, board in ((0, small()), (2, small(0.75)), (4, small()), (5, small())):
        assert not store.add(replace(board, as_of_time=day(later)), b"c", NOW).new
    assert store.snapshots() == infos
    assert store.check() == []


def test_the_newest_score_is_known_and_none_of_the_future(store: Store) -> None:
    board = small()
    times = np.array(board.scored_at)
    scored = np.argwhere((board.states == SCORED) & [node.is_leaf for node in board.tree.nodes])
    stamps = ["2024-01-05T12:00:00", "2024-02-01T00:00:00", "2099-01-01T00:00:00"]
    times[:] = np.datetime64("NaT")
    for (row, column), stamp in zip(scored, stamps, strict=False):
        times[row, column] = np.datetime64(stamp, "us")
    seen_at = datetime(2024, 1, 31, 12, tzinfo=UTC)
    info = store.info(store.add(replace(board, scored_at=times), b"a", seen_at).id)
    assert info.newest_score_at == info.dated == datetime(2024, 2, 1, tzinfo=UTC)
    undated = replace(board, scored_at=np.full_like(times, "NaT"), as_of_time=day(LAST_DAY + 1))
    info = store.info(store.add(undated, b"b", seen_at).id)
    assert (info.newest_score_at, info.dated) == (None, undated.as_of_time)


@pytest.mark.parametrize("again", [small(), reordered(replace(small(), source="a mirror"), [1, 2, 0])])
@pytest.mark.parametrize("body", [b"as it was", b"with other white space"])
def test_the_same_board_again_is_no_snapshot(store: Store, again: Snapshot, body: bytes) -> None:
    first = store.add(small(), b"as it was", NOW)
    later = NOW + timedelta(days=1)
    stored = store.add(again, body, later)
    assert (stored.id, stored.new, stored.rows_added, stored.rows_closed) == (first.id, False, 0, 0)
    assert store.snapshot(first.id) == small()
    # That it was seen again is on record; a body that says the same is not kept.
    newest, oldest = store.pulls()
    assert (newest.outcome, newest.at, newest.snapshot_id) == (Outcome.UNCHANGED, later, first.id)
    assert newest.body_sha256 == (oldest.body_sha256 if body == b"as it was" else None)
    assert (oldest.outcome, oldest.at) == (Outcome.STORED, NOW)


def test_the_same_body_again_is_no_snapshot_whatever_moment_it_is_given(store: Store) -> None:
    # A payload that does not say its moment is given that of the pull.
    first = store.add(small(), b"body", NOW)
    assert not store.add(replace(small(), as_of_time=NOW), b"body", NOW).new
    assert [info.id for info in store.snapshots()] == [first.id]


def test_one_score_costs_one_row(backend: Backend) -> None:
    url = backend.fresh()
    with backend.open(url) as store:
        add(store, small())
        before = cells(backend, url)
        changed = replace(small(0.75), as_of_time=day(LAST_DAY + 1))
        stored = store.add(changed, b"changed", NOW)
        assert (stored.rows_added, stored.rows_closed) == (1, 1)
        assert cells(backend, url) == before + 1
        # When it was scored and from when on it was seen are both there.
        held = backend.execute(url, "SELECT from_seq, to_seq, score FROM cell WHERE to_seq IS NOT NULL OR from_seq > 1")
        assert sorted(held) == [(1, 2, 0.5), (2, None, 0.75)]


def test_boards_of_other_domains_and_simulations_are_kept_apart(store: Store) -> None:
    language = small_in("language")
    simulated = replace(small(), simulated=True, as_of_time=day(LAST_DAY + 2))
    numbers = [add(store, board) for board in (small(), language, simulated)]
    assert [store.snapshot(number) for number in numbers] == [small(), language, simulated]
    assert [info.id for info in store.snapshots("language")] == [numbers[1]]
    assert [info.simulated for info in store.snapshots("vision")] == [False, True]
    assert store.latest("language").id == numbers[1]
    assert store.latest("audio") is None


def small_in(domain: str) -> Snapshot:
    def name(text: str | None) -> str | None:
        return text and text.replace("_vision", f"_{domain}")

    tree = BenchmarkTree(
        tuple(replace(node, type_id=str(name(node.type_id)), parent=name(node.parent)) for node in small_tree().nodes)
    )
    return replace(small(), domain=domain, tree=tree)


def test_states_are_counted_over_the_ranked_leaves(store: Store) -> None:
    info = store.info(add(store, small()))
    # Six leaves under average_vision; the engineering leaf and the groups do not count.
    assert info.states == {"SCORED": 8, "FAILED": 2, "NEVER": 8}
    assert (info.models, info.benchmarks, info.domain) == (3, 6, "vision")
    assert (info.seen_at, info.as_of_time, info.sha256) == (NOW, day(LAST_DAY), "0" * 64)
    assert info.digest == content_digest(small())
    assert info.body_sha256 == hashlib.sha256(snapshot_bytes(small())).hexdigest()


def test_a_fact_of_a_snapshot_does_not_follow_its_successors(store: Store) -> None:
    first = add(store, small())
    without = replace(small(0.9), as_of_time=day(LAST_DAY + 1))
    gone = replace(
        without,
        models=without.models[:2],
        **{name: getattr(without, name)[:2] for name in ("states", "scores", "errors", "scored_at")},
    )
    second = add(store, gone)
    assert store.snapshot(first).models == small().models
    assert store.snapshot(second).models == small().models[:2]


# Cells that were set aside, and the log of pulls


BAD = [Rejected(1, "a\x00b", "V1\ud800", "'n/a'", "not a number"), Rejected(None, "", "IT", "", "")]


def test_cells_that_were_rejected_are_kept_with_their_snapshot(store: Store) -> None:
    first = store.add(small(), b"one", NOW, BAD)
    second = store.add(replace(small(0.1), as_of_time=NOW), b"two", NOW)
    assert store.rejected(first.id) == tuple(BAD)
    assert store.rejected(second.id) == ()
    # Another body of the same board: what it has besides is added, what it repeats is not.
    third = Rejected(3, "c", "V4", "?", "not a number")
    assert not store.add(small(), b"three", NOW, [BAD[1], third, third]).new
    assert [cell.model_id for cell in store.rejected(first.id)] == [1, None, 3]
    assert [pull.rejected for pull in store.pulls()] == [3, 0, 2]


def test_every_attempt_is_logged(store: Store) -> None:
    store.log_failure(NOW, "https://example.org", "vision", refused=False, message="no answer")
    add(store, small(), NOW + timedelta(hours=1))
    store.log_failure(NOW + timedelta(hours=2), "https://example.org", "vision", refused=True, message="torn \x00")
    store.log_failure(NOW, "https://example.org", "language", refused=True, message="empty")
    outcomes = [(pull.outcome, pull.message) for pull in store.pulls("vision")]
    assert outcomes == [(Outcome.REFUSED, "torn \x00"), (Outcome.STORED, ""), (Outcome.FAILED, "no answer")]
    assert len(store.pulls()) == 4
    assert [pull.at for pull in store.pulls("vision", limit=1)] == [NOW + timedelta(hours=2)]
    assert len(store.snapshots()) == 1


def test_refused_bodies_are_kept_apart(store: Store, backend: Backend) -> None:
    number = add(store, small())
    path = store.keep_refused(b"<html>", "not JSON", "https://example.org", NOW)
    assert path.parent == backend.folder / "refused"
    assert store.snapshot(number) == small()
    assert store.check() == []


# Nothing half stored


BREAK = {
    "sqlite": ["CREATE TRIGGER broken BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'pulled the plug'); END"],
    "postgres": [
        "CREATE FUNCTION broken() RETURNS trigger AS $$ BEGIN RAISE 'pulled the plug'; END $$ LANGUAGE plpgsql",
        "CREATE TRIGGER broken BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION broken()",
    ],
}
MEND = {"sqlite": ["DROP TRIGGER broken"], "postgres": ["DROP FUNCTION broken CASCADE"]}
TABLES = ("chain", "benchmark", "cell", "model", "benchmark_entry", "snapshot", "rejected", "pull")


@pytest.mark.parametrize("table", TABLES)
def test_a_snapshot_is_stored_whole_or_not_at_all(backend: Backend, table: str) -> None:
    url = backend.fresh()

    def contents() -> dict[str, list[tuple[object, ...]]]:
        return {name: sorted(backend.execute(url, f"SELECT * FROM {name}"), key=repr) for name in TABLES}

    language = small_in("language")
    with backend.open(url) as store:
        first = add(store, small())
        before = contents()
        backend.execute(url, *(statement.format(table=table) for statement in BREAK[backend.name]))
        with pytest.raises(StoreError, match="pulled the plug") as caught:
            store.add(language, b"{}", NOW, BAD)
        assert masked_address(url).rpartition("@")[2] in str(caught.value)
        assert caught.value.__cause__ is not None
        assert contents() == before
        assert store.snapshot(first) == small()
        backend.execute(url, *MEND[backend.name])
        assert store.snapshot(store.add(language, b"{}", NOW, BAD).id) == language


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_a_number_that_the_database_cannot_hold_is_refused(store: Store, number: int) -> None:
    board = replace(small(), models=(*small().models[:2], Model(number, "too large")))
    with pytest.raises(StoreError, match="cannot hold a number of this size"):
        store.add(board, b"{}", NOW)
    assert store.snapshots() == ()


def test_times_without_a_zone_are_refused(store: Store, backend: Backend) -> None:
    naive = datetime(2024, 1, 1)  # noqa: DTZ001
    with pytest.raises(StoreError, match="2024-01-01 00:00:00 is a time without a time zone"):
        store.add(small(), b"{}", naive)
    with pytest.raises(StoreError, match="without a time zone"):
        store.log_failure(naive, "here", "vision", refused=False, message="")
    with pytest.raises(StoreError, match="without a time zone"):
        store.keep_refused(b"{}", "reason", "here", naive)
    assert not (backend.folder / "bodies").exists()
    assert store.pulls() == ()


# Damage is found


def test_damage_is_found(backend: Backend) -> None:
    url = backend.fresh()
    with backend.open(url) as store:
        first, second = add(store, small()), add(store, replace(small(0.6), as_of_time=NOW))
        assert store.check() == []
        backend.execute(url, "UPDATE cell SET score = 0.55 WHERE score = 0.6")
        digests = f"{content_digest(small(0.55))}, not {content_digest(small(0.6))}"
        assert store.check() == [f"snapshot {second} is not what was stored: its digest is {digests}"]
        backend.execute(url, "DELETE FROM model WHERE name = 'model1'")
        assert [line.partition(" (")[0] for line in store.check()] == [
            f"snapshot {first} cannot be rebuilt",
            f"snapshot {second} cannot be rebuilt",
        ]
        with pytest.raises(StoreError, match="the store is damaged"):
            store.snapshot(first)


def test_a_damaged_or_lost_body_is_found(store: Store, backend: Backend) -> None:
    for i, body in enumerate((b"one", b"two")):
        store.add(replace(small(0.5 + i / 10), as_of_time=day(i)), body, NOW)
    one, two = (store.info(info.id).body_sha256 for info in store.snapshots())
    folder = backend.folder / "bodies"
    (folder / one[:2] / f"{one}.json.gz").write_bytes(b"\x1f\x8b torn")
    (folder / two[:2] / f"{two}.json.gz").unlink()
    with pytest.raises(StoreError, match="damaged"):
        store.body(one)
    with pytest.raises(StoreError, match="is not in"):
        store.body(two)
    assert len(store.check()) == 2
    # Receiving them again mends it.
    for i, body in enumerate((b"one", b"two")):
        assert not store.add(replace(small(0.5 + i / 10), as_of_time=day(i)), body, NOW).new
    assert store.check() == []


# Found by what a person types


def test_snapshots_are_found_by_number_hash_and_latest(store: Store) -> None:
    hashes = ("aaaa11" + "0" * 58, "aaaa22" + "0" * 58, "0003" + "f" * 60)
    boards = [replace(small(i / 8), sha256=sha256, as_of_time=day(i)) for i, sha256 in enumerate(hashes)]
    numbers = [add(store, board) for board in (boards[2], boards[0], boards[1])]
    assert store.find("latest").id == numbers[0]
    assert store.find(str(numbers[1])).id == numbers[1]
    assert store.find(" AAAA2 ").id == numbers[2]
    assert store.find("0003").id == numbers[0]
    assert store.find(hashes[0]).id == numbers[1]
    with pytest.raises(StoreError, match=r"fits 2 snapshots.*aaaa11000000.*aaaa22000000"):
        store.find("aaaa")
    for wanted in ("99", "aaaa3", "bbbb", "no such", "aaa", "", "-1", "1.5", "٣", "²"):
        with pytest.raises(StoreError, match=r"there is no snapshot .*; nearest: \d"):
            store.find(wanted)
    with pytest.raises(StoreError, match=r"nearest: \d+ \(aaaa22"):
        store.find("aaaa22ff")
    for use in (store.info, store.snapshot, store.rejected):
        with pytest.raises(StoreError, match="there is no snapshot '99'"):
            use(99)


def test_latest_is_asked_for_a_domain(store: Store) -> None:
    number = add(store, small())
    later = add(store, replace(small_in("language"), as_of_time=NOW))
    assert store.find("latest").id == later
    assert store.find("latest", "vision").id == number
    assert store.find(str(later), "vision").id == later
    with pytest.raises(StoreError, match=r"no observed snapshot of 'audio'.*; --domain language names the leaderboard"):
        store.find("latest", "audio")


def test_a_hash_means_what_was_observed(store: Store) -> None:
    board = small(scored_at=np.full(small().states.shape, as_time(day(1))))
    back = add(store, board.as_of(day(2)))
    assert store.find("0000").id == back
    with pytest.raises(StoreError, match="no snapshot that was observed"):
        store.find("latest")
    observed = add(store, board)
    assert store.find("0000").id == observed
    assert store.find(str(back)).reconstructed


def test_an_empty_store_says_so(store: Store) -> None:
    assert store.snapshots() == ()
    assert store.latest("vision") is None
    assert store.check() == []
    for wanted in ("latest", "1", "abcd"):
        with pytest.raises(StoreError, match="the store is empty"):
            store.find(wanted)


# More than one process


WRITER = """
import sys
from datetime import datetime
from pathlib import Path
from brainalign_monitor.store import open_store
from brainalign_plugin.files.snapshot_file import read_snapshot
url, folder, *paths = sys.argv[1:]
sys.stdin.readline()
for path in paths:
    with open_store(url, Path(folder)) as store:
        store.add(read_snapshot(path), Path(path).read_bytes(), datetime.fromisoformat("2026-01-01T00:00:00+00:00"))
"""


def writers(backend: Backend, url: str, boards: Iterable[Iterable[Snapshot]]) -> None:
    """Let one process for each list add its boards, all beginning at the same moment."""
    started = []
    for i, own in enumerate(boards):
        paths = [backend.folder / f"{i}-{j}.snapshot.json.gz" for j, _ in enumerate(own)]
        for path, board in zip(paths, own, strict=True):
            path.write_bytes(snapshot_bytes(board))
        command = [sys.executable, "-c", WRITER, url, str(backend.folder / "bodies"), *map(str, paths)]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in started:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors


def test_processes_open_a_new_store_and_add_at_once(backend: Backend) -> None:
    url = backend.fresh()
    common = replace(small(), as_of_time=NOW)
    own = [[replace(small(i / 10 + j / 100), as_of_time=day(i + 3 * j)) for j in range(3)] for i in range(3)]
    writers(backend, url, [[*boards, common] for boards in own])
    with backend.open(url) as store:
        expected = [*sorted(itertools.chain(*own), key=lambda board: board.as_of_time), common]
        assert [store.snapshot(info.id) for info in store.snapshots()] == expected
        outcomes = sorted(pull.outcome for pull in store.pulls())
        assert outcomes == ["stored"] * 10 + ["unchanged"] * 2
        assert store.check() == []
