"""The numbers of our advisory locks in PostgreSQL. They belong to the database, so nobody else's can be in the way."""

from __future__ import annotations

from typing import Final

#: Held while steps of the schema are taken.
MIGRATION: Final = 7_350_001
#: Held while a day's table is made or dropped.
PARTITIONS: Final = 7_350_002
#: Held by the one collector that does the upkeep.
UPKEEP: Final = 7_350_003
#: Shared by those who write events; alone for whoever deletes issues, since a writer may just have looked one up.
ISSUES: Final = 7_350_004
#: Held by the one that decides what is told.
ALERTS: Final = 7_350_005
#: Held by the one collector that regroups events, as long as it is connected.
REGROUP: Final = 7_350_006
