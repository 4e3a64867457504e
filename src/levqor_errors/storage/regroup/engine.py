"""Does what is to be regrouped, in steps, for a thread of the collector's. Only reads where nothing is to be moved.

How far it is in an issue is kept here: whoever begins anew meets only what has not gone yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final, TypeAlias

from ... import limits
from ...grouping_rules import Grouper
from ..alerts import AlertDialect
from ..issues.merging import move_events
from . import queue, rules
from .events import Stored, move, page, places
from .places import find_places
from .queue import Asked
from .settling import settle

Transaction: TypeAlias = Callable[[], AbstractContextManager[AlertDialect]]

#: Events that one step looks at. A maximal one has 300 KB of context.
_PAGE: Final = 100
#: Events of merged issues that one step moves.
_MOVED: Final = 200
#: What may have come to an issue between its last page and the end of the look at it, to be read in one go.
_REST: Final = 500


class Regrouper:
    """Regroups. From one thread.

    Args:
        reading: where to read.
        writing: a transaction, in which whoever asks can be alone (`AlertDialect.counting`, `writing`).
    """

    def __init__(self, reading: Transaction, writing: Transaction) -> None:
        self._reading = reading
        self._writing = writing
        self._grouper = Grouper(version=-1)
        self._pass: _Pass | None = None

    def step(self) -> bool:
        """Do a step; returns whether there may be more to do."""
        with self._reading() as db:
            waiting = db.run("SELECT 1 FROM regroup_services LIMIT 1", [])
            asked = None if waiting else queue.following(db)
            if not waiting and asked is None:
                self._pass = None
                return False
            self._load(db)
        if asked is None:
            with self._writing() as db:
                self._be_alone(db)
                self._load(db)
                return find_places(db, self._grouper)
        return self._look_at(asked)

    def _look_at(self, asked: Asked) -> bool:
        under_way = self._pass
        if under_way is None or under_way.is_over(asked, self._grouper):
            with self._writing() as db:
                self._count_alone(db)
                # What is still with a name is met with the issue that it is a name for.
                if move_events(db, _MOVED):
                    return True
            with self._reading() as db:
                under_way = self._pass = _Pass(asked, self._grouper, _last_event(db))
        with self._reading() as db:
            found = [(one, one.group(self._grouper)) for one in page(db, asked.issue_id, under_way.next_id, _PAGE)]
            known = places(db, [group for _, group in found])
        going = [pair for pair in found if known.get(pair[1].fingerprint) != asked.issue_id]
        gone: set[int] = set()
        if going:
            with self._writing() as db:
                self._count_alone(db)
                if not self._is_current(db, asked):
                    return True
                gone = move(db, asked, going)
        under_way.met([one for one, _ in found if one.id not in gone])
        if found:
            # Before what may fail and is done again then: no event is met twice.
            under_way.next_id = found[-1][0].id + 1
        if len(found) == _PAGE and under_way.next_id <= under_way.last_id:
            return True
        with self._writing() as db:
            self._be_alone(db)
            if self._is_current(db, asked):
                self._end(db, under_way)
        return True

    def _end(self, db: AlertDialect, under_way: _Pass) -> None:
        """All of an issue has been looked at."""
        self._pass = None
        asked = queue.of(db, under_way.asked.issue_id)
        if asked.changed and asked.from_id:
            # Whom it happened to is known by a look at all of it.
            queue.ask(db, asked.issue_id, changed=True)
            return
        if asked.changed:
            # What has come since the last page.
            rest = page(db, asked.issue_id, under_way.next_id, _REST)
            under_way.met(rest)
            settle(db, self._grouper, asked, under_way.users if len(rest) < _REST else None, under_way.stored)
        queue.done(db, asked)

    def _is_current(self, db: AlertDialect, asked: Asked) -> bool:
        """Whether nothing has changed since the look began; if so, the next step begins a new one."""
        ((there, home),) = db.run("SELECT COUNT(*), MAX(merged_into) FROM issues WHERE id = ?", [asked.issue_id])
        if not there or home is not None:
            queue.done(db, queue.of(db, asked.issue_id))
            if home is not None:
                queue.ask(db, home)
        elif rules.version(db) == self._grouper.version and queue.of(db, asked.issue_id).asked == asked.asked:
            return True
        self._pass = None
        return False

    def _load(self, db: AlertDialect) -> None:
        if rules.version(db) != self._grouper.version:
            self._grouper = rules.load(db)

    def _count_alone(self, db: AlertDialect) -> None:
        self._run(db, db.counting)
        # What waits would be added to who had an event when it came, and not to who has it by now.
        self._run(db, db.add_up)

    def _be_alone(self, db: AlertDialect) -> None:
        self._run(db, db.counting)
        self._run(db, db.writing)
        self._run(db, db.add_up)

    def _run(self, db: AlertDialect, statement: str) -> None:
        if statement:
            db.run(statement, [])


class _Pass:
    """A look at all events of an issue.

    Args:
        asked: which.
        grouper: by which rules.
        last_id: of the last event that may be of other rules; who wrote later ones by those has asked again.
    """

    def __init__(self, asked: Asked, grouper: Grouper, last_id: int) -> None:
        self.asked = asked
        self.last_id = last_id
        self.next_id = asked.from_id
        self.stored = 0
        self.users: set[int] = set()
        self._version = grouper.version

    def is_over(self, asked: Asked, grouper: Grouper) -> bool:
        """Whether something else has been asked since."""
        mine = self.asked.issue_id, self.asked.asked, self._version
        return mine != (asked.issue_id, asked.asked, grouper.version)

    def met(self, events: Sequence[Stored]) -> None:
        """Events that stay."""
        self.stored += len(events)
        for one in events:
            if one.user is not None and len(self.users) < limits.ISSUE_USERS:
                self.users.add(one.user)


def _last_event(db: AlertDialect) -> int:
    ((last,),) = db.run("SELECT MAX(id) FROM error_events", [])
    return int(last or 0)
