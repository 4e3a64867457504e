"""Grouping: which issue does an event belong to? A pure function of the event, run by the collector.

By the first of these that the event has: the sender's own fingerprint; its exceptions' types with the in-app
functions they went through; its message with the parts taken out that differ from one occurrence to the next. The
service is always part of it. Line numbers are not: they move with every release. From here the event and its group go
to the storage. What the owner wants otherwise is in `grouping_rules.py`.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

from .clean import clean_text
from .event import ErrorEvent

TITLE_CHARS: Final = 200
#: Kinds of groups, their first part, that are not found from what an event says of itself.
GIVEN_KINDS: Final = frozenset({"custom", "overflow"})
#: How much of a message is looked at: what tells two messages apart stands at their start.
_MESSAGE_CHARS: Final = 1_000
#: The innermost in-app functions of each exception; deeper callers differ by the way one came, not by the fault.
_FRAMES: Final = 8
_EXCEPTIONS: Final = 10

#: What varies between two occurrences of one fault, under the name that stands in its place, with the character that
#: must be in a message for it to be there at all. Order matters: the longer forms first. Each pattern is linear in the
#: message's length (no nested repeats), for anyone may send a message.
_VARIABLE: Final = (
    ("uuid", "-", r"(?<![^\W_])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"),
    ("time", "-", r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?"),
    ("email", "@", r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"),
    ("ip", ".", r"\b\d{1,3}(?:\.\d{1,3}){3}\b"),
    (
        "ipv6",
        ":",
        r"(?<![\w:.])(?=[0-9a-fA-F:]{0,38}:[0-9a-fA-F]{0,4}:)[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?![\w:])",
    ),
    ("quoted", "\"'`", r"""\"[^"\n]{1,200}"|(?<!\w)'[^'\n]{1,200}'(?!\w)|`[^`\n]{1,200}`"""),
    ("hex", "", r"\b0[xX][0-9a-fA-F]+\b|\b(?=[a-fA-F]{0,63}\d)(?=\d{0,63}[a-fA-F])[0-9a-fA-F]{8,64}\b"),
    ("number", "", r"[+-]?\b\d+(?:[.,]\d+)*|(?<=[^\W\d])\d+"),
)
_SIGNS: Final = tuple("-@.:\"'`")
#: What minifiers call functions, anew with each build: `a`, `$t`, `tIe`, but neither `add` nor `Row` nor `URL`.
_MADE_UP: Final = re.compile(r"[\w$]{1,2}|(?![A-Z]?[a-z]{2,3}$|[A-Z]{3}$)[\w$]{3}")
#: The longest of those: there are 150,000 of them, which is enough for any bundle.
_MADE_UP_CHARS: Final = 3
_WORD: Final = re.compile(r"\S+")
#: Fingerprints of this many groups are remembered, if what they are made from is no longer than this.
_REMEMBERED: Final = 4_096
_REMEMBERED_CHARS: Final = 2_000


class Group(NamedTuple):
    """Where an event belongs."""

    #: 32 hexadecimal digits; equal for events of one issue.
    fingerprint: str
    #: What the issue is called: `ValueError: invalid literal …`.
    title: str
    #: What the fingerprint was made from, in clear, so that grouping can explain itself.
    parts: tuple[str, ...]


def group(event: ErrorEvent) -> Group:
    """The group of an event. Never raises, whatever shape the event's context has."""
    exceptions = exceptions_of(event.context)
    if event.fingerprint:
        parts = ("custom", event.service, *event.fingerprint)
    elif exceptions:
        parts = ("exception", event.service, *_exception_parts(exceptions))
    else:
        parts = ("message", event.service, message_template(logged_template(event.context) or event.message))
    return Group(fingerprint_of(parts), _title(event, exceptions), parts)


def overflow_group(service: str) -> Group:
    """Where a service's events of new groups go while whoever sends them has opened too many (`limits.NEW_ISSUES`)."""
    parts = ("overflow", service)
    return Group(fingerprint_of(parts), "More new errors than issues may be opened", parts)


def fingerprint_of(parts: tuple[str, ...]) -> str:
    """The fingerprint of a group that is made from these parts."""
    short = sum(map(len, parts)) <= _REMEMBERED_CHARS
    return _remembered_digest(parts) if short else _digest(parts)


def _digest(parts: tuple[str, ...]) -> str:
    # SHA-256 over JSON: unlike joined text, JSON keeps ("a", "bc") and ("ab", "c") apart.
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


_remembered_digest = lru_cache(_REMEMBERED)(_digest)


def message_template(message: str) -> str:
    """A message with its numbers, ids, addresses, times and quoted parts replaced by what they are: `<number>`."""
    message = message[:_MESSAGE_CHARS]
    return _pattern_for(message).sub(lambda match: f"<{match.lastgroup}>", message).strip()


def words_of(message: str) -> list[tuple[int, int]]:
    """Where the words of a message are: one for each that its template has, between blanks. A quotation is one word."""
    message = message[:_MESSAGE_CHARS]
    masked = _pattern_for(message).sub(lambda match: "x" * len(match.group()), message)
    return [match.span() for match in _WORD.finditer(masked)]


def _pattern_for(message: str) -> re.Pattern[str]:
    return _variable(tuple(map(message.__contains__, _SIGNS)))


@lru_cache
def _variable(present: tuple[bool, ...]) -> re.Pattern[str]:
    """A pattern of the forms that can be in a message with these of `_SIGNS`. It tries each of its forms at every
    character, so one with all of them takes three times as long."""
    signs = {sign for sign, here in zip(_SIGNS, present, strict=True) if here}
    return re.compile(
        "|".join(f"(?P<{name}>{form})" for name, any_of, form in _VARIABLE if signs & {*any_of} or not any_of)
    )


def exceptions_of(context: dict[str, Any]) -> list[dict[str, Any]]:
    """The exception chain, the raised one first; empty unless it has the shape that our clients send."""
    chain = context.get("exceptions")
    if not isinstance(chain, list):
        return []
    return [
        item
        for item in chain[:_EXCEPTIONS]
        if isinstance(item, dict) and isinstance(item.get("type"), str) and item["type"]
    ]


def _exception_parts(exceptions: list[dict[str, Any]]) -> list[str]:
    parts: list[str] = []
    for exception in exceptions:
        parts.append(exception["type"])
        places, by_text = way_of(exception)
        parts.extend(places)
        if by_text:
            parts.append(message_template(value_of(exception)))
    return parts


def way_of(exception: dict[str, Any]) -> tuple[list[str], bool]:
    """The functions that an exception went through, as they are told apart, and whether its text tells it apart, too.

    Without frames the type alone would put every ValueError of a service into one issue. Nor do those of a browser's
    nameless functions say more than which file it was.
    """
    frames = exception.get("frames")
    frames = [frame for frame in frames if isinstance(frame, dict)] if isinstance(frames, list) else []
    in_app = ([frame for frame in frames if frame.get("in_app")] or frames)[-_FRAMES:]
    places = [(frame.get("module") or frame.get("file"), frame.get("function")) for frame in in_app]
    # Frames of browsers and Node have a column, and Python's have none: there `f` is what somebody called it.
    if any("column" in frame and _is_made_up(frame.get("function")) for frame in in_app):
        places = _lasting(places)
        by_text = not places[-1][1]
    else:
        by_text = not any(function for _, function in places)
    return [f"{file}:{function}" for file, function in places], by_text


def _is_made_up(function: object) -> bool:
    """Whether only a minifier calls a function so."""
    return isinstance(function, str) and _MADE_UP.fullmatch(function) is not None


def _lasting(places: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Places in minified files, as they are in the next build, too.

    One name that was made up tells that others were: `tIe` was, and `add` may be. Longer ones are those of methods,
    which minifiers leave. How many nameless functions lie between two of those is the minifier's business.
    """
    named = [
        (file, "" if isinstance(function, str) and len(function) <= _MADE_UP_CHARS else function)
        for file, function in places
    ]
    return [place for place, next_ in zip(named, [*named[1:], None], strict=True) if place[1] or place != next_]


def value_of(exception: dict[str, Any]) -> str:
    """An exception's text; empty if it has none."""
    value = exception.get("value")
    return value if isinstance(value, str) else ""


def logged_template(context: dict[str, Any]) -> str | None:
    """The unformatted message of a logging call: `user %s has no cart`, the same for every user."""
    template = context.get("message_template")
    return template if isinstance(template, str) and template else None


def _title(event: ErrorEvent, exceptions: list[dict[str, Any]]) -> str:
    text = event.message
    if exceptions:
        kind, value = exceptions[0]["type"], exceptions[0].get("value")
        text = f"{kind}: {value}" if isinstance(value, str) and value else kind
    lines = text.strip().splitlines()
    return clean_text(lines[0] if lines else text, TITLE_CHARS)
