"""Event content in a terminal: hostile bytes shown, not run, and severities in colour with their names beside."""

from __future__ import annotations

import unicodedata
from typing import Any, Final

from rich.text import Text

STYLES: Final = {"critical": "bold red", "error": "dark_orange", "warning": "yellow", "info": "blue"}
#: What a terminal acts upon: controls, and the invisible characters that reorder text on the screen.
_ACTIVE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(value: object, *, lines: bool = False) -> str:
    """Text in which nothing moves the cursor, sets a colour or a title, or turns the writing round.

    Args:
        value: anything that an event holds; `None` is empty.
        lines: keep newlines and tabs.
    """
    text = "" if value is None else str(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if _harmless(character, lines) else _escaped(character) for character in text)


def _harmless(character: str, lines: bool) -> bool:
    return (lines and character in "\n\t") or unicodedata.category(character) not in _ACTIVE


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def severity_text(event: dict[str, Any]) -> Text:
    """The event's severity, coloured."""
    severity = printable(event.get("severity"))
    return Text(severity, style=STYLES.get(severity, ""))


def clock(event: dict[str, Any]) -> str:
    """When the event was received, to the second."""
    return printable(event.get("received_at"))[:19].replace("T", " ")
