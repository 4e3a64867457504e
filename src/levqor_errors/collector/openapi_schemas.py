"""The shapes of what goes in and comes out, as JSON Schema, for `openapi.py`. From the limits and names of the code."""

from __future__ import annotations

from typing import Any, Final

from .. import limits
from ..event import Source
from ..severity import SEVERITY_ALIASES, Severity
from .refusals import Reason

SEVERITIES: Final = [severity.value for severity in Severity]
SOURCES: Final = [source.value for source in Source]
#: What is taken for a severity, too.
ALIASES: Final = [*SEVERITIES, *sorted(set(SEVERITY_ALIASES) - set(SEVERITIES))]

_UUID: Final = r"^([0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})$"
#: The calendar's years 1 to 9999, in seconds since 1970.
_EPOCH: Final = {"type": "number", "minimum": -62_135_596_800, "maximum": 253_402_300_799}
#: An empty parameter is the same as none, as forms send it.
EMPTY: Final = {"type": "string", "maxLength": 0}
TIME: Final = {"type": "string", "format": "date-time"}
COUNT: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}
ID: Final = {"type": "integer", "minimum": 1}


def ref(name: str) -> dict[str, str]:
    """A reference to one of these."""
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """That, or null."""
    return {**schema, "type": [schema["type"], "null"]}


def whole(**properties: dict[str, Any]) -> dict[str, Any]:
    """An object in an answer: all of it is always there."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _text(most: int, description: str) -> dict[str, Any]:
    return {
        "type": ["string", "null"],
        "description": f"{description} Longer than {most} characters: its middle is cut.",
    }


_EVENT: Final = {
    "type": "object",
    "required": ["message"],
    "description": (
        "Properties that are not listed here are kept under `context.extra`, but for the collector's own `id`, "
        "`received_at` and `issue_id`. null, and text that is blank, is the same as not given."
    ),
    "properties": {
        "message": {
            "type": "string",
            "pattern": r"\S",
            "description": f"Longer than {limits.MESSAGE_CHARS} characters: its middle is cut.",
        },
        "severity": {
            "enum": [*ALIASES, None],
            "description": "error by default. In upper or lower case; the first four are what it is stored as.",
        },
        "source": {"enum": [*SOURCES, None], "description": "backend by default. In upper or lower case."},
        "service": _text(limits.SERVICE_CHARS, "unknown by default."),
        "path_or_screen": _text(limits.PATH_CHARS, "Where the user was."),
        "user_email": _text(limits.EMAIL_CHARS, "Who the user was."),
        "stack": _text(limits.STACK_CHARS, "The stack trace as text."),
        "event_id": {
            "type": ["string", "null"],
            "pattern": _UUID,
            "description": (
                "A UUID, with hyphens or without. The same one sent again is stored once. By default the collector "
                "makes one."
            ),
        },
        "created_at": {
            "anyOf": [TIME, {"type": "string", "format": "date"}, _EPOCH, {"type": "null"}],
            "description": "When it happened: ISO 8601, or seconds since 1970. By default when it was received.",
        },
        "environment": _text(limits.ENVIRONMENT_CHARS, "production, staging, …"),
        "release": _text(limits.RELEASE_CHARS, "The version that ran."),
        "fingerprint": {
            "type": ["string", "array", "null"],
            "items": {"type": "string"},
            "maxItems": limits.FINGERPRINT_PARTS,
            "description": "The sender's own grouping: events of a service that have it in common are one issue.",
        },
        "context": {
            "type": ["object", "null"],
            "description": "exceptions, tags, request, breadcrumbs, extra: JSON of any shape, within bounds.",
        },
    },
}

OPTIONAL_TEXT: Final = {"type": ["string", "null"]}

_STORED: Final = whole(
    id=ID,
    created_at={**TIME, "description": "By the sender's clock, where that is believable."},
    source={"enum": SOURCES},
    service={"type": "string"},
    path_or_screen=OPTIONAL_TEXT,
    user_email=OPTIONAL_TEXT,
    severity={"enum": SEVERITIES},
    message={"type": "string"},
    stack=OPTIONAL_TEXT,
    event_id={"type": "string", "format": "uuid"},
    received_at={**TIME, "description": "By the collector's clock."},
    issue_id=ID,
    environment=OPTIONAL_TEXT,
    release=OPTIONAL_TEXT,
)

_ISSUE: Final = whole(
    id=ID,
    fingerprint={"type": "string"},
    grouping={"type": "array", "items": {"type": "string"}, "description": "What the fingerprint was made of."},
    title={"type": "string"},
    service={"type": "string"},
    state={"enum": ["open", "resolved", "muted"]},
    first_seen=TIME,
    last_seen=TIME,
    count=COUNT,
    regressions=COUNT,
)

_STATS: Final = whole(
    ok={"const": True},
    total=COUNT,
    by_severity=whole(**dict.fromkeys(SEVERITIES, COUNT)),
    by_source=whole(**dict.fromkeys(SOURCES, COUNT)),
    by_service={
        "type": "array",
        "description": "The loudest first.",
        "items": whole(service={"type": "string"}, count=COUNT),
    },
    bucket={"enum": ["hour", "day"], "description": "What a point of the series is the sum of."},
    series={"type": "array", "items": whole(start=TIME, **dict.fromkeys(SEVERITIES, COUNT))},
    unnamed={
        **COUNT,
        "description": (
            "With a filter by environment or release: so many more may match. They were counted without these names, "
            f"since their service had more than {limits.COUNTED_NAMES} pairs of them in an hour. The other counts are "
            "at least so many then; where this is 0, and without such a filter, they are exact."
        ),
    },
    counted_since={
        **nullable(TIME),
        "description": (
            f"With `q`, or with `issue` and another filter: at most the newest {limits.MATCHES_COUNTED:,} events that "
            f"match are counted, among the newest {limits.MATCHES_LOOKED_AT:,} that have the words or are of the "
            "issue. Where there may be more, this is when the oldest of these was received, and the counts are at "
            "least so many; null: they are exact."
        ),
    },
    refused={
        "type": "object",
        "description": "What was not taken in the hours that the range touches, of all senders, by the reason; it is "
        "written down every two seconds, and /metrics has it at once.",
        "propertyNames": {"enum": [reason.value for reason in Reason]},
        "additionalProperties": whole(requests=COUNT, events=COUNT),
    },
)

#: What the database tells is null while it does not answer.
_HEALTH: Final = whole(
    ok={"type": "boolean"},
    why={"type": ["string", "null"], "description": "What is wrong; null while nothing is."},
    waiting={**COUNT, "description": "Events not yet committed."},
    lag_seconds={"type": "number", "minimum": 0, "description": "How long the oldest of them has waited."},
    failing_since={**nullable(TIME), "description": "The first failed write since one that worked."},
    database={"type": ["string", "null"], "description": "Its kind and version."},
    wal_fix={
        "type": ["boolean", "null"],
        "description": "Whether this SQLite has the fix for WAL corruption by two connections (3.51.3).",
    },
    wal_bytes=nullable(COUNT),
    database_bytes={**nullable(COUNT), "description": "On the disk, with all that it keeps beside its file."},
    free_bytes={**nullable(COUNT), "description": "Of the disk that the database is on."},
    alerts=whole(
        last_tick={**nullable(TIME), "description": "When alerts were last looked after."},
        unsent={**nullable(COUNT), "description": "Alerts that are owed and not sent yet."},
        channels={
            "type": ["object", "null"],
            "additionalProperties": {"enum": ["ok", "failing", "down"]},
            "description": "How each channel is that was ever tried.",
        },
    ),
    warnings={"type": "array", "items": {"type": "string"}, "description": "What needs somebody's attention."},
)

#: A stack may be longer than all of the rest; who wants it asks for the event.
_LIVE: Final = whole(**{name: schema for name, schema in _STORED["properties"].items() if name != "stack"})

SCHEMAS: Final = {
    "Event": _EVENT,
    "StoredEvent": _STORED,
    "LiveEvent": _LIVE,
    "Issue": _ISSUE,
    "EventInFull": {
        "allOf": [
            ref("StoredEvent"),
            whole(context={"type": "object"}, issue={"anyOf": [ref("Issue"), {"type": "null"}]}),
        ]
    },
    "Error": {
        "type": "object",
        "required": ["error"],
        "properties": {"ok": {"const": False}, "error": {"type": "string"}},
    },
    "Logged": whole(ok={"const": True}, id=ID, event_id={"type": "string", "format": "uuid"}),
    "Explanation": whole(
        ok={"const": True},
        answer={"type": "string", "description": "Why the owner was told of it, or not."},
        ledger={
            "type": "array",
            "items": whole(
                at=TIME,
                channel=nullable({"type": "string"}),
                what={"type": "string"},
                detail=nullable({"type": "string"}),
            ),
        },
    ),
    "LoggedMany": whole(
        ok={"const": True},
        accepted=COUNT,
        rejected={"type": "array", "items": whole(index=COUNT, error={"type": "string"})},
    ),
    "Page": whole(
        ok={"const": True},
        errors={"type": "array", "maxItems": limits.PAGE_MAX, "items": ref("StoredEvent")},
        count={"type": "integer", "minimum": 0, "maximum": limits.PAGE_MAX},
        next={**nullable(ID), "description": "Pass it as `before` for the next page."},
    ),
    "News": whole(
        ok={"const": True},
        errors={"type": "array", "maxItems": limits.PAGE_MAX, "items": ref("StoredEvent")},
        count={"type": "integer", "minimum": 0, "maximum": limits.PAGE_MAX},
        cursor={"type": "string", "description": "Pass it as `after` to read on."},
        more={"type": "boolean", "description": "There is more already."},
        missed={
            "type": "boolean",
            "description": (
                "`after` is older than what is remembered, or of another database: events may be missing here. Read "
                "pages by `recent`, and go on from this answer's cursor."
            ),
        },
    ),
    "Stats": _STATS,
    "Health": _HEALTH,
    "Healthy": {"allOf": [ref("Health"), {"properties": {"ok": {"const": True}, "why": {"type": "null"}}}]},
    "Unhealthy": {"allOf": [ref("Health"), {"properties": {"ok": {"const": False}, "why": {"type": "string"}}}]},
}
