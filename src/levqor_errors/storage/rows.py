"""Rows on their way into a database, whichever it is: what an event's columns hold, and what a batch adds to counts.

Comes after `base.py`; used by each database's `write.py`. Imports little, for the process that writes into SQLite.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import orjson

from .. import instants
from ..severity import Severity
from .base import CANARY_SERVICE, NewEvent


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
        *new.group, event.sender_id, new.may_open,
    )  # fmt: skip


class Fresh(NamedTuple):
    """A row that is not stored yet, under the ids that it gets."""

    id: int
    row: Row
    issue_id: int


def hourly(fresh: Iterable[Fresh]) -> list[tuple[str, str, str, str, int]]:
    """What a batch adds to `event_counts`."""
    counts = Counter([(row.received_at[:13], row.service, row.source, row.severity) for _, row, _ in fresh])
    return [
        (instants.hour_of(hour), service, source, severity, count)
        for (hour, service, source, severity), count in counts.items()
    ]


def hourly_of_issues(fresh: Iterable[Fresh]) -> list[tuple[int, str, str, str, str, int, str]]:
    """The same by issue, with the last instant at which each was seen."""
    counts: dict[tuple[int, str, str, str, str], tuple[int, str]] = {}
    for _, row, issue_id in fresh:
        key = issue_id, instants.hour_of(row.received_at), row.service, row.source, row.severity
        count, last = counts.get(key, (0, ""))
        counts[key] = count + 1, max(last, row.received_at)
    return [(*key, *value) for key, value in counts.items()]


def owed(fresh: Iterable[Fresh], resolved: Collection[int]) -> list[tuple[int, int, int, str, str, int]]:
    """An entry for each issue that its owner is to be told of, for `alert_outbox`: the first of the events that are the
    reason, how many they are, when, how bad, and whether the issue was resolved.

    Args:
        fresh: the events.
        resolved: issues that were resolved, and are not any more since they have an event in this batch.
    """
    owed: dict[int, tuple[int, int, int, str, str, int]] = {}
    for id_, row, issue_id in fresh:
        critical = row.severity == Severity.CRITICAL.value
        if critical or issue_id in resolved or row.service == CANARY_SERVICE:
            regressed = int(issue_id in resolved)
            _, first, count, at, worst, _ = owed.get(issue_id, (0, id_, 0, row.received_at, row.severity, 0))
            worst = row.severity if critical else worst
            owed[issue_id] = (issue_id, first, count + 1, at, worst, regressed)
    return list(owed.values())
