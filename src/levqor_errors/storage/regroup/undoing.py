"""Taking back what regroups events: a merge, a split, a rule. Called by `..issues.triage`, which keeps what was done.

A change's `before` and `after` say into which issue one was merged (`merged_into`), or which rule there was (`rule`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...grouping_rules import Rule
from ..alerts import AlertDialect
from ..issues.merging import OWNER, merge
from . import rules
from .splitting import release

REGROUPS: Final = frozenset({"merged_into", "rule"})
_PLACE: Final = "SELECT merged_into, merged_by FROM issues WHERE id = ?"
_HOME: Final = "SELECT coalesce(merged_into, id) FROM issues WHERE id = ?"


def as_kept(rule: Rule) -> dict[str, Any]:
    """A rule as a change has it: by what it says, since its number is another when it is made again."""
    return rule._replace(id=0)._asdict()


def why_not(db: AlertDialect, issue_id: int, after: Mapping[str, Any]) -> str | None:
    """Why a change cannot be undone; `None`: it can.

    Args:
        db: inside a transaction.
        issue_id: the issue with which it was done.
        after: what it has led to.
    """
    found = db.run(_PLACE, [issue_id])
    if not found:
        return "its issue is deleted"
    if "rule" in after:
        there = after["rule"] is None or rules.find(db, _rule(after["rule"])) is not None
        return None if there else "its rule is taken back already"
    ((home, by),) = found
    if after["merged_into"] is None:
        return None if home is None else "its issue is merged into another by now"
    return None if home is not None and by == OWNER else "it is no longer merged"


def restore(db: AlertDialect, issue_id: int, before: Mapping[str, Any], after: Mapping[str, Any], now: str) -> None:
    """Have it again as it was before a change, for which `why_not` has no reason.

    Args:
        db: inside a transaction in which nobody writes events or adds up counts.
        issue_id: the issue with which that was done.
        before: what there was.
        after: what it has led to.
        now: the clock.
    """
    if "rule" in before:
        if after["rule"] is not None:
            rules.drop(db, _rule(after["rule"]))
        if before["rule"] is not None:
            rules.put(db, _rule(before["rule"]), issue_id, now)
    elif before["merged_into"] is None:
        release(db, issue_id)
    else:
        for (into,) in db.run(_HOME, [before["merged_into"]]):
            if into != issue_id:
                merge(db, [issue_id], into)


def _rule(kept: Mapping[str, Any]) -> Rule:
    return Rule(**{**kept, "parts": tuple(kept["parts"])})
