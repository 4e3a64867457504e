"""The SQLite driver: the one that sqlite-utils chose, pysqlite3 where it is installed, so that their errors match."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
else:
    from sqlite_utils.utils import sqlite3

__all__ = ["sqlite3"]
