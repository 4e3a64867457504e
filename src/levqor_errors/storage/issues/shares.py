"""Links to one issue for people who cannot sign in: each ends, and only a hash of what is in it is kept."""

from __future__ import annotations

from typing import Any, Final

from ..alerts import AlertDialect

_ADD: Final = """
    INSERT INTO shares (token_hash, issue_id, created_at, expires_at)
    SELECT ?, coalesce(merged_into, id), ?, ? FROM issues WHERE id = ? RETURNING issue_id
"""
# What was merged into another since is shown there.
_FIND: Final = """
    SELECT coalesce(issues.merged_into, issues.id) FROM shares JOIN issues ON issues.id = shares.issue_id
    WHERE token_hash = ? AND expires_at > ?
"""
_OF_ISSUE: Final = """
    SELECT token_hash, shares.created_at, expires_at FROM shares JOIN issues ON issues.id = shares.issue_id
    WHERE coalesce(issues.merged_into, issues.id) = ? AND expires_at > ? ORDER BY 2 DESC, 1
"""


class Shares:
    """The shares, inside a transaction."""

    def __init__(self, db: AlertDialect) -> None:
        self._db = db

    def add(self, token_hash: str, issue_id: int, *, created_at: str, expires_at: str) -> bool:
        """Remember a link by the hash of its token; returns whether there is such an issue."""
        return bool(self._db.run(_ADD, [token_hash, created_at, expires_at, issue_id]))

    def find(self, token_hash: str, *, now: str) -> int | None:
        """The issue that a link shows, if it has not ended and was not taken back."""
        found = self._db.run(_FIND, [token_hash, now])
        return found[0][0] if found else None

    def of_issue(self, issue_id: int, *, now: str) -> list[dict[str, Any]]:
        """Links to an issue that work, the newest first."""
        rows = self._db.run(_OF_ISSUE, [issue_id, now])
        return [dict(zip(("token_hash", "created_at", "expires_at"), row, strict=True)) for row in rows]

    def drop(self, token_hash: str) -> bool:
        """Take a link back; returns whether there was one."""
        return bool(self._db.run("DELETE FROM shares WHERE token_hash = ? RETURNING 1", [token_hash]))
