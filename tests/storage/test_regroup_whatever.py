"""Whatever the owner does, in whatever order, while events come and go: none is counted twice or lost, each is in the
issue of its group in the end, and when all is taken back all is as if nothing had been done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levqor_errors import instants
from levqor_errors.event import normalize
from levqor_errors.grouping import group
from levqor_errors.grouping_rules import Grouper
from levqor_errors.storage import NewEvent, Storage, open_storage
from levqor_errors.storage.sqlite.driver import sqlite3
from storage_support import NOW, do, write
from support import check_sound, read_counts_now

WORDS = st.lists(st.sampled_from(["a", "b", "7", "8"]), min_size=2, max_size=2).map(" ".join)
NUMBERS = st.integers(0, 11)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.lists(WORDS, min_size=1, max_size=5), st.booleans()),
        st.tuples(st.just("say"), st.lists(WORDS, min_size=1, max_size=5), st.booleans()),
        st.tuples(st.just("treat"), NUMBERS, NUMBERS),
        st.tuples(st.just("take back"), NUMBERS),
        st.tuples(st.just("merge"), NUMBERS, NUMBERS),
        st.tuples(st.just("split"), NUMBERS),
        st.tuples(st.just("undo"), NUMBERS),
        st.tuples(st.just("regroup"), NUMBERS),
        st.tuples(st.just("prune")),
    ),
    min_size=3,
    max_size=14,
)


class House:
    """A service of its own in a database that many have."""

    def __init__(self, storage: Storage, database: Path, service: str) -> None:
        self.storage = storage
        self.service = service
        self.said: Counter[str] = Counter()
        self.pruned = False
        self._connection = sqlite3.connect(str(database))
        read_counts_now(self._connection)
        self._clock = NOW

    @property
    def now(self) -> str:
        """An instant that was not yet."""
        self._clock += timedelta(minutes=7)
        return instants.to_text(self._clock)

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, [self.service, *values]).fetchall()

    def issues(self) -> list[int]:
        return [id_ for (id_,) in self.ask("SELECT id FROM issues WHERE service = ? AND merged_into IS NULL")]

    def do(self, what: str, *how: Any) -> None:
        """Something, if it can be done."""
        getattr(self, what.replace(" ", "_"))(*how)

    def say(self, messages: list[str], late: bool) -> None:
        # Another collector may not know of the last rules yet.
        grouper = Grouper() if late else self.storage.grouper()
        batch = []
        for message in messages:
            raw = {"message": message, "service": self.service, "user_email": f"{len(message)}{message[0]}@x.org"}
            event = normalize(raw, received_at=instants.from_text(self.now))
            batch.append(NewEvent(event, grouper.group(event), rules=grouper.version))
        write(self.storage, batch)
        self.said.update(messages)

    def treat(self, number: int, choice: int) -> None:
        if issues := self.issues():
            told = self.storage.explain_grouping(issue := issues[number % len(issues)])
            offered = [(part["position"], treat) for part in told["parts"] for treat in part["choices"]] if told else []
            if offered:
                self.storage.treat_grouping(issue, *offered[choice % len(offered)], who="A", now=self.now)

    def take_back(self, number: int) -> None:
        if rules := self.ask("SELECT id FROM grouping_rules WHERE service = ? ORDER BY id"):
            self.storage.drop_grouping_rule(rules[number % len(rules)][0], who="A", now=self.now)

    def merge(self, one: int, other: int) -> None:
        if issues := self.issues():
            do(self.storage, "merge", issues[one % len(issues)], into=issues[other % len(issues)], at=self.now)

    def split(self, number: int) -> None:
        query = "SELECT merged_into, fingerprint FROM issues WHERE service = ? AND merged_by = 'owner' ORDER BY id"
        if names := self.ask(query):
            self.storage.split_issue(*names[number % len(names)], who="A", now=self.now)

    def undo(self, number: int) -> None:
        query = (
            "SELECT id FROM issue_changes WHERE issue_id IN (SELECT id FROM issues WHERE service = ?) ORDER BY id DESC"
        )
        if changes := self.ask(query):
            self.storage.undo([changes[number % len(changes)][0]], who="A", now=self.now)

    def regroup(self, steps: int) -> None:
        for _ in range(steps):
            self.storage.regroup()
            self.storage.tidy_issues(instants.to_text(NOW), most=2)

    def prune(self) -> None:
        while self.storage.prune(self.now, most=100):
            pass
        self.pruned = True

    def settle(self) -> None:
        for step in range(2_000):
            assert step < 1_999
            if not (self.storage.regroup() or self.storage.tidy_issues(instants.to_text(NOW), most=100)):
                return

    def check_sum(self) -> None:
        ((counted,),) = self.ask("SELECT SUM(count) FROM issues WHERE service = ? AND merged_into IS NULL")
        assert (counted or 0) == self.said.total()
        assert self.ask("SELECT id FROM issues WHERE service = ? AND (merged_into IS NOT NULL AND count <> 0)") == []

    def check(self) -> None:
        """All that is to be true when nothing is left to be done."""
        self.check_sum()
        grouper = self.storage.grouper()
        where = dict(self.ask("SELECT fingerprint, coalesce(merged_into, id) FROM issues WHERE service = ?"))
        for message, issue in self.ask("SELECT message, issue_id FROM error_events WHERE service = ?"):
            event = normalize({"message": message, "service": self.service}, received_at=NOW)
            assert where[grouper.group(event).fingerprint] == issue
        for id_, count, first, last, users in self.ask(
            "SELECT id, count, first_seen, last_seen, users FROM issues WHERE service = ? AND merged_into IS NULL"
        ):
            stored = self._connection.execute(
                "SELECT COUNT(*), MIN(received_at), MAX(received_at), COUNT(DISTINCT user_email)"
                " FROM error_events WHERE issue_id = ?",
                [id_],
            ).fetchone()
            hours = self._connection.execute("SELECT SUM(count) FROM issue_counts WHERE issue_id = ?", [id_]).fetchone()
            assert (hours[0] or 0) == count >= stored[0]
            if not self.pruned and count:
                assert (count, first, last, users) == stored
        assert self._connection.execute("SELECT * FROM issue_counts WHERE count <= 0").fetchall() == []
        assert self._connection.execute("SELECT * FROM merged_counts WHERE count <= 0").fetchall() == []

    def take_all_back(self) -> None:
        while self.ask("SELECT id FROM grouping_rules WHERE service = ?"):
            self.take_back(0)
        self.settle()
        while self.ask("SELECT id FROM issues WHERE service = ? AND merged_by = 'owner'"):
            self.split(0)
        self.settle()

    def check_nothing_was_done(self) -> None:
        if not self.pruned:
            counts = dict(self.ask("SELECT fingerprint, count FROM issues WHERE service = ? AND count > 0"))
            plain = Counter[str]()
            for message, number in self.said.items():
                event = normalize({"message": message, "service": self.service}, received_at=NOW)
                plain[group(event).fingerprint] += number
            assert counts == plain

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Storage, Path]]:
    """A database for all that is tried, each time with another service: to open one takes longer than all the rest."""
    path = tmp_path_factory.mktemp("regroup") / "levqor.db"
    with closing(open_storage(str(path))) as storage:
        yield storage, path
    check_sound(path)


@settings(deadline=None, database=None, derandomize=True, max_examples=100)
@given(STEPS)
def test_whatever_is_done(shared: tuple[Storage, Path], steps: list[tuple[Any, ...]]) -> None:
    storage, path = shared
    ((number,),) = sqlite3.connect(str(path)).execute("SELECT COUNT(*) FROM issues").fetchall()
    house = House(storage, path, f"service {number}")
    with closing(house):
        for what, *how in steps:
            house.do(what, *how)
            house.check_sum()
        house.settle()
        house.check()
        house.take_all_back()
        house.check()
        house.check_nothing_was_done()
