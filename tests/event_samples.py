"""Events for the tests of an event's page: one with all that it knows, and some in which nothing is as it should be."""

from __future__ import annotations

from typing import Any, Final

BUILT: Final = {"file": "/app.js", "line": 1, "column": 99, "function": "i"}
HAPPENED: Final = "2026-11-23T13:05:39.120Z"
_TIMES: Final[tuple[Any, ...]] = ("x", 1e300, -1e300, True, None, [], 10**40, "9999")


def frame(function: str, *, in_app: bool = True, line: int = 55, **more: Any) -> dict[str, Any]:
    """A frame with three lines of source, as the client sends it."""
    return {
        "file": f"/srv/shop/{function}.py", "line": line, "function": function, "module": function, "in_app": in_app,
        "source": f"    fail({function!r})", **({"before": ["    first()"], "after": ["    last()"]} if in_app else {}),
        **more,
    }  # fmt: skip


def library(number: int) -> dict[str, Any]:
    """A frame of a library."""
    return frame(f"library{number}", in_app=False)


def full_event(**changes: Any) -> dict[str, Any]:
    """An event as a sender sends it, with all that a page has a place for."""
    return {
        "message": "Charging order 4711 failed\nsecond line\nthird line\nfourth line",
        "severity": "critical", "service": "payments", "environment": "production", "release": "2026.11.2",
        "path_or_screen": "/orders/4711/charge", "user_email": "ada@example.org", "stack": "the stack as it was sent",
        "context": {
            "exceptions": [
                {
                    "type": "shop.ChargeError", "value": "the gateway said no", "notes": ["a note"], "cut": 7,
                    "frames": [
                        *(library(number) for number in range(12)),
                        frame("charge", vars={"total": "19.90", "lines": [1, 2]}),
                        frame("post", line=9, column=4, built=BUILT),
                    ],
                },
                {"type": "httpx.HTTPError", "value": "402", "via": "cause", "of": 0, "frames": [library(99)]},
                {"type": "KeyError", "value": "'x'", "via": "context", "of": 0},
            ],
            "request": {
                "method": "POST", "path": "/orders/4711/charge", "query": "next=javascript:alert(1)",
                "headers": {"user-agent": "Mozilla/5.0"}, "ip": "203.0.113.9",
            },
            "user": {"id": 42}, "tags": {"region": "eu-west"}, "browser": {"name": "Firefox"},
            "process": {"host": "pay-2"}, "extra": {"attempt": 3}, "flags": {"new": True}, "logger": "shop.payments",
            "breadcrumbs": [
                {"at": 1_795_439_135.12, "level": "info", "category": "http", "message": "GET /cart",
                 "data": {"ms": 12}},
                {"at": "2026-11-23T13:05:38Z", "level": "error", "category": "db", "message": "a slow query"},
            ],
        },
        **changes,
    }  # fmt: skip


#: Contexts in which every value is of the wrong kind.
HOSTILE: Final[tuple[dict[str, Any], ...]] = (
    {"exceptions": {"type": 1}, "request": [1, 2], "user": "bob", "tags": [1, {"a": 2}], "breadcrumbs": "text"},
    {"exceptions": [7, None, "x", {"frames": 1}, {"frames": [1, None, {"line": "x"}]}], "breadcrumbs": [1, None, {}]},
    {"exceptions": [{"type": {}, "value": [], "via": [], "of": {}, "cut": "x", "notes": 3, "frames": {"file": 1}}]},
    {
        "exceptions": [
            {"frames": [{"source": "x", "before": 7, "after": {"a": 1}, "line": -3, "vars": [1], "built": [1]}]}
        ]
    },
    {"exceptions": [{"frames": [{"source": "x", "line": 10**12, "file": None, "function": {"a": 1}, "in_app": "no"}]}]},
    {"exceptions": [{"of": 10**9, "via": "cause"}, {"of": -1, "via": "cause"}, {"of": True, "via": "nothing"}]},
    {"request": "GET /", "user": 7, "tags": True, "browser": 1.5, "device": [], "process": None, "extra": []},
    {"request": {"headers": 7, "url": {"a": 1}, "method": ["GET"]}, "extra": "text", "os": {"": ""}},
    {"breadcrumbs": [{"at": at, "level": {}, "data": 0} for at in _TIMES]},
    {"breadcrumbs": {"at": "0001-01-01T00:00:00+14:00"}, "extra": {"extra": {"extra": {}}}, "": {"": ""}},
)
