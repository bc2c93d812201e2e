"""A quick share of what ``make soak`` does in full: real processes that are killed, starved and confused."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from brainalign_monitor.delivery.site import publish_site
from tests.monitor.faults import bounds, daemons, keeping, posting, scenarios, served, soak, stores
from tests.monitor.faults.harness import Row
from tests.postgres import drop_database, new_database


def nothing_lost(row: Row, tries: int) -> None:
    assert (row.lost, row.tries) == (0, tries), row.found


def test_a_torn_site_is_seen(tmp_path):
    page = b'<a href="reports/latest.html">report</a>'
    whole = {name: page if name == "index.html" else b"<feed/>" for name in served.EXPECTED}
    publish_site(tmp_path, whole.items())
    assert served.torn(tmp_path) == []
    publish_site(tmp_path, {**whole, "index.html": b'<img src="gone.png">'}.items())
    assert served.torn(tmp_path) == ["index.html links to gone.png"]
    publish_site(tmp_path, whole.items())
    (tmp_path / "current" / "feed.xml").write_bytes(b"<feed>")
    with pytest.raises(ET.ParseError):
        served.torn(tmp_path)
    (tmp_path / "current" / "feed.xml").unlink()
    problems = served.torn(tmp_path)
    assert problems[0] == "feed.xml is missing"
    assert "the content is not that of" in problems[1]


def test_sigkill_at_stages_spread_over_a_run(tmp_path):
    nothing_lost(scenarios.killed_at_every_stage(tmp_path / "one", 5), 5)


def test_sigkill_at_stages_with_a_store_in_postgresql(tmp_path, postgres_server):
    store = new_database(postgres_server)
    nothing_lost(scenarios.killed_at_every_stage(tmp_path / "one", 3, store), 3)
    drop_database(postgres_server, store)


def test_sigkill_before_changes_of_files_spread_over_a_run(tmp_path):
    nothing_lost(scenarios.killed_at_every_call(tmp_path / "one", 3), 3)


def test_sigkill_at_random_moments(tmp_path):
    nothing_lost(scenarios.killed_at_any_moment(tmp_path / "one", 1), 1)


def test_a_disk_that_is_full(tmp_path):
    row = scenarios.full_disk(tmp_path / "one", 2)
    nothing_lost(row, 2)
    assert row.found.startswith("2 runs failed")


def test_folders_that_are_read_only(open_folder):
    row = scenarios.read_only(open_folder / "one", 3)
    nothing_lost(row, 3)
    assert row.found.startswith("3 runs failed")


def test_a_store_that_was_lost(tmp_path):
    nothing_lost(stores.lost_stores(tmp_path / "one"), 3)


def test_restores_that_are_disturbed(tmp_path, postgres_server):
    nothing_lost(stores.restored_during_another(tmp_path / "one", 4), 4)
    nothing_lost(stores.killed_restores(tmp_path / "two", 3), 3)
    store = new_database(postgres_server)
    nothing_lost(stores.restored_during_another(tmp_path / "three", 2, store), 2)
    drop_database(postgres_server, store)


def test_backups_that_are_killed_or_given_away(tmp_path):
    nothing_lost(stores.killed_backups(tmp_path / "one", 2), 2)
    nothing_lost(stores.shared_backups(tmp_path / "two"), 4)


def test_prune_by_a_wrong_clock_and_without_room(tmp_path, postgres_server):
    nothing_lost(stores.wrong_clocks(tmp_path / "one"), 4)
    store = new_database(postgres_server)
    nothing_lost(stores.wrong_clocks(tmp_path / "two", store), 4)
    drop_database(postgres_server, store)
    row = stores.pruned_on_a_full_disk(tmp_path / "three", 1)
    assert row is None or row.lost == 0, row


def test_commands_during_a_run_and_one_lock(tmp_path, open_folder, postgres_server):
    nothing_lost(stores.two_at_once(tmp_path / "one", 3), 3)
    store = new_database(postgres_server)
    nothing_lost(stores.two_at_once(tmp_path / "two", 2, store), 2)
    drop_database(postgres_server, store)
    assert stores.one_lock(open_folder / "one").lost == 0


def test_reading_changes_nothing_and_needs_no_right(tmp_path, open_folder, postgres_server):
    row = stores.read_without_rights(open_folder / "one")
    assert row.lost == 0, row.found
    nothing_lost(stores.other_releases(tmp_path / "two"), 12)
    store = new_database(postgres_server)
    nothing_lost(stores.other_releases(tmp_path / "three", store), 12)
    drop_database(postgres_server, store)


def test_a_lock_that_is_lost_sends_no_message_twice(tmp_path, postgres_server):
    store = new_database(postgres_server)
    nothing_lost(posting.lost_lock(tmp_path / "one", 2, store), 2)
    drop_database(postgres_server, store)


def test_an_unexpected_error_stops_one_message_alone(tmp_path, postgres_server):
    nothing_lost(posting.unexpected_errors(tmp_path / "one", 1), 1)
    store = new_database(postgres_server)
    nothing_lost(posting.unexpected_errors(tmp_path / "two", 1, store), 1)
    drop_database(postgres_server, store)


def test_ctrl_c_is_no_failure(tmp_path, postgres_server):
    nothing_lost(posting.interrupted(tmp_path / "one", 3), 3)
    store = new_database(postgres_server)
    nothing_lost(posting.interrupted(tmp_path / "two", 2, store), 2)
    drop_database(postgres_server, store)


def test_slow_clients_and_a_heartbeat_that_drips(tmp_path):
    nothing_lost(posting.slow_clients(tmp_path / "one", 40, 3), 40)
    nothing_lost(posting.dripping_heartbeat(tmp_path / "two", 1), 1)


def test_texts_of_messages_are_kept_once_and_for_a_while(tmp_path, postgres_server):
    nothing_lost(posting.a_year_of_digests(tmp_path / "one", 8), 160)
    store = new_database(postgres_server)
    nothing_lost(posting.a_year_of_digests(tmp_path / "two", 8, store=store), 160)
    drop_database(postgres_server, store)


def test_what_stays_when_boards_are_pruned(tmp_path, postgres_server):
    nothing_lost(keeping.pruned_boards(tmp_path / "one", 2), 2)
    nothing_lost(keeping.shared_bodies(tmp_path / "two"), 2)
    store = new_database(postgres_server)
    nothing_lost(keeping.pruned_boards(tmp_path / "three", 1, store), 1)
    drop_database(postgres_server, store)
    store = new_database(postgres_server)
    nothing_lost(keeping.shared_bodies(tmp_path / "four", store), 2)
    drop_database(postgres_server, store)


def test_digests_that_are_late_and_bodies_with_a_clock(tmp_path, postgres_server):
    nothing_lost(keeping.late_digests(tmp_path / "one", 2), 2)
    nothing_lost(keeping.moving_clocks(tmp_path / "two", 3), 3)
    for number, (done, count) in enumerate(((keeping.late_digests, 1), (keeping.moving_clocks, 3))):
        store = new_database(postgres_server)
        nothing_lost(done(tmp_path / f"server{number}", count, store), count)
        drop_database(postgres_server, store)


def test_runs_that_may_take_little(tmp_path):
    nothing_lost(bounds.large_boards(tmp_path / "one", ((250, 6),)), 2)
    nothing_lost(bounds.small_budgets(tmp_path / "two"), 2)


def test_a_signal_at_any_command_leaves_no_process_and_no_traceback(tmp_path):
    nothing_lost(bounds.ended_commands(tmp_path / "one", 4), 4)


def test_readers_of_locked_tables_end(tmp_path, postgres_server):
    store = new_database(postgres_server)
    nothing_lost(bounds.locked_tables(tmp_path / "one", store), 3)
    drop_database(postgres_server, store)


def test_doctor_and_health_check_name_what_is_wrong(tmp_path):
    nothing_lost(bounds.asked_when_ill(tmp_path / "one"), 12)


def test_two_daemons_on_one_store(tmp_path, postgres_server):
    store = new_database(postgres_server)
    row = daemons.two_daemons(tmp_path / "one", 6, 1, store, publishes=False)
    assert row.lost == 0, row.found
    assert row.tries >= 6
    drop_database(postgres_server, store)


@pytest.mark.needs("faketime")
def test_a_clock_that_is_set_a_year_forward(tmp_path):
    nothing_lost(daemons.clock_that_is_set(tmp_path / "one", soak.STEPS[1:2]), 1)


@pytest.mark.needs("faketime")
def test_a_night_in_which_an_hour_is_skipped(tmp_path):
    nothing_lost(daemons.both_nights(tmp_path / "one", daemons.NIGHTS[:1]), 1)


def test_many_runs_by_the_schedule_need_no_more_memory_and_files(tmp_path):
    nothing_lost(soak.scheduled_runs(tmp_path / "one", 60, news_every=15), 60)


def test_the_table_in_the_docs_is_of_all_faults_and_of_nothing_lost():
    lines = [line.split(" | ") for line in soak.PAGE.read_text().splitlines() if line.startswith("| ")][1:]
    assert len(lines) == len(soak.FULL)
    assert {line[2] for line in lines} == {"0"}
    tries = {line[0].strip("| "): int(line[1].replace(",", "")) for line in lines}
    assert sum(count for fault, count in tries.items() if fault.startswith("SIGKILL")) >= 200
    assert tries["runs by the schedule in one process"] == 2000
    assert soak.PAGE.read_text().startswith(soak.PREFACE)
