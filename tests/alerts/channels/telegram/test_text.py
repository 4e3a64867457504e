"""What a message says, and that it can be sent whatever it says."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alert_samples import CRITICAL, LINK, NOTICES, about
from levqor_errors.alerts.channels.telegram.keyboard import keyboard, marked, read_press, takes_link
from levqor_errors.alerts.channels.telegram.text import MOST_UNITS, TEMPLATES, Writer, cut, units, unlinked
from levqor_errors.alerts.notice import Kind, Notice
from telegram_html import Entity, parse
from telegram_html import units as telegrams_units

JOINER = "\N{WORD JOINER}"
WRITER = Writer()


def shown(notice: Notice) -> str:
    """The message in its richest form, as a person sees it."""
    return parse(next(WRITER.forms(notice)).text)[0].replace(JOINER, "")


def test_a_critical_one_says_all_that_is_needed_at_night() -> None:
    assert shown(CRITICAL).splitlines() == [
        "🔴 Critical · checkout",
        "PaymentError: card declined",
        "could not charge order 4711",
        "4 events since 03:01 UTC",
        "Folded for 15 minutes.",
        "app/views.py:88 in pay",
        "app/pay.py:31 in charge",
        "app/gateway.py:12 in post",
        "backend · production · 1.4.2",
        "Path /api/checkout/pay",
        "User anna@example.com",
        "First seen 2026-11-24 03:00 UTC, 1,217 events in all",
        "A123",
    ]


@pytest.mark.parametrize(
    ("kind", "first", "count"),
    [
        ("critical", "🔴 Critical · checkout", "4 events since 03:01 UTC"),
        ("regression", "🔴 Critical, back after it was resolved · checkout", None),
        ("rate", "🟠 Error, too many · checkout", "63 events since 02:58 UTC"),
        ("silent", "🟡 Warning, gone silent · mail.worker", None),
        ("storm", "🔴 Critical, a storm", "9,330 events since 2026-11-23 23:58 UTC"),
        ("channel", "🟠 Error, a channel is down", None),
        ("summary", "🔵 The day's summary", None),
        ("test", "🔵 Test", None),
    ],
)
def test_every_kind(kind: str, first: str, count: str | None) -> None:
    notice = NOTICES[kind]
    forms = list(WRITER.forms(notice))
    assert [form.html for form in forms] == [True, False, False]
    lines = shown(notice).splitlines()
    assert lines[0] == first
    assert lines[1] == notice.title
    assert lines[-1] == notice.id
    assert set(notice.lines) <= set(lines)
    assert [line for line in lines if "events since" in line] == ([count] if count else [])
    # The plain form says the same, and the address.
    plain = forms[1].text.replace(JOINER, "").splitlines()
    assert [line for line in plain if line != notice.link] == lines
    assert (notice.link in plain) == (notice.link is not None)
    assert notice.id in forms[2].text
    assert notice.title in forms[2].text.replace(JOINER, "")


@pytest.mark.parametrize(("notice", "least"), [(CRITICAL, 3), (NOTICES["storm"], 10)], ids=["event", "storm"])
def test_of_many_lines_whole_ones_are_shown(notice: Notice, least: int) -> None:
    lines = tuple(f"service {number}: {'x' * 220}" for number in range(40))
    told = [line for line in shown(dataclasses.replace(notice, lines=lines)).splitlines() if "xxx" in line]
    assert len(told) >= least
    assert told == list(lines[: len(told)])
    assert f"… and {40 - len(told)} more" in shown(dataclasses.replace(notice, lines=lines)).splitlines()


def test_a_message_that_the_title_has_already_is_not_repeated() -> None:
    for message in ("card declined", "PaymentError: card declined"):
        assert shown(about(message=message)).count("card declined") == 1


def test_an_address_is_a_button_or_in_the_text() -> None:
    here = "http://127.0.0.1:8000/owner/errors/7"
    assert LINK not in shown(CRITICAL)
    assert keyboard(CRITICAL, with_link=True)[-1] == [{"text": "Open in the dashboard", "url": LINK}]
    local = dataclasses.replace(CRITICAL, link=here)
    assert here in shown(local).splitlines()
    assert "url" not in str(next(WRITER.forms(local)).buttons)
    # One that is cut leads nowhere.
    long = dataclasses.replace(CRITICAL, link=f"http://127.0.0.1/{'x' * 5_000}")
    assert "xxx" not in shown(long)


@pytest.mark.parametrize(
    ("link", "takes"),
    [
        (LINK, True),
        ("http://errors.example.com:8443/x", True),
        ("http://192.168.1.5:8000/", True),
        ("https://[2001:db8::1]/", True),
        ("http://localhost:8000/", False),
        ("http://errors/", False),
        ("http://errors./", False),
        ("http://api.localhost/", False),
        ("http://127.0.0.1:8000/", False),
        ("http://[::1]:8000/", False),
        ("http://1.2.3.4.5/", False),
        ("http://[", False),
        ("javascript:alert(1)//a.b", False),
        ("ftp://errors.example.com/", False),
        (f"https://errors.example.com/{'x' * 1_000}", False),
        ("", False),
        (None, False),
    ],
)
def test_addresses_for_buttons(link: str | None, takes: bool) -> None:
    assert takes_link(link) is takes


@pytest.mark.parametrize("kind", list(NOTICES))
def test_only_what_can_be_acted_upon_has_buttons(kind: str) -> None:
    notice = NOTICES[kind]
    pressed = [button["callback_data"] for row in keyboard(notice, with_link=False) for button in row]
    if notice.kind in (Kind.CRITICAL, Kind.REGRESSION, Kind.RATE):
        assert [read_press(data) for data in pressed] == [
            ("ack", int(notice.id[1:])), ("mute", int(notice.id[1:])), ("resolve", int(notice.id[1:])),
        ]  # fmt: skip
    else:
        assert pressed == []


@pytest.mark.parametrize("notice_id", ["", "A", "A0", "123", "A12x", "A\u0661", f"A{'9' * 30}", "A1\n"])
def test_an_id_of_another_form_has_no_buttons(notice_id: str) -> None:
    assert keyboard(dataclasses.replace(CRITICAL, id=notice_id), with_link=False) == []


@pytest.mark.parametrize(
    "data",
    [
        None,
        7,
        "",
        "ack",
        "ack:",
        "ack:0",
        "ack:-1",
        "ack:1:2",
        "ack:1\n",
        "ACK:1",
        "drop:1",
        "ack:\u0661",
        f"ack:{'9' * 40}",
    ],
)
def test_data_that_is_none_of_ours(data: object) -> None:
    assert read_press(data) is None


@pytest.mark.parametrize("rows", [None, 7, [], [None], [[None]], [[{}]], [[{"text": "x"}]]])
def test_a_keyboard_of_any_shape_can_be_marked(rows: Any) -> None:
    assert marked(rows, "ack:1", "done")[0] == [{"text": "done", "callback_data": "ack:1"}]


HOSTILE = {
    "ten thousand emoji": "😀" * 10_000,
    "families": "👨‍👩‍👧‍👦" * 1_000,
    "flags and skin": "🇩🇪👍🏽" * 1_000,
    "combining": "e\u0301\u0302" * 3_000,
    "a tag and a link": "</b><a href='https://evil.example'>x</a>",
    "the end of a block": "</pre></code><script>alert(1)</script>",
    "half an entity at the cut": "&" * 5_000,
    "entities": "&amp;&lt;&#x41;&#1114112;&unknown;" * 300,
    "a lone surrogate": "card \ud83d declined \udc00",
    "NUL and controls": "a\x00b\x07c\x1b[31md\x7f\x85",
    "CR and LF": "a\r\nb\rc\nd\u2028e\u2029f",
    "turned round": "\u202egpj.exe\u202c \u2066x\u2069 \u200f",
    "mentions and links": "@channel /start https://evil.example evil.example a@evil.example tg://resolve?domain=x",
    "braces of templates": "{{ id }} {% raw %} {# x #}",
    "blank": " \t\n ",
    "very long": "x" * 100_000,
    "long words of two units": "\U0001d54f" * 9_000,
}
FIELDS = ("message", "path_or_screen", "user_email", "environment", "release", "service")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a8_hostile_content(text: str) -> None:
    frame = {"file": text, "line": text, "function": text, "in_app": True}
    event = {**dict.fromkeys(FIELDS, text), "context": {"exceptions": [{"frames": [frame] * 5}]}}
    notice = dataclasses.replace(about(**event), title=text, service=text, lines=(text,) * 20)
    rich, plain, line = WRITER.forms(notice)
    visible, entities = parse(rich.text)
    assert {entity.type for entity in entities} <= {"bold", "code", "pre"}
    for form in (visible, plain.text, line.text):
        assert telegrams_units(form) <= MOST_UNITS
        form.encode()
        assert form.endswith("A123") or "A123" in form.splitlines()[-2:]
        assert not set(form) & set("\x00\x07\x1b\r\x7f\x85\u2028\u2029\u202e\u202c\u2066\u2069\u200f")
        # Outside of code, where Telegram looks for them, there is none.
        for found in ("@channel", "/start", "://evil", "evil.example"):
            assert found not in (form if form is not visible else without_code(visible, entities))
    # It is all one message: nothing of the sender's begins a line outside of its place.
    assert visible.splitlines()[0].startswith("🔴 Critical")


def without_code(visible: str, entities: list[Entity]) -> str:
    """What of a text is not in code."""
    encoded = visible.encode("utf-16-le")
    for entity in reversed([entity for entity in entities if entity.type in ("code", "pre")]):
        encoded = encoded[: 2 * entity.offset] + encoded[2 * (entity.offset + entity.length) :]
    return encoded.decode("utf-16-le")


@pytest.mark.parametrize(
    "event",
    [
        {"context": None},
        {"context": {"exceptions": [{"frames": [{"file": object()}]}]}},
        {"context": {"exceptions": "x"}, "stack": "a\nb\nc\nd"},
        {"message": None, "service": 7, "release": ["x"], "user_email": {"a": 1}},
    ],
)
def test_an_event_of_another_shape_is_still_told(event: dict[str, Any]) -> None:
    forms = list(WRITER.forms(about(**event)))
    assert forms
    assert all("A123" in form.text and "card declined" in form.text for form in forms)


def write_template(folder: Path, text: str) -> Writer:
    (folder / "message.html.j2").write_text(text)
    return Writer(folder)


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ no_such_fact }}", "UndefinedError"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{% if %}", "TemplateSyntaxError"),
        ("{{ message * 1000 }}", "ValueError"),
    ],
)
def test_a8_a_template_that_fails(tmp_path: Path, template: str, why: str) -> None:
    plain, line = write_template(tmp_path, template).forms(CRITICAL)
    assert not plain.html
    assert plain.remark == f"as plain text, since its template fails ({why})"
    assert "card declined" in plain.text
    assert "card declined" in line.text


def test_a8_a_template_that_is_not_there(tmp_path: Path) -> None:
    plain, _ = Writer(tmp_path).forms(CRITICAL)
    assert plain.remark == "as plain text, since its template fails (TemplateNotFound)"


def test_all_templates_are_html() -> None:
    assert [path.name for path in TEMPLATES.iterdir()] == ["message.html.j2"]


# Texts of hostile pieces, repeated until they are too long, and of any characters at all.
pieces = st.sampled_from(
    [*"<>&\"'/@.: \n\r\t\x00", "</pre>", "&lt;", "😀", "👨‍👩‍👧", "\u0301", "\ud800", "\u202e", "a"]
)
anything = st.text(st.characters(exclude_categories=()), max_size=8)
texts = st.builds(
    lambda parts, times: "".join(parts) * times, st.lists(pieces | anything, max_size=8), st.integers(0, 500)
)


@settings(max_examples=80, deadline=None)
@given(texts, texts, texts)
def test_any_text_can_be_sent(one: str, two: str, three: str) -> None:
    frame = {"file": two, "line": 7, "function": three, "in_app": True}
    event: dict[str, Any] = dict(zip(FIELDS, (one, two, three, one, two, three), strict=True))
    event |= {"context": {"exceptions": [{"frames": [frame] * 3}]}}
    notice = dataclasses.replace(about(**event), title=three, lines=(one, two), service=one)
    rich, plain, line = WRITER.forms(notice)
    visible, entities = parse(rich.text)
    assert {entity.type for entity in entities} <= {"bold", "code", "pre"}
    for text in (visible, plain.text, line.text):
        assert telegrams_units(text) <= MOST_UNITS
        assert text.strip()
        text.encode()


@settings(max_examples=300, deadline=None)
@given(texts, st.integers(3, 300))
def test_a_cut_text_fits_and_keeps_both_ends(text: str, most: int) -> None:
    shortened = cut(text, most)
    assert units(shortened) <= most
    if units(text) <= most:
        assert shortened == text
    else:
        head, _, tail = shortened.partition(" … ")
        assert text.startswith(head)
        assert text.endswith(tail) or " … " in text


@pytest.mark.parametrize("whole", ["👍🏽", "👨‍👩‍👧‍👦", "e\u0301", "❤️"])
@pytest.mark.parametrize("most", range(20, 60))
def test_a_cut_leaves_graphemes_whole(whole: str, most: int) -> None:
    head, _, tail = cut(whole * 100, most).partition(" … ")
    assert head.replace(whole, "") == ""
    assert tail.replace(whole, "") == ""


def test_units_are_telegrams() -> None:
    for text in HOSTILE.values():
        assert units(text) == telegrams_units(text)


@pytest.mark.parametrize("text", ["13:05", "4.2", "a/2", "3 more; e.g. x", "ValueError: x", "…"])
def test_text_without_links_stays_as_it_is(text: str) -> None:
    assert unlinked(text) == text
