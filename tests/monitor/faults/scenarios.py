"""What is done to a monitor, each as a function that does it so many times and returns a line of the table."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from tests.monitor.faults import served
from tests.monitor.faults.driver import at_every_call, at_stage, die, killed_by_the_mail_server, killing
from tests.monitor.faults.harness import Patient, Row, limit_file_size, patient, stages_of_a_run, where
from tests.monitor.sources.samples import body_of, document

T = TypeVar("T")


@dataclass
class Toll:
    """What was found wrong between the tries of a row, and how many mails may have come twice by then."""

    wrong: list[str] = field(default_factory=list)
    may_double: int = 0


def _hurt(one: Patient, toll: Toll, fault: Callable[[], T]) -> T:
    """Do something to it, look at the site, let the next run complete what was begun, and look again."""
    before = served.version(one.site)
    happened = fault()
    then = served.version(one.site)
    if then is not None:
        toll.wrong += served.torn(one.site)
    elif before is not None:
        toll.wrong.append("the site is gone")
    one.complete()
    if then not in (before, served.version(one.site)):
        toll.wrong.append(f"{then} was served, neither the old nor the new site")
    toll.wrong += served.torn(one.site) + served.unfinished(one.site, one.boards)
    return happened


def _lost(one: Patient, toll: Toll) -> tuple[int, str]:
    """What is missing after a row of faults, each followed by a run, and in words what was found."""
    queued = [str(row[0]) for row in one.rows("SELECT id FROM message")]
    mails = one.mails()
    twice = sum(count - 1 for count in mails.values())
    boards = one.count("snapshot")
    # Every board but the first is news of the alert.
    found = {
        "boards": abs(one.boards - boards),
        "messages": abs(one.boards - 1 - len(queued)),
        "mails": sum(not mails[name] for name in queued),
        "mails of nobody": len(set(mails) - set(queued)),
        "mails too often": max(0, twice - toll.may_double) + sum(count > 2 for count in mails.values()),
        "unsent": one.count("message WHERE state != 'sent'"),
        "claimed": one.count("run WHERE state = 'claimed'"),
    }
    wrong = [*toll.wrong, *one.damage()]
    lost = sum(found.values()) + len(wrong)
    words = (
        f"{boards} boards and {len(queued)} messages, whole and sent, {twice} of them twice under one Message-ID; "
        "the site whole after each, old or new"
    )
    return lost, words if not lost else f"{found}, {wrong[:3]}"


def killed_at_every_stage(folder: Path, tries: int, store: str = "", plain: bool = True) -> Row:
    """SIGKILL as a stage begins or ends, and by the mail server; then a run, which has to complete what was begun."""
    with patient(folder, store, plain=plain) as one:
        stages = stages_of_a_run(one)
        order = folder / "kill"
        points = [
            (killing(name, time, leaving), _unsure(name, leaving)) for name, time in stages for leaving in (False, True)
        ]
        points += [(killed_by_the_mail_server(order, at), at == "DATA") for at in ("RCPT", "DATA")]
        survived, toll = 0, Toll()
        for number in range(tries):
            # All of them again and again, or some that are spread over all.
            at = number if tries >= len(points) else number * len(points) // tries
            stage, unsure = points[at % len(points)]
            one.next_board()
            survived += not _killed(_hurt(one, toll, partial(one.run, stage)))
            toll.may_double += unsure
        lost, found = _lost(one, toll)
        real = "" if plain else ", reports and charts as users have them"
        return Row(
            f"SIGKILL as each of the {len(stages)} stages of a run begins and ends, and before and after the mail "
            f"server takes a mail{real}{where(store)}",
            tries,
            lost + survived,
            found if not survived else f"{survived} survived; {found}",
        )


def _unsure(stage: str, leaving: bool) -> bool:
    """Whether the mail is sent and that is not noted yet."""
    return stage.startswith("sending to") if leaving else stage == "noting what was sent"


def _killed(status: int) -> bool:
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def killed_at_every_call(folder: Path, most: int = 1000) -> Row:
    """SIGKILL before each change of files in a run (see `driver.CALLS`), or before some that are spread over all."""
    with patient(folder) as one:
        one.next_board()
        one.complete()
        one.next_board()
        one.complete()
        # By name and time, because a site that grows has more links every time, and all else comes after them; those
        # that come in a run with either board.
        noted = [folder / "calls of 9", folder / "calls of 7"]
        for path in noted:
            one.next_board()
            assert one.run(hurt=partial(at_every_call, partial(_note, path))) == 0, one.errors
        calls = [call for call in noted[0].read_text().splitlines() if call in noted[1].read_text().splitlines()]
        tries = min(len(calls), most)
        survived, toll = 0, Toll()
        for number in range(tries):
            one.next_board()
            hurt = partial(at_every_call, partial(_die_at, calls[number * len(calls) // tries]))
            survived += not _killed(_hurt(one, toll, partial(one.run, hurt=hurt)))
            # Which of them come between a mail and its note is not known.
            toll.may_double += 1
        lost, found = _lost(one, toll)
        return Row(
            f"SIGKILL before each of the {len(calls)} flushes, links, renames and removals of files in a run",
            tries,
            lost + survived,
            found if not survived else f"{survived} survived; {found}",
        )


def _note(path: Path, name: str, time_of_it: int) -> None:
    with path.open("a") as stream:
        stream.write(f"{name} {time_of_it}\n")


def _die_at(call: str, name: str, time_of_it: int) -> None:
    if call == f"{name} {time_of_it}":
        die()


def killed_at_any_moment(folder: Path, tries: int, store: str = "", seed: int = 1) -> Row:
    """SIGKILL from outside after a random time."""
    moments = random.Random(seed)
    with patient(folder, store) as one:
        one.next_board()
        one.complete()
        began = time.monotonic()
        one.next_board()
        one.complete()
        length = time.monotonic() - began

        def kill() -> bool:
            child = one.start()
            time.sleep(moments.uniform(0, length))
            os.kill(child, signal.SIGKILL)
            return _killed(os.waitpid(child, 0)[1])

        killed, toll = 0, Toll()
        for _ in range(tries):
            one.next_board()
            killed += _hurt(one, toll, kill)
            toll.may_double += 1
        lost, found = _lost(one, toll)
        return Row(f"SIGKILL at a random moment of a run{where(store)}", tries, lost, f"{killed} died at work; {found}")


def full_disk(folder: Path, tries: int) -> Row:
    """No file may grow beyond a size, during a run or from its site on; then there is room again."""
    with patient(folder) as one:
        one.next_board()
        one.complete()
        one.next_board()
        one.complete()
        failed, toll = 0, Toll()
        for number in range(tries):
            one.next_board()
            boards = one.count("snapshot")
            # From nothing at all to nearly enough.
            limit = limit_file_size(1 << (6 + number // 2 % (6 if number % 2 else 12)))
            fault = partial(one.run, hurt=limit)
            if number % 2:
                fault = partial(one.run, stage=at_stage("writing the site", limit))

            def hurt(fault: Callable[[], int] = fault, boards: int = boards) -> int:
                status = fault()
                toll.wrong.extend(one.damage())
                if one.count("snapshot") not in (boards, boards + 1):
                    toll.wrong.append("boards are lost")
                return status

            failed += _hurt(one, toll, hurt) != 0
        lost, found = _lost(one, toll)
        return Row(
            "no room for files during a run, or from its site on (RLIMIT_FSIZE, 64 bytes to 128 kB)",
            tries,
            lost,
            f"{failed} runs failed; {found}",
        )


def full_file_system(folder: Path, tries: int) -> Row | None:
    """A tmpfs without room, during a run or from its site on; None where none may be mounted."""
    with patient(folder) as one:
        home = one.home
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(home)], capture_output=True, check=False
        )
        if mounted.returncode:
            return None
        filler = home / "filler"

        def fill(pages: int) -> None:
            room = os.statvfs(home)
            filler.write_bytes(b"\0" * max(0, room.f_bavail * room.f_frsize - 4096 * pages))

        def hurt(number: int) -> int:
            if number % 2:
                status = one.run(at_stage("writing the site", partial(fill, number // 2 % 4)))
            else:
                fill(number // 2 % 8)
                status = one.run()
            filler.unlink(missing_ok=True)
            toll.wrong.extend(one.damage())
            return status

        try:
            one.write_settings()
            one.next_board()
            one.complete()
            failed, toll = 0, Toll()
            for number in range(tries):
                one.next_board()
                failed += _hurt(one, toll, partial(hurt, number)) != 0
            lost, found = _lost(one, toll)
        finally:
            subprocess.run(["umount", str(home)], check=True)
        return Row(
            "a full file system during a run, or from its site on (tmpfs)",
            tries,
            lost,
            f"{failed} runs failed; {found}",
        )


def read_only(folder: Path, tries: int) -> Row:
    """Nothing in the home folder may be written, or nothing in that of the reports or the site; then it may again."""
    with patient(folder) as one:
        one.next_board()
        one.complete()
        places = [one.home / "reports", one.home, one.site]
        failed, toll = 0, Toll()

        def hurt(where: Path) -> int:
            kept = [one.home / "reports", one.site] if where == one.home else [where]
            before = [_files(path) for path in kept], one.count("snapshot")
            status = one.run(hurt=_unprivileged(where))
            after = [_files(path) for path in kept], one.count("snapshot")
            if before[0] != after[0] or (where == one.home and before[1] != after[1]):
                toll.wrong.append(f"{where} was changed")
            _writable(where)
            return status

        for number in range(tries):
            one.next_board()
            failed += _hurt(one, toll, partial(hurt, places[number % len(places)])) != 0
        lost, found = _lost(one, toll)
        return Row("a folder that is read-only (home, reports, site)", tries, lost, f"{failed} runs failed; {found}")


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

    if os.getuid() == 0 and folder.name != "home":
        # All else may be written.
        folder.parent.chmod(0o777)
        for path in folder.parent.iterdir():
            if path != folder:
                _writable(path)
    return hurt


def _writable(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)


def bad_responses(folder: Path) -> Row:
    """Every kind of bad response; nothing of it is stored, and a good one is afterwards."""
    from brainalign_monitor.config.settings import load_settings
    from tests.monitor.sources.bad_responses import BAD_RESPONSES, GOOD, LIMITS
    from tests.monitor.sources.conftest import Server, reply

    with patient(folder) as one:
        (one.folder / "board.json").write_bytes(GOOD)
        one.complete()
        server = Server()
        stored, quiet = 0, 0

        def state() -> object:
            rows = one.rows("SELECT count(*), max(id) FROM snapshot")
            return rows, _files(one.home / "reports"), _files(one.site)

        before = state()
        for bad in BAD_RESPONSES:
            server.answers = [bad.answer]
            one.settings = load_settings(home=one.home, base_url=server.url, **LIMITS)
            quiet += one.run() == 0
            stored += state() != before
        server.answers = [reply(body=body_of(document(5)))]
        one.settings = load_settings(home=one.home, base_url=server.url)
        one.complete()
        server.close()
        lost = stored + quiet + len(one.damage()) + (one.count("snapshot") != 2)
        return Row(
            "bad responses, each of another kind",
            len(BAD_RESPONSES),
            lost,
            "nothing stored of any, each noted under its name; the next good one is stored",
        )
