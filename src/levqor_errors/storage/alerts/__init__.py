"""What the alerts keep in the database: the same SQL for both kinds.

outbox.py      what is owed, and what was decided of it
deliveries.py  messages on their way
ledger.py      what happened to each, for the question why
memory.py      what is to be found again after a restart
activity.py    how much services send
digest.py      what happened in a day

`Storage.alerts()` gives an `AlertStore` inside a transaction, `Storage.alert_reader()` one that only reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

#: Runs a statement with its values, written as `?`; gives its rows.
Run: TypeAlias = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]


class AlertDialect(NamedTuple):
    """What differs between databases."""

    run: Run
    #: A table or view with the columns of `event_counts`.
    counts: str
    #: A table that has each event's `event_id`.
    keys: str
    #: A statement that waits until no other planner is at work, where several may write at once; then rows that are to
    #: be changed are locked, too. Where one that writes is alone anyway: empty.
    alone: str = ""
    #: A table or view with the columns of `issues`.
    issues: str = "issues"
    #: Statements that wait until nobody adds up counts or changes issues by hand, and until nobody writes events; where
    #: one that writes is alone anyway: empty.
    counting: str = ""
    writing: str = ""
    #: A table of what is still to be added to counts; empty: there is none.
    waiting_counts: str = ""
    #: A statement that adds it, for whoever has waited until nobody else does; empty: there is none.
    add_up: str = ""
    #: Tables or views with the columns of `issue_counts` and `event_hours`.
    issue_counts: str = "issue_counts"
    hours: str = "event_hours"


_PART_IDS: Final = 500


def parts(ids: Sequence[int]) -> Iterator[list[int]]:
    """As many at a time as any database takes parameters in a statement (SQLite before 3.32: 999)."""
    for start in range(0, len(ids), _PART_IDS):
        yield list(ids[start : start + _PART_IDS])


def marks(values: Sequence[object]) -> str:
    """A parameter for each value."""
    return ", ".join("?" * len(values))
