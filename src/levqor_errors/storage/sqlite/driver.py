"""The SQLite driver: the one that sqlite-utils chooses, pysqlite3 where it is installed, so that their errors match.

Chosen here again, and not taken from there: the process that writes has no use for the rest of that library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        import pysqlite3 as sqlite3
    except ImportError:
        import sqlite3

__all__ = ["sqlite3"]
