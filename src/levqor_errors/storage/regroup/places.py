"""Where each issue of a service belongs by the rules in force: by itself, or as a name for the issue of what is joined.

Comes after a change of rules, before any event is looked at (`events.py`). What the owner has merged stays merged.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Final

from ...grouping import GIVEN_KINDS, fingerprint_of
from ...grouping_rules import Grouper, Words, is_by_rule
from ..alerts import AlertDialect
from ..issues.merging import OWNER, PAST, RULE, merge
from .queue import ask
from .splitting import release

#: Issues that one step looks at; some milliseconds, in which nobody writes events.
_PAGE: Final = 100
_SERVICE: Final = "SELECT service, after_id FROM regroup_services ORDER BY service LIMIT 1"
_ISSUES: Final = """
    SELECT id, grouping, merged_into, merged_by, before_merge FROM issues
    WHERE id > ? AND service = ? ORDER BY id LIMIT ?
"""
_FIND: Final = "SELECT coalesce(merged_into, id) FROM issues WHERE fingerprint = ?"


def find_places(db: AlertDialect, grouper: Grouper) -> bool:
    """Find the places of some issues; returns whether there were any.

    Args:
        db: inside a transaction in which nobody writes events or adds up counts.
        grouper: the rules in force.
    """
    found = db.run(_SERVICE, [])
    if not found:
        return False
    service, after = found[0]
    rows = db.run(_ISSUES, [after, service, _PAGE])
    joining: dict[int, list[int]] = defaultdict(list)
    for id_, grouping, home, by, before in rows:
        parts: Words = tuple(json.loads(grouping))
        if len(parts) < 2 or parts[0] in GIVEN_KINDS:
            continue
        if is_by_rule(parts):
            _place_of_rules(db, grouper, parts, id_, home, by, was_issue=before is not None)
        elif by == OWNER:
            # What comes by the rules goes elsewhere; what is there is to follow.
            if _target(db, grouper, parts) not in (id_, home):
                ask(db, home)
        else:
            joins = _place(db, grouper, parts, id_, home, by)
            if joins is not None:
                joining[joins].append(id_)
    for target, ids in joining.items():
        merge(db, ids, target, RULE)
    if len(rows) < _PAGE:
        db.run("DELETE FROM regroup_services WHERE service = ?", [service])
    else:
        db.run("UPDATE regroup_services SET after_id = ? WHERE service = ?", [rows[-1][0], service])
    return True


def _target(db: AlertDialect, grouper: Grouper, parts: Words) -> int | None:
    """The issue to which all events of a group go; `None`: there is none, or that is for each of them to say."""
    target = grouper.target(parts)
    found = db.run(_FIND, [fingerprint_of(target)]) if target is not None else []
    return int(found[0][0]) if found else None


def _place(db: AlertDialect, grouper: Grouper, parts: Words, id_: int, home: int | None, by: str | None) -> int | None:
    """Find the place of an issue, or of a name that a rule has made of it. Returns into which issue it is to be merged,
    if that is its place."""
    if grouper.target(parts) == parts:
        if home is not None:
            release(db, id_)
        return None
    target = _target(db, grouper, parts)
    if target is None:
        ask(db, home or id_)
    elif home is None:
        return target if target != id_ else None
    elif home != target:
        release(db, id_, target)
        db.run("UPDATE issues SET merged_by = ? WHERE id = ?", [RULE, id_])
    elif by == PAST:
        db.run("UPDATE issues SET merged_by = ? WHERE id = ?", [RULE, id_])
    return None


def _place_of_rules(
    db: AlertDialect, grouper: Grouper, parts: Words, id_: int, home: int | None, by: str | None, *, was_issue: bool
) -> None:
    """Find the place of an issue that rules have opened, or of a name that they have made."""
    if not grouper.in_force(parts):
        # Its events are of other groups by now.
        if home is None:
            ask(db, id_)
        elif by == RULE:
            db.run("UPDATE issues SET merged_by = ? WHERE id = ?", [PAST, id_])
            ask(db, home)
    elif by == PAST and home is not None:
        if was_issue:
            release(db, id_)
        else:
            db.run("UPDATE issues SET merged_by = ? WHERE id = ?", [RULE, id_])
