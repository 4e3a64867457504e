"""The event: its model, and the one gate that every event passes, whoever sent it. No I/O.

`normalize` turns a decoded JSON object from anywhere into an `ErrorEvent` in which every field is bounded, clean and
of one type. From here it goes to `grouping.py` (which issue is it?) and then to the storage.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple

from . import ids, instants, limits
from .browser_stacks import V8_FRAME, read_stack
from .clean import clean_object, clean_text
from .errors import InvalidEventError
from .severity import DEFAULT_SERVICE, SEVERITY_ALIASES, Severity


class Source(str, Enum):
    """Where it happened: in a service, or in a browser."""

    BACKEND = "backend"
    FRONTEND = "frontend"


_SOURCES: Final[Mapping[str, Source]] = {source.value: source for source in Source}

_FIELDS: Final = frozenset(
    {
        "event_id", "created_at", "source", "service", "path_or_screen", "user_email", "severity", "message",
        "stack", "environment", "release", "fingerprint", "context",
    }
)  # fmt: skip
#: Set by the collector. A sender that gives an event back as it was read (an import, a relay) is not refused for it.
_OURS: Final = frozenset({"id", "received_at", "issue_id"})
_KNOWN: Final = _FIELDS | _OURS


class ErrorEvent(NamedTuple):
    """One event, past the gate. The order of the fields is the order of the columns of `error_events`."""

    created_at: str
    source: Source
    service: str
    path_or_screen: str | None
    user_email: str | None
    severity: Severity
    message: str
    stack: str | None
    event_id: str
    received_at: str
    environment: str | None
    release: str | None
    context: dict[str, Any]
    #: The sender's own grouping, if it gave one; it goes into the issue's fingerprint and is not a column.
    fingerprint: tuple[str, ...]
    #: Whether the sender chose the event_id. Only then can the event be a retry of one that is stored already.
    sender_id: bool


def normalize(raw: object, *, received_at: datetime, plain: bool = False) -> ErrorEvent:
    """Turn what a sender sent into an event, or say what is wrong with it.

    Too long is cut and says so; of the wrong kind is refused. Fields that are not ours are kept under
    `context["extra"]`. `null` is the same as not given.

    Args:
        raw: a decoded JSON value, of any content.
        received_at: the collector's clock.
        plain: that `raw` is nobody else's, and comes from JSON in UTF-8 without a `\\u` escape. No text in it can then
            hold what cannot be stored, and an event that is within its bounds is taken as it is, without a copy.

    Raises:
        InvalidEventError: naming the field and what is allowed.
    """
    if not isinstance(raw, dict):
        raise InvalidEventError("an event", "must be a JSON object")
    get = raw.get
    message = _text(get("message"), "message", limits.MESSAGE_CHARS, plain)
    if message is None:
        raise InvalidEventError("message", "is required")
    received = instants.to_text(received_at)
    context = _context(raw, plain)
    source = _source(get("source"))
    stack = _text(get("stack"), "stack", limits.STACK_CHARS, plain)
    if stack is not None and "exceptions" not in context and (source is Source.FRONTEND or V8_FRAME in stack):
        exceptions = read_stack(stack, message)
        if exceptions:
            context["exceptions"] = exceptions
    sent_id = get("event_id")
    # By position: this is the hot path, and so many names cost more than the checks. The order is the class's.
    return ErrorEvent(
        _created_at(get("created_at"), received_at, received, context),
        source,
        _name(get("service"), "service", limits.SERVICE_CHARS, plain) or DEFAULT_SERVICE,
        _text(get("path_or_screen"), "path_or_screen", limits.PATH_CHARS, plain),
        _text(get("user_email"), "user_email", limits.EMAIL_CHARS, plain),
        _severity(get("severity")),
        message,
        stack,
        ids.uuid7() if sent_id is None else _event_id(sent_id),
        received,
        _name(get("environment"), "environment", limits.ENVIRONMENT_CHARS, plain),
        _name(get("release"), "release", limits.RELEASE_CHARS, plain),
        context,
        _fingerprint(get("fingerprint")),
        sent_id is not None,
    )


def _text(value: object, field: str, most: int, plain: bool) -> str | None:
    """A text field, cleaned and cut; empty or blank is the same as not given."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidEventError(field, "must be a string")
    if not value or value.isspace():
        return None
    return value if plain and len(value) <= most else clean_text(value, most)


def _name(value: object, field: str, most: int, plain: bool) -> str | None:
    """A text that one filters by: spaces around it make no other name."""
    text = _text(value, field, most, plain)
    return text if text is None else text.strip()


def _severity(value: object) -> Severity:
    if value is None:
        return Severity.ERROR
    if isinstance(value, str):
        severity = SEVERITY_ALIASES.get(value) or SEVERITY_ALIASES.get(value.strip().lower())
        if severity is not None:
            return severity
    raise InvalidEventError("severity", "must be one of info, warning, error, critical (or debug, warn, fatal)")


def _source(value: object) -> Source:
    if value is None:
        return Source.BACKEND
    if isinstance(value, str):
        source = _SOURCES.get(value) or _SOURCES.get(value.strip().lower())
        if source is not None:
            return source
    raise InvalidEventError("source", "must be backend or frontend")


def _event_id(value: object) -> str:
    event_id = ids.canonical_uuid(value) if isinstance(value, str) else None
    if event_id is None:
        raise InvalidEventError("event_id", "must be a UUID (36 characters, or 32 hexadecimal digits)")
    return event_id


def _created_at(value: object, received_at: datetime, received: str, context: dict[str, Any]) -> str:
    """When it happened, by the sender's clock if that is believable, else when it was received.

    A claim out of bounds is kept as `context["claimed_created_at"]`, so that a wrong clock can be found.
    """
    if value is None:
        return received
    try:
        if isinstance(value, str):
            instant = instants.from_text(value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            instant = instants.from_epoch(value)
        else:
            raise ValueError("neither text nor a number")
    except ValueError as error:
        raise InvalidEventError(
            "created_at", "must be an ISO 8601 time such as 2026-11-23T13:05:39.120Z, or seconds since 1970"
        ) from error
    age = (received_at - instant).total_seconds()
    if -limits.CLOCK_AHEAD_SECONDS <= age <= limits.CLOCK_BEHIND_SECONDS:
        return instants.to_text(instant)
    context["claimed_created_at"] = instants.to_text(instant)
    return received


def _fingerprint(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    parts = [value] if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise InvalidEventError("fingerprint", "must be a string or a list of strings")
    if len(parts) > limits.FINGERPRINT_PARTS:
        raise InvalidEventError("fingerprint", f"must have at most {limits.FINGERPRINT_PARTS} parts")
    # Blank is the same as not given, here as in every field; it would make one issue of all that a service sends.
    if not any(part.strip() for part in parts):
        return ()
    return tuple(clean_text(part, limits.FINGERPRINT_CHARS) for part in parts)


def _context(raw: dict[str, object], plain: bool) -> dict[str, Any]:
    given = raw.get("context")
    if given is None:
        given = {}
    elif not isinstance(given, dict):
        raise InvalidEventError("context", "must be an object")
    if _KNOWN.issuperset(raw):
        return clean_object(given, plain=plain) if given else {}
    extra = given.get("extra")
    merged = dict(extra) if isinstance(extra, dict) else ({} if extra is None else {"extra": extra})
    # In the sender's order; a set's would differ from run to run.
    merged.update((key, value) for key, value in raw.items() if key not in _KNOWN)
    return clean_object({**given, "extra": merged}, plain=plain)
