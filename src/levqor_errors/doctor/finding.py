"""What a look comes to: a line for people, with what to do below it where there is something to do."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple

#: What the other side said stands at the end of a text, behind what to do.
_QUOTE: Final = re.compile(r"(?P<text>.*?)(?P<quote> \([A-Z]\w+: .*\))?", re.DOTALL)


class Level(str, Enum):
    """How it is."""

    OK = "ok"
    #: It works, but somebody should look at it.
    WARNING = "warning"
    #: It does not work.
    FAILED = "failed"


class Finding(NamedTuple):
    """A line of the report.

    Attributes:
        topic: findings of one topic stand together.
        name: what was looked at, in a word.
        level: how it is.
        found: what was found.
        advice: what to do; empty where all is well.
    """

    topic: str
    name: str
    level: Level
    found: str
    advice: str = ""


def good(topic: str, name: str, found: str) -> Finding:
    """All is well."""
    return Finding(topic, name, Level.OK, found)


def doubtful(topic: str, name: str, found: str, advice: str) -> Finding:
    """Something should be looked at."""
    return Finding(topic, name, Level.WARNING, found, advice)


def bad(topic: str, name: str, found: str, advice: str) -> Finding:
    """Something does not work."""
    return Finding(topic, name, Level.FAILED, found, advice)


def told(text: object, otherwise: str) -> tuple[str, str]:
    """An error's text as what was found and what to do: our errors have a `;` between.

    Args:
        text: the error, or its text.
        otherwise: what to do where it says nothing of that.
    """
    match = _QUOTE.fullmatch(str(text))
    assert match is not None
    found, _, advice = match["text"].partition("; ")
    return found + (match["quote"] or ""), advice or otherwise
