"""What the owner does with issues, and how he takes it back. Every change is a row of `issue_changes` and a line of the
ledger, in the transaction that changes the issue; buttons in messages, pages and the API all come through here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from operator import itemgetter
from typing import Any, Final

from ... import instants, limits
from ...printable import printable
from ..alerts import AlertDialect, marks, parts
from ..alerts.ledger import Ledger
from ..regroup import undoing
from ..rows import UNNAMED
from .merging import merge
from .model import Action, Do, Refusal, Triaged
from .mutes import end_mutes

#: What an action may change, and undoing it restores.
_COLUMNS: Final = ("state", "muted_until", "mute_count", "resolved_at", "old_releases", "note")
_OPEN: Final[Mapping[str, Any]] = {
    "state": "open", "muted_until": None, "mute_count": None, "resolved_at": None, "old_releases": None,
}  # fmt: skip
_ROWS: Final = f"SELECT id, service, {', '.join(_COLUMNS)} FROM issues WHERE id IN ({{marks}}) ORDER BY id"
_KEEP: Final = """
    INSERT INTO issue_changes (at, issue_id, action, detail, before, after) VALUES (?, ?, ?, ?, ?, ?) RETURNING id
"""
_CHANGES: Final = """
    SELECT id, issue_id, action, before, after, undone_at FROM issue_changes WHERE id IN ({marks}) ORDER BY id DESC
"""
# The latest ones. By the hour in which each was seen last, since the names of releases have no order.
_RELEASES: Final = """
    SELECT release FROM {counts} WHERE service = ? AND release NOT IN ('', ?)
    GROUP BY release ORDER BY MAX(hour) DESC, release LIMIT ?
"""
#: What the ledger calls it.
_CALLED: Final[Mapping[str, str]] = {
    Do.RESOLVE.value: "resolved", Do.RESOLVE_NEXT.value: "resolved", Do.MUTE.value: "muted",
    Do.REOPEN.value: "reopened", Do.MERGE.value: "merged", Do.NOTE.value: "noted",
}  # fmt: skip
UNDO: Final = "undo"


class Triage:
    """The issues, inside a transaction.

    Args:
        db: what differs between databases.
    """

    def __init__(self, db: AlertDialect) -> None:
        self._db = db
        self._ledger = Ledger(db)

    def act(
        self,
        action: Action,
        issues: Sequence[int],
        *,
        who: str,
        now: str,
        called: str = "",
        alert_id: int | None = None,
    ) -> Triaged:
        """Do something with issues. One that has been merged into another stands for that one.

        Args:
            action: what.
            issues: with which, at most `limits.TRIAGE_ISSUES`.
            who: by whom, for the history.
            now: the clock.
            called: what the ledger calls it, if not as it calls the action.
            alert_id: the message that was answered.

        Returns:
            what is another now. What was so already is neither changed nor refused.
        """
        self._be_alone(action)
        rows, refused = self._look_up(issues)
        called = called or _CALLED[action.do]
        if action.do == Do.MERGE.value:
            return self._merge(action, rows, refused, who, now)
        changes: list[int] = []
        changed: list[int] = []
        releases: dict[str, str] = {}
        for id_, service, *values in rows:
            before = dict(zip(_COLUMNS, values, strict=True))
            if action.do == Do.RESOLVE_NEXT.value and service not in releases:
                releases[service] = self._releases(service)
            after, detail = self._planned(action, id_, releases.get(service), now)
            after = {name: value for name, value in after.items() if value != before[name]}
            # Resolved anew at another time is no change.
            if not after.keys() - {"resolved_at"}:
                continue
            self._set(id_, after)
            before = {name: before[name] for name in after}
            changes.append(keep(self._db, id_, action.do, f"by {who}{detail}", before, after, now))
            changed.append(id_)
            self._ledger.note(called, f"by {who}{detail}", now=now, issue_id=id_, alert_id=alert_id)
        return Triaged(changes, changed, refused)

    def undo(self, changes: Sequence[int], *, who: str, now: str) -> Triaged:
        """Take changes back, the last one first: each issue is again as it was before.

        Args:
            changes: ids, as `act` gave them, at most `limits.TRIAGE_ISSUES`. To undo an undoing is to do it again.
            who: by whom, for the history.
            now: the clock.

        Returns:
            what is another now. Refused, by ids of changes: those of issues that somebody, or a new event, has changed
            since.
        """
        self._be_alone(None)
        found: dict[int, tuple[Any, ...]] = {}
        for part in parts(sorted(set(changes))):
            found |= {row[0]: row for row in self._db.run(_CHANGES.format(marks=marks(part)), part)}
        done: list[int] = []
        issues: list[int] = []
        refused = [Refusal(id_, "there is no such change") for id_ in changes if id_ not in found]
        rows = [(*row[:3], json.loads(row[3]), json.loads(row[4]), row[5]) for row in found.values()]
        if any(undoing.REGROUPS & after.keys() for _, _, _, _, after, _ in rows) and self._db.writing:
            self._db.run(self._db.writing, [])
        for id_, issue_id, action, before, after, undone_at in sorted(rows, key=itemgetter(0), reverse=True):
            why = self._why_not(issue_id, after, undone_at)
            if why is not None:
                refused.append(Refusal(id_, why))
                continue
            if undoing.REGROUPS & after.keys():
                undoing.restore(self._db, issue_id, before, after, now)
            else:
                self._set(issue_id, before)
            self._db.run("UPDATE issue_changes SET undone_at = ? WHERE id = ?", [now, id_])
            detail = f"by {who}: {action} is undone"
            done.append(keep(self._db, issue_id, UNDO, detail, after, before, now))
            issues.append(issue_id)
            self._ledger.note("undone", detail, now=now, issue_id=issue_id)
        return Triaged(done, issues, refused)

    def end_mutes(self, now: str) -> int:
        """Open issues again whose mute has ended; returns how many."""
        return end_mutes(self._db, now)

    def _be_alone(self, action: Action | None) -> None:
        """Until the transaction ends nobody else changes these issues; see `AlertDialect`."""
        if self._db.counting:
            self._db.run(self._db.counting, [])
            if action is not None and action.do == Do.MERGE.value:
                self._db.run(self._db.writing, [])

    def _look_up(self, issues: Sequence[int]) -> tuple[list[tuple[Any, ...]], list[Refusal]]:
        """Rows of issues, each once and in the order of their ids, and those that there are none of."""
        known: dict[int, int] = {}
        for part in parts(sorted(set(issues))):
            known |= dict(
                self._db.run(f"SELECT id, coalesce(merged_into, id) FROM issues WHERE id IN ({marks(part)})", part)
            )
        # In one order, in which events' transactions lock them, too.
        locked = "FOR UPDATE" if self._db.counting else ""
        rows: list[tuple[Any, ...]] = []
        for part in parts(sorted(set(known.values()))):
            rows += self._db.run(f"{_ROWS.format(marks=marks(part))} {locked}", part)
        missing = sorted(set(issues) - known.keys())
        return rows, [Refusal(id_, "there is no such issue") for id_ in missing]

    def _planned(self, action: Action, issue_id: int, releases: str | None, now: str) -> tuple[dict[str, Any], str]:
        """What an action makes of an issue, and how that goes on after "by whom"."""
        match action.do:
            case Do.RESOLVE.value:
                return {**_OPEN, "state": "resolved", "resolved_at": now}, ""
            case Do.RESOLVE_NEXT.value:
                after = {**_OPEN, "state": "resolved", "resolved_at": now, "old_releases": releases}
                return after, ", in the next release"
            case Do.MUTE.value if action.seconds is not None:
                until = instants.to_text(instants.from_text(now) + timedelta(seconds=action.seconds))
                return {**_OPEN, "state": "muted", "muted_until": until}, f", until {until}"
            case Do.MUTE.value:
                assert action.events is not None
                ((count,),) = self._db.run(f"SELECT count FROM {self._db.issues} WHERE id = ?", [issue_id])
                after = {**_OPEN, "state": "muted", "mute_count": count + action.events}
                return after, f", until {action.events:,} more events"
            case Do.REOPEN.value:
                return dict(_OPEN), ""
        return {"note": action.note}, "" if action.note else ": taken away"

    def _releases(self, service: str) -> str:
        query = _RELEASES.format(counts=self._db.counts)
        return json.dumps([release for (release,) in self._db.run(query, [service, UNNAMED, limits.OLD_RELEASES])])

    def _merge(
        self, action: Action, rows: list[tuple[Any, ...]], refused: list[Refusal], who: str, now: str
    ) -> Triaged:
        ((target, service, *_),) = self._look_up([action.into or 0])[0] or ((None, None),)
        if target is None:
            return Triaged([], [], [*refused, *(Refusal(row[0], "there is no issue to merge into") for row in rows)])
        changes: list[int] = []
        merged: list[int] = []
        for id_, own, *_ in rows:
            if id_ == target:
                continue
            if own != service:
                refused.append(Refusal(id_, f"it is of another service ({own}) than issue {target} ({service})"))
                continue
            detail = f"by {who}, into issue {target}"
            changes.append(keep(self._db, id_, action.do, detail, {"merged_into": None}, {"merged_into": target}, now))
            merged.append(id_)
            self._ledger.note("merged", detail, now=now, issue_id=id_)
        if merged:
            merge(self._db, merged, target)
        return Triaged(changes, merged, refused)

    def _why_not(self, issue_id: int, after: Mapping[str, Any], undone_at: str | None) -> str | None:
        """Why a change cannot be undone; `None`: it can."""
        if undone_at is not None:
            return "it is undone already"
        if undoing.REGROUPS & after.keys():
            return undoing.why_not(self._db, issue_id, after)
        rows = self._look_up([issue_id])[0]
        if not rows or rows[0][0] != issue_id:
            return "its issue is merged into another by now" if rows else "its issue is deleted"
        current = dict(zip(_COLUMNS, rows[0][2:], strict=True))
        if any(current[name] != value for name, value in after.items()):
            return "its issue has changed since"
        return None

    def _set(self, issue_id: int, columns: Mapping[str, Any]) -> None:
        names = ", ".join(f"{name} = ?" for name in columns)
        self._db.run(f"UPDATE issues SET {names} WHERE id = ?", [*columns.values(), issue_id])


def keep(
    db: AlertDialect, issue_id: int, action: str, detail: str, before: Mapping[str, Any], after: Mapping[str, Any],
    now: str,
) -> int:  # fmt: skip
    """Keep what was done with an issue; returns by which number it can be undone."""
    values = [now, issue_id, action, printable(detail), json.dumps(before), json.dumps(after)]
    ((change,),) = db.run(_KEEP, values)
    return int(change)
