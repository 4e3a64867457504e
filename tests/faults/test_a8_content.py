"""A8: a template that fails on one event; 10,000 emoji; `</b><a href=…>`; CR/LF in a subject; a lone surrogate.

Passes when: degrades to plain text and is still sent; truncated before escaping; no header injected.
"""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from alert_support import QUIET, deliveries, hurry, post, why
from smtp_support import FakeSmtp, Letter
from support import CollectorProcess, Database, execute, rows, wait_until
from telegram_answers import RESET
from telegram_support import FakeTelegram, Message

StartCollector = Callable[..., CollectorProcess]
LINK = "</b><a href='https://evil.example/'>win</a>"
SUBJECT = "boom\r\nBcc: victim@evil.example\r\n\r\n<b>body</b>"


def test_a8_whatever_a_sender_writes_is_told_and_acts_upon_nobody(
    start_collector: StartCollector,
    database: Database,
    telegram: FakeTelegram,
    smtp: FakeSmtp,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hurry(monkeypatch)
    collector = start_collector(**QUIET, **telegram.settings, **smtp.environ(), ALERT_ROUTES="-> telegram email")
    # As bytes, since no library here would write a lone surrogate.
    bodies = [
        b'{"severity": "critical", "service": "s0", "message": "\\ud800 alone \\udfff"}',
        b'{"severity": "critical", "service": "s1", "message": "%s"}' % ("\U0001f525" * 10_000).encode(),
        b'{"severity": "critical", "service": "s2", "message": "%s"}' % (LINK * 100).encode(),
        b'{"severity": "critical", "service": "s3", "message": "%s", "path": "a\\r\\nX-Evil: 1"}'
        % SUBJECT.replace("\r\n", "\\r\\n").encode(),
        # What a template would stumble over, if one can: the context's parts are not of the form that is usual.
        b'{"severity": "critical", "service": "s4", "message": "odd", "context": {"exceptions": [{"frames": '
        b'[{"in_app": true, "line": {"a": []}}, 7]}]}, "stack": "\\u0000\\u202e"}',
    ]
    for body in bodies:
        assert httpx.post(f"{collector.url}/api/errors/log", content=body, timeout=60).status_code == 201
    wait_until(lambda: [state for _, state in deliveries(database)] == ["sent"] * 10, 60)

    def messages(service: str) -> tuple[Message, Letter]:
        (message,) = (one for one in telegram.messages if service in one.text.splitlines()[0])
        (letter,) = (one for one in smtp.letters if f" {service}: " in str(one.message["Subject"]))
        return message, letter

    for number in range(len(bodies)):
        message, letter = messages(f"s{number}")
        assert [entity for entity in message.entities if entity.type == "text_link"] == []
        assert message.html
        assert letter.recipients == ["support@levqor.ai"]
        assert letter.message["Bcc"] is None
        assert letter.message["X-Evil"] is None
        assert "href='https://evil.example" not in letter.part("html")
    assert "alone" in messages("s0")[0].text
    assert "\U0001f525\U0001f525" in messages("s1")[0].text
    assert "\U0001f525\U0001f525" in messages("s1")[1].part("plain")
    assert LINK in messages("s2")[0].text
    assert str(messages("s3")[1].message["Subject"]).startswith("[critical] s3: boom (A")
    assert "Bcc: victim@evil.example" in messages("s3")[1].part("plain")


def test_a8_an_event_on_which_every_template_fails_is_still_told(
    start_collector: StartCollector,
    database: Database,
    telegram: FakeTelegram,
    smtp: FakeSmtp,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing that comes by ingest is so; the owner's own tool has changed it before it is sent."""
    hurry(monkeypatch)
    telegram.next(RESET)
    smtp.answer("MAIL", "450 4.2.1 later")
    collector = start_collector(**QUIET, **telegram.settings, **smtp.environ(), ALERT_ROUTES="-> telegram email")
    event = post(collector.url, service="shop", message="not captured")
    wait_until(lambda: len(rows(database, "SELECT 1 FROM alert_ledger WHERE what = 'waits'")) == 2)
    execute(database, "UPDATE error_events SET context = '[1]'")
    wait_until(lambda: [state for _, state in deliveries(database)] == ["sent"] * 2)
    (message,) = telegram.messages
    (letter,) = smtp.letters
    assert not message.html
    for text in (message.text, str(letter.message["Subject"]), letter.part("plain")):
        assert "not captured" in text
        assert "A1" in text
    sent = {line["channel"]: line["detail"] for line in why(collector, event)["ledger"] if line["what"] == "sent"}
    assert sent["telegram"].startswith("as one line, since")
    assert sent["email"].startswith("in bare facts, since its template failed")
