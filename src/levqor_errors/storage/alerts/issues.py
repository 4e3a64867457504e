"""What the owner says of an issue: that it is resolved, or to be quiet about for a while."""

from __future__ import annotations

from . import AlertDialect


class Issues:
    """The issues, inside a transaction."""

    def __init__(self, db: AlertDialect) -> None:
        self._db = db

    def set_state(self, issue_id: int, state: str, muted_until: str | None = None) -> bool:
        """Change its state: `open`, `resolved`, or `muted` until an instant. Returns whether there is such an issue."""
        changed = self._db.run(
            "UPDATE issues SET state = ?, muted_until = ? WHERE id = ? RETURNING id", [state, muted_until, issue_id]
        )
        return bool(changed)
