"""What is asked of issues, and what is answered. Checked here, for the API and for pages alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, NamedTuple

from ... import limits
from ...clean import clean_text
from ...errors import TriageError
from ...severity import Severity

#: In which an issue can be.
STATES: Final = ("open", "resolved", "muted")


class Do(str, Enum):
    """What can be done with issues."""

    RESOLVE = "resolve"
    #: Events of releases that are known by now do not open it again.
    RESOLVE_NEXT = "resolve_in_next_release"
    #: For some seconds, or until so many more events have come; it always ends.
    MUTE = "mute"
    REOPEN = "reopen"
    #: All that there is of them, and comes of them, belongs to another issue of their service.
    MERGE = "merge"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Action:
    """Something to be done with issues.

    Args:
        do: what, a value of `Do`.
        seconds: how long a mute lasts, to `limits.MUTE_SECONDS`.
        events: or how many more events end it, to `limits.MUTE_EVENTS`.
        into: the issue that others are merged into.
        note: the text, to `limits.NOTE_CHARS`; empty takes it away.

    Raises:
        TriageError: it is none that there is, or something is missing, too much, or out of bounds; says what.
    """

    do: str
    seconds: int | None = None
    events: int | None = None
    into: int | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        if self.do not in Do._value2member_map_:
            raise TriageError(f"action must be one of {', '.join(one.value for one in Do)}")
        for name, of in (("seconds", Do.MUTE), ("events", Do.MUTE), ("into", Do.MERGE), ("note", Do.NOTE)):
            if getattr(self, name) is not None and self.do != of.value:
                raise TriageError(f"{name} belongs to the action {of.value}")
        if self.do == Do.MUTE.value:
            if (self.seconds is None) == (self.events is None):
                raise TriageError("a mute needs either seconds or events: it always ends")
            _check("seconds", self.seconds, limits.MUTE_SECONDS)
            _check("events", self.events, limits.MUTE_EVENTS)
        elif self.do == Do.MERGE.value:
            if self.into is None:
                raise TriageError("into must name the issue that others are merged into")
            _check("into", self.into, limits.INTEGER_MAX)
        elif self.do == Do.NOTE.value:
            if self.note is None:
                raise TriageError("note is required")
            if len(self.note) > limits.NOTE_CHARS:
                raise TriageError(f"note must have at most {limits.NOTE_CHARS:,} characters")
            object.__setattr__(self, "note", clean_text(self.note, limits.NOTE_CHARS).strip())


def _check(name: str, number: int | None, most: int) -> None:
    if number is not None and not 1 <= number <= most:
        raise TriageError(f"{name} must be between 1 and {most:,}")


class Refusal(NamedTuple):
    """What was not done, and why."""

    #: Of an issue; of a change, where something is undone.
    id: int
    why: str


class Triaged(NamedTuple):
    """What was done."""

    #: Ids of changes, by which they can be undone: one for each issue that is another now.
    changes: list[int]
    #: These issues.
    issues: list[int]
    refused: list[Refusal]


class Sort(str, Enum):
    """By what a list of issues is ordered, the highest first."""

    LAST_SEEN = "last_seen"
    #: New ones.
    FIRST_SEEN = "first_seen"
    #: How many events they had in the range.
    EVENTS = "events"
    USERS = "users"
    #: How many events more the last 24 hours brought than the 24 before.
    TREND = "trend"


@dataclass(frozen=True, slots=True)
class IssueQuery:
    """Which issues are wanted, and how. Empty means all; several severities mean any of them.

    Args:
        state: one of `STATES`.
        service: whose.
        severity: the worst that they ever had.
        q: words of the title, or their beginnings; all of them are in it.
        sort: by what they are ordered.
        since: for `Sort.EVENTS`, from which hour on events count. By default of the last 24 hours.
        limit: how many, to `limits.PAGE_MAX`.
        after: `next` of the page before.
        days: sparklines are of 14 days, instead of 24 hours.
    """

    state: str | None = None
    service: str | None = None
    severity: tuple[str, ...] = ()
    q: str | None = None
    sort: Sort = Sort.LAST_SEEN
    since: str | None = None
    limit: int = limits.PAGE_DEFAULT
    after: str | None = None
    days: bool = False


class IssuePage(NamedTuple):
    """Some issues, in the order that was asked for."""

    issues: list[dict[str, Any]]
    #: Pass it as `after` for the page after this one; `None` at the end.
    next: str | None


def worst_first(severities: Sequence[str]) -> list[str]:
    """Severities, the worst first."""
    return sorted(severities, key=lambda one: -list(Severity).index(Severity(one)))
