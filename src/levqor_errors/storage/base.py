"""What the collector asks of a database, whichever it is: the `Storage` protocol and the data that crosses it.

Above this line nothing knows SQLite; below it nothing knows HTTP. All methods block, and are called from the
writer's thread (`write`) or a worker thread (the rest), never from the event loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from ..errors import EventUnstorableError
from ..event import ErrorEvent
from ..grouping import Group


class NewEvent(NamedTuple):
    """An event on its way into the database."""

    event: ErrorEvent
    group: Group
    #: Whether it may open an issue of its own. If not, and its group is new, it goes to its service's overflow issue.
    may_open: bool = True


class StoredEvent(NamedTuple):
    """What became of a new event: it is committed, under this id."""

    id: int
    event_id: str
    #: It was there already: a retry of a sender that missed our answer.
    duplicate: bool
    #: It opened its issue. Never so for a service's overflow issue.
    new_issue: bool = False


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events are meant. Empty means all; several severities mean any of them.

    `since` (inclusive) and `until` (exclusive) are instants of `received_at`, the collector's clock.
    """

    severity: tuple[str, ...] = ()
    source: str | None = None
    service: str | None = None
    environment: str | None = None
    release: str | None = None
    event_id: str | None = None
    q: str | None = None
    since: str | None = None
    until: str | None = None


class Page(NamedTuple):
    """Some events, the newest first."""

    errors: list[dict[str, Any]]
    #: Pass it as `before` for the page after this one; `None` at the end.
    next: int | None


class Storage(Protocol):
    """A database of events.

    Every method may raise `StorageUnavailableError`, after a bounded wait.
    """

    def write(self, batch: Sequence[NewEvent]) -> list[StoredEvent | EventUnstorableError]:
        """Store a batch in one transaction, with its issues and counts; durable when this returns.

        An event whose `event_id` is stored already changes nothing and is reported as a duplicate. One that the
        database refuses for its content is reported in its place, and the others are stored.
        """
        ...

    def recent(self, filters: Filters, *, limit: int, before: int | None = None) -> Page:
        """Events by id, the newest first: at most `limit`, with ids under `before`."""
        ...

    def get(self, event_id: int) -> dict[str, Any] | None:
        """One event with its context and its issue, by its row id."""
        ...

    def stats(self, filters: Filters) -> dict[str, Any]:
        """Exact counts of the events that match: in all, by severity, source and service, and over time."""
        ...

    def services(self) -> list[str]:
        """Names of services that were ever counted, at most `limits.SERVICES` of them."""
        ...

    def health(self) -> dict[str, Any]:
        """Facts about the database for `/healthz`; no secrets, no paths. Raises if it does not answer."""
        ...

    def add_session(self, token_hash: str, *, created_at: str, expires_at: str) -> None:
        """Remember a sign-in by the hash of its token, and forget those that have ended."""
        ...

    def has_session(self, token_hash: str, *, now: str) -> bool:
        """Whether that sign-in is known, not signed out, and not over."""
        ...

    def drop_session(self, token_hash: str) -> None:
        """Sign out."""
        ...

    def close(self) -> None:
        """Let go of the database. Call it last; no other method may run or follow."""
        ...
