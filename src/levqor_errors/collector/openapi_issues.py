"""The routes of issues, and the shapes of what goes in and comes out, for `openapi.py`."""

from __future__ import annotations

from typing import Any, Final

from .. import limits
from ..storage.issues.model import STATES, Do, Sort
from .openapi_parts import GUARDED, OWNER, answer, or_empty, query, response
from .openapi_schemas import ALIASES, COUNT, ID, OPTIONAL_TEXT, SEVERITIES, TIME, nullable, ref, whole

_LISTED: Final[dict[str, Any]] = {
    "id": ID,
    "title": {"type": "string"},
    "service": {"type": "string"},
    "severity": {"enum": SEVERITIES, "description": "The worst that it ever had."},
    "state": {"enum": list(STATES)},
    "first_seen": TIME,
    "last_seen": TIME,
    "count": COUNT,
    "users": {**COUNT, "description": "Different ones."},
    "users_at_least": {"type": "boolean", "description": "There may be more."},
    "regressions": {**COUNT, "description": "How often it came back after it was resolved."},
    "note": {"type": "string"},
    "muted_until": nullable(TIME),
    "mute_count": {**nullable(COUNT), "description": "The count at which its mute ends."},
    "resolved_at": nullable(TIME),
    "resolved_in_next_release": {"type": "boolean"},
    "old_releases": {"type": "array", "items": {"type": "string"}, "description": "These do not open it again."},
    "trend": {
        **whole(now=COUNT, before=COUNT),
        "description": "Events of the last 24 hours, and of the 24 before.",
    },
    "sparkline": whole(bucket={"enum": ["hour", "day"]}, since=TIME, counts={"type": "array", "items": COUNT}),
}
_GROUPING: Final = {"type": "array", "items": {"type": "string"}, "description": "What the fingerprint was made of."}
_TREAT: Final = {"enum": ["constant", "variable"]}
_PART: Final = whole(
    position={**COUNT, "description": "By which a rule names it."},
    what={"enum": ["word", "type", "place", "text", "given"]},
    text={
        "type": "string",
        "description": "As it tells issues apart; `<any>`, `<number>` where it does not.",
    },
    value={"type": "string", "description": "As the event has it."},
    variable={"type": "boolean", "description": "Whether events of the issue may differ in it."},
    choices={"type": "array", "items": _TREAT, "description": "What may be made of it."},
    rules={"type": "array", "items": ID, "description": "By which it is as it is."},
)
ISSUE_SCHEMAS: Final[dict[str, Any]] = {
    "ListedIssue": whole(**_LISTED),
    "IssueInFull": whole(
        **_LISTED,
        fingerprint={"type": "string"},
        grouping=_GROUPING,
        merged={
            "type": "array",
            "items": whole(
                id=ID, title={"type": "string"}, fingerprint={"type": "string"}, grouping=_GROUPING,
                by={"enum": ["owner", "rule", "past"], "description": "Who merged it. `past`: a rule of the past."},
            ),
        },
        changes={
            "type": "array",
            "items": whole(
                id=ID, at=TIME, issue_id=ID, action={"type": "string"}, detail={"type": "string"},
                undone_at=nullable(TIME),
            ),
        },
        ledger={
            "type": "array",
            "items": whole(
                id=ID, at=TIME, alert_id=nullable(ID), channel=OPTIONAL_TEXT, what={"type": "string"},
                detail={"type": "string"},
            ),
        },
    ),
    "Grouping": whole(
        kind={"enum": ["message", "exception", "custom", "overflow"], "description": "By what events are grouped."},
        service={"type": "string"},
        event_id={**ID, "description": "The event by which it is told, the last one."},
        parts={"type": "array", "items": _PART},
        rules={
            "type": "array",
            "items": whole(id=ID, treat=_TREAT, text={"type": "string", "description": "What it speaks of."}),
            "description": "Those that had to do with it.",
        },
        regrouping={"type": "boolean", "description": "What is stored is still being moved."},
    ),
    "Triaged": whole(
        ok={"const": True},
        changes={"type": "array", "items": ID, "description": "For `/api/issues/undo`."},
        issues={"type": "array", "items": ID, "description": "Which are another now."},
        refused={"type": "array", "items": whole(id={"type": "integer"}, why={"type": "string"})},
    ),
}  # fmt: skip

_PATH_ID: Final = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}}
_DONE: Final = {
    **GUARDED,
    "200": answer("What is another now.", ref("Triaged")),
    "400": response("Invalid"),
    "404": response("NotFound"),
    "409": answer("Not done; the error says why.", ref("Error")),
    "413": answer("The body is too long.", ref("Error")),
}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _action(*do: Do, **more: dict[str, Any]) -> dict[str, Any]:
    return whole(action={"enum": [one.value for one in do]}, **more) | {"additionalProperties": False}


def _from_one_to(most: int, description: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1, "maximum": most, "description": description}


_ACTIONS: Final = [
    _action(Do.RESOLVE, Do.RESOLVE_NEXT, Do.REOPEN),
    _action(Do.MUTE, seconds=_from_one_to(limits.MUTE_SECONDS, "How long it lasts.")),
    _action(Do.MUTE, events=_from_one_to(limits.MUTE_EVENTS, "How many more events end it.")),
    _action(Do.MERGE, into=_from_one_to(limits.INTEGER_MAX, "The issue that it becomes a part of.")),
    _action(
        Do.NOTE,
        note={"type": "string", "maxLength": limits.NOTE_CHARS, "description": "Empty takes the note away."},
    ),
]

ISSUE_PATHS: Final[dict[str, Any]] = {
    "/api/issues": {
        "get": {
            "operationId": "issues",
            "summary": "Issues with their numbers, a page at a time",
            "security": OWNER,
            "parameters": [
                query("state", or_empty({"enum": [*STATES, "all"]}), "In which state; open ones by default."),
                query(
                    "severity",
                    {"type": "array", "items": {"enum": [*ALIASES, ""]}},
                    "The worst that they ever had: one, or several with commas between.",
                    style="form",
                    explode=False,
                ),
                query("service", {"type": "string", "maxLength": limits.SERVICE_CHARS}, "The service's name."),
                query("q", {"type": "string", "maxLength": limits.SEARCH_CHARS}, "Words of the title."),
                query("sort", or_empty({"enum": [one.value for one in Sort]}), "By what, the highest first."),
                query("days", {"type": "string"}, "If not empty, sparklines are of 14 days instead of 24 hours."),
                query(
                    "limit",
                    or_empty({"type": "integer", "minimum": 1, "maximum": limits.PAGE_MAX}),
                    f"How many at most; {limits.PAGE_DEFAULT} by default.",
                ),
                query("after", {"type": "string"}, "`next` of the page before."),
            ],
            "responses": {
                **GUARDED,
                "200": answer(
                    "A page.",
                    whole(
                        ok={"const": True},
                        issues={"type": "array", "items": ref("ListedIssue")},
                        count=COUNT,
                        next=OPTIONAL_TEXT,
                    ),
                ),
                "400": response("Invalid"),
                "404": answer("No page begins there.", ref("Error")),
            },
        }
    },
    "/api/issues/{id}": {
        "get": {
            "operationId": "issue",
            "summary": "One issue, by its id or that of one that was merged into it",
            "security": OWNER,
            "parameters": [_PATH_ID],
            "responses": {
                **GUARDED,
                "200": answer("The issue.", whole(ok={"const": True}, issue=ref("IssueInFull"))),
                "404": response("NotFound"),
            },
        },
        "post": {
            "operationId": "triage",
            "summary": "Resolve an issue, mute it, reopen it, merge it into another, or write a note",
            "security": OWNER,
            "parameters": [_PATH_ID],
            "requestBody": _body({"oneOf": _ACTIONS}),
            "responses": _DONE,
        },
    },
    "/api/issues/{id}/grouping": {
        "get": {
            "operationId": "grouping",
            "summary": "Why events are in an issue, and what may be said of it",
            "security": OWNER,
            "parameters": [_PATH_ID],
            "responses": {
                **GUARDED,
                "200": answer("The parts of its group.", whole(ok={"const": True}, grouping=ref("Grouping"))),
                "404": response("NotFound"),
            },
        },
        "post": {
            "operationId": "treat",
            "summary": "Treat a part of an issue's group as constant or as variable; what is stored follows",
            "security": OWNER,
            "parameters": [_PATH_ID],
            "requestBody": _body(
                {
                    "type": "object",
                    "required": ["position", "treat"],
                    "properties": {
                        "position": {"type": "integer", "minimum": 0, "maximum": limits.INTEGER_MAX},
                        "treat": _TREAT,
                        "event_id": {
                            **nullable({"type": "integer", "minimum": 0, "maximum": limits.INTEGER_MAX}),
                            "description": "The event by which it was told; by default the last one.",
                        },
                    },
                }
            ),
            "responses": _DONE,
        },
    },
    "/api/issues/{id}/grouping/{rule}": {
        "delete": {
            "operationId": "take_back",
            "summary": "Take a rule of grouping back; what is stored follows",
            "security": OWNER,
            "parameters": [_PATH_ID, {**_PATH_ID, "name": "rule"}],
            "responses": {
                **GUARDED,
                "200": answer("It is taken back.", ref("Triaged")),
                "404": response("NotFound"),
            },
        }
    },
    "/api/issues/{id}/split": {
        "post": {
            "operationId": "split",
            "summary": "Make an issue again of one that was merged into this one; its events follow",
            "security": OWNER,
            "parameters": [_PATH_ID],
            "requestBody": _body(
                {
                    "type": "object",
                    "required": ["fingerprint"],
                    "properties": {"fingerprint": {"type": "string", "description": "The other's."}},
                }
            ),
            "responses": _DONE,
        }
    },
    "/api/issues/undo": {
        "post": {
            "operationId": "undo",
            "summary": "Take changes back: each issue is again as it was before",
            "security": OWNER,
            "requestBody": _body(
                {
                    "type": "object",
                    "required": ["changes"],
                    "properties": {
                        "changes": {
                            "type": "array", "minItems": 1, "maxItems": limits.TRIAGE_ISSUES,
                            "items": {"type": "integer", "minimum": 0, "maximum": limits.INTEGER_MAX},
                        }
                    },
                }
            ),
            "responses": _DONE,
        }
    },
}  # fmt: skip
