"""The Telegram of the tests refuses what the real one refuses; else the tests beside this one would show nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from telegram_support import CHAT, TOKEN, TOPIC, FakeTelegram


@pytest.fixture(scope="module")
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram() as telegram:
        yield telegram


def send(telegram: FakeTelegram, **parameters: Any) -> str:
    """What it says of a message; empty: taken."""
    given = {"chat_id": CHAT, "parse_mode": "HTML", **parameters}
    answer = httpx.post(f"{telegram.url}/bot{TOKEN}/sendMessage", json=given).json()
    return "" if answer["ok"] else str(answer["description"])


@pytest.mark.parametrize(
    ("html", "says"),
    [
        ("<b>a &amp; b</b> <i>&lt;</i> &#39; &unknown; >", ""),
        ("<a href='https://a.example'>x</a><pre><code>y</code></pre>", ""),
        ("<b>", 'Can\'t find end tag corresponding to start tag "b"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>é</i>", 'Unmatched end tag at byte offset 5, expected "</b>", found "</i>"'),
        ("<script>x</script>", 'Unsupported start tag "script" at byte offset 0'),
        ("1 < 2", 'Unsupported start tag "" at byte offset 2'),
        ("<b", 'Unclosed start tag "b" at byte offset 0'),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("&#xd800;", "Text contains invalid Unicode characters"),
        ("", "message text is empty"),
        ("<b> </b>", "message text is empty"),
        (f"<b>{'&lt;' * 4_096}</b>", ""),
        (f"<b>{'&lt;' * 4_097}</b>", "message is too long"),
        ("😀" * 2_048, ""),
        ("😀" * 2_049, "message is too long"),
    ],
)
def test_texts(telegram: FakeTelegram, html: str, says: str) -> None:
    assert says in send(telegram, text=html) if says else send(telegram, text=html) == ""


@pytest.mark.parametrize(
    ("button", "says"),
    [
        ({"text": "x", "callback_data": "a" * 64}, ""),
        ({"text": "x", "callback_data": "ä" * 33}, "BUTTON_DATA_INVALID"),
        ({"text": "x", "callback_data": ""}, "BUTTON_DATA_INVALID"),
        ({"text": "x"}, "Text buttons are unallowed"),
        ({"text": " ", "callback_data": "a"}, "must have text"),
        ({"text": "x", "url": "https://errors.example.com/"}, ""),
        ({"text": "x", "url": "http://localhost:8000/"}, "Wrong HTTP URL"),
        ({"text": "x", "url": "http://127.0.0.1:8000/"}, "BUTTON_URL_INVALID"),
    ],
)
def test_buttons(telegram: FakeTelegram, button: dict[str, str], says: str) -> None:
    said = send(telegram, text="x", reply_markup={"inline_keyboard": [[button]]})
    assert says in said if says else said == ""


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ({"chat_id": -5}, "chat not found"),
        ({"chat_id": "@nobody"}, "chat not found"),
        ({"chat_id": "@LEVQOR_alerts"}, ""),
        ({"message_thread_id": TOPIC}, ""),
        ({"message_thread_id": 1}, "message thread not found"),
        ({"parse_mode": "Odd"}, "unsupported parse_mode"),
    ],
)
def test_places(telegram: FakeTelegram, place: dict[str, Any], says: str) -> None:
    said = send(telegram, text="x", **place)
    assert says in said if says else said == ""
