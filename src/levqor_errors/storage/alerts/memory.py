"""What is to be found again after a restart, by key: how channels are, a chat that has moved, the last run of a job."""

from __future__ import annotations

from . import AlertDialect

_PUT = """
    INSERT INTO alert_memory (key, value, at) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at
"""


class KeptMemory:
    """The memory, inside a transaction."""

    def __init__(self, db: AlertDialect) -> None:
        self._db = db

    def get(self, key: str) -> str | None:
        """What was put, or `None`."""
        rows = self._db.run("SELECT value FROM alert_memory WHERE key = ?", [key])
        return rows[0][0] if rows else None

    def put(self, key: str, value: str, *, now: str) -> None:
        """Remember it."""
        self._db.run(_PUT, [key, value, now])

    def under(self, prefix: str) -> dict[str, str]:
        """All whose key begins with a text, by what follows it."""
        rows = self._db.run(
            "SELECT key, value FROM alert_memory WHERE key >= ? AND key < ?", [prefix, f"{prefix}\U0010ffff"]
        )
        return {key[len(prefix) :]: value for key, value in rows}
