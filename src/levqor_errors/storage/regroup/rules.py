"""Rules of grouping that the owner has made: kept here, made from what he sees of an issue, and taken back.

The issue on which he said that a part is variable stays what it is, with its note, state and history: the group of
all that is joined becomes one more name for it, and the other issues of that group become names for it, too
(`places.py`). Taking the rule back makes issues of them again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from ... import limits
from ...errors import RequestRefusedError
from ...event import ErrorEvent
from ...grouping import fingerprint_of
from ...grouping_explained import explain, rule_for
from ...grouping_rules import Grouper, Rule, Words, words_of_group
from ..alerts import AlertDialect
from ..issues.merging import OWNER, RULE, merge
from .queue import ask_service
from .splitting import release

_RULES: Final = "SELECT id, service, kind, parts, position, treat FROM grouping_rules ORDER BY id"
_SAME: Final = "service = ? AND kind = ? AND parts = ? AND position = ? AND treat = ?"
_FIND: Final = f"SELECT id FROM grouping_rules WHERE {_SAME}"
_DROP: Final = f"DELETE FROM grouping_rules WHERE {_SAME}"
_ADD: Final = """
    INSERT INTO grouping_rules (service, kind, parts, position, treat, issue_id, created_at)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_COUNT: Final = """
    SELECT COUNT(*), COUNT(CASE WHEN service = ? THEN 1 END) FROM grouping_rules
"""
_NAME: Final = """
    INSERT INTO issues (
        fingerprint, grouping, title, service, first_seen, last_seen, count, merged_into, merged_by, merged_count
    ) SELECT ?, ?, title, service, first_seen, last_seen, 0, id, ?, 0 FROM issues WHERE id = ?
"""
_PLACE: Final = "SELECT id, merged_into, merged_by FROM issues WHERE {column} = ?"


def version(db: AlertDialect) -> int:
    """How often rules have changed."""
    found = db.run("SELECT version FROM grouping_version", [])
    return int(found[0][0]) if found else 0


def load(db: AlertDialect) -> Grouper:
    """The rules in force."""
    return Grouper(map(_rule, db.run(_RULES, [])), version(db))


def _rule(row: Sequence[Any]) -> Rule:
    id_, service, kind, parts, position, treat = row
    try:
        words = tuple(map(str, json.loads(parts)))
    except (TypeError, ValueError):
        # Somebody's own hand; no collector is to stop at it. A rule without parts speaks of nothing.
        words = ()
    return Rule(id_, service, kind, words, position, treat)


def rule_of(db: AlertDialect, grouper: Grouper, issue_id: int, event: ErrorEvent, position: int, treat: str) -> Rule:
    """The rule that the owner asks for when he says something of a part of an issue's group.

    Args:
        db: to read.
        grouper: the rules in force.
        issue_id: the issue, which is no name.
        event: one of its events, by which the part was shown.
        position: which part.
        treat: `constant` or `variable`.

    Raises:
        RequestRefusedError: there is no such part (404), or that is not to be said of it (409).
    """
    explanation = explain(grouper, event)
    rule = rule_for(explanation, position, treat)
    # Of what is one group by now, the issue's own: that is what is left of it when other rules are taken back.
    ((grouping,),) = db.run("SELECT grouping FROM issues WHERE id = ?", [issue_id])
    own: Words = tuple(json.loads(grouping))
    if own[:2] != explanation.base[:2]:
        return rule
    treatment = grouper.treatment(own)
    together = treatment is not None and treatment is grouper.treatment(explanation.base)
    return rule._replace(parts=words_of_group(own)) if together else rule


def find(db: AlertDialect, rule: Rule) -> int | None:
    """The number of a rule that says the same."""
    found = db.run(_FIND, _values(rule))
    return int(found[0][0]) if found else None


def put(db: AlertDialect, rule: Rule, issue_id: int, now: str) -> Grouper:
    """Put a rule in force, if there is none that says the same.

    Args:
        db: inside a transaction in which nobody writes events or adds up counts.
        rule: its number is given out here.
        issue_id: the issue on which it was made.
        now: the clock.

    Returns:
        all rules in force.

    Raises:
        RequestRefusedError: 409; there are as many rules as may be.
    """
    ((total, of_service),) = db.run(_COUNT, [rule.service])
    if total >= limits.GROUPING_RULES or of_service >= limits.GROUPING_RULES_SERVICE:
        raise RequestRefusedError(
            409,
            f"there may be {limits.GROUPING_RULES_SERVICE} rules of a service, and {limits.GROUPING_RULES:,} in all;"
            " take back some that are not needed",
        )
    if find(db, rule) is None:
        db.run(_ADD, [*_values(rule), issue_id, now])
    return _changed(db, rule.service)


def join(db: AlertDialect, grouper: Grouper, event: ErrorEvent, issue_id: int) -> None:
    """Have what is of an event's group go to an issue."""
    _belongs(db, grouper.group(event).parts, issue_id)


def drop(db: AlertDialect, rule: Rule) -> None:
    """Take a rule back.

    Args:
        db: inside a transaction in which nobody writes events or adds up counts.
        rule: which, by what it says.
    """
    db.run(_DROP, _values(rule))
    _changed(db, rule.service)


def _values(rule: Rule) -> list[Any]:
    return [rule.service, rule.kind, json.dumps(rule.parts), rule.position, rule.treat]


def _changed(db: AlertDialect, service: str) -> Grouper:
    """All that goes with another set of rules, but for what takes long."""
    if not db.run("UPDATE grouping_version SET version = version + 1 RETURNING 1", []):
        db.run("INSERT INTO grouping_version (version) VALUES (1)", [])
    grouper = load(db)
    issues: dict[int, int | None] = dict(db.run("SELECT id, issue_id FROM grouping_rules WHERE service = ?", [service]))
    for parts, rule_id in grouper.joined(service):
        host = _host(db, issues[rule_id])
        if host is not None:
            _belongs(db, parts, host)
    ask_service(db, service)
    return grouper


def _host(db: AlertDialect, issue_id: int | None) -> int | None:
    """The issue that stands for a group: where the last of its rules was made. If a rule has made a name of that one,
    it is an issue again."""
    found = db.run(_PLACE.format(column="id"), [issue_id]) if issue_id is not None else []
    if not found:
        return None
    id_, home, by = found[0]
    if home is None or by == OWNER:
        return int(home or id_)
    release(db, id_)
    return int(id_)


def _belongs(db: AlertDialect, parts: Words, host: int) -> None:
    """Have what is of a group go to an issue, whatever was known of that group before."""
    fingerprint = fingerprint_of(parts)
    found = db.run(_PLACE.format(column="fingerprint"), [fingerprint])
    if not found:
        db.run(_NAME, [fingerprint, json.dumps(parts), RULE, host])
        return
    id_, home, by = found[0]
    if by == OWNER or id_ == host:
        return
    if home is None:
        merge(db, [id_], host, RULE)
        return
    if home != host:
        release(db, id_, host)
    db.run("UPDATE issues SET merged_by = ? WHERE id = ?", [RULE, id_])
