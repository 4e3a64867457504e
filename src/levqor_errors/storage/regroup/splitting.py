"""A merged issue is one of its own again: what it brought goes back at once, its events follow (`events.py`)."""

from __future__ import annotations

from typing import Final

from ...errors import RequestRefusedError
from ..alerts import AlertDialect
from ..issues.merging import OWNER, take_out
from .queue import ask

_NAME: Final = "SELECT id, merged_into, merged_by FROM issues WHERE fingerprint = ? AND merged_into IS NOT NULL"


def release(db: AlertDialect, name: int, into: int | None = None) -> int | None:
    """Make an issue of a name again, or a name for another issue, and have its events follow.

    Args:
        db: inside a transaction in which nobody writes events or adds up counts.
        name: its id.
        into: the id of an issue that is none.

    Returns:
        the id of the issue that it was a name for; `None`: it is no name.
    """
    home = take_out(db, name, into)
    if home is not None:
        ask(db, home, changed=True)
        if into is None:
            # What is to be said of it is known when it has its events.
            ask(db, name, changed=True, behind=home)
    return home


def split(db: AlertDialect, issue_id: int, fingerprint: str) -> int:
    """Take one of the issues that the owner has merged into an issue out of it.

    Args:
        db: inside a transaction in which nobody writes events or adds up counts.
        issue_id: the issue that it is in.
        fingerprint: the other's.

    Returns:
        the id of the other.

    Raises:
        RequestRefusedError: 409; it is not in there, or by a rule.
    """
    for id_, home, by in db.run(_NAME, [fingerprint]):
        if home == issue_id:
            if by != OWNER:
                raise RequestRefusedError(409, "it is there by a rule of grouping: take that back")
            release(db, id_)
            return int(id_)
    raise RequestRefusedError(409, "no issue with that fingerprint is merged into this one")
