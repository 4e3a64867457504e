"""Takes what is known of users out of a text that is to be shown to others (`shares.py`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..redact import Redactor

#: Each is linear in the text: no repeat within a repeat.
_PERSONAL: Final = (
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), "[email]"),
    (re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"), "[address]"),
    (
        re.compile(
            r"(?<![\w:])(?=[0-9a-fA-F:]{0,38}:[0-9a-fA-F]{0,4}:)[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){3,7}(?![\w:])"
        ),
        "[address]",
    ),
    (re.compile(r"(?<![\w])\+?\d(?:[ ()-]{0,2}\d){8,14}(?!\w)"), "[number]"),
)
#: Shorter ones of what is known of a user would be found within other words.
_LEAST: Final = 4
_redactor = Redactor()


def scrubbed(text: str, event: Mapping[str, Any] | None) -> str:
    """A text without secrets, addresses and long numbers, and without whatever the event says of its user.

    Args:
        text: what is to be shown.
        event: as `Storage.get` gives it, or none.
    """
    text = _redactor.text(text)
    for known in sorted(_of_user(event), key=len, reverse=True):
        text = text.replace(known, "[user]")
    for pattern, instead in _PERSONAL:
        text = pattern.sub(instead, text)
    return text


def _of_user(event: Mapping[str, Any] | None) -> Iterator[str]:
    if event is None:
        return
    user = event["context"].get("user")
    values = [event["user_email"], *(user.values() if isinstance(user, dict) else ())]
    for value in values:
        text = str(value) if isinstance(value, str | int) else ""
        if len(text) >= _LEAST:
            yield text
