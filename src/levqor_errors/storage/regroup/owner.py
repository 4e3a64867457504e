"""What the owner sees of an issue's grouping, and what he says of it: a part is constant or variable, a rule is taken
back, a merged issue is split off. It is kept in the issue's history, where it can be undone; pages and the API use it.
"""

from __future__ import annotations

from typing import Any, Final

from ...errors import RequestRefusedError
from ...grouping_explained import explain
from ...grouping_rules import VARIABLE, Grouper, Rule
from ..alerts import AlertDialect
from ..alerts.ledger import Ledger
from ..issues.triage import keep
from . import rules
from .events import one_of
from .splitting import split
from .undoing import as_kept

_HOME: Final = "SELECT coalesce(merged_into, id) FROM issues WHERE id = ?"
_RULE_ISSUE: Final = "SELECT issue_id FROM grouping_rules WHERE id = ?"
_WAITING: Final = """
    SELECT EXISTS (SELECT 1 FROM regroup WHERE issue_id = ?)
        OR EXISTS (SELECT 1 FROM regroup_services WHERE service = ?)
"""


class Grouping:
    """The rules, inside a transaction.

    Args:
        db: what differs between databases.
    """

    def __init__(self, db: AlertDialect) -> None:
        self._db = db
        self._ledger = Ledger(db)

    def version(self) -> int:
        """How often rules have changed."""
        return rules.version(self._db)

    def grouper(self) -> Grouper:
        """The rules in force."""
        return rules.load(self._db)

    def explained(self, issue_id: int) -> dict[str, Any] | None:
        """Why events are in an issue, by its last one that is stored.

        Returns:
            `kind` (`message`, `exception`, `custom`, `overflow`), `service`, `event_id` (the row of the event),
            `parts` (each with `position`, `what`, `text`, `value`, `variable`, `choices`, `rules`), `rules` that had to
            do with it (each with `id`, `treat`, `text`), and `regrouping`: whether what is stored is still being moved.
            `None`: there is no such issue, or no event of it is stored.
        """
        home = self._home(issue_id)
        stored = one_of(self._db, home) if home is not None else None
        if stored is None:
            return None
        grouper = self.grouper()
        told = explain(grouper, stored.event)
        overflow = stored.kept is not None and told.kind != "custom"
        parts = [] if overflow else [part._asdict() for part in told.parts]
        known = {rule.id: rule for rule in grouper.rules}
        ((waiting,),) = self._db.run(_WAITING, [home, stored.event.service])
        return {
            "kind": "overflow" if overflow else told.kind,
            "service": stored.event.service,
            "event_id": stored.id,
            "parts": parts,
            "rules": [
                {"id": id_, "treat": known[id_].treat, "text": _subject(known[id_])}
                for id_ in sorted({id_ for part in parts for id_ in part["rules"]})
            ],
            "regrouping": bool(waiting),
        }

    def treat(
        self, issue_id: int, position: int, treat: str, *, who: str, now: str, event_id: int | None = None
    ) -> int:
        """Treat a part of an issue's group as constant or as variable.

        Args:
            issue_id: the issue.
            position: which part, as `explained` names it.
            treat: `constant` or `variable`.
            who: by whom, for the history.
            now: the clock.
            event_id: the event by which it was explained; by default the last one.

        Returns:
            the number of the change, by which it can be undone.

        Raises:
            RequestRefusedError: there is no such issue or part (404); that is not to be said of it, no event of it is
                stored, or there are as many rules as may be (409).
        """
        self._be_alone()
        home = self._home(issue_id)
        if home is None:
            raise RequestRefusedError(404, "there is no such issue")
        stored = one_of(self._db, home, event_id) or one_of(self._db, home)
        if stored is None:
            raise RequestRefusedError(409, "no event of this issue is stored, by which it could be told")
        grouper = self.grouper()
        rule = rules.rule_of(self._db, grouper, home, stored.event, position, treat)
        grouper = rules.put(self._db, rule, home, now)
        if treat == VARIABLE:
            rules.join(self._db, grouper, stored.event, home)
        detail = f"by {who}: {_subject(rule)} is {rule.treat}"
        return self._keep(home, "treat", detail, {"rule": None}, {"rule": as_kept(rule)}, now)

    def take_back(self, rule_id: int, *, who: str, now: str) -> int | None:
        """Take a rule back. Returns the number of the change; `None`: there is no such rule."""
        self._be_alone()
        known = {rule.id: rule for rule in self.grouper().rules}
        rule = known.get(rule_id)
        if rule is None:
            return None
        ((issue_id,),) = self._db.run(_RULE_ISSUE, [rule_id])
        rules.drop(self._db, rule)
        detail = f"by {who}: {_subject(rule)} is no longer {rule.treat}"
        # Where its issue is deleted, nobody looks for the history of it.
        return self._keep(issue_id or 0, "take back", detail, {"rule": as_kept(rule)}, {"rule": None}, now)

    def split(self, issue_id: int, fingerprint: str, *, who: str, now: str) -> tuple[int, int]:
        """Make an issue again of one that was merged into another.

        Args:
            issue_id: the issue that it is in.
            fingerprint: the other's.
            who: by whom, for the history.
            now: the clock.

        Returns:
            the other's id, and the number of the change.

        Raises:
            RequestRefusedError: 409; it is not in there, or by a rule.
        """
        self._be_alone()
        home = self._home(issue_id) or issue_id
        other = split(self._db, home, fingerprint)
        detail = f"by {who}, from issue {home}"
        change = self._keep(other, "split", detail, {"merged_into": home}, {"merged_into": None}, now)
        return other, change

    def _home(self, issue_id: int) -> int | None:
        found = self._db.run(_HOME, [issue_id])
        return int(found[0][0]) if found else None

    def _keep(
        self, issue_id: int, action: str, detail: str, before: dict[str, Any], after: dict[str, Any], now: str
    ) -> int:
        self._ledger.note("regrouped", detail, now=now, issue_id=issue_id)
        return keep(self._db, issue_id, action, detail, before, after, now)

    def _be_alone(self) -> None:
        for statement in (self._db.counting, self._db.writing):
            if statement:
                self._db.run(statement, [])


def _subject(rule: Rule) -> str:
    """What a rule speaks of."""
    return f"“{rule.parts[rule.position]}”" if rule.position < len(rule.parts) else "the message"
