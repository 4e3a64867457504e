"""What surrounds an event: the user, tags, the request and breadcrumbs, for the thread or asyncio task one is in.

One `ContextVar` holds one immutable value. A change makes a new value, so nothing leaks into a task that was started
before, or out of a `scope()`. Everything is taken, redacted and encoded when it is set: an event only joins texts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

from ..redact import REDACTED, Redactor
from .capture import safe_str
from .snapshot import Snapshot

#: The latest are kept.
BREADCRUMBS: Final = 50
TAGS: Final = 50
TAG_CHARS: Final = 500
#: Of one, and of all of them in their encoded form; the oldest go first.
BREADCRUMB_CHARS: Final = 5_000
BREADCRUMBS_CHARS: Final = 200_000

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Scope(NamedTuple):
    """The surroundings. `tags` and `request` are never changed in place; breadcrumbs are encoded already."""

    user_email: str | None = None
    user: Mapping[str, Any] | None = None
    tags: Mapping[str, str] | None = None
    path: str | None = None
    request: Mapping[str, Any] | None = None
    breadcrumbs: tuple[str, ...] = ()


NOTHING: Final = Scope()
_current: ContextVar[Scope] = ContextVar("levqor_errors_scope", default=NOTHING)

current = _current.get


def change(**fields: Any) -> None:
    """Put something else into the scope one is in."""
    _current.set(_current.get()._replace(**fields))


def user(redactor: Redactor, email: str | None, more: Mapping[str, object]) -> None:
    """Who is served here."""
    email = None if email is None else redactor.text(safe_str(email))
    change(user_email=email, user=Snapshot(redactor).of(more) if more else None)


def tag(redactor: Redactor, name: str, value: object) -> None:
    """A short fact to filter by."""
    tags = dict(_current.get().tags or {})
    name, text = safe_str(name), safe_str(value, TAG_CHARS)
    key = redactor.text(name)[:200]
    if len(tags) < TAGS or key in tags:
        tags[key] = REDACTED if redactor.is_secret(name) else redactor.text(text)
        change(tags=tags)


def breadcrumb(
    redactor: Redactor, message: object, category: str, level: str, data: Mapping[str, object] | None
) -> None:
    """Something that happened on the way to an error."""
    snapshot = Snapshot(redactor, BREADCRUMB_CHARS)
    crumb = {
        "at": round(time.time(), 3),
        "level": safe_str(level, 100),
        "category": redactor.text(safe_str(category, 200)),
        "message": snapshot.text(safe_str(message)),
    }
    if data is not None:
        shown = snapshot.of(data)
        if shown != {}:
            crumb["data"] = shown
    scope = _current.get()
    crumbs = (*scope.breadcrumbs[1 - BREADCRUMBS :], _encode(crumb))
    excess = sum(map(len, crumbs)) - BREADCRUMBS_CHARS
    while excess > 0 and len(crumbs) > 1:
        excess -= len(crumbs[0])
        crumbs = crumbs[1:]
    _current.set(scope._replace(breadcrumbs=crumbs))


@contextmanager
def entered(**fields: Any) -> Iterator[None]:
    """A scope within the present one; what is set inside is forgotten at its end."""
    token = _current.set(_current.get()._replace(**fields))
    try:
        yield
    finally:
        # A generator may be closed in another context than it was started in, where there is nothing to go back from.
        with suppress(ValueError):
            _current.reset(token)
