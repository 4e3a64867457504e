"""What is still to be regrouped. Events that were grouped by other rules than are in force are put into it where they
are written (`sqlite/write.py`, `postgres/write.py`)."""

from __future__ import annotations

from typing import Final, NamedTuple

from ..alerts import AlertDialect

_ASK: Final = """
    INSERT INTO regroup (issue_id, from_id, asked, changed, opened, behind) VALUES (?, 0, 1, ?, 0, ?)
    ON CONFLICT (issue_id) DO UPDATE SET
        from_id = 0, asked = regroup.asked + 1, behind = excluded.behind,
        changed = CASE WHEN excluded.changed > regroup.changed THEN excluded.changed ELSE regroup.changed END
"""
_COLUMNS: Final = "issue_id, from_id, asked, changed, opened, target"
_NEXT: Final = f"""
    SELECT {_COLUMNS} FROM regroup
    ORDER BY CASE WHEN behind IN (SELECT issue_id FROM regroup) THEN 1 ELSE 0 END, issue_id LIMIT 1
"""
_OF: Final = f"SELECT {_COLUMNS} FROM regroup WHERE issue_id = ?"
_ASK_SERVICE: Final = """
    INSERT INTO regroup_services (service, after_id) VALUES (?, 0) ON CONFLICT (service) DO UPDATE SET after_id = 0
"""
_TOLD: Final = "UPDATE regroup SET changed = 1, opened = ?, target = ? WHERE issue_id = ?"


class Asked(NamedTuple):
    """An issue whose events are to be looked at."""

    issue_id: int
    #: From which event on.
    from_id: int
    #: How often that was asked; more than before: it is to be begun anew.
    asked: int
    #: Whether something of it is another's by now.
    changed: int
    #: How many issues were opened for events of it.
    opened: int
    #: Where the last of them went.
    target: int | None


def ask(db: AlertDialect, issue_id: int, *, changed: bool = False, behind: int | None = None) -> None:
    """Have all events of an issue looked at.

    Args:
        db: inside a transaction.
        issue_id: which.
        changed: that something of it is another's already.
        behind: not before that issue has been looked at.
    """
    db.run(_ASK, [issue_id, int(changed), behind])


def following(db: AlertDialect) -> Asked | None:
    """The issue that is to be looked at next."""
    found = db.run(_NEXT, [])
    return Asked(*found[0]) if found else None


def of(db: AlertDialect, issue_id: int) -> Asked:
    """What is asked of an issue by now."""
    found = db.run(_OF, [issue_id])
    return Asked(*found[0]) if found else Asked(issue_id, 0, 0, 0, 0, None)


def tell(db: AlertDialect, asked: Asked, opened: int, target: int | None) -> None:
    """That events of an issue were moved."""
    db.run(_TOLD, [opened, target, asked.issue_id])


def done(db: AlertDialect, asked: Asked) -> bool:
    """An issue has been looked at to its end; `False`: somebody has asked again meanwhile."""
    return bool(
        db.run("DELETE FROM regroup WHERE issue_id = ? AND asked = ? RETURNING 1", [asked.issue_id, asked.asked])
    )


def ask_service(db: AlertDialect, service: str) -> None:
    """Have the place of each issue of a service found anew."""
    db.run(_ASK_SERVICE, [service])
