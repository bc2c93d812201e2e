"""Mails: both parts say it all, nothing is loaded, no name breaks out, the same input gives the same bytes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser

import pytest

from brainalign_monitor.base.errors import TemplateError
from brainalign_monitor.base.outgoing import Channel, Kind, Message
from brainalign_monitor.delivery.composing import compose_alerts, compose_digest, compose_operator
from brainalign_monitor.delivery.mail import MOST_HTML_BYTES
from brainalign_monitor.delivery.messages import DigestPeriod, HeadlineFigure, Letterhead, OperatorNote, Subscriber
from tests.hostile import HOSTILE_NAMES
from tests.monitor.delivery.conftest import ALERT, AT, LETTERHEAD, PICTURE, PIXEL, READER, digest

NOTE = OperatorNote(
    "failures vision 3", "the site did not answer 3 times", "No answer.\n\nCheck the network.", [("source", "x")]
)


def parsed(message: Message) -> EmailMessage:
    return message_from_bytes(message.body, policy=default)  # type: ignore[return-value]


def parts(message: Message) -> tuple[str, str, list[EmailMessage]]:
    """Text, HTML and pictures of a mail."""
    text, related = parsed(message).iter_parts()
    html, *pictures = related.iter_parts() if related.is_multipart() else (related,)
    return text.get_content(), html.get_content(), pictures


def one_digest(**changes: object) -> Message:
    (message,) = compose_digest(digest(**changes), [READER], LETTERHEAD, AT)
    return message


def test_below_the_headers_a_mail_is_the_same_for_all_recipients():
    readers = [replace(READER, name=f"reader{number}@lab.example") for number in range(3)]
    mails = [one.body.partition(b"\r\n\r\n") for one in compose_digest(digest(), readers, LETTERHEAD, AT)]
    assert len({head for head, _, _ in mails}) == 3
    assert len({rest for _, _, rest in mails}) == 1


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_a_digest_says_everything_in_either_part():
    text, html, _ = parts(one_digest())
    for said in (
        "week 48 of 2026", "The sample changed", "83", "135", "0.187", "0.170 to 0.210", "94.6 %",
        "Igustibagus2024-ridge", "complete models fell is firing",
        "https://lab.example/brainalign/reports/2026-11-28.html#changed",
    ):  # fmt: skip
        assert said in text, said
        assert said in re.sub(r"<[^>]+>", "", html) or said in html, said
    assert "\u2212" in text
    assert "standard deviation" not in text, "three figures"


def test_headers_are_those_of_a_polite_list():
    message = one_digest()
    mail = parsed(message)
    assert mail["From"] == "BrainAlign <monitor@lab.example>"
    assert mail["To"] == "reader@lab.example"
    assert mail["Message-ID"] == f"<{message.id.removesuffix('@brainalign')}@lab.example>", "that of the sender"
    assert mail["Date"].datetime == AT
    assert mail["Subject"] == message.subject
    assert message.subject == (
        "Brain-Score vision: one new benchmark; 52 models incomplete; agreement unchanged at 0.19; 1 alert firing"
    )
    assert mail["List-Unsubscribe"] == "<mailto:monitor@lab.example?subject=unsubscribe>"
    assert mail["List-Unsubscribe-Post"] is None, "one click needs a page"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "multipart/alternative"


@pytest.mark.parametrize(
    ("address", "header", "post"),
    [
        ("https://lab.example/unsubscribe", "https://lab.example/unsubscribe", "List-Unsubscribe=One-Click"),
        (
            "https://lab.example/u?who={address}",
            "https://lab.example/u?who=a%2Bb%26c%40lab.example",
            "List-Unsubscribe=One-Click",
        ),
        ("http://lab.example/u", "http://lab.example/u", None),
        ("mailto:lists@lab.example", "mailto:lists@lab.example", None),
    ],
)
def test_the_unsubscribe_address_is_called_by_one_click_where_that_is_allowed(address, header, post):
    reader = replace(READER, name="a+b&c@lab.example")
    (message,) = compose_digest(digest(), [reader], replace(LETTERHEAD, unsubscribe=address), AT)
    assert parsed(message)["List-Unsubscribe"] == f"<{header}>"
    assert parsed(message)["List-Unsubscribe-Post"] == post


def test_each_reader_gets_the_models_that_it_follows():
    followed = {"resnet-50": ("resnet-50 (7): official rank 12, 10 before",), "9": ("vgg (9): new",)}
    readers = [
        READER,
        replace(READER, name="a@x.example", models=("resnet-50",)),
        replace(READER, name="b@x.example", models=("9", "resnet-50")),
    ]
    made = compose_digest(digest(followed=followed), readers, LETTERHEAD, AT)
    told = {one.recipient: parts(one) for one in made}
    assert "YOUR MODELS" not in told[READER.name][0]
    for part in told["a@x.example"][:2]:
        assert "resnet-50 (7): official rank 12, 10 before" in part
        assert "vgg" not in part
    assert told["b@x.example"][0].index("vgg (9)") < told["b@x.example"][0].index("resnet-50 (7)")


def test_an_alert_that_fires_for_long_is_one_line():
    old = replace(ALERT, rule="few models", as_of=ALERT.as_of.replace(year=2022, month=4))
    text, html, _ = parts(one_digest(active=(old, ALERT)))
    line = "Still firing: few models since 2022-04; complete models fell since 2024-01"
    assert line in text
    assert line in html


def test_an_alert_that_fired_and_was_resolved_in_one_period_is_one_line():
    over = replace(ALERT, fired=False, words="agreement fell resolved: back", as_of=ALERT.as_of + timedelta(days=3))
    text, html, _ = parts(one_digest(alerts=[ALERT, over]))
    assert text.count("agreement fell") == html.count("agreement fell") == 1
    assert f"resolved: back; it was firing since {ALERT.as_of.day} " in text
    assert one_digest(alerts=[ALERT, over]).subject.endswith("; 1 alert resolved")


def test_an_alert_mail_says_the_state_once_and_links_to_the_site():
    alert = replace(ALERT, words=f"{ALERT.rule} firing: it is below 0.1")
    (message,) = compose_alerts([alert], [READER], LETTERHEAD, AT)
    text, html, _ = parts(message)
    assert text.count("firing") == 1
    assert "It is below 0.1" in text
    assert ">It is below 0.1<" in html
    assert "Open the site" in html


def test_dark_colours_come_where_the_reader_has_them():
    _, html, _ = parts(one_digest())
    assert '<meta name="color-scheme" content="light dark">' in html
    assert re.search(r"@media \(prefers-color-scheme: ?dark\)", html)


def test_figures_are_inside_the_mail_and_nothing_is_loaded():
    _, html, pictures = parts(one_digest())
    assert [picture.get_content() for picture in pictures] == [PIXEL]
    assert pictures[0]["Content-ID"] == "<scatter@brainalign>"
    assert pictures[0].get_content_disposition() == "inline"
    tags = Tags(html).tags
    assert [attributes["src"] for tag, attributes in tags if tag == "img"] == ["cid:scatter@brainalign"]
    assert [attributes["alt"] for tag, attributes in tags if tag == "img"] == [PICTURE.description]
    assert not {"svg", "script", "link", "iframe", "object", "form", "video"} & {tag for tag, _ in tags}
    assert {attributes["href"] for tag, attributes in tags if tag == "a"} == {
        f"{LETTERHEAD.link}reports/2026-11-28.html#{anchor}" for anchor in ("changed", "sample")
    }
    assert "url(" not in html
    assert "@import" not in html
    assert 'style="' in html, "styles are in the elements"


def test_every_class_of_the_templates_has_a_style():
    _, html, _ = parts(one_digest())
    for tag, attributes in Tags(html).tags:
        if tag in ("h1", "h2", "p", "td") and "class" in attributes:
            assert attributes.get("style"), (tag, attributes)


def test_equal_records_give_equal_bytes():
    assert one_digest() == one_digest()
    assert compose_alerts([ALERT], [READER], LETTERHEAD, AT) == compose_alerts([ALERT], [READER], LETTERHEAD, AT)
    assert compose_operator(NOTE, [replace(READER, operator=True)], LETTERHEAD, AT)[0].kind is Kind.OPERATOR


def test_a_message_has_one_name_whenever_it_is_made():
    (later,) = compose_digest(digest(models=5), [READER], LETTERHEAD, AT + timedelta(hours=3))
    assert later.id == one_digest().id
    assert later.body != one_digest().body
    ended = compose_alerts([replace(ALERT, fired=False)], [READER], LETTERHEAD, AT)[0]
    other = compose_alerts([replace(ALERT, board="beef")], [READER], LETTERHEAD, AT)[0]
    assert len({later.id, ended.id, other.id, compose_alerts([ALERT], [READER], LETTERHEAD, AT)[0].id}) == 4


def test_subscribers_get_what_they_chose():
    people = [
        Subscriber(Channel.MAIL, "weekly@x.example", alerts=False),
        Subscriber(Channel.MAIL, "monthly@x.example", digest=DigestPeriod.MONTHLY),
        Subscriber(Channel.MAIL, "alerts@x.example", digest=DigestPeriod.NONE),
        Subscriber(Channel.MAIL, "ops@x.example", alerts=False, digest=DigestPeriod.NONE, operator=True),
    ]

    def to(messages: list[Message]) -> set[str]:
        return {message.recipient.partition("@")[0] for message in messages}

    assert to(compose_digest(digest(), people, LETTERHEAD, AT)) == {"weekly"}
    monthly = digest(period=DigestPeriod.MONTHLY)
    assert to(compose_digest(monthly, people, LETTERHEAD, AT)) == {"monthly"}
    assert to(compose_alerts([ALERT], people, LETTERHEAD, AT)) == {"monthly", "alerts"}
    assert to(compose_operator(NOTE, people, LETTERHEAD, AT)) == {"ops"}
    assert compose_digest(digest(), [], LETTERHEAD, AT) == []


@pytest.mark.parametrize("name", [*HOSTILE_NAMES, "a\r\nBcc: victim@x.example", "\r\n.\r\n", "=_0", "{{ 7 * 7 }}"])
def test_no_name_breaks_out_of_its_place(name):
    hostile = replace(ALERT, rule=name, words=f"{name} fired")
    told = digest(
        news=name,
        answer=name,
        changes=((f"1 model came: {name}", "#moves"),),
        followed={name: (f"{name} (1): new",)},
        alerts=(hostile,),
        active=(hostile,),
    )
    (message,) = compose_digest(told, [replace(READER, models=(name,))], LETTERHEAD, AT)
    (alert,) = compose_alerts([hostile], [READER], LETTERHEAD, AT)
    for made, calm in ((message, one_digest()), (alert, compose_alerts([ALERT], [READER], LETTERHEAD, AT)[0])):
        mail = parsed(made)
        assert mail.keys() == parsed(calm).keys(), "no header more"
        assert not mail.defects
        assert "\n" not in made.subject
        _, html, _ = parts(made)
        # No element beside those of the templates.
        assert {tag for tag, _ in Tags(html).tags} <= {tag for tag, _ in Tags(parts(calm)[1]).tags} | {"h2"}
        assert all(max(map(len, line.split(b"\r"))) <= 998 for line in made.body.split(b"\n"))
        assert made.body.isascii()


def test_the_mail_stays_small_however_much_happened():
    long = "W" * 5000
    big = digest(
        news=long,
        answer=long,
        changes=((long, ""),) * 500,
        followed={"all": (long,) * 500},
        alerts=[replace(ALERT, rule=f"rule {n}", words=long) for n in range(500)],
        active=(replace(ALERT, words=long),) * 500,
        figures=tuple(HeadlineFigure("mean_rho", 0.1, (0.0, 0.2), 0.2, (0.1, 0.3)) for _ in range(13)),
    )
    (message,) = compose_digest(big, [replace(READER, models=("all",))], LETTERHEAD, AT)
    text, html, _ = parts(message)
    assert len(html.encode()) < MOST_HTML_BYTES
    for more in (494, 495, 497):
        assert f"and {more} more" in text


def test_a_quiet_period_has_two_lines_or_nothing():
    calm = digest(quiet=True, alerts=(), news="nothing changed; agreement unchanged at 0.19", active=(ALERT,))
    readers = [READER, replace(READER, name="rare@x.example", when_quiet=False)]
    (message,) = compose_digest(calm, readers, LETTERHEAD, AT)
    assert message.recipient == READER.name
    assert message.subject == "Brain-Score vision: nothing changed; agreement unchanged at 0.19"
    text, html, pictures = parts(message)
    board = "Brain-Score vision of 28 November 2026 has 1,281 models and 53 benchmarks."
    assert text.partition("\r\n\r\n")[0].splitlines() == [
        f"Nothing changed in week 48 of 2026: {board}",
        "Still firing: complete models fell since 2024-01",
    ]
    assert pictures == []
    assert "<img" not in html


def test_figures_that_a_board_of_another_field_lacks_are_left_out_by_name():
    figures = (HeadlineFigure("mean_rho", 0.5), HeadlineFigure("r2_behavior", None), HeadlineFigure("sd_neural", None))
    message = one_digest(domain="tasks", figures=figures)
    assert message.subject.startswith("tasks: ")
    for part in parts(message)[:2]:
        plain = " ".join(part.split())
        assert re.search("(?i)left out, unknown on this board and the last: variance of the average", plain)
        assert "Brain-Score tasks" not in plain
    hook = compose_digest(digest(figures=figures), [replace(READER, channel=Channel.WEBHOOK)], LETTERHEAD, AT)[0]
    record = json.loads(hook.body)["digest"]
    assert [one["name"] for one in record["figures"]] == ["mean_rho"]
    assert record["left_out"] == ["r2_behavior", "sd_neural"]


def test_a_simulated_board_is_called_so_everywhere():
    message = one_digest(simulated=True)
    assert message.subject.startswith("[simulated] ")
    text, html, _ = parts(message)
    assert "SIMULATED" in text
    assert "Simulated." in html


def test_a_mail_template_of_ones_own_is_taken(tmp_path):
    (tmp_path / "mail_digest.txt.j2").write_text("Hello {{ period }} <b>\n")
    (tmp_path / "mail.css").write_text("h1 { color: teal }")
    (message,) = compose_digest(digest(), [READER], replace(LETTERHEAD, templates=tmp_path), AT)
    text, html, _ = parts(message)
    assert text.splitlines() == ["Hello week 48 of 2026 <b>"]
    assert '<h1 style="color: teal;">' in html


def test_a_broken_mail_template_is_named(tmp_path):
    (tmp_path / "mail_digest.html.j2").write_text("\n{{ nobody }}")
    with pytest.raises(TemplateError, match=r"mail_digest\.html\.j2' is broken in line 2"):
        compose_digest(digest(), [READER], replace(LETTERHEAD, templates=tmp_path), AT)


def test_a_mail_template_that_is_too_long_is_refused(tmp_path):
    (tmp_path / "mail_digest.html.j2").write_text("x" * (MOST_HTML_BYTES + 1))
    with pytest.raises(TemplateError, match="shorten the mail templates"):
        compose_digest(digest(), [READER], replace(LETTERHEAD, templates=tmp_path), AT)


def test_a_letterhead_needs_no_site():
    (message,) = compose_digest(digest(), [READER], Letterhead("monitor@lab.example"), AT)
    text, html, _ = parts(message)
    assert "The report" not in text
    assert "<a " not in html
