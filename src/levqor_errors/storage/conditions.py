"""What filters ask of the columns that events and their hourly counts both have, as SQL. Used by `read.py` and
`bounds.py`, which add what only their own tables have.
"""

from __future__ import annotations

from typing import Any

from .base import Filters
from .rows import UNNAMED


def conditions(filters: Filters, prefix: str = "", *, or_unnamed: bool = False) -> tuple[list[str], list[Any]]:
    """Conditions, and their values.

    Args:
        filters: what is asked for.
        prefix: stands before each column.
        or_unnamed: also what is counted under no environment or release of its own, for it had too many in an hour.
    """
    where: list[str] = []
    values: list[Any] = []
    for column in ("source", "service", "environment", "release"):
        value = getattr(filters, column)
        if value is not None:
            may_be_unnamed = or_unnamed and column in ("environment", "release")
            where.append(f"{prefix}{column} IN (?, '{UNNAMED}')" if may_be_unnamed else f"{prefix}{column} = ?")
            values.append(value)
    if filters.severity:
        where.append(f"{prefix}severity IN ({', '.join('?' * len(filters.severity))})")
        values += filters.severity
    return where, values
