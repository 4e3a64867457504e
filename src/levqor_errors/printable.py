"""Hostile text made fit for a terminal: what acts upon it is shown, not run. For the command line and for our log."""

from __future__ import annotations

import unicodedata
from typing import Final

#: What a terminal acts upon: controls, the invisible characters that reorder text on the screen, other line ends; and
#: lone surrogates, which no encoding carries.
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
