"""Rows on their way into a database, whichever it is: what an event's columns hold, and what a batch adds to counts.

Comes after `base.py`; used by each database's `write.py`. Imports little, for the process that writes into SQLite.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from .. import instants, limits
from ..grouping import GIVEN_KINDS
from ..severity import Severity
from .base import CANARY_SERVICE, NewEvent

#: How bad a column of severities is, in SQL: 0 to 3. `WORST` is its inverse.
RANK: Final = "CASE {} WHEN 'critical' THEN 3 WHEN 'error' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END"
WORST: Final = tuple(severity.value for severity in Severity)
RANKS: Final = {name: rank for rank, name in enumerate(WORST)}
#: Where events are counted whose environment and release are too many (`limits.COUNTED_NAMES`). Spaces are taken from a
#: name's ends at the gate, so that no sender can have this one.
UNNAMED: Final = " "
#: Events that wait for their commit are of the hour that has begun, or of the one before.
_NAMED_HOURS: Final = 2


class Row(NamedTuple):
    """An event as it crosses from the collector to the process that writes: plain values, so that `marshal` can carry
    it."""

    created_at: str
    source: str
    service: str
    path_or_screen: str | None
    user_email: str | None
    severity: str
    message: str
    stack: str | None
    event_id: str
    received_at: str
    environment: str | None
    release: str | None
    #: JSON.
    context: str | None
    fingerprint: str
    title: str
    grouping: tuple[str, ...]
    #: Whether the event can be a retry of one that is stored already.
    sender_id: bool
    may_open: bool
    #: Whom it happened to, as `user_hash` has it.
    user: int | None
    #: By which rules it was grouped.
    rules: int

    def opens_again(self, old_releases: Collection[str]) -> bool:
        """Whether an issue that is resolved but for some releases is not any more when this comes."""
        return self.release is None or self.release not in old_releases


class Written(NamedTuple):
    """What became of a row: its id, whether it was there already, whether it opened an issue."""

    id: int
    duplicate: bool
    new_issue: bool


def to_row(new: NewEvent) -> tuple[Any, ...]:
    """What is to be written of an event: the values of a `Row`. As a plain tuple, since `marshal` takes no other."""
    event = new.event
    return (
        event.created_at, event.source.value, event.service, event.path_or_screen, event.user_email,
        event.severity.value, event.message, event.stack, event.event_id, event.received_at, event.environment,
        event.release, orjson.dumps(event.context).decode() if event.context else None,
        *new.group, event.sender_id, new.may_open, user_hash(event.user_email, event.context), new.rules,
    )  # fmt: skip


def user_hash(user_email: str | None, context: Mapping[str, Any]) -> int | None:
    """Whom an event happened to, as a number of 64 bits: by the address, else by the id or name that the context has of
    the user. `None`: nobody knows."""
    name = user_email
    if name is None:
        user = context.get("user")
        if not isinstance(user, dict):
            return None
        for key in ("id", "username"):
            value = user.get(key)
            if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "":
                name = str(value)
                break
        else:
            return None
    # SHA-256, since PostgreSQL has it, too.
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


class Fresh(NamedTuple):
    """A row that is not stored yet, under the ids that it gets."""

    id: int
    row: Row
    issue_id: int
    #: JSON, of a group that cannot be found again from the rest of the row.
    grouping: str | None = None


def kept_grouping(parts: Sequence[str]) -> str | None:
    """What is kept with an event of a group with these parts, as `Fresh.grouping`."""
    return json.dumps(parts) if parts[0] in GIVEN_KINDS else None


def grouped_by_others(fresh: Iterable[Fresh], version: int) -> dict[int, int]:
    """Issues with events that were grouped by other rules than are in force; the first event of each."""
    found: dict[int, int] = {}
    for one in fresh:
        if one.row.rules != version:
            found.setdefault(one.issue_id, one.id)
    return found


class CountedNames:
    """Under which environment and release events are counted: their own, but of one service in one hour only so many
    (`limits.COUNTED_NAMES`), since counts stay for good and anyone may send names."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, set[tuple[str, str]]]] = {}

    def of(self, hour: str, row: Row) -> tuple[str, str]:
        """The names for a row of an hour."""
        names = row.environment or "", row.release or ""
        services = self._known.get(hour)
        if services is None:
            services = self._known[hour] = {}
            if len(self._known) > _NAMED_HOURS:
                del self._known[min(self._known)]
        known = services.setdefault(row.service, set())
        if names in known:
            return names
        if len(known) >= limits.COUNTED_NAMES:
            return UNNAMED, UNNAMED
        known.add(names)
        return names


class Tally(NamedTuple):
    """What some events of one issue and one hour, alike in all that is counted by, add to the counts."""

    issue_id: int
    hour: str
    service: str
    source: str
    severity: str
    #: How many they are.
    events: int
    last_seen: str
    #: As they are counted; empty for none.
    environment: str
    release: str
    users: set[int]
    #: The lowest and the highest id of these events.
    first_id: int
    last_id: int


def tallies(fresh: Iterable[Fresh], names: CountedNames) -> list[Tally]:
    """What a batch, in the order of its ids, adds to all that is counted."""
    found: dict[tuple[Any, ...], list[Any]] = {}
    for id_, row, issue_id, _ in fresh:
        seen, user = row.received_at, row.user
        key = issue_id, seen[:13], row.service, row.source, row.severity, row.environment, row.release
        tally = found.get(key)
        if tally is None:
            hour = instants.hour_of(seen)
            tally = found[key] = [
                issue_id, hour, row.service, row.source, row.severity, 0, seen, *names.of(hour, row), set(), id_, id_
            ]  # fmt: skip
        tally[5] += 1
        tally[6] = max(tally[6], seen)
        tally[11] = id_
        if user is not None:
            tally[9].add(user)
    return [Tally._make(tally) for tally in found.values()]


def owed(fresh: Iterable[Fresh], resolved: Mapping[int, Collection[str]]) -> list[tuple[int, int, int, str, str, int]]:
    """An entry for each issue that its owner is to be told of, for `alert_outbox`: the first of the events that are the
    reason, how many they are, when, how bad, and whether the issue was resolved.

    Args:
        fresh: the events.
        resolved: issues that were resolved, and are not any more since they have an event in this batch; with the
            releases whose events are no reason for that.
    """
    owed: dict[int, tuple[int, int, int, str, str, int]] = {}
    for id_, row, issue_id, _ in fresh:
        critical = row.severity == Severity.CRITICAL.value
        back = issue_id in resolved and row.opens_again(resolved[issue_id])
        if critical or back or row.service == CANARY_SERVICE:
            _, first, count, at, worst, regressed = owed.get(issue_id, (0, id_, 0, row.received_at, row.severity, 0))
            worst = row.severity if critical else worst
            owed[issue_id] = (issue_id, first, count + 1, at, worst, int(back or regressed))
    return list(owed.values())
