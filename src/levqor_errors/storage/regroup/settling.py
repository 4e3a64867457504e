"""What is to be said of an issue some of whose events have gone: since when, until when and how bad it was, and whom it
happened to, by what is left. If nothing is left, it becomes a name for the issue to which the last of it went.

What is known of events that are deleted are the hours in which they came, for as long as those are kept; of what was
before that nothing changes. Whom they happened to stays with the issue.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import timedelta
from typing import Final

from ... import instants
from ...grouping_rules import Grouper, Words, is_by_rule
from ..alerts import AlertDialect, marks, parts
from ..issues.merging import OWNER, PAST, merge
from ..rows import RANKS, WORST
from .queue import Asked

_FACTS: Final = "SELECT count, first_seen, last_seen, severity, grouping FROM {issues} WHERE id = ?"
_HOURS: Final = """
    SELECT hour, severity, SUM(count) FROM {counts} WHERE issue_id = ? GROUP BY 1, 2 HAVING SUM(count) <> 0
"""
_IDS: Final = "SELECT MIN(first_id), MAX(last_id) FROM {hours} WHERE hour = ?"
_STORED: Final = """
    SELECT COUNT(*), MIN(received_at), MAX(received_at) FROM error_events
    WHERE issue_id = ? AND id BETWEEN ? AND ? AND received_at >= ? AND received_at < ?
"""
# Not if the owner has merged others into it, which go on.
_HOME: Final = """
    SELECT coalesce(target.merged_into, target.id) FROM issues target JOIN issues own ON own.id = ?
    WHERE target.id = ? AND coalesce(target.merged_into, target.id) <> own.id
        AND NOT EXISTS (SELECT 1 FROM issues named WHERE named.merged_into = own.id AND named.merged_by = ?)
"""


def settle(db: AlertDialect, grouper: Grouper, asked: Asked, users: Collection[int] | None, stored: int) -> None:
    """Say what is to be said of an issue.

    Args:
        db: inside a transaction in which nobody writes events or adds up counts.
        grouper: the rules in force.
        asked: which.
        users: of all its events that are stored; `None`: nobody has looked at all of them.
        stored: how many these are.
    """
    db.run("DELETE FROM issue_counts WHERE issue_id = ? AND count = 0", [asked.issue_id])
    ((count, first, last, severity, grouping),) = db.run(_FACTS.format(issues=db.issues), [asked.issue_id])
    own: Words = tuple(json.loads(grouping))
    if stored == 0 and (count == 0 or is_by_rule(own)) and not grouper.in_force(own):
        home = db.run(_HOME, [asked.issue_id, asked.target, OWNER])
        if home:
            if count == 0:
                db.run("DELETE FROM issue_users WHERE issue_id = ?", [asked.issue_id])
            merge(db, [asked.issue_id], home[0][0], PAST)
            return
    by_hour: dict[str, int] = {}
    worst = 0
    for hour, of, number in db.run(_HOURS.format(counts=db.issue_counts), [asked.issue_id]):
        by_hour[hour] = by_hour.get(hour, 0) + int(number)
        worst = max(worst, RANKS[of])
    if by_hour:
        whole = sum(by_hour.values()) >= count
        earliest, latest = min(by_hour), max(by_hour)
        found = _ends(db, asked.issue_id, earliest, by_hour[earliest], first)[0]
        first = found if whole else min(first, found)
        last = _ends(db, asked.issue_id, latest, by_hour[latest], last)[1]
        severity = WORST[worst] if whole else max(severity, WORST[worst], key=RANKS.__getitem__)
        db.run(
            "UPDATE issues SET first_seen = ?, last_seen = ?, severity = ? WHERE id = ?",
            [first, last, severity, asked.issue_id],
        )
    if users is not None and stored == count:
        _set_users(db, asked.issue_id, users)


def _ends(db: AlertDialect, issue_id: int, hour: str, number: int, known: str) -> tuple[str, str]:
    """Between which instants of an hour an issue was seen, so many times: by its events that are stored; where others
    came before them, by what was known, if that is of this hour."""
    after = instants.to_text(instants.from_text(hour) + timedelta(hours=1))
    ((first_id, last_id),) = db.run(_IDS.format(hours=db.hours), [hour])
    ((stored, first, last),) = db.run(_STORED, [issue_id, first_id or 0, last_id or 0, hour, after])
    if not stored:
        known = known if hour <= known < after else hour
        return known, known
    return min(first, known) if stored < number and hour <= known else first, last


def _set_users(db: AlertDialect, issue_id: int, users: Collection[int]) -> None:
    known = {user for (user,) in db.run("SELECT user_hash FROM issue_users WHERE issue_id = ?", [issue_id])}
    for part in parts(sorted(known.difference(users))):
        db.run(f"DELETE FROM issue_users WHERE issue_id = ? AND user_hash IN ({marks(part)})", [issue_id, *part])
    for user in set(users) - known:
        db.run("INSERT INTO issue_users (issue_id, user_hash) VALUES (?, ?)", [issue_id, user])
    db.run("UPDATE issues SET users = ? WHERE id = ?", [len(set(users)), issue_id])
