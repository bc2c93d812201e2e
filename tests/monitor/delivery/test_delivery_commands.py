"""Digests out of the store, and the commands that show, try and send mails, against a real mail server."""

from __future__ import annotations

import email
import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.policy import default
from pathlib import Path

import pytest

from brainalign_monitor.base.outgoing import Channel, Kind
from brainalign_monitor.config.settings import load_settings
from brainalign_monitor.delivery.composing import compose_digest
from brainalign_monitor.delivery.messages import DigestPeriod
from brainalign_monitor.notify.digests import digest_messages, digest_of, period_before, preview_bytes
from brainalign_monitor.operations import pull
from brainalign_monitor.store import MessageState
from tests.commands import brainalign, documented_table
from tests.monitor.delivery.conftest import ALERT, AT, LETTERHEAD, READER, digest, told_home
from tests.monitor.delivery.mail_host import PASSWORD, USER, mail_host
from tests.monitor.delivery.test_delivery_mail import Tags

MONDAY = datetime(2024, 11, 25, 7, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("told") / "home"
    told_home(folder)
    return folder


@pytest.fixture
def home(told, tmp_path) -> Path:
    return shutil.copytree(told, tmp_path / "home")


@pytest.fixture(scope="module")
def host(certificates):
    with mail_host(certificates) as running:
        yield running


@pytest.fixture(autouse=True)
def _forget(request):
    yield
    if "host" in request.fixturenames:
        found = request.getfixturevalue("host")
        found.answers.clear()
        found.taken.clear()
        found.steps.clear()


@pytest.fixture
def mailing(home, host, certificates) -> Path:
    """A home whose mail goes to the server, for two readers and an operator."""
    (home / "password").write_text(PASSWORD)
    (home / "brainalign.toml").write_text(
        f"""
        [mail]
        host = "localhost"
        port = {host.port}
        user = "{USER}"
        password_file = "password"
        sender = "BrainAlign <monitor@lab.test>"
        certificates = "{certificates.trusted}"

        [recipients.one]
        address = "one@lab.test"

        [recipients.two]
        address = "two@lab.test"
        digest = "monthly"

        [recipients.ops]
        address = "ops@lab.test"
        alerts = false
        digest = "none"
        operator = true
        """
    )
    return home


@pytest.mark.parametrize(
    ("moment", "period", "first", "last"),
    [
        (MONDAY, DigestPeriod.WEEKLY, date(2024, 11, 18), date(2024, 11, 24)),
        (datetime(2026, 11, 29, 23, 59, tzinfo=UTC), DigestPeriod.WEEKLY, date(2026, 11, 16), date(2026, 11, 22)),
        (datetime(2027, 1, 4, tzinfo=UTC), DigestPeriod.WEEKLY, date(2026, 12, 28), date(2027, 1, 3)),
        (datetime(2027, 1, 1, 7, tzinfo=UTC), DigestPeriod.MONTHLY, date(2026, 12, 1), date(2026, 12, 31)),
        (datetime(2028, 3, 1, tzinfo=UTC), DigestPeriod.MONTHLY, date(2028, 2, 1), date(2028, 2, 29)),
    ],
)
def test_a_digest_is_about_the_last_whole_period(moment, period, first, last):
    assert period_before(moment, period) == (first, last)


def digest_at(home: Path, slot: datetime, period: DigestPeriod = DigestPeriod.WEEKLY):
    settings = load_settings(home=home)
    with pull.open_home(settings) as store:
        return digest_of(settings, store, period, slot)


def test_a_digest_says_what_was_seen_in_its_week(told):
    digest = digest_at(told, MONDAY)
    assert digest.as_of == datetime(2024, 11, 20, tzinfo=UTC)
    figures = {figure.name: figure for figure in digest.figures}
    # The first board was seen in this week too, so it is the baseline.
    assert (figures["models"].now, figures["models"].before) == (30.0, 30.0)
    assert figures["mean_rho"].now_interval[0] < figures["mean_rho"].now < figures["mean_rho"].now_interval[1]
    assert digest.verdict == "Scores changed"
    assert digest.news.startswith("30 scores restated; agreement ")
    assert digest.changes[0][0].startswith("30 scores were restated")
    assert len(digest.changes) == 5
    assert [(alert.rule, alert.fired) for alert in digest.alerts] == [("agreement fell", True)]
    assert digest.picture.title in digest.picture.description


def test_the_next_digest_has_the_figures_of_before(told):
    digest = digest_at(told, datetime(2024, 12, 2, 7, tzinfo=UTC))
    figures = {figure.name: figure for figure in digest.figures}
    assert (figures["models"].now, figures["models"].before) == (27.0, 30.0)
    assert [(alert.rule, alert.fired) for alert in digest.alerts] == [("agreement fell", False), ("few models", True)]
    assert digest.active == [], "it began to fire in this week"
    # The scores of the three models that went are not restated.
    assert digest.news.startswith("243 scores restated; 3 models gone; agreement ")


def test_a_digest_that_is_made_late_says_the_same(told):
    late = digest_at(told, MONDAY)
    assert late == digest_at(told, datetime(2024, 11, 30, 12, tzinfo=UTC))
    later = digest_at(told, datetime(2024, 12, 9, tzinfo=UTC))
    assert [alert.rule for alert in later.active] == ["few models"]


def test_a_quiet_week_says_so_and_an_unseen_one_nothing(told):
    quiet = digest_at(told, datetime(2024, 12, 9, tzinfo=UTC))
    assert quiet.quiet
    assert quiet.news.startswith("nothing changed; agreement unchanged at 0.")
    assert all(figure.now == figure.before for figure in quiet.figures)
    assert digest_at(told, datetime(2024, 11, 18, tzinfo=UTC)) is None
    month = digest_at(told, datetime(2024, 12, 1, tzinfo=UTC), DigestPeriod.MONTHLY)
    assert len(month.alerts) == 3
    assert not month.quiet


def test_a_digest_is_queued_once(mailing):
    settings = load_settings(home=mailing)
    with pull.open_home(settings) as store:
        first = store.enqueue(digest_messages(settings, store, DigestPeriod.WEEKLY, MONDAY, AT)[0])
        later = AT + timedelta(days=2)
        again = store.enqueue(digest_messages(settings, store, DigestPeriod.WEEKLY, MONDAY, later)[0])
        assert [(one.recipient, one.kind, one.channel) for one in first] == [
            ("one@lab.test", Kind.DIGEST, Channel.MAIL)
        ]
        assert again == ()
        assert len(store.messages(MessageState.PENDING)) == 1


@pytest.mark.parametrize("kind", ["weekly", "monthly", "alert"])
def test_a_preview_is_the_mail_itself(home, tmp_path, kind):
    for suffix in ("eml", "html", "txt"):
        said = brainalign("mail", "preview", kind, "--output", tmp_path / f"m.{suffix}", home=home).succeeded().out
        assert str(tmp_path / f"m.{suffix}") in said
        assert said.startswith("Brain-Score vision")
    mail = email.message_from_bytes((tmp_path / "m.eml").read_bytes(), policy=default)
    assert mail["To"] == "reader@example.org"
    text = (tmp_path / "m.txt").read_text()
    assert "\r" not in text
    assert "Brain-Score vision" in text
    html = (tmp_path / "m.html").read_text()
    pictures = [attributes["src"] for tag, attributes in Tags(html).tags if tag == "img"]
    # The last week and month were quiet.
    assert pictures == []
    ended = brainalign("mail", "preview", kind, "--output", tmp_path / "m.pdf", home=home)
    assert (ended.code, "ends in .eml, .html or .txt" in ended.problem) == (8, True)


def test_a_preview_has_something_to_show_or_says_why_not(tmp_path, stored):
    ended = brainalign("mail", "preview", "alert", "--output", tmp_path / "m.eml", home=stored)
    assert (ended.code, "no alert has been firing yet" in ended.problem) == (6, True)
    assert brainalign("mail", "preview", "--output", tmp_path / "m.eml", home=tmp_path / "no").code == 6


def why_nothing(home: Path, **settings: object) -> str:
    said = brainalign("deliver", "--digest", "weekly", home=home, **settings).succeeded().out
    done = brainalign("deliver", "--digest", "weekly", "--json", home=home, **settings).succeeded().json
    dry = brainalign("deliver", "--digest", "weekly", "--dry-run", home=home, **settings).succeeded().out
    assert done["no_digest"] in said
    assert done["no_digest"] in dry
    return done["no_digest"]


def test_deliver_says_why_it_sent_no_digest(told, stored, tmp_path):
    home = shutil.copytree(told, tmp_path / "told")
    assert 'no recipient, webhook or notification has digest = "weekly"' in why_nothing(home)
    wanted = '[webhooks.lab]\nurl = "http://127.0.0.1:9/"\nwhen_quiet = "nothing"\n'
    (home / "brainalign.toml").write_text(wanted)
    assert "was quiet, and all who get it have when_quiet" in why_nothing(home)
    (stored / "brainalign.toml").write_text(wanted)
    # The board was seen today, after the end of the last week.
    assert "no board had been seen by its end, " in why_nothing(stored)


def test_models_that_a_recipient_follows_are_told_with_ranks_and_reason(home):
    (home / "brainalign.toml").write_text(
        '[mail]\nhost = "localhost"\nsender = "me@lab.test"\n'
        '[recipients.me]\naddress = "me@lab.test"\nmodels = ["BBnet", 5, "nobody"]\n'
    )
    slot = datetime(2024, 12, 2, 7, tzinfo=UTC)
    followed = digest_at(home, slot).followed
    assert [line.partition(":")[0] for line in followed["BBnet"]] == ["bbnet (2)", "BBnet (28)"]
    assert re.fullmatch(r"eenet \(5\): official rank \d+, \d+ before; mostly .+", followed["5"][0])
    assert followed["nobody"] == ("nobody: no model of this id or name is on the board",)


@pytest.mark.needs("browser")
@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768])
def test_a_mail_in_a_browser_is_short_and_asks_for_nothing(browser, home, tmp_path, width, colours):
    digest = digest_at(home, datetime(2024, 12, 2, 7, tzinfo=UTC))
    (message,) = compose_digest(digest, [READER], LETTERHEAD, AT)
    (tmp_path / "m.html").write_bytes(preview_bytes(message, ".html"))
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 740, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": colours}]}
    )
    browser.get_log("browser")
    browser.get((tmp_path / "m.html").as_uri())
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    shown = browser.execute_script("return [...document.images].map((i) => [i.complete, i.naturalWidth, i.width])")
    assert len(shown) == 1
    # Twice as fine as they are shown.
    assert all(complete and natural == 2 * 584 for complete, natural, _ in shown)
    assert all(across <= width for _, _, across in shown)
    ground = browser.execute_script("return getComputedStyle(document.querySelector('.sheet')).backgroundColor")
    assert ground == {"light": "rgb(255, 254, 251)", "dark": "rgb(28, 30, 36)"}[colours]
    assert browser.execute_script("return document.documentElement.scrollHeight") <= 2 * 740
    loaded = "return performance.getEntriesByType('resource').map((r) => r.name).filter((n) => !n.startsWith('data:'))"
    assert browser.execute_script(loaded) == []
    wide = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1]


@pytest.mark.needs("browser")
@pytest.mark.parametrize("models", [0, 2, 6])
def test_a_full_mail_is_two_screens_of_a_phone(browser, home, tmp_path, models):
    change = (
        "Variance of the average explained by the neural half: 54.4 % (95 % interval 17.6 % to 69.8 %), 19.0 % before"
    )
    line = "resnet-50-robust (623): official rank 75, 60 before; mostly 189 new models, …"
    alerts = [replace(ALERT, rule=f"agreement fell {n}") for n in range(1 if models else 3)]
    full = digest(changes=((f"{change}.", "#x"),) * 5, followed={"all": (line,) * models}, alerts=alerts)
    (message,) = compose_digest(full, [replace(READER, models=("all",))], LETTERHEAD, AT)
    (tmp_path / "m.html").write_bytes(preview_bytes(message, ".html"))
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    )
    browser.get((tmp_path / "m.html").as_uri())
    assert browser.execute_script("return document.querySelectorAll('.change').length") >= 2 + models
    assert browser.execute_script("return document.documentElement.scrollHeight") <= 2 * 740


def test_a_trial_mail_arrives(mailing, host):
    said = brainalign("mail", "test", "me@lab.test", home=mailing).succeeded().out
    assert f"localhost:{host.port} accepted the mail to me@lab.test" in said
    (mail,) = host.mails
    assert (mail["To"], mail["Subject"]) == ("me@lab.test", "BrainAlign: test mail")


def test_a_digest_arrives_on_trial_and_again_when_it_is_due(mailing, host):
    brainalign("mail", "test", "me@lab.test", "--digest", "weekly", home=mailing).succeeded()
    brainalign("deliver", "--digest", "weekly", home=mailing).succeeded()
    trial, *due = host.mails
    assert trial["To"] == "me@lab.test"
    assert trial.get_body(("plain",)).get_content() == due[0].get_body(("plain",)).get_content()
    assert trial["Message-ID"] not in {mail["Message-ID"] for mail in due}


@pytest.mark.parametrize("period", ["weekly", "monthly"])
def test_a_preview_of_a_digest_is_byte_for_byte_the_mail_that_arrived(mailing, host, tmp_path, period):
    before = tmp_path / "before.txt"
    brainalign("mail", "preview", period, "--output", before, home=mailing).succeeded()
    brainalign("deliver", "--digest", period, home=mailing).succeeded()
    brainalign("mail", "preview", period, "--output", tmp_path / "m.eml", home=mailing).succeeded()
    brainalign("mail", "preview", period, "--output", tmp_path / "m.txt", home=mailing).succeeded()
    (_, arrived), (mail,) = host.taken[0], host.mails
    assert (tmp_path / "m.eml").read_bytes() == arrived
    assert before.read_text() == (tmp_path / "m.txt").read_text()
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == before.read_text()


def test_a_trial_mail_says_what_is_wrong(mailing, host, tmp_path):
    host.answers["RCPT"] = "550 no such user"
    ended = brainalign("mail", "test", "me@lab.test", home=mailing)
    assert (ended.code, "refused the recipient me@lab.test: 550 no such user" in ended.problem) == (9, True)
    host.answers.clear()
    ended = brainalign("mail", "test", "me@lab.test", home=mailing, mail__password="not the planted secret")
    assert ended.code == 9
    assert "planted" not in ended.err
    assert brainalign("mail", "test", "me", home=mailing).code == 2
    assert "set mail.host" in brainalign("mail", "test", "me@lab.test", home=tmp_path).problem


def test_deliver_sends_what_waits_and_a_dry_run_nothing(mailing, host):
    said = brainalign("deliver", "--digest", "weekly", "--dry-run", home=mailing).succeeded().out
    assert "new  mail to one@lab.test: Brain-Score vision: nothing changed" in said
    assert said.endswith("1 message; nothing was sent\n")
    assert host.taken == []
    done = brainalign("deliver", "--digest", "weekly", "--json", home=mailing).succeeded().json
    assert (done["sent"], done["failed"], done["waiting"]) == (1, 0, [])
    assert [row[0].strip("`").removesuffix("[]") for row in documented_table("## `deliver --json`")] == list(done)
    assert [to for to, _ in host.taken] == ["one@lab.test"]
    again = brainalign("deliver", "--digest", "weekly", home=mailing).succeeded().out
    assert again == (
        "0 sent, 0 to be tried again, 0 given up, 0 waiting\n"
        "no weekly digest was queued: it was queued before for all who get it; each period has one\n"
    )
    assert brainalign("deliver", "--digest", "weekly", "--dry-run", home=mailing).succeeded().out.startswith("0 mess")
    assert len(host.taken) == 1


def test_what_is_not_delivered_waits(mailing, host):
    host.answers["MAIL"] = "451 later"
    ended = brainalign("deliver", "--digest", "weekly", home=mailing)
    assert (ended.code, "451 later" in ended.err) == (9, True)
    listed = json.loads(brainalign("deliver", "--dry-run", "--json", home=mailing).succeeded().out)
    (waiting,) = listed["waiting"]
    assert (waiting["recipient"], waiting["attempts"], waiting["kind"]) == ("one@lab.test", 1, "digest")
    assert "451 later" in waiting["last_error"]
    fields = documented_table("## `deliver --json`")[-1][2]
    assert all(f"`{name}`" in fields for name in waiting)
    assert "tried 1 time;" in brainalign("deliver", "--dry-run", home=mailing).succeeded().out


def test_a_run_publishes_the_site(stored, tmp_path):
    board = next((stored / "bodies").rglob("*.gz"))
    brainalign("run", "--source", board, home=stored, site__folder=tmp_path / "site").succeeded()
    assert (tmp_path / "site/current/index.html").is_file()
    before = (tmp_path / "site/current").readlink()
    brainalign("run", "--source", board, home=stored, site__folder=tmp_path / "site").succeeded()
    assert (tmp_path / "site/current").readlink() == before


def test_a_run_with_a_broken_template_fails_and_keeps_the_site(stored, tmp_path):
    board = next((stored / "bodies").rglob("*.gz"))
    settings = {"home": stored, "site__folder": tmp_path / "site"}
    brainalign("run", "--source", board, **settings).succeeded()
    (tmp_path / "own").mkdir()
    (tmp_path / "own/site_index.html.j2").write_text("{% nothing %}")
    ended = brainalign("run", "--source", board, **settings, templates=tmp_path / "own")
    assert (ended.code, "site_index.html.j2' is broken in line 1" in ended.err) == (3, True)
    assert (tmp_path / "site/current/index.html").is_file()


def test_secrets_are_found_nowhere_however_delivery_fails(home, host, tmp_path):
    canary = "canary-5b0e"
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name, secret in {
        "mail": f"{canary}-mail",
        "key": f"{canary}-key",
        "hook": f"http://user:{canary}-password@127.0.0.1:9/{canary}-path?token={canary}",
        "chat": f"json://user:{canary}-password@127.0.0.1:9/{canary}-path",
    }.items():
        (secrets / name).write_text(secret)
    (home / "brainalign.toml").write_text(
        f"""
        [mail]
        host = "127.0.0.1"
        port = {host.port}
        user = "monitor"
        password_file = "{secrets}/mail"
        sender = "monitor@lab.test"
        [recipients.reader]
        address = "reader@lab.test"
        operator = true
        [webhooks.lab]
        url_file = "{secrets}/hook"
        secret_file = "{secrets}/key"
        operator = true
        [notify.chat]
        url_file = "{secrets}/chat"
        operator = true
        """
    )
    said = ""
    for arguments in (
        ("--log-json", "deliver", "--digest", "weekly"),
        ("-v", "deliver", "--digest", "monthly"),
        ("deliver", "--dry-run", "--json"),
        ("-v", "mail", "test", "me@lab.test"),
        ("-v", "publish", "--output", tmp_path / "site"),
        ("config", "show"),
    ):
        ended = brainalign(*arguments, home=home)
        said += ended.out + ended.err
    assert "3 messages not delivered" in said
    for way in ("mail server", "webhook 'lab' at 127.0.0.1", "notification 'chat'"):
        assert way in said, way
    assert canary not in said
    for path in (*home.rglob("*"), *(tmp_path / "site").rglob("*")):
        if path.is_file():
            assert canary.encode() not in path.read_bytes(), path
