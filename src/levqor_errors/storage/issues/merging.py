"""One issue out of several, and taking that apart again: what there is of them becomes another's, at once; their events
follow in steps.

A merged issue stays as a name (`merged_into`) for its fingerprint, so that what comes of it goes to the other. Its
numbers, users, hours and what is owed of it move in one transaction. Its events, which may be a million, are moved by
the janitor; until then they are found as those whose issue is merged into another, and whoever reads an issue's events
reads theirs, too.

What a name has brought is remembered with it (`merged_count`, `merged_counts`, `merged_users`), less what of it is an
event of the other issue by now. So it can be taken out again (`take_out`): what is remembered goes back at once, events
that belong to it go back in steps (`..regroup`), each with its part of the numbers; and what was in events that are
deleted stays with whom it was when they were. Whatever is done, the sum of all counts is the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from ... import instants
from ..alerts import AlertDialect, marks
from ..rows import RANKS, WORST

#: Who made a name of an issue: its owner; a rule of his; or a rule that is in force no more.
OWNER: Final = "owner"
RULE: Final = "rule"
PAST: Final = "past"

_STATE: Final = ("state", "muted_until", "mute_count", "resolved_at", "old_releases")
_BEFORE: Final = f"SELECT id, {', '.join(_STATE)} FROM issues WHERE id IN ({{marks}})"
_BROUGHT: Final = """
    SELECT id, count - coalesce((SELECT SUM(named.merged_count) FROM issues named WHERE named.merged_into = i.id), 0)
    FROM {issues} i WHERE id IN ({marks})
"""
_REMEMBER: Final = "UPDATE issues SET merged_by = ?, merged_count = ?, before_merge = ? WHERE id = ?"
# Without what was brought to them before: names of a name are names of the last, each with its own.
_REMEMBER_COUNTS: Final = """
    INSERT INTO merged_counts (issue_id, hour, source, severity, count)
    SELECT id, hour, source, severity, SUM(count) FROM (
        SELECT issue_id AS id, hour, source, severity, count FROM issue_counts
        UNION ALL {waiting}
        SELECT named.merged_into, before.hour, before.source, before.severity, -before.count
        FROM merged_counts before JOIN issues named ON named.id = before.issue_id
    ) brought WHERE id IN ({marks}) GROUP BY 1, 2, 3, 4 HAVING SUM(count) <> 0
"""
_WAITING: Final = "SELECT issue_id, hour, source, severity, count FROM {table} UNION ALL"
_REMEMBER_USERS: Final = """
    INSERT INTO merged_users (issue_id, user_hash)
    SELECT issue_id, user_hash FROM issue_users WHERE issue_id IN ({marks})
"""
_NUMBERS: Final = "SELECT SUM(count), SUM(regressions) FROM issues WHERE id IN ({marks})"
_NOT_EMPTY: Final = "SELECT id FROM {issues} WHERE id IN ({marks}) AND count > 0"
_SEEN: Final = "SELECT first_seen, last_seen, severity FROM issues WHERE id IN ({marks})"
_COUNTS: Final = """
    INSERT INTO issue_counts (issue_id, hour, source, severity, count)
    SELECT CAST(? AS BIGINT), hour, source, severity, SUM(count) FROM issue_counts
    WHERE issue_id IN ({marks}) GROUP BY hour, source, severity
    ON CONFLICT (issue_id, hour, source, severity) DO UPDATE SET count = issue_counts.count + excluded.count
"""
_USERS: Final = """
    INSERT INTO issue_users (issue_id, user_hash)
    SELECT DISTINCT CAST(? AS BIGINT), user_hash FROM issue_users WHERE issue_id IN ({marks})
    ON CONFLICT DO NOTHING
"""
_ADD: Final = """
    UPDATE issues SET count = ?, first_seen = ?, last_seen = ?, regressions = ?, severity = ?,
        users = (SELECT COUNT(*) FROM issue_users WHERE issue_id = issues.id)
    WHERE id = ?
"""
_RENAME: Final = "UPDATE issues SET merged_into = ? WHERE merged_into IN ({marks})"
_NAME: Final = """
    UPDATE issues SET merged_into = ?, count = 0, users = 0, state = 'open', muted_until = NULL, mute_count = NULL,
        resolved_at = NULL, old_releases = NULL
    WHERE id IN ({marks})
"""
_OWED: Final = """
    SELECT id, issue_id, first_event_id, count, created_at, severity, regressed FROM alert_outbox
    WHERE decided_at IS NULL AND issue_id IN ({marks}) ORDER BY first_event_id
"""
_OWE: Final = """
    UPDATE alert_outbox SET issue_id = ?, first_event_id = ?, count = ?, created_at = ?, severity = ?, regressed = ?
    WHERE id = ?
"""
_TO_MOVE: Final = """
    SELECT id, merged_into FROM issues
    WHERE merged_into IS NOT NULL AND EXISTS (SELECT 1 FROM error_events WHERE issue_id = issues.id)
    ORDER BY id LIMIT 1
"""
_MOVE: Final = """
    UPDATE error_events SET issue_id = ?
    WHERE id IN (SELECT id FROM error_events WHERE issue_id = ? ORDER BY id DESC LIMIT ?)
    RETURNING received_at, source, severity
"""
_FORGET: Final = """
    UPDATE merged_counts SET count = count - ? WHERE issue_id = ? AND hour = ? AND source = ? AND severity = ?
"""
_NAMED: Final = """
    SELECT merged_into, merged_count, regressions, first_seen, last_seen, severity, before_merge FROM issues
    WHERE id = ? AND merged_into IS NOT NULL
"""
_GIVE: Final = """
    INSERT INTO issue_counts (issue_id, hour, source, severity, count)
    SELECT CAST(? AS BIGINT), hour, source, severity, CAST(? AS BIGINT) * count FROM merged_counts WHERE issue_id = ?
    ON CONFLICT (issue_id, hour, source, severity) DO UPDATE SET count = issue_counts.count + excluded.count
"""
_SHIFT: Final = """
    UPDATE issues SET count = count + ?, regressions = regressions + ?, mute_count = mute_count + ? WHERE id = ?
"""
_SET_SEEN: Final = "UPDATE issues SET first_seen = ?, last_seen = ?, severity = ? WHERE id = ?"
_GIVE_USERS: Final = """
    INSERT INTO issue_users (issue_id, user_hash)
    SELECT CAST(? AS BIGINT), user_hash FROM merged_users WHERE issue_id = ? ON CONFLICT DO NOTHING
"""
_COUNT_USERS: Final = "UPDATE issues SET users = (SELECT COUNT(*) FROM issue_users WHERE issue_id = ?) WHERE id = ?"
_OWN: Final = f"""
    UPDATE issues SET merged_into = NULL, merged_by = NULL, merged_count = NULL, before_merge = NULL,
        {", ".join(f"{name} = ?" for name in _STATE)}
    WHERE id = ?
"""


def merge(db: AlertDialect, issues: Sequence[int], into: int, by: str = OWNER) -> None:
    """Make names of issues for another one, and give it all that they have but for their events.

    Args:
        db: inside a transaction in which nobody writes events or adds up counts.
        issues: ids of issues that are there and no names yet, at most 500.
        into: the id of another one of the same kind.
        by: `OWNER`, `RULE` or `PAST`.
    """
    ids = list(issues)
    run, among = db.run, marks(ids)
    family = [into, *ids]
    _remember(db, ids, into, by)
    # What an issue was that has nothing any more, others are not.
    not_empty = [id_ for (id_,) in run(_NOT_EMPTY.format(issues=db.issues, marks=marks(family)), family)] or [into]
    if db.waiting_counts:
        run(f"UPDATE {db.waiting_counts} SET issue_id = ? WHERE issue_id IN ({among})", [into, *ids])
    for move, table in ((_COUNTS, "issue_counts"), (_USERS, "issue_users")):
        run(move.format(marks=among), [into, *ids])
        run(f"DELETE FROM {table} WHERE issue_id IN ({among})", ids)
    ((count, regressions),) = run(_NUMBERS.format(marks=marks(family)), family)
    firsts, lasts, severities = zip(*run(_SEEN.format(marks=marks(not_empty)), not_empty), strict=True)
    worst = WORST[max(RANKS[severity] for severity in severities)]
    run(_ADD, [int(count), min(firsts), max(lasts), int(regressions), worst, into])
    _merge_owed(db, ids, into)
    for rename in (_RENAME, _NAME):
        run(rename.format(marks=among), [into, *ids])


def _remember(db: AlertDialect, ids: list[int], into: int, by: str) -> None:
    """What each brings, and how it and the other were before."""
    among = marks(ids)
    waiting = _WAITING.format(table=db.waiting_counts) if db.waiting_counts else ""
    brought: dict[int, int] = dict(db.run(_BROUGHT.format(issues=db.issues, marks=among), ids))
    ((*other,),) = db.run(_SEEN.format(marks="?"), [into])
    for id_, *state in db.run(_BEFORE.format(marks=among), ids):
        before = {**dict(zip(_STATE, state, strict=True)), "other": other}
        db.run(_REMEMBER, [by, int(brought[id_]), json.dumps(before), id_])
    db.run(_REMEMBER_COUNTS.format(waiting=waiting, marks=among), ids)
    db.run(_REMEMBER_USERS.format(marks=among), ids)


def take_out(db: AlertDialect, name: int, into: int | None = None) -> int | None:
    """Make an issue of a name again, as it was; or a name for another issue.

    Its events that are the other's by now stay there until they are regrouped.

    Args:
        db: inside a transaction in which nobody writes events or adds up counts.
        name: its id.
        into: the id of an issue that is none.

    Returns:
        the id of the issue that it was a name for; `None`: it is no name.
    """
    found = db.run(_NAMED, [name])
    if not found:
        return None
    home, count, regressions, first, last, severity, kept = found[0]
    before = json.loads(kept or "{}")
    _give(db, name, home, -1, count, regressions)
    if into is None:
        state = [before.get(one, "open" if one == "state" else None) for one in _STATE]
        db.run(_OWN, [*state, name])
        _give(db, name, name, 1, count, 0)
        db.run(_GIVE_USERS, [name, name])
        db.run(_COUNT_USERS, [name, name])
        for table in ("merged_counts", "merged_users"):
            db.run(f"DELETE FROM {table} WHERE issue_id = ?", [name])
    else:
        _give(db, name, into, 1, count, regressions)
        ((*other,),) = db.run(_SEEN.format(marks="?"), [into])
        if count:
            _widen(db, into, first, last, severity)
        db.run(_GIVE_USERS, [into, name])
        db.run(_COUNT_USERS, [into, into])
        db.run(
            "UPDATE issues SET merged_into = ?, before_merge = ? WHERE id = ?",
            [into, json.dumps({**before, "other": other}), name],
        )
    _narrow(db, home, first, severity, before.get("other"))
    return int(home)


def _give(db: AlertDialect, name: int, issue: int, sign: int, count: int, regressions: int) -> None:
    """Add what a name has brought to an issue's numbers, or take it away."""
    db.run(_GIVE, [issue, sign, name])
    db.run("DELETE FROM issue_counts WHERE issue_id = ? AND count = 0", [issue])
    # What comes or goes with a name is no reason for a mute to end.
    db.run(_SHIFT, [sign * count, sign * regressions, sign * count, issue])


def _widen(db: AlertDialect, issue: int, first: str, last: str, severity: str) -> None:
    """Let an issue have been seen as early, as late and as bad as something else."""
    ((own_first, own_last, own_severity),) = db.run(_SEEN.format(marks="?"), [issue])
    worst = max(own_severity, severity, key=RANKS.__getitem__)
    db.run(_SET_SEEN, [min(own_first, first), max(own_last, last), worst, issue])


def _narrow(db: AlertDialect, issue: int, first: str, severity: str, before: Sequence[str] | None) -> None:
    """Take from an issue what it had of a name only. What its events and hours say is found when they are regrouped;
    this is for the time that nothing is kept of."""
    if before is None:
        return
    ((own_first, own_last, own_severity),) = db.run(_SEEN.format(marks="?"), [issue])
    was_first, _, was_severity = before
    db.run(
        _SET_SEEN,
        [
            max(own_first, was_first) if own_first == first else own_first,
            own_last,
            was_severity if own_severity == severity else own_severity,
            issue,
        ],
    )


def _merge_owed(db: AlertDialect, ids: list[int], into: int) -> None:
    """What of them is to be told is told in one message: an issue has one open row."""
    open_rows = db.run(_OWED.format(marks=marks([into, *ids])), [into, *ids])
    if any(issue_id != into for _, issue_id, *_ in open_rows):
        kept, *others = open_rows
        if others:
            db.run(f"DELETE FROM alert_outbox WHERE id IN ({marks(others)})", [row[0] for row in others])
        db.run(_OWE, [into, *_sum_of_owed(open_rows), kept[0]])
    db.run(f"UPDATE alert_outbox SET issue_id = ? WHERE issue_id IN ({marks(ids)})", [into, *ids])


def _sum_of_owed(open_rows: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    _, _, firsts, counts, created, severities, regressed = zip(*open_rows, strict=True)
    worst = WORST[max(RANKS[severity] for severity in severities)]
    return min(firsts), sum(counts), min(created), worst, max(regressed)


def move_events(db: AlertDialect, most: int) -> int:
    """Give some events of one merged issue to the other, the newest first; returns how many. 0: none is left.

    Args:
        db: inside a transaction.
        most: how many at most.
    """
    for name, into in db.run(_TO_MOVE, []):
        moved = db.run(_MOVE, [into, name, most])
        counts = Counter((instants.hour_of(at), source, severity) for at, source, severity in moved)
        for key, count in counts.items():
            db.run(_FORGET, [count, name, *key])
        db.run("DELETE FROM merged_counts WHERE issue_id = ? AND count = 0", [name])
        db.run("UPDATE issues SET merged_count = merged_count - ? WHERE id = ?", [len(moved), name])
        return len(moved)
    return 0
