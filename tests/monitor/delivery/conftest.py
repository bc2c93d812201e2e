"""Records to be told, and servers to tell them to."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from brainalign_monitor.base.outgoing import Channel
from brainalign_monitor.config.settings import Settings, load_settings
from brainalign_monitor.delivery.messages import (
    Alert,
    Digest,
    DigestPeriod,
    HeadlineFigure,
    Letterhead,
    Picture,
    Subscriber,
)
from brainalign_monitor.operations import pull, reporting
from brainalign_monitor.operations.kept_alerts import FIRING, RESOLVED
from brainalign_monitor.store import Finding
from tests.monitor.delivery.mail_host import Certificates, make_certificates
from tests.monitor.report.conftest import drawn_snapshot

AT = datetime(2026, 11, 30, 6, 17, tzinfo=UTC)
LETTERHEAD = Letterhead("BrainAlign <monitor@lab.example>", link="https://lab.example/brainalign/")
READER = Subscriber(Channel.MAIL, "reader@lab.example")
# A PNG of one pixel.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c6360f8cf0000020001e221bc33"
    "0000000049454e44ae426082"
)
PICTURE = Picture("scatter", "Neural against behavioural scores", "A scatter plot of 83 models.", PIXEL, 600)
ALERT = Alert(
    domain="vision",
    rule="complete models fell",
    fired=True,
    words="complete models fell is firing: change of models is below −20 (−52)",
    as_of=datetime(2024, 1, 1, tzinfo=UTC),
    board="0123abcd",
    figure=HeadlineFigure("models", 83.0, (83.0, 83.0), 135.0, (135.0, 135.0)),
)


def digest(**changes: object) -> Digest:
    settings: dict[str, object] = {
        "domain": "vision",
        "period": DigestPeriod.WEEKLY,
        "first": date(2026, 11, 23),
        "last": date(2026, 11, 29),
        "as_of": datetime(2026, 11, 28, tzinfo=UTC),
        "models": 1281,
        "benchmarks": 53,
        "figures": (
            HeadlineFigure("models", 83.0, (83.0, 83.0), 135.0, (135.0, 135.0)),
            HeadlineFigure("mean_rho", 0.1867, (0.17, 0.21), 0.1758, (0.16, 0.19)),
            HeadlineFigure("r2_behavior", 0.9456, (0.93, 0.96), 0.9622, (0.95, 0.97)),
            HeadlineFigure("sd_neural", 0.0262, None, 0.0262, None),
        ),
        "news": "one new benchmark; 52 models incomplete; agreement unchanged at 0.19",
        "verdict": "The sample changed",
        "answer": "Two benchmarks agree with \u03c1 = 0.187 (95 % interval 0.170 to 0.210).",
        "changes": (
            (
                "Models with a score on every kept benchmark: 83, 135 before; mostly as Igustibagus2024-ridge started",
                "#sample",
            ),
        ),
        "followed": {"resnet-50": ("resnet-50 (7): official rank 12, 10 before",)},
        "alerts": (ALERT,),
        "picture": PICTURE,
        "report": "reports/2026-11-28.html#changed",
    }
    return Digest(**(settings | changes))  # type: ignore[arg-type]


def finding(snapshot: int, event: str, rule: str, at: datetime, words: str) -> Finding:
    data = {"event": event, "rule": rule, "figure": "mean_rho", "on": "level", "as_of": at.isoformat()}
    data |= {"words": words, "attribution": None, "value": 0.25, "interval": [0.125, 0.375]}
    return Finding(snapshot, {"fired": FIRING, "ended": RESOLVED}[event], rule, at, words, data)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(Path(tmp_path_factory.mktemp("certificates")))


def told_home(home: Path, names: list[str] | None = None, report: str | None = None) -> Settings:
    """A home folder whose store saw three boards in two weeks, with alerts; the last one has a report."""
    settings = load_settings(home=home)
    # No two of one family, so that intervals over families exist.
    names = names or [f"{letter}{letter}net" for letter in string.ascii_letters[:30]]
    leaves = [f"Author{2000 + i}.V1-pls" for i in range(5)] + [f"Author{2010 + i}.i2n" for i in range(4)]
    first = drawn_snapshot(30, leaves[:5], leaves[5:], names=names, as_of_time=MOMENTS[0], sha256="a" * 64)
    changed = first.scores.copy()
    changed[:, first.tree.index[leaves[0]]] = 1 - changed[:, first.tree.index[leaves[0]]]
    second = replace(first, scores=changed, as_of_time=MOMENTS[1], sha256="b" * 64)
    fewer = drawn_snapshot(27, leaves[:5], leaves[5:], names=names, seed=3, sha256="c" * 64)
    third = replace(fewer, as_of_time=MOMENTS[2])
    with pull.open_home(settings) as store:
        for number, snapshot in enumerate((first, second, third)):
            store.add(snapshot, b"%d" % number, seen_at=SEEN[number])
        fired = finding(2, "fired", "agreement fell", SEEN[1], "agreement fell fired: <b>low</b>")
        ended = finding(3, "ended", "agreement fell", SEEN[2], "agreement fell ended")
        other = finding(3, "fired", "few models", SEEN[2], "few models fired: 27")
        store.add_findings([fired, ended, other])
        standing = {"rules": {"few models": {"standing": {"active": True}}}}
        store.put_alert_state("vision", standing, SEEN[2])
        if report is not None:
            path = reporting.report_path(settings, store.info(3))
            path.parent.mkdir(parents=True)
            path.write_text(report, encoding="utf-8")
    return settings


# Of the boards, and when each was seen: on two days of a week and in the week after it.
MOMENTS = [datetime(2024, 11, day, tzinfo=UTC) for day in (18, 20, 25)]
SEEN = [datetime(2024, 11, day, 6, 30, tzinfo=UTC) for day in (19, 21, 26)]
