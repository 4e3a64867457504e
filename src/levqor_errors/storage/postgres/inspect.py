"""A look at a PostgreSQL database that changes nothing. Called by `storage.inspect`.

All of it in one transaction that may not write, gives up soon and waits for no lock.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import psycopg
from psycopg import Connection

from ...errors import StorageUnusableError
from ..alerts.store import AlertStore
from ..facts import PostgresFacts, of_alerts
from . import connections, partitions, schema, upkeep
from .open import connect, version
from .storage import alert_dialect

_STATEMENT_SECONDS: Final = 10.0
_SETTINGS: Final = """
    SELECT current_setting('fsync') = 'on', current_setting('synchronous_commit') IN ('on', 'remote_apply'),
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
"""
#: The step that made what `alerts` are read from.
_ALERTS_STEP: Final = "m003_alerts"


def inspect(address: str) -> PostgresFacts:
    """Look at a database. What is wrong with it is told, never raised."""
    facts = PostgresFacts()
    try:
        with connect(
            address, statement_seconds=_STATEMENT_SECONDS, lock_seconds=connections.UPKEEP_LOCK_SECONDS
        ) as connection:
            facts = facts._replace(server=version(connection), ahead=_ahead(connection))
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                return _look(connection, facts)
    except StorageUnusableError as error:
        return facts._replace(trouble=str(error))
    except psycopg.Error as error:
        return facts._replace(trouble=f"the database cannot be read: {str(error).splitlines()[0]}")


def _ahead(connection: Connection[Any]) -> float:
    asked = time.time()
    row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    assert row is not None
    return float(row[0]) - (asked + time.time()) / 2


def _look(connection: Connection[Any], facts: PostgresFacts) -> PostgresFacts:
    row = connection.execute(_SETTINGS).fetchone()
    assert row is not None
    facts = facts._replace(fsync=row[0], synchronous=row[1], connections=row[2], connected=row[3])
    facts = facts._replace(needed=connections.COLLECTOR)
    taken = schema.taken(connection)
    if taken is None:
        return facts._replace(new=True)
    today = datetime.now(timezone.utc).date()
    wanted = {(today + timedelta(days=days)).isoformat() for days in range(upkeep.DAYS_AHEAD)}
    return facts._replace(
        pending=frozenset(schema.STEPS.keys() - taken),
        database_bytes=upkeep.sizes(connection),
        days_missing=frozenset(wanted - set(partitions.days(connection))),
        alerts=of_alerts(AlertStore(alert_dialect(connection))) if _ALERTS_STEP in taken else None,
    )
