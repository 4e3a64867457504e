"""What a look at a database finds, whatever state it is in; given by `storage.inspect`, shown by `doctor/`.

A look changes nothing, makes nothing and waits for nobody, so that it can be taken beside a running collector and at
what a broken one has left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .alerts.store import AlertStore


class AlertFacts(NamedTuple):
    """What the database knows of the alerts.

    Attributes:
        unsent: how many are owed.
        since: since when the oldest of them is; `None`: there is none.
        memory: all that is remembered (`alerts/memory.py`), by key.
    """

    unsent: int
    since: str | None
    memory: Mapping[str, str]


class SqliteFacts(NamedTuple):
    """Of an SQLite file.

    Attributes:
        server: `SQLite 3.53.4`.
        wal_fix: whether that one has the fix of 3.51.3.
        file_bytes: the file's size; `None`: there is none.
        wal_bytes: its log's.
        mode: who may do what with the file, as `chmod` has it.
        written_at: when it was written last, by the clock of that moment (seconds after 1970).
        free_bytes: left on its disk; `None`: its directory does not exist.
        trouble: why it cannot be used, and what to do; `None`: it can.
        unread: why it was not looked into, though nothing is wrong with it.
        pending: steps of the schema that it does not have yet.
        whole: whether there was time to look at all of it for damage.
        alerts: `None`: it was not looked into, or is too old to have them.
    """

    server: str
    wal_fix: bool
    file_bytes: int | None = None
    wal_bytes: int = 0
    mode: int = 0
    written_at: float | None = None
    free_bytes: int | None = None
    trouble: str | None = None
    unread: str | None = None
    pending: frozenset[str] = frozenset()
    whole: bool = False
    alerts: AlertFacts | None = None


class PostgresFacts(NamedTuple):
    """Of a PostgreSQL database.

    Attributes:
        server: `PostgreSQL 18.1`; empty: there was no connection.
        trouble, pending, alerts: as for SQLite.
        new: a collector has never used it.
        database_bytes: what our tables take on the server's disk.
        fsync: whether the server waits for its disk at all.
        synchronous: whether it does so for our commits.
        connections: how many it takes, without those that are kept for its administrator.
        connected: how many there are, with ours.
        needed: how many a collector takes.
        days_missing: of the days from today on (UTC) that should have a table by now, those without.
        ahead: seconds by which its clock is ahead of ours.
    """

    server: str = ""
    trouble: str | None = None
    new: bool = False
    pending: frozenset[str] = frozenset()
    database_bytes: int = 0
    fsync: bool = True
    synchronous: bool = True
    connections: int = 0
    connected: int = 0
    needed: int = 0
    days_missing: frozenset[str] = frozenset()
    ahead: float | None = None
    alerts: AlertFacts | None = None


def of_alerts(store: AlertStore) -> AlertFacts:
    """Ask for what is known of the alerts."""
    return AlertFacts(store.deliveries.unsent(), store.deliveries.unsent_since(), store.memory.under(""))
