"""A8, by email: whatever an event holds, a mail goes out, and nothing in it acts upon who reads it."""

from __future__ import annotations

import copy
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import FileSystemLoader

from levqor_errors.alerts.channels.email import EmailChannel, render
from levqor_errors.alerts.notice import Kind, Notice
from smtp_support import FakeSmtp, Letter

HOSTILE = {
    "markup": "</b></td></table><a href='https://evil.example'>click</a><script>alert(1)</script><img src=x onerror=1>",
    "a template": "{{ 7 * 191 }}{% include 'base.html' %}{# gone #}",
    "header": "declined\r\nBcc: victim@example.com\r\n\r\n<b>body",
    "bare CR and LF": "a\rBcc: victim@example.com\nSubject: other",
    "encoded word": "=?utf-8?q?declined=0D=0ABcc:_victim@example.com?= =?utf-8?b?DQpCY2M6IHY=?=",
    "other line ends": "a\u2028Bcc: v@example.com\u2029\x85\x0b\x0cX: y",
    "NUL and controls": "a\x00b\x1b[31mred\x07\x7f",
    "lone surrogates": "\ud800\udfff half an emoji \ud83d",
    "right to left": "invoice\u202efdp.exe \u2066\u2069",
    "emoji": "😀" * 10_000,
    "one long word": "x" * 100_000,
    "dots": "a\r\n.\r\nMAIL FROM:<v@example.com>\r\n.",
    "address": "javascript:alert(1)",
    "entities": "&lt;b&gt; &amp;amp; \" ' &#60;",
    "nothing": "",
    "blank": " \t\r\n ",
}
#: What a mail of ours is made of.
TAGS = {
    "html", "head", "meta", "title", "style", "body", "table", "tr", "td", "th", "p", "h1", "h2", "div", "span", "br",
    "a",
}  # fmt: skip
HEADERS = {
    "subject", "from", "to", "date", "message-id", "in-reply-to", "references", "auto-submitted",
    "x-auto-response-suppress", "x-levqor-alert-id", "x-levqor-kind", "x-levqor-severity", "mime-version",
    "content-type", "x-peer", "x-mailfrom", "x-rcptto",
}  # fmt: skip
BASE = "https://errors.example.com/owner/errors"


class Seen(HTMLParser):
    """What a mail program makes of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [str(value) for name, value in attrs if name in ("href", "src", "background", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data


def sent(smtp: FakeSmtp, notice: Notice) -> tuple[Letter, str]:
    remark = EmailChannel(smtp.settings(owner_email="ops@example.com")).send(notice).remark
    (letter,) = smtp.letters
    return letter, remark


def hostile_notice(text: str) -> Notice:
    frames = [{"file": text, "line": text, "function": text, "in_app": True}] * 5
    return Notice(
        text or "A1",
        Kind.CRITICAL,
        "critical",
        "2026-11-25T09:00:00.000Z",
        text,
        (text,) * 100,
        text,
        event={
            **dict.fromkeys(("message", "stack", "source", "path_or_screen", "user_email", "environment"), text),
            "release": text,
            "received_at": "2026-11-25T08:59:59.120Z",
            "context": {"exceptions": [{"frames": frames}]},
        },
        issue={"fingerprint": text, "title": text, "first_seen": "2026-11-23T13:05:39.120Z", "count": 3},
        count=3,
        since="2026-11-25T08:00:00.000Z",
        link=text,
    )


def hostile_summary(text: str) -> Notice:
    figure = {"now": 1_234_567, "before": 0, "mean": 2.3, "to_before": "▲ from 0", "to_mean": "▲ 9 %"}
    issues = [
        {"id": 1, "title": text, "service": text, "count": 9, "event_id": 5, "severity": "error"},
        {"id": 2, "title": text, "service": text, "count": 0, "event_id": None, "severity": None},
    ] * 5
    return Notice(
        "A2", Kind.SUMMARY, "critical", "2026-11-25T09:00:00.000Z", "Summary for 2026-11-25", (text,), link=BASE,
        summary={
            "day": "2026-11-25", "late": False, "period": "24 hours", "total": figure, "verified": "Pipeline verified.",
            "severities": [{"name": name, **figure} for name in ("critical", "error", "warning", "info")],
            "services": [{"name": text, **figure}] * 8, "services_more": 3,
            "hours": [
                {"start": "x", "label": f"{hour:02}:00", "critical": 1, "error": 10**9, "warning": hour, "info": 0}
                for hour in range(25)
            ],
            "groups": [{"name": name, "count": 10, "top": issues} for name in ("Top issues", "New", "Gone quiet")],
            "notes": [{"severity": "critical", "text": text}] * 3,
        },
    )  # fmt: skip


def check_harmless(letter: Letter) -> None:
    """A mail with our headers only, both forms, our tags, and links to nowhere but the dashboard."""
    mail = letter.message
    assert {name.lower() for name in mail.keys()} <= HEADERS  # noqa: SIM118 - a header can be there twice
    assert len(mail.keys()) == len({name.lower() for name in mail.keys()})  # noqa: SIM118
    assert mail.defects == []
    assert letter.recipients == ["ops@example.com"]
    assert len(mail["Subject"]) < 300
    assert letter.raw.isascii()
    assert max(map(len, letter.raw.split(b"\r\n"))) <= 998
    # Gmail cuts a page at 102 KB.
    assert len(letter.part("html").encode()) < 100_000
    seen = Seen(letter.part("html"))
    assert seen.tags <= TAGS
    assert not {name for name in seen.attributes if name.startswith("on")}
    assert all(link.startswith(BASE) for link in seen.links)
    for text in (seen.text, letter.part("plain"), str(mail["Subject"])):
        assert not {"\x00", "\x1b", "\u202e", "\u2066", "\x07"} & set(text)
        assert not any(0xD800 <= ord(character) < 0xE000 for character in text)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a8_hostile_text_in_all_of_an_alert(smtp: FakeSmtp, text: str) -> None:
    letter, remark = sent(smtp, hostile_notice(text))
    assert remark == ""
    check_harmless(letter)
    assert Seen(letter.part("html")).links == []


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a8_hostile_text_in_all_of_a_summary(smtp: FakeSmtp, text: str) -> None:
    letter, remark = sent(smtp, hostile_summary(text))
    assert remark == ""
    check_harmless(letter)


def test_a8_what_is_shown_is_what_was_sent(smtp: FakeSmtp) -> None:
    """Escaped once: a reader sees the text as it is, in both forms."""
    text = HOSTILE["markup"] + HOSTILE["entities"] + HOSTILE["a template"]
    letter, _ = sent(smtp, hostile_notice(text))
    assert text in Seen(letter.part("html")).text
    assert text in letter.part("plain")
    assert "1337" not in letter.part("plain")


@pytest.mark.parametrize("cut", [render._MESSAGE_CHARS + offset for offset in range(-8, 3)])
def test_a8_cut_before_it_is_escaped(smtp: FakeSmtp, cut: int) -> None:
    """No half of an entity, wherever the cut falls."""
    notice = replace(hostile_notice("t"), event={"message": "&" * cut})
    letter, _ = sent(smtp, notice)
    shown = Seen(letter.part("html")).text
    assert "&" * min(cut, render._MESSAGE_CHARS - 1) in shown
    assert "&am" not in shown
    assert ("…" in shown) == (cut > render._MESSAGE_CHARS)


@pytest.mark.parametrize(
    ("event", "issue"),
    [
        ({"message": ["no", {"text": 1}], "context": {"exceptions": [{"frames": [{"file": {}}]}]}}, None),
        ({"message": None, "context": {"exceptions": "none"}, "received_at": None}, {}),
        ({"message": 5, "context": {"exceptions": [None]}}, {"count": 1}),
        ({}, {"first_seen": None}),
    ],
)
def test_a8_values_of_other_kinds(smtp: FakeSmtp, event: dict[str, Any], issue: dict[str, Any] | None) -> None:
    letter, _ = sent(smtp, replace(hostile_notice("t"), event=event, issue=issue))
    check_harmless(letter)


@pytest.mark.parametrize(
    ("changes", "form", "remark"),
    [
        # Neither template gets through.
        ({"event": {"context": 5}}, "plain", "in bare facts, since its template failed: AttributeError"),
        ({"issue": {"count": "many"}}, "plain", "in bare facts, since its template failed: ValueError"),
        ({"kind": Kind.SUMMARY, "summary": {"hours": []}}, "plain", "in bare facts, since its template failed"),
    ],
)
def test_a8_a_template_that_fails(smtp: FakeSmtp, changes: dict[str, Any], form: str, remark: str) -> None:
    letter, said = sent(smtp, replace(hostile_notice(HOSTILE["markup"]), link=BASE, **changes))
    assert said.startswith(remark)
    assert letter.message.get_content_type() == f"text/{form}"
    for part in ("</b>", "critical", BASE):
        assert part in letter.part(form)


def test_a8_a_page_that_fails_goes_out_as_text(smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Templates that somebody has broken: only the HTML one."""
    folder = Path(render.__file__).parent / "templates"
    (tmp_path / "alert.html").write_text("{{ notice.no_such_thing }}")
    broken = copy.copy(render._html)
    broken.loader = FileSystemLoader([tmp_path, folder])
    broken.cache = None
    monkeypatch.setattr(render, "_html", broken)
    letter, remark = sent(smtp, hostile_notice("declined"))
    assert remark.startswith("as plain text, since its template failed: UndefinedError")
    assert letter.message.get_content_type() == "text/plain"
    assert "declined" in letter.part("plain")


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JavaScript://x/%0aalert(1)", "data:text/html,x", "vbscript:x", "//evil.example",
        "https:evil", "https://a b", "https://a\nb", "https://ünicode.example", "http://[::1", "", None,
    ],
)  # fmt: skip
def test_a8_what_no_link_is_made_of(url: str | None) -> None:
    assert render.safe_link(url) is None


def test_links_that_are_made() -> None:
    assert render.safe_link(f"{BASE}/5?a=b&c=d") == f"{BASE}/5?a=b&c=d"
    assert render.safe_link("http://127.0.0.1:8000/owner/errors/5") == "http://127.0.0.1:8000/owner/errors/5"
