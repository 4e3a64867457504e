"""`GET /api/openapi.json`: the HTTP interface, described from the same limits and names that the code goes by.

`tests/collector/test_openapi.py` holds it to the routes of `app.py`, and lets schemathesis hold the answers to it.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from .. import limits
from ..version import VERSION
from .answers import JsonResponse
from .auth import COOKIE
from .openapi_issues import ISSUE_PATHS, ISSUE_SCHEMAS
from .openapi_parts import (
    ANY,
    ANYONE,
    GUARDED,
    OWNER,
    RESPONSES,
    RETRY_AFTER,
    SENDER,
    answer,
    or_empty,
    query,
    response,
)
from .openapi_schemas import ALIASES, SCHEMAS, SOURCES, TIME, ref
from .openapi_source_maps import SOURCE_MAP_PATHS, SOURCE_MAP_SCHEMAS
from .queries import AGO_PATTERN

_INSTANT: Final = or_empty(
    TIME, {"type": "string", "format": "date"}, {"type": "string", "pattern": f"^{AGO_PATTERN}$"}
)
_ID: Final = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
_FILTERS: Final = [
    query(
        "severity",
        {"type": "array", "items": {"enum": [*ALIASES, ""]}},
        "One, or several with commas between; in upper or lower case.",
        style="form",
        explode=False,
    ),
    query("source", or_empty({"enum": SOURCES}), "Where it happened."),
    query("service", {"type": "string", "maxLength": limits.SERVICE_CHARS}, "The service's name."),
    query("environment", {"type": "string", "maxLength": limits.ENVIRONMENT_CHARS}, "The environment's name."),
    query("release", {"type": "string", "maxLength": limits.RELEASE_CHARS}, "The release."),
    query("issue", _ID, "The issue, by its id, with all that was merged into it."),
    query("q", {"type": "string", "maxLength": limits.SEARCH_CHARS}, "Words of message or stack, or an event_id."),
    query(
        "since",
        _INSTANT,
        "Received at this time or later: ISO 8601 (without a zone it is UTC), or `30m`, `24h`, `7d` ago.",
    ),
    query("until", _INSTANT, "Received before this time."),
]

_LOG: Final = {
    "operationId": "log",
    "summary": "Send one event, or many",
    "description": (
        f"At most {limits.BATCH_EVENTS} events and {limits.BODY_BYTES} bytes ({limits.INFLATED_BYTES} when inflated). "
        "`Content-Encoding: gzip` is taken. A 2xx means that the events are committed to disk; after any other answer, "
        "and after none, send them again: an `event_id` is stored once. A body of another content type is read as JSON."
    ),
    "security": SENDER,
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        ref("Event"),
                        {
                            "type": "array",
                            "maxItems": limits.BATCH_EVENTS,
                            "items": {},
                            "description": "Of `Event`. What is none is reported by its index, the others are stored.",
                        },
                    ]
                }
            },
            "application/x-ndjson": {"schema": {"type": "string", "description": "An `Event` a line."}},
        },
    },
    "responses": {
        **ANY,
        "201": {
            **answer("One event, stored.", ref("Logged")),
            "links": {"event": {"operationId": "get", "parameters": {"id": "$response.body#/id"}}},
        },
        "200": answer(
            "One event that was stored before; or many, with those that were not taken.",
            {"oneOf": [ref("Logged"), ref("LoggedMany")]},
        ),
        "400": answer("Not JSON, or an event that cannot be taken; the error names the field.", ref("Error")),
        "401": answer("The collector asks for a key, and this is none of its keys.", ref("Error")),
        "403": answer("The key is for another service.", ref("Error")),
        "413": answer("Too large, or too many.", ref("Error")),
        "415": answer("An encoding other than gzip.", ref("Error")),
        "429": answer("More than the sender, its service, or all may send.", ref("Error"), headers=RETRY_AFTER),
        "503": answer(
            "Nothing of it is stored: the database or its disk is full, locked or slow.",
            ref("Error"),
            headers=RETRY_AFTER,
        ),
    },
}

#: What a browser asks before a page of another origin may post; see `ALLOWED_ORIGINS`.
_PREFLIGHT: Final = {
    "operationId": "preflight",
    "summary": "Whether a web page may send events",
    "security": ANYONE,
    "responses": {
        **ANY,
        "204": {
            "description": "With these headers it may.",
            "headers": {
                f"Access-Control-{name}": {"schema": {"type": "string"}}
                for name in ("Allow-Origin", "Allow-Methods", "Allow-Headers", "Max-Age")
            },
        },
    },
}

DOCUMENT: Final[dict[str, Any]] = {
    "openapi": "3.1.0",
    "info": {
        "title": "levqor-errors collector",
        "version": VERSION,
        "license": {"name": "MIT", "identifier": "MIT"},
        "description": (
            "A method that a path does not have gets a 405 with `Allow`. Paths that are not described need the secret "
            "or a session, like most that are: without one they get a 401, whether they exist or not. An error is an "
            "object with `error`, a sentence."
        ),
    },
    "paths": {
        "/api/errors/log": {"post": _LOG, "options": _PREFLIGHT},
        "/api/errors/recent": {
            "get": {
                "operationId": "recent",
                "summary": "Events, the newest first",
                "security": OWNER,
                "parameters": [
                    *_FILTERS,
                    query(
                        "limit",
                        or_empty({"type": "integer", "minimum": 1, "maximum": limits.PAGE_MAX}),
                        f"How many at most; {limits.PAGE_DEFAULT} by default.",
                    ),
                    query(
                        "before",
                        or_empty(_ID),
                        "Only ids under this one: `next` of a page.",
                    ),
                ],
                "responses": {**GUARDED, "200": answer("A page.", ref("Page")), "400": response("Invalid")},
            }
        },
        "/api/errors/news": {
            "get": {
                "operationId": "news",
                "summary": "Events that were committed after a cursor, each once, the oldest first",
                "description": (
                    "To follow: take a cursor without `after`, read what is there by `recent`, and from then on ask "
                    "with the last answer's cursor, at once while there is `more`."
                ),
                "security": OWNER,
                "parameters": [
                    *_FILTERS,
                    query(
                        "after",
                        {"type": "string"},
                        "`cursor` of the last answer. Without it there are no events, only a cursor.",
                    ),
                ],
                "responses": {**GUARDED, "200": answer("What is new.", ref("News")), "400": response("Invalid")},
            }
        },
        "/api/errors/stats": {
            "get": {
                "operationId": "stats",
                "summary": "Exact counts of the events that match",
                "security": OWNER,
                "parameters": _FILTERS,
                "responses": {**GUARDED, "200": answer("Counts.", ref("Stats")), "400": response("Invalid")},
            }
        },
        "/api/errors/stream": {
            "get": {
                "operationId": "stream",
                "summary": "Events in the moment of their commit, as Server-Sent Events",
                "description": (
                    "`event: new` has a `LiveEvent` as its data. They come together at most each "
                    f"{limits.STREAM_SECONDS:g} s, the lowest id first: so many as {limits.STREAM_EVENTS}, then "
                    '`event: more` with the number of the others (`{"count": 7}`). `event: missed`: before this '
                    "there may be events that were not told of; read pages by `recent`. `id` is a cursor, and comes "
                    "with the last of what comes together: who is back with it in `Last-Event-ID` meets every event at "
                    "least once, and knows one by its `id` in the data. Every "
                    f"{limits.HEARTBEAT_SECONDS:g} s there comes something, and be it a comment. The stream ends with "
                    "the session, or with the collector."
                ),
                "security": OWNER,
                "parameters": [
                    *_FILTERS,
                    query(
                        "after",
                        {"type": "string"},
                        "Begin after a `cursor` of news; `Last-Event-ID` comes before it. Without both it begins now.",
                    ),
                    {
                        "name": "Last-Event-ID",
                        "in": "header",
                        "required": False,
                        "schema": {"type": "string"},
                        "description": "The `id` to go on after.",
                    },
                ],
                "responses": {
                    **GUARDED,
                    "200": {
                        "description": "Without an end.",
                        "content": {"text/event-stream": {"schema": {"type": "string"}}},
                    },
                    "400": response("Invalid"),
                    "503": answer(
                        f"There are {limits.STREAMS} streams already, or no room for more connections.",
                        ref("Error"),
                        headers=RETRY_AFTER,
                    ),
                },
            }
        },
        "/api/errors/{id}": {
            "get": {
                "operationId": "get",
                "summary": "One event, with its context and its issue",
                "security": OWNER,
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}},
                    query(
                        "frames",
                        {"enum": ["", "stored", "original"]},
                        "`original`: frames of built JavaScript as they are in its source, by the source maps of the "
                        "event's release; what they were sent as is under `built` of each. `stored`, by default: as "
                        "they were sent.",
                    ),
                ],
                "responses": {
                    **GUARDED,
                    "200": answer(
                        "The event.",
                        {
                            "type": "object",
                            "required": ["ok", "event"],
                            "properties": {
                                "ok": {"const": True},
                                "event": ref("EventInFull"),
                                "notes": {
                                    "type": "array",
                                    "items": {"type": "string"},
                                    "description": "With `frames=original`: why some are as they were sent.",
                                },
                            },
                        },
                    ),
                    "400": response("Invalid"),
                    "404": response("NotFound"),
                },
            }
        },
        "/api/errors/{id}/alerts": {
            "get": {
                "operationId": "alerts",
                "summary": "Why the owner was told of an event, or not",
                "security": OWNER,
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}}
                ],
                "responses": {
                    **GUARDED,
                    "200": answer("The answer, and what happened.", ref("Explanation")),
                    "404": response("NotFound"),
                },
            }
        },
        **SOURCE_MAP_PATHS,
        **ISSUE_PATHS,
        "/api/openapi.json": {
            "get": {
                "operationId": "openapi",
                "summary": "This document",
                "security": ANYONE,
                "responses": {**ANY, "200": answer("OpenAPI 3.1.", {"type": "object", "required": ["openapi"]})},
            }
        },
        "/healthz": {
            "get": {
                "operationId": "health",
                "summary": "Whether the collector can do its work",
                "security": ANYONE,
                "responses": {
                    **ANY,
                    "200": answer("It can take and show events.", ref("Healthy")),
                    "503": answer(
                        "It cannot, and `why` says why; or there is no room for more connections.",
                        {"anyOf": [ref("Unhealthy"), ref("Error")]},
                        headers=RETRY_AFTER,
                    ),
                },
            }
        },
        "/metrics": {
            "get": {
                "operationId": "metrics",
                "summary": "The collector's numbers for Prometheus",
                "security": ANYONE,
                "responses": {
                    **ANY,
                    "200": {
                        "description": "Prometheus' text format 0.0.4.",
                        "content": {"text/plain": {"schema": {"type": "string"}}},
                    },
                },
            }
        },
    },
    "components": {
        "schemas": {**SCHEMAS, **SOURCE_MAP_SCHEMAS, **ISSUE_SCHEMAS},
        "responses": RESPONSES,
        "securitySchemes": {
            "secret": {"type": "apiKey", "in": "header", "name": "X-Internal-Secret", "description": "The owner's."},
            "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "Of a sign-in at /login."},
            "key": {"type": "apiKey", "in": "header", "name": "X-Levqor-Key", "description": "Only writes."},
            "key_in_query": {"type": "apiKey", "in": "query", "name": "key", "description": "Where no header can be."},
        },
    },
}


async def openapi_json(request: Request) -> Response:
    """GET /api/openapi.json."""
    # Mounted in another application, the paths begin where it was mounted.
    return JsonResponse({**DOCUMENT, "servers": [{"url": request.scope.get("root_path") or "/"}]})
