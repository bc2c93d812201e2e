"""Records to be told, and servers to tell them to."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from brainalign_monitor.delivery import (
    Alert,
    Digest,
    DigestPeriod,
    HeadlineFigure,
    Letterhead,
    Picture,
    Subscriber,
)
from brainalign_monitor.messages import Channel
from tests.monitor.delivery.mail_host import Certificates, make_certificates

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
    rule="complete cases fell",
    fired=True,
    words="complete cases fell fired: change of models is below -20 (-52 [-52, -52])",
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
        "changelog": ("10 models came: resnet-50, alexnet and 8 more", "1 benchmark started"),
        "causes": ("models 135 → 83: -52 by cleaning (Igustibagus2024-ridge)",),
        "alerts": (ALERT,),
        "pictures": (PICTURE,),
    }
    return Digest(**(settings | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(Path(tmp_path_factory.mktemp("certificates")))
