"""An event's context made into views that pages can rely on. Goes on to `event_page.py` and `event_text.py`.

A context holds whatever its sender put there: any JSON value may stand in place of any other. Nothing here raises,
whatever it meets; what has not the shape that is known is shown as the JSON that it is. docs/events.md names the keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from .. import instants
from ..clean import clean_text
from ..severity import SEVERITY_ALIASES
from .frame_view import Stretch, stretches
from .json_view import Pair, listed, mapped, number, pairs, shown

#: Of the message, what stands large at the top.
_HEAD_LINES: Final = 3
_HEAD_CHARS: Final = 300
#: Breadcrumbs that are not folded; the latest tell most.
_LATEST: Final = 20
_NOTES_CHARS: Final = 2_000
_VIA: Final = {"cause": "Caused by", "context": "Raised while handling", "member": "One of its group"}
_OTHER: Final = "Together with"
#: What is known of where it ran, in this order.
_AROUND: Final = ("browser", "device", "os", "runtime", "process")
#: What has a place of its own.
_PLACED: Final = frozenset({"exceptions", "request", "user", "tags", "breadcrumbs", *_AROUND})


class Raised(NamedTuple):
    """One exception of a chain."""

    type: str
    #: Empty where the event's message says the same.
    value: str
    #: What it is to the one before it; empty for the first.
    relation: str
    notes: tuple[str, ...]
    #: Of its frames, the innermost first.
    stretches: tuple[Stretch, ...]
    #: Frames that its sender left out of the middle.
    cut: int


class Request(NamedTuple):
    """What was asked of the program, or where a page was."""

    method: str
    address: str
    headers: tuple[Pair, ...]
    more: tuple[Pair, ...]


class Crumb(NamedTuple):
    """Something that happened on the way."""

    #: An instant as `instants.to_text` writes it; empty where there is none.
    at: str
    #: How long before the event, or what stood in place of an instant.
    when: str
    level: str
    #: The severity that the level means, if it means one.
    tone: str
    category: str
    message: str
    data: str


class Section(NamedTuple):
    """A list of facts under a title."""

    title: str
    pairs: tuple[Pair, ...]


class EventView(NamedTuple):
    """All of an event that is not a column of its own."""

    #: The message's first lines.
    head: str
    #: All of the message, where that is more.
    message: str
    exceptions: tuple[Raised, ...]
    request: Request | None
    user: tuple[Pair, ...]
    tags: tuple[Pair, ...]
    #: Before the latest breadcrumbs.
    earlier: tuple[Crumb, ...]
    crumbs: tuple[Crumb, ...]
    #: Where it ran: browser, device, process.
    around: tuple[Section, ...]
    #: What else there is.
    more: tuple[Section, ...]


def view(event: Mapping[str, Any]) -> EventView:
    """The views of an event as `Storage.get` gives it, its frames as they came or as in the source."""
    context = mapped(event["context"])
    message = str(event["message"])
    head = clean_text("\n".join(message.split("\n")[:_HEAD_LINES]), _HEAD_CHARS)
    crumbs = tuple(_crumb(one, event["created_at"]) for one in listed(context.get("breadcrumbs")))
    email = [Pair("email", event["user_email"])] if event["user_email"] else []
    return EventView(
        head=head,
        message=message if head != message else "",
        exceptions=_exceptions(context.get("exceptions"), message),
        request=_request(context.get("request")),
        user=(*email, *pairs(context.get("user"))),
        tags=pairs(context.get("tags")),
        earlier=crumbs[:-_LATEST],
        crumbs=crumbs[-_LATEST:],
        around=tuple(Section(name.capitalize(), found) for name in _AROUND if (found := pairs(context.get(name)))),
        more=_more(context),
    )


def _exceptions(value: object, message: str) -> tuple[Raised, ...]:
    entries = listed(value)
    types = [shown(mapped(entry).get("type")) or "Exception" for entry in entries]
    raised = []
    for index, (entry, type_) in enumerate(zip(entries, types, strict=True)):
        if not isinstance(entry, dict):
            raised.append(Raised(shown(entry), "", "", (), (), 0))
            continue
        text = shown(entry.get("value"))
        raised.append(
            Raised(
                type=type_,
                value="" if message in (text, f"{type_}: {text}") else text,
                relation=_relation(entry, index, types),
                notes=tuple(clean_text(shown(note), _NOTES_CHARS) for note in listed(entry.get("notes"))),
                stretches=stretches(entry.get("frames"), unfold=index == 0),
                cut=number(entry.get("cut")) or 0,
            )
        )
    return tuple(raised)


def _relation(entry: Mapping[str, Any], index: int, types: list[str]) -> str:
    """What an exception is to the one that it belongs to, which is named if it is not the one above."""
    if index == 0:
        return ""
    via = entry.get("via")
    said = _VIA.get(via, _OTHER) if isinstance(via, str) else _OTHER
    of = number(entry.get("of"))
    return f"{said} · {types[of]}" if of is not None and of < index - 1 else said


def _request(value: object) -> Request | None:
    if not value:
        return None
    if not isinstance(value, dict):
        return Request("", shown(value), (), ())
    rest = dict(value)
    method, headers = shown(rest.pop("method", None)), pairs(rest.pop("headers", None))
    address = shown(rest.pop("url", None))
    if not address:
        path, query = shown(rest.pop("path", None)), shown(rest.pop("query", None))
        address = f"{path}?{query}" if query else path
    return Request(method, address, headers, pairs(rest))


def _crumb(value: object, happened: str) -> Crumb:
    if not isinstance(value, dict):
        return Crumb("", "", "", "", "", shown(value), "")
    at, when = _moment(value.get("at"), happened)
    level = shown(value.get("level"))
    severity = SEVERITY_ALIASES.get(level.lower())
    data = value.get("data")
    return Crumb(
        at, when, level, severity.value if severity else "", shown(value.get("category")), shown(value.get("message")),
        "" if data in (None, {}, []) else shown(data),
    )  # fmt: skip


def _moment(value: object, happened: str) -> tuple[str, str]:
    """An instant, and how far from the event it is."""
    try:
        if isinstance(value, str):
            instant = instants.from_text(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            instant = instants.from_epoch(value)
        else:
            return "", shown(value)
        seconds = (instant - instants.from_text(happened)).total_seconds()
        return instants.to_text(instant), _span(seconds)
    except (ValueError, OverflowError):
        return "", shown(value)


def _span(seconds: float) -> str:
    """With a minus: before the event."""
    sign, seconds = ("\N{MINUS SIGN}" if seconds < 0 else "+"), abs(seconds)
    for size, unit, below, part in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            return f"{sign}{seconds // size:,.0f} {unit} {seconds % size // below:02.0f} {part}"
    return f"{sign}{seconds:.1f} s"


def _more(context: Mapping[str, Any]) -> tuple[Section, ...]:
    """What has no place of its own: `extra` first, then what is a list of facts itself, then single facts."""
    left = {key: value for key, value in context.items() if key not in _PLACED and value not in (None, {}, [])}
    single = {key: value for key, value in left.items() if not isinstance(value, dict)}
    sections = [Section("Extra", pairs(left.pop("extra")))] if isinstance(left.get("extra"), dict) else []
    sections += [Section(key, pairs(value)) for key, value in left.items() if isinstance(value, dict)]
    if single:
        sections.append(Section("Context", pairs(single)))
    return tuple(sections)
