"""What is done to a monitor, each as a function that does it so many times and returns a line of the table."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.monitor.faults.driver import killing
from tests.monitor.faults.harness import Patient, Row, limit_file_size, patient, stages_of_a_run
from tests.monitor.sources.samples import body_of, document

SNAPSHOTS = "SELECT count(*) FROM snapshot"


def _lost(one: Patient, boards: int) -> tuple[int, str]:
    """What is missing after a row of faults, each followed by a run, and in words what was found."""
    snapshots = one.rows(SNAPSHOTS)[0][0]
    queued = [str(row[0]) for row in one.rows("SELECT id FROM message")]
    unsent = one.rows("SELECT count(*) FROM message WHERE state != 'sent'")[0][0]
    open_slots = one.rows("SELECT count(*) FROM run WHERE state = 'claimed'")[0][0]
    mails = one.mails()
    never_arrived = [name for name in queued if not mails[name]]
    strangers = set(mails) - set(queued)
    # Every board but the first is news of the alert.
    missing = (
        abs(boards - int(str(snapshots)))
        + abs(boards - 1 - len(queued))
        + len(never_arrived)
        + len(strangers)
    )
    damage = one.damage()
    lost = missing + int(str(unsent)) + int(str(open_slots)) + len(damage)
    twice = sum(count - 1 for count in mails.values())
    found = (
        f"{snapshots} boards and {len(queued)} messages, whole and sent, {twice} of them twice under one Message-ID"
        if not lost
        else f"missing {missing}, unsent {unsent}, claimed {open_slots}, damage {damage[:3]}"
    )
    return lost, found


def killed_at_every_stage(folder: Path, tries: int) -> Row:
    """SIGKILL as a stage begins or ends, every stage in turn; then a run, which has to complete what was begun."""
    with patient(folder) as one:
        stages = stages_of_a_run(one)
        points = [(stage, leaving) for stage in stages for leaving in (False, True)]
        survived = 0
        for number in range(tries):
            # All of them again and again, or some that are spread over all.
            at = number if tries >= len(points) else number * len(points) // tries
            stage, leaving = points[at % len(points)]
            one.next_board()
            status = one.run(killing(stage, leaving))
            survived += not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL
            _complete(one)
        lost, found = _lost(one, one.boards)
        return Row(
            f"SIGKILL as each of the {len(stages)} stages of a run begins and ends",
            tries,
            lost + survived,
            found,
        )


def _complete(one: Patient) -> None:
    status = one.run()
    if status:
        raise AssertionError(f"the next run failed: {(one.folder / 'errors').read_text()[-3000:]}")


def killed_at_any_moment(folder: Path, tries: int, seed: int = 1) -> Row:
    """SIGKILL from outside after a random time."""
    moments = random.Random(seed)
    with patient(folder) as one:
        one.next_board()
        began = time.monotonic()
        _complete(one)
        length = time.monotonic() - began
        killed = 0
        for _ in range(tries):
            one.next_board()
            child = one.start()
            time.sleep(moments.uniform(0, length))
            os.kill(child, signal.SIGKILL)
            killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
            _complete(one)
        lost, found = _lost(one, one.boards)
        return Row("SIGKILL at a random moment of a run", tries, lost, f"{killed} died at work; {found}")


def full_disk(folder: Path, tries: int) -> Row:
    """No file may grow beyond a size at which one of a run's writes fails; then there is room again."""
    with patient(folder) as one:
        one.next_board()
        _complete(one)
        one.next_board()
        _complete(one)
        failed, broken = 0, 0
        for number in range(tries):
            one.next_board()
            boards = one.rows(SNAPSHOTS)
            # From nothing at all to nearly enough.
            failed += one.run(hurt=limit_file_size(1 << (6 + number % 12))) != 0
            broken += bool(one.damage()) or one.rows(SNAPSHOTS)[0][0] not in (
                boards[0][0],
                int(str(boards[0][0])) + 1,
            )
            _complete(one)
        lost, found = _lost(one, one.boards)
        return Row(
            "no room for files (RLIMIT_FSIZE, 64 bytes to 128 kB)",
            tries,
            lost + broken,
            f"{failed} runs failed; {found}",
        )


def full_file_system(folder: Path, tries: int) -> Row | None:
    """A tmpfs without room; None where none may be mounted."""
    with patient(folder) as one:
        home = one.home
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(home)], capture_output=True, check=False
        )
        if mounted.returncode:
            return None
        try:
            one.write_settings()
            one.next_board()
            _complete(one)
            failed, broken = 0, 0
            for number in range(tries):
                one.next_board()
                filler = home / "filler"
                room = os.statvfs(home)
                left = room.f_bavail * room.f_frsize - 4096 * (number % 8)
                filler.write_bytes(b"\0" * max(0, left))
                failed += one.run() != 0
                filler.unlink()
                broken += bool(one.damage())
                _complete(one)
            lost, found = _lost(one, one.boards)
        finally:
            subprocess.run(["umount", str(home)], check=True)
        return Row(
            "a full file system (tmpfs of 4 MB)", tries, lost + broken, f"{failed} runs failed; {found}"
        )


def read_only(folder: Path, tries: int) -> Row:
    """Nothing in the home folder may be written, or nothing in that of the reports; then it may again."""
    with patient(folder) as one:
        one.next_board()
        _complete(one)
        changed, failed = 0, 0
        for number in range(tries):
            one.next_board()
            where = one.home if number % 2 else one.home / "reports"
            before = _files(one.home / "reports"), one.rows(SNAPSHOTS)
            failed += one.run(hurt=_unprivileged(where)) != 0
            if where == one.home:
                changed += (_files(one.home / "reports"), one.rows(SNAPSHOTS)) != before
            _writable(where)
            _complete(one)
        lost, found = _lost(one, one.boards)
        return Row(
            "a folder that is read-only (home, reports)",
            tries,
            lost + changed,
            f"{failed} runs failed; {found}",
        )


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _unprivileged(folder: Path) -> Callable[[], None]:
    """Take away the right to write, and that of root to write all the same."""
    everything = [folder, *folder.rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)

    def hurt() -> None:
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

    if os.getuid() == 0:
        # All folders on the way may be entered, and what is not meant to be read-only be written.
        for path in (folder.parent, *folder.parents):
            if path.stat().st_mode & 0o055 != 0o055:
                path.chmod(path.stat().st_mode | 0o055)
        if folder.name == "reports":
            for path in [folder.parent, *folder.parent.iterdir()]:
                if path != folder:
                    for inner in [path, *path.rglob("*")] if path != folder.parent else [path]:
                        inner.chmod(0o777 if inner.is_dir() else 0o666)
    return hurt


def _writable(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)


def bad_responses(folder: Path) -> Row:
    """Every kind of bad response; nothing of it is stored, and a good one is afterwards."""
    from brainalign_monitor.config import load_settings
    from tests.monitor.sources.bad_responses import BAD_RESPONSES, GOOD, LIMITS
    from tests.monitor.sources.conftest import Server, reply

    with patient(folder) as one:
        (one.folder / "board.json").write_bytes(GOOD)
        _complete(one)
        server = Server()
        stored, quiet = 0, 0
        before = one.rows("SELECT count(*), max(id) FROM snapshot"), _files(one.home / "reports")
        for bad in BAD_RESPONSES:
            server.answers = [bad.answer]
            one.settings = load_settings(home=one.home, base_url=server.url, **LIMITS)
            quiet += one.run() == 0
            stored += (
                one.rows("SELECT count(*), max(id) FROM snapshot"),
                _files(one.home / "reports"),
            ) != before
        server.answers = [reply(body=body_of(document(5)))]
        _complete(one)
        server.close()
        lost = stored + quiet + len(one.damage()) + (one.rows(SNAPSHOTS)[0][0] != 2)
        return Row(
            "bad responses, each of another kind",
            len(BAD_RESPONSES),
            lost,
            "nothing stored of any, each noted under its name; the next good one is stored",
        )
