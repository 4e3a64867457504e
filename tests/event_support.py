"""What tests of the gate share: its fields and their limits, and what everything behind it relies on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import orjson

from levqor_errors import instants, limits
from levqor_errors.event import ErrorEvent, Source
from levqor_errors.ids import canonical_uuid
from levqor_errors.severity import Severity

NOW = datetime(2026, 11, 23, 13, 5, 39, 120_000, timezone.utc)
NOW_TEXT = "2026-11-23T13:05:39.120Z"
#: The text fields that are cut, and at what.
TEXT_LIMITS = {
    "message": limits.MESSAGE_CHARS,
    "stack": limits.STACK_CHARS,
    "service": limits.SERVICE_CHARS,
    "path_or_screen": limits.PATH_CHARS,
    "user_email": limits.EMAIL_CHARS,
    "environment": limits.ENVIRONMENT_CHARS,
    "release": limits.RELEASE_CHARS,
}
FIELDS = (*TEXT_LIMITS, "event_id", "created_at", "source", "severity", "fingerprint", "context")
#: Set by the collector; what a sender says of them is not listened to.
OURS = ("id", "received_at", "issue_id")


def texts(value: object) -> Iterator[str]:
    """Every text in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts(item)


def depth(value: object) -> int:
    """How many levels of containers a JSON value has below itself."""
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


def assert_past_the_gate(checked: ErrorEvent) -> None:
    """All that everything behind the gate relies on."""
    for field, most in TEXT_LIMITS.items():
        value = getattr(checked, field)
        assert value is None or (isinstance(value, str) and 0 < len(value) <= most)
    assert checked.message
    assert checked.service
    assert isinstance(checked.source, Source)
    assert isinstance(checked.severity, Severity)
    assert canonical_uuid(checked.event_id) == checked.event_id
    assert checked.received_at == NOW_TEXT
    age = NOW - instants.from_text(checked.created_at)
    assert timedelta(seconds=-limits.CLOCK_AHEAD_SECONDS - 1) <= age
    assert age <= timedelta(seconds=limits.CLOCK_BEHIND_SECONDS + 1)
    assert len(checked.created_at) == len(NOW_TEXT)
    assert len(checked.fingerprint) <= limits.FINGERPRINT_PARTS
    assert all(len(part) <= limits.FINGERPRINT_CHARS for part in checked.fingerprint)
    assert depth(checked.context) <= limits.CONTEXT_DEPTH + 1
    assert sum(map(len, texts(checked.context))) <= limits.CONTEXT_CHARS * 1.1
    for text in texts(list(checked)):
        assert "\0" not in text
        text.encode("utf-8")
    # As the storage writes it, and as any other reader reads it.
    assert json.loads(orjson.dumps(checked.context)) == checked.context
