"""The buttons under a message: what they are made of, what a press of one says, and what it looks like afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from ...notice import Kind, Notice

#: What can be done, by the word that stands for it in a button's data.
ACTIONS: Final[Mapping[str, str]] = {"ack": "Acknowledge", "mute": "Mute 2 h", "resolve": "Resolve"}
#: What a button says when it has been done.
DONE: Final[Mapping[str, str]] = {"ack": "Acknowledged", "mute": "Muted 2 h", "resolve": "Resolved"}
#: Of alerts that are about something that can be acted upon.
_KINDS: Final = frozenset({Kind.CRITICAL, Kind.REGRESSION, Kind.RATE})
#: Up to 64 bytes: https://core.telegram.org/bots/api#inlinekeyboardbutton
_DATA: Final = re.compile(r"(ack|mute|resolve):([1-9]\d{0,17})", re.ASCII)
_ID: Final = re.compile(r"A([1-9]\d{0,17})", re.ASCII)
_OPEN: Final = "Open in the dashboard"
#: Of an address in a button; Telegram's own bound is not documented.
_LINK_CHARS: Final = 1_000

Keyboard = list[list[dict[str, str]]]


class Press(NamedTuple):
    """What somebody wants done."""

    action: str
    alert: int


def keyboard(notice: Notice, *, with_link: bool) -> Keyboard:
    """Rows of buttons for a message.

    Args:
        notice: what the message is about.
        with_link: give the dashboard's address a button, if it can have one.
    """
    number = _ID.fullmatch(notice.id)
    rows = []
    if notice.kind in _KINDS and number:
        rows.append([{"text": label, "callback_data": f"{action}:{number[1]}"} for action, label in ACTIONS.items()])
    if with_link and notice.link and takes_link(notice.link):
        rows.append([{"text": _OPEN, "url": notice.link}])
    return rows


def takes_link(link: str | None) -> bool:
    """Whether Telegram takes an address for a button: it refuses names without a dot, and this machine's own."""
    try:
        parts = urlsplit(link or "")
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or not 0 < len(link or "") <= _LINK_CHARS:
            return False
        if ":" in host or host.replace(".", "").isdigit():
            return not ip_address(host).is_loopback
    except ValueError:
        return False
    return "." in host.strip(".") and not host.endswith(".localhost")


def read_press(data: object) -> Press | None:
    """What the data of a button says; `None` for what is none of ours. Anybody's client can send any."""
    found = _DATA.fullmatch(data) if isinstance(data, str) else None
    return Press(found[1], int(found[2])) if found else None


def marked(rows: Any, data: str, label: str) -> Keyboard:
    """A keyboard, as Telegram gives it back, after a press: what was done stands in a row of its own at the top.

    Args:
        rows: of the message.
        data: of the button that was pressed; it goes on to work.
        label: what it says from now on.
    """
    buttons = rows if isinstance(rows, list) else []
    others = [
        [button for button in row if isinstance(button, dict) and button.get("callback_data") != data]
        for row in buttons
        if isinstance(row, list)
    ]
    return [[{"text": label, "callback_data": data}], *(row for row in others if row)]
