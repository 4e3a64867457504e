"""The tables that events lie in, one a day of `received_at`: made before the day begins, dropped with what is in it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Final

from psycopg import AsyncConnection, Connection, sql

from . import locks

_PREFIX: Final = "error_events_"
_LIST: Final = """
    SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'error_events'::regclass ORDER BY relname
"""


def name_of(day: str) -> str:
    """The table of a day, which is given as `2026-11-24`."""
    return f"{_PREFIX}{day.replace('-', '')}"


def day_of(name: str) -> str:
    """The day of a table."""
    digits = name.removeprefix(_PREFIX)
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"


def days(connection: Connection[Any]) -> list[str]:
    """All days that have a table, the oldest first."""
    return [day_of(name) for (name,) in connection.execute(_LIST)]


def make(connection: Connection[Any], wanted: Iterable[str]) -> None:
    """Make the tables of some days, where they are not there yet."""
    for day in sorted(wanted):
        with connection.transaction():
            for statement in _make(day):
                connection.execute(statement)


async def make_async(connection: AsyncConnection[Any], wanted: Iterable[str]) -> None:
    """The same, on the event loop."""
    for day in sorted(wanted):
        async with connection.transaction():
            for statement in _make(day):
                await connection.execute(statement)


def _make(day: str) -> list[sql.Composed]:
    name, following = name_of(day), (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    return [
        sql.SQL("SELECT pg_advisory_xact_lock({})").format(locks.PARTITIONS),
        # Attached afterwards: CREATE TABLE … PARTITION OF would wait for every reader and writer of all days.
        sql.SQL("""
            DO $$ BEGIN
                IF to_regclass({text}) IS NULL THEN
                    CREATE TABLE {name} (LIKE error_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
                    ALTER TABLE error_events ATTACH PARTITION {name} FOR VALUES FROM ({day}) TO ({following});
                END IF;
            END $$
        """).format(text=name, name=sql.Identifier(name), day=day, following=following),
    ]


def drop(connection: Connection[Any], day: str) -> int:
    """Drop a day's table, inside a transaction; returns how many events were in it."""
    name = sql.Identifier(name_of(day))
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [locks.PARTITIONS])
    (events,) = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone() or (0,)
    connection.execute(sql.SQL("DROP TABLE {}").format(name))
    return int(events)
