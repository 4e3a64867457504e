"""Addresses of PostgreSQL databases: which text is one, and what of it may be shown."""

from __future__ import annotations

from typing import Final

_SCHEMES: Final = ("postgresql://", "postgres://")


def is_address(database: str) -> bool:
    """Whether this is the address of a PostgreSQL database, and no path of a file."""
    return database.startswith(_SCHEMES)


def shown(database: str) -> str:
    """A database for people: of an address the host and the name only, since a password can stand in several places of
    it; a path as it is."""
    if not is_address(database):
        return database
    place = database.partition("://")[2].partition("?")[0]
    # From the right: a password may have an @ that somebody forgot to encode.
    return f"postgresql://{place.rpartition('@')[2]}"
