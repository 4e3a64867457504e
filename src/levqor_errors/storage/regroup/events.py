"""In which issue each stored event of an issue belongs: its group is found anew, and if that is another issue's, the
event goes there with its part of all numbers.

An issue is looked at from its first event to its last, a page at a time; a page of which nothing goes is only read.
What goes may open issues, as many as `limits.REGROUP_ISSUES`; they inherit the state of the one that it came from, and
nobody is told. Then comes `settling.py`.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import orjson

from ... import instants, limits
from ...event import ErrorEvent, Source
from ...grouping import Group, overflow_group
from ...grouping_rules import Grouper
from ...severity import Severity
from ..alerts import AlertDialect, marks
from ..rows import RANKS, user_hash
from .queue import Asked, of, tell

_COLUMNS: Final = "id, received_at, source, severity, service, user_email, message, context, grouping"
_PAGE: Final = f"SELECT {_COLUMNS} FROM error_events WHERE issue_id = ? AND id >= ? ORDER BY id LIMIT ?"
_LAST: Final = f"SELECT {_COLUMNS} FROM error_events WHERE issue_id = ? ORDER BY id DESC LIMIT 1"
_ONE: Final = f"SELECT {_COLUMNS} FROM error_events WHERE issue_id = ? AND id = ?"
_PLACES: Final = "SELECT fingerprint, coalesce(merged_into, id) FROM issues WHERE fingerprint IN ({marks})"
_OPEN: Final = """
    INSERT INTO issues (
        fingerprint, grouping, title, service, first_seen, last_seen, count,
        state, muted_until, mute_count, resolved_at, old_releases
    ) SELECT ?, ?, ?, service, ?, ?, 0, state, muted_until,
        mute_count - (SELECT count FROM {issues} now WHERE now.id = issues.id), resolved_at, old_releases
    FROM issues WHERE id = ?
    ON CONFLICT (fingerprint) DO NOTHING RETURNING id
"""
_MOVE: Final = "UPDATE error_events SET issue_id = ? WHERE issue_id = ? AND id IN ({marks}) RETURNING id"
_COUNT: Final = """
    INSERT INTO issue_counts (issue_id, hour, source, severity, count) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (issue_id, hour, source, severity) DO UPDATE SET count = issue_counts.count + excluded.count
"""
# What comes or goes by regrouping is no reason for a mute to end.
_TAKE: Final = "UPDATE issues SET count = count - ?, mute_count = mute_count - ? WHERE id = ?"
_SEEN: Final = "SELECT count, first_seen, last_seen, severity, users FROM {issues} WHERE id = ?"
_GIVE: Final = """
    UPDATE issues SET count = count + ?, mute_count = mute_count + ?, first_seen = ?, last_seen = ?, severity = ?,
        users = users + ?
    WHERE id = ?
"""
_USER: Final = "INSERT INTO issue_users (issue_id, user_hash) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING 1"


class Stored(NamedTuple):
    """A stored event, as far as its group goes by it, and its part of the numbers of its issue."""

    id: int
    received_at: str
    source: str
    severity: str
    user: int | None
    event: ErrorEvent
    #: What is kept of its group, if that cannot be found anew.
    kept: str | None

    def group(self, grouper: Grouper) -> Group:
        """Its group, by some rules."""
        found = grouper.group(self.event)
        if self.kept is None or found.parts[0] == "custom":
            return found
        return overflow_group(self.event.service)


def page(db: AlertDialect, issue_id: int, from_id: int, most: int) -> list[Stored]:
    """Events of an issue from an id on, the oldest first."""
    return [_stored(row) for row in db.run(_PAGE, [issue_id, from_id, most])]


def one_of(db: AlertDialect, issue_id: int, event_id: int | None = None) -> Stored | None:
    """The last event of an issue, or the one with an id."""
    found = db.run(_LAST, [issue_id]) if event_id is None else db.run(_ONE, [issue_id, event_id])
    return _stored(found[0]) if found else None


def _stored(row: Sequence[Any]) -> Stored:
    id_, received_at, source, severity, service, user_email, message, text, kept = row
    try:
        context = orjson.loads(text) if text else {}
        given = tuple(map(str, json.loads(kept)))[2:] if kept and '"custom"' in kept[:10] else ()
    except ValueError:
        # Not as it was stored; who looks at that event is told.
        context, given = {}, ()
    event = ErrorEvent(
        received_at, Source.BACKEND, service, None, user_email, Severity.INFO, message, None, "", received_at, None,
        None, context if isinstance(context, dict) else {}, given, False,
    )  # fmt: skip
    return Stored(id_, received_at, source, severity, user_hash(user_email, event.context), event, kept)


def places(db: AlertDialect, groups: Iterable[Group]) -> dict[str, int]:
    """The issues of groups, by fingerprint, as far as there are any."""
    fingerprints = sorted({group.fingerprint for group in groups})
    return dict(db.run(_PLACES.format(marks=marks(fingerprints)), fingerprints)) if fingerprints else {}


def move(db: AlertDialect, asked: Asked, found: Sequence[tuple[Stored, Group]]) -> set[int]:
    """Have events go where they belong; returns the ids of those that are gone, or were not there any more.

    Args:
        db: inside a transaction in which nobody adds up counts.
        asked: the issue that they are of, no name.
        found: some events, each with its group by the rules in force.
    """
    known = places(db, [group for _, group in found])
    asked = of(db, asked.issue_id)
    opened, target = asked.opened, asked.target
    gone: set[int] = set()
    going: dict[int, list[Stored]] = defaultdict(list)
    for one, group in found:
        if group.fingerprint not in known:
            if opened >= limits.REGROUP_ISSUES:
                continue
            known[group.fingerprint] = _open(db, asked.issue_id, one, group)
            opened += 1
        if known[group.fingerprint] != asked.issue_id:
            going[known[group.fingerprint]].append(one)
    for issue_id, events in going.items():
        ids = [one.id for one in events]
        gone.update(ids)
        moved = {id_ for (id_,) in db.run(_MOVE.format(marks=marks(ids)), [issue_id, asked.issue_id, *ids])}
        if moved:
            _count(db, asked.issue_id, issue_id, [one for one in events if one.id in moved])
            target = issue_id
    tell(db, asked, opened, target)
    return gone


def _open(db: AlertDialect, issue_id: int, one: Stored, group: Group) -> int:
    """Open an issue for a group, in the state of the one that its events come from."""
    values = [group.fingerprint, json.dumps(group.parts), group.title, one.received_at, one.received_at, issue_id]
    opened = db.run(_OPEN.format(issues=db.issues), values)
    # Not opened: an event that came this moment did.
    return int(opened[0][0]) if opened else places(db, [group])[group.fingerprint]


def _count(db: AlertDialect, giver: int, taker: int, events: Sequence[Stored]) -> None:
    """Have events count where they are."""
    counts = Counter((instants.hour_of(one.received_at), one.source, one.severity) for one in events)
    for key, number in counts.items():
        db.run(_COUNT, [giver, *key, -number])
        db.run(_COUNT, [taker, *key, number])
    number = len(events)
    db.run(_TAKE, [number, number, giver])
    ((count, first, last, severity, users),) = db.run(_SEEN.format(issues=db.issues), [taker])
    new = 0
    for user in {one.user for one in events if one.user is not None}:
        if users + new < limits.ISSUE_USERS:
            new += len(db.run(_USER, [taker, user]))
    at = [one.received_at for one in events]
    severities = [one.severity for one in events]
    if count:
        # Of one that had nothing, not even this is known.
        at += [first, last]
        severities.append(severity)
    worst = max(severities, key=RANKS.__getitem__)
    db.run(_GIVE, [number, number, min(at), max(at), worst, new, taker])
