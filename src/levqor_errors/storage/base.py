"""What crosses between the collector and a database, whichever it is: events on their way in, filters, and what comes
back. How it is asked for is in `protocol.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from ..event import ErrorEvent
from ..grouping import Group

#: Whose events are owed whatever their severity: the alerts' own, by which they try all of the way once a day.
CANARY_SERVICE: Final = "levqor-errors-canary"


class NewEvent(NamedTuple):
    """An event on its way into the database."""

    event: ErrorEvent
    group: Group
    #: Whether it may open an issue of its own. If not, and its group is new, it goes to its service's overflow issue.
    may_open: bool = True
    #: By which rules it was grouped: `Grouper.version`.
    rules: int = 0


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
    issue_id: int | None = None
    event_id: str | None = None
    q: str | None = None
    since: str | None = None
    until: str | None = None


class Page(NamedTuple):
    """Some events, the newest first."""

    errors: list[dict[str, Any]]
    #: Pass it as `before` (`after`, if that was passed) for the page beyond this one; `None` at the end.
    next: int | None
    #: The page ends before it is full, since so many events were looked at as were to be; see `Storage.recent`.
    is_short: bool = False


#: By what events are summed up over time.
Unit: TypeAlias = Literal["minute", "hour", "day"]


class Overview(NamedTuple):
    """How many events match."""

    #: By what `series` is. Of minutes only rows can tell: where some are gone that were counted, it is by the hour.
    unit: Unit
    #: The first instant of each unit in which there was something, with how many events of each severity, in order.
    series: list[tuple[str, dict[str, int]]]
    #: By service, those with the most events first.
    services: list[tuple[str, dict[str, int]]]
    #: By severity in the range before; `None`: nobody asked, or how it compares is not known, since in one of both
    #: not all are counted: there are `unnamed` ones, or so many that they are `counted_since` some instant only.
    before: dict[str, int] | None
    #: Services, environments and releases that a filter may be set to, the commonest first.
    names: tuple[list[str], list[str], list[str]]
    #: As in `Storage.stats`.
    unnamed: int
    #: The same. The series is by the minute or by the hour then.
    counted_since: str | None = None


class News(NamedTuple):
    """What was committed after a cursor."""

    #: Of events, each once; of several collectors in no particular order. Some may be deleted by now.
    ids: list[int]
    #: For the next call. Text without meaning to anybody but the database that gave it.
    cursor: str
    #: There is more already; ask again.
    more: bool
    #: The cursor is older than what news are kept, or another database's. Nobody knows what was missed: read pages
    #: anew, and go on from this answer's cursor.
    missed: bool


class Thinned(NamedTuple):
    """What was deleted to make room."""

    events: int
    #: Issues of which no event was left.
    issues: int


class Size(NamedTuple):
    """How much space there is and is used, in bytes."""

    #: On the disk, with all that the database keeps beside its file.
    disk: int
    #: Of the database's file, what is in use; the rest is taken by the next events.
    live: int
    #: Left on the file system; `None` where it is another machine's.
    free: int | None
    #: What the last write needed, if there was no room for it under the quota; else 0. Less than half of the quota.
    wanted: int
