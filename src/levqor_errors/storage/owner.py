"""What the owner does with issues, links and grouping, and asks of them: each in one transaction of `AlertStore`, where
a database's own ways end. So this is the same for all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from ..grouping_rules import Grouper
from .alerts.store import AlertStore
from .issues.model import Action, Triaged


class OwnersDeeds(ABC):
    """A part of a `Storage` (see `protocol.py`, which says what each of these does)."""

    @abstractmethod
    def alerts(self) -> AbstractContextManager[AlertStore]: ...

    @abstractmethod
    def alert_reader(self, *, long: bool = False) -> AbstractContextManager[AlertStore]: ...

    def triage(self, action: Action, issues: Sequence[int], *, who: str, now: str) -> Triaged:
        with self.alerts() as store:
            return store.issues.act(action, issues, who=who, now=now)

    def undo(self, changes: Sequence[int], *, who: str, now: str) -> Triaged:
        with self.alerts() as store:
            return store.issues.undo(changes, who=who, now=now)

    def add_share(self, token_hash: str, issue_id: int, *, created_at: str, expires_at: str) -> bool:
        with self.alerts() as store:
            return store.shares.add(token_hash, issue_id, created_at=created_at, expires_at=expires_at)

    def shared(self, token_hash: str, *, now: str) -> int | None:
        with self.alert_reader() as store:
            return store.shares.find(token_hash, now=now)

    def shares(self, issue_id: int, *, now: str) -> list[dict[str, Any]]:
        with self.alert_reader() as store:
            return store.shares.of_issue(issue_id, now=now)

    def drop_share(self, token_hash: str) -> bool:
        with self.alerts() as store:
            return store.shares.drop(token_hash)

    def grouping_version(self) -> int:
        with self.alert_reader() as store:
            return store.grouping.version()

    def grouper(self) -> Grouper:
        with self.alert_reader() as store:
            return store.grouping.grouper()

    def explain_grouping(self, issue_id: int) -> dict[str, Any] | None:
        with self.alert_reader(long=True) as store:
            return store.grouping.explained(issue_id)

    def treat_grouping(
        self, issue_id: int, position: int, treat: str, *, who: str, now: str, event_id: int | None = None
    ) -> int:
        with self.alerts() as store:
            return store.grouping.treat(issue_id, position, treat, who=who, now=now, event_id=event_id)

    def drop_grouping_rule(self, rule_id: int, *, who: str, now: str) -> int | None:
        with self.alerts() as store:
            return store.grouping.take_back(rule_id, who=who, now=now)

    def split_issue(self, issue_id: int, fingerprint: str, *, who: str, now: str) -> tuple[int, int]:
        with self.alerts() as store:
            return store.grouping.split(issue_id, fingerprint, who=who, now=now)
