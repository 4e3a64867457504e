"""`GET /api/openapi.json`: the HTTP interface, described from the same limits and names that the code goes by."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from .. import limits
from ..event import Source
from ..severity import SEVERITY_ALIASES, Severity
from ..version import VERSION
from .answers import JsonResponse

_SEVERITIES: Final = [severity.value for severity in Severity]
_SOURCES: Final = [source.value for source in Source]


def _nullable(**schema: Any) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}


def _text(most: int, description: str) -> dict[str, Any]:
    return _nullable(type="string", description=f"{description} Longer than {most} characters: its middle is cut.")


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": _json(schema)}


_EVENT: Final = {
    "type": "object",
    "required": ["message"],
    "description": "Properties that are not listed here are kept under `context.extra`.",
    "properties": {
        "message": {
            "type": "string",
            "pattern": r"\S",
            "description": f"Longer than {limits.MESSAGE_CHARS} characters: its middle is cut.",
        },
        "severity": _nullable(
            type="string",
            description=f"error by default. Also taken: {', '.join(sorted(set(SEVERITY_ALIASES) - set(_SEVERITIES)))}.",
            examples=_SEVERITIES,
        ),
        "source": _nullable(type="string", description="backend by default.", examples=_SOURCES),
        "service": _text(limits.SERVICE_CHARS, "unknown by default."),
        "path_or_screen": _text(limits.PATH_CHARS, "Where the user was."),
        "user_email": _text(limits.EMAIL_CHARS, "Who the user was."),
        "stack": _text(limits.STACK_CHARS, "The stack trace as text."),
        "event_id": _nullable(
            type="string",
            format="uuid",
            description="The same one sent again is stored once. By default the collector makes one.",
        ),
        "created_at": {
            "type": ["string", "number", "null"],
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
        "context": _nullable(
            type="object",
            description="exceptions, tags, request, breadcrumbs, extra: JSON of any shape, within bounds.",
        ),
    },
}

_STORED: Final = {
    "type": "object",
    "required": [
        "id",
        "event_id",
        "created_at",
        "received_at",
        "source",
        "service",
        "severity",
        "message",
        "issue_id",
    ],
    "properties": {
        "id": {"type": "integer"},
        "created_at": {"type": "string", "format": "date-time", "description": "By the sender's clock."},
        "source": {"type": "string", "enum": _SOURCES},
        "service": {"type": "string"},
        "path_or_screen": {"type": ["string", "null"]},
        "user_email": {"type": ["string", "null"]},
        "severity": {"type": "string", "enum": _SEVERITIES},
        "message": {"type": "string"},
        "stack": {"type": ["string", "null"]},
        "event_id": {"type": "string", "format": "uuid"},
        "received_at": {"type": "string", "format": "date-time", "description": "By the collector's clock."},
        "issue_id": {"type": "integer"},
        "environment": {"type": ["string", "null"]},
        "release": {"type": ["string", "null"]},
    },
}

_SCHEMAS: Final = {
    "Event": _EVENT,
    "StoredEvent": _STORED,
    "EventInFull": {
        "allOf": [
            _ref("StoredEvent"),
            {
                "type": "object",
                "required": ["context", "issue"],
                "properties": {"context": {"type": "object"}, "issue": {"type": ["object", "null"]}},
            },
        ]
    },
    "Error": {
        "type": "object",
        "required": ["error"],
        "properties": {"ok": {"const": False}, "error": {"type": "string"}},
    },
    "Logged": {
        "type": "object",
        "required": ["ok", "id", "event_id"],
        "properties": {
            "ok": {"const": True},
            "id": {"type": "integer"},
            "event_id": {"type": "string", "format": "uuid"},
        },
    },
    "LoggedMany": {
        "type": "object",
        "required": ["ok", "accepted", "rejected"],
        "properties": {
            "ok": {"const": True},
            "accepted": {"type": "integer"},
            "rejected": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["index", "error"],
                    "properties": {"index": {"type": "integer"}, "error": {"type": "string"}},
                },
            },
        },
    },
    "Page": {
        "type": "object",
        "required": ["ok", "errors", "count", "next"],
        "properties": {
            "ok": {"const": True},
            "errors": {"type": "array", "items": _ref("StoredEvent")},
            "count": {"type": "integer"},
            "next": {"type": ["integer", "null"], "description": "Pass it as `before` for the next page."},
        },
    },
    "Stats": {
        "type": "object",
        "required": ["ok", "total", "by_severity", "by_source", "by_service", "bucket", "series"],
        "properties": {
            "ok": {"const": True},
            "total": {"type": "integer"},
            "by_severity": {"type": "object", "additionalProperties": {"type": "integer"}},
            "by_source": {"type": "object", "additionalProperties": {"type": "integer"}},
            "by_service": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["service", "count"],
                    "properties": {"service": {"type": "string"}, "count": {"type": "integer"}},
                },
            },
            "bucket": {"enum": ["hour", "day"]},
            "series": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["start", *_SEVERITIES],
                    "properties": {
                        "start": {"type": "string", "format": "date-time"},
                        **{severity: {"type": "integer"} for severity in _SEVERITIES},
                    },
                },
            },
        },
    },
    "Health": {
        "type": "object",
        "required": ["ok", "waiting", "database"],
        "properties": {
            "ok": {"const": True},
            "waiting": {"type": "integer", "description": "Events queued and not yet committed."},
            "database": {"type": "string"},
            "wal_fix": {"type": "boolean", "description": "Whether this SQLite has the WAL fix of 3.51.3."},
            "wal_bytes": {"type": "integer"},
        },
    },
}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


_FILTERS: Final = [
    _query("severity", {"type": "string"}, "One, or several with commas between."),
    _query("source", {"type": "string", "enum": _SOURCES}, "Where it happened."),
    _query("service", {"type": "string", "maxLength": limits.SERVICE_CHARS}, "The service's name."),
    _query("environment", {"type": "string", "maxLength": limits.ENVIRONMENT_CHARS}, "The environment's name."),
    _query("release", {"type": "string", "maxLength": limits.RELEASE_CHARS}, "The release."),
    _query("q", {"type": "string", "maxLength": limits.SEARCH_CHARS}, "Words of message or stack, or an event_id."),
    _query("since", {"type": "string", "format": "date-time"}, "Received at this time or later."),
    _query("until", {"type": "string", "format": "date-time"}, "Received before this time."),
]
_BAD: Final = _answer("A parameter that cannot be used.", _ref("Error"))
_UNAUTHORIZED: Final = _answer("No secret and no session.", _ref("Error"))
_THROTTLED: Final = _answer("Too many wrong secrets from this address; Retry-After says when.", _ref("Error"))
_UNAVAILABLE: Final = _answer("Not now; Retry-After says when.", _ref("Error"))
_OWNER: Final[list[dict[str, list[str]]]] = [{"secret": []}, {"session": []}]
_GUARDED: Final = {"401": _UNAUTHORIZED, "429": _THROTTLED, "503": _UNAVAILABLE}

DOCUMENT: Final = {
    "openapi": "3.1.0",
    "info": {
        "title": "levqor-errors collector",
        "version": VERSION,
        "license": {"name": "MIT", "identifier": "MIT"},
    },
    "paths": {
        "/api/errors/log": {
            "post": {
                "operationId": "log",
                "summary": "Send one event, or many",
                "description": (
                    f"At most {limits.BATCH_EVENTS} events and {limits.BODY_BYTES} bytes. Content-Encoding gzip is "
                    "taken. A 2xx means that they are committed to disk."
                ),
                "security": [],
                "requestBody": {
                    "required": True,
                    "content": {
                        **_json({"oneOf": [_ref("Event"), {"type": "array", "items": {"type": "object"}}]}),
                        "application/x-ndjson": {"schema": {"type": "string", "description": "An event a line."}},
                    },
                },
                "responses": {
                    "201": _answer("One event, stored.", _ref("Logged")),
                    "200": _answer(
                        "One event that was stored before; or many, with those that were not taken.",
                        {"oneOf": [_ref("Logged"), _ref("LoggedMany")]},
                    ),
                    "400": _answer("Not JSON, or an event that cannot be taken.", _ref("Error")),
                    "401": _answer("Without an ingest key, where one is asked for (INGEST_KEYS).", _ref("Error")),
                    "403": _answer("With the key of another service.", _ref("Error")),
                    "413": _answer("Too large, or too many.", _ref("Error")),
                    "415": _answer("An encoding other than gzip.", _ref("Error")),
                    "429": _answer("Over a limit (RATE_LIMIT); Retry-After says when it passes.", _ref("Error")),
                    "503": _UNAVAILABLE,
                },
            }
        },
        "/api/errors/recent": {
            "get": {
                "operationId": "recent",
                "summary": "Events, the newest first",
                "security": _OWNER,
                "parameters": [
                    *_FILTERS,
                    _query(
                        "limit",
                        {
                            "type": "integer",
                            "minimum": 1,
                            "maximum": limits.PAGE_MAX,
                            "default": limits.PAGE_DEFAULT,
                        },
                        "How many at most.",
                    ),
                    _query(
                        "before",
                        {"type": "integer", "minimum": 0},
                        "Only ids under this one: `next` of a page.",
                    ),
                ],
                "responses": {"200": _answer("A page.", _ref("Page")), "400": _BAD, **_GUARDED},
            }
        },
        "/api/errors/stats": {
            "get": {
                "operationId": "stats",
                "summary": "Exact counts of the events that match",
                "security": _OWNER,
                "parameters": _FILTERS,
                "responses": {"200": _answer("Counts.", _ref("Stats")), "400": _BAD, **_GUARDED},
            }
        },
        "/api/errors/{id}": {
            "get": {
                "operationId": "get",
                "summary": "One event, with its context and its issue",
                "security": _OWNER,
                "parameters": [
                    {
                        "name": "id",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "integer", "minimum": 0},
                    }
                ],
                "responses": {
                    "200": _answer(
                        "The event.",
                        {
                            "type": "object",
                            "required": ["ok", "event"],
                            "properties": {"ok": {"const": True}, "event": _ref("EventInFull")},
                        },
                    ),
                    "404": _answer("There is none.", _ref("Error")),
                    **_GUARDED,
                },
            }
        },
        "/healthz": {
            "get": {
                "operationId": "health",
                "summary": "Whether the collector can do its work",
                "security": [],
                "responses": {"200": _answer("It can.", _ref("Health")), "503": _UNAVAILABLE},
            }
        },
    },
    "components": {
        "schemas": _SCHEMAS,
        "securitySchemes": {
            "secret": {"type": "apiKey", "in": "header", "name": "X-Internal-Secret"},
            "session": {"type": "apiKey", "in": "cookie", "name": "levqor_errors_session"},
        },
    },
}


async def openapi_json(request: Request) -> Response:
    """GET /api/openapi.json."""
    return JsonResponse(DOCUMENT)
