"""What the alerts keep in the database: the same SQL for both kinds.

outbox.py      what is owed, and what was decided of it
deliveries.py  messages on their way
ledger.py      what happened to each, for the question why
memory.py      what is to be found again after a restart
issues.py      what the owner says of an issue
activity.py    how much services send
digest.py      what happened in a day

`Storage.alerts()` gives an `AlertStore` inside a transaction, `Storage.alert_reader()` one that only reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

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
