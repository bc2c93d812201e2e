"""Rows of the table on lost or changed boards: alerts, history, bodies, digests have to stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from brainalign_monitor.delivery.messages import DigestPeriod
from brainalign_monitor.notify.digests import digest_messages
from brainalign_monitor.operations.kept_alerts import active_alerts, told_alerts
from brainalign_monitor.operations.pull import open_home
from brainalign_plugin.text import counted
from tests.commands import brainalign
from tests.monitor.faults.driver import now
from tests.monitor.faults.harness import Patient, Row, patient, where
from tests.monitor.faults.stores import STORE, bodies_of
from tests.monitor.sources.samples import body_of, document
from tests.postgres import drop_database, new_database, with_driver

DAY = timedelta(days=1)
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
PRUNE = ("store", "prune", "--keep-days", "0", "--weekly-days", "0")
FEW = """
[[alerts]]
name = "few models"
figure = "models"
condition = "below"
bound = 8
resolve = 8
versions = 1
min_overlap = 1
"""


def show(one: Patient, models: int) -> None:
    """Let the site show a board of the next day."""
    one.boards += 1
    moment = datetime(2000, 1, 1, tzinfo=UTC) + one.boards * DAY
    board = document(models) | {"datetime_range": {"min": None, "max": moment.isoformat()}}
    board["models"][0]["scores"]["Cid2022-i2n"][0]["value"] = f"{one.boards / 1000}"
    (one.folder / "board.json").write_bytes(body_of(board))


def alerts_of(one: Patient) -> tuple[object, ...]:
    """All that is known of alerts."""
    with open_home(one.settings) as store:
        return told_alerts(store, "vision"), active_alerts(store, "vision"), store.alert_state("vision")


def pruned_boards(folder: Path, tries: int, store: str = "") -> Row:
    """Prune all boards but the newest, with that of an active alert among them, and bodies of others in the folder."""
    wrong: list[str] = []
    with patient(folder, store, publishes=False) as one:
        path = one.home / "brainalign.toml"
        path.write_text(path.read_text() + FEW)
        # Seen day after day, until today.
        one.ahead = -400 * DAY
        show(one, 9)
        one.complete()
        known = now() + one.ahead + DAY
        foreign = one.home / "bodies" / "00" / f"{'0' * 64}.json.gz"
        foreign.parent.mkdir(exist_ok=True)
        foreign.write_bytes(b"of another store")
        for number in range(tries):
            # Fires with the second board and stays active; ends with the last one of an odd try.
            for models in (7, 7, 7, 9) if number % 2 else (7, 7, 7):
                show(one, models)
                one.ahead += DAY
                one.complete()
            before, bodies, mails = alerts_of(one), bodies_of(one), one.mails()
            brainalign(*PRUNE, home=one.home).succeeded()
            if alerts_of(one) != before:
                wrong.append(f"{number}: other alerts")
            if bodies_of(one) != bodies or not foreign.exists():
                wrong.append(f"{number}: bodies are gone")
            left = one.count("snapshot")
            if left > 2 or len(list((one.home / "reports").rglob("*.html"))) != left:
                wrong.append(f"{number}: {left} boards, and reports of others")
            ended = brainalign("analyze", "latest", "--known", f"{known:%Y-%m-%d}", home=one.home)
            if ended.code != STORE or "pruned" not in ended.err:
                wrong.append(f"{number}, --known: {ended}")
            one.complete()
            if one.mails() != mails:
                wrong.append(f"{number}: alerts came again")
        wrong += one.damage()
        wrong += _without_snapshots(one)
    return Row(
        f"store prune of boards with active alerts, among bodies of another store{where(store)}",
        tries,
        len(wrong),
        "alerts and history stay, a pruned board is named as such, no body is deleted" if not wrong else str(wrong[:2]),
    )


def _without_snapshots(one: Patient) -> list[str]:
    """Delete the rows of all snapshots behind the store's back: prune must not delete their bodies too."""
    bodies = bodies_of(one)
    address = with_driver(one.store) if one.store else f"sqlite:///{one.home / 'brainalign.sqlite'}"
    with sa.create_engine(address, poolclass=sa.NullPool).begin() as database:
        database.exec_driver_sql("UPDATE pull SET snapshot_id = NULL")
        database.exec_driver_sql("DELETE FROM snapshot")
    ended = brainalign(*PRUNE, home=one.home)
    wrong = [] if ended.code == STORE and "nothing was changed" in ended.err else [str(ended)]
    return wrong + ["bodies of no snapshot are gone"] * (bodies_of(one) != bodies)


def shared_bodies(folder: Path, store: str = "") -> Row:
    """Two stores with one folder of bodies: neither prunes what the other may need."""
    wrong: list[str] = []
    with patient(folder, store, publishes=False) as one:
        address = new_database(store) if store else f"sqlite:///{folder / 'other.sqlite'}"
        other = {"home": one.home, "store": address}
        for number in range(3):
            show(one, 9)
            one.complete()
            if not number:
                brainalign("store", "begin", **other).succeeded()
            brainalign("fetch", folder / "board.json", **other).succeeded()
        bodies = bodies_of(one)
        for given in ({"home": one.home}, other):
            brainalign(*PRUNE, **given).succeeded()
            if bodies_of(one) != bodies or (one.home / "pruned").exists():
                wrong.append(f"bodies went with {given}")
            brainalign("store", "check", **given).succeeded()
    if store:
        drop_database(store, address)
    return Row(
        f"store prune by two stores with one folder of bodies{where(store)}",
        2,
        len(wrong),
        "every body stays, and both stores are whole" if not wrong else str(wrong[:2]),
    )


def late_digests(folder: Path, weeks: int, store: str = "") -> Row:
    """The digest of every week, in time and again after more boards have come."""
    wrong, found = [], 0
    with patient(folder, store, publishes=False) as one:
        readers = {
            name: reader.model_copy(update={"digest": DigestPeriod.WEEKLY})
            for name, reader in one.settings.recipients.items()
        }
        settings = one.settings.model_copy(update={"recipients": readers})

        def board(models: int, at: datetime) -> None:
            one.ahead = at - now()
            show(one, models)
            one.complete()

        def digest(slot: datetime) -> dict[str, bytes]:
            with open_home(settings) as opened:
                made = digest_messages(settings, opened, DigestPeriod.WEEKLY, slot, slot)[0]
                return {message.id: message.body for message in made}

        for number in range(weeks):
            monday = MONDAY + number * 7 * DAY
            slot = monday + 7 * DAY + timedelta(hours=7)
            board(7 + number % 2 * 2, monday + DAY)
            in_time = digest(slot)
            board(9 - number % 2 * 2, slot - timedelta(hours=1))
            found += len(in_time)
            if digest(slot) != in_time:
                wrong.append(f"week {number}: another digest")
    return Row(
        f"digests that are made after boards of the next week have come{where(store)}",
        weeks,
        len(wrong) + (found == 0),
        f"{found} mails, each the same byte for byte" if not wrong else str(wrong[:2]),
    )


def moving_clocks(folder: Path, pulls: int, store: str = "") -> Row:
    """A site in whose body a clock moves with every request, and nothing else."""
    with patient(folder, store, publishes=False) as one:
        show(one, 9)
        one.complete()
        board = (one.folder / "board.json").read_bytes()
        for number in range(pulls):
            clock = f"2000-02-01T00:00:{number:02}+00:00"
            (one.folder / "board.json").write_bytes(board.replace(b"2000-01-02T00:00:00+00:00", clock.encode()))
            one.complete()
        boards, bodies = one.count("snapshot"), len(bodies_of(one))
        lost = (boards != 1) + max(0, bodies - 2) + len(one.damage())
    return Row(
        f"pulls of a board in whose body only a clock moves{where(store)}",
        pulls,
        lost,
        f"{counted(boards, 'board')} and {counted(bodies, 'body', 'bodies')} kept",
    )
