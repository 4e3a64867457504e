"""Notices for tests of channels: one of each kind, as `compose.py` would make it, and hostile ones."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from levqor_errors.alerts.notice import Kind, Notice

LINK: Final = "https://errors.example.com/owner/errors/7"
EVENT: Final[dict[str, Any]] = {
    "id": 7,
    "source": "backend",
    "service": "checkout",
    "path_or_screen": "/api/checkout/pay",
    "user_email": "anna@example.com",
    "severity": "critical",
    "message": "could not charge order 4711",
    "stack": None,
    "environment": "production",
    "release": "1.4.2",
    "context": {
        "exceptions": [
            {
                "type": "PaymentError",
                "value": "card declined",
                "frames": [
                    {"file": "app/main.py", "line": 1, "function": "main", "in_app": True},
                    {"file": "app/views.py", "line": 88, "function": "pay", "in_app": True},
                    {"file": "app/pay.py", "line": 31, "function": "charge", "in_app": True},
                    {"file": "stripe/api.py", "line": 404, "function": "request", "in_app": False},
                    {"file": "app/gateway.py", "line": 12, "function": "post", "in_app": True},
                ],
            }
        ]
    },
}
ISSUE: Final[dict[str, Any]] = {"first_seen": "2026-11-24T03:00:12.120Z", "count": 1_217}
CRITICAL: Final = Notice(
    id="A123",
    kind=Kind.CRITICAL,
    severity="critical",
    at="2026-11-24T03:05:12.120Z",
    title="PaymentError: card declined",
    lines=("Folded for 15 minutes.",),
    service="checkout",
    event=EVENT,
    issue=ISSUE,
    count=4,
    since="2026-11-24T03:01:12.120Z",
    link=LINK,
)
_AT: Final = "2026-11-24T03:05:12.120Z"
NOTICES: Final[dict[str, Notice]] = {
    "critical": CRITICAL,
    "regression": dataclasses.replace(CRITICAL, id="A124", kind=Kind.REGRESSION, count=1, lines=()),
    "rate": Notice(
        "A125", Kind.RATE, "error", _AT, "63 error events or worse in 10 minutes",
        ("The rule is checkout: 50 errors in 10m.",), "checkout", count=63, since="2026-11-24T02:58:12.120Z",
        link="https://errors.example.com/owner/errors?service=checkout&severity=error",
    ),
    "silent": Notice("A126", Kind.SILENT, "warning", _AT, "mail.worker has gone silent", service="mail.worker"),
    "storm": Notice(
        "A127", Kind.STORM, "critical", _AT, "214 more messages held back",
        ("checkout: 180 issues, 9,210 events", "mail: 34 issues, 120 events"),
        count=9_330, since="2026-11-23T23:58:12.120Z", link="https://errors.example.com/owner/errors",
    ),
    "channel": Notice("A128", Kind.CHANNEL, "error", _AT, "Email does not go out", ("The password is wrong (535).",)),
    "summary": Notice(
        "A129", Kind.SUMMARY, "info", _AT, "Monday, 23 November: 1,204 events", ("critical 3, error 1,201",),
        link="https://errors.example.com/owner",
    ),
    "test": Notice("A130", Kind.TEST, "info", _AT, "A test of Telegram: it works"),
}  # fmt: skip


def about(**fields: Any) -> Notice:
    """A critical notice about an event with these fields."""
    return dataclasses.replace(CRITICAL, event={**EVENT, **fields})
