"""One run from end to end, with a clock of our own: what is compared, kept, named and printed for the next time."""

from __future__ import annotations

import html
import json
import re
import shlex
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from brainalign_monitor.base.errors import ReportError, ShrunkenBoardError, StoreError, UnreachableError
from brainalign_monitor.config.settings import Settings, load_settings
from brainalign_monitor.operations import pull as pipeline
from brainalign_monitor.operations import reporting
from brainalign_monitor.store import Outcome
from brainalign_plugin import snapshot_bytes
from brainalign_plugin.errors import InputError
from tests.commands import brainalign
from tests.local_site import local_site
from tests.monitor.sources.samples import body_of, document

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path):
    return load_settings(home=tmp_path / "home", attempts=1)


def payload(folder: Path, models: int = 4, day: str | None = "2024-01-01", first: int = 1, **more: object) -> Path:
    """A payload as of a day, or without one, whose models have ids from ``first`` on."""
    board = document(models) | more
    for model in board["models"]:
        model["id"] += first - 1
    board["datetime_range"] = None if day is None else {"min": None, "max": f"{day}T00:00:00+00:00"}
    path = folder / f"board-{len(list(folder.iterdir()))}.json"
    path.write_bytes(body_of(board))
    return path


def fetch(settings: Settings, source: object, at: datetime = NOW) -> pipeline.Fetched:
    with pipeline.open_home(settings) as store:
        return pipeline.fetch(settings, store, str(source), lambda: at)


def run(settings: Settings, source: object, at: datetime = NOW) -> pipeline.RunResult:
    with pipeline.open_home(settings) as store:
        return pipeline.run(settings, store, str(source), lambda: at)


# What is news, and of which moment a board is.


def test_a_board_that_states_the_moment_of_the_request_is_no_news(settings, tmp_path):
    home = settings.home
    with local_site() as site:
        results = []
        for hour in (0, 6, 12):
            site.serve(payload(tmp_path, day="2024-02-01").read_bytes().replace(b"T00:00:00", b"T%02d:00:00" % hour))
            results.append(run(settings, site.url, NOW + timedelta(hours=hour)))
    assert [result.fetched.stored.new for result in results] == [True, False, False]
    assert [result.wrote_report for result in results] == [True, False, False]
    ((info,), _) = pipeline.list_snapshots(settings, None)
    assert (info.as_of_time.hour, info.until_time.hour) == (0, 12)
    assert len([*home.glob("bodies/*/*")]) == len([*home.glob("reports/*/*.html")]) == 1
    with pipeline.open_home(settings) as store:
        assert store.last_pull("vision", Outcome.STORED).at == NOW


def test_a_board_of_the_future_is_dated_when_it_was_received(settings, tmp_path):
    first = fetch(settings, payload(tmp_path, 4, "2099-01-01"))
    assert first.pull.snapshot.as_of_time == NOW
    (note,) = first.notes
    assert "states the moment 2099-01-01" in note
    # The same file once more is the same board, and what comes later is the newest.
    (source,) = tmp_path.glob("*.json")
    assert not fetch(settings, source, NOW + timedelta(days=1)).stored.new
    later = fetch(settings, payload(tmp_path, 5, "2024-03-05"), NOW + timedelta(days=4))
    with pipeline.open_home(settings) as store:
        assert store.latest("vision").id == later.stored.id
        assert store.pulls()[2].message == note
    assert pipeline.find_snapshot(settings, str(source), NOW).note == note


def test_what_a_clock_that_ran_ahead_dated_does_not_stay_the_newest(settings, tmp_path):
    fetch(settings, payload(tmp_path, 4, None), NOW + timedelta(days=1000))
    with local_site(payload(tmp_path, 5, "2024-02-29").read_bytes()) as site:
        assert "check the clock" in fetch(settings, site.url).notes[0]
        assert not fetch(settings, site.url).stored.new
        site.serve(payload(tmp_path, 6, "2024-03-01").read_bytes())
        fetch(settings, site.url)
    fetch(settings, payload(tmp_path, 7, None))
    with pipeline.open_home(settings) as store:
        assert [info.models for info in store.snapshots()] == [4, 5, 6, 7]


def test_times_of_scores_in_the_future_are_noted_and_do_not_make_a_board_young(settings, tmp_path):
    source = payload(tmp_path)
    text = source.read_text()
    assert text.count("2023-06-30T17:49:51.178134") > 2
    source.write_text(text.replace("2023-06-30T17:49:51.178134", "2098-01-01T00:00:00", 1))
    (note,) = fetch(settings, source).notes
    assert "1 score has a time more than a day after now, up to 2098-01-01 00:00 UTC" in note
    ((info,), _) = pipeline.list_snapshots(settings, None)
    assert info.newest_score_at.year == 2023


def test_a_file_without_a_moment_keeps_the_one_at_which_it_was_first_received(settings, tmp_path):
    files = [payload(tmp_path, 4, None), payload(tmp_path, 5, None)]
    for day in range(3):
        new = [fetch(settings, file, NOW + timedelta(days=day, hours=i)).stored.new for i, file in enumerate(files)]
        assert new == [day == 0] * 2


# What a board is compared with.


def test_an_archive_is_read_in_any_order(settings, tmp_path):
    boards = {"2024-01-01": 9, "2022-01-01": 3, "2023-01-01": 6, "2021-01-01": 1}
    for day, models in boards.items():
        assert fetch(settings, payload(tmp_path, models, day)).stored.new
    found, _ = pipeline.list_snapshots(settings, None)
    assert [info.models for info in found] == [1, 3, 6, 9]


def test_a_site_does_not_go_back_in_time(settings, tmp_path):
    with local_site(payload(tmp_path, 9, "2024-01-01").read_bytes()) as site:
        fetch(settings, site.url)
        site.serve(payload(tmp_path, 3, "2022-01-01").read_bytes())
        with pytest.raises(ShrunkenBoardError, match="lost 6 of the 9"):
            fetch(settings, site.url)


def test_a_later_board_is_compared_with_the_last_one_before_it(settings, tmp_path):
    fetch(settings, payload(tmp_path, 9, "2022-01-01"))
    fetch(settings, payload(tmp_path, 9, "2024-01-01"))
    with pytest.raises(ShrunkenBoardError, match="lost 4 of the 9"):
        fetch(settings, payload(tmp_path, 5, "2023-01-01"))
    assert fetch(settings, payload(tmp_path, 6, "2023-01-01")).stored.new, "a third is not more than a third"


def test_a_simulated_board_is_no_predecessor_of_a_real_one(settings, tmp_path):
    fetch(settings, payload(tmp_path, 9, simulated=True))
    assert fetch(settings, payload(tmp_path, 3, first=500)).stored.new


def test_a_board_of_another_domain_is_no_predecessor(settings, tmp_path):
    fetch(settings, payload(tmp_path, 9))
    other = tmp_path / "language.json"
    text = payload(tmp_path, 3, first=500).read_bytes()
    other.write_bytes(text.replace(b"_vision", b"_language").replace(b'"vision"', b'"language"'))
    assert fetch(settings, other).pull.snapshot.domain == "language"


def test_an_exported_reconstruction_is_stored_beside_what_was_observed(settings, tmp_path):
    fetched = fetch(settings, payload(tmp_path, 9, "2024-01-01"))
    earlier = tmp_path / "earlier.snapshot.json.gz"
    # Of a payload in which every cell was scored in June 2023.
    earlier.write_bytes(snapshot_bytes(fetched.pull.snapshot.as_of(date(2023, 1, 1))))
    assert fetch(settings, earlier).stored.new
    result = run(settings, earlier)
    assert result.report.name.startswith("2023-01-01-")
    assert "-reconstructed" in result.report.name
    (command,) = commands_in(result.report)
    assert command.split()[:3] == ["brainalign", "report", "2"], "its hash is that of the observed snapshot"


# What is noted of an attempt.


def test_every_attempt_is_noted(settings, tmp_path):
    good = payload(tmp_path)
    bad = tmp_path / "bad.json"
    bad.write_bytes(b"nonsense")
    with local_site() as site:
        closed = site.url
    fetch(settings, good, NOW)
    fetch(settings, good, NOW + timedelta(days=1))
    with pytest.raises(Exception, match="is text that begins 'nonsense'"):
        fetch(settings, bad, NOW + timedelta(days=2))
    with pytest.raises(UnreachableError):
        fetch(settings, closed, NOW + timedelta(days=3))
    with pytest.raises(InputError):
        fetch(settings, "gopher://host", NOW + timedelta(days=4))
    with pipeline.open_home(settings) as store:
        pulls = store.pulls()[::-1]
    assert [pull.outcome for pull in pulls] == [Outcome.STORED, Outcome.UNCHANGED, Outcome.REFUSED, Outcome.FAILED], (
        "an address that cannot be one is no attempt"
    )
    assert [pull.at for pull in pulls] == [NOW + timedelta(days=day) for day in range(4)]
    assert [pull.source for pull in pulls[2:]] == [str(bad), f"{closed}/vision/compare/data/"]
    assert "is text that begins 'nonsense'" in pulls[2].message


def test_a_body_that_cannot_be_kept_names_both_failures(settings, tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_bytes(b"nonsense")
    settings.home.mkdir()
    (settings.home / "refused").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot write .*refused.*the failure to record was: .*is text that begins"):
        fetch(settings, bad)


def test_a_payload_without_a_date_is_of_the_moment_it_came(settings, tmp_path):
    fetched = fetch(settings, payload(tmp_path, day=None), NOW)
    assert fetched.pull.snapshot.as_of_time == NOW


# Reports: when they are written, what they are called, and how to make them again.


def commands_in(report: Path) -> list[str]:
    """The commands that a report names for making it again."""
    section = report.read_text().split('id="cite"', 1)[1]
    return [html.unescape(found) for found in re.findall(r'<pre><code id="command">(.*?)</code>', section, re.DOTALL)]


def test_no_news_leaves_the_report_and_a_lost_one_is_made_again(settings, tmp_path):
    source = payload(tmp_path)
    first = run(settings, source)
    assert (first.fetched.stored.new, first.wrote_report) == (True, True)
    written = first.report.stat().st_mtime_ns
    second = run(settings, source, NOW + timedelta(days=1))
    assert (second.fetched.stored.new, second.wrote_report, second.report) == (False, False, first.report)
    assert first.report.stat().st_mtime_ns == written
    first.report.unlink()
    assert run(settings, source).wrote_report


def test_a_run_stopped_before_its_report_is_finished_by_the_next(settings, tmp_path, monkeypatch):
    def stopped(*_: object, **__: object) -> None:
        raise ReportError("no room")

    source = payload(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(reporting, "write_snapshot_report", stopped)
        with pytest.raises(ReportError):
            run(settings, source)
    result = run(settings, source)
    assert (result.fetched.stored.new, result.wrote_report) == (False, True)


def test_other_thresholds_are_another_report(settings, tmp_path):
    source = payload(tmp_path)
    names = [
        run(settings.model_copy(update=update), source).report.name
        for update in ({}, {"max_missing": 0.25}, {"max_missing": 0.25, "min_overlap": 3})
    ]
    stem = names[0].removesuffix(".html")
    assert re.fullmatch(r"2024-01-01-[0-9a-f]{12}", stem)
    assert names[1:] == [f"{stem}-max_missing-0.25.html", f"{stem}-max_missing-0.25-min_overlap-3.html"]


def test_equal_runs_give_equal_reports(settings, tmp_path):
    source = payload(tmp_path)
    other = settings.model_copy(update={"home": tmp_path / "other"})
    texts = [run(one, source).report.read_text() for one in (settings, other)]
    assert texts[0] == texts[1].replace(str(other.home), str(settings.home))


@pytest.mark.parametrize("update", [{}, {"max_missing": 0.25, "min_overlap": 3}])
def test_the_command_in_a_report_makes_it_again(settings, tmp_path, monkeypatch, update):
    board = document(6)
    for model in board["models"][:2]:
        model["scores"]["Cid2022-i2n"][0]["value"] = "X"
    source = tmp_path / "board.json"
    source.write_bytes(body_of(board))
    original = run(settings.model_copy(update=update), source).report
    (command,) = commands_in(original)
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path) not in original.read_text()
    assert again(command, home=settings.home).read_bytes() == original.read_bytes()


def again(command: str, **settings: object) -> Path:
    """Run a command line as it is printed, variables before it and all, and return the file that it names."""
    words = shlex.split(command)
    start = words.index("brainalign")
    variables = dict(word.removeprefix("BRAINALIGN_").lower().split("=") for word in words[:start])
    brainalign(*words[start + 1 :], **variables, **settings).succeeded()
    return Path(words[words.index("--output") + 1])


def test_the_command_of_a_report_of_a_file_makes_it_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # The command names no home folder, and that of who runs the tests is theirs.
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    source = payload(tmp_path, 6)
    brainalign("report", source, "--as-of", "2023-12-01", "-o", "first report.html").succeeded()
    (command,) = commands_in(tmp_path / "first report.html")
    page = (tmp_path / "first report.html").read_bytes()
    assert shlex.split(command)[:5] == ["brainalign", "report", source.name, "--as-of", "2023-12-01"]
    (tmp_path / "first report.html").unlink()
    assert again(command).read_bytes() == page


def test_the_command_of_the_newest_report_names_its_board_by_hash(settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    original = run(settings, payload(tmp_path, 6)).report
    brainalign("report", "latest", "-o", "newest.html", home=settings.home).succeeded()
    (command,) = commands_in(tmp_path / "newest.html")
    assert shlex.split(command)[2] == original.stem.removeprefix("2024-01-01-")
    page = (tmp_path / "newest.html").read_bytes()
    assert again(command, home=settings.home).read_bytes() == page


def test_the_report_names_what_its_numbers_rest_on(settings, tmp_path):
    text = run(settings, payload(tmp_path)).report.read_text()
    for library in ("numpy", "pandas", "scipy"):
        assert re.search(rf"<dt>{library}</dt><dd>\d+\.\d+", text), library


def test_a_report_as_of_a_day_is_that_of_the_reconstructed_board(settings, tmp_path):
    source = payload(tmp_path, 6)
    found = pipeline.find_snapshot(settings, str(source), NOW)
    day = date(2023, 12, 1)
    board = replace(found, snapshot=found.snapshot.as_of(day))
    one, two = (reporting.Results(settings, found, as_of=day), reporting.Results(settings, board))
    pages = [
        reporting.write_snapshot_report(results, tmp_path / "page.html", "c").read_bytes() for results in (one, two)
    ]
    assert pages[0] == pages[1]


def test_a_file_is_preferred_to_a_number(settings, tmp_path, monkeypatch):
    fetch(settings, payload(tmp_path, 4))
    monkeypatch.chdir(tmp_path)
    assert len(pipeline.find_snapshot(settings, "1", NOW).snapshot.models) == 4
    payload(tmp_path, 7).rename("1")
    assert len(pipeline.find_snapshot(settings, "1", NOW).snapshot.models) == 7


def test_a_stored_snapshot_remembers_what_was_rejected(settings, tmp_path):
    board = document(4)
    board["models"][0]["scores"]["Cid2022-i2n"][0]["value"] = "n/a"
    source = tmp_path / "board.json"
    source.write_bytes(body_of(board))
    result = run(settings, source)
    found = pipeline.find_snapshot(settings, "latest", NOW)
    assert [cell.benchmark for cell in found.rejected] == ["Cid2022-i2n"]
    assert "n/a" in result.report.read_text()
    source.write_text(json.dumps(board, indent=1))
    assert not fetch(settings, source).stored.new, "the same content in another body"
